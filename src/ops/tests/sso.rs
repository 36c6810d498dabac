//! What coming through the company leads to: which account, which teams, and what stays untouched.

use super::*;
use crate::app::SignedIn;
use crate::config::settings::sso as keys;
use crate::error::{Kind, Result};
use crate::model::identity::{ExternalGroup, ExternalGroups, ExternalIdentity, LDAP, oidc_connection};
use crate::model::session::Session;
use crate::model::user::Status;
use crate::ops::{break_glass, sso};
use crate::store::{Read, schema};

const OIDC: &[(&str, &str)] =
    &[("OIDC_ISSUER", "https://idp.example"), ("OIDC_CLIENT_ID", "c"), ("GORILLA_ENABLE_SSO_GROUP_CLAIMS", "true")];

fn who(subject: &str, email: &str, groups: &[&str]) -> ExternalIdentity {
    let group = |name: &&str| ExternalGroup { names: vec![(*name).to_owned()], through: "the groups claim".into() };
    ExternalIdentity {
        connection: oidc_connection("https://idp.example/"),
        subject: subject.to_owned(),
        username: None,
        name: Some("Ana E.".into()),
        email: Some(email.to_owned()),
        email_verified: Some(true),
        groups: ExternalGroups::Complete(groups.iter().map(group).collect()),
        session: None,
    }
}

impl World {
    async fn comes(&self, who: &ExternalIdentity) -> Result<(User, Session)> {
        let anybody = Caller { subject: crate::policy::Subject::anonymous(), origin: Origin::default() };
        let (_, session) = self.app.sign_in_by(who.clone(), "oidc", &anybody).await?;
        let user = self.app.store.read(|view| view.get(&schema::USERS, &session.user))?;
        Ok((user.unwrap(), session))
    }

    fn teams_of(&self, user: &User) -> Vec<String> {
        let rows = self.app.store.read(|view| teams::of_user(view, user.id)).unwrap();
        let name = |m: crate::model::team::Membership| {
            self.app.store.read(|view| view.get(&schema::TEAMS, &m.team)).unwrap().unwrap().name
        };
        let mut names: Vec<String> = rows.into_iter().map(name).collect();
        names.sort();
        names
    }
}

#[tokio::test]
async fn f145_f146_f292_to_f295_an_account_is_made_once_and_teams_follow_complete_groups() {
    let world = world_with(OIDC);
    // Until the setup link made the first administrator, nobody else is.
    assert_eq!(world.comes(&who("1", "ana@corp.example", &[])).await.unwrap_err().code(), Code::SetupRequired);
    world.user("root", OrgRole::Admin).await;
    world.team("t1", "root").await;
    world.team("t2", "root").await;
    let (ana, session) = world.comes(&who("1", "ana@corp.example", &["T1", "unheard of"])).await.unwrap();
    assert_eq!((ana.username.as_str(), ana.name.as_str()), ("ana", "Ana E."));
    assert_eq!(ana.orgs[0].role, OrgRole::Member);
    assert_eq!((session.method.as_str(), session.identity.unwrap().subject.as_str()), ("oidc", "1"));
    assert_eq!(world.teams_of(&ana), ["t1"]);
    // F293: the claim is all teams; what it does not name is left, and the log says so.
    let (again, _) = world.comes(&who("1", "ana@corp.example", &["t2"])).await.unwrap();
    assert_eq!((again.id, world.teams_of(&ana)), (ana.id, vec!["t2".to_owned()]));
    assert_eq!(world.events("team:uninvite").await.len(), 1);
    // What nobody can tell is not "none" (Entra's overage, a missing claim).
    let unknown = ExternalIdentity { groups: ExternalGroups::Unknown("too many groups".into()), ..who("1", "", &[]) };
    world.comes(&unknown).await.unwrap();
    assert_eq!(world.teams_of(&ana), ["t2"]);
    world.comes(&who("1", "ana@corp.example", &[])).await.unwrap();
    assert!(world.teams_of(&ana).is_empty());
    // The spelling of the issuer's end never makes a second person; another subject with the same address is refused.
    let other =
        ExternalIdentity { connection: oidc_connection("https://idp.example"), ..who("1", "x@corp.example", &[]) };
    assert_eq!(world.comes(&other).await.unwrap().0.id, ana.id);
    assert_eq!(world.comes(&who("2", "x@corp.example", &[])).await.unwrap_err().kind(), Kind::Denied);
}

#[tokio::test]
async fn f294_without_the_setting_groups_are_ignored() {
    let world = world_with(&OIDC[..2]);
    world.user("root", OrgRole::Admin).await;
    world.team("t1", "root").await;
    let (ana, _) = world.comes(&who("1", "ana@corp.example", &["t1"])).await.unwrap();
    assert!(world.teams_of(&ana).is_empty());
}

