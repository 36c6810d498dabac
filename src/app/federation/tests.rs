//! Every way in which an exchange may be refused, each a token that is good but for one thing, with the clock set by hand and an
//! issuer that answers what it is told to; and what ends an access token.

use super::*;
use crate::clock::{Clock, DAY, HOUR, MINUTE, SECOND};
use crate::idp::tests::{Server, Signer, key_set};
use crate::model::OrgId;
use crate::model::audit::{Event, Origin, Outcome};
use crate::model::credential::{KeyPlace, KeyScope};
use crate::model::role::OrgRole;
use crate::model::team::Org;
use crate::ops::credentials::{self, FreshKey, NewKey};
use crate::ops::service_accounts::{self, NewService};
use crate::ops::users::{self, NewUser};
use crate::policy::Process;
use crate::store::{Range, Read, schema};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr};

const START: Millis = 1_800_000_000_000;
const NOW: i64 = START / SECOND;
const IP: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const PLACE: &str = "/.well-known/openid-configuration";

struct World {
    app: App,
    clock: Clock,
    server: Server,
    signer: Signer,
    issuer: Issuer,
    admin: Caller,
}

fn shell() -> Caller {
    Caller::process(Process::Shell)
}

fn nobody() -> Caller {
    Caller { subject: Subject::anonymous(), origin: Origin::default() }
}

fn terms() -> Terms {
    Terms { algorithms: algorithms(), ..Terms::default() }
}

fn document(url: &str, keys: &str) -> String {
    json!({ "issuer": url, "jwks_uri": keys }).to_string()
}

async fn world() -> World {
    world_with(&[]).await
}

async fn world_with(more: &[(&str, &str)]) -> World {
    let clock = Clock::fixed(START);
    let env: Vec<_> = [("BAILIWICK_ALLOW_LOOPBACK_ISSUERS", "true")].iter().chain(more).copied().collect();
    let app = App::for_tests(clock.clone(), &env);
    let (server, signer) = (Server::start(), Signer::new("a"));
    server.tell(PLACE, 200, document(&server.url, &format!("{}/keys", server.url)));
    server.tell("/keys", 200, key_set(&[&signer]));
    let mut ids = vec![];
    for (name, role) in [("ana", OrgRole::Admin), ("mia", OrgRole::Member)] {
        let new = NewUser {
            email: format!("{name}@example.com"),
            username: Some(name.into()),
            role: Some(role),
            ..NewUser::default()
        };
        ids.push(app.act(&shell(), move |cx| users::create(cx, &new)).await.unwrap().id);
    }
    let as_user = |id| Caller {
        subject: Subject { actor: Actor::User(id), credential: Credential::Session("test".into(), None) },
        origin: Origin::default(),
    };
    // F070: an admin trusts an issuer, a member does not.
    let refused = app.add_issuer(&as_user(ids[1]), None, &server.url, terms()).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::Denied);
    let issuer = app.add_issuer(&as_user(ids[0]), None, &server.url, terms()).await.unwrap();
    World { app, clock, server, signer, issuer, admin: as_user(ids[0]) }
}

impl World {
    fn claims(&self, changes: Value) -> Value {
        let now = self.clock.now() / SECOND;
        let mut claims = json!({
            "iss": self.server.url, "sub": "mia@example.com", "aud": "default", "iat": now, "exp": now + 300, "jti": "t-1",
        });
        for (name, value) in changes.as_object().unwrap() {
            match value.as_str() {
                Some("absent") => drop(claims.as_object_mut().unwrap().remove(name)),
                _ => claims[name.as_str()] = value.clone(),
            }
        }
        claims
    }

    fn token(&self, changes: Value) -> String {
        self.signer.sign(&self.claims(changes))
    }

    async fn exchange(&self, text: &str) -> Result<Issued> {
        self.app.exchange(text, &nobody()).await
    }

    /// The access token for a good token.
    async fn good(&self) -> String {
        let issued = self.exchange(&self.token(json!({}))).await.unwrap();
        assert_eq!(issued.seconds, 3_600);
        issued.token
    }

    /// The sentence of a refusal that leaves nothing behind.
    async fn refused(&self, text: &str) -> String {
        let before = self.tokens();
        let error = self.exchange(text).await.err().unwrap_or_else(|| panic!("it was taken"));
        assert_eq!(error.code(), Code::InvalidGrant, "{error}");
        assert_eq!(self.tokens(), before, "no token is left behind");
        error.sentence()
    }

    fn tokens(&self) -> usize {
        self.app.store.read(|view| view.count(&schema::ACCESS_TOKENS, Range::all(), 10_000)).unwrap()
    }

    fn who(&self, token: &str) -> Result<String> {
        let subject = self.app.by_key(token, IP)?;
        self.app.ask(&Caller { subject, origin: Origin::default() }, |cx| Ok(users::me(cx)?.username))
    }

