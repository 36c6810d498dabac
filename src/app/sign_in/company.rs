//! Signing in and out by the company's OpenID provider, across the line between the network (`idp`) and the transactions: no
//! transaction is open while a provider is asked. What a proof leads to is [`crate::ops::sso`]'s.

use crate::app::App;
use crate::clock::SECOND;
use crate::config::settings::sso::Oidc;
use crate::crypto;
use crate::error::{Code, Error, Kind, Result};
use crate::idp::oidc::begin::begin;
use crate::idp::oidc::prove::{Proof, Returned, prove};
use crate::idp::oidc::{Config, Method, bench, sign_out};
use crate::idp::refusal::{Proven, Refusal, excerpt};
use crate::meter::{self, Meter};
use crate::model::identity::{Check, ExternalIdentity, oidc_connection};
use crate::model::session::{Session, SignIn};
use crate::ops::sessions::FreshSession;
use crate::ops::sign_ins::{self, Ended};
use crate::ops::{self, Caller};
use crate::policy::{Process, Subject};

/// What a browser brings back from the provider.
#[derive(Default)]
pub struct Return {
    /// What the request carried.
    pub state: String,
    /// The code.
    pub code: String,
    /// The ID token.
    pub id_token: String,
    /// Why the provider declined.
    pub error: String,
    /// The same in words.
    pub error_description: String,
    /// Who the provider says that it is (RFC 9207).
    pub issuer: Option<String>,
}

/// Where a return ends.
pub struct Landing {
    /// The new session; none where an identity was linked.
    pub opened: Option<(FreshSession, Session)>,
    /// Where to go on: a path here.
    pub next: String,
}

impl App {
    /// Whether people sign in by the provider at present.
    pub fn is_oidc_on(&self) -> bool {
        self.settings.current().oidc().enabled
    }

    fn provider(&self) -> Result<Config> {
        let settings = self.settings.current();
        if settings.sign_in().restore {
            return Err(Error::denied("Signing in through the company is off while LOCAL_RESTORE is set.", true).hint(
                "Sign in with the temporary password from the server's error output, then remove the variable.",
            ));
        }
        if !settings.oidc().enabled {
            return Err(Error::new(Code::NotOffered, "Nobody set up signing in with an OpenID provider here.")
                .hint("Sign in with a password."));
        }
        Ok(Config::of(settings.oidc(), &self.base_url))
    }

    /// Begins a sign-in for the browser that holds the token `browser`; gives the provider's address. With a session it links
    /// the identity to that session's owner instead.
    ///
    /// # Errors
    /// [`Code::NotOffered`], [`Code::Denied`], [`Code::SetupRequired`], [`Code::TooManyAttempts`], [`Code::Busy`],
    /// [`Code::Misconfigured`].
    pub async fn begin_company_sign_in(
        &self,
        browser: &str,
        next: &str,
        link: Option<&Session>,
        who: &Caller,
    ) -> Result<String> {
        let config = self.provider()?;
        if !self.has_users()? {
            return Err(Error::new(
                Code::SetupRequired,
                "There is no user yet, and only the setup link makes the first one.",
            )
            .hint("Open the setup link that the server printed at its start."));
        }
        if config.method == Method::Implicit && is_plain_elsewhere(&self.base_url) {
            let refusal = Refusal::settings(
                "base_url",
                "The implicit method needs https: its return is a form from the provider's page, to which browsers send only \
                 cookies marked Secure. Serve over TLS, or use the method pkce.",
            );
            return Err(self.refused(refusal, who));
        }
        self.throttle.begin(who.origin.ip.parse().ok(), self.clock.now())?;
        let begun = match begin(&self.issuers, &config, &self.random, self.clock.now()).await {
            Ok(begun) => begun,
            Err(refusal) => return Err(self.refused(refusal, who)),
        };
        let kept = SignIn {
            place: 0,
            state: crypto::hashed(&begun.state),
            browser: crypto::hashed(browser),
            nonce: begun.nonce,
            verifier: begun.verifier,
            connection: oidc_connection(&config.issuer),
            next: next.to_owned(),
            link: link.map(|session| session.id.clone()),
            expires_at: self.clock.now() + sign_ins::VALID,
        };
        self.store.write(move |tx| sign_ins::begin(tx, &kept)).await?;
        Ok(begun.url)
    }

