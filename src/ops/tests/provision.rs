//! Provisioning where it must hold whatever a surface does: other organizations, names, days, the ways to delete.

use super::*;
use crate::error::Result;
use crate::model::team::Org;
use crate::model::user::{Email, OrgMembership, Status, UserKind};
use crate::model::{OrgId, UserId};
use crate::ops::provision::{self, Change, Condition, Key, NewPerson, Person};
use crate::store::{Read, schema};

impl World {
    async fn provisioned(&self, by: &Caller, name: &'static str, external_id: &'static str) -> Result<Person> {
        let made = move |cx: &mut Acting| {
            provision::apply(cx, |cx, toll| {
                let new = NewPerson {
                    user_name: name.into(),
                    email: format!("{}-{external_id}@mail.example", name.replace('@', "-at-")),
                    external_id: Some(external_id.into()),
                    ..NewPerson::default()
                };
                provision::create(cx, toll, &new)
            })
        };
        self.app.act(by, made).await
    }

    async fn changed(&self, by: &Caller, id: UserId, change: Change) -> Result<Person> {
        let made = move |cx: &mut Acting| {
            provision::apply(cx, |cx, toll| {
                provision::change(cx, toll, id, &Condition::default(), |_| Ok(vec![change.clone()]))
            })
        };
        self.app.act(by, made).await
    }

    async fn removed(&self, by: &Caller, id: UserId) -> Result<()> {
        let made = move |cx: &mut Acting| {
            provision::apply(cx, |cx, toll| provision::remove(cx, toll, id, &Condition::default()))
        };
        self.app.act(by, made).await
    }

    /// Somebody of a second organization, which nothing makes yet.
    async fn stranger(&self) -> User {
        let write = |tx: &mut Tx| {
            let org = OrgId(tx.next_id(schema::ORG_IDS)?);
            let stranger = User {
                id: UserId(tx.next_id(schema::ENTITY_IDS)?),
                kind: UserKind::Person,
                username: "stranger".into(),
                name: "Strange R.".into(),
                emails: vec![Email { address: "stranger@example.com".into(), verified: true }],
                status: Status::Active,
                orgs: vec![OrgMembership::new(org, OrgRole::Admin)],
                default_org: None,
                default_team: None,
                created_at: START,
                updated_at: 0,
                version: 1,
            };
            tx.put(&schema::ORGS, &Org::new(org, "other".into(), START))?;
            tx.put(&schema::USERS, &stranger)?;
            tx.note_event();
            Ok(stranger)
        };
        self.app.store.write(write).await.unwrap()
    }
}

/// CVE-2026-67330 better-auth: one organization's token read, changed and deleted the accounts of another.
#[tokio::test]
async fn people_of_another_organization_are_not_there() {
    let w = world();
    let admin = as_user(&w.user("root", OrgRole::Admin).await);
    let stranger = w.stranger().await;
    let theirs = as_user(&stranger);
    let own = w.provisioned(&admin, "ana@example.com", "7").await.unwrap();
    let far = w.provisioned(&theirs, "ben@example.com", "7").await.unwrap();
    assert_eq!(far.user.orgs[0].org, OrgId(2), "an external id is unique in its organization only");
    for id in [stranger.id, far.user.id] {
        assert_eq!(w.app.ask(&admin, |cx| provision::person(cx, id)).unwrap_err().code(), Code::NotFound);
        for change in [Change::Active(false), Change::FullName { name: "X".into(), derived: false }] {
            assert_eq!(w.changed(&admin, id, change).await.unwrap_err().code(), Code::NotFound);
        }
        assert_eq!(w.removed(&admin, id).await.unwrap_err().code(), Code::NotFound);
    }
    let found = |by: &Caller, key: Key| -> Vec<UserId> {
        w.app.ask(by, |cx| provision::find(cx, key)).unwrap().iter().map(|p| p.user.id).collect()
    };
    for key in [
        Key::UserName("stranger"),
        Key::UserName("ben@example.com"),
        Key::Email("stranger@example.com"),
        Key::FullName("Strange R."),
        Key::Id(stranger.id),
        Key::Id(far.user.id),
    ] {
        assert!(found(&admin, key).is_empty(), "{key:?}");
    }
    assert_eq!(found(&admin, Key::ExternalId("7")), [own.user.id]);
    assert_eq!(found(&theirs, Key::ExternalId("7")), [far.user.id]);
    let all = w.app.ask(&admin, |cx| provision::people(cx, None, 0, 100, true)).unwrap();
    assert!(all.iter().all(|p| p.user.orgs[0].org != OrgId(2)));
    assert_eq!(w.app.ask(&admin, |cx| provision::count(cx)).unwrap(), all.len());
    // What is unique in the instance is refused without a word about whose it is.
    let clash = w.provisioned(&admin, "Ben@example.com", "8").await.unwrap_err();
    assert_eq!(clash.code(), Code::NameTaken);
    assert_eq!(w.findings(), [] as [String; 0]);
}

