//! Which issuers of tokens an organization trusts, on which terms. Whether an issuer can be reached and its keys be read is seen
//! before, in `app/federation.rs`; what their tokens lead to is in [`super::federation`].

use super::{Acting, Cx, changed, switched};
use crate::clock::{DAY, HOUR, Millis, rfc3339};
use crate::config::span;
use crate::error::{Code, Error, Result};
use crate::model::audit::{Change, Named};
use crate::model::federation::{AGE_MAX, Issuer, IssuerPapers};
use crate::model::role::Action;
use crate::model::{IssuerId, OrgId, name};
use crate::policy::Resource;
use crate::store::{Range, Read, schema};
use serde_json::Value;
use std::sync::Arc;

/// The most issuers of an organization.
pub const ISSUERS_MAX: usize = 50;
/// The longest text of an issuer, in bytes.
pub const URL_MAX: usize = 500;
/// The largest key set that is kept, in bytes.
pub const JWKS_MAX: usize = 24 * 1024;
/// The longest list of certificate authorities that is kept, in bytes.
pub const CA_MAX: usize = 24 * 1024;
/// Audiences of one issuer.
const AUDIENCES_MAX: usize = 20;
/// How long before pasted keys go stale people are reminded.
pub const AHEAD: Millis = 14 * DAY;

/// On which terms an issuer is trusted.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The algorithms that are believed, by name.
    pub algorithms: Vec<String>,
    /// Audiences besides the organization's name and `wandb`.
    pub audiences: Vec<String>,
    /// Whether the verified address finds a person where the subject finds nobody.
    pub by_email: bool,
    /// Whether a token id counts once.
    pub once: bool,
    /// How old a token may be.
    pub age_max: Millis,
    /// Whether the keys are pasted rather than discovered.
    pub pasted: bool,
    /// The pasted keys; none keeps those that are there.
    pub jwks: Option<String>,
    /// When pasted keys should be looked at again.
    pub stale_at: Option<Millis>,
    /// Whether the issuer's certificates are by an authority that was pasted.
    pub own_ca: bool,
    /// The authorities in PEM; none keeps those that are there.
    pub ca: Option<String>,
}

impl Default for Terms {
    fn default() -> Self {
        Terms {
            algorithms: vec![],
            audiences: vec![],
            by_email: false,
            once: false,
            age_max: AGE_MAX,
            pasted: false,
            jwks: None,
            stale_at: None,
            own_ca: false,
            ca: None,
        }
    }
}

/// The organization that is spoken of: the one of this name, else the asker's.
fn of_name<V: Read>(cx: &Cx<V>, org: Option<&str>) -> Result<OrgId> {
    let Some(typed) = org else { return cx.org() };
    super::orgs::by_name(cx.view(), typed)
}

/// Whether the asker may trust issuers, before anything is asked of one.
pub fn may_update<V: Read>(cx: &Cx<V>, org: Option<&str>) -> Result<()> {
    let org = of_name(cx, org)?;
    cx.allow(Action::IssuerUpdate, Resource::Org(org)).map(drop)
}

/// Trusts an issuer from now on.
///
/// # Errors
/// [`Code::NameTaken`], [`Code::InvalidValue`], [`Code::LimitReached`], [`Code::Denied`].
pub fn add(cx: &mut Acting, org: Option<&str>, url: &str, terms: &Terms) -> Result<Issuer> {
    let org = of_name(cx, org)?;
    let grant = cx.allow(Action::IssuerUpdate, Resource::Org(org))?;
    let url = url.trim();
    if url.is_empty() || url.len() > URL_MAX || url.chars().any(char::is_control) {
        return Err(Error::invalid(format!("An issuer is a text of 1 to {URL_MAX} bytes without control characters.")));
    }
    if cx.view().find(&schema::ISSUER_OF_ORG, &(org, Issuer::place(url).to_owned()))?.is_some() {
        return Err(Error::new(Code::NameTaken, "This issuer is trusted already.").hint("Change it on its page."));
    }
    if of_org(cx.view(), org)?.len() >= ISSUERS_MAX {
        return Err(Error::new(Code::LimitReached, format!("There are {ISSUERS_MAX} issuers already.")));
    }
    let mut issuer = Issuer {
        id: IssuerId(cx.tx().next_id(schema::ISSUER_IDS)?),
        org,
        url: url.to_owned(),
        algorithms: vec![],
        audiences: vec![],
        by_email: false,
        once: false,
        age_max: AGE_MAX,
        pasted: false,
        stale_at: None,
        own_ca: false,
        made_at: cx.now(),
        changed_at: cx.now(),
        version: 1,
    };
    let mut papers = IssuerPapers { issuer: issuer.id, jwks: None, ca: None };
    let mut changes = agree(&mut issuer, &mut papers, terms)?;
    changes.insert(0, Change { field: "issuer".into(), from: None, to: Some(issuer.url.clone()) });
    cx.put(&grant, &schema::ISSUERS, &issuer)?;
    cx.put(&grant, &schema::ISSUER_PAPERS, &papers)?;
    cx.record_on(grant, named(&issuer), changes)?;
    Ok(issuer)
}