    /// Takes what a browser brings back: a session, or a link.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] where no sign-in waits for it in this browser, else what [`App::begin_company_sign_in`] gives,
    /// [`Code::SignInFailed`], and [`Code::Denied`] with what to do.
    pub async fn finish_company_sign_in(&self, back: Return, browser: &str, who: &Caller) -> Result<Landing> {
        let config = self.provider()?;
        let (state, browser, now) = (back.state.clone(), browser.to_owned(), self.clock.now());
        let taken = match state.is_empty() || state.len() > 200 || browser.len() > 200 {
            true => None,
            false => self.store.write(move |tx| sign_ins::take(tx, &state, &browser, now)).await?,
        };
        let taken = taken.filter(|taken| taken.connection == oidc_connection(&config.issuer)).ok_or_else(|| {
            Error::new(
                Code::InvalidRequest,
                "This sign-in was not begun in this browser, took more than an hour, or was used already.",
            )
            .hint("Begin again.")
        })?;
        let proof = match self.proven(&config, back, &taken).await {
            Ok(proof) => proof,
            Err(refusal) => return Err(self.refused(refusal, who)),
        };
        if let Some(session) = &taken.link {
            let subject = self.store.read(|view| sign_ins::owner(view, session, self.clock.now()))?;
            let owner = Caller { subject, origin: who.origin.clone() };
            self.act(&owner, move |cx| ops::sso::link(cx, &proof.identity)).await?;
            return Ok(Landing { opened: None, next: taken.next });
        }
        let (fresh, session) = self.sign_in_by(proof.identity, "oidc", who).await?;
        let (kept, hint) = (session.clone(), proof.id_token);
        // Nobody waits for it: without it the provider asks before it signs out.
        self.store.submit(move |tx| sign_ins::keep_hint(tx, &kept, &hint));
        Ok(Landing { opened: Some((fresh, session)), next: taken.next })
    }

    async fn proven(&self, config: &Config, back: Return, taken: &SignIn) -> Proven<Proof> {
        let now = self.clock.now();
        let metadata = self.issuers.discovery.of(&self.issuers.fetcher, &config.rules, &config.issuer, now).await?;
        // RFC 9207: the answer of one provider must not be taken for another's.
        match &back.issuer {
            Some(issuer) if *issuer != metadata.issuer => {
                return Err(Refusal::proof(
                    "iss",
                    format!("The return is from '{}', another issuer.", excerpt(issuer, 120)),
                ));
            }
            // A token that comes with the return names it, and is checked for it (RFC 9207, section 2.4).
            None if metadata.names_issuer && back.id_token.is_empty() => {
                return Err(Refusal::proof(
                    "iss",
                    "The return does not name its issuer, which this provider always does.",
                ));
            }
            _ => {}
        }
        if !back.error.is_empty() {
            let more = match back.error_description.is_empty() {
                true => String::new(),
                false => format!(" ({})", excerpt(&back.error_description, 200)),
            };
            return Err(Refusal::declined("provider", format!("{}{more}.", excerpt(&back.error, 60))));
        }
        let returned = match (&taken.verifier, back) {
            (Some(verifier), back) if !back.code.is_empty() && back.code.len() <= 8_192 => {
                Returned::Code(back.code, verifier.clone())
            }
            (None, back) if !back.id_token.is_empty() => Returned::IdToken(back.id_token),
            (Some(_), _) => return Err(Refusal::proof("return", "The return carries no authorization code.")),
            (None, _) => return Err(Refusal::proof("return", "The return carries no ID token.")),
        };
        prove(&self.issuers, config, returned, &taken.nonce, &self.clock).await
    }

    /// Notes a refusal in the audit log and in the server's, and gives what the person is told.
    fn refused(&self, refusal: Refusal, who: &Caller) -> Error {
        meter::count(Meter::SignInsFailed);
        tracing::warn!(step = refusal.step, "a sign-in by the company's provider failed: {}", refusal.detail);
        self.note(Some(self.failed_sign_in(None, (refusal.step, &refusal.detail), who)));
        refusal.for_person()
    }

