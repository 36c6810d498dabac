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

/// OpenBao's and GitLab's class: whoever steals a key that counts in one network until Friday makes one that counts everywhere
/// for good.
#[tokio::test]
async fn a_key_makes_no_key_that_reaches_further() {
    let w = world();
    let (ben, [acme, _], _) = w.two_teams().await;
    let networks = |text: &str| key_care::networks(text).unwrap();
    let own = NewKey { networks: networks("10.0.0.0/8"), expires_at: Some(START + 9 * DAY), ..NewKey::default() };
    let (_, narrow) = w.key(&ben, own).await.unwrap();
    let by = Caller { subject: w.app.by_key(narrow.reveal(), INSIDE).unwrap(), origin: Origin::default() };
    let make = |owner: &'static str, new: NewKey| {
        let fresh = FreshKey::draw(&w.app.random).unwrap();
        let (app, by) = (&w.app, &by);
        async move { app.act(by, move |cx| credentials::issue(cx, owner, &new, &fresh)).await }
    };
    for wider in [
        NewKey { networks: networks("10.0.0.0/8, 192.0.2.0/24"), ..NewKey::default() },
        NewKey { networks: networks("0.0.0.0/0"), ..NewKey::default() },
        NewKey { networks: networks("::/0"), ..NewKey::default() },
        NewKey { expires_at: Some(START + 10 * DAY), ..NewKey::default() },
    ] {
        let refused = make("ben", wider.clone()).await.unwrap_err();
        assert_eq!(refused.code(), Code::Denied, "{wider:?}: {refused}");
    }
    let narrower = NewKey {
        networks: networks("10.2.0.0/16"),
        expires_at: Some(START + DAY),
        scope: KeyScope::ReadOnly,
        ..NewKey::default()
    };
    let made = make("ben", narrower.clone()).await.unwrap();
    assert_eq!((made.networks, made.expires_at), (narrower.networks, narrower.expires_at));
    // What is left open is as narrow as the key it is made with; for machines as well.
    let service = NewService { name: "ci".into(), ..Default::default() };
    let made_by = as_user(&ben);
    w.app.act(&made_by, move |cx| service_accounts::create_in_team(cx, "acme", &service).map(drop)).await.unwrap();
    for owner in ["ben", "service-ci"] {
        let made = make(owner, NewKey::default()).await.unwrap();
        assert_eq!((made.networks, made.expires_at), (networks("10.0.0.0/8"), Some(START + 9 * DAY)), "{owner}");
    }
    // The successor of a wide key is a key like any other.
    let (wide, _) = w.key(&ben, NewKey::default()).await.unwrap();
    let fresh = FreshKey::draw(&w.app.random).unwrap();
    let next = w.app.act(&by, move |cx| credentials::replace(cx, &wide, DAY, &fresh)).await.unwrap();
    assert_eq!((next.networks, next.expires_at), (networks("10.0.0.0/8"), Some(START + 9 * DAY)));
    // One that counts in the organization makes none that counts beyond.
    let scope = KeyScope::Within { place: KeyPlace::Org(crate::model::team::HOME), reads_only: false };
    let (_, of_org) = w.key(&ben, NewKey { scope, ..NewKey::default() }).await.unwrap();
    let by = Caller { subject: w.app.by_key(of_org.reveal(), INSIDE).unwrap(), origin: Origin::default() };
    for (asked, got) in [
        (KeyScope::Full, scope),
        (KeyScope::ReadOnly, KeyScope::Within { place: KeyPlace::Org(crate::model::team::HOME), reads_only: true }),
        (
            KeyScope::Within { place: KeyPlace::Team(acme), reads_only: false },
            KeyScope::Within { place: KeyPlace::Team(acme), reads_only: false },
        ),
    ] {
        let fresh = FreshKey::draw(&w.app.random).unwrap();
        let new = NewKey { scope: asked, ..NewKey::default() };
        let made = w.app.act(&by, move |cx| credentials::issue(cx, "ben", &new, &fresh)).await.unwrap();
        assert_eq!(made.scope, got);
    }
    assert!(w.findings().is_empty());
}