/// Changes the terms.
///
/// # Errors
/// [`Code::NotFound`], [`Code::InvalidValue`], [`Code::Denied`].
pub fn change(cx: &mut Acting, id: IssuerId, terms: &Terms) -> Result<Issuer> {
    let (mut issuer, mut papers) = get(cx, id)?;
    let grant = cx.allow(Action::IssuerUpdate, Resource::Org(issuer.org))?;
    let changes = agree(&mut issuer, &mut papers, terms)?;
    if changes.is_empty() {
        return Ok(issuer);
    }
    issuer.version += 1;
    issuer.changed_at = cx.now();
    cx.put(&grant, &schema::ISSUERS, &issuer)?;
    cx.put(&grant, &schema::ISSUER_PAPERS, &papers)?;
    cx.record_on(grant, named(&issuer), changes)?;
    Ok(issuer)
}

/// Trusts an issuer no longer: what its tokens were exchanged for is refused from now on.
pub fn remove(cx: &mut Acting, id: IssuerId) -> Result<Issuer> {
    let (issuer, _) = get(cx, id)?;
    let grant = cx.allow(Action::IssuerUpdate, Resource::Org(issuer.org))?;
    cx.delete(&grant, &schema::ISSUER_PAPERS, &id)?;
    cx.delete(&grant, &schema::ISSUERS, &id)?;
    let gone = Change { field: "issuer".into(), from: Some(issuer.url.clone()), to: None };
    cx.record_on(grant, named(&issuer), vec![gone])?;
    Ok(issuer)
}

/// The issuer of this text in an organization.
///
/// # Errors
/// [`Code::NotFound`], [`Code::Denied`].
pub fn named_by<V: Read>(cx: &Cx<V>, org: Option<&str>, url: &str) -> Result<Issuer> {
    let org = of_name(cx, org)?;
    let _grant = cx.allow(Action::IssuerRead, Resource::Org(org))?;
    let found = cx.view().find(&schema::ISSUER_OF_ORG, &(org, Issuer::place(url.trim()).to_owned()))?;
    found.ok_or_else(|| Error::not_found("No such issuer is trusted.").hint("List them with: bailiwick issuer list."))
}

/// The issuers that an organization trusts, by text.
pub fn list<V: Read>(cx: &Cx<V>, org: Option<&str>) -> Result<Vec<Issuer>> {
    let org = of_name(cx, org)?;
    let _grant = cx.allow(Action::IssuerRead, Resource::Org(org))?;
    of_org(cx.view(), org)
}

/// An issuer that the asker's organization trusts, with what was pasted for it.
pub fn get<V: Read>(cx: &Cx<V>, id: IssuerId) -> Result<(Issuer, IssuerPapers)> {
    let missing = || Error::not_found("There is no such issuer.");
    let issuer = cx.view().get(&schema::ISSUERS, &id)?.ok_or_else(missing)?;
    cx.allow(Action::IssuerRead, Resource::Org(issuer.org)).map(drop).map_err(|e| match e.kind() {
        crate::error::Kind::NotFound => missing(),
        _ => e,
    })?;
    let papers = papers(cx.view(), id)?;
    Ok((issuer, Arc::unwrap_or_clone(papers)))
}

/// What was pasted for an issuer.
pub(crate) fn papers(view: &impl Read, id: IssuerId) -> Result<Arc<IssuerPapers>> {
    let kept = view.shared(&schema::ISSUER_PAPERS, &id)?;
    Ok(kept.unwrap_or_else(|| Arc::new(IssuerPapers { issuer: id, jwks: None, ca: None })))
}

/// Whether pasted keys of the asker's organization should be looked at soon; for the notice on the pages of administrators.
pub fn are_keys_going_stale<V: Read>(cx: &Cx<V>) -> Result<bool> {
    let org = cx.org()?;
    if !cx.can(Action::IssuerRead, Resource::Org(org))? {
        return Ok(false);
    }
    Ok(of_org(cx.view(), org)?.iter().any(|issuer| issuer.is_going_stale(cx.now(), AHEAD)))
}

fn of_org(view: &impl Read, org: OrgId) -> Result<Vec<Issuer>> {
    Ok(view.list_by(&schema::ISSUER_OF_ORG, Range::all().under(&(org,)))?.items)
}

fn named(issuer: &Issuer) -> Named {
    Named::new("issuer", issuer.id, issuer.url.clone())
}

