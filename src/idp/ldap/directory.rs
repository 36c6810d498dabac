//! A directory that is connected: binding, searching, paging. Any result but success is an error, and so is an answer that is
//! cut short; referrals are never followed. What comes back is all there is, or nothing.

use super::entry::Entry;
use super::filter::Filter;
use super::wire::{self, said};
use super::{Config, Nested, Steps, Trouble, ber};
use ldap3::controls::{MakeCritical, PagedResults, RawControl};
use ldap3::{Ldap, LdapError, LdapResult, Scope, SearchOptions};
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Entries asked for at once.
const PAGE: i32 = 500;
/// Most pages of one search: a directory that never ends is not believed.
const PAGES: usize = 20_000;
/// Longest password sent, in bytes.
const LONGEST: usize = 512;
/// Paged results (RFC 2696).
const PAGED: &str = "1.2.840.113556.1.4.319";
/// What Active Directory announces of itself; it knows the rule that follows membership through groups.
const ACTIVE_DIRECTORY: &[&str] = &["1.2.840.113556.1.4.800", "1.2.840.113556.1.4.1670"];

/// A password that may be sent: never empty, since a bind with an empty one succeeds for everybody (RFC 4513 §5.1.2).
pub struct Password<'a>(&'a str);

impl<'a> Password<'a> {
    /// None where it is empty, has a NUL, or is longer than any.
    pub fn new(text: &'a str) -> Option<Password<'a>> {
        (!text.is_empty() && text.len() <= LONGEST && !text.contains('\0')).then_some(Password(text))
    }
}

/// What a directory says of a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It fits.
    Fits,
    /// It does not, or the account may not sign in; and what the directory said, for the audit log.
    Refused(String),
}

/// A conversation with a directory.
pub struct Directory {
    ldap: Ldap,
    cut: Arc<Mutex<Option<String>>>,
    /// Whether it sends answers page by page.
    pages: bool,
    /// Whether it says that it is an Active Directory.
    pub active: bool,
}

impl Directory {
    /// Connects, binds as the configuration says, and asks the directory what it can do.
    pub async fn open(config: &Config, steps: &mut Steps) -> Result<Directory, Trouble> {
        let line = wire::open(config, steps).await?;
        let mut directory = Directory { ldap: line.ldap, cut: line.cut, pages: false, active: false };
        directory.bind_service(config, steps).await?;
        directory.ask_abilities(config, steps).await?;
        Ok(directory)
    }

    /// Binds as the service account, or as nobody where no password is configured.
    pub async fn bind_service(&mut self, config: &Config, steps: &mut Steps) -> Result<(), Trouble> {
        let password = config.bind_password.as_deref().and_then(Password::new);
        let dn = config.bind_dn.as_deref().unwrap_or_default().trim();
        let (step, result) = match password {
            Some(password) if !dn.is_empty() => (format!("Sign in as {dn}"), self.bind(dn, password.0).await),
            _ => ("Sign in anonymously".to_owned(), self.bind("", "").await),
        };
        let result = result.map_err(|e| Trouble::of(step.clone(), e))?;
        let hint = match result.rc {
            0 => {
                let without = !dn.is_empty() && !step.contains(dn);
                let detail = if without {
                    "Done. A bind DN is configured, but no password for it, so it is not used."
                } else {
                    "Done."
                };
                steps.done(step, detail);
                return Ok(());
            }
            49 => "Bind DN and password do not fit together.",
            13 => "The directory wants an encrypted connection: turn on TLS, or use ldaps://.",
            8 | 48 | 53 => "The directory does not let this account in like that; it may want a bind DN and password.",
            32 | 34 => "There is no such account; check the bind DN.",
            _ => "The directory does not accept it.",
        };
        Err(Trouble::of(step, format!("{hint} (Result {}.)", named(&result))))
    }