/// CVE-2024-1250 GitLab's class: whoever manages a team's machines reads what only one of them was let into.
#[tokio::test]
async fn nobody_makes_a_key_for_a_machine_that_works_where_they_may_not() {
    let w = world();
    let tess = w.user("tess", OrgRole::Member).await;
    let (mia, ana) = (w.user("mia", OrgRole::Member).await, w.user("ana", OrgRole::Admin).await);
    w.team("acme", "tess").await;
    w.app
        .act(&shell(), |cx| {
            let new = crate::ops::roles::NewRole {
                name: "keeper".into(),
                inherits: "member".into(),
                permissions: vec!["team:create_service_account".into()],
                ..Default::default()
            };
            crate::ops::roles::create(cx, &new)?;
            teams::invite(cx, "acme", "mia", "keeper").map(drop)
        })
        .await
        .unwrap();
    let service = NewService { name: "ci".into(), ..Default::default() };
    let by = as_user(&tess);
    w.app.act(&by, move |cx| service_accounts::create_in_team(cx, "acme", &service).map(drop)).await.unwrap();
    let make = |who: &User| {
        let (fresh, by, app) = (FreshKey::draw(&w.app.random).unwrap(), as_user(who), &w.app);
        async move { app.act(&by, move |cx| credentials::issue(cx, "service-ci", &NewKey::default(), &fresh)).await }
    };
    make(&mia).await.unwrap();
    let new = NewProject {
        entity: Some("acme".into()),
        name: "vault".into(),
        visibility: Some(Visibility::Restricted),
        members: vec!["service-ci".into()],
    };
    w.app.act(&by, move |cx| projects::create(cx, &new).map(drop)).await.unwrap();
    let refused = make(&mia).await.unwrap_err();
    assert_eq!(refused.code(), Code::Denied);
    assert!(!refused.sentence().contains("vault"), "it does not say which: {}", refused.sentence());
    for may in [&tess, &ana] {
        make(may).await.unwrap();
    }
    w.app.act(&by, |cx| project_members::add(cx, "acme", "vault", "mia")).await.unwrap();
    make(&mia).await.unwrap();
    assert!(w.findings().is_empty());
}

/// CVE-2024-4006 GitLab: the scope of a token was asked on one surface and not on another.
#[tokio::test]
async fn a_narrow_key_finds_nothing_outside_of_its_place_by_asking_about_itself() {
    use crate::ops::discover::{self, Page};
    use crate::ops::evaluate::{self, Kind, Question};
    let w = world();
    let (ben, [acme, _], _) = w.two_teams().await;
    let scope = KeyScope::Within { place: KeyPlace::Team(acme), reads_only: true };
    let (_, key) = w.key(&ben, NewKey { scope, ..NewKey::default() }).await.unwrap();
    let by = Caller { subject: w.app.by_key(key.reveal(), INSIDE).unwrap(), origin: Origin::default() };
    let page = Page { limit: 100, token: "" };
    let found = |action, kind| w.app.ask(&by, |cx| discover::resources(cx, "ben", action, kind, page)).unwrap().items;
    assert_eq!(found(Action::ProjectRead, Kind::Project), ["acme/fusion"]);
    assert_eq!(found(Action::TeamRead, Kind::Team), ["acme"]);
    assert_eq!(found(Action::ProjectDelete, Kind::Project), [""; 0], "it reads only");
    let ask = |action, kind, id: &'static str| {
        let asked = Question { subject: "ben", action, kind, id };
        w.app.ask(&by, |cx| evaluate::ask(cx, asked, false)).unwrap()
    };
    assert!(ask(Action::ProjectRead, Kind::Project, "acme/fusion").decision);
    for (action, kind, id) in [
        (Action::ProjectRead, Kind::Project, "other/fusion"),
        (Action::TeamRead, Kind::Team, "other"),
        (Action::UserCreate, Kind::Organization, ""),
        (Action::RunCreate, Kind::Project, "acme/fusion"),
    ] {
        let answer = ask(action, kind, id);
        assert_eq!((answer.decision, answer.rule), (false, "credential_scope"), "{id}");
    }
    let may = w.app.ask(&by, |cx| discover::actions(cx, "ben", Kind::Organization, "", page)).unwrap().items;
    assert_eq!(may, [Action::OrganizationRead, Action::RoleRead]);
}

/// An address of a file is asked for inside of the key's networks and used outside of them.
#[tokio::test]
async fn an_address_of_a_file_counts_where_its_key_does() {
    use crate::ops::runs::{files, tickets};
    let w = world();
    let ben = w.user("ben", OrgRole::Member).await;
    let networks = key_care::networks("10.0.0.0/8").unwrap();
    let (id, _) = w.key(&ben, NewKey { networks, ..NewKey::default() }).await.unwrap();
    let (open, _) = w.key(&ben, NewKey::default()).await.unwrap();
    let ticket = |key: &str| tickets::Ticket {
        way: tickets::Way::Down,
        run: crate::model::RunId(1),
        user: ben.id,
        key: key.to_owned(),
        limit: 1,
        until: START + HOUR,
        name: "a".into(),
    };
    for (key, from, good) in [
        (&id, "10.2.3.4", true),
        (&id, "::ffff:10.2.3.4", true),
        (&id, "192.0.2.1", false),
        (&id, "", false),
        (&open, "192.0.2.1", true),
        (&open, "", true),
    ] {
        let found = w.app.store.read(|view| files::still_good(view, &ticket(key), START, from.parse().ok())).unwrap();
        assert_eq!(found, good, "{from}");
    }
}
