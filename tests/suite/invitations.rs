//! Invitations, mail, domains and signing up as people meet them: one server, real mail servers, plain forms, the real wandb
//! client, and every page in a real browser. Rules that need no surface are tested inside the crate.

use crate::harness::post::{Post, path_in};
use crate::harness::sdk::Sdk;
use crate::harness::{Client, PASSWORD, PATIENCE, Server, browser, html};
use serde_json::json;
use std::time::Instant;

const INVITATIONS: &str = "/console/invitations";
const BULK: &str = "/console/invitations/bulk";
const MAIL: &str = "/console/settings/mail";
const SIGN_UP: &str = "/console/settings/sign-up";
const DOMAINS: &str = "/console/organization/domains";

/// Asks for a page until it says `text`: what happens after a commit is not over when the form is answered.
fn until(client: &Client, path: &str, text: &str) -> String {
    let end = Instant::now() + PATIENCE;
    loop {
        let page = client.page(path).is(200).text();
        if page.contains(text) {
            return page;
        }
        assert!(Instant::now() < end, "{path} never says {text:?}: {page}");
    }
}

/// The link that a page shows.
fn shown(page: &str, base: &str) -> String {
    let at = page.find(&format!("{base}/invite?code=")).unwrap_or_else(|| panic!("no link in {page}"));
    page[at + base.len()..].chars().take_while(|c| !"<\"& ".contains(*c)).collect()
}

fn role(client: &Client, team: &str, username: &str) -> String {
    let query = "query T($team: String) { entity(name: $team) { members { username role } } }";
    let found = client.data(query, json!({ "team": team }));
    let all = found["entity"]["members"].as_array().unwrap();
    all.iter().find(|m| m["username"] == username).map_or("none", |m| m["role"].as_str().unwrap()).to_owned()
}

fn accept(server: &Server, path: &str, username: &str) -> Client {
    let guest = server.anonymous();
    guest.page(path).is(200);
    let reply = guest.submit(path, "/invite", &[("username", username), ("password", PASSWORD)]);
    assert_eq!((reply.status, reply.header("location")), (303, Some("/")), "{}", reply.text());
    guest
}

/// Sets a mail server up by the page, with what `more` says differently; the words of the answer.
fn set_mail(root: &Client, post: &Post, scheme: &str, action: &str, more: &[(&str, &str)]) -> (u16, String) {
    let server = format!("{scheme}://127.0.0.1:{}", post.port);
    let ca = post.ca_file();
    let mut fields = vec![
        ("mail.server", server.as_str()),
        ("mail.user", "robot"),
        ("mail.password", "mail-canary-pw"),
        ("mail.from", "ML platform <ml@corp.example>"),
        ("mail.ca_file", ca.as_str()),
        ("do", action),
    ];
    fields.retain(|(name, _)| more.iter().all(|(other, _)| other != name));
    fields.extend(more);
    let reply = root.submit(MAIL, MAIL, &fields);
    (reply.status, reply.text())
}

