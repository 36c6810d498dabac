//! Long lists: a search finds people by beginnings in every script and nobody twice, pages lead to the middle and back, and
//! totals are what a plain walk counts.

use super::*;
use crate::model::name::fold;
use crate::model::team::HOME;
use crate::ops::lists::{self, Reaching};
use crate::ops::paging::{Page, Turn};
use crate::ops::people::{self, Asked, Order, Show};
use crate::store::Range;

impl World {
    async fn named(&self, username: &str, name: &str, email: &str) -> User {
        let new =
            NewUser { email: email.into(), username: Some(username.into()), name: name.into(), ..NewUser::default() };
        self.app.act(&shell(), move |cx| users::create(cx, &new)).await.unwrap()
    }

    fn listed(&self, asked: &Asked, turn: &Turn) -> Page<User> {
        self.app.ask(&shell(), |cx| people::list(cx, asked, turn)).unwrap()
    }

    fn found(&self, search: &str) -> Vec<String> {
        let page = self.listed(&Asked { search, ..Asked::default() }, &Turn::first(50));
        assert!(page.next.is_none() && page.previous.is_none());
        usernames(page)
    }
}

fn usernames(page: Page<User>) -> Vec<String> {
    page.items.into_iter().map(|user| user.username).collect()
}

/// Every page of so many rows until there is none, and the same pages backwards from the last one.
fn leaf<T>(limit: usize, list: impl Fn(&Turn) -> Page<T>, name: impl Fn(&T) -> String) -> Vec<String> {
    let names = |page: &Page<T>| page.items.iter().map(&name).collect::<Vec<_>>();
    let (mut pages, mut turn) = (vec![], Turn::first(limit));
    loop {
        let page = list(&turn);
        assert_eq!(page.previous.is_some(), turn.at.is_some(), "only the first page has none before it");
        assert!(page.items.len() <= limit);
        pages.push(names(&page));
        let (next, previous) = (page.next, page.previous);
        match next {
            Some(next) => turn = Turn { at: Some(next), back: false, limit },
            None => {
                let mut before = previous;
                for expected in pages.iter().rev().skip(1) {
                    let page = list(&Turn { at: before, back: true, limit });
                    assert_eq!(names(&page), *expected, "the page before is the one that was there");
                    assert!(page.next.is_some());
                    before = page.previous;
                }
                assert!(before.is_none(), "back at the beginning");
                return pages.concat();
            }
        }
    }
}

#[tokio::test]
async fn people_are_found_by_beginnings_of_what_they_are_called_in_every_script() {
    let w = world();
    for (username, name, email) in [
        ("ana", "Ana María Núñez-Ortega", "ana.nunez@example.com"),
        ("ben", "BEN Østergård", "b.ostergard@example.com"),
        ("anatol", "Анатолий Петров", "petrov@example.org"),
        ("li", "李 小龍", "bruce@example.org"),
        ("hindi", "प्रिया शर्मा", "priya@example.org"),
        ("arab", "فاطمة الزهراء", "fatima@example.org"),
        ("wide", "Ｗｉｄｅ Ｎａｍｅ", "w@sub.example.net"),
        ("greek", "ΝΊΚΟΣ Παπαδόπουλος", "nikos@example.org"),
        ("_odd-", "(Bob) O'Neil", "bob@example.org"),
    ] {
        w.named(username, name, email).await;
    }
    for (search, expected) in [
        ("an", &["ana", "anatol"][..]),
        ("ANA", &["ana", "anatol"]),
        ("mar", &["ana"]),
        ("NÚÑ", &["ana"]),
        ("nu\u{301}n\u{303}", &["ana"]),
        ("ortega", &["ana"]),
        ("ana núñez", &["ana"]),
        ("núñez ana", &["ana"]),
        ("ana petrov", &["anatol"]),
        ("ana bruce", &[]),
        ("ana.n", &["ana"]),
        ("ana.nunez@exam", &["ana"]),
        ("øster", &["ben"]),
        ("петр", &["anatol"]),
        ("АНАТ ПЕТ", &["anatol"]),
        ("петров anatol", &["anatol"]),
        ("小", &["li"]),
        ("李", &["li"]),
        ("शर्", &["hindi"]),
        ("فاط", &["arab"]),
        ("wide", &["wide"]),
        ("name", &["wide"]),
        ("νίκ", &["greek"]),
        ("παπα", &["greek"]),
        ("bob", &["_odd-"]),
        ("(bob", &["_odd-"]),
        ("_od", &["_odd-"]),
        ("o'n", &["_odd-"]),
        ("example.com", &["ana", "ben"]),
        ("@example.c", &["ana", "ben"]),
        ("sub.example.net", &["wide"]),
        ("na", &["wide"]),
        ("aria", &[]),
        ("nobody", &[]),
        ("no.such.domain", &[]),
        ("x@y", &[]),
    ] {
        assert_eq!(w.found(search), expected, "{search}");
    }
    assert_eq!(w.found("  ").len(), 9, "blanks are no search");
    // Who is found by several rows is given once, also over pages.
    let listed = |turn: &Turn| w.listed(&Asked { search: "b", ..Asked::default() }, turn);
    assert_eq!(leaf(1, listed, |u| u.username.clone()), ["ben", "_odd-", "li"]);
    // What is gone is not found; what is changed is found anew.
    w.app.act(&shell(), |cx| users::delete(cx, "li")).await.unwrap();
    let change = UserChange { name: Some("Benedikt Oz".into()), ..UserChange::default() };
    w.app.act(&shell(), move |cx| users::update(cx, "ben", &change).map(drop)).await.unwrap();
    assert_eq!((w.found("李"), w.found("øster"), w.found("oz")), (vec![], vec![], vec!["ben".to_owned()]));
    assert!(w.findings().is_empty());
}

