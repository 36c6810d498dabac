//! Tests of the use-cases on an in-memory store, with the clock set by hand: what differs only by elapsed time, and the
//! invariants that no surface can be trusted with.

#![expect(clippy::unwrap_used)]

mod edits;
mod giving;
mod keys;
mod lists;
mod machines;
mod organizations;
mod people;
mod proof;
mod provision;
mod sso;
mod what_if;

use super::credentials::{FreshKey, NewKey};
use super::projects::NewProject;
use super::service_accounts::NewService;
use super::teams::NewTeam;
use super::users::{NewUser, UserChange};
use super::*;
use crate::app::App;
use crate::clock::{Clock, DAY, HOUR, SECOND};
use crate::model::project::Visibility;
use crate::model::role::{OrgRole, TeamRole};
use crate::model::user::User;
use crate::policy::{Credential, Process};
use std::net::{IpAddr, Ipv4Addr};

const IP: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
const START: Millis = 1_800_000_000_000;
const PASSWORD: &str = "plover ketch amber vault";

struct World {
    app: App,
    clock: Clock,
}

fn world() -> World {
    world_with(&[])
}

fn world_with(environment: &[(&str, &str)]) -> World {
    let clock = Clock::fixed(START);
    let app = App::for_tests(clock.clone(), environment);
    World { app, clock }
}

fn shell() -> Caller {
    Caller::process(Process::Shell)
}

fn as_user(user: &User) -> Caller {
    Caller {
        subject: Subject { actor: Actor::User(user.id), credential: Credential::Session("test".into(), None) },
        origin: Origin::default(),
    }
}

impl World {
    async fn user(&self, name: &str, role: OrgRole) -> User {
        let new = NewUser {
            email: format!("{name}@example.com"),
            username: Some(name.into()),
            role: Some(role),
            ..NewUser::default()
        };
        self.app.act(&shell(), move |cx| users::create(cx, &new)).await.unwrap()
    }

    async fn with_password(&self, name: &str) -> User {
        let user = self.user(name, OrgRole::Admin).await;
        let hash = self.app.new_password(PASSWORD, &[]).await.unwrap();
        let typed = name.to_owned();
        self.app.act(&shell(), move |cx| users::set_password(cx, &typed, &hash, None)).await.unwrap();
        user
    }

    async fn team(&self, name: &'static str, admin: &'static str) {
        self.app
            .act(&shell(), move |cx| teams::create(cx, &NewTeam::named(name), Some(admin)).map(drop))
            .await
            .unwrap();
    }

    async fn events(&self, action: &str) -> Vec<Event> {
        self.app.settle().await.unwrap();
        let search = audit::Search { action: Some(action.into()), limit: 100, ..Default::default() };
        self.app.ask(&shell(), |cx| audit::search(cx, &search)).unwrap().items
    }

    fn findings(&self) -> Vec<String> {
        crate::store::examine(&self.app.store).unwrap()
    }
}

#[tokio::test]
async fn the_last_admin_cannot_be_lost_by_any_path() {
    let w = world();
    let ana = w.user("ana", OrgRole::Admin).await;
    w.user("ben", OrgRole::Member).await;
    for caller in [shell(), as_user(&ana)] {
        let deactivate = w.app.act(&caller, |cx| users::set_active(cx, "ana", false).map(drop)).await;
        let demote = w.app.act(&caller, |cx| users::set_org_role(cx, "ana", OrgRole::Viewer).map(drop)).await;
        let delete = w.app.act(&caller, |cx| users::delete(cx, "ana")).await;
        for refused in [deactivate, demote, delete] {
            assert_eq!(refused.unwrap_err().code(), Code::LastAdmin);
        }
    }
    assert_eq!(w.app.ask(&shell(), |cx| users::admins(cx)).unwrap(), 1);
    // A deactivated admin does not count; an active second one does.
    w.app.act(&shell(), |cx| users::set_org_role(cx, "ben", OrgRole::Admin).map(drop)).await.unwrap();
    w.app.act(&shell(), |cx| users::set_active(cx, "ben", false).map(drop)).await.unwrap();
    assert!(w.app.act(&shell(), |cx| users::set_org_role(cx, "ana", OrgRole::Member).map(drop)).await.is_err());
    w.app.act(&shell(), |cx| users::set_active(cx, "ben", true).map(drop)).await.unwrap();
    w.app.act(&shell(), |cx| users::set_org_role(cx, "ana", OrgRole::Member).map(drop)).await.unwrap();
    assert!(w.findings().is_empty());
}

