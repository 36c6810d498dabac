//! Two people at one form, and what newcomers of a team get, on an in-memory store.

use super::*;
use crate::model::audit::DayCounts;
use crate::ops::edits::{Drafted, Thing, check, parts};
use crate::ops::provision::{Condition, Toll};
use crate::ops::roles::NewRole;
use crate::ops::teams::TeamChange;
use crate::store::Range;

fn drafted(name: &str, seen: &str, wanted: &str) -> Drafted {
    let values = |text: &str| crate::ops::edits::plain([text.to_owned()]);
    Drafted { name: name.to_owned(), seen: values(seen), wanted: values(wanted) }
}

#[tokio::test]
async fn a_form_that_was_overtaken_is_refused_and_nothing_else_is() {
    let w = world();
    w.user("ana", OrgRole::Admin).await;
    w.team("acme", "ana").await;
    let thing = || Thing::Team("acme".into());
    let tried = |draft: Vec<Drafted>| w.app.ask(&shell(), |cx| check(cx, &thing(), &draft)).map_err(|e| e.code());
    // Nothing told, nothing changed by others, and what others left alone.
    assert_eq!(tried(vec![]), Ok(()));
    assert_eq!(tried(vec![drafted("about", "", "mine"), drafted("storage", "server", "aws")]), Ok(()));
    let change = TeamChange { description: Some("theirs".into()), ..TeamChange::default() };
    w.app.act(&shell(), move |cx| teams::update(cx, "acme", &change).map(drop)).await.unwrap();
    assert_eq!(tried(vec![drafted("about", "", "mine")]), Err(Code::StaleVersion));
    assert_eq!(tried(vec![drafted("about", "", "")]), Err(Code::StaleVersion), "it would silently undo theirs");
    assert_eq!(tried(vec![drafted("storage", "server", "aws")]), Ok(()));
    // The same once more is no clash, and neither is a field that the thing does not have.
    assert_eq!(tried(vec![drafted("about", "", "theirs")]), Ok(()));
    assert_eq!(tried(vec![drafted("nothing", "a", "b")]), Ok(()));
    assert_eq!(tried(vec![drafted("about", "theirs", "mine")]), Ok(()));
}

#[tokio::test]
async fn everything_with_a_form_tells_its_parts_to_those_who_see_it() {
    let w = world();
    w.user("ana", OrgRole::Admin).await;
    let ben = w.user("ben", OrgRole::Member).await;
    w.team("acme", "ana").await;
    let new = NewProject { entity: Some("acme".into()), name: "p".into(), visibility: None, members: vec![] };
    w.app.act(&shell(), move |cx| projects::create(cx, &new).map(drop)).await.unwrap();
    let new = NewRole { name: "Auditor".into(), inherits: "viewer".into(), ..NewRole::default() };
    let role = w.app.act(&shell(), move |cx| roles::create(cx, &new)).await.unwrap();
    let things = [
        Thing::Org,
        Thing::Team("acme".into()),
        Thing::Project("acme".into(), "p".into()),
        Thing::Role(role.id),
        Thing::User("ana".into()),
    ];
    for thing in things {
        let told = w.app.ask(&shell(), |cx| parts(cx, &thing)).unwrap();
        let mut names: Vec<_> = told.iter().map(|part| part.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), told.len(), "{thing:?}");
    }
    for hidden in [Thing::Team("acme".into()), Thing::Project("acme".into(), "p".into()), Thing::Org] {
        assert!(w.app.ask(&as_user(&ben), |cx| parts(cx, &hidden)).is_err(), "{hidden:?}");
    }
}