#[tokio::test]
async fn f148_f149_f290_without_provisioning_only_accounts_that_were_made_come_in() {
    let mut environment = OIDC.to_vec();
    environment.push(("DISABLE_SSO_PROVISIONING", "true"));
    let world = world_with(&environment);
    world.user("root", OrgRole::Admin).await;
    let refused = world.comes(&who("1", "new@example.com", &[])).await.unwrap_err();
    assert!(refused.sentence().contains("Ask an organization admin"), "{}", refused.sentence());
    assert!(world.app.store.read(|view| users::by_name(view, "new@example.com")).unwrap().is_none());
    let made = world.user("ana", OrgRole::Member).await;
    let (ana, _) = world.comes(&who("1", "Ana@Example.com", &[])).await.unwrap();
    assert_eq!(ana.id, made.id);
    // A refusal stands in the log with its reason.
    let denied = world.events("user:login").await;
    let root = as_user(&world.app.store.read(|view| users::by_name(view, "root")).unwrap().unwrap());
    let ways = world.app.ask(&root, |cx| sso::last_sign_ins(cx)).unwrap();
    let oidc = ways.iter().find(|w| w.method == "oidc").unwrap();
    assert_eq!((oidc.succeeded_at, oidc.failed_at), (Some(START), Some(START)));
    assert!(oidc.failure.contains("no account here"), "{}", oidc.failure);
    assert!(denied.iter().any(|e| e.chain.iter().any(|r| r.rule == "oidc_account")));
}

#[tokio::test]
async fn an_account_in_use_is_not_taken_by_its_address_and_an_administrators_never() {
    let world = world_with(OIDC);
    let root = world.with_password("root").await;
    let used = world.user("ana", OrgRole::Member).await;
    let hash = world.app.new_password(PASSWORD, &[]).await.unwrap();
    world.app.act(&shell(), move |cx| users::set_password(cx, "ana", &hash, None)).await.unwrap();
    assert!(world.comes(&who("1", "ana@example.com", &[])).await.is_err());
    for verified in [Some(false), None] {
        world.user(if verified.is_some() { "bea" } else { "cleo" }, OrgRole::Member).await;
        let email = if verified.is_some() { "bea@example.com" } else { "cleo@example.com" };
        let claims = ExternalIdentity { email_verified: verified, ..who("3", email, &[]) };
        assert!(world.comes(&claims).await.is_err(), "{verified:?}");
    }
    world.app.save_settings(&as_user(&root), vec![(keys::LINK_BY_EMAIL, Some("true".into()))]).await.unwrap();
    assert_eq!(world.comes(&who("1", "ana@example.com", &[])).await.unwrap().0.id, used.id);
    assert!(world.comes(&who("2", "root@example.com", &[])).await.is_err());
    // Its owner links it, who has proved to be both.
    let claims = who("2", "root@example.com", &[]);
    let mine = claims.clone();
    world.app.act(&as_user(&root), move |cx| sso::link(cx, &mine)).await.unwrap();
    assert_eq!(world.comes(&claims).await.unwrap().0.id, root.id);
    let other = claims.clone();
    assert!(world.app.act(&as_user(&used), move |cx| sso::link(cx, &other)).await.is_err());
    // Unlinking ends what the link opened.
    let connection = claims.connection.clone();
    world.app.act(&as_user(&root), move |cx| sso::unlink(cx, "root", &connection, "2")).await.unwrap();
    let left = world.app.store.read(|view| sessions::of_user(view, root.id)).unwrap();
    assert!(left.is_empty());
}

#[tokio::test]
async fn f298_f299_identifier_claims_give_the_names_or_refuse_with_the_character() {
    let mut environment = OIDC.to_vec();
    environment.push(("GORILLA_USE_IDENTIFIER_CLAIMS", "true"));
    let world = world_with(&environment);
    world.user("root", OrgRole::Admin).await;
    let named = |name: &str| ExternalIdentity { username: Some(name.into()), ..who("1", "a@corp.example", &[]) };
    for bad in ["a b", "a.b", "", "login"] {
        let error = world.comes(&named(bad)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Denied, "{bad}");
        assert!(error.sentence().contains(bad), "{}", error.sentence());
    }
    assert!(world.comes(&who("1", "a@corp.example", &[])).await.is_err());
    let (ana, _) = world.comes(&named("ana_e")).await.unwrap();
    assert_eq!(ana.username, "ana_e");
    assert_eq!(world.comes(&named("Ana-E2")).await.unwrap().0.username, "Ana-E2");
    let taken = world.comes(&named("root")).await.unwrap_err();
    assert!(taken.sentence().contains("belongs to somebody else"), "{}", taken.sentence());
}