    /// Why an access token is refused.
    fn dead(&self, token: &str) -> String {
        let error = self.who(token).unwrap_err();
        assert_eq!(error.code(), Code::Unauthenticated, "{error}");
        error.sentence()
    }

    async fn change(&self, terms: Terms) {
        self.app.change_issuer(&self.admin, self.issuer.id, terms).await.unwrap();
    }

    fn events(&self) -> Vec<Event> {
        self.app.store.write_blocking(|_| Ok(())).unwrap();
        self.app.store.read(|view| view.list(&schema::EVENTS, Range::all().limit(1_000))).unwrap().items
    }
}

#[tokio::test]
async fn f075_f076_f093_a_token_of_a_trusted_issuer_opens_what_its_person_may() {
    let w = world().await;
    let keys = w.app.ask(&w.admin, |cx| ops::credentials::list(cx, users::get(cx, "mia")?.id)).unwrap();
    assert!(keys.is_empty(), "no API key is needed");
    let given = w.token(json!({}));
    let token = w.exchange(&format!("  {given}\n")).await.unwrap().token;
    assert_eq!(w.who(&token).unwrap(), "mia");
    // The exchange and what is done with it are in the audit log: issuer, subject and token id, never a token.
    let event = w.events().into_iter().find(|e| e.action == "user:exchange_token").unwrap();
    let to = |field: &str| event.changes.iter().find(|c| c.field == field).and_then(|c| c.to.clone()).unwrap();
    assert_eq!((event.actor.name.as_str(), event.outcome), ("mia", Outcome::Done));
    assert_eq!(
        (to("issuer"), to("subject"), to("token id")),
        (w.server.url.clone(), "mia@example.com".into(), "t-1".into())
    );
    let label = w.app.by_key(&token, IP).unwrap().credential.label();
    assert_eq!(label, format!("token {}", to("access token")));
    let log = serde_json::to_string(&w.events()).unwrap();
    assert!(!log.contains(&token) && !log.contains(&given) && !log.contains("eyJ"));
    // F079: addresses are addresses, whatever their case; a username is none.
    assert!(w.exchange(&w.token(json!({ "sub": "MIA@Example.com" }))).await.is_ok());
    for sub in ["mia", "nobody@example.com", "mia@example.com ", "default", "*"] {
        assert!(w.refused(&w.token(json!({ "sub": sub }))).await.contains("Nobody here"), "{sub}");
    }
}

#[tokio::test]
async fn f072_f073_discovery_is_found_at_either_place() {
    let w = world().await;
    w.server.tell(PLACE, 404, "");
    w.server.tell("/.well-known/oidc-configuration", 200, document(&w.server.url, &format!("{}/keys", w.server.url)));
    w.clock.set(START + 2 * HOUR);
    assert_eq!(w.who(&w.good().await).unwrap(), "mia");
    assert!(w.server.times_asked("/.well-known/oidc-configuration") >= 1);
}

#[tokio::test]
async fn f074_a_new_key_is_believed_at_once_and_an_old_one_no_more() {
    let w = world().await;
    w.good().await;
    let asked = w.server.times_asked("/keys");
    let new = Signer::new("b");
    w.server.tell("/keys", 200, key_set(&[&new]));
    assert!(w.exchange(&new.sign(&w.claims(json!({})))).await.is_ok());
    assert_eq!(w.server.times_asked("/keys"), asked + 1);
    assert!(w.refused(&w.token(json!({}))).await.contains("no key"));
    // Strangers' tokens do not make the server ask without end.
    let stranger = Signer::new("x");
    for _ in 0..30 {
        w.refused(&stranger.sign(&w.claims(json!({})))).await;
    }
    assert!(w.server.times_asked("/keys") <= asked + 4, "{}", w.server.times_asked("/keys"));
}