#[tokio::test]
async fn two_admins_who_demote_each_other_leave_one() {
    let w = world();
    let (ana, ben) = (w.user("ana", OrgRole::Admin).await, w.user("ben", OrgRole::Admin).await);
    let (ana, ben) = (as_user(&ana), as_user(&ben));
    let (one, other) = tokio::join!(
        w.app.act(&ana, |cx| users::set_org_role(cx, "ben", OrgRole::Member).map(drop)),
        w.app.act(&ben, |cx| users::set_org_role(cx, "ana", OrgRole::Member).map(drop)),
    );
    assert!(one.is_ok() != other.is_ok());
    assert_eq!(w.app.ask(&shell(), |cx| users::admins(cx)).unwrap(), 1);
}

#[tokio::test]
async fn every_change_has_its_event_and_every_event_its_reason() {
    let w = world();
    let ana = w.user("ana", OrgRole::Admin).await;
    w.app.act(&as_user(&ana), |cx| teams::create(cx, &NewTeam::named("acme"), None).map(drop)).await.unwrap();
    let events = w.events("team:create").await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].actor.name, "ana");
    assert_eq!(events[0].target, Named::new("team", crate::model::TeamId(2), "acme"));
    assert_eq!(events[0].chain.last().unwrap().text, "The organization role admin allows team:create.");
    // A write without an event does not commit.
    let by = shell();
    let silent = w.app.act(&by, |cx| {
        let grant = cx.allow(Action::UserCreate, Resource::Org(HOME))?;
        let mut user = cx.view().get(&schema::USERS, &crate::model::UserId(1))?.unwrap();
        user.name = "changed".into();
        cx.put(&grant, &schema::USERS, &user)
    });
    assert_eq!(silent.await.unwrap_err().code(), Code::Internal);
    assert_eq!(w.app.ask(&as_user(&ana), |cx| users::me(cx)).unwrap().name, "");
}

#[tokio::test]
async fn denials_are_folded_per_minute_and_hold_the_rule() {
    let w = world();
    w.user("ana", OrgRole::Admin).await;
    let ben = as_user(&w.user("ben", OrgRole::Member).await);
    let create = || w.app.act(&ben, |cx| teams::create(cx, &NewTeam::named("acme"), None).map(drop));
    for _ in 0..5 {
        let denied = create().await.unwrap_err();
        assert_eq!(denied.detail(), "Denied: team:create needs the organization role admin; ben has member.");
    }
    let events = w.events("team:create").await;
    assert_eq!((events.len(), events[0].outcome), (1, Outcome::Denied));
    assert_eq!(events[0].chain.last().unwrap().text, "team:create needs the organization role admin; ben has member.");
    w.clock.set(START + 61 * SECOND);
    w.app.tick();
    assert_eq!(w.events("team:create").await[0].count, 5);
    assert!(create().await.is_err());
    assert_eq!(w.events("team:create").await.len(), 2);
}

#[tokio::test]
async fn f060_a_session_ends_after_its_length_and_with_its_user() {
    let w = world();
    w.with_password("ana").await;
    let ben = w.with_password("ben").await;
    let (fresh, session) =
        w.app.sign_in("Ben@Example.com", PASSWORD, &shell(), Some(IP)).await.unwrap().open().unwrap();
    assert_eq!(session.expires_at - session.created_at, 720 * HOUR);
    w.clock.set(START + 720 * HOUR - 1);
    w.app.by_session(fresh.token(), IP).unwrap();
    w.clock.set(START + 720 * HOUR);
    assert!(w.app.by_session(fresh.token(), IP).is_err());
    w.app.tick();
    w.app.settle().await.unwrap();
    assert!(w.app.ask(&as_user(&ben), |cx| sessions::list(cx, ben.id)).unwrap().is_empty());

    let (fresh, _) = w.app.sign_in("ben", PASSWORD, &shell(), Some(IP)).await.unwrap().open().unwrap();
    let key = FreshKey::draw(&w.app.random).unwrap();
    let shown = key.clone();
    w.app.act(&as_user(&ben), move |cx| credentials::issue(cx, "ben", &NewKey::default(), &key)).await.unwrap();
    w.app.by_key(shown.reveal(), IP).unwrap();
    w.app.act(&shell(), |cx| users::set_active(cx, "ben", false).map(drop)).await.unwrap();
    assert!(w.app.by_session(fresh.token(), IP).is_err());
    assert!(w.app.by_key(shown.reveal(), IP).is_err());
    assert_eq!(w.app.sign_in("ben", PASSWORD, &shell(), Some(IP)).await.unwrap_err().code(), Code::SignInFailed);
    // Back again, the key works and the old session does not.
    w.app.act(&shell(), |cx| users::set_active(cx, "ben", true).map(drop)).await.unwrap();
    w.app.by_key(shown.reveal(), IP).unwrap();
    assert!(w.app.by_session(fresh.token(), IP).is_err());
}