#[test]
fn f137_to_f142_f150_to_f159_f171_f172_people_come_by_invitation_and_by_their_domain() {
    let Some(post) = Post::start("starttls", Some("robot:mail-canary-pw")) else { return };
    let wrapped = Post::start("tls", Some("robot:mail-canary-pw")).unwrap();
    let server = Server::plain();
    let root_person = server.person_with_password("root", "admin");
    server.person("mia", "member");
    let root = server.anonymous();
    root.sign_in("root", PASSWORD).is(303);
    root_person.client.create_team("acme", None).is(200);
    root_person.client.create_team("lab", None).is(200);

    // Without a mail server the link is shown, and works.
    let page = root.submit(INVITATIONS, INVITATIONS, &[("who", "first@corp.example"), ("team", "acme")]).is(200).body;
    let path = shown(&page, &server.url);
    accept(&server, &path, "first");
    assert_eq!(server.anonymous().page(&path).status, 403, "once");

    // The mail server is tried before it is put in force; every wrong answer names its step, and no page shows the password.
    for (scheme, more, says) in [
        ("smtp", ("mail.password", "wrong"), "Failed: Sign in"),
        ("smtp", ("mail.ca_file", ""), "of no authority known here"),
        ("smtps", ("mail.user", "robot"), "Failed: Connect"),
        ("smtp", ("mail.from", "nobody"), "no address"),
    ] {
        let (_, text) = set_mail(&root, &post, scheme, "test", &[more]);
        assert!(text.contains(says), "{scheme} {more:?}: {text}");
    }
    let (_, text) = set_mail(&root, &wrapped, "smtps", "test", &[]);
    assert!(text.contains("Passed: Send a mail") && !text.contains("mail-canary-pw"), "{text}");
    assert_eq!(wrapped.mail("root@example.com")["tls"], true);
    assert_eq!(set_mail(&root, &post, "smtp", "save", &[]).0, 303);
    assert!(
        !root.page(MAIL).body.contains("mail-canary-pw") && !root.page("/console/settings").body.contains("canary")
    );
    assert!(post.is_quiet(), "nothing was sent by what only failed or saved");

    // F141: the link goes by mail, over STARTTLS, signed in; before it is opened there is nothing, afterwards role and team.
    let form =
        [("who", "zoe@corp.example"), ("role", "admin"), ("team", "acme"), ("team_role", "viewer"), ("mail", "on")];
    assert!(root.submit(INVITATIONS, INVITATIONS, &form).is(200).text().contains("A mail with the link is on its way"));
    let mail = post.mail("zoe@corp.example");
    assert_eq!((&mail["tls"], &mail["auth"], &mail["sender"]), (&json!(true), &json!(true), &json!("ml@corp.example")));
    assert_eq!(
        (&mail["subject"], &mail["automatic"]),
        (&json!("root invites you to default"), &json!("auto-generated"))
    );
    let path = path_in(&mail, &server.url);
    assert!(mail["html"].as_str().unwrap().contains(&path));
    until(&root, "/console/mail", "Sent");
    let guest = server.anonymous();
    for _ in 0..2 {
        let page = guest.page(&path).is(200).text();
        assert!(page.contains("Your role in the team acme: viewer"), "{page}");
    }
    assert_eq!(guest.sign_in("zoe@corp.example", PASSWORD).status, 401, "not before it is accepted");
    assert_eq!(guest.page("/acme").status, 303);
    let weak = guest.submit(&path, "/invite", &[("username", "zoe"), ("password", "short")]);
    assert_eq!(weak.status, 400, "{}", weak.text());
    let zoe = accept(&server, &path, "zoe");
    zoe.page("/acme").is(200);
    zoe.page("/console/users").is(200);
    assert_eq!(role(&root_person.client, "acme", "zoe"), "viewer");
    assert_eq!(server.anonymous().page(&path).status, 403);

    // F142: without the box no mail; F138: somebody known is added at once; declining ends it.
    let page = root.submit(INVITATIONS, INVITATIONS, &[("who", "quiet@corp.example"), ("mail", "off")]).is(200).body;
    let path = shown(&page, &server.url);
    assert_eq!(root.submit(INVITATIONS, INVITATIONS, &[("who", "mia"), ("team", "lab"), ("mail", "on")]).status, 303);
    assert_eq!(role(&root_person.client, "lab", "mia"), "member");
    let declined = server.anonymous().submit(&path, "/invite/decline", &[]).is(200);
    assert!(declined.text().contains("You declined"));
    assert_eq!(server.anonymous().page(&path).status, 403);
    // The wrong person, signed in, is told whose it is.
    let page = root.submit(INVITATIONS, INVITATIONS, &[("who", "ned@corp.example"), ("mail", "off")]).is(200).body;
    let path = shown(&page, &server.url);
    let told = root.page(&path).is(200).text();
    assert!(told.contains("You are signed in as root, and this invitation is for ned@corp.example"), "{told}");
    assert!(post.is_quiet());

    // What a mail server refuses or puts off is shown in its words, and nothing is lost.
    for who in ["reject@corp.example", "defer@corp.example"] {
        root.submit(INVITATIONS, INVITATIONS, &[("who", who), ("mail", "on")]).is(200);
    }
    post.next();
    post.next();
    let status = until(&root, "/console/mail", "451 4.7.1 greylisted");
    assert!(status.contains("550 5.1.1 no such user here") && status.contains("Refused"), "{status}");
    assert!(until(&root, INVITATIONS, "550 5.1.1").contains("Mail: Refused"));
    let id = root.page("/console/mail").form("/again").action;
    assert_eq!(root.submit("/console/mail", &id, &[]).status, 303);
    post.next();

    // Many at once: the preview writes nothing.
    let list = "email;role;teams\nana@corp.example;member;acme\nnonsense;;\nben@corp.example;boss;\nmia;;acme";
    let preview = root.submit(BULK, BULK, &[("list", list), ("mail", "on"), ("do", "preview")]).is(200);
    assert!(preview.text().contains("2 of 4 will be invited or added"), "{}", preview.text());
    assert!(post.is_quiet() && !root.page(INVITATIONS).body.contains("ana@corp.example"));
    let done = root.submit(BULK, BULK, &[("list", list), ("mail", "on"), ("do", "invite")]).is(200).text();
    assert!(done.contains("2 of 4 are invited or added"), "{done}");
    post.mail("ana@corp.example");
    for (list, status) in [("", 400), ("x@corp.example\n".repeat(1_001).as_str(), 400), ("\u{0}\u{fffd}", 200)] {
        assert_eq!(root.submit(BULK, BULK, &[("list", list), ("do", "invite")]).status, status);
    }

    // F171 with the real client: a newcomer gets a mail, somebody known is in the team at once.
    if Sdk::Newest.present() {
        let task = json!({"team": "lab", "whom": [["sdk@corp.example", true], ["first@corp.example", false]]});
        let ran = Sdk::Newest.script(&server.url, &root_person.key, "invite.py", &[&task.to_string()]);
        assert_eq!((ran.value("sdk@corp.example"), ran.value("first@corp.example")), (&json!(true), &json!(true)));
        let members = ran.value("members").as_array().unwrap().clone();
        assert!(members.contains(&json!(["sdk@corp.example", true, true])), "{members:?}");
        assert!(
            members.contains(&json!(["first@corp.example", null, false]))
                || members.contains(&json!(["first@corp.example", false, false])),
            "{members:?}"
        );
        let path = path_in(&post.mail("sdk@corp.example"), &server.url);
        let guest = accept(&server, &path, "sdk-guest");
        guest.page("/lab/settings").is(200);
        assert_eq!(role(&root_person.client, "lab", "sdk-guest"), "admin");
    }

    by_domain(&server, &root, &post);
    pages(&server, &root);
    // No secret of a link was kept in the clear or logged.
    assert!(!server.log().contains("invite?code=") && !server.log().contains("confirm?code="), "{}", server.log());
    server.stop();
}