#[tokio::test]
async fn f077_f078_f083_f084_each_claim_is_checked_and_a_wrong_typed_one_is_never_an_absent_one() {
    let w = world().await;
    let slash = format!("{}/", w.server.url);
    for (changes, said) in [
        (json!({ "iss": "https://evil.example" }), "is trusted here"),
        (json!({ "iss": slash }), "spells its issuer"),
        (json!({ "iss": w.server.url.to_uppercase() }), "is trusted here"),
        (json!({ "iss": "absent" }), "no claim 'iss'"),
        (json!({ "iss": [w.server.url] }), "a list, not a text"),
        (json!({ "aud": "other" }), "'other' (aud)"),
        (json!({ "aud": "absent" }), "no audience"),
        (json!({ "aud": [] }), "no audience"),
        (json!({ "aud": ["other", "others"] }), "2 audiences"),
        (json!({ "aud": ["default", 7] }), "lists a number"),
        (json!({ "aud": { "default": true } }), "an object"),
        (json!({ "aud": null }), "null"),
        (json!({ "exp": NOW - 60 }), "ended 60 s ago"),
        (json!({ "exp": NOW - 3_600 }), "ended 3600 s ago"),
        (json!({ "exp": "absent" }), "no claim 'exp'"),
        (json!({ "exp": null }), "not a number"),
        (json!({ "exp": format!("{}", NOW + 300) }), "not a number"),
        (json!({ "exp": -1 }), "not a moment"),
        (json!({ "exp": 1e300 }), "not a moment"),
        (json!({ "exp": u64::MAX }), "not a moment"),
        (json!({ "exp": NOW as f64 + 300.5 }), "not a moment"),
        (json!({ "exp": true }), "not a number"),
        (json!({ "nbf": NOW + 61 }), "in 61 s (nbf)"),
        (json!({ "nbf": "soon" }), "not a number"),
        (json!({ "nbf": -1 }), "not a moment"),
        (json!({ "iat": NOW + 61 }), "61 s in the future"),
        (json!({ "iat": NOW + 3_600, "exp": NOW + 7_200 }), "3600 s in the future"),
        (json!({ "iat": [] }), "not a number"),
        (json!({ "iat": NOW - 3 * 86_400 }), "believed for"),
        (json!({ "iat": "absent", "exp": NOW + 30 * 86_400 }), "does not say when it was issued"),
        (json!({ "sub": "absent" }), "no claim 'sub'"),
        (json!({ "sub": "" }), "empty"),
        (json!({ "sub": 7 }), "a number, not a text"),
        (json!({ "sub": "a".repeat(600) }), "longer than"),
        (json!({ "sub": "mia@example.com\u{0}" }), "control characters"),
        (json!({ "jti": 7 }), "a number, not a text"),
        (json!({ "events": {} }), "reports an event"),
    ] {
        let sentence = w.refused(&w.token(changes.clone())).await;
        assert!(sentence.contains(said), "{changes}: {sentence}");
    }
    for changes in [
        json!({}),
        json!({ "aud": ["other", "default"] }),
        json!({ "aud": "wandb" }),
        json!({ "exp": NOW - 59, "iat": NOW - 300 }),
        json!({ "iat": NOW + 59, "nbf": NOW + 59 }),
        json!({ "iat": "absent", "jti": "absent", "nbf": "absent" }),
        json!({ "jti": "t-1" }),
    ] {
        assert!(w.exchange(&w.token(changes.clone())).await.is_ok(), "{changes}");
    }
}

#[tokio::test]
async fn unsigned_confused_and_foreign_signatures_are_refused() {
    let w = world().await;
    let claims = w.claims(json!({}));
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let public = key_set(&[&w.signer]);
    for alg in ["none", "None", "HS256", "HS512", "es256", "", "ES256K"] {
        let signed = format!("{}.{}", part(&json!({ "alg": alg, "kid": "a" })), part(&claims));
        for signature in
            ["".to_owned(), URL_SAFE_NO_PAD.encode(crate::crypto::mac(public.as_bytes(), signed.as_bytes()))]
        {
            let sentence = w.refused(&format!("{signed}.{signature}")).await;
            assert!(sentence.contains("believed with"), "{alg}: {sentence}");
        }
    }
    // Keys that the token brings along are not looked at.
    let foreign = Signer::new("a");
    for header in [
        json!({ "alg": "ES256", "kid": "a", "jwk": foreign.jwk() }),
        json!({ "alg": "ES256", "kid": "a", "jku": format!("{}/evil", w.server.url) }),
        json!({ "alg": "ES256", "kid": "a", "x5u": format!("{}/evil", w.server.url) }),
        json!({ "alg": "ES256", "kid": "a", "x5c": ["MIIB"] }),
        json!({ "alg": "ES256" }),
        json!({ "alg": "RS256", "kid": "a" }),
    ] {
        w.refused(&foreign.sign_with(&header, &claims)).await;
    }
    assert_eq!(w.server.times_asked("/evil"), 0);
    w.refused(&Signer::new("unknown").sign(&claims)).await;
    assert!(
        w.refused(&w.signer.sign_with(&json!({ "alg": "ES256", "kid": "a", "crit": ["x"] }), &claims))
            .await
            .contains("crit")
    );
    let orders = json!({ "alg": "ES256", "kid": "a", "typ": "logout+jwt" });
    assert!(w.refused(&w.signer.sign_with(&orders, &claims)).await.contains("reports an event"));
    let access = json!({ "alg": "ES256", "kid": "a", "typ": "at+jwt" });
    assert!(w.exchange(&w.signer.sign_with(&access, &claims)).await.is_ok(), "client credentials give these");
    // An allow-list of one: the issuer's own algorithm is not on it.
    w.change(Terms { algorithms: vec!["RS256".into()], ..terms() }).await;
    assert!(w.refused(&w.token(json!({}))).await.contains("believed with RS256 only"));
}