#[tokio::test]
async fn sign_in_says_the_same_for_every_cause_and_slows_down() {
    let w = world();
    w.with_password("ana").await;
    w.user("ben", OrgRole::Member).await;
    let mut said = vec![];
    for (name, password) in
        [("ana", "wrong password"), ("ben", PASSWORD), ("nobody", PASSWORD), ("ana", ""), ("*)(", "x")]
    {
        let e = w.app.sign_in(name, password, &shell(), Some(IP)).await.unwrap_err();
        said.push((e.code(), e.sentence()));
    }
    said.dedup();
    assert_eq!(said.len(), 1, "{said:?}");
    for _ in 0..6 {
        drop(w.app.sign_in("ana", "wrong password", &shell(), Some(IP)).await);
    }
    assert_eq!(w.app.sign_in("ana", PASSWORD, &shell(), Some(IP)).await.unwrap_err().code(), Code::TooManyAttempts);
    w.clock.set(START + HOUR);
    w.app.sign_in("ana", PASSWORD, &shell(), Some(IP)).await.unwrap();
    let causes: Vec<_> = w.events("user:login").await.into_iter().flat_map(|e| e.chain).map(|r| r.text).collect();
    for cause in ["The password does not fit.", "The user has no password.", "There is no such user."] {
        assert!(causes.iter().any(|c| c == cause), "{cause}");
    }
}

#[tokio::test]
async fn f130_the_setup_code_is_for_one_hour_one_use_and_no_user() {
    let w = world();
    let code = w.app.renew_setup().unwrap().unwrap();
    let new = || NewUser { email: "ana@example.com".into(), ..Default::default() };
    assert_eq!(w.app.sign_in("ana", PASSWORD, &shell(), None).await.unwrap_err().code(), Code::SetupRequired);
    w.clock.set(START + HOUR);
    assert_eq!(w.app.set_up(&code, new(), PASSWORD, &shell()).await.unwrap_err().code(), Code::SetupVoid);
    let code = w.app.renew_setup().unwrap().unwrap();
    assert!(w.app.set_up("another", new(), PASSWORD, &shell()).await.is_err());
    assert_eq!(w.app.set_up(&code, new(), "short", &shell()).await.unwrap_err().code(), Code::WeakPassword);
    let (fresh, _) = w.app.set_up(&code, new(), PASSWORD, &shell()).await.unwrap();
    let (subject, _) = w.app.by_session(fresh.token(), IP).unwrap();
    let ana = w.app.ask(&Caller { subject, origin: Origin::default() }, |cx| users::me(cx)).unwrap();
    assert_eq!(ana.org_role(HOME), Some(OrgRole::Admin));
    assert_eq!(w.app.set_up(&code, new(), PASSWORD, &shell()).await.unwrap_err().code(), Code::SetupVoid);
    assert!(w.app.renew_setup().unwrap().is_none());
}

