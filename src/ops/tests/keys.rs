//! API keys: where they count, from where they are accepted, their successors, and what is left unused.

use super::*;
use crate::model::credential::{KeyPlace, KeyScope};
use crate::model::role::Action;
use crate::model::{Entity, ProjectId, TeamId};
use crate::ops::{key_care, service_accounts};
use crate::store::Range;

const INSIDE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 2, 3, 4));

impl World {
    /// A key of `owner`, made by themselves, and its id.
    async fn key(&self, owner: &User, new: NewKey) -> Result<(String, FreshKey)> {
        let fresh = FreshKey::draw(&self.app.random).unwrap();
        let (name, secret) = (owner.username.clone(), fresh.clone());
        let key = self.app.act(&as_user(owner), move |cx| credentials::issue(cx, &name, &new, &secret)).await?;
        Ok((key.id, fresh))
    }

    fn may(&self, key: &FreshKey, action: Action, resource: Resource) -> bool {
        let subject = self.app.by_key(key.reveal(), INSIDE).unwrap();
        let caller = Caller { subject, origin: Origin::default() };
        self.app.ask(&caller, |cx| cx.can(action, resource)).unwrap()
    }

    /// ben administers teams acme and other, each with the project fusion.
    async fn two_teams(&self) -> (User, [TeamId; 2], [ProjectId; 2]) {
        let ben = self.user("ben", OrgRole::Admin).await;
        let (mut found, mut projects) = (vec![], vec![]);
        for team in ["acme", "other"] {
            self.team(team, "ben").await;
            let new =
                NewProject { entity: Some(team.into()), name: "fusion".into(), visibility: None, members: vec![] };
            projects.push(self.app.act(&as_user(&ben), move |cx| projects::create(cx, &new)).await.unwrap().id);
            found.push(self.app.ask(&as_user(&ben), |cx| teams::get(cx, team)).unwrap().id);
        }
        (ben, found.try_into().unwrap(), projects.try_into().unwrap())
    }
}

#[tokio::test]
async fn a_narrowed_key_counts_in_its_place_only() {
    let w = world();
    let (ben, [acme, other], [in_acme, in_other]) = w.two_teams().await;
    let scope = |reach: &'static str, place: &'static str, reads_only: bool| {
        w.app.ask(&as_user(&ben), |cx| key_care::scope(cx, reach, place, reads_only))
    };
    let team = scope("", "ACME", false).unwrap();
    assert_eq!(team, KeyScope::Within { place: KeyPlace::Team(acme), reads_only: false });
    let project = scope("", "acme/fusion", true).unwrap();
    assert_eq!(project, KeyScope::Within { place: KeyPlace::Project(in_acme), reads_only: true });
    assert_eq!(scope("", "", true).unwrap(), KeyScope::ReadOnly);
    assert_eq!(scope("", "nowhere", false).unwrap_err().code(), Code::NotFound);
    assert_eq!(scope("organization", "acme", false).unwrap_err().code(), Code::InvalidValue);
    let (_, of_team) = w.key(&ben, NewKey { scope: team, ..NewKey::default() }).await.unwrap();
    let (_, of_project) = w.key(&ben, NewKey { scope: project, ..NewKey::default() }).await.unwrap();
    let org = Resource::Org(crate::model::team::HOME);
    for key in [&of_team, &of_project] {
        assert!(w.may(key, Action::UserRead, Resource::User(ben.id)));
        assert!(w.may(key, Action::OrganizationRead, org));
        assert!(!w.may(key, Action::UserList, org) && !w.may(key, Action::UserCreate, org));
        assert!(!w.may(key, Action::ApiKeyCreate, Resource::User(ben.id)), "a key makes no wider one");
        assert!(!w.may(key, Action::ProjectRead, Resource::Project(in_other)));
        assert!(w.may(key, Action::RunRead, Resource::Project(in_acme)));
    }
    assert!(w.may(&of_team, Action::RunCreate, Resource::Project(in_acme)));
    assert!(!w.may(&of_project, Action::RunCreate, Resource::Project(in_acme)));
    assert!(w.may(&of_team, Action::TeamUpdate, Resource::Entity(Entity::Team(acme))));
    assert!(!w.may(&of_team, Action::TeamRead, Resource::Entity(Entity::Team(other))));
    assert!(!w.may(&of_team, Action::ProjectCreate, Resource::Entity(Entity::Person(ben.id))));
    // A service account made with it would get a key that reaches further than it does itself.
    let subject = w.app.by_key(of_team.reveal(), INSIDE).unwrap();
    let by = Caller { subject, origin: Origin::default() };
    let secret = FreshKey::draw(&w.app.random).unwrap();
    let made = w.app.act(&by, move |cx| {
        let new = NewService { name: "ci".into(), ..Default::default() };
        let account = service_accounts::create_in_team(cx, "acme", &new)?;
        credentials::issue(cx, &account.username, &NewKey::default(), &secret)
    });
    assert!(made.await.is_err());
}