#[tokio::test]
async fn repeated_names_keys_of_one_id_and_torn_tokens() {
    let w = world().await;
    let (url, now) = (&w.server.url, NOW);
    let twice = format!(
        r#"{{"iss":"{url}","sub":"ana@example.com","sub":"mia@example.com","aud":"default","exp":{}}}"#,
        now + 300
    );
    let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"ES256","kid":"a"}"#);
    assert!(w.refused(&format!("{head}.{}.AAAA", URL_SAFE_NO_PAD.encode(twice))).await.contains("twice"));
    let good = w.token(json!({}));
    for torn in [
        &good[..good.len() - 1],
        &good[1..],
        "a.b.c",
        "x",
        &good.replace('.', ":"),
        &format!("{good}.x"),
        &format!("{good}="),
        &"a".repeat(100_000),
    ] {
        w.refused(torn).await;
    }
    // Two keys under one id: either is believed.
    let other = Signer::new("a");
    w.server.tell("/keys", 200, key_set(&[&other, &w.signer]));
    w.clock.set(START + HOUR);
    assert!(w.exchange(&w.token(json!({}))).await.is_ok());
    assert!(w.exchange(&other.sign(&w.claims(json!({})))).await.is_ok());
}

#[tokio::test]
async fn f082_any_audience_only_where_the_operator_says_so() {
    let w = world_with(&[("SKIP_AUDIENCE_VALIDATION", "true")]).await;
    for aud in [json!("other"), json!("absent"), json!(["a", "b"])] {
        assert!(w.exchange(&w.token(json!({ "aud": aud }))).await.is_ok(), "{aud}");
    }
    assert!(w.refused(&w.token(json!({ "aud": 7 }))).await.contains("neither a text nor a list"));
}

#[tokio::test]
async fn f085_f086_an_access_token_ends_and_is_swept_away_and_a_new_one_is_given() {
    let w = world().await;
    let token = w.good().await;
    w.clock.set(START + HOUR - 1);
    assert_eq!(w.who(&token).unwrap(), "mia");
    w.clock.set(START + HOUR);
    assert!(w.dead(&token).contains("ended at 2027-01-15T09:00:00.000Z"), "{}", w.dead(&token));
    let next = w.good().await;
    assert_eq!((w.who(&next).unwrap().as_str(), w.tokens()), ("mia", 2));
    assert!(!w.app.sweep_tokens().await.unwrap());
    assert_eq!((w.tokens(), w.who(&next).unwrap().as_str()), (1, "mia"));
    assert!(w.dead(&token).contains("ended at"));
    // One that nobody gave out is not told from one that was swept away.
    let guess = crate::model::federation::AccessToken::text(w.clock.now() + HOUR, &"a".repeat(43));
    assert!(w.dead(&guess).contains("not one that was given out"));
}

#[tokio::test]
async fn many_access_tokens_that_are_over_go_by_slices_and_hide_none_that_is_good() {
    let w = world().await;
    let token = w.good().await;
    let (user, issuer) = (w.app.by_key(&token, IP).unwrap().user().unwrap(), w.issuer.id);
    w.app
        .store
        .write_blocking(move |tx| {
            for n in 0..2_500 {
                let hash = crate::crypto::hex(&crate::crypto::sha256(&u64::to_be_bytes(n)));
                let over =
                    crate::model::federation::AccessToken { expires_at: START - 1_000, hash, user, org: HOME, issuer };
                tx.put(&schema::ACCESS_TOKENS, &over)?;
            }
            Ok(())
        })
        .unwrap();
    let mut slices = 1;
    while w.app.sweep_tokens().await.unwrap() {
        slices += 1;
    }
    assert_eq!((slices, w.tokens(), w.who(&token).unwrap().as_str()), (3, 1, "mia"));
}

#[tokio::test]
async fn f088_accounts_that_are_off_get_nothing_and_what_they_have_is_refused_at_once() {
    let w = world().await;
    let token = w.good().await;
    w.app.act(&w.admin, |cx| users::set_active(cx, "mia", false)).await.unwrap();
    assert!(w.dead(&token).contains("The account mia is deactivated."), "{}", w.dead(&token));
    assert!(w.refused(&w.token(json!({}))).await.contains("The account mia is deactivated."));
    let denied = w.events().into_iter().rfind(|e| e.action == "user:exchange_token").unwrap();
    assert_eq!((denied.outcome, denied.actor.name.as_str()), (Outcome::Denied, "mia"));
    w.app.act(&w.admin, |cx| users::set_active(cx, "mia", true)).await.unwrap();
    assert_eq!(w.who(&token).unwrap(), "mia", "the token was good all the time, the account was not");
    w.app.act(&w.admin, |cx| users::delete(cx, "mia")).await.unwrap();
    assert!(w.dead(&token).contains("is deleted"), "{}", w.dead(&token));
    assert!(w.refused(&w.token(json!({}))).await.contains("Nobody here"));
}

