//! The console in a real browser: every page that the grid of permissions knows, as an admin, a team's admin, a member and
//! nobody sees it, on a wide and a narrow screen, light and dark, on paper, with scripts and without: not a word of complaint
//! from axe-core or the browser's console, no sideways scrolling, nothing that jumps, small. Then the keyboard alone.
//! Looked-at screenshots come with `SUITE_SHOTS=DIR`.

use crate::harness::post::{Post, path_in};
use crate::harness::world::TEAM;
use crate::harness::{PASSWORD, Server, World, browser, html};
use crate::permissions;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// States of pages beside those in the grid, for an admin: searches, filters, answers, second pages.
const STATES: &[&str] = &[
    "/console/users?q=zzz",
    "/console/users?page=2",
    "/console/search?q=mi",
    "/console/search",
    "/console/manual?q=okta",
    "/console/manual/configuration",
    "/console/why",
    "/acme/open-data",
    "/acme/open-data/access",
    "/closed/inner",
];

/// The world of the grid with enough in it to be hard to lay out.
fn furnished() -> World {
    let world = World::new();
    permissions::furnish(&world);
    for (name, access) in [("open-data", "USER_WRITE"), ("secret", "RESTRICTED")] {
        world.team_admin.client.upsert_project(TEAM, name, Some(access)).is(200);
    }
    // Enough rows that a list has a second page, and a name that is hard to lay out.
    for n in 0..60 {
        let email = format!("a-person-with-a-rather-long-address-{n}@a-department.of-a-large.example.org");
        world.admin.client.data(
            "mutation($email: String!) { createUser(input: {email: $email}) { user { id } } }",
            json!({"email": email}),
        );
    }
    world.member.client.invite(TEAM, "otto", true).is(403);
    let root = permissions::browser(&world, &world.admin);
    root.submit("/console/invitations", "/console/invitations", &[("who", "new@example.org"), ("team", TEAM)]).is(200);
    world
}

/// What is wrong with the pages of a report, a sentence for each; `expected` is what a page answers.
fn wrong_with(report: &Value, expected: &dyn Fn(&str) -> u16) -> Vec<String> {
    let mut wrong = Vec::new();
    for row in report.as_array().unwrap() {
        let path = row["page"].as_str().unwrap();
        let page = format!(
            "{path} at {} {}{}",
            row["width"],
            row["theme"].as_str().unwrap(),
            if row["scripts"] == true { "" } else { " without scripts" }
        );
        let mut say = |what: String| wrong.push(format!("{page}: {what}"));
        let expected = expected(path);
        let listed = |key: &str| row[key].as_array().into_iter().flatten().map(ToString::to_string).collect::<Vec<_>>();
        if row["status"] != expected {
            say(format!("status {}, not {expected}", row["status"]));
        }
        for violation in listed("violations") {
            say(violation);
        }
        // The browser reports the 404 or 403 of the page itself as an error of its own.
        for said in listed("said").iter().filter(|s| expected == 200 || !s.contains(&expected.to_string())) {
            say(format!("the console says {said}"));
        }
        if row["wide"].as_i64().unwrap() > 0 {
            say(format!("{} px too wide: {}", row["wide"], row["culprits"]));
        }
        if !(1_000..=100_000).contains(&row["bytes"].as_i64().unwrap()) {
            say(format!("{} bytes", row["bytes"]));
        }
        if listed("headings").len() != 1 {
            say(format!("one h1, not {}", row["headings"]));
        }
        if row["title"].as_str().unwrap().is_empty() {
            say("no title".to_owned());
        }
        if row["shift"].as_f64().unwrap_or(0.0) > 0.0 {
            say(format!("something jumps: {} {}", row["shift"], row["moved"]));
        }
        for pressed in listed("paper") {
            say(format!("on paper: {pressed}"));
        }
        // With scripts a button may have one; without them each must send a form or open what is there.
        if row["scripts"] == false {
            for idle in listed("idle").into_iter().chain(listed("dead")) {
                say(format!("does nothing without scripts: {idle}"));
            }
        }
        if row["framed"] == true && row["help"].is_null() {
            say("no help".to_owned());
        }
    }
    wrong
}