/// F150 to F159, F172.
fn by_domain(server: &Server, root: &Client, post: &Post) {
    let file = server.data.file("password", PASSWORD);
    server.cli(&["user", "create", "old@corp.example", "--username", "old", "--password-file", &file]).ok();
    let closed = server.anonymous().page("/signup").is(200).text();
    assert!(closed.contains("Nobody signs up here by themselves"), "{closed}");
    let settings = [("sign_up.open", "on"), ("sign_up.contact", "help@corp.example"), ("do", "save")];
    assert_eq!(root.submit(SIGN_UP, SIGN_UP, &settings).status, 303);
    let claim = |domain: &str, team: &str| {
        let forms = html::forms(&root.page(DOMAINS).is(200).body);
        let mut fields = forms.into_iter().find(|form| form.action == DOMAINS).unwrap().fields;
        fields.retain(|(name, _)| name == "csrf");
        fields.extend([("domain".to_owned(), domain.to_owned()), ("team".to_owned(), team.to_owned())]);
        root.post_form(DOMAINS, &fields)
    };
    assert_eq!(claim("corp.example", "acme").status, 400, "C76: acme does not recommend itself");
    for team in ["acme", "lab"] {
        assert_eq!(root.submit(&format!("/{team}/settings"), "/settings", &[("recommended", "on")]).status, 303);
    }
    assert_eq!(claim("Corp.Example", "acme").status, 303);
    assert_eq!(claim("corp.example", "").status, 409);
    let page = root.page(DOMAINS).is(200).text();
    assert!(page.contains("_bailiwick.corp.example") && page.contains("Not proved yet"), "{page}");
    let ask = |address: &str| {
        let guest = server.anonymous();
        guest.submit("/signup", "/signup", &[("email", address)])
    };
    let refused = ask("nina@corp.example").is(400).text();
    assert!(refused.contains("help@corp.example"), "F159: {refused}");
    assert_eq!(root.submit(DOMAINS, "/corp.example/confirm", &[]).status, 303);
    assert!(ask("eve@elsewhere.example").is(400).text().contains("help@corp.example"), "F153");
    ask("nina@corp.example").is(200);
    let path = path_in(&post.mail("nina@corp.example"), &server.url);
    assert_eq!(server.anonymous().sign_in("nina@corp.example", PASSWORD).status, 401, "F158");
    let nina = server.anonymous();
    let offer = nina.page(&path).is(200).text();
    assert!(offer.contains("member of the team acme") && offer.contains("lab"), "{offer}");
    let made = nina.submit(&path, "/signup/confirm", &[("password", PASSWORD), ("team", "lab")]);
    assert_eq!((made.status, made.header("location")), (303, Some("/")), "{}", made.text());
    for team in ["/acme", "/lab"] {
        nina.page(team).is(200);
    }
    assert_eq!(server.anonymous().page(&path).status, 403);
    // The same words for an address that has an account, and no mail.
    let (known, unknown) = (ask("nina@corp.example").is(200).text(), ask("olaf@corp.example").is(200).text());
    assert_eq!(known.replace("nina", "X"), unknown.replace("olaf", "X"));
    post.mail("olaf@corp.example");
    // F155: whoever was there before stays where they are; the teams are offered, and joined by themselves.
    let old = server.anonymous();
    old.sign_in("old", PASSWORD).is(303);
    assert!(old.page("/console/teams").is(200).text().contains("Teams you can join"));
    assert_eq!(old.page("/acme").status, 404);
    assert_eq!(old.submit("/console/teams", "/console/teams/join", &[("team", "acme")]).status, 303);
    old.page("/acme").is(200);
    assert_eq!(old.page("/lab").status, 404);
    let stranger = server.anonymous();
    assert_eq!(
        stranger.post_form("/console/teams/join", &[("team".into(), "acme".into())]).status,
        303,
        "to the sign-in"
    );
}

fn pages(server: &Server, root: &Client) {
    let page = root.submit(INVITATIONS, INVITATIONS, &[("who", "<b>研究</b>@corp.example")]);
    assert_eq!(page.status, 400);
    assert!(!page.body.contains("<b>研究"), "typed text is text");
    let page =
        root.submit(INVITATIONS, INVITATIONS, &[("who", "late@corp.example"), ("mail", "off"), ("team", "acme")]);
    let path = shown(&page.is(200).body, &server.url);
    if !browser::present() {
        return;
    }
    let own = json!({
        "url": server.url, "user": "root", "password": PASSWORD,
        "pages": [INVITATIONS, BULK, "/console/mail", DOMAINS, MAIL, SIGN_UP, "/acme/members", path,
            {"name": "sent again", "at": INVITATIONS, "press": "form[action$='/link'] button"}],
        "themes": ["light"], "widths": [1280, 390], "scripts": [true],
    });
    let public = json!({
        "url": server.url, "pages": [path, "/signup", "/login"],
        "themes": ["dark"], "widths": [1280, 390], "scripts": [true, false],
    });
    for task in [public, own] {
        let wrong = crate::console::judge(&browser::run("pages.mjs", &task));
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
