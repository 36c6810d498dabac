//! The console's long lists as somebody signed in sees them, and the same search by GraphQL: pages by place, forwards and back,
//! found by beginnings, totals as they are kept.

use crate::harness::{World, html, world::TEAM};
use crate::permissions;
use serde_json::{Value, json};

const SEARCH: &str = "query($q: String, $n: Int, $after: String) { users(query: $q, first: $n, after: $after) {
    pageInfo { endCursor hasNextPage } edges { cursor node { username name } } } }";

/// Many people, some with names of several scripts.
fn crowd() -> World {
    let world = World::new();
    for n in 0..120 {
        let email = format!("crowd-{n:03}@many.example.net");
        let make = "mutation($email: String!) { createUser(input: {email: $email}) { user { id } } }";
        world.admin.client.data(make, json!({"email": email}));
    }
    let admin = &world.admin.client;
    for (user, name) in
        [("crowd-007", "James Bond"), ("crowd-042", "Зоя Космодемьянская"), ("crowd-099", "Jean-Luc Picard")]
    {
        let found = admin.get(&format!("/scim/v2/Users?filter=userName%20eq%20%22{user}%22")).is(200).json();
        let id = found["Resources"][0]["id"].as_str().unwrap().to_owned();
        let change = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "replace", "path": "displayName", "value": name}]});
        let json_type = [("content-type", "application/scim+json")];
        let body = change.to_string();
        admin.send("PATCH", &format!("/scim/v2/Users/{id}"), &json_type, Some(body.as_bytes())).is(200);
    }
    world
}

/// The address behind a link of this kind, if the page has one.
fn link(page: &str, rel: &str) -> Option<String> {
    let all = html::elements(page, "a");
    all.into_iter().find(|a| a.get("rel").is_some_and(|r| r == rel)).map(|a| html::unescape(&a["href"]))
}

fn people(page: &str) -> Vec<String> {
    let boxes = html::elements(page, "input").into_iter().filter(|i| i.get("name").is_some_and(|n| n == "pick"));
    boxes.map(|i| i["value"].clone()).collect()
}