/// The same for pages that answer 200, or what their names say.
pub fn judge(report: &Value) -> Vec<String> {
    wrong_with(report, &|path| match path {
        page if page.contains("no-such") => 404,
        page if page.contains("forbidden") => 403,
        _ => 200,
    })
}

/// What somebody of the cast can open, by the grid: every page, and two of each kind of refusal.
fn pages_of(who: &str) -> Vec<(&'static str, u16)> {
    let mut refused = std::collections::BTreeMap::new();
    let mut out = vec![];
    for (path, cell) in permissions::pages(who) {
        match cell.parse() {
            Ok(200) => out.push((path, 200)),
            Ok(status @ 400..) => {
                let seen = refused.entry(status).or_insert(0);
                *seen += 1;
                if *seen <= 2 {
                    out.push((path, status));
                }
            }
            // To the sign-in or on to another page.
            _ => {}
        }
    }
    out
}

/// How long until something is seen, over everything with scripts in a report: printed, not judged, for machines differ.
fn print_paints(who: &str, report: &Value) {
    let mut paints: Vec<f64> = report.as_array().unwrap().iter().filter_map(|row| row["paint"].as_f64()).collect();
    paints.sort_by(f64::total_cmp);
    if let (Some(last), false) = (paints.last(), paints.is_empty()) {
        println!(
            "first paint as {who}: median {:.0} ms, slowest {last:.0} ms of {}",
            paints[paints.len() / 2],
            paints.len()
        );
    }
}

