//! Exchanging other issuers' tokens for access tokens, and looking after those issuers, across the line between the network
//! (`idp`) and the transactions: no transaction is open while an issuer is asked. What a proof leads to is
//! [`crate::ops::federation`]'s.

use super::App;
use crate::clock::Millis;
use crate::config::settings::federation::Federation;
use crate::error::{Code, Error, Kind, Result};
use crate::idp::assertion::{self, Trust};
use crate::idp::discovery;
use crate::idp::fetch::{Rules, check_url, count_certificates};
use crate::idp::jwt::{Claims, Token};
use crate::idp::keys::{Alg, Keys};
use crate::idp::refusal::{Fault, Proven, Refusal, excerpt};
use crate::idp::trail::Trail;
use crate::meter::{self, Meter};
use crate::model::IssuerId;
use crate::model::federation::{Issuer, IssuerPapers};
use crate::model::identity::Check;
use crate::model::team::HOME;
use crate::model::user::{Status, User};
use crate::ops::federation::{self, FreshToken, Issued, Proved, Trusted};
use crate::ops::issuers::{self, Terms};
use crate::ops::{self, Caller};
use crate::policy::{Actor, Credential, Subject};
use std::sync::Arc;
use std::time::Duration;

/// How long an exchange may take, its issuer's answers included: the wandb client waits for ten seconds.
const PATIENCE: Duration = Duration::from_secs(9);

/// The names of the algorithms that can be believed.
pub fn algorithms() -> Vec<String> {
    Alg::ALL.iter().map(|alg| alg.name().to_owned()).collect()
}

impl App {
    /// Exchanges a token of a trusted issuer for an access token (RFC 7523).
    ///
    /// # Errors
    /// [`Code::InvalidGrant`] with the check that failed, [`Code::Denied`] where the account may not, [`Code::ProviderDown`]
    /// where the issuer does not answer now.
    pub async fn exchange(&self, assertion: &str, who: &Caller) -> Result<Issued> {
        let mut trail = Trail::default();
        let mut met = None;
        let walk = self.prove(assertion.trim(), None, &mut met, &mut trail);
        let proved = match tokio::time::timeout(PATIENCE, walk).await {
            Ok(proved) => proved?,
            Err(_) => Err(Refusal::unreachable("issuer", "The issuer did not answer in time.")),
        };
        let proved = match proved {
            Ok(proved) => proved,
            Err(refusal) => return Err(self.refused_exchange(&refusal, met.as_deref(), None, who)),
        };
        let owner = match self.store.read(|view| federation::owner(view, &proved)) {
            Ok(owner) => owner,
            Err(error) => return Err(self.not_exchanged(error, ("sub", &proved), None, who)),
        };
        let caller = Caller {
            subject: Subject { actor: Actor::User(owner.id), credential: Credential::None },
            origin: who.origin.clone(),
        };
        let (fresh, id, given) = (FreshToken::draw(&self.random)?, owner.id, proved.clone());
        match self.act(&caller, move |cx| federation::exchange(cx, &given, id, &fresh)).await {
            Ok(issued) => {
                meter::count(Meter::TokensExchanged);
                Ok(issued)
            }
            Err(error) if error.code() == Code::InvalidGrant => {
                Err(self.not_exchanged(error, ("jti", &proved), Some(&owner), who))
            }
            Err(error) if matches!(error.kind(), Kind::Denied | Kind::NotFound) => {
                meter::count(Meter::TokensRefused);
                let why = match owner.status {
                    Status::Active => error.sentence(),
                    other => format!("The account {} is {}.", owner.username, other.as_str()),
                };
                Err(federation::refused(why).hint("Ask an organization admin."))
            }
            Err(error) => Err(error),
        }
    }

