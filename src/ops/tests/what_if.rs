//! A preview says exactly what then happens: for every kind of change, the decisions about everybody before and after the
//! real change differ in what the preview listed, and in nothing else.

use super::*;
use crate::model::role::{Level, Seat};
use crate::model::{ProjectId, RoleId, TeamId};
use crate::ops::project_members;
use crate::ops::roles::{self, NewRole, RoleChange};
use crate::ops::what_if::Scope;
use std::collections::BTreeSet;

type Change = fn(&mut Acting) -> Result<()>;
type Case = (&'static str, fn(&Stage) -> Scope, Change);

struct Stage {
    world: World,
    people: Vec<User>,
    acme: TeamId,
    fusion: ProjectId,
    tokamak: ProjectId,
    role: RoleId,
}

/// Ana administers the organization, Tom the team; Ben, Cleo and Vic are in it as member, custom role and view-only; Ora is
/// outside.
async fn stage() -> Stage {
    let world = world();
    let mut people = vec![world.user("ana", OrgRole::Admin).await];
    for name in ["tom", "ben", "cleo", "vic", "ora"] {
        people.push(world.user(name, OrgRole::Member).await);
    }
    world.team("acme", "tom").await;
    let role = world
        .app
        .act(&shell(), |cx| {
            let permissions = vec!["run:delete".to_owned(), "project:update".to_owned()];
            let new = NewRole { name: "Curator".into(), inherits: "viewer".into(), permissions, ..NewRole::default() };
            let role = roles::create(cx, &new)?;
            teams::invite(cx, "acme", "ben", "member")?;
            teams::invite(cx, "acme", "cleo", "Curator")?;
            teams::invite(cx, "acme", "vic", "viewer")?;
            Ok(role.id)
        })
        .await
        .unwrap();
    let tom = people[1].clone();
    let made = world
        .app
        .act(&as_user(&tom), |cx| {
            let of = |name: &str, visibility| NewProject {
                entity: Some("acme".into()),
                name: name.into(),
                visibility: Some(visibility),
                members: vec![],
            };
            let fusion = projects::create(cx, &of("fusion", Visibility::Team))?;
            Ok((fusion, projects::create(cx, &of("tokamak", Visibility::Restricted))?))
        })
        .await
        .unwrap();
    let team = world.app.ask(&as_user(&tom), |cx| teams::get(cx, "acme")).unwrap();
    Stage { world, people, acme: team.id, fusion: made.0.id, tokamak: made.1.id, role }
}

impl Stage {
    /// Every allowed (who, place, action).
    fn grid(&self) -> BTreeSet<(String, String, &'static str)> {
        let resources = [
            Resource::Org(HOME),
            Resource::Entity(crate::model::Entity::Team(self.acme)),
            Resource::Project(self.fusion),
            Resource::Project(self.tokamak),
        ];
        let mut out = BTreeSet::new();
        self.world
            .app
            .ask(&shell(), |cx| {
                for user in &self.people {
                    let subject = Subject { actor: Actor::User(user.id), credential: Credential::None };
                    for resource in resources {
                        let facts = cx.facts(&subject, resource)?;
                        let level = match resource {
                            Resource::Org(_) => Level::Org,
                            Resource::Entity(_) => Level::Entity,
                            _ => Level::Project,
                        };
                        for action in Action::ALL.iter().filter(|a| a.level() == level) {
                            if decide(&facts, *action).allowed() {
                                out.insert((user.username.clone(), facts.what.label(), action.as_str()));
                            }
                        }
                    }
                }
                Ok(())
            })
            .unwrap();
        out
    }
}

#[tokio::test]
async fn a_preview_lists_what_then_happens_and_nothing_else() {
    let changes: Vec<Case> = vec![
        (
            "restrict",
            |s| Scope::Project(s.fusion),
            |cx| projects::set_visibility(cx, "acme", "fusion", Visibility::Restricted).map(drop),
        ),
        (
            "open",
            |s| Scope::Project(s.fusion),
            |cx| projects::set_visibility(cx, "acme", "fusion", Visibility::Open).map(drop),
        ),
        (
            "unrestrict",
            |s| Scope::Project(s.tokamak),
            |cx| projects::set_visibility(cx, "acme", "tokamak", Visibility::Team).map(drop),
        ),
        (
            "promote",
            |s| Scope::Member(s.acme, s.people[2].id),
            |cx| teams::set_role(cx, "acme", "ben", "admin").map(drop),
        ),
        ("leave", |s| Scope::Member(s.acme, s.people[2].id), |cx| teams::remove_member(cx, "acme", "ben")),
        ("enter", |s| Scope::Member(s.acme, s.people[5].id), |cx| teams::invite(cx, "acme", "ora", "member").map(drop)),
        (
            "project role",
            |s| Scope::Member(s.acme, s.people[2].id),
            |cx| project_members::set_role(cx, "acme", "fusion", "ben", "admin").map(drop),
        ),
        (
            "seat",
            |s| Scope::User(s.people[2].id),
            |cx| users::set_seats(cx, "ben", Some(Seat::Viewer), Some(Seat::None)).map(drop),
        ),
        ("suspend", |s| Scope::User(s.people[2].id), |cx| users::set_active(cx, "ben", false).map(drop)),
        ("raise", |s| Scope::User(s.people[2].id), |cx| users::set_org_role(cx, "ben", OrgRole::Admin).map(drop)),
        (
            "role",
            |s| Scope::Role(s.role),
            |cx| {
                let add = vec!["run:create".to_owned()];
                let change = RoleChange { add, remove: vec!["run:delete".into()], ..RoleChange::default() };
                roles::update(cx, RoleId(1), &change).map(drop)
            },
        ),
        ("role gone", |s| Scope::Role(s.role), |cx| roles::delete(cx, RoleId(1)).map(drop)),
    ];
    for (name, scope, change) in changes {
        let stage = stage().await;
        let before = stage.grid();
        let preview = stage.world.app.preview(&shell(), scope(&stage), change).await.unwrap();
        assert_eq!(stage.grid(), before, "{name}: a preview changes nothing");
        assert!(!preview.cut);
        stage.world.app.act(&shell(), change).await.unwrap();
        let after = stage.grid();
        let mut said = (BTreeSet::new(), BTreeSet::new());
        for shift in preview.shifts.iter().filter(|s| !s.who.is_empty()) {
            let line = |a: &Action| (shift.who.clone(), shift.place.clone(), a.as_str());
            said.0.extend(shift.gains.iter().map(line));
            said.1.extend(shift.loses.iter().map(line));
        }
        let happened: (BTreeSet<_>, BTreeSet<_>) =
            (after.difference(&before).cloned().collect(), before.difference(&after).cloned().collect());
        // Who is in no team is told once, as everyone else, and not by name.
        let named = |set: BTreeSet<(String, String, &'static str)>| -> BTreeSet<_> {
            set.into_iter().filter(|(who, ..)| name != "open" || !matches!(who.as_str(), "ana" | "ora")).collect()
        };
        assert!(!happened.0.is_empty() || !happened.1.is_empty(), "{name} changes nothing");
        assert_eq!(said.0, named(happened.0), "{name}: gains");
        assert_eq!(said.1, named(happened.1), "{name}: losses");
        assert!(stage.world.findings().is_empty());
    }
}

#[tokio::test]
async fn a_preview_is_refused_where_the_change_would_be_and_says_what_everyone_gets() {
    let stage = stage().await;
    let ben = as_user(&stage.people[2]);
    let raise = |cx: &mut Acting| teams::set_role(cx, "acme", "ben", "admin").map(drop);
    let refused = stage.world.app.preview(&ben, Scope::Member(stage.acme, stage.people[2].id), raise).await;
    assert_eq!(refused.unwrap_err().code(), Code::Denied);
    assert_eq!(stage.world.events("team:update_member").await.len(), 1, "the refusal is audited");
    let publish = |cx: &mut Acting| projects::set_visibility(cx, "acme", "fusion", Visibility::Public).map(drop);
    let preview = stage.world.app.preview(&shell(), Scope::Project(stage.fusion), publish).await.unwrap();
    let [everyone] = &preview.shifts[..] else { unreachable!("{preview:?}") };
    assert_eq!((everyone.who.as_str(), everyone.place.as_str()), ("", "project acme/fusion"));
    assert!(everyone.gains.contains(&Action::RunRead) && !everyone.gains.contains(&Action::RunCreate));
}