#[test]
fn every_page_is_sound_wide_and_narrow_light_and_dark_on_paper_and_without_scripts() {
    if !browser::present() {
        return;
    }
    let world = furnished();
    permissions::browser(&world, &world.team_admin);
    let (mut wrong, mut helped) = (vec![], BTreeSet::new());
    let casts = [("admin", "root"), ("team_admin", "tess"), ("member", "mia"), ("anonymous", "")];
    for (who, username) in casts {
        let mut pages = pages_of(who);
        if who == "admin" {
            pages.extend(STATES.iter().map(|path| (*path, if *path == "/closed/inner" { 403 } else { 200 })));
        }
        assert!(pages.len() >= if who == "anonymous" { 5 } else { 30 }, "{who}: {pages:?}");
        let paths: Vec<&str> = pages.iter().map(|(path, _)| *path).collect();
        let status = |path: &str| pages.iter().find(|(at, _)| *at == path).unwrap().1;
        // What an admin sees is all there is; the others see parts of it.
        let themes: &[&str] = if who == "admin" { &["light", "dark"] } else { &["dark"] };
        let mut task = json!({
            "url": world.server.url, "pages": paths, "themes": themes, "widths": [1280, 390], "scripts": [true],
        });
        if !username.is_empty() {
            task["user"] = json!(username);
            task["password"] = json!(PASSWORD);
        }
        let report = browser::run("pages.mjs", &task);
        assert_eq!(report.as_array().unwrap().len(), paths.len() * 2 * themes.len());
        print_paints(who, &report);
        wrong.extend(wrong_with(&report, &status).iter().map(|w| format!("{who}: {w}")));
        for row in report.as_array().unwrap().iter().filter(|row| row["framed"] == true) {
            helped.insert((row["page"].as_str().unwrap().to_owned(), row["help"].as_str().unwrap_or("").to_owned()));
        }
        task["scripts"] = json!([false]);
        task["themes"] = json!(["light"]);
        task["widths"] = json!([390]);
        wrong.extend(wrong_with(&browser::run("pages.mjs", &task), &status).iter().map(|w| format!("{who}: {w}")));
    }
    // Every page leads to the part of the manual that is about it, and the part is there.
    let root = permissions::browser(&world, &world.admin);
    let other = "/console/manual/who-may-do-what";
    for (page, help) in &helped {
        let own = ["/console", "/org", "/authorize"].iter().any(|begin| page.starts_with(begin));
        if own
            && help == other
            && !["/console/roles", "/console/organization"].iter().any(|begin| page.starts_with(begin))
        {
            wrong.push(format!("{page}: no help of its own"));
        }
    }
    for help in helped.iter().map(|(_, help)| help).collect::<BTreeSet<_>>() {
        let (path, anchor) = help.split_once('#').unwrap_or((help, ""));
        let page = root.page(path);
        if page.status != 200 || !anchor.is_empty() && !page.body.contains(&format!("id=\"{anchor}\"")) {
            wrong.push(format!("no help at {help}"));
        }
    }
    // The list of addresses for machines is whole, and holds nothing else.
    let told: BTreeSet<String> = html::text(&root.page("/console/manual/endpoints").body)
        .split_whitespace()
        .collect::<Vec<_>>()
        .windows(2)
        .filter(|pair| pair[0].chars().all(|c| c.is_ascii_uppercase()) && pair[1].starts_with('/'))
        .map(|pair| pair.join(" "))
        .collect();
    let machines: BTreeSet<String> = permissions::machine_routes().map(str::to_owned).collect();
    assert_eq!(told, machines, "left: templates/manual/endpoints.md, right: the routes");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_pages_of_nobody_yet_are_sound() {
    if !browser::present() {
        return;
    }
    let server = Server::plain();
    let setup = server.setup_path();
    let report = browser::run(
        "pages.mjs",
        &json!({
            "url": server.url, "pages": [setup, "/login"],
            "themes": ["light", "dark"], "widths": [1280, 390], "scripts": [true, false],
        }),
    );
    let wrong = judge(&report);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn f310_everything_is_reached_and_left_with_the_keyboard_and_times_are_the_readers() {
    if !browser::present() {
        return;
    }
    let server = Server::plain();
    let root = server.person_with_password("root", "admin");
    root.client.create_team(TEAM, None).is(200);
    root.client.upsert_project(TEAM, "fusion", None).is(200);
    let task = json!({"url": server.url, "user": "root", "password": PASSWORD, "find": "fusion"});
    let answer = browser::run("keyboard.mjs", &task);
    assert!(answer["missing"].is_null(), "not reached by Tab: {answer}");
    assert_eq!(answer["invisible"], json!([]), "focus is always visible");
    assert_eq!(answer["home"], "/");
    assert!(answer["skip"].as_str().is_some_and(|href| href.starts_with('#')), "a skip link comes first: {answer}");
    assert!(answer["primary"].as_i64().unwrap() > 0, "the main thing is near the skip link's end: {answer}");
    assert_eq!(answer["search"]["name"], "q", "`/` leads to the search: {answer}");
    let found = answer["found"].to_string();
    assert!(found.contains("fusion Project"), "the search answers as one types: {found}");
    assert_eq!(answer["closed"], true, "Escape closes what was found");
    assert_eq!((&answer["chosen"], &answer["active"]), (&json!(1), &json!("Create a team Page")), "{answer}");
    assert_eq!(answer["trapped"], true, "a dialog takes the focus: {answer}");
    assert!(answer["escaped"].is_null(), "a dialog holds the focus: {answer}");
    assert_eq!((&answer["returned"], &answer["stayed"]), (&json!("Revoke"), &json!("/authorize")), "{answer}");
    assert_eq!(answer["menus"], json!([["Menu", 0]]), "Escape closes a menu: {answer}");
    assert!(answer["end"].as_str().is_some_and(|end| end.starts_with("/login")), "{answer}");

    // Kiritimati is fourteen hours ahead.
    let (here, utc) = (&answer["zones"][0], &answer["zones"][1]);
    let minutes = |clock: &Value| {
        let (hours, minutes) = clock.as_str().unwrap()[..5].split_once(':').unwrap();
        hours.parse::<i64>().unwrap() * 60 + minutes.parse::<i64>().unwrap()
    };
    let of_day = minutes(&json!(here["at"].as_str().unwrap().split_once('T').unwrap().1));
    assert_eq!(minutes(&here["shown"]), (of_day + 14 * 60) % (24 * 60), "{here}");
    assert!(here["says"].as_str().unwrap().contains("Kiritimati") && here["day"] == "Today", "{here}");
    assert!(
        utc["shown"].as_str().unwrap().ends_with("UTC") && utc["title"].as_str().unwrap().ends_with("UTC"),
        "{utc}"
    );
    assert_eq!(utc["says"], "Times are UTC.");
}

#[test]
fn a_newcomer_does_the_list_of_tasks_without_a_hint() {
    if !browser::present() {
        return;
    }
    for (width, scripts) in [(1280, true), (390, false)] {
        let Some(post) = Post::start("starttls", Some("robot:mail-canary-pw")) else { return };
        let server = Server::plain();
        let mail = json!({
            "server": format!("smtp://127.0.0.1:{}", post.port), "user": "robot", "password": "mail-canary-pw",
            "from": "ML platform <ml@corp.example>", "ca": post.ca_file(),
        });
        let mut task = json!({
            "url": server.url, "start": format!("{}{}", server.url, server.setup_path()), "width": width, "scripts": scripts,
            "password": PASSWORD, "mail": mail, "invited": "ben@corp.example",
        });
        let holds = |answer: &Value, step: &str, words: &[&str]| {
            let text = answer[step].as_str().unwrap_or_else(|| panic!("{step} was not reached: {answer}"));
            for word in words {
                assert!(text.contains(word), "{width}: {step} does not say {word:?}: {text}");
            }
        };
        let first = browser::run("tasks.mjs", &task);
        holds(&first, "ready", &["Corp is ready", "root"]);
        holds(&first, "tested", &["What the test found"]);
        holds(&first, "connected", &["saved"]);
        holds(&first, "invited", &["ben@corp.example is invited", "A mail with the link is on its way"]);
        post.mail("root@corp.example");
        let mail = post.mail("ben@corp.example");
        task["link"] = json!(format!("{}{}", server.url, path_in(&mail, &server.url)));
        let second = browser::run("tasks.mjs", &task);
        holds(&second, "offer", &["root invites you to Corp", "ben@corp.example"]);
        holds(&second, "home", &["Hello"]);
        holds(&second, "team", &["ben"]);
        holds(&second, "before", &["Restricted"]);
        holds(&second, "after", &["ben", "Invited"]);
        assert!(!second["cleo"].as_str().unwrap().contains("tokamak"), "{second}");
        holds(&second, "why", &["No, denied", "cleo"]);
        holds(&second, "ben", &["tokamak", "Send a run here"]);
    }
}

/// Names, descriptions and messages of every script, with marks of direction and with markup in them.
const HARD: [&str; 7] = [
    "نور الهدى (مديرة)",
    "שירה כהן־לוי",
    "王小明・さくら・김서연",
    "👩🏽‍🔬 Zoë 🏳️‍🌈",
    "Z\u{35b}\u{322}a\u{34f}l\u{489}g\u{310}\u{318}o\u{306}\u{33a}",
    "\u{202e}gnp.exe\u{2067}",
    "<img src=x onerror=alert(1)><b>&amp;\"'",
];

#[test]
fn names_of_every_script_and_with_markup_are_shown_as_text() {
    if !browser::present() {
        return;
    }
    let world = World::new();
    let root = permissions::browser(&world, &world.admin);
    for (n, name) in HARD.iter().enumerate() {
        let email = format!("hard{n}@example.com");
        let fields = [("email", email.as_str()), ("name", name), ("role", "member"), ("team", TEAM)];
        root.submit("/console/users/new", "/console/users/new", &fields).is(200);
        let fields = [("name", format!("team-{n}")), ("about", (*name).to_owned())];
        let fields: Vec<(&str, &str)> = fields.iter().map(|(k, v)| (*k, v.as_str())).collect();
        root.submit("/console/teams/new", "/console/teams/new", &fields).is(303);
        // Signs of paths are no part of a project's name; everything else is.
        let project = name.replace(['/', '\\', '#', '?', '%', ':'], "");
        let about = format!("about {name}");
        let fields = [("team", TEAM), ("name", &project), ("about", &about), ("visibility", "team")];
        root.submit("/console/projects/new", "/console/projects/new", &fields);
        let more = json!({"displayName": name, "notes": name, "tags": ["t"]});
        world.team_admin.client.upsert_project(TEAM, &project, Some("USER_WRITE")).is(200);
        world.member.client.upsert_run(TEAM, &project, &format!("run{n}"), more).is(200);
        root.submit("/authorize", "/authorize", &[("name", name)]).is(200);
    }
    let path =
        |name: &str| url::form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>().replace('+', "%20");
    let arabic = format!("/acme/{}", path(HARD[0]));
    let marks = format!("/acme/{}", path(HARD[5]));
    let markup = format!("/acme/{}", path(&HARD[6].replace('/', "")));
    let runs = format!("{arabic}/runs/run0");
    let pages = [
        "/",
        "/console/users",
        "/console/users/hard0",
        "/console/users/hard5",
        "/console/users/hard6",
        "/console/teams",
        "/team-5",
        "/acme",
        "/acme/members",
        "/console/projects",
        "/authorize",
        "/console/audit",
        "/console/search?q=hard",
        &arabic,
        &marks,
        &markup,
        &runs,
        &format!("{arabic}/runs"),
        &format!("{arabic}/access"),
    ];
    for page in pages {
        let shown = root.page(page).is(200);
        assert!(!shown.body.contains("<img src=x") && !shown.body.contains("<b>&amp;"), "{page}: {}", shown.body);
    }
    for (page, name) in
        [("/console/users", HARD[3]), ("/console/users", HARD[6]), ("/console/teams", HARD[2]), (&runs, HARD[0])]
    {
        assert!(root.page(page).text().contains(name), "{page} shows {name}");
    }
    let report = browser::run(
        "pages.mjs",
        &json!({
            "url": world.server.url, "user": "root", "password": PASSWORD, "pages": pages,
            "themes": ["light"], "widths": [1280, 390], "scripts": [true],
        }),
    );
    let mut wrong = judge(&report);
    // Names with marks of direction stand apart from the words around them.
    for row in report.as_array().unwrap() {
        for mixed in row["mixed"].as_array().unwrap() {
            wrong.push(format!("{}: turns the words around it: {mixed}", row["page"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Assets carry a hash in their name, live forever in caches, and every reference on a page resolves.
#[test]
fn every_asset_a_page_names_is_there_and_cached_by_its_hash() {
    let server = Server::plain();
    let page = server.anonymous().page("/login").is(200);
    let mut seen = 0;
    for (element, attribute) in [("link", "href"), ("script", "src"), ("img", "src")] {
        for found in html::elements(&page.body, element) {
            let Some(path) = found.get(attribute).filter(|path| path.starts_with('/')) else { continue };
            let asset = server.anonymous().get(path);
            assert_eq!(asset.status, 200, "{path}");
            let cache = asset.header("cache-control").unwrap_or("");
            assert!(cache.contains("immutable") && cache.contains("max-age=31536000"), "{path}: {cache}");
            seen += 1;
        }
    }
    assert!(seen >= 1, "a stylesheet at least");
    for inline in ["<style", " style=\"", " onclick=", "javascript:"] {
        assert!(!page.body.contains(inline), "{inline} breaks the policy");
    }
    assert!(page.body.len() < 100_000);
}