/// Puts the terms on an issuer; gives what changed.
fn agree(issuer: &mut Issuer, papers: &mut IssuerPapers, terms: &Terms) -> Result<Vec<Change>> {
    let mut audiences: Vec<String> = vec![];
    for audience in &terms.audiences {
        let audience = name::check_text("audience", audience, 256)?;
        if !audience.is_empty() && !audiences.contains(&audience) {
            audiences.push(audience);
        }
    }
    if audiences.len() > AUDIENCES_MAX {
        return Err(Error::invalid(format!("An issuer has at most {AUDIENCES_MAX} audiences of its own.")));
    }
    if terms.algorithms.is_empty() {
        return Err(Error::invalid("No token could be believed: choose at least one algorithm."));
    }
    if !(HOUR / 12..=400 * DAY).contains(&terms.age_max) {
        return Err(Error::invalid("How old a token may be is between 5 minutes and 400 days."));
    }
    let before = (issuer.clone(), papers.clone());
    if let Some(pasted) = terms.jwks.as_deref().filter(|_| terms.pasted) {
        papers.jwks = Some(public_keys(pasted)?);
    }
    if let Some(pasted) = terms.ca.as_deref().filter(|_| terms.own_ca) {
        if pasted.len() > CA_MAX {
            return Err(Error::invalid(format!("The certificates are longer than {} KiB.", CA_MAX / 1024)));
        }
        if pasted.contains("PRIVATE KEY") {
            return Err(Error::invalid("That holds a private key. Paste certificates only, and renew that key."));
        }
        papers.ca = Some(pasted.trim().to_owned());
    }
    if terms.pasted && papers.jwks.is_none() {
        return Err(Error::invalid("Paste the issuer's key set, or have it discovered."));
    }
    if terms.own_ca && papers.ca.is_none() {
        return Err(Error::invalid("Paste the certificate authority in PEM, or use those of this server."));
    }
    if !terms.pasted {
        papers.jwks = None;
    }
    if !terms.own_ca {
        papers.ca = None;
    }
    issuer.algorithms = terms.algorithms.clone();
    (issuer.audiences, issuer.by_email, issuer.once) = (audiences, terms.by_email, terms.once);
    (issuer.age_max, issuer.pasted, issuer.own_ca) = (terms.age_max, terms.pasted, terms.own_ca);
    issuer.stale_at = terms.stale_at.filter(|_| terms.pasted);
    Ok(differences(&before.0, &before.1, issuer, papers))
}

fn differences(was: &Issuer, had: &IssuerPapers, is: &Issuer, has: &IssuerPapers) -> Vec<Change> {
    let list = |list: &[String]| Some(list.join(", ")).filter(|text| !text.is_empty());
    let day = |at: Option<Millis>| at.map(|at| rfc3339(at).chars().take(10).collect::<String>());
    let span = span::render;
    let paper = |field: &str, before: &Option<String>, after: &Option<String>| {
        let word = |paper: &Option<String>| paper.as_ref().map(|_| "set");
        match (before, after) {
            (Some(a), Some(b)) if a != b => changed(field, Some("set"), Some("changed")),
            _ => changed(field, word(before), word(after)),
        }
    };
    [
        changed("algorithms", list(&was.algorithms).as_deref(), list(&is.algorithms).as_deref()),
        changed("audiences", list(&was.audiences).as_deref(), list(&is.audiences).as_deref()),
        switched("people by verified address", was.by_email, is.by_email),
        switched("tokens count once", was.once, is.once),
        changed("oldest token", Some(&span(was.age_max)), Some(&span(is.age_max))),
        paper("keys", &had.jwks, &has.jwks),
        changed("keys go stale", day(was.stale_at).as_deref(), day(is.stale_at).as_deref()),
        paper("certificate authority", &had.ca, &has.ca),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A key set without blanks. One that holds a secret is refused: it must not be stored here, and it was shown to too many.
fn public_keys(pasted: &str) -> Result<String> {
    if pasted.len() > 4 * JWKS_MAX {
        return Err(Error::invalid(format!("The key set is longer than {} KiB.", JWKS_MAX / 1024)));
    }
    let set: Value = serde_json::from_str(pasted).map_err(|_| Error::invalid("The key set is not JSON."))?;
    let keys = set.get("keys").and_then(Value::as_array);
    let secret = |key: &Value| ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].iter().any(|part| key.get(part).is_some());
    if keys.is_some_and(|keys| keys.iter().any(secret)) {
        return Err(Error::invalid(
            "The key set holds private or shared keys. Paste public keys only, and renew those keys.",
        ));
    }
    let text = set.to_string();
    if text.len() > JWKS_MAX {
        return Err(Error::invalid(format!("The key set is longer than {} KiB.", JWKS_MAX / 1024)));
    }
    Ok(text)
}