    /// Where the owner of `session` signs out at the provider too; none where there is nothing to sign out of.
    pub async fn company_sign_out(&self, session: &Session) -> Option<String> {
        let config = self.provider().ok()?;
        let ours = oidc_connection(&config.issuer);
        session.identity.as_ref().filter(|identity| identity.connection == ours)?;
        let hint = self.store.read(|view| sign_ins::hint(view, session)).ok().flatten();
        let now = self.clock.now();
        let asked = sign_out::address(&self.issuers, &config, hint.as_deref(), &self.base_url, now);
        // A provider that hangs must not keep anybody signed in here.
        tokio::time::timeout(std::time::Duration::from_millis(2 * SECOND as u64), asked).await.ok().flatten()
    }

    /// Ends the sessions that a logout token names; gives how many.
    ///
    /// # Errors
    /// [`Code::InvalidRequest`] with the check that failed, for the provider's own log.
    pub async fn company_logout_token(&self, token: &str, who: &Caller) -> Result<usize> {
        let config = self.provider()?;
        self.may_end_sessions()?;
        let order = match sign_out::order(&self.issuers, &config, token, self.clock.now()).await {
            Ok(order) => order,
            Err(refusal) => {
                let detail = refusal.detail.clone();
                let said = self.refused(refusal, who);
                return Err(match said.kind() {
                    Kind::Unavailable => said,
                    _ => Error::new(Code::InvalidRequest, detail),
                });
            }
        };
        let ended = Ended { connection: order.connection, subject: order.subject, session: order.session };
        let company = Caller { subject: Subject::process(Process::Company), origin: who.origin.clone() };
        self.act(&company, move |cx| sign_ins::end(cx, &ended, Some((&order.token, order.until)))).await
    }

    /// Ends the session that the provider calls `sid`, by its own page (OpenID Connect Front-Channel Logout 1.0); gives how many
    /// that were.
    pub async fn company_front_channel(&self, issuer: &str, sid: &str, who: &Caller) -> Result<usize> {
        let config = self.provider()?;
        self.may_end_sessions()?;
        let connection = oidc_connection(&config.issuer);
        if oidc_connection(issuer) != connection || sid.is_empty() || sid.len() > 512 {
            return Ok(0);
        }
        let ended = Ended { connection, subject: None, session: Some(sid.to_owned()) };
        let company = Caller { subject: Subject::process(Process::Company), origin: who.origin.clone() };
        self.act(&company, move |cx| sign_ins::end(cx, &ended, None)).await
    }

    fn may_end_sessions(&self) -> Result<()> {
        match self.settings.current().oidc().backchannel_logout {
            true => Ok(()),
            false => Err(Error::new(Code::NotOffered, "The provider does not end sessions here.")
                .hint("An administrator switches it on with the setting oidc.backchannel_logout.")),
        }
    }

    /// Tests a connection step by step, for those who may change settings; nothing is kept.
    pub async fn test_company(&self, who: &Caller, settings: &Oidc) -> Result<Vec<Check>> {
        self.ask(who, |cx| ops::settings::may_save(cx))?;
        Ok(bench::check(&self.issuers, &Config::of(settings, &self.base_url)).await)
    }

    /// Reads a pasted ID token step by step, for those who may change settings; nothing is kept.
    pub async fn examine_id_token(
        &self,
        who: &Caller,
        settings: &Oidc,
        token: &str,
    ) -> Result<(Vec<Check>, Option<ExternalIdentity>)> {
        self.ask(who, |cx| ops::settings::may_save(cx))?;
        let config = Config::of(settings, &self.base_url);
        Ok(bench::examine(&self.issuers, &config, token, self.clock.now()).await)
    }
}

/// Whether people reach this server by plain http from other machines.
fn is_plain_elsewhere(base_url: &str) -> bool {
    url::Url::parse(base_url).is_ok_and(|url| {
        let loopback = match url.host() {
            Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
            Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
            Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            None => false,
        };
        url.scheme() == "http" && !loopback
    })
}
