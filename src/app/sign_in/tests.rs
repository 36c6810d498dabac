//! Second factors with the clock set by hand and an authenticator made of software: what works once, what ends when, and
//! what was begun for one purpose and is worth nothing for another.

#![expect(clippy::unwrap_used)]

mod authenticator;

use super::*;
use crate::clock::{Clock, HOUR, Millis, SECOND};
use crate::config::env::Env as Environment;
use crate::config::settings::Settings;
use crate::crypto::codes;
use crate::model::audit::{Origin, Outcome};
use crate::model::role::OrgRole;
use crate::ops::{factors as ops_factors, users};
use crate::store::Range;
use authenticator::Authenticator;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const PASSWORD: &str = "plover ketch amber vault";
const START: Millis = 1_800_000_000_000;
const AT: &str = "https://iam.example.com";

struct World {
    app: App,
    clock: Clock,
}

fn world() -> World {
    world_with(&[])
}

fn world_with(environment: &[(&str, &str)]) -> World {
    let clock = Clock::fixed(START);
    let mut app = App::for_tests(clock.clone(), environment);
    app.counter = super::factors::Counter::new(AT);
    World { app, clock }
}

fn key(id: u8) -> Authenticator {
    Authenticator::new(id, AT, "iam.example.com")
}

fn nobody() -> Caller {
    Caller { subject: Subject::anonymous(), origin: Origin::default() }
}

fn shell() -> Caller {
    Caller::process(Process::Shell)
}

fn as_user(user: &User) -> Caller {
    let credential = Credential::Session(format!("session of {}", user.username), None);
    Caller { subject: Subject { actor: Actor::User(user.id), credential }, origin: Origin::default() }
}

impl World {
    async fn admin(&self, name: &str) -> User {
        let hash = self.app.new_password(PASSWORD, &[]).await.unwrap();
        let new = NewUser {
            email: format!("{name}@example.com"),
            username: Some(name.into()),
            role: Some(OrgRole::Admin),
            password_hash: Some(hash),
            ..NewUser::default()
        };
        self.app.act(&shell(), move |cx| users::create(cx, &new)).await.unwrap()
    }

    /// The secret of an app that `user` set, and the recovery codes.
    async fn with_app(&self, user: &User) -> (Vec<u8>, Vec<String>) {
        let who = as_user(user);
        self.app.begin_app(&who, user).unwrap();
        let address = self.app.begun_app(&who).unwrap().address;
        assert!(address.contains(&user.username));
        // What the store keeps is sealed; the secret is read as the app would.
        let text = self.app.begun_app(&who).unwrap().secret;
        let secret = totp_rs::Secret::try_from_base32(text).unwrap().as_ref().to_vec();
        let code = codes::code_at(&secret, self.clock.now());
        let recovery = self.app.finish_app(&who, &code).await.unwrap().unwrap_or_default();
        (secret, recovery)
    }

    async fn with_passkey(&self, user: &User, key: &mut Authenticator) {
        let who = as_user(user);
        let asked = self.app.begin_passkey(&who, user, "Laptop").unwrap();
        self.app.finish_passkey(&who, &key.register(&asked)).await.unwrap();
    }

    async fn half(&self, name: &str) -> String {
        match self.app.sign_in(name, PASSWORD, &nobody(), None).await.unwrap() {
            SignedIn::Half(token) => token,
            SignedIn::Open(..) => panic!("the password alone let {name} in"),
        }
    }

    fn failures(&self) -> Vec<String> {
        self.app.store.write_blocking(|_| Ok(())).unwrap();
        self.app.denials.flush(&self.app.store, self.clock.now() + HOUR, true);
        self.app.store.write_blocking(|_| Ok(())).unwrap();
        let events = self.app.store.read(|view| view.list(&schema::EVENTS, Range::all().limit(500))).unwrap().items;
        let failed = events.into_iter().filter(|e| e.outcome == Outcome::Failed);
        failed.map(|e| e.chain.last().map(|r| r.text.clone()).unwrap_or_default()).collect()
    }
}