#[tokio::test]
async fn a_deactivated_person_stays_out_and_the_last_admin_is_outside_every_sync() {
    let world = world_with(OIDC);
    let root = world.user("root", OrgRole::Admin).await;
    world.team("t1", "root").await;
    let (ana, _) = world.comes(&who("1", "ana@corp.example", &["t1"])).await.unwrap();
    world.app.act(&shell(), |cx| users::set_active(cx, "ana", false).map(drop)).await.unwrap();
    assert!(world.comes(&who("1", "ana@corp.example", &[])).await.is_err());
    assert_eq!(world.teams_of(&ana), ["t1"]);
    let (mine, mut claims) = (who("2", "root@example.com", &[]), who("2", "root@example.com", &[]));
    world.app.act(&as_user(&root), move |cx| sso::link(cx, &mine)).await.unwrap();
    world.comes(&claims).await.unwrap();
    assert_eq!(world.teams_of(&root), ["t1"]);
    let company = Caller::process(Process::Company);
    let id = root.id;
    assert!(!world.app.act(&company, move |cx| sso::gone(cx, id)).await.unwrap());
    claims.subject = "nobody".into();
    assert_eq!(
        world.app.act(&company, move |cx| sso::refresh(cx, &claims).map(drop)).await.unwrap_err().code(),
        Code::NotFound
    );
}

#[tokio::test]
async fn a_directory_that_loses_everybody_is_held_back() {
    let world = world_with(&[("BAILIWICK_PROVISIONING_FUSE_ACCOUNTS", "3")]);
    world.user("root", OrgRole::Admin).await;
    let mut people = vec![];
    for n in 0..8 {
        let claims =
            ExternalIdentity { connection: LDAP.into(), ..who(&format!("{n}"), &format!("p{n}@corp.example"), &[]) };
        people.push(world.comes(&claims).await.unwrap().0);
    }
    let company = Caller::process(Process::Company);
    let mut outcomes = vec![];
    for person in &people {
        let id = person.id;
        outcomes.push(world.app.act(&company, move |cx| sso::gone(cx, id)).await.map_err(|e| e.code()));
    }
    assert_eq!(outcomes[..3], [Ok(true), Ok(true), Ok(true)]);
    assert_eq!(outcomes[3..].iter().filter(|o| **o == Err(Code::SyncHeld)).count(), 5);
    let active = people.iter().filter(|p| {
        world.app.store.read(|view| view.get(&schema::USERS, &p.id)).unwrap().unwrap().status == Status::Active
    });
    assert_eq!(active.count(), 5);
}

#[tokio::test]
async fn while_people_sign_in_through_the_company_only_break_glass_passwords_work() {
    let world = world_with(OIDC);
    let anybody = Caller { subject: crate::policy::Subject::anonymous(), origin: Origin::default() };
    let signs_in = async |name: &str| {
        world.app.sign_in(name, PASSWORD, &anybody, None).await.and_then(SignedIn::open).map(|(_, s)| s.method)
    };
    // Made by the shell: marked.
    let root = world.with_password("root").await;
    assert!(world.app.store.read(|view| break_glass::is_marked(view, root.id)).unwrap());
    world.user("ana", OrgRole::Member).await;
    let hash = world.app.new_password(PASSWORD, &[]).await.unwrap();
    world.app.act(&shell(), move |cx| users::set_password(cx, "ana", &hash, None)).await.unwrap();
    assert_eq!(signs_in("root").await.unwrap(), "break-glass");
    assert_eq!(signs_in("ana").await.unwrap_err().code(), Code::SignInFailed);
    assert!(world.app.act(&shell(), |cx| break_glass::set(cx, "ana", true).map(drop)).await.is_err());
    // Without any mark each administrator counts as marked, so that nobody is locked out.
    world.app.act(&shell(), |cx| break_glass::set(cx, "root", false).map(drop)).await.unwrap();
    assert_eq!(signs_in("root").await.unwrap(), "break-glass");
    world.app.save_settings(&as_user(&root), vec![(keys::BREAK_GLASS_DISABLED, Some("true".into()))]).await.unwrap();
    assert!(signs_in("root").await.is_err());
}