#[tokio::test]
async fn f311_a_key_expires_to_the_millisecond_and_is_kept_as_a_hash() {
    let w = world();
    let ana = w.user("ana", OrgRole::Admin).await;
    let key = FreshKey::draw(&w.app.random).unwrap();
    let shown = key.reveal().to_owned();
    let new = NewKey { name: "ci".into(), expires_at: Some(START + DAY), ..Default::default() };
    let stored = w.app.act(&as_user(&ana), move |cx| credentials::issue(cx, "ana", &new, &key)).await.unwrap();
    assert!(shown.len() == 40 && shown.starts_with(&stored.id) && !stored.hash.contains(&shown));
    w.clock.set(START + DAY - 1);
    w.app.by_key(&shown, IP).unwrap();
    w.app.tick();
    w.app.settle().await.unwrap();
    let listed = w.app.ask(&as_user(&ana), |cx| credentials::list(cx, ana.id)).unwrap();
    assert_eq!(listed[0].last.as_ref().unwrap().ip, IP.to_string());
    w.clock.set(START + DAY);
    let mut wrong = shown.clone();
    wrong.replace_range(39.., if wrong.ends_with('A') { "B" } else { "A" });
    for presented in [shown.as_str(), &wrong, "", "short", &"ä".repeat(20)] {
        assert_eq!(w.app.by_key(presented, IP).unwrap_err().code(), Code::Unauthenticated);
    }
}

#[tokio::test]
async fn an_invitation_is_taken_up_only_if_its_inviter_still_may() {
    let w = world();
    w.user("ana", OrgRole::Admin).await;
    let (ben, cleo) = (w.user("ben", OrgRole::Member).await, w.user("cleo", OrgRole::Member).await);
    w.team("acme", "ben").await;
    w.team("other", "cleo").await;
    for (team, by) in [("acme", &ben), ("other", &cleo)] {
        let invite = move |cx: &mut Acting| teams::invite(cx, team, "new@example.com", "admin").map(drop);
        w.app.act(&as_user(by), invite).await.unwrap();
        w.app.act(&as_user(by), invite).await.unwrap();
    }
    // Cleo loses the right to invite before the account exists.
    w.app.act(&shell(), |cx| teams::set_role(cx, "other", "cleo", "viewer").map(drop)).await.unwrap();
    let new = w.user("new", OrgRole::Viewer).await;
    let teams = w.app.ask(&as_user(&new), |cx| teams::mine(cx)).unwrap();
    let roles: Vec<_> = teams.iter().map(|(t, r)| (t.name.as_str(), r.role)).collect();
    assert_eq!(roles, [("acme", TeamRole::Viewer)], "a viewer of the organization becomes view-only");
    assert!(w.findings().is_empty());
}

#[tokio::test]
async fn names_are_one_namespace_without_case_and_ids_are_never_used_twice() {
    let w = world();
    let ana = w.user("ana", OrgRole::Admin).await;
    let taken = w.app.act(&shell(), |cx| teams::create(cx, &NewTeam::named("ANA"), None).map(drop)).await;
    assert_eq!(taken.unwrap_err().code(), Code::NameTaken);
    let ben = w.user("ben", OrgRole::Member).await;
    w.app.act(&shell(), |cx| users::delete(cx, "ben")).await.unwrap();
    let again = w.user("Ben", OrgRole::Member).await;
    assert!(again.id > ben.id);
    w.team("acme", "ana").await;
    let renamed = UserChange { username: Some("Ana".into()), ..Default::default() };
    w.app.act(&shell(), move |cx| users::update(cx, "ana", &renamed).map(drop)).await.unwrap();
    let teams = w.app.ask(&as_user(&ana), |cx| teams::mine(cx)).unwrap();
    assert_eq!((teams.len(), teams[0].1.role), (1, TeamRole::Admin));
    let derived = NewUser { email: "ana@other.example".into(), ..Default::default() };
    let derived = w.app.act(&shell(), move |cx| users::create(cx, &derived)).await.unwrap();
    assert_eq!(derived.username, "ana-2");
    assert!(w.findings().is_empty());
}

#[tokio::test]
async fn nobody_vouches_for_their_own_address() {
    let w = world();
    w.user("ana", OrgRole::Admin).await;
    let ben = as_user(&w.user("ben", OrgRole::Member).await);
    let change = || UserChange { email: Some("boss@example.com".into()), ..Default::default() };
    let own = change();
    let refused = w.app.act(&ben, move |cx| users::update(cx, "ben", &own).map(drop)).await;
    assert!(refused.is_err());
    assert_eq!(w.app.ask(&ben, |cx| users::me(cx)).unwrap().email(), Some("ben@example.com"));
    let by_admin = change();
    w.app.act(&shell(), move |cx| users::update(cx, "ben", &by_admin).map(drop)).await.unwrap();
    assert_eq!(w.app.ask(&ben, |cx| users::me(cx)).unwrap().email(), Some("boss@example.com"));
}