fn failed<T>(outcome: Result<T>) {
    assert_eq!(outcome.err().unwrap().code(), Code::SignInFailed);
}

#[tokio::test]
async fn a_password_is_half_a_sign_in_once_there_is_a_factor() {
    let w = world();
    let ana = w.admin("ana").await;
    w.app.sign_in("ana", PASSWORD, &nobody(), None).await.unwrap().open().unwrap();
    let (secret, recovery) = w.with_app(&ana).await;
    assert_eq!(recovery.len(), codes::RECOVERY);
    let token = w.half("ana").await;
    assert!(w.app.by_session(&token, std::net::Ipv4Addr::LOCALHOST.into()).is_err(), "it is no session");
    assert_eq!(w.app.second_step(&token).unwrap(), Offered { passkey: false, code: true, recovery: true });
    // The code that set the app is used up, though it is of this very step.
    let now = w.clock.now();
    failed(w.app.sign_in_by_code(&token, &codes::code_at(&secret, now), &nobody()).await);
    let next = codes::code_at(&secret, now + 30 * SECOND);
    let (_, session) = w.app.sign_in_by_code(&token, &next, &nobody()).await.unwrap();
    assert_eq!(session.method, "password+code");
    failed(w.app.sign_in_by_code(&token, &next, &nobody()).await);
    // A step is accepted once, and none before it.
    w.clock.set(now + 30 * SECOND);
    let token = w.half("ana").await;
    for code in [&next, &codes::code_at(&secret, now)] {
        failed(w.app.sign_in_by_code(&token, code, &nobody()).await);
    }
    w.clock.set(now + 90 * SECOND);
    let code = codes::code_at(&secret, now + 60 * SECOND);
    w.app.sign_in_by_code(&token, &code, &nobody()).await.unwrap();
    assert!(crate::store::examine(&w.app.store).unwrap().is_empty());
}

#[tokio::test]
async fn of_two_who_send_the_same_code_at_once_one_gets_in() {
    let w = world();
    let ana = w.admin("ana").await;
    let (secret, _) = w.with_app(&ana).await;
    let (one, other) = (w.half("ana").await, w.half("ana").await);
    let code = codes::code_at(&secret, START + 30 * SECOND);
    let who = nobody();
    let (a, b) = tokio::join!(w.app.sign_in_by_code(&one, &code, &who), w.app.sign_in_by_code(&other, &code, &who));
    assert!(a.is_ok() != b.is_ok());
}

#[tokio::test]
async fn recovery_codes_work_once_and_are_kept_as_hashes() {
    let w = world();
    let ana = w.admin("ana").await;
    let (secret, recovery) = w.with_app(&ana).await;
    let rows = w
        .app
        .store
        .read(|view| Ok((view.get(&schema::RECOVERY_CODES, &ana.id)?, view.get(&schema::CODE_APPS, &ana.id)?)));
    let (kept, app) = rows.unwrap();
    let kept = format!("{kept:?} {app:?}");
    assert!(recovery.iter().all(|code| !kept.contains(code) && !kept.contains(&code.replace('-', ""))));
    assert!(!kept.contains(&STANDARD.encode(&secret)));
    let token = w.half("ana").await;
    let typed = recovery[0].to_uppercase().replace('-', " ");
    let (_, session) = w.app.sign_in_by_code(&token, &typed, &nobody()).await.unwrap();
    assert_eq!(session.method, "password+recovery");
    let token = w.half("ana").await;
    failed(w.app.sign_in_by_code(&token, &recovery[0], &nobody()).await);
    // New ones void the old.
    w.app.renew_recovery(&as_user(&ana)).await.unwrap();
    failed(w.app.sign_in_by_code(&token, &recovery[1], &nobody()).await);
}