#[tokio::test]
async fn f055_to_f057_the_temporary_password_works_once_for_an_hour_and_not_without_the_flag() {
    let mut environment = OIDC.to_vec();
    environment.push(("LOCAL_RESTORE", "true"));
    let world = world_with(&environment);
    assert_eq!(world.app.restore().unwrap_err().code(), Code::SetupRequired);
    world.user("root", OrgRole::Admin).await;
    assert!(!world.app.settings.current().is_sso_on());
    let anybody = Caller { subject: crate::policy::Subject::anonymous(), origin: Origin::default() };
    let (user, password) = world.app.restore().unwrap().unwrap();
    assert_eq!(user, "root");
    assert!(world.app.sign_in("root", "wrong", &anybody, None).await.is_err());
    world.clock.set(START + 60_000);
    assert_eq!(world.app.sign_in("root", &password, &anybody, None).await.unwrap().open().unwrap().1.method, "restore");
    assert!(world.app.sign_in("root", &password, &anybody, None).await.is_err());
    let (_, password) = world.app.restore().unwrap().unwrap();
    world.clock.set(START + 60_000 + break_glass::RESTORE_VALID);
    assert!(world.app.sign_in("root", &password, &anybody, None).await.is_err());
    assert_eq!(world.events("user:set_password").await.len(), 2);
}

#[tokio::test]
async fn a_saved_secret_is_sealed_and_never_goes_to_another_address() {
    let world = world();
    let root = as_user(&world.user("root", OrgRole::Admin).await);
    let save = async |changes: &[(&'static str, &str)]| {
        let some = |v: &str| (!v.is_empty()).then(|| v.to_owned());
        world.app.save_settings(&root, changes.iter().map(|(k, v)| (*k, some(v))).collect()).await
    };
    let password = || world.app.settings.current().ldap().bind_password.clone();
    save(&[(keys::LDAP_ADDRESS, "ldap://a"), (keys::LDAP_BIND_PASSWORD, "hunter2")]).await.unwrap();
    assert_eq!(password().as_deref(), Some("hunter2"));
    let row = world.app.store.read(|view| view.get(&schema::SETTINGS, &keys::LDAP_BIND_PASSWORD.to_owned())).unwrap();
    assert!(!row.unwrap().value.contains("hunter2"));
    save(&[(keys::LDAP_BASE_DN, "dc=x")]).await.unwrap();
    assert_eq!(password().as_deref(), Some("hunter2"));
    // GHSA-c25h-c27q-5qpv: a changed address drops it; it has to be typed again.
    save(&[(keys::LDAP_ADDRESS, "ldap://b")]).await.unwrap();
    assert_eq!(password(), None);
    let would = world.app.would_be(&root, vec![(keys::LDAP_ADDRESS, Some("ldap://c".into()))]).unwrap();
    assert_eq!(would.ldap().bind_password, None);
    for wrong in [(keys::LDAP_ADDRESS, "b"), (keys::RESTORE, "true"), (keys::OIDC_ENABLED, "true")] {
        assert_eq!(save(&[wrong]).await.unwrap_err().code(), Code::InvalidValue, "{wrong:?}");
    }
    // F014, F051.
    let member = as_user(&world.user("mia", OrgRole::Member).await);
    assert!(world.app.save_settings(&member, vec![(keys::LDAP_ADDRESS, None)]).await.is_err());
    let events = world.events("setting:update").await;
    assert!(!format!("{events:?}").contains("hunter2"));
}

/// Pre-hijacking: an account made with somebody's address before they came, whose maker keeps its password and keys.
#[tokio::test]
async fn an_account_made_with_somebody_elses_address_is_not_given_to_them_at_sign_in() {
    let mut environment = OIDC.to_vec();
    environment.push(("BAILIWICK_SSO_LINK_BY_EMAIL", "true"));
    let w = world_with(&environment);
    let root = w.user("root", OrgRole::Admin).await;
    let hash = w.app.new_password(PASSWORD, &[]).await.unwrap();
    for (name, unverified) in [("mallory", true), ("mia", false)] {
        let new = users::NewUser {
            email: format!("{name}@corp.example"),
            username: Some(name.into()),
            password_hash: Some(hash.clone()),
            unverified,
            ..users::NewUser::default()
        };
        w.app.act(&shell(), move |cx| users::create(cx, &new).map(drop)).await.unwrap();
    }
    assert_eq!(w.comes(&who("2", "mia@corp.example", &[])).await.unwrap().0.username, "mia");
    let refused = w.comes(&who("1", "mallory@corp.example", &[])).await.unwrap_err();
    assert!(refused.kind() == Kind::Denied && refused.sentence().contains("Nobody proved"), "{refused}");
    w.app.act(&as_user(&root), |cx| users::vouch(cx, "mallory").map(drop)).await.unwrap();
    assert_eq!(w.comes(&who("1", "mallory@corp.example", &[])).await.unwrap().0.username, "mallory");
}