#[tokio::test]
async fn a_removed_issuer_gives_nothing_and_takes_its_tokens_along_for_good() {
    let w = world().await;
    let token = w.good().await;
    let id = w.issuer.id;
    w.app.act(&w.admin, move |cx| issuers::remove(cx, id)).await.unwrap();
    assert!(w.dead(&token).contains("not trusted any more"));
    assert!(w.refused(&w.token(json!({}))).await.contains("is trusted here"));
    let again = w.app.add_issuer(&w.admin, None, &w.server.url, terms()).await.unwrap();
    assert_ne!(again.id, id);
    assert!(w.dead(&token).contains("not trusted any more"), "the same issuer trusted anew is another one");
    assert_eq!(w.who(&w.good().await).unwrap(), "mia");
}

#[tokio::test]
async fn an_issuer_of_another_organization_opens_nothing_here() {
    let w = world().await;
    let (mine, url) = (w.issuer.clone(), w.server.url.clone());
    let second = OrgId(77);
    let org = |id, name: &str, like: &Org| Org { id, name: name.to_owned(), ..like.clone() };
    w.app
        .store
        .write_blocking(move |tx| {
            let home = tx.get(&schema::ORGS, &HOME)?.unwrap();
            tx.put(&schema::ORGS, &org(second, "second", &home))?;
            tx.put(&schema::ISSUERS, &Issuer { id: IssuerId(500), org: second, ..mine.clone() })?;
            tx.note_event();
            Ok(())
        })
        .unwrap();
    // C21: with two who trust it, 'wandb' says nothing; the name chooses.
    assert!(w.refused(&w.token(json!({ "aud": "wandb" }))).await.contains("'wandb' (aud)"));
    assert!(
        w.refused(&w.token(json!({ "aud": "second" }))).await.contains("Nobody here"),
        "mia is not in the second one"
    );
    assert!(w.refused(&w.token(json!({ "aud": ["default", "second"] }))).await.contains("exactly one"));
    let token = w.good().await;
    assert_eq!(w.who(&token).unwrap(), "mia");
    // A token is good in its own organization only, whatever its owner is in others.
    let subject = w.app.by_key(&token, IP).unwrap();
    let Credential::Token { org, .. } = subject.credential else { panic!("a token") };
    assert_eq!(org, HOME);
    let (id, elsewhere) = (subject.user().unwrap(), second);
    w.app
        .store
        .write_blocking(move |tx| {
            let mut mia = tx.get(&schema::USERS, &id)?.unwrap();
            mia.orgs.insert(0, crate::model::user::OrgMembership::new(elsewhere, OrgRole::Admin));
            tx.put(&schema::USERS, &mia)?;
            tx.note_event();
            Ok(())
        })
        .unwrap();
    let caller = Caller { subject: w.app.by_key(&token, IP).unwrap(), origin: Origin::default() };
    let may = |org| {
        w.app.ask(&caller, |cx| cx.can(crate::model::role::Action::OrganizationRead, crate::policy::Resource::Org(org)))
    };
    assert_eq!((may(HOME).unwrap(), may(second).unwrap()), (true, false));
    assert_eq!(w.app.ask(&caller, |cx| cx.org()).unwrap(), HOME);
    assert_eq!(w.who(&token).unwrap(), "mia", "who one is can be asked anywhere");
    // Whoever leaves the organization leaves its tokens behind.
    w.app
        .store
        .write_blocking(move |tx| {
            let mut mia = tx.get(&schema::USERS, &id)?.unwrap();
            mia.orgs.retain(|m| m.org != HOME);
            tx.put(&schema::USERS, &mia)?;
            tx.note_event();
            Ok(())
        })
        .unwrap();
    assert!(w.dead(&token).contains("does not belong to the organization"));
    assert_eq!(url, w.server.url);
}

#[tokio::test]
async fn c20_the_verified_address_counts_only_where_the_terms_say_so() {
    let w = world().await;
    let entra = json!({ "sub": "f3c1-object-id", "email": "mia@example.com", "email_verified": true });
    assert!(w.refused(&w.token(entra.clone())).await.contains("Nobody here"));
    w.change(Terms { by_email: true, ..terms() }).await;
    assert!(w.exchange(&w.token(entra)).await.is_ok());
    for verified in [json!(false), json!("true"), json!(1), json!("absent")] {
        let claims = json!({ "sub": "x", "email": "mia@example.com", "email_verified": verified });
        assert!(w.refused(&w.token(claims)).await.contains("Nobody here"), "{verified}");
    }
    assert!(w.refused(&w.token(json!({ "sub": "x", "email": 7, "email_verified": true }))).await.contains("a number"));
}