#[tokio::test]
async fn a_half_sign_in_ends_by_time_by_failures_and_by_another_password() {
    let w = world();
    let ana = w.admin("ana").await;
    let (secret, recovery) = w.with_app(&ana).await;
    let late = w.half("ana").await;
    w.clock.set(START + SECOND_STEP);
    failed(w.app.sign_in_by_code(&late, &codes::code_at(&secret, w.clock.now()), &nobody()).await);
    assert!(w.app.second_step(&late).is_err());
    let guessed = w.half("ana").await;
    for _ in 0..5 {
        failed(w.app.sign_in_by_code(&guessed, "000000", &nobody()).await);
    }
    assert!(w.app.second_step(&guessed).is_err(), "five wrong codes end it");
    // The password fits again, and that forgets none of the wrong codes.
    let again = w.half("ana").await;
    let e = w.app.sign_in_by_code(&again, &recovery[0], &nobody()).await.err().unwrap();
    assert_eq!(e.code(), Code::TooManyAttempts);
    w.clock.set(w.clock.now() + HOUR);
    let stale = w.half("ana").await;
    w.clock.set(w.clock.now() + SECOND);
    let hash = w.app.new_password("three other unrelated words", &[]).await.unwrap();
    w.app.act(&shell(), move |cx| users::set_password(cx, "ana", &hash, None)).await.unwrap();
    failed(w.app.sign_in_by_code(&stale, &recovery[0], &nobody()).await);
    assert!(w.failures().iter().any(|text| text == "The code does not fit."));
}

#[tokio::test]
async fn a_passkey_signs_in_alone_and_completes_a_password() {
    let w = world();
    let (ana, mut laptop) = (w.admin("ana").await, key(1));
    w.with_passkey(&ana, &mut laptop).await;
    let (asked, token) = w.app.ask_for_passkey(None).unwrap();
    let (answer, token) = (laptop.prove(&asked), token.unwrap());
    let (_, session) = w.app.sign_in_by_passkey(&token, &answer, &nobody()).await.unwrap();
    assert_eq!((session.method.as_str(), session.user), ("passkey", ana.id));
    failed(w.app.sign_in_by_passkey(&token, &answer, &nobody()).await);
    let half = w.half("ana").await;
    assert_eq!(w.app.second_step(&half).unwrap(), Offered { passkey: true, code: false, recovery: true });
    let (asked, none) = w.app.ask_for_passkey(Some(&half)).unwrap();
    assert!(none.is_none());
    let (_, session) = w.app.second_by_passkey(&half, &laptop.prove(&asked), &nobody()).await.unwrap();
    assert_eq!(session.method, "password+passkey");
    assert!(crate::store::examine(&w.app.store).unwrap().is_empty());
}

#[tokio::test]
async fn what_a_passkey_answers_must_fit_what_was_asked_here() {
    let w = world();
    let (ana, mut laptop) = (w.admin("ana").await, key(1));
    w.with_passkey(&ana, &mut laptop).await;
    let ask = || {
        let (asked, token) = w.app.ask_for_passkey(None).unwrap();
        (asked, token.unwrap())
    };
    // The origin is compared whole: no sub-domain, no other port, no suffix, no other scheme.
    for origin in [
        "https://evil.iam.example.com",
        "https://iam.example.com:8443",
        "https://eviliam.example.com",
        "https://iam.example.com.evil.example",
        "http://iam.example.com",
        "https://iam.example.com/",
    ] {
        laptop.origin = origin.to_owned();
        let (asked, token) = ask();
        failed(w.app.sign_in_by_passkey(&token, &laptop.prove(&asked), &nobody()).await);
    }
    laptop.origin = AT.to_owned();
    laptop.party = "example.com".to_owned();
    let (asked, token) = ask();
    failed(w.app.sign_in_by_passkey(&token, &laptop.prove(&asked), &nobody()).await);
    laptop.party = "iam.example.com".to_owned();
    // The holder was not verified.
    laptop.verified = false;
    let (asked, token) = ask();
    failed(w.app.sign_in_by_passkey(&token, &laptop.prove(&asked), &nobody()).await);
    laptop.verified = true;
    // Another challenge than the browser's own.
    let ((asked, _), (_, token)) = (ask(), ask());
    failed(w.app.sign_in_by_passkey(&token, &laptop.prove(&asked), &nobody()).await);
    // A copy of the key whose counter stands still.
    let (asked, token) = ask();
    w.app.sign_in_by_passkey(&token, &laptop.prove(&asked), &nobody()).await.unwrap();
    laptop.counter -= 1;
    let (asked, token) = ask();
    failed(w.app.sign_in_by_passkey(&token, &laptop.prove(&asked), &nobody()).await);
    // A key that nobody added, and what is no answer.
    let (asked, token) = ask();
    failed(w.app.sign_in_by_passkey(&token, &key(9).prove(&asked), &nobody()).await);
    let (_, token) = ask();
    failed(w.app.sign_in_by_passkey(&token, "{}", &nobody()).await);
    // Too late.
    let (asked, token) = ask();
    w.clock.set(START + SECOND_STEP);
    failed(w.app.sign_in_by_passkey(&token, &laptop.prove(&asked), &nobody()).await);
    assert!(w.failures().iter().any(|text| text.starts_with("The check of the answer failed")));
}