#[test]
fn people_are_paged_by_place_forwards_and_back_and_found_by_beginnings() {
    let world = crowd();
    let root = permissions::browser(&world, &world.admin);
    let first = root.page("/console/users").is(200);
    let text = first.text();
    let total = text.split("1 to 50 of ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap_or_default().to_owned();
    assert!(text.contains(&format!("1 to 50 of {total} people")), "{text}");
    assert!(link(&first.body, "prev").is_none());
    let (mut pages, mut at) = (vec![people(&first.body)], link(&first.body, "next"));
    let mut last = String::new();
    while let Some(next) = at {
        assert!(next.contains("after="), "{next}");
        let page = root.page(&next).is(200);
        pages.push(people(&page.body));
        at = link(&page.body, "next");
        last = page.body.clone();
    }
    let everyone = pages.concat();
    assert_eq!(everyone.len().to_string(), total, "the kept total is what the pages hold");
    assert!(everyone.is_sorted() && pages.len() == 3, "{everyone:?}");
    for expected in pages.iter().rev().skip(1) {
        let page = root.page(&link(&last, "prev").unwrap()).is(200);
        assert_eq!(people(&page.body), *expected);
        last = page.body.clone();
    }
    assert!(link(&last, "prev").is_none(), "back at the beginning");
    assert!(html::text(&last).contains(&format!("1 to 50 of {total} people")));
    let newest = root.page("/console/users?sort=-created").is(200);
    assert_eq!(people(&newest.body)[0], "crowd-119");

    let found = |q: &str| people(&root.page(&format!("/console/users?q={q}")).is(200).body);
    assert_eq!(found("CROWD-0").len(), 50, "a page of a hundred");
    assert_eq!(found("bon"), ["crowd-007"]);
    assert_eq!(found("james+bo"), ["crowd-007"]);
    assert_eq!(found("%D0%BA%D0%9E%D0%A1"), ["crowd-042"], "кОС");
    assert_eq!(found("luc"), ["crowd-099"]);
    assert_eq!(found("crowd-11"), (110..120).map(|n| format!("crowd-{n}")).collect::<Vec<_>>());
    assert_eq!(found("crowd-042%40many"), ["crowd-042"]);
    assert!(found("owd").is_empty(), "the inside of a word is not searched");
    assert!(root.page("/console/users?q=owd").text().contains("Nobody matches"));
    for bad in ["after=!", "after=", "before=AAAA", "after=AAAAAAAAAAk&page=77", "before=AAAAAAAAAAk&page=0"] {
        let status = root.page(&format!("/console/users?{bad}")).status;
        assert!(matches!(status, 200 | 400), "{bad}: {status}");
    }
    // The palette finds the same.
    let search = root.page("/console/search?q=bon").is(200).text();
    assert!(search.contains("crowd-007") && !search.contains("crowd-042"), "{search}");
    assert!(root.page("/console/search?q=acm").is(200).body.contains("href=\"/acme\""));
}

#[test]
fn a_search_by_graphql_finds_the_same_people_page_by_page() {
    let world = crowd();
    let ask = |q: &str, n: u32, after: Option<&str>| -> Value {
        world.admin.client.data(SEARCH, json!({"q": q, "n": n, "after": after}))["users"].clone()
    };
    let names = |page: &Value| -> Vec<String> {
        page["edges"].as_array().unwrap().iter().map(|e| e["node"]["username"].as_str().unwrap().to_owned()).collect()
    };
    for (search, expected) in [
        ("picard", &["crowd-099"][..]),
        ("Jean-L", &["crowd-099"]),
        ("зоя", &["crowd-042"]),
        ("crowd-007@many.example.net", &["crowd-007"]),
        ("crowd-00 BOND", &["crowd-007"]),
        ("mia", &["mia"]),
        ("rowd", &[]),
    ] {
        assert_eq!(names(&ask(search, 10, None)), expected, "{search}");
    }
    // What an address' domain begins with, which the clients' documents promise.
    let (mut all, mut after) = (vec![], None::<String>);
    loop {
        let page = ask("many.example.net", 50, after.as_deref());
        all.extend(names(&page));
        if page["pageInfo"]["hasNextPage"] != true {
            break;
        }
        after = Some(page["pageInfo"]["endCursor"].as_str().unwrap().to_owned());
    }
    assert_eq!(all, (0..120).map(|n| format!("crowd-{n:03}")).collect::<Vec<_>>());
    world.member.client.refused(403, SEARCH, json!({"q": "crowd", "n": 5}));
}

#[test]
fn teams_members_invitations_and_events_say_their_kept_totals() {
    let world = crowd();
    let root = permissions::browser(&world, &world.admin);
    for n in 0..55 {
        world.admin.client.create_team(&format!("squad-{n:02}"), None).is(200);
    }
    for n in 0..60 {
        world.admin.client.invite("squad-00", &format!("crowd-{n:03}"), false).is(200);
    }
    let teams = root.page("/console/teams").is(200);
    assert!(teams.text().contains("1 to 50 of 56 teams"), "{}", teams.text());
    let rest = root.page(&link(&teams.body, "next").unwrap()).is(200);
    assert!(rest.text().contains("51 to 56 of 56 teams") && rest.body.contains("/squad-54"), "{}", rest.text());
    assert!(root.page("/console/teams?q=squad-5").text().contains("5 teams"));
    let members = root.page("/squad-00/members").is(200);
    assert!(members.text().contains("1 to 50 of 61 members"), "{}", members.text());
    assert!(root.page("/squad-00/members?q=crowd-05").text().contains("10 members"));
    let events = root.page("/console/audit").is(200).text();
    assert!(events.contains(" events"), "{events}");
    world.member.client.get("/scim/Users").is(403);
    let denied = root.page("/console/audit?kind=denied").is(200).text();
    assert!(denied.contains("mia"), "{denied}");
    let of_teams = root.page("/console/audit?kind=team").is(200);
    let older = root.page(&link(&of_teams.body, "next").unwrap()).is(200);
    assert!(older.text().contains("squad-"), "{}", older.text());
}

#[test]
fn a_teams_overview_shows_whom_and_what_it_has() {
    let world = World::new();
    world.team_admin.client.upsert_project(TEAM, "fusion", None).is(200);
    let page = permissions::browser(&world, &world.member).page(&format!("/{TEAM}")).is(200).text();
    for name in ["tess", "fusion"] {
        assert!(page.contains(name), "{name} in {page}");
    }
}