#[tokio::test]
async fn provisioning_is_for_accounts_of_the_organization() {
    let w = world();
    let (ben, [acme, _], _) = w.two_teams().await;
    let by = as_user(&ben);
    let refused = w.key(&ben, NewKey { scope: KeyScope::Provisioning, ..NewKey::default() }).await;
    assert_eq!(refused.unwrap_err().code(), Code::InvalidValue);
    let new = |name: &str| NewService { name: name.into(), ..Default::default() };
    let wide = new("wide");
    let wide = w.app.act(&by, move |cx| service_accounts::create_in_org(cx, "acme", &wide)).await.unwrap();
    let own = new("own");
    let own = w.app.act(&by, move |cx| service_accounts::create_in_team(cx, "acme", &own)).await.unwrap();
    let org = Resource::Org(crate::model::team::HOME);
    for (account, scope, provisions) in [
        (&wide, KeyScope::Full, true),
        (&wide, KeyScope::Provisioning, true),
        (&wide, KeyScope::ReadOnly, false),
        (&wide, KeyScope::Within { place: KeyPlace::Team(acme), reads_only: false }, false),
        (&own, KeyScope::Full, false),
    ] {
        let (name, fresh) = (account.username.clone(), FreshKey::draw(&w.app.random).unwrap());
        let (secret, made) = (fresh.clone(), NewKey { scope, ..NewKey::default() });
        w.app.act(&by, move |cx| credentials::issue(cx, &name, &made, &secret)).await.unwrap();
        let subject = w.app.by_key(fresh.reveal(), INSIDE).unwrap();
        let subject = w.app.store.read(|view| service_accounts::provisioner(view, subject)).unwrap();
        let caller = Caller { subject, origin: Origin::default() };
        let can = |action| w.app.ask(&caller, |cx| cx.can(action, org)).unwrap();
        assert_eq!(can(Action::UserCreate), provisions, "{} {scope:?}", account.username);
        assert!(!can(Action::SettingUpdate) && !can(Action::ServiceCreate));
        if provisions {
            // The same key on another surface manages nobody.
            assert!(!w.may(&fresh, Action::UserCreate, org) || scope == KeyScope::Provisioning);
        }
    }
}

#[tokio::test]
async fn a_key_is_accepted_from_its_networks_only() {
    let w = world();
    let ben = w.user("ben", OrgRole::Member).await;
    let networks = key_care::networks("10.2.0.0/16, 2001:db8::/32\n192.0.2.9").unwrap();
    assert_eq!(key_care::networks_text(&networks), "10.2.0.0/16, 2001:db8::/32, 192.0.2.9/32");
    for bad in ["10.2.0.0/33", "example.com", "10.2", &"10.0.0.1 ".repeat(2).replace("10.0.0.1 10", "x 10")] {
        assert_eq!(key_care::networks(bad).unwrap_err().code(), Code::InvalidValue, "{bad}");
    }
    let (id, key) = w.key(&ben, NewKey { networks, ..NewKey::default() }).await.unwrap();
    let from = |text: &str| w.app.by_key(key.reveal(), text.parse().unwrap());
    for inside in ["10.2.3.4", "192.0.2.9", "2001:db8::7", "::ffff:10.2.3.4"] {
        from(inside).unwrap();
    }
    for _ in 0..3 {
        let refused = from("10.3.0.1").unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated);
        assert!(refused.detail().contains("from this address"), "{}", refused.detail());
    }
    let events = w.events("api_key:use").await;
    assert_eq!(events.len(), 1, "folded within the minute");
    assert_eq!(
        (events[0].origin.ip.as_str(), events[0].credential.as_str()),
        ("10.3.0.1", format!("key {id}").as_str())
    );
    // Where nothing else is wrong only: whoever does not have the whole key learns nothing by trying.
    let mut other = key.reveal().to_owned();
    other.replace_range(39.., if other.ends_with('a') { "b" } else { "a" });
    let refused = w.app.by_key(&other, "10.3.0.1".parse().unwrap()).unwrap_err();
    assert!(refused.detail().contains("unknown"), "{}", refused.detail());
}