#[tokio::test]
async fn what_was_begun_for_one_purpose_ends_as_no_other() {
    let w = world();
    let (ana, ben) = (w.admin("ana").await, w.admin("ben").await);
    let (mut hers, mut his) = (key(1), key(2));
    w.with_passkey(&ana, &mut hers).await;
    w.with_passkey(&ben, &mut his).await;
    let half = w.half("ana").await;
    // The token of a half sign-in is none of a passkey sign-in, and the other way round.
    let (asked, _) = w.app.ask_for_passkey(Some(&half)).unwrap();
    failed(w.app.sign_in_by_passkey(&half, &hers.prove(&asked), &nobody()).await);
    let (asked, alone) = w.app.ask_for_passkey(None).unwrap();
    failed(w.app.second_by_passkey(&alone.unwrap(), &hers.prove(&asked), &nobody()).await);
    // The challenge of a sign-in alone does not end a half one.
    failed(w.app.second_by_passkey(&half, &hers.prove(&asked), &nobody()).await);
    // Another's passkey does not complete a password.
    let (asked, _) = w.app.ask_for_passkey(Some(&half)).unwrap();
    failed(w.app.second_by_passkey(&half, &his.prove(&asked), &nobody()).await);
    // What one session began, another does not end; a passkey that is known is not added again, by nobody.
    let asked = w.app.begin_passkey(&as_user(&ana), &ana, "Second").unwrap();
    let mut third = key(3);
    let answer = third.register(&asked);
    assert!(w.app.finish_passkey(&as_user(&ben), &answer).await.is_err());
    w.app.finish_passkey(&as_user(&ana), &answer).await.unwrap();
    assert!(w.app.finish_passkey(&as_user(&ana), &answer).await.is_err(), "once");
    let asked = w.app.begin_passkey(&as_user(&ben), &ben, "Stolen").unwrap();
    assert!(w.app.finish_passkey(&as_user(&ben), &third.register(&asked)).await.is_err(), "its id is taken");
    // A registration at another origin is refused.
    let asked = w.app.begin_passkey(&as_user(&ana), &ana, "Fourth").unwrap();
    let mut abroad = Authenticator::new(4, "https://evil.iam.example.com", "iam.example.com");
    assert!(w.app.finish_passkey(&as_user(&ana), &abroad.register(&asked)).await.is_err());
}