#[tokio::test]
async fn pages_of_people_lead_to_the_middle_and_back_and_totals_are_a_walks() {
    let w = world();
    for n in 0..37 {
        let role = [OrgRole::Member, OrgRole::Viewer, OrgRole::Admin][n % 3];
        w.user(&format!("p{:02}", (n * 7) % 37), role).await;
    }
    for n in [3, 9, 21] {
        w.app.act(&shell(), move |cx| users::set_active(cx, &format!("p{n:02}"), false).map(drop)).await.unwrap();
    }
    w.app.act(&shell(), |cx| users::delete(cx, "p30")).await.unwrap();
    let everyone = || -> Vec<User> {
        let all = w.app.store.read(|view| view.all_by(&schema::USERS_OF_ORG, &(HOME,)));
        all.unwrap()
    };
    let shows = [Show::Everyone, Show::Admins, Show::Members, Show::Viewers, Show::Deactivated];
    for show in shows {
        let fits = |u: &User| match show {
            Show::Everyone => true,
            Show::Admins => u.org_role(HOME) == Some(OrgRole::Admin),
            Show::Members => u.org_role(HOME) == Some(OrgRole::Member),
            Show::Viewers => u.org_role(HOME) == Some(OrgRole::Viewer),
            Show::Deactivated => u.status == crate::model::user::Status::Deactivated,
        };
        let mut expected: Vec<String> = everyone().into_iter().filter(fits).map(|u| u.username).collect();
        assert_eq!(w.app.ask(&shell(), |cx| people::total(cx, show)).unwrap(), expected.len(), "{show:?}");
        for (order, down) in [(Order::Name, false), (Order::Name, true), (Order::Age, false), (Order::Age, true)] {
            let asked = Asked { show, order, down, ..Asked::default() };
            let by_age = leaf(100, |turn| w.listed(&asked, turn), |u| u.username.clone());
            for limit in [1, 4, 50] {
                assert_eq!(leaf(limit, |turn| w.listed(&asked, turn), |u| u.username.clone()), by_age, "{asked:?}");
            }
            let mut found = by_age;
            found.sort();
            expected.sort();
            assert_eq!(found, expected, "{asked:?}");
        }
        let asked = Asked { show, search: "p1", ..Asked::default() };
        let found = leaf(3, |turn| w.listed(&asked, turn), |u| u.username.clone());
        assert_eq!(found, expected.iter().filter(|n| n.starts_with("p1")).cloned().collect::<Vec<_>>());
    }
    let named = leaf(5, |turn| w.listed(&Asked::default(), turn), |u| fold(&u.username));
    assert!(named.is_sorted() && named.len() == 36, "{named:?}");
    assert!(w.findings().is_empty());
}