    /// Every check of a token up to whom it speaks of. `only` is the one issuer that counts, `met` the one that was met. Outside
    /// are errors of ours, inside is what the token proves.
    async fn prove(
        &self,
        text: &str,
        only: Option<IssuerId>,
        met: &mut Option<Arc<Issuer>>,
        trail: &mut Trail,
    ) -> Result<Proven<Proved>> {
        let settings = self.settings.current().federation();
        let (token, iss) = match assertion::read(text, trail) {
            Ok(read) => read,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let all = self.store.read(|view| federation::trusting(view, &iss))?;
        if all.is_empty() || only.is_some_and(|only| all.iter().all(|one| one.issuer.id != only)) {
            let why =
                format!("No issuer '{}' is trusted here; issuers are compared byte for byte.", excerpt(&iss, 120));
            return Ok(Err(assertion::stop(trail, "iss", "The issuer (iss)", why)));
        }
        if let [one] = &all[..] {
            *met = Some(Arc::clone(&one.issuer));
        }
        Ok(self.walk(&token, &all, settings, (only, met), trail).await)
    }

    async fn walk(
        &self,
        token: &Token<'_>,
        all: &[Trusted],
        settings: Federation,
        (only, met): (Option<IssuerId>, &mut Option<Arc<Issuer>>),
        trail: &mut Trail,
    ) -> Proven<Proved> {
        let found = audiences(&token.claims).and_then(|audiences| {
            let (trusted, said) = federation::meant(all, &audiences, settings.skip_audience)?;
            match only.is_none_or(|only| trusted.issuer.id == only) {
                true => Ok((trusted, said.to_owned())),
                false => Err("The token is for another organization.".to_owned()),
            }
        });
        trail.step("aud", "The audience (aud)", found.as_ref().map(|(_, said)| said.clone()).map_err(Clone::clone))?;
        let (trusted, _) = found.map_err(|why| Refusal::proof("aud", why))?;
        *met = Some(Arc::clone(&trusted.issuer));
        let pasted = match (&trusted.papers.jwks, trusted.issuer.pasted) {
            (Some(jwks), true) => Some(self.issuers.keys.pasted(jwks).map_err(|why| Refusal::settings("keys", why))?),
            _ => None,
        };
        let (rules, now) = (self.rules_for(&trusted.papers), self.clock.now());
        let trust = Trust {
            url: &trusted.issuer.url,
            rules: &rules,
            pasted: pasted.as_deref(),
            algorithms: &trusted.issuer.algorithms,
            leeway: settings.leeway,
            age_max: trusted.issuer.age_max,
        };
        assertion::check(&self.issuers, &trust, token, now, trail).await?;
        let claims = &token.claims;
        let said = assertion::subject(claims);
        let shown = said.as_ref().map(|sub| format!("'{}'.", excerpt(sub, 200))).map_err(Clone::clone);
        trail.step("sub", "The subject (sub)", shown)?;
        let wrong = |step: &'static str| move |why: String| Refusal::proof(step, why);
        let end = claims.time("exp").map_err(wrong("exp"))?.unwrap_or(now);
        Ok(Proved {
            subject: said.map_err(wrong("sub"))?,
            email: assertion::verified_address(claims).map_err(wrong("email"))?,
            id: assertion::token_id(claims).map_err(wrong("jti"))?,
            until: end + settings.leeway,
            issuer: Arc::clone(&trusted.issuer),
        })
    }

    fn rules_for(&self, papers: &IssuerPapers) -> Rules {
        let settings = self.settings.current();
        let oidc = settings.oidc();
        Rules {
            allow_loopback: oidc.allow_loopback,
            ca_file: oidc.ca_file.clone(),
            ca: papers.ca.as_deref().map(Arc::from),
        }
    }

    /// Notes a proof that failed and gives what the holder of the token is told.
    fn refused_exchange(&self, refusal: &Refusal, met: Option<&Issuer>, user: Option<&User>, who: &Caller) -> Error {
        meter::count(Meter::TokensRefused);
        if refusal.fault != Fault::Proof {
            tracing::warn!(step = refusal.step, "a token could not be checked: {}", refusal.detail);
        }
        let target = user.map_or_else(|| federation::named(met), ops::user_named);
        let (org, reason) = (met.map_or(HOME, |issuer| issuer.org), (refusal.step, refusal.detail.as_str()));
        self.note(Some(self.failure(org, "user:exchange_token", target, reason, &who.origin)));
        match refusal.fault {
            Fault::Unreachable => Error::new(Code::ProviderDown, refusal.detail.clone()).retry_after(5),
            _ => federation::refused(refusal.detail.clone()),
        }
    }

    /// The same for what was proved and leads to nothing here.
    fn not_exchanged(
        &self,
        error: Error,
        (step, proved): (&'static str, &Proved),
        user: Option<&User>,
        who: &Caller,
    ) -> Error {
        if error.code() != Code::InvalidGrant {
            return error;
        }
        let id = proved.id.as_deref().map(|id| format!(" Token id '{}'.", excerpt(id, 120))).unwrap_or_default();
        let refusal = Refusal::proof(step, format!("{}{id}", error.detail()));
        let _ = self.refused_exchange(&refusal, Some(&proved.issuer), user, who);
        error
    }

    /// Reads a pasted token step by step as an exchange would, for those who may change the issuer; nothing is written. The text
    /// is what it would lead to.
    ///
    /// # Errors
    /// [`Code::NotFound`], [`Code::Denied`].
    pub async fn try_token(&self, who: &Caller, id: IssuerId, text: &str) -> Result<(Vec<Check>, String)> {
        self.ask(who, |cx| {
            issuers::may_update(cx, None)?;
            issuers::get(cx, id).map(drop)
        })?;
        let (mut trail, mut met) = (Trail::default(), None);
        let proved = match self.prove(text.trim(), Some(id), &mut met, &mut trail).await? {
            Ok(proved) => proved,
            Err(_) => return Ok((trail.0, String::new())),
        };
        let outcome = match self.store.read(|view| federation::owner(view, &proved)) {
            Ok(user) if user.status == Status::Active => Ok(user),
            Ok(user) => Err(format!("It is {}, whose account is {}.", user.username, user.status.as_str())),
            Err(error) if error.code() == Code::InvalidGrant => Err(error.sentence()),
            Err(error) => return Err(error),
        };
        let said = outcome.as_ref().map(|user| format!("{}.", user.username)).map_err(Clone::clone);
        let _ = trail.step("account", "The account", said);
        Ok((
            trail.0,
            outcome.map_or_else(
                |_| String::new(),
                |user| {
                    let minutes = self.settings.current().federation().token_lifetime / crate::clock::MINUTE;
                    format!("An access token of {} for {minutes} minutes.", user.username)
                },
            ),
        ))
    }

    /// Trusts an issuer from now on; one whose keys are discovered has to answer first.
    ///
    /// # Errors
    /// [`Code::InvalidValue`] with the step that failed, and what [`issuers::add`] gives.
    pub async fn add_issuer(&self, who: &Caller, org: Option<&str>, url: &str, terms: Terms) -> Result<Issuer> {
        self.ask(who, |cx| issuers::may_update(cx, org))?;
        let url = url.trim().to_owned();
        self.fit(&url, &terms, None).await?;
        let org = org.map(str::to_owned);
        self.act(who, move |cx| issuers::add(cx, org.as_deref(), &url, &terms)).await
    }

    /// Changes on which terms an issuer is trusted.
    ///
    /// # Errors
    /// As [`App::add_issuer`].
    pub async fn change_issuer(&self, who: &Caller, id: IssuerId, terms: Terms) -> Result<Issuer> {
        let (issuer, papers) = self.ask(who, |cx| {
            issuers::may_update(cx, None)?;
            issuers::get(cx, id)
        })?;
        self.fit(&issuer.url, &terms, Some(&papers)).await?;
        self.act(who, move |cx| issuers::change(cx, id, &terms)).await
    }

    /// Whether terms fit an issuer: what is pasted can be read, what is discovered is there.
    async fn fit(&self, url: &str, terms: &Terms, papers: Option<&IssuerPapers>) -> Result<()> {
        if let Some(pasted) = terms.jwks.as_deref().filter(|_| terms.pasted) {
            Keys::read(pasted.as_bytes()).map_err(Error::invalid)?;
        }
        let ca = terms.ca.as_deref().filter(|_| terms.own_ca);
        if ca.is_some_and(|pem| count_certificates(pem) == 0) {
            return Err(Error::invalid("The certificate authority is not a certificate in PEM."));
        }
        if let Some(unknown) = terms.algorithms.iter().find(|name| Alg::named(name).is_none()) {
            let shown = excerpt(unknown, 20);
            return Err(Error::invalid(format!("'{shown}' is not an algorithm that can be believed."))
                .hint(format!("There are {}.", algorithms().join(", "))));
        }
        if terms.pasted {
            return Ok(());
        }
        let kept = papers.and_then(|papers| papers.ca.as_deref());
        let ca = ca.or(kept).filter(|_| terms.own_ca).map(str::to_owned);
        let rules = self.rules_for(&IssuerPapers { issuer: IssuerId(0), jwks: None, ca });
        let steps = self.reach(url, &rules).await;
        match steps.into_iter().find(|step| !step.passed) {
            None => Ok(()),
            Some(failed) => Err(Error::invalid(format!("{}: {}", failed.name, failed.detail))
                .hint("Or paste its key set, where this server cannot reach it.")),
        }
    }

    /// Asks an issuer step by step, past every cache.
    ///
    /// # Errors
    /// [`Code::NotFound`], [`Code::Denied`].
    pub async fn check_issuer(&self, who: &Caller, id: IssuerId) -> Result<Vec<Check>> {
        let (issuer, papers) = self.ask(who, |cx| {
            issuers::may_update(cx, None)?;
            issuers::get(cx, id)
        })?;
        if !issuer.pasted {
            return Ok(self.reach(&issuer.url, &self.rules_for(&papers)).await);
        }
        let mut trail = Trail::default();
        let keys = Keys::read(papers.jwks.unwrap_or_default().as_bytes());
        let said = keys.map(|keys| format!("{} for checking signatures.", keys.count()));
        let _ = trail.step("keys", "Read the pasted keys", said);
        Ok(trail.0)
    }

    async fn reach(&self, url: &str, rules: &Rules) -> Vec<Check> {
        let mut trail = Trail::default();
        // What went wrong is the last step.
        let _ = self.reached(url, rules, &mut trail).await;
        trail.0
    }

    async fn reached(&self, url: &str, rules: &Rules, trail: &mut Trail) -> Proven<()> {
        let address = check_url(rules, url).map(|_| "It can be asked.".to_owned());
        trail.outcome("The address", address.map_err(|why| why.at("address")))?;
        let found = discovery::fetch(&self.issuers.fetcher, rules, url).await;
        let said = |m: &discovery::Metadata| format!("Found at {}. It calls itself '{}'.", m.found_at, m.issuer);
        trail.outcome("Discover the issuer", found.as_ref().map(said).map_err(Clone::clone))?;
        let metadata = found?;
        let keys = match self.issuers.fetcher.get(rules, &metadata.keys).await {
            Err(why) => Err(why.at("keys")),
            Ok(answer) if answer.status != 200 => {
                Err(Refusal::unreachable("keys", format!("{} answers {}.", metadata.keys, answer.status)))
            }
            Ok(answer) => Keys::read(&answer.body).map_err(|why| Refusal::settings("keys", why)),
        };
        let said = |keys: Keys| format!("{} for checking signatures, at {}.", keys.count(), metadata.keys);
        trail.outcome("Fetch its keys", keys.map(said))
    }

    /// Sweeps away a slice of the access tokens that are over; says whether more may be left.
    pub async fn sweep_tokens(&self) -> Result<bool> {
        let now: Millis = self.clock.now();
        if !self.store.read(|view| federation::is_any_over(view, now))? {
            return Ok(false);
        }
        let gone = self.store.write(move |tx| federation::sweep(tx, now)).await?;
        Ok(gone == federation::SLICE)
    }
}

/// The audiences of a token; none where it names none. One that cannot be read is never an absent one.
fn audiences(claims: &Claims) -> std::result::Result<Vec<&str>, String> {
    match claims.0.contains_key("aud") {
        true => claims.audiences(),
        false => Ok(vec![]),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests;