#[tokio::test]
async fn factors_end_with_the_account_and_the_shell_removes_them() {
    let w = world();
    let (ana, ben) = (w.admin("ana").await, w.admin("ben").await);
    let mut hers = key(1);
    w.with_passkey(&ana, &mut hers).await;
    w.with_app(&ana).await;
    // Nobody else sees, makes or removes them.
    let others = w.app.act(&as_user(&ben), |cx| ops_factors::reset(cx, "ana").map(drop)).await;
    assert_eq!(others.unwrap_err().code(), Code::Denied);
    assert_eq!(w.app.ask(&as_user(&ben), |cx| ops_factors::bare(cx)).unwrap(), ["ben"]);
    // Where nobody is marked, every administrator's password is a way in.
    for name in ["ana", "ben"] {
        w.app.act(&shell(), move |cx| ops::break_glass::set(cx, name, false).map(drop)).await.unwrap();
    }
    assert_eq!(w.app.ask(&as_user(&ben), |cx| ops_factors::bare(cx)).unwrap(), ["ben"]);
    // Deactivation stops them at once, also a sign-in that is half done; reactivation gives them back.
    let half = w.half("ana").await;
    let (asked, _) = w.app.ask_for_passkey(Some(&half)).unwrap();
    let (alone, token) = w.app.ask_for_passkey(None).unwrap();
    w.app.act(&shell(), |cx| users::set_active(cx, "ana", false).map(drop)).await.unwrap();
    failed(w.app.second_by_passkey(&half, &hers.prove(&asked), &nobody()).await);
    failed(w.app.sign_in_by_passkey(&token.unwrap(), &hers.prove(&alone), &nobody()).await);
    w.app.act(&shell(), |cx| users::set_active(cx, "ana", true).map(drop)).await.unwrap();
    w.half("ana").await;
    w.app.act(&shell(), |cx| ops_factors::reset(cx, "ana").map(drop)).await.unwrap();
    w.app.sign_in("ana", PASSWORD, &nobody(), None).await.unwrap().open().unwrap();
    let (asked, token) = w.app.ask_for_passkey(None).unwrap();
    failed(w.app.sign_in_by_passkey(&token.unwrap(), &hers.prove(&asked), &nobody()).await);
    // Deletion leaves no row behind.
    w.with_passkey(&ben, &mut key(2)).await;
    w.with_app(&ben).await;
    w.app.act(&shell(), |cx| users::delete(cx, "ben")).await.unwrap();
    let left = w.app.store.read(|view| ops_factors::of(view, ben.id)).unwrap();
    assert!(!left.any() && left.recovery == 0);
    assert!(crate::store::examine(&w.app.store).unwrap().is_empty());
}

