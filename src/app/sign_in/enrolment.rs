//! Adding second factors to one's own account: a passkey, an app for one-time codes, recovery codes. What is begun belongs to
//! the session that began it; whoever begins has proved just before to be the person ([`App::prove_oneself`]). Secrets and
//! recovery codes are given out once.

use super::factors::{TRIES, purpose};
use super::passkeys::Adding;
use crate::app::App;
use crate::crypto::codes;
use crate::error::{Error, Result};
use crate::model::UserId;
use crate::model::factor::CodeApp;
use crate::model::name;
use crate::model::user::User;
use crate::ops::{self, Caller};
use crate::policy::Credential;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The longest name of a passkey, in characters.
const NAME_MAX: usize = 64;

/// What an app for codes is told, once.
pub struct ForApp {
    /// The secret, to type.
    pub secret: String,
    /// The address that holds it, to scan.
    pub address: String,
}

/// A passkey that is awaited.
pub(super) struct NewPasskey {
    user: UserId,
    name: String,
    state: Adding,
}

/// An app whose first code is awaited.
pub(super) struct NewApp {
    user: UserId,
    secret: [u8; codes::SECRET],
    failures: u8,
}

impl App {
    /// Starts adding a passkey for the asker, who just proved to be `me`.
    pub fn begin_passkey(&self, who: &Caller, me: &User, name: &str) -> Result<String> {
        let name = name::check_text("name", name, NAME_MAX)?;
        let name = if name.is_empty() { "Passkey".to_owned() } else { name };
        let known = self.ask(who, |cx| ops::factors::mine(cx))?.passkeys;
        let handle = match known.first() {
            Some(first) => first.handle,
            None => self.random.bytes::<16>()?,
        };
        let (asked, state) = self.party()?.add(me, handle, &known)?;
        self.counter.passkeys.begin(&at(who)?, self.clock.now(), NewPasskey { user: me.id, name, state });
        Ok(asked)
    }

    /// Adds it. Gives recovery codes where there were none, to be shown once.
    pub async fn finish_passkey(&self, who: &Caller, answer: &str) -> Result<Option<Vec<String>>> {
        let now = self.clock.now();
        let begun = self.counter.passkeys.take(&at(who)?, now).ok_or_else(late)?;
        let me = self.ask(who, |cx| ops::users::me(cx))?;
        if begun.user != me.id {
            return Err(late());
        }
        let passkey = self.party()?.added(begun.state, answer, &me, &begun.name, now)?;
        let (codes, hashes) = self.fresh_recovery()?;
        let shown = self.act(who, move |cx| ops::factors::add_passkey(cx, &passkey, &hashes)).await?;
        Ok(shown.then_some(codes))
    }

    /// Starts setting the app for one-time codes of the asker, who just proved to be `me`.
    pub fn begin_app(&self, who: &Caller, me: &User) -> Result<ForApp> {
        let secret = self.random.bytes::<{ codes::SECRET }>()?;
        let (text, address) = codes::for_app(&secret, &me.username)?;
        self.counter.apps.begin(&at(who)?, self.clock.now(), NewApp { user: me.id, secret, failures: 0 });
        Ok(ForApp { secret: text, address })
    }

    /// What the app was told, while its first code is awaited.
    pub fn begun_app(&self, who: &Caller) -> Result<ForApp> {
        let found = self.counter.apps.with(&at(who)?, self.clock.now(), |new| (new.user, new.secret));
        let (user, secret) = found.ok_or_else(late)?;
        let me = self.ask(who, |cx| ops::users::me(cx))?;
        if me.id != user {
            return Err(late());
        }
        let (text, address) = codes::for_app(&secret, &me.username)?;
        Ok(ForApp { secret: text, address })
    }

    /// Keeps the app once it shows the right code. Gives recovery codes where there were none, to be shown once.
    ///
    /// # Errors
    /// [`crate::error::Code::InvalidValue`] for a wrong code; after five of them the app is to be set anew.
    pub async fn finish_app(&self, who: &Caller, typed: &str) -> Result<Option<Vec<String>>> {
        let (token, now) = (at(who)?, self.clock.now());
        let me = self.ask(who, |cx| ops::users::me(cx))?;
        let (user, secret, failures) = self
            .counter
            .apps
            .with(&token, now, |new| {
                new.failures += 1;
                (new.user, new.secret, new.failures)
            })
            .ok_or_else(late)?;
        let Some(step) = codes::step_of(&secret, typed, now)?.filter(|_| user == me.id) else {
            if failures >= TRIES {
                self.counter.apps.take(&token, now);
            }
            return Err(Error::invalid("The code does not fit.")
                .hint("Look whether the clocks of this server and of your device agree, then type the next code."));
        };
        self.counter.apps.take(&token, now).ok_or_else(late)?;
        let sealed = STANDARD.encode(self.sealer.seal(&purpose(user), &secret, &self.random)?);
        let app = CodeApp { user, sealed, created_at: now, last_step: step, last_at: None };
        let (codes, hashes) = self.fresh_recovery()?;
        let shown = self.act(who, move |cx| ops::factors::set_app(cx, &app, &hashes)).await?;
        Ok(shown.then_some(codes))
    }

    /// Other recovery codes for the asker, to be shown once.
    pub async fn renew_recovery(&self, who: &Caller) -> Result<Vec<String>> {
        let (codes, hashes) = self.fresh_recovery()?;
        self.act(who, move |cx| ops::factors::renew_recovery(cx, &hashes)).await?;
        Ok(codes)
    }

    fn fresh_recovery(&self) -> Result<(Vec<String>, Vec<String>)> {
        let codes = codes::recovery(&self.random)?;
        let hashes = codes.iter().map(|code| codes::recovery_hash(code)).collect();
        Ok((codes, hashes))
    }
}

/// What is begun by a session belongs to it.
fn at(who: &Caller) -> Result<String> {
    match &who.subject.credential {
        Credential::Session(handle, _) => Ok(handle.clone()),
        _ => Err(Error::denied("Factors are added by somebody who is signed in.", true)),
    }
}

fn late() -> Error {
    Error::invalid("This took too long, or was done already.").hint("Begin again.")
}