    /// Asks the directory whether this password opens this entry. The name is the one the directory gave.
    pub async fn verify(&mut self, entry: &Entry, password: &Password<'_>) -> Result<Verdict, Trouble> {
        let step = "Check the password";
        if entry.dn.is_empty() {
            return Err(Trouble::of(step, "The directory gave an entry without a name."));
        }
        let result = self.bind(&entry.dn, password.0).await.map_err(|e| Trouble::of(step, e))?;
        match result.rc {
            0 => Ok(Verdict::Fits),
            // Wrong password, locked, expired, not allowed in like that, no password at all.
            49 | 19 | 48 | 50 | 53 | 16 | 32 => Ok(Verdict::Refused(named(&result))),
            13 => Err(Trouble::of(step, "The directory wants an encrypted connection: turn on TLS, or use ldaps://.")),
            _ => Err(Trouble::of(step, format!("The directory cannot say: result {}.", named(&result)))),
        }
    }

    async fn bind(&mut self, dn: &str, password: &str) -> Result<LdapResult, String> {
        self.ldap.with_timeout(PATIENCE);
        let outcome = self.ldap.simple_bind(dn, password).await;
        outcome.map_err(|e| self.explain(&e))
    }

    async fn ask_abilities(&mut self, config: &Config, steps: &mut Steps) -> Result<(), Trouble> {
        let step = "Ask what the directory can do";
        let everything = Filter::class("*");
        let wanted = ["supportedControl", "supportedCapabilities", "vendorName"];
        let found = self.once("", Scope::Base, &everything, &wanted, 1).await;
        // Some directories keep this from strangers; what they do not announce is not used.
        let root = found.ok().and_then(|(entries, _)| entries.into_iter().next()).unwrap_or_default();
        self.pages = root.texts("supportedControl").any(|oid| oid == PAGED);
        self.active = root.texts("supportedCapabilities").any(|oid| ACTIVE_DIRECTORY.contains(&oid));
        let kind = if self.active { "An Active Directory" } else { root.text("vendorName").unwrap_or("A directory") };
        let paging =
            if self.pages { "it sends long answers in pages" } else { "it does not send long answers in pages" };
        let nested = match (config.nested, self.active) {
            (Nested::Off, _) => "groups in groups are not followed",
            (Nested::Chain, false) => {
                return Err(Trouble::of(
                    step,
                    "Nested groups are set to be followed by the directory (chain), and this one does not announce that it \
                     can. Use auto or walk.",
                ));
            }
            (Nested::Chain | Nested::Auto, true) => "it follows groups in groups itself",
            (Nested::Auto | Nested::Walk, _) => "groups in groups are followed level by level",
        };
        steps.done(step, format!("{kind}; {paging}; {nested}."));
        Ok(())
    }

    /// Whether groups in groups are asked for by the directory's own rule.
    pub fn follows_chain(&self, nested: Nested) -> bool {
        self.active && matches!(nested, Nested::Auto | Nested::Chain)
    }

    /// Every entry that fits, however many answers that takes.
    pub async fn all(&self, base: &str, filter: &Filter, wanted: &[&str]) -> Result<Vec<Entry>, String> {
        let mut found = vec![];
        let each = |mut page: Vec<Entry>| {
            found.append(&mut page);
            Ok(())
        };
        self.each_page(base, filter, wanted, each).await?;
        Ok(found)
    }

    /// Gives `each` every entry that fits, page by page. Only where this ends well were those all.
    pub async fn each_page(
        &self,
        base: &str,
        filter: &Filter,
        wanted: &[&str],
        mut each: impl FnMut(Vec<Entry>) -> Result<(), String> + Send,
    ) -> Result<(), String> {
        let mut cookie = vec![];
        for _ in 0..PAGES {
            let mut ldap = self.ldap.clone();
            if self.pages {
                ldap.with_controls(RawControl::from(PagedResults { size: PAGE, cookie }.critical()));
            }
            let (entries, result) = self.ask(ldap, base, Scope::Subtree, filter, wanted).await?;
            succeeded(&result)?;
            each(entries)?;
            if !self.pages {
                return Ok(());
            }
            let control = result.ctrls.into_iter().find(|c| c.1.ctype == PAGED);
            let value = control
                .and_then(|c| c.1.val)
                .ok_or("It was asked for pages and did not say whether there are more.")?;
            cookie = ber::cookie(&value).ok_or("What it says about further pages cannot be read.")?;
            if cookie.is_empty() {
                return Ok(());
            }
        }
        Err(format!("It sent more than {PAGES} pages."))
    }