#[tokio::test]
async fn removing_needs_a_proof_and_recovery_codes_go_with_the_last_factor() {
    let w = world();
    let ana = w.admin("ana").await;
    let (secret, recovery) = w.with_app(&ana).await;
    let (_, session) = {
        let half = w.half("ana").await;
        w.app.sign_in_by_code(&half, &recovery[0], &nobody()).await.unwrap()
    };
    let who = as_user(&ana);
    assert!(w.app.prove_oneself(&who, &session, "wrong", None).await.is_err());
    assert!(w.app.prove_oneself(&who, &session, "", None).await.is_err(), "there is a password");
    w.app.prove_oneself(&who, &session, PASSWORD, None).await.unwrap();
    let code = codes::code_at(&secret, START + 30 * SECOND);
    w.app.prove_oneself(&who, &session, &code, None).await.unwrap();
    assert!(w.app.prove_oneself(&who, &session, &code, None).await.is_err(), "a step is accepted once here too");
    w.app.act(&who, |cx| ops_factors::remove(cx, None)).await.unwrap();
    let left = w.app.ask(&who, |cx| ops_factors::mine(cx)).unwrap();
    assert!(!left.any() && left.recovery == 0);
    assert_eq!(w.app.act(&who, |cx| ops_factors::remove(cx, Some("x"))).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn while_people_sign_in_through_the_company_passkeys_are_for_break_glass() {
    let w = world();
    let (ana, ben) = (w.admin("ana").await, w.admin("ben").await);
    let (mut hers, mut his) = (key(1), key(2));
    w.with_passkey(&ana, &mut hers).await;
    w.with_passkey(&ben, &mut his).await;
    w.app.act(&shell(), |cx| ops::break_glass::set(cx, "ben", false).map(drop)).await.unwrap();
    w.app.settings.replace(
        Settings::resolve(
            &Environment::of(&[
                ("LOCAL_LDAP_ADDRESS", "ldaps://127.0.0.1:1"),
                ("LOCAL_LDAP_LOGIN", "true"),
                ("LOCAL_LDAP_BASE_DN", "dc=example,dc=com"),
            ]),
            &std::collections::HashMap::new(),
        )
        .unwrap(),
    );
    assert!(w.app.settings.current().is_sso_on());
    let (asked, token) = w.app.ask_for_passkey(None).unwrap();
    failed(w.app.sign_in_by_passkey(&token.unwrap(), &his.prove(&asked), &nobody()).await);
    let (asked, token) = w.app.ask_for_passkey(None).unwrap();
    w.app.sign_in_by_passkey(&token.unwrap(), &hers.prove(&asked), &nobody()).await.unwrap();
    let half = w.half("ana").await;
    let (asked, _) = w.app.ask_for_passkey(Some(&half)).unwrap();
    let (_, session) = w.app.second_by_passkey(&half, &hers.prove(&asked), &nobody()).await.unwrap();
    assert_eq!(session.method, "break-glass+passkey");
}

/// Every byte of what is signed counts, and no answer that is damaged anywhere brings the server down.
#[tokio::test]
async fn a_damaged_answer_proves_nothing() {
    let w = world();
    let (ana, mut laptop) = (w.admin("ana").await, key(1));
    w.with_passkey(&ana, &mut laptop).await;
    let text = |bytes: &[u8]| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
    let bytes = |text: &serde_json::Value| {
        base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text.as_str().unwrap()).unwrap()
    };
    for part in ["clientDataJSON", "authenticatorData", "signature", "userHandle"] {
        let (asked, _) = w.app.ask_for_passkey(None).unwrap();
        let length =
            bytes(&serde_json::from_str::<serde_json::Value>(&laptop.prove(&asked)).unwrap()["response"][part]).len();
        for n in 0..length {
            let (asked, token) = w.app.ask_for_passkey(None).unwrap();
            let mut answer: serde_json::Value = serde_json::from_str(&laptop.prove(&asked)).unwrap();
            let mut damaged = bytes(&answer["response"][part]);
            // Signatures differ in length.
            let Some(byte) = damaged.get_mut(n) else { continue };
            *byte ^= 1 << (n % 8);
            answer["response"][part] = text(&damaged).into();
            failed(w.app.sign_in_by_passkey(&token.unwrap(), &answer.to_string(), &nobody()).await);
        }
    }
    for n in 0..600 {
        let (asked, token) = w.app.ask_for_passkey(None).unwrap();
        let mut answer = laptop.prove(&asked).into_bytes();
        let at = n % answer.len();
        answer[at] = b"\0\"{}[]:,\\ \x7f9zA"[n % 13];
        answer.truncate(answer.len() - n % 5);
        // Blanks where blanks may stand change nothing, so some are still good; none may do worse than be refused.
        if let Err(error) =
            w.app.sign_in_by_passkey(&token.unwrap(), &String::from_utf8_lossy(&answer), &nobody()).await
        {
            assert_eq!(error.code(), Code::SignInFailed);
        }
    }
    for (n, asked) in (0..400).map(|n| (n, w.app.begin_passkey(&as_user(&ana), &ana, "x").unwrap())) {
        let mut answer = key(7).register(&asked).into_bytes();
        let at = (n * 7) % answer.len();
        answer[at] ^= 1 << (n % 7);
        if let Err(error) = w.app.finish_passkey(&as_user(&ana), &String::from_utf8_lossy(&answer)).await {
            assert!(matches!(error.code(), Code::InvalidValue | Code::AlreadyDone), "{error:?}");
        }
    }
}