#[tokio::test]
async fn a_token_id_counts_once_only_where_the_terms_say_so() {
    let w = world().await;
    let text = w.token(json!({}));
    for _ in 0..3 {
        assert!(w.exchange(&text).await.is_ok(), "the wandb client exchanges the same file many times");
    }
    w.change(Terms { once: true, ..terms() }).await;
    assert!(w.exchange(&text).await.is_ok());
    assert!(w.refused(&text).await.contains("exchanged already"));
    assert!(w.refused(&w.token(json!({ "jti": "absent" }))).await.contains("no id (jti)"));
    assert!(w.exchange(&w.token(json!({ "jti": "t-2" }))).await.is_ok());
    let failed = w.events().into_iter().rfind(|e| e.outcome == Outcome::Failed && e.target.name == "mia").unwrap();
    assert!(failed.chain[0].text.contains("'t-1'"), "{failed:?}");
}

#[tokio::test]
async fn pasted_keys_need_no_network_and_hold_no_secret() {
    let w = world().await;
    let asked = w.server.asked.lock().len();
    let k8s = "https://kubernetes.default.svc.cluster.local";
    let pasted = Terms { pasted: true, jwks: Some(key_set(&[&w.signer])), stale_at: Some(START + 20 * DAY), ..terms() };
    let issuer = w.app.add_issuer(&w.admin, None, k8s, pasted.clone()).await.unwrap();
    let token = w.token(json!({ "iss": k8s, "aud": ["default"], "nbf": NOW }));
    assert!(w.exchange(&token).await.is_ok());
    assert!(w.refused(&w.token(json!({ "iss": format!("{k8s}/") }))).await.contains("spells its issuer"));
    assert_eq!(w.server.asked.lock().len(), asked);
    let stale = |at| {
        w.clock.set(at);
        w.app.ask(&w.admin, |cx| issuers::are_keys_going_stale(cx)).unwrap()
    };
    assert_eq!((stale(START), stale(START + 6 * DAY), stale(START + 30 * DAY)), (false, true, true));
    w.clock.set(START);
    let mut secret = w.signer.jwk();
    secret["d"] = "c2VjcmV0".into();
    for (jwks, said) in [
        (json!({ "keys": [secret] }).to_string(), "private"),
        (json!({ "keys": [] }).to_string(), "no key"),
        ("{}".into(), "no list"),
        ("<html>".into(), "JSON"),
        (json!({ "keys": [w.signer.jwk()], "more": "x".repeat(30_000) }).to_string(), "longer than"),
    ] {
        let terms = Terms { pasted: true, jwks: Some(jwks), ..terms() };
        let error = w.app.change_issuer(&w.admin, issuer.id, terms).await.unwrap_err();
        assert!(error.kind() == Kind::Invalid && error.sentence().contains(said), "{error}");
    }
    // Without new keys the old ones stay; other keys end the old ones at once.
    w.app.change_issuer(&w.admin, issuer.id, Terms { jwks: None, once: true, ..pasted.clone() }).await.unwrap();
    assert!(w.exchange(&token).await.is_ok());
    let other = Terms { jwks: Some(key_set(&[&Signer::new("a")])), ..pasted };
    w.app.change_issuer(&w.admin, issuer.id, other).await.unwrap();
    assert!(w.refused(&token).await.contains("signature"));
}