#[tokio::test]
async fn lists_show_what_single_reads_show() {
    let w = world();
    w.user("ana", OrgRole::Admin).await;
    let (ben, cleo) = (w.user("ben", OrgRole::Member).await, w.user("cleo", OrgRole::Member).await);
    w.team("acme", "ben").await;
    w.app.act(&shell(), |cx| teams::invite(cx, "acme", "cleo", "member").map(drop)).await.unwrap();
    for visibility in Visibility::ALL {
        let new = NewProject {
            entity: Some("acme".into()),
            name: visibility.as_str().into(),
            visibility: Some(visibility),
            members: vec![],
        };
        w.app.act(&as_user(&ben), move |cx| projects::create(cx, &new).map(drop)).await.unwrap();
    }
    let dora = w.user("dora", OrgRole::Member).await;
    for (who, sees) in [(&ben, 4), (&cleo, 3), (&dora, 2)] {
        let listed = w.app.ask(&as_user(who), |cx| lookup::projects_page(cx, Some("acme"), 100, None));
        let listed = listed.unwrap().1.items;
        assert_eq!(listed.len(), sees, "{}", who.username);
        assert_eq!(w.app.ask(&as_user(who), |cx| projects::reachable(cx, 100)).unwrap().len(), sees);
        for v in Visibility::ALL {
            let single = w.app.ask(&as_user(who), |cx| projects::get(cx, "acme", v.as_str())).is_ok();
            assert_eq!(single, listed.iter().any(|p| p.visibility == v), "{} {}", who.username, v.as_str());
        }
    }
    let hidden = w.app.ask(&as_user(&dora), |cx| projects::get(cx, "acme", "team")).unwrap_err();
    let absent = w.app.ask(&as_user(&dora), |cx| projects::get(cx, "acme", "nothing")).unwrap_err();
    assert_eq!(hidden.detail().replace("team'", "X'"), absent.detail().replace("nothing'", "X'"));
    assert_eq!(hidden.kind(), absent.kind());
}

#[tokio::test]
async fn f193_leaving_the_team_leaves_its_restricted_projects() {
    let w = world();
    let (ben, cleo) = (w.user("ben", OrgRole::Admin).await, w.user("cleo", OrgRole::Member).await);
    w.team("acme", "ben").await;
    w.app.act(&shell(), |cx| teams::invite(cx, "acme", "cleo", "member").map(drop)).await.unwrap();
    let new = NewProject {
        entity: Some("acme".into()),
        name: "secret".into(),
        visibility: Some(Visibility::Restricted),
        members: vec!["cleo".into()],
    };
    w.app.act(&as_user(&ben), move |cx| projects::create(cx, &new).map(drop)).await.unwrap();
    let reads = || w.app.ask(&as_user(&cleo), |cx| projects::get(cx, "acme", "secret")).is_ok();
    assert!(reads());
    w.app.act(&as_user(&ben), |cx| teams::remove_member(cx, "acme", "cleo")).await.unwrap();
    w.app.act(&as_user(&ben), |cx| teams::invite(cx, "acme", "cleo", "member").map(drop)).await.unwrap();
    assert!(!reads());
    let by = as_user(&ben);
    let widen = w.app.act(&by, |cx| projects::set_visibility(cx, "acme", "secret", Visibility::Open));
    assert_eq!(widen.await.unwrap_err().code(), Code::InvalidValue);
    assert!(w.findings().is_empty());
}

#[tokio::test]
async fn a_service_account_dies_with_its_membership_and_its_key_is_shown_once() {
    let w = world();
    let ben = w.user("ben", OrgRole::Admin).await;
    w.team("acme", "ben").await;
    let who = as_user(&ben);
    let service = w
        .app
        .act(&who, |cx| {
            service_accounts::create_in_team(
                cx,
                "acme",
                &NewService { name: "nightly CI".to_owned(), ..Default::default() },
            )
        })
        .await
        .unwrap();
    assert_eq!(service.username, "service-nightly-CI");
    let key = FreshKey::draw(&w.app.random).unwrap();
    let (shown, owner) = (key.clone(), service.username.clone());
    w.app.act(&who, move |cx| credentials::issue(cx, &owner, &NewKey::default(), &key)).await.unwrap();
    w.app.keep_for_reveal(&who, service.id, shown.clone());
    let stranger = Caller {
        subject: Subject { credential: Credential::Session("other".into(), None), ..who.subject.clone() },
        ..who.clone()
    };
    assert!(w.app.reveal(&stranger, service.id).is_none());
    assert!(w.app.reveal(&who, service.id).is_some());
    assert!(w.app.reveal(&who, service.id).is_none());
    w.app.keep_for_reveal(&who, service.id, shown.clone());
    w.clock.set(START + MINUTE_AND_MORE);
    assert!(w.app.reveal(&who, service.id).is_none());
    w.app.by_key(shown.reveal(), IP).unwrap();
    w.app.act(&who, |cx| teams::remove_member(cx, "acme", "service-nightly-CI")).await.unwrap();
    assert!(w.app.by_key(shown.reveal(), IP).is_err());
    assert!(w.findings().is_empty());
}

