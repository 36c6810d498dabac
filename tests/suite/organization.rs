//! What an administrator does with the organization as a whole: its name, who gets the bills, who belongs to it with which role,
//! and that each of it stands in the audit log, which only administrators read.

use crate::harness::World;
use crate::harness::world::TEAM;
use crate::permissions::browser;
use serde_json::json;

#[test]
fn f133_f136_f143_f144_f147_f310_an_organization_is_governed_and_it_shows() {
    let world = World::new();
    let (root, mia) = (browser(&world, &world.admin), browser(&world, &world.member));
    let organization = "/console/organization";
    // F136: the name.
    let rename = |who: &str| root.submit(organization, "/console/settings/organization", &[("org", who)]).is(303);
    rename("Fusion Works");
    assert!(mia.page("/").is(200).body.contains("Fusion Works"));
    world.member.client.update_org(json!({"name": "Mine"})).is(403);
    // F144: one holder, and the next takes it from the one before.
    for (holder, other) in [("mia", "tess"), ("tess", "mia")] {
        root.submit(organization, "/console/settings/organization", &[("billing", holder)]).is(303);
        let form = root.page(organization).form("/console/settings/organization");
        let held: Vec<&str> =
            form.fields.iter().filter(|(name, _)| name == "billing").map(|(_, value)| value.as_str()).collect();
        assert_eq!(held, [holder], "and not {other}");
    }
    // F147: a role counts from the next request on.
    let lists = |expected: u16| assert_eq!(mia.page("/console/audit").status, expected);
    lists(403);
    world.server.cli(&["user", "set-org-role", "mia", "admin"]).ok();
    lists(200);
    world.server.cli(&["user", "set-org-role", "mia", "viewer"]).ok();
    lists(403);
    world.server.cli(&["user", "set-org-role", "mia", "member"]).ok();
    // F143: whoever is removed is out at once; the work stays.
    world.team_admin.client.upsert_project(TEAM, "fusion", None).is(200);
    world.member.client.submit_run(TEAM, "fusion", "mias");
    root.submit("/console/users/mia", "/console/users/mia/delete", &[("sure", "mia")]).is(303);
    assert_eq!(world.member.client.get("/access/v1/subject").status, 401);
    assert_eq!(mia.page("/console/account").status, 303, "the session is over");
    assert!(world.team_admin.client.reads_run(TEAM, "fusion", "mias"));
    // F310.
    let log = world.admin.client.get("/admin/audit_logs").is(200).body;
    for action in
        ["organization:update", "user:update_role", "user:permanently_delete", "team:create", "user:create_api_key"]
    {
        assert!(log.contains(&format!("\"action\":\"{action}\"")), "{action}");
    }
    assert_eq!(world.team_admin.client.get("/admin/audit_logs").status, 403);
}
