//! The fuse and the connections with the clock set by hand: what differs by elapsed time, and what no surface shows.

#![expect(clippy::unwrap_used)]

use super::*;
use crate::app::App;
use crate::clock::{Clock, HOUR};
use crate::model::Entity;
use crate::model::audit::Origin;
use crate::model::provisioning::{Connection, Speech};
use crate::model::role::OrgRole;
use crate::model::user::User;
use crate::ops::connections::{self, NewConnection};
use crate::ops::credentials::FreshKey;
use crate::ops::provision;
use crate::ops::users::{self, NewUser};
use crate::ops::{Caller, paging, people, teams};
use crate::policy::{Actor, Credential, Process, Subject};
use std::net::{IpAddr, Ipv4Addr};

const START: Millis = 1_800_000_000_000;
const IP: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

struct World {
    app: App,
    clock: Clock,
    admin: Caller,
}

fn shell() -> Caller {
    Caller::process(Process::Shell)
}

/// An organization with an admin and `people` others, `p0` …
async fn world(people: usize, environment: &[(&str, &str)]) -> World {
    let clock = Clock::fixed(START);
    let app = App::for_tests(clock.clone(), environment);
    let new = NewUser {
        email: "ana@example.com".into(),
        username: Some("ana".into()),
        role: Some(OrgRole::Admin),
        ..NewUser::default()
    };
    let ana = app.act(&shell(), move |cx| users::create(cx, &new)).await.unwrap();
    let admin = Caller {
        subject: Subject { actor: Actor::User(ana.id), credential: Credential::Session("test".into(), None) },
        origin: Origin::default(),
    };
    app.act(&shell(), move |cx| {
        for n in 0..people {
            let new =
                NewUser { email: format!("p{n}@example.com"), username: Some(format!("p{n}")), ..NewUser::default() };
            users::create(cx, &new)?;
        }
        Ok(())
    })
    .await
    .unwrap();
    World { app, clock, admin }
}

impl World {
    fn id(&self, name: &str) -> UserId {
        self.app.ask(&shell(), |cx| users::get(cx, name)).unwrap().id
    }

    fn is_active(&self, name: &str) -> bool {
        self.app.ask(&shell(), |cx| users::get(cx, name)).unwrap().status == Status::Active
    }

    /// Deactivates by the door that provisioning uses.
    async fn deactivate(&self, who: &Caller, names: &[&str]) -> Result<()> {
        let ids: Vec<UserId> = names.iter().map(|n| self.id(n)).collect();
        let off = || vec![provision::Change::Active(false)];
        self.app
            .act(who, move |cx| {
                provision::apply(cx, |cx, toll| {
                    for id in &ids {
                        provision::change(cx, toll, *id, &provision::Condition::default(), |_| Ok(off()))?;
                    }
                    Ok(())
                })
            })
            .await
    }

    async fn connection(&self, name: &'static str, adopts: bool) -> (Connection, Caller) {
        let key = FreshKey::draw(&self.app.random).unwrap();
        let shown = key.clone();
        let new = NewConnection { name: name.into(), speech: Speech::AsAsked, adopts };
        let made = self.app.act(&self.admin, move |cx| connections::create(cx, &new, &key)).await.unwrap();
        let subject = self.app.by_key(shown.reveal(), IP).unwrap();
        (made, Caller { subject, origin: Origin::default() })
    }

    fn holds(&self) -> Vec<Hold> {
        self.app.ask(&self.admin, |cx| list(cx, Range::all())).unwrap().items
    }

    fn held(&self, id: HoldId) -> Vec<HeldLoss> {
        self.app.ask(&self.admin, |cx| losses(cx, id, Range::all())).unwrap().items
    }

    fn findings(&self) -> Vec<String> {
        crate::store::examine(&self.app.store).unwrap()
    }
}

fn names(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|n| format!("p{n}")).collect()
}