#[tokio::test]
async fn issuers_that_cannot_be_asked_are_refused_or_passing_trouble() {
    let w = world().await;
    let keys = |w: &World, url: &str| w.server.tell(PLACE, 200, document(&w.server.url, url));
    let own = format!("{}/keys", w.server.url);
    let mut at = START;
    let mut later = |w: &World| {
        // Past everything that is remembered.
        at += 2 * DAY;
        w.clock.set(at);
    };
    for (url, said) in [
        ("http://169.254.169.254/keys", "link-local"),
        ("https://[fe80::1]/keys", "link-local"),
        ("file:///etc/passwd", "cannot be used"),
    ] {
        later(&w);
        keys(&w, url);
        let sentence = w.refused(&w.token(json!({}))).await;
        assert!(sentence.contains(said), "{url}: {sentence}");
    }
    keys(&w, &own);
    for (status, body, said) in [
        (302, String::new(), "redirect"),
        (200, " ".repeat(10 << 20), "more than"),
        (200, "<html>".into(), "not JSON"),
        (200, r#"{"keys":[]}"#.into(), "no key"),
        (404, String::new(), "answers 404"),
    ] {
        later(&w);
        w.server.tell("/keys", status, body);
        let sentence = w.refused(&w.token(json!({}))).await;
        assert!(sentence.contains(said), "{status}: {sentence}");
    }
    assert_eq!(w.server.times_asked("/elsewhere"), 0, "no redirect is followed");
    // What passes by itself is worth another try, and says so.
    later(&w);
    w.server.tell("/keys", 503, "busy");
    let error = w.exchange(&w.token(json!({}))).await.err().unwrap();
    assert_eq!((error.code(), error.retry_after_seconds()), (Code::ProviderDown, Some(5)));
    w.server.tell("/keys", 200, key_set(&[&w.signer]));
    later(&w);
    assert!(w.exchange(&w.token(json!({}))).await.is_ok());
    w.server.tell("/keys", 503, "busy");
    w.clock.set(w.clock.now() + 20 * MINUTE);
    assert!(w.exchange(&w.token(json!({}))).await.is_ok(), "the last good keys stay in use");
}

#[tokio::test]
async fn what_cannot_be_trusted_is_not_added() {
    let w = world().await;
    let add = |url: &str, terms: Terms| {
        let (app, admin, url) = (&w.app, &w.admin, url.to_owned());
        async move { app.add_issuer(admin, None, &url, terms).await.unwrap_err() }
    };
    assert_eq!(add(&format!("{}/", w.server.url), terms()).await.code(), Code::NameTaken);
    w.server.tell(&format!("/realm{PLACE}"), 200, document(&w.server.url, &format!("{}/keys", w.server.url)));
    let other = add(&format!("{}/realm", w.server.url), terms()).await;
    assert!(other.code() == Code::InvalidValue && other.sentence().contains("calls itself"), "{other}");
    for url in ["", "idp", "ftp://idp.example", "https://169.254.169.254", "https://u:p@idp.example", "http://10.0.0.1"]
    {
        assert_eq!(add(url, terms()).await.code(), Code::InvalidValue, "{url}");
    }
    for algorithms in
        [vec![], vec!["none".to_owned()], vec!["HS256".to_owned()], vec!["RS256".to_owned(), "x".to_owned()]]
    {
        assert_eq!(
            add("https://idp.example", Terms { algorithms, ..Terms::default() }).await.code(),
            Code::InvalidValue
        );
    }
    let with_ca = Terms { own_ca: true, ca: Some("not PEM".into()), ..terms() };
    assert!(add("https://idp.example", with_ca).await.sentence().contains("PEM"));
    let with_age = Terms { age_max: MINUTE, pasted: true, jwks: Some(key_set(&[&w.signer])), ..terms() };
    assert!(add("https://idp.example", with_age).await.sentence().contains("How old"));
}

#[tokio::test]
async fn the_bench_shows_each_check_and_writes_nothing() {
    let w = world().await;
    let before = (w.events().len(), w.tokens());
    let id = w.issuer.id;
    let (steps, outcome) = w.app.try_token(&w.admin, id, &w.token(json!({}))).await.unwrap();
    assert!(steps.iter().all(|step| step.passed) && outcome.contains("mia for 60 minutes"), "{steps:?} {outcome}");
    for (changes, name) in [
        (json!({ "aud": "other" }), "audience"),
        (json!({ "exp": NOW - 600 }), "times"),
        (json!({ "iss": "https://other.example" }), "issuer"),
        (json!({ "sub": "x@example.com" }), "account"),
    ] {
        let (steps, outcome) = w.app.try_token(&w.admin, id, &w.token(changes)).await.unwrap();
        let last = steps.last().unwrap();
        assert!(!last.passed && last.name.to_lowercase().contains(name) && outcome.is_empty(), "{steps:?}");
        assert!(steps.iter().rev().skip(1).all(|step| step.passed));
    }
    assert_eq!((w.events().len(), w.tokens()), before);
    let reached = w.app.check_issuer(&w.admin, id).await.unwrap();
    assert!(reached.len() == 3 && reached.iter().all(|step| step.passed), "{reached:?}");
    let mia = Caller { subject: w.app.by_key(&w.good().await, IP).unwrap(), origin: Origin::default() };
    assert_eq!(w.app.try_token(&mia, id, "x").await.unwrap_err().kind(), Kind::Denied);
}

#[tokio::test]
async fn f089_f090_f091_pods_and_pipelines_act_as_the_service_account_of_their_subject() {
    let w = world().await;
    let pod = "system:serviceaccount:ml:trainer";
    let pipeline = "repo:acme/fusion:ref:refs/heads/main";
    for (name, subject) in [("trainer", pod), ("ci", pipeline)] {
        let new = NewService { name: name.into(), subject: Some(subject.into()) };
        w.app
            .act(&shell(), move |cx| {
                if ops::teams::by_name(cx.view(), "ml")?.is_none() {
                    ops::teams::create(cx, &ops::teams::NewTeam::named("ml"), Some("ana"))?;
                }
                service_accounts::create_in_team(cx, "ml", &new).map(drop)
            })
            .await
            .unwrap();
    }
    // A projected token of Kubernetes and a token of GitHub Actions, as they come.
    let projected = json!({
        "aud": ["default"], "sub": pod, "nbf": NOW, "exp": NOW + 3_600, "iat": NOW,
        "kubernetes.io": { "namespace": "ml", "pod": { "name": "trainer-0", "uid": "9a6b" },
            "serviceaccount": { "name": "trainer", "uid": "63ce" }, "warnafter": NOW + 3_607 },
    });
    let workflow = json!({
        "aud": "default", "sub": pipeline, "jti": "6ad6-1", "nbf": NOW - 300, "exp": NOW + 300, "ref": "refs/heads/main",
        "repository": "acme/fusion", "repository_owner": "acme", "run_id": "12", "workflow": "train", "runner_environment": "self-hosted",
        "job_workflow_ref": "acme/fusion/.github/workflows/train.yml@refs/heads/main", "event_name": "push", "run_attempt": "1",
    });
    for (claims, name) in [(projected, "service-trainer"), (workflow.clone(), "service-ci")] {
        let token = w.exchange(&w.token(claims)).await.unwrap().token;
        assert_eq!(w.who(&token).unwrap(), name);
    }
    // Byte for byte, and of a trusted issuer only.
    for sub in ["repo:acme/fusion:ref:refs/heads/Main", "repo:acme/fusion:ref:refs/heads/main ", "repo:acme/fusion"] {
        assert!(w.refused(&w.token(json!({ "sub": sub }))).await.contains("Nobody here"), "{sub}");
    }
    let mut elsewhere = workflow.clone();
    elsewhere["iss"] = "https://token.actions.githubusercontent.com".into();
    assert!(w.refused(&w.token(elsewhere)).await.contains("is trusted here"));
    let token = w.exchange(&w.token(workflow.clone())).await.unwrap().token;
    w.app.act(&w.admin, |cx| users::delete(cx, "service-ci")).await.unwrap();
    assert!(w.dead(&token).contains("is deleted"), "{}", w.dead(&token));
    assert!(w.refused(&w.token(workflow)).await.contains("Nobody here"));
    // Nobody catches a person's tokens with a service account of that subject.
    let new = NewService { name: "catcher".into(), subject: Some("mia@example.com".into()) };
    w.app.act(&shell(), move |cx| service_accounts::create_in_team(cx, "ml", &new).map(drop)).await.unwrap();
    assert_eq!(w.who(&w.good().await).unwrap(), "mia");
}

/// CVE-2023-3128 Grafana's class: an address is no identity until somebody proved that it is theirs.
#[tokio::test]
async fn an_account_made_with_somebody_elses_address_catches_none_of_their_tokens() {
    let w = world().await;
    let squat = NewUser {
        email: "zoe@example.com".into(),
        username: Some("mallory".into()),
        unverified: true,
        ..NewUser::default()
    };
    w.app.act(&shell(), move |cx| users::create(cx, &squat)).await.unwrap();
    let zoe = w.token(json!({ "sub": "zoe@example.com" }));
    assert!(w.refused(&zoe).await.contains("nobody proved"));
    // Nor does a machine of that subject stand behind it.
    w.app
        .act(&shell(), |cx| {
            ops::teams::create(cx, &ops::teams::NewTeam::named("ml"), Some("ana"))?;
            let new = NewService { name: "catcher".into(), subject: Some("zoe@example.com".into()) };
            service_accounts::create_in_team(cx, "ml", &new).map(drop)
        })
        .await
        .unwrap();
    assert!(w.refused(&zoe).await.contains("nobody proved"));
    w.change(Terms { by_email: true, ..terms() }).await;
    let by_claim = json!({ "sub": "f3c1", "email": "zoe@example.com", "email_verified": true });
    assert!(w.refused(&w.token(by_claim)).await.contains("nobody proved"));
    // An admin's word makes it theirs.
    w.app.act(&w.admin, |cx| users::vouch(cx, "mallory").map(drop)).await.unwrap();
    assert_eq!(w.who(&w.exchange(&zoe).await.unwrap().token).unwrap(), "mallory");
}

/// CVE-2024-4006 GitLab's class: a short-lived or narrow credential is turned into a lasting or wide one.
#[tokio::test]
async fn an_access_token_makes_no_key_that_outlives_it() {
    let w = world().await;
    let token = w.good().await;
    let by = Caller { subject: w.app.by_key(&token, IP).unwrap(), origin: Origin::default() };
    let make = |new: NewKey| {
        let fresh = FreshKey::draw(&w.app.random).unwrap();
        let (app, by) = (&w.app, &by);
        async move { app.act(by, move |cx| credentials::issue(cx, "mia", &new, &fresh)).await }
    };
    for late in [START + HOUR + 1, START + 400 * DAY] {
        let refused = make(NewKey { expires_at: Some(late), ..NewKey::default() }).await.unwrap_err();
        assert_eq!(refused.code(), Code::Denied, "{refused}");
    }
    let key = make(NewKey::default()).await.unwrap();
    assert_eq!(key.expires_at, Some(START + HOUR), "what was left open ends with the token");
    assert_eq!(key.scope, KeyScope::Within { place: KeyPlace::Org(HOME), reads_only: false });
    let key = make(NewKey { scope: KeyScope::ReadOnly, ..NewKey::default() }).await.unwrap();
    assert_eq!(key.scope, KeyScope::Within { place: KeyPlace::Org(HOME), reads_only: true });
}