#[tokio::test]
async fn a_key_is_replaced_with_an_overlap() {
    let w = world();
    let ben = w.user("ben", OrgRole::Member).await;
    let networks = key_care::networks("10.0.0.0/8").unwrap();
    let new = NewKey {
        name: "laptop".into(),
        expires_at: Some(START + 90 * DAY),
        scope: KeyScope::ReadOnly,
        networks: networks.clone(),
    };
    let (id, old) = w.key(&ben, new).await.unwrap();
    w.clock.set(START + 80 * DAY);
    let (fresh, replaced) = (FreshKey::draw(&w.app.random).unwrap(), id.clone());
    let secret = fresh.clone();
    let key = w.app.act(&as_user(&ben), move |cx| credentials::replace(cx, &replaced, DAY, &secret)).await.unwrap();
    assert_eq!((key.name.as_str(), key.scope, key.networks), ("laptop", KeyScope::ReadOnly, networks));
    assert_eq!(key.expires_at, Some(START + 170 * DAY), "its successor lives as long as it did");
    w.app.by_key(old.reveal(), INSIDE).unwrap();
    w.app.by_key(fresh.reveal(), INSIDE).unwrap();
    w.clock.set(START + 81 * DAY);
    assert!(w.app.by_key(old.reveal(), INSIDE).is_err());
    w.app.by_key(fresh.reveal(), INSIDE).unwrap();
    let again = FreshKey::draw(&w.app.random).unwrap();
    let gone = w.app.act(&as_user(&ben), move |cx| credentials::replace(cx, &id, DAY, &again)).await;
    assert_eq!(gone.unwrap_err().code(), Code::InvalidValue, "one that has expired has no successor");
    // Without an overlap the old one is gone at once.
    let (last, secret) = (key.id, FreshKey::draw(&w.app.random).unwrap());
    let newest = secret.clone();
    w.app.act(&as_user(&ben), move |cx| credentials::replace(cx, &last, 0, &secret)).await.unwrap();
    assert!(w.app.by_key(fresh.reveal(), INSIDE).is_err());
    w.app.by_key(newest.reveal(), INSIDE).unwrap();
    let mia = w.user("mia", OrgRole::Member).await;
    let (theirs, secret) = (newest.reveal()[..10].to_owned(), FreshKey::draw(&w.app.random).unwrap());
    let foreign = w.app.act(&as_user(&mia), move |cx| credentials::replace(cx, &theirs, DAY, &secret)).await;
    assert_eq!(foreign.unwrap_err().code(), Code::NotFound);
    assert!(w.findings().is_empty());
}

#[tokio::test]
async fn f093_an_organization_may_close_new_keys() {
    let w = world();
    let ana = w.user("ana", OrgRole::Admin).await;
    let ben = w.user("ben", OrgRole::Member).await;
    let (_, before) = w.key(&ben, NewKey::default()).await.unwrap();
    assert!(w.app.act(&as_user(&ben), |cx| key_care::close(cx, true)).await.is_err());
    w.app.act(&as_user(&ana), |cx| key_care::close(cx, true)).await.unwrap();
    for who in [&ana, &ben] {
        let refused = w.key(who, NewKey::default()).await.unwrap_err();
        assert!(refused.detail().contains("lets nobody have another API key"), "{}", refused.detail());
    }
    w.app.by_key(before.reveal(), IP).unwrap();
    w.app.act(&as_user(&ana), |cx| key_care::close(cx, false)).await.unwrap();
    w.key(&ben, NewKey::default()).await.unwrap();
}

#[tokio::test]
async fn keys_that_nobody_uses_are_reported() {
    let w = world();
    let ana = w.user("ana", OrgRole::Admin).await;
    let ben = w.user("ben", OrgRole::Member).await;
    let mut named = vec![];
    for name in ["used", "forgotten", "expired"] {
        let expires_at = (name == "expired").then_some(START + 10 * DAY);
        named.push(w.key(&ben, NewKey { name: name.into(), expires_at, ..NewKey::default() }).await.unwrap());
    }
    let report = |who: &User| {
        let found = w.app.ask(&as_user(who), |cx| key_care::unused(cx, Range::all()))?;
        Ok::<_, Error>(found.items.into_iter().map(|u| (u.listed.key.name, u.owner.username)).collect::<Vec<_>>())
    };
    w.clock.set(START + 60 * DAY);
    w.app.by_key(named[0].1.reveal(), IP).unwrap();
    w.app.tick();
    w.app.settle().await.unwrap();
    assert!(report(&ana).unwrap().is_empty());
    w.clock.set(START + 91 * DAY);
    assert_eq!(report(&ana).unwrap(), [("forgotten".to_owned(), "ben".to_owned())]);
    assert!(report(&ben).is_err());
    w.clock.set(START + 151 * DAY);
    assert_eq!(report(&ana).unwrap().len(), 2);
}