#[tokio::test]
async fn f169_a_team_keeps_its_storage_type_and_the_role_of_newcomers() {
    let w = world();
    let ana = w.user("ana", OrgRole::Admin).await;
    let ben = w.user("ben", OrgRole::Member).await;
    let new = NewTeam { name: "acme".into(), storage: "AWS".into(), description: "Fusion".into() };
    w.app.act(&as_user(&ana), move |cx| teams::create(cx, &new, Some("ben")).map(drop)).await.unwrap();
    let kept = || w.app.ask(&shell(), |cx| teams::get(cx, "acme")).unwrap();
    assert_eq!((kept().storage.as_str(), kept().description.as_str()), ("aws", "Fusion"));
    let wrong = NewTeam { name: "other".into(), storage: "floppy".into(), ..NewTeam::default() };
    let refused = w.app.act(&as_user(&ana), move |cx| teams::create(cx, &wrong, None).map(drop)).await;
    assert_eq!(refused.unwrap_err().code(), Code::InvalidValue);
    // The role of newcomers is given like any other.
    let role = NewRole {
        name: "Operator".into(),
        inherits: "viewer".into(),
        permissions: vec!["run:stop".into()],
        ..NewRole::default()
    };
    let role = w.app.act(&shell(), move |cx| roles::create(cx, &role)).await.unwrap();
    let give = async |who: Caller, role: &str| {
        let change = TeamChange { default_role: Some(role.to_owned()), ..TeamChange::default() };
        w.app.act(&who, move |cx| teams::update(cx, "acme", &change).map(drop)).await.map_err(|e| e.code())
    };
    assert_eq!(give(as_user(&ben), "admin").await, Err(Code::InvalidValue), "nobody becomes admin by coming");
    assert_eq!(give(as_user(&ben), "nonsense").await, Err(Code::InvalidValue));
    assert_eq!(give(as_user(&ben), "Operator").await, Ok(()));
    assert_eq!(kept().default_role, TeamRole::Custom(role.id));
    w.user("cleo", OrgRole::Member).await;
    w.user("vera", OrgRole::Viewer).await;
    let new = provision_teams::Change::Add(vec!["cleo@example.com".into(), "vera@example.com".into()]);
    let id = kept().id;
    w.app
        .act(&shell(), move |cx| {
            let mut toll = Toll::default();
            provision_teams::change(cx, &mut toll, id, &Condition::default(), std::slice::from_ref(&new)).map(drop)
        })
        .await
        .unwrap();
    let role_of = |name: &str| {
        let user = w.app.ask(&shell(), |cx| users::get(cx, name)).unwrap();
        w.app.ask(&shell(), |cx| teams::of(cx, user.id)).unwrap()[0].1.role
    };
    assert_eq!(role_of("cleo"), TeamRole::Custom(role.id));
    assert_eq!(role_of("vera"), TeamRole::Viewer, "a viewer of the organization stays view-only");
    // A role that is deleted is given no more.
    w.app.act(&shell(), move |cx| roles::delete(cx, role.id).map(drop)).await.unwrap();
    assert_eq!(kept().default_role, TeamRole::Viewer);
    assert!(w.findings().is_empty(), "{:?}", w.findings());
}

#[tokio::test]
async fn a_person_chooses_where_runs_go_that_name_no_team() {
    let w = world();
    let ana = w.user("ana", OrgRole::Admin).await;
    let ben = w.user("ben", OrgRole::Member).await;
    w.team("acme", "ana").await;
    let choose = async |user: &User, team: &str| {
        let change = UserChange { default_team: Some(team.to_owned()), ..UserChange::default() };
        let name = user.username.clone();
        w.app.act(&as_user(user), move |cx| users::update(cx, &name, &change).map(drop)).await.map_err(|e| e.code())
    };
    let goes = |user: &User| w.app.ask(&as_user(user), |cx| lookup::default_entity_name(cx, &users::me(cx)?)).unwrap();
    assert_eq!(choose(&ben, "acme").await, Err(Code::InvalidValue), "not a team of his");
    assert_eq!(choose(&ana, "ACME").await, Ok(()));
    assert_eq!((goes(&ana), goes(&ben)), ("acme".to_owned(), "ben".to_owned()));
    assert_eq!(choose(&ana, "").await, Ok(()));
    assert_eq!(goes(&ana), "ana");
}

#[tokio::test]
async fn days_are_counted_as_they_happen_and_forgotten_when_they_are_long_over() {
    let w = world();
    let ana = w.with_password("ana").await;
    let today = DayCounts::day_of(START);
    let counts = || {
        let days = w.app.ask(&shell(), |cx| audit::days(cx, 2)).unwrap();
        (days[0], days[1])
    };
    let (_, before) = counts();
    assert_eq!(before.day, today);
    w.app.sign_in("ana", PASSWORD, &shell(), Some(IP)).await.unwrap().open().unwrap();
    for _ in 0..3 {
        drop(w.app.sign_in("ana", "wrong password", &shell(), Some(IP)).await);
    }
    let ben = w.user("ben", OrgRole::Member).await;
    for _ in 0..5 {
        let refused = w.app.act(&as_user(&ben), |cx| teams::create(cx, &NewTeam::named("x"), None).map(drop)).await;
        assert_eq!(refused.unwrap_err().code(), Code::Denied);
    }
    // Folded ones are counted one by one, also once their minute is over.
    w.clock.set(w.clock.now() + 2 * crate::clock::MINUTE);
    w.app.tick();
    w.app.settle().await.unwrap();
    let (_, now) = counts();
    assert_eq!(now.sign_ins - before.sign_ins, 1);
    assert_eq!(now.failed - before.failed, 3);
    assert_eq!(now.denied - before.denied, 5);
    assert_eq!(now.changes - before.changes, 1, "ben was made");
    // The next day begins anew, and long after nothing of it is left.
    w.clock.set(w.clock.now() + DAY);
    w.user("cleo", OrgRole::Member).await;
    let (yesterday, now) = counts();
    assert_eq!((yesterday.denied - before.denied, now.changes, now.denied), (5, 1, 0));
    let rows = || w.app.store.read(|view| view.list(&schema::DAY_COUNTS, Range::all())).unwrap().items.len();
    assert_eq!(rows(), 2);
    w.clock.set(w.clock.now() + audit::DAYS_KEPT as i64 * DAY);
    w.user("dora", OrgRole::Member).await;
    assert_eq!(rows(), 1);
    assert!(w.app.ask(&as_user(&ben), |cx| audit::days(cx, 2)).is_err());
    assert!(w.app.ask(&as_user(&ana), |cx| audit::days(cx, 2)).is_ok());
    assert!(w.findings().is_empty());
}