fn refs(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

#[tokio::test]
async fn twenty_accounts_pass_and_the_next_is_held_until_somebody_approves_it() {
    let w = world(59, &[]).await;
    w.deactivate(&w.admin, &refs(&names(0..20))).await.unwrap();
    assert!(w.holds().is_empty());
    let refused = w.deactivate(&w.admin, &["p20"]).await.unwrap_err();
    assert_eq!(refused.code(), Code::SyncHeld);
    assert!(w.is_active("p20"), "nothing was applied");
    let hold = w.holds().remove(0);
    assert_eq!((hold.state, hold.passed, hold.people), (HoldState::Waiting, 20, 60));
    assert_eq!(w.held(hold.id)[0].loss, Loss::Deactivate(w.id("p20")));
    // An approval approves what was shown, and nothing that came later.
    let (id, seen) = (hold.id, hold.last_at);
    w.clock.set(START + 1);
    w.deactivate(&w.admin, &["p21"]).await.unwrap_err();
    let late = w.app.act(&w.admin, move |cx| decide(cx, id, true, seen).map(drop)).await.unwrap_err();
    assert_eq!(late.code(), Code::StaleVersion);
    let hold = w.holds().remove(0);
    assert_eq!((hold.id, w.held(id).len()), (id, 2), "later ones join");
    let carried = w.app.approve_held(&w.admin, id, hold.last_at).await.unwrap();
    assert_eq!(carried, (2, 0));
    assert!(!w.is_active("p20") && !w.is_active("p21"));
    assert!(w.held(id).is_empty());
    // The client asks again: it is so already, and there is nothing to hold.
    w.deactivate(&w.admin, &["p20", "p21"]).await.unwrap();
    assert!(w.findings().is_empty());
}

#[tokio::test]
async fn it_takes_both_the_number_and_the_share() {
    // 25 of 301 are more than twenty and less than a tenth.
    let w = world(300, &[]).await;
    w.deactivate(&w.admin, &refs(&names(0..25))).await.unwrap();
    // 5 of 11 are nearly a half and no more than twenty.
    let small = world(10, &[]).await;
    small.deactivate(&small.admin, &refs(&names(0..5))).await.unwrap();
    // With bounds of one's own.
    let own = [("BAILIWICK_PROVISIONING_FUSE_ACCOUNTS", "3"), ("BAILIWICK_PROVISIONING_FUSE_PERCENT", "30")];
    let own = world(9, &own).await;
    own.deactivate(&own.admin, &["p0", "p1", "p2"]).await.unwrap();
    assert_eq!(own.deactivate(&own.admin, &["p3"]).await.unwrap_err().code(), Code::SyncHeld);
}

#[tokio::test]
async fn a_request_is_held_whole() {
    let w = world(40, &[]).await;
    assert_eq!(w.deactivate(&w.admin, &refs(&names(0..30))).await.unwrap_err().code(), Code::SyncHeld);
    assert!(names(0..30).iter().all(|n| w.is_active(n)));
    let hold = w.holds().remove(0);
    assert_eq!(w.held(hold.id).len(), 30);
    // A single one later does not slip through beside it.
    assert!(w.deactivate(&w.admin, &["p35"]).await.is_err());
    assert!(w.is_active("p35"));
    // Giving something is not held.
    let id = w.id("p1");
    let promote = || vec![provision::Change::OrgRole(OrgRole::Viewer)];
    w.app
        .act(&w.admin, move |cx| {
            provision::apply(cx, |cx, toll| {
                provision::change(cx, toll, id, &provision::Condition::default(), |_| Ok(promote())).map(drop)
            })
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn the_window_moves_on_and_an_account_counts_once_in_it() {
    let w = world(99, &[]).await;
    w.deactivate(&w.admin, &refs(&names(0..20))).await.unwrap();
    for name in names(0..20) {
        w.app.act(&shell(), move |cx| users::set_active(cx, &name, true).map(drop)).await.unwrap();
    }
    // The same twenty again are no more accounts.
    w.deactivate(&w.admin, &refs(&names(0..20))).await.unwrap();
    w.clock.set(START + HOUR + MINUTE);
    w.deactivate(&w.admin, &refs(&names(20..40))).await.unwrap();
    assert!(w.holds().is_empty());
    assert!(w.findings().is_empty());
}

#[tokio::test]
async fn what_was_refused_stays_refused_for_a_week() {
    let w = world(40, &[]).await;
    w.deactivate(&w.admin, &refs(&names(0..30))).await.unwrap_err();
    let hold = w.holds().remove(0);
    let (id, seen) = (hold.id, hold.last_at);
    w.app.act(&w.admin, move |cx| decide(cx, id, false, seen).map(drop)).await.unwrap();
    w.clock.set(START + 2 * HOUR);
    let again = w.deactivate(&w.admin, &["p7"]).await.unwrap_err();
    assert!(again.code() == Code::SyncHeld && again.detail().contains("refused"), "{again:?}");
    assert!(w.holds().iter().all(|h| h.state == HoldState::Refused), "nobody is asked again");
    // Another account is not concerned.
    w.deactivate(&w.admin, &["p39"]).await.unwrap();
    w.clock.set(START + 8 * DAY);
    w.deactivate(&w.admin, &["p7"]).await.unwrap();
    assert_eq!(
        w.app.act(&w.admin, move |cx| decide(cx, id, true, seen).map(drop)).await.unwrap_err().code(),
        Code::AlreadyDone
    );
}

#[tokio::test]
async fn an_approval_that_cannot_be_carried_out_says_why_and_stops_nothing_else() {
    let w = world(40, &[]).await;
    let mut all = names(0..25);
    all.push("ana".into());
    let (_, by) = w.connection("Okta", true).await;
    // The last administrator is refused by a rule of its own before the fuse is asked.
    assert_eq!(w.deactivate(&by, &refs(&all)).await.unwrap_err().code(), Code::LastAdmin);
    w.app.act(&shell(), |cx| users::set_org_role(cx, "p30", OrgRole::Admin).map(drop)).await.unwrap();
    assert_eq!(w.deactivate(&by, &refs(&all)).await.unwrap_err().code(), Code::SyncHeld);
    // Meanwhile she is the last one again.
    w.app.act(&shell(), |cx| users::set_org_role(cx, "p30", OrgRole::Member).map(drop)).await.unwrap();
    let hold = w.holds().remove(0);
    assert_eq!(w.app.approve_held(&shell(), hold.id, hold.last_at).await.unwrap(), (25, 1));
    assert!(w.is_active("ana") && !w.is_active("p0"));
    assert!(w.held(hold.id)[0].trouble.as_deref().unwrap().contains("last active administrator"));
    assert!(w.findings().is_empty());
}

#[tokio::test]
async fn a_dry_run_leaves_nothing_to_decide() {
    let w = world(40, &[]).await;
    let ids: Vec<UserId> = names(0..30).iter().map(|n| w.id(n)).collect();
    let refused = w
        .app
        .rehearse(&w.admin, move |cx| {
            provision::apply(cx, |cx, toll| {
                for id in &ids {
                    let off = || vec![provision::Change::Active(false)];
                    provision::change(cx, toll, *id, &provision::Condition::default(), |_| Ok(off()))?;
                }
                Ok(())
            })
        })
        .await;
    assert_eq!(refused.unwrap_err().code(), Code::SyncHeld);
    assert!(w.holds().is_empty());
}

#[tokio::test]
async fn a_connection_acts_on_what_it_made_and_asks_for_the_rest() {
    let w = world(3, &[]).await;
    let (okta, by) = w.connection("Okta", false).await;
    let new = provision::NewPerson {
        user_name: "new@example.com".into(),
        email: "new@example.com".into(),
        ..provision::NewPerson::default()
    };
    let made =
        w.app.act(&by, move |cx| provision::apply(cx, |cx, toll| provision::create(cx, toll, &new))).await.unwrap();
    w.deactivate(&by, &["new"]).await.unwrap();
    let owner = |id: UserId| {
        w.app.ask(&w.admin, move |cx| connections::managing(cx, Entity::Person(id))).unwrap().map(|c| c.name)
    };
    assert_eq!(owner(made.user.id).as_deref(), Some("Okta"));
    // A local account: refused, listed once however often it is tried, and handed over by an administrator only.
    for _ in 0..3 {
        assert_eq!(w.deactivate(&by, &["p0"]).await.unwrap_err().code(), Code::AdoptionPending);
    }
    assert!(w.is_active("p0"));
    let wishes = || w.app.ask(&w.admin, |cx| connections::wishes(cx, Range::all())).unwrap().items;
    assert_eq!(wishes().len(), 1);
    let (id, p0) = (okta.id, w.id("p0"));
    let own = w.app.act(&by, move |cx| connections::answer(cx, id, p0, true)).await.unwrap_err();
    assert_eq!(own.code(), Code::Denied, "not by the connection itself");
    w.app.act(&w.admin, move |cx| connections::answer(cx, id, p0, true)).await.unwrap();
    assert!(wishes().is_empty());
    w.deactivate(&by, &["p0"]).await.unwrap();
    // One that was refused is not asked about again.
    let p1 = w.id("p1");
    w.deactivate(&by, &["p1"]).await.unwrap_err();
    w.app.act(&w.admin, move |cx| connections::answer(cx, id, p1, false)).await.unwrap();
    assert!(w.deactivate(&by, &["p1"]).await.unwrap_err().detail().contains("refused"));
    assert!(wishes().is_empty());
    // A second connection does not get what the first one has, and one that may adopt gets what is local.
    let (_, entra) = w.connection("Entra ID", true).await;
    assert_eq!(w.deactivate(&entra, &["new"]).await.unwrap_err().code(), Code::NotManaged);
    w.deactivate(&entra, &["p2"]).await.unwrap();
    // A person's own key acts on all, as in W&B.
    w.app.act(&shell(), |cx| users::set_active(cx, "new", true).map(drop)).await.unwrap();
    w.deactivate(&w.admin, &["new"]).await.unwrap();
    assert!(w.findings().is_empty());
}

#[tokio::test]
async fn a_connections_key_provisions_and_does_nothing_else() {
    let w = world(2, &[]).await;
    let (okta, by) = w.connection("Okta", false).await;
    w.app.ask(&by, |cx| provision::enter(cx)).unwrap();
    w.app.ask(&by, |cx| teams::list(cx, "", Range::all()).map(drop)).unwrap();
    for refused in [
        w.app.ask(&by, |cx| crate::ops::settings::list(cx).map(drop)).unwrap_err(),
        w.app.ask(&by, |cx| connections::list(cx).map(drop)).unwrap_err(),
        w.app
            .act(&by, |cx| connections::update(cx, cx.subject().user().unwrap(), Speech::Rfc, true).map(drop))
            .await
            .unwrap_err(),
    ] {
        assert_eq!(refused.code(), Code::Denied, "{refused:?}");
    }
    let key = FreshKey::draw(&w.app.random).unwrap();
    let mint =
        w.app.act(&by, move |cx| crate::ops::credentials::issue(cx, "p0", &Default::default(), &key).map(drop)).await;
    assert!(mint.is_err(), "no way in for anybody");
    // It is nobody in the lists, and its name is taken once.
    let people: Vec<User> = w
        .app
        .ask(&w.admin, |cx| people::list(cx, &people::Asked::default(), &paging::Turn::first(1_000)))
        .unwrap()
        .items;
    assert!(people.iter().all(|u| u.id != okta.id));
    let key = FreshKey::draw(&w.app.random).unwrap();
    let new = NewConnection { name: "OKTA".into(), speech: Speech::AsAsked, adopts: true };
    let twice = w.app.act(&w.admin, move |cx| connections::create(cx, &new, &key).map(drop)).await;
    assert_eq!(twice.unwrap_err().code(), Code::NameTaken);
    // Another key, and the old one is nothing; removed, and neither is any.
    let (id, next) = (okta.id, FreshKey::draw(&w.app.random).unwrap());
    let shown = next.clone();
    w.app.act(&w.admin, move |cx| connections::renew(cx, id, &next).map(drop)).await.unwrap();
    let Credential::Key(old, _) = &by.subject.credential else { panic!("a key") };
    assert!(w.app.by_key(shown.reveal(), IP).is_ok() && !shown.reveal().starts_with(old.as_str()));
    w.app.act(&w.admin, move |cx| connections::remove(cx, id)).await.unwrap();
    assert_eq!(w.app.by_key(shown.reveal(), IP).unwrap_err().code(), Code::Unauthenticated);
    assert!(w.findings().is_empty());
}
