//! Invitations, sign-up and lists of people as strangers would use them.

use super::is_refused;
use crate::harness::{Client, PASSWORD, Reply, World, world::TEAM};
use crate::permissions::browser;
use serde_json::json;

const BULK: &str = "/console/invitations/bulk";
const INVITE: &str = "mutation($e: String!, $m: String!) {
    createInvite(input: {entityName: $e, email: $m, sendEmail: false}) { invite { id link pending } } }";

/// A form's body as bytes, with what a browser would never send.
fn raw_form(browser: &Client, path: &str, list: &[u8]) -> Reply {
    let form = browser.page(path).is(200).form(path);
    let csrf = &form.fields.iter().find(|(name, _)| name == "csrf").unwrap().1;
    let mut body = format!("csrf={csrf}&do=invite&list=").into_bytes();
    body.extend(list);
    browser.send("POST", path, &[("content-type", "application/x-www-form-urlencoded")], Some(&body))
}

/// A pasted list is a stranger's file: too long, of the wrong encoding, with formulas, with a thousand columns.
#[test]
fn a_list_of_a_million_rows_or_of_strange_bytes_invites_nobody() {
    let world = World::new();
    let root = browser(&world, &world.admin);
    let utf16: Vec<u8> = "\u{feff}ana@example.com\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let encoded = |bytes: &[u8]| bytes.iter().map(|b| format!("%{b:02X}")).collect::<String>().into_bytes();
    for (what, list, statuses) in [
        ("a million rows", "a%40b.c%0A".repeat(1_000_000).into_bytes(), &[400, 413][..]),
        ("a row too many", "a%40b.c%0A".repeat(1_001).into_bytes(), &[400]),
        ("a long row", "x".repeat(150_000).into_bytes(), &[200]),
        ("150,000 columns", ",".repeat(150_000).into_bytes(), &[400]),
        ("UTF-16", encoded(&utf16), &[200]),
        ("NUL", b"ana%40example.com%00".to_vec(), &[200]),
        ("a line end in an address", b"%22ana%40example.com%0D%0ABcc:x%40y.z%22".to_vec(), &[200]),
        ("no UTF-8", b"%FF%FE%80%80".to_vec(), &[200]),
        ("raw bytes", b"\xff\xfe\x80".to_vec(), &[200]),
        ("a formula", b"%3DHYPERLINK(%22http://evil.example%22)".to_vec(), &[200]),
        ("an open quote", b"%22ana%40example.com".repeat(100), &[200, 400]),
        ("a role above", b"ana%40example.com,owner".to_vec(), &[200]),
        ("a team of others", b"ana%40example.com,member,nowhere".to_vec(), &[200]),
    ] {
        let reply = raw_form(&root, BULK, &list);
        assert!(
            statuses.contains(&reply.status),
            "{what}: {} {}",
            reply.status,
            reply.text().chars().take(300).collect::<String>()
        );
    }
    let waiting = root.page("/console/invitations").is(200).text();
    for invited in ["ana@example.com", "a@b.c", "x@y.z", "HYPERLINK"] {
        assert!(!waiting.contains(invited), "{waiting}");
    }
}

/// CVE-2026-15630 Casdoor's class: whoever settles invitations of one team names the numbers of another's.
#[test]
fn numbers_of_other_peoples_invitations_reach_nothing() {
    let world = World::new();
    let root = browser(&world, &world.admin);
    world.admin.client.create_team("other", None).is(200);
    root.submit("/console/invitations", "/console/invitations", &[("who", "one@example.com"), ("role", "admin")])
        .is(200);
    world.admin.client.data(INVITE, json!({"e": "other", "m": "two@example.com"}));
    let listed = |root: &Client| {
        let text = root.page("/console/invitations").is(200).text();
        ["one@example.com", "two@example.com"].iter().all(|who| text.contains(who))
    };
    assert!(listed(&root));
    for person in [&world.team_admin, &world.member, &world.outsider] {
        let page = browser(&world, person);
        let csrf = page.page("/console/account").form("/logout").fields[0].clone();
        for id in 0..6 {
            for what in ["resend", "link", "withdraw", "accept"] {
                let reply = page.post_form(&format!("/console/invitations/{id}/{what}"), std::slice::from_ref(&csrf));
                assert!(!reply.body.contains("/invite?code="), "{what} {id}: {}", reply.text());
                is_refused(&format!("{} {what} {id}", person.username), &reply);
            }
            for team in [TEAM, "other"] {
                let query =
                    "mutation($i: String!, $t: String!) { deleteInvite(input: {id: $i, entityName: $t}) { success } }";
                for id in [id.to_string(), format!("Invite:{id}")] {
                    let reply = person.client.graphql(query, json!({"i": id, "t": team}));
                    assert!((400..500).contains(&reply.status), "{reply:?}");
                }
            }
        }
    }
    assert!(listed(&root), "all of them wait as before");
}

/// Pre-hijacking: a team admin makes the account of somebody else's address and waits for what that person is given.
#[test]
fn an_address_that_nobody_proved_is_marked_and_given_nothing() {
    let world = World::new();
    let (root, tess) = (browser(&world, &world.admin), &world.team_admin.client);
    world.admin.client.create_team("lab", None).is(200);
    let invite = tess.data(INVITE, json!({"e": TEAM, "m": "zoe@example.com"}))["createInvite"]["invite"].clone();
    let link = invite["link"].as_str().unwrap_or_else(|| panic!("{invite}"));
    let path = link.strip_prefix(world.server.url.as_str()).unwrap();
    let mallory = world.anonymous.fresh();
    let page = mallory.page(path).is(200);
    // The link is a secret: it is sent to no other site and kept nowhere.
    assert_eq!((page.header("referrer-policy"), page.header("cache-control")), (Some("same-origin"), Some("no-store")));
    mallory.submit(path, "/invite", &[("username", "mallory"), ("password", PASSWORD)]).is(303);
    let known = "/console/users/mallory";
    assert!(root.page(known).is(200).text().contains("Nobody proved that it is theirs"));
    let by_address = [("who", "Zoe@example.com"), ("team", "lab")];
    let refused = root.submit("/console/invitations", "/console/invitations", &by_address);
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert!(refused.text().contains("nobody proved"), "{}", refused.text());
    world.admin.client.graphql(INVITE, json!({"e": "lab", "m": "zoe@example.com"})).is(400);
    assert!(world.admin.client.member_of("lab", "mallory").is_none());
    // Only an organization admin vouches.
    let page = browser(&world, &world.team_admin);
    let csrf = page.page("/console/account").form("/logout").fields[0].clone();
    is_refused("a team admin", &page.post_form(&format!("{known}/vouch"), &[csrf]));
    assert_eq!(root.submit(known, "/vouch", &[]).status, 303);
    assert!(!root.page(known).is(200).text().contains("Nobody proved"));
    assert_eq!(root.submit("/console/invitations", "/console/invitations", &by_address).status, 303);
    assert!(world.admin.client.member_of("lab", "mallory").is_some());
}