#[tokio::test]
async fn service_accounts_have_legal_names_however_long_their_description() {
    let w = world();
    let ben = w.user("ben", OrgRole::Admin).await;
    w.team("acme", "ben").await;
    for _ in 0..2 {
        let long = "x".repeat(200);
        let made = w
            .app
            .act(&as_user(&ben), move |cx| {
                service_accounts::create_in_team(
                    cx,
                    "acme",
                    &NewService { name: long.to_owned(), ..Default::default() },
                )
            })
            .await
            .unwrap();
        crate::model::name::check_entity_name("user", &made.username).unwrap();
    }
}

const MINUTE_AND_MORE: Millis = 61 * SECOND;

#[tokio::test]
async fn explain_is_the_code_that_enforces() {
    let w = world();
    let ana = w.user("ana", OrgRole::Admin).await;
    let ben = w.user("ben", OrgRole::Member).await;
    w.team("acme", "ana").await;
    let why = |who: &User| w.app.ask(&as_user(who), |cx| explain::explain(cx, "ben", "user:create", ""));
    let by = as_user(&ben);
    let enforced = w
        .app
        .act(&by, |cx| users::create(cx, &NewUser { email: "x@example.com".into(), ..Default::default() }).map(drop));
    let enforced = enforced.await.unwrap_err();
    let explained = why(&ben).unwrap();
    assert_eq!(explained, why(&ana).unwrap());
    assert!(!explained.allowed);
    assert_eq!(enforced.detail(), format!("Denied: {}", explained.chain.last().unwrap().text));
    assert_eq!(w.events("user:create").await[0].chain, explained.chain);
    let about_other = w.app.ask(&as_user(&ben), |cx| explain::explain(cx, "ana", "user:create", ""));
    assert_eq!(about_other.unwrap_err().code(), Code::Denied);
    let hidden = w.app.ask(&as_user(&ben), |cx| explain::explain(cx, "ben", "team:read", "acme")).unwrap_err();
    let absent = w.app.ask(&as_user(&ben), |cx| explain::explain(cx, "ben", "team:read", "nope")).unwrap_err();
    assert_eq!(hidden.detail().replace("acme", "nope"), absent.detail());
}

#[test]
fn the_field_names_of_events_are_frozen() {
    let event = Event {
        id: EventId::new(START, 1),
        at: START,
        org: HOME,
        actor: Named::new("user", "User:1", "ana"),
        credential: "key A".into(),
        origin: Origin { ip: "::1".into(), agent: "x".into(), request: "1".into() },
        action: "user:create".into(),
        target: Named::new("user", "User:2", "ben"),
        changes: vec![Change { field: "role".into(), from: Some("a".into()), to: Some("b".into()) }],
        chain: vec![Reason { rule: "r".into(), text: "t".into() }],
        outcome: Outcome::Done,
        count: 2,
    };
    let frozen = r#"{"id":"01MJ02K1080000000000000001","at":1800000000000,"org":1,"actor":{"kind":"user","id":"User:1","name":"ana"},"credential":"key A","origin":{"ip":"::1","agent":"x","request":"1"},"action":"user:create","target":{"kind":"user","id":"User:2","name":"ben"},"changes":[{"field":"role","from":"a","to":"b"}],"chain":[{"rule":"r","text":"t"}],"outcome":"done","count":2}"#;
    let shown = serde_json::to_string(&event).unwrap();
    assert_eq!(shown.replace(&event.id.to_string(), "ID"), frozen.replace("01MJ02K1080000000000000001", "ID"));
    assert_eq!(serde_json::from_str::<Event>(&shown).unwrap(), event);
}