#[tokio::test]
async fn a_name_that_a_directory_gave_means_one_person_for_good() {
    let w = world();
    let admin = as_user(&w.user("root", OrgRole::Admin).await);
    w.team("ana", "root").await;
    let ana = w.provisioned(&admin, "Ana", "1").await.unwrap();
    assert_eq!((ana.user.username.as_str(), ana.user_name()), ("Ana-2", "Ana"));
    w.app.act(&admin, |cx| teams::delete(cx, "ana")).await.unwrap();
    let new = |name: &str| NewUser { email: "x@example.com".into(), username: Some(name.into()), ..NewUser::default() };
    let taken = w.app.act(&admin, move |cx| users::create(cx, &new("ANA"))).await.unwrap_err();
    assert_eq!(taken.code(), Code::NameTaken);
    let by_name = |name: &'static str| w.app.ask(&admin, move |cx| provision::find(cx, Key::UserName(name))).unwrap();
    assert_eq!(by_name("aNa").len(), 1);
    assert!(by_name("ana-2").is_empty(), "the username behind it is not the directory's name");
    // Somebody else may have that name, and keeps a username of their own.
    let other = w.provisioned(&admin, "ana-2", "2").await.unwrap();
    assert_eq!((other.user.username.as_str(), other.user_name()), ("ana-2-2", "ana-2"));
    assert_eq!(
        w.changed(&admin, other.user.id, Change::UserName("ANA".into())).await.unwrap_err().code(),
        Code::NameTaken
    );
    w.changed(&admin, ana.user.id, Change::UserName("ana@example.com".into())).await.unwrap();
    w.changed(&admin, other.user.id, Change::UserName("ANA".into())).await.unwrap();
    // The longest name still leaves room for a number.
    let long: &'static str = "l".repeat(128).leak();
    let first = w.provisioned(&admin, long, "3").await.unwrap();
    assert_eq!(first.user.username, long);
    w.changed(&admin, first.user.id, Change::UserName("short".into())).await.unwrap();
    let second = w.provisioned(&admin, long, "4").await.unwrap();
    assert!(second.user.username.len() <= 128 && second.user_name() == long);
    // Deleting frees the name and the id.
    w.removed(&admin, ana.user.id).await.unwrap();
    w.provisioned(&admin, "ana@example.com", "1").await.unwrap();
    assert_eq!(w.findings(), [] as [String; 0]);
}

#[tokio::test]
async fn days_of_use_are_counted_and_the_moment_of_a_change_is_kept() {
    let w = world();
    let admin = w.user("root", OrgRole::Admin).await;
    let fresh = FreshKey::draw(&w.app.random).unwrap();
    let secret = fresh.reveal().to_owned();
    let by = as_user(&admin);
    w.app.act(&by, move |cx| credentials::issue(cx, "root", &NewKey::default(), &fresh).map(drop)).await.unwrap();
    let shown = || w.app.ask(&by, |cx| provision::person(cx, admin.id)).unwrap();
    assert_eq!((shown().days_active, shown().last_active_at), (0, None));
    let mut now = START;
    for (step, days) in [(0, 1), (HOUR, 1), (DAY, 2), (2 * HOUR, 2), (3 * DAY, 3)] {
        now += step;
        w.clock.set(now);
        w.app.by_key(&secret, IP).unwrap();
        w.app.tick();
        w.app.settle().await.unwrap();
        assert_eq!((shown().days_active, shown().last_active_at), (days, Some(now)));
    }
    let version = shown().version();
    assert_eq!(shown().updated_at, START, "being used is no change");
    w.clock.set(now + SECOND);
    w.changed(&by, admin.id, Change::Details(serde_json::from_str(r#"{"title": "Chief"}"#).unwrap())).await.unwrap();
    assert_eq!(shown().updated_at, now + SECOND);
    assert_ne!(shown().version(), version);
    // Nor is being told what one knows.
    w.clock.set(now + 2 * SECOND);
    w.changed(&by, admin.id, Change::ModelsSeat(crate::model::role::Seat::Full)).await.unwrap();
    assert_eq!(shown().updated_at, now + SECOND);
}

#[tokio::test]
async fn by_setting_deletion_deactivates() {
    let clock = Clock::fixed(START);
    let w = World { app: App::for_tests(clock.clone(), &[("SCIM_DELETE_MODE", "Deactivate")]), clock };
    let admin = as_user(&w.user("root", OrgRole::Admin).await);
    let ana = w.provisioned(&admin, "ana", "1").await.unwrap();
    w.removed(&admin, ana.user.id).await.unwrap();
    let kept = w.app.ask(&admin, |cx| provision::person(cx, ana.user.id)).unwrap();
    assert_eq!((kept.is_active(), kept.user_name()), (false, "ana"));
    w.removed(&admin, ana.user.id).await.unwrap();
    assert_eq!(w.events("user:deactivate").await.len(), 1);
    assert!(w.app.store.read(|view| view.get(&schema::PROFILES, &(ana.user.id, HOME))).unwrap().is_some());
}