    /// At most `limit` entries that fit, and whether there are more.
    pub async fn some(
        &self,
        base: &str,
        filter: &Filter,
        wanted: &[&str],
        limit: i32,
    ) -> Result<(Vec<Entry>, bool), String> {
        self.once(base, Scope::Subtree, filter, wanted, limit).await
    }

    /// The entry of this name; none where there is none, or none that may be seen.
    pub async fn read(&self, dn: &str, wanted: &[&str]) -> Result<Option<Entry>, String> {
        match self.once(dn, Scope::Base, &Filter::class("*"), wanted, 1).await {
            Ok((entries, _)) => Ok(entries.into_iter().next()),
            Err(e) if e.starts_with("result 32 ") => Ok(None),
            Err(e) => Err(e),
        }
    }

    async fn once(
        &self,
        base: &str,
        scope: Scope,
        filter: &Filter,
        wanted: &[&str],
        limit: i32,
    ) -> Result<(Vec<Entry>, bool), String> {
        let mut ldap = self.ldap.clone();
        ldap.with_search_options(SearchOptions::new().sizelimit(limit));
        let (entries, result) = self.ask(ldap, base, scope, filter, wanted).await?;
        // Over the limit that was set: more than enough.
        let more = result.rc == 4 && !entries.is_empty();
        if !more {
            succeeded(&result)?;
        }
        Ok((entries, more))
    }

    async fn ask(
        &self,
        mut ldap: Ldap,
        base: &str,
        scope: Scope,
        filter: &Filter,
        wanted: &[&str],
    ) -> Result<(Vec<Entry>, LdapResult), String> {
        ldap.with_timeout(PATIENCE);
        let started = ldap.streaming_search(base, scope, filter.as_str(), wanted).await;
        let mut stream = started.map_err(|e| self.explain(&e))?;
        let mut found = vec![];
        while let Some(item) = stream.next().await.map_err(|e| self.explain(&e))? {
            // Pointers to other directories are passed over: they are not followed.
            if !item.is_ref() && !item.is_intermediate() {
                found.push(Entry::read(item.0).ok_or("It sent an entry that cannot be read.")?);
            }
        }
        Ok((found, stream.finish().await))
    }

    fn explain(&self, error: &LdapError) -> String {
        if let Some(why) = self.cut.lock().as_ref() {
            return format!("the connection was cut: {why}");
        }
        match error {
            LdapError::Timeout { .. } => format!("it did not answer within {} seconds", PATIENCE.as_secs()),
            LdapError::EndOfStream | LdapError::ResultRecv { .. } | LdapError::OpSend { .. } => {
                "it closed the connection".to_owned()
            }
            LdapError::LdapResult { result } => format!("result {}", named(result)),
            other => other.to_string(),
        }
    }

    /// Says goodbye.
    pub async fn close(mut self) {
        self.ldap.with_timeout(PATIENCE);
        let _ = self.ldap.unbind().await;
    }
}

fn succeeded(result: &LdapResult) -> Result<(), String> {
    if result.rc == 0 { Ok(()) } else { Err(format!("result {}", named(result))) }
}

/// A result for people: its number, its name and what the directory says.
fn named(result: &LdapResult) -> String {
    let name = match result.rc {
        1 => "operations error",
        2 => "protocol error",
        3 => "time limit exceeded",
        4 => "size limit exceeded",
        8 => "stronger authentication required",
        10 => "referral to another directory",
        11 => "limit of the directory exceeded",
        12 => "unavailable critical extension",
        13 => "confidentiality required",
        19 => "constraint violation",
        32 => "no such object",
        34 => "invalid DN syntax",
        48 => "inappropriate authentication",
        49 => "invalid credentials",
        50 => "insufficient access rights",
        51 => "busy",
        52 => "unavailable",
        53 => "unwilling to perform",
        _ => "other",
    };
    format!("{} ({name}){}", result.rc, said(&result.text))
}