#[tokio::test]
async fn teams_members_and_projects_come_in_pages_with_kept_sizes() {
    let w = world();
    let ana = w.user("ana", OrgRole::Admin).await;
    let mia = w.user("mia", OrgRole::Member).await;
    for n in 0..9 {
        let team = format!("team-{n}");
        w.app.act(&shell(), move |cx| teams::create(cx, &NewTeam::named(&team), Some("ana")).map(drop)).await.unwrap();
    }
    let listed = |by_age, down| {
        let list = |turn: &Turn| w.app.ask(&as_user(&ana), |cx| lists::teams(cx, "", by_age, down, turn)).unwrap();
        leaf(2, list, |t| t.name.clone())
    };
    let up: Vec<String> = (0..9).map(|n| format!("team-{n}")).collect();
    let down: Vec<String> = up.iter().rev().cloned().collect();
    assert_eq!((listed(false, false), listed(true, false)), (up.clone(), up));
    assert_eq!((listed(false, true), listed(true, true)), (down.clone(), down));
    let page = w.app.ask(&as_user(&ana), |cx| lists::teams(cx, "TEAM-3", false, false, &Turn::first(9))).unwrap();
    assert_eq!(page.items.len(), 1);
    assert_eq!(w.app.ask(&as_user(&ana), |cx| teams::count(cx)).unwrap(), 9);
    assert!(w.app.ask(&as_user(&mia), |cx| lists::teams(cx, "", false, false, &Turn::first(9))).is_err());

    // Members: people apart from service accounts, found like people.
    for n in 0..7 {
        let name = format!("m{n}");
        w.user(&name, OrgRole::Member).await;
        w.app.act(&shell(), move |cx| teams::invite(cx, "team-0", &name, "member").map(drop)).await.unwrap();
    }
    let machine = || NewService { name: "nightly".into(), subject: None };
    let made = w.app.act(&shell(), move |cx| service_accounts::create_in_team(cx, "team-0", &machine())).await.unwrap();
    let team = w.app.ask(&shell(), |cx| teams::get(cx, "team-0")).unwrap();
    let members = |text: &'static str| {
        let list = |turn: &Turn| w.app.ask(&shell(), |cx| lists::members(cx, &team, text, turn)).unwrap();
        leaf(3, list, |(user, ..)| user.username.clone())
    };
    assert_eq!(members(""), ["ana", "m0", "m1", "m2", "m3", "m4", "m5", "m6"]);
    assert_eq!((members("M4"), members("mia")), (vec!["m4".to_owned()], vec![]));
    let sizes = || w.app.ask(&shell(), |cx| lists::sizes(cx, &team)).unwrap();
    assert_eq!(sizes(), (8, 1));
    assert!(w.app.ask(&as_user(&mia), |cx| lists::members(cx, &team, "", &Turn::first(1))).is_err());
    w.app.act(&shell(), |cx| teams::remove_member(cx, "team-0", "m6")).await.unwrap();
    let gone = made.username;
    w.app.act(&shell(), move |cx| teams::remove_member(cx, "team-0", &gone)).await.unwrap();
    assert_eq!(sizes(), (7, 0));

    // Projects: one's own, one's teams', and what is open elsewhere; each once, and none that may not be read.
    for (entity, name, visibility) in [
        ("team-0", "beta", Visibility::Team),
        ("team-0", "alpha", Visibility::Open),
        ("team-0", "hidden", Visibility::Restricted),
        ("team-1", "alpha", Visibility::Public),
        ("team-1", "closed", Visibility::Team),
        ("team-2", "omega", Visibility::Open),
    ] {
        let new = NewProject {
            entity: Some(entity.into()),
            name: name.into(),
            visibility: Some(visibility),
            members: vec![],
        };
        w.app.act(&as_user(&ana), move |cx| projects::create(cx, &new).map(drop)).await.unwrap();
    }
    let m0 = w.app.ask(&shell(), |cx| users::get(cx, "m0")).unwrap();
    let reached = |asked: Reaching<'static>| {
        let list = |turn: &Turn| w.app.ask(&as_user(&m0), |cx| lists::projects(cx, &asked, turn)).unwrap();
        leaf(1, list, |(team, project)| format!("{team}/{}", project.name))
    };
    assert_eq!(reached(Reaching::default()), ["team-0/alpha", "team-0/beta", "team-1/alpha", "team-2/omega"]);
    assert_eq!(reached(Reaching { text: "AL", ..Reaching::default() }), ["team-0/alpha", "team-1/alpha"]);
    assert_eq!(reached(Reaching { text: "team-1/a", ..Reaching::default() }), ["team-1/alpha"]);
    assert_eq!(reached(Reaching { of: "team-0", ..Reaching::default() }), ["team-0/alpha", "team-0/beta"]);
    let open = Reaching { visibility: Some(Visibility::Open), ..Reaching::default() };
    assert_eq!(reached(open), ["team-0/alpha", "team-2/omega"]);
    assert!(reached(Reaching { of: "nobody", ..Reaching::default() }).is_empty());
    assert!(w.findings().is_empty());
}

#[tokio::test]
async fn a_place_that_no_page_gave_is_the_beginning() {
    let w = world();
    for name in ["ana", "ben", "cleo"] {
        w.user(name, OrgRole::Member).await;
    }
    for text in ["AAAA", "AAAAAAAAAAk", "________________"] {
        for back in [false, true] {
            let turn = Turn { at: Some(text.parse().unwrap()), back, limit: 50 };
            let page = w.listed(&Asked::default(), &turn);
            assert!(page.items.len() <= 3, "{text}");
            assert!(back || page.items.len() == 3, "{text}");
        }
    }
    let counted = w.app.store.read(|view| view.count(&schema::PEOPLE_OF_ORG, Range::all().under(&(HOME,)), 2)).unwrap();
    assert_eq!(counted, 2, "no further than asked for");
}
