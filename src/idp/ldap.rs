//! Signing in through a directory by LDAP. A name is looked up under the service account, exactly one entry must be found, and
//! the password is tried on that entry's own name. Groups are read in every way directories keep them, see `groups`; a group
//! that cannot be read is never read as absent. The steps are the ones an administrator sees when testing the connection.
//!
//! Nothing here decides who may do what: that is in `ops::sso`. The protocol is the `ldap3` crate's, behind a relay that keeps
//! what a directory sends within bounds (`wire`).

use crate::model::identity::{Check, ExternalGroups, ExternalIdentity};

pub use crate::config::settings::sso::{Ldap as Config, Nested};

use std::fmt;
use std::time::Duration;

pub mod ber;
mod check;
mod directory;
mod dn;
mod entry;
mod filter;
mod groups;
mod person;
mod roll;
mod wire;

pub use check::{check, look_up};
pub use dn::{Dn, DnKey};
pub use filter::{Attribute, Filter};
pub use roll::{Roll, read_all};

use directory::{Directory, Password, Verdict};
use person::Found;

/// How long signing in may take in all.
const SIGN_IN: Duration = Duration::from_secs(20);
/// Longest name looked up, in bytes.
const LONGEST_NAME: usize = 256;

/// The step that failed, and what went wrong and what to do. Never a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What was done.
    pub step: String,
    /// What happened.
    pub detail: String,
}

impl Trouble {
    fn of(step: impl Into<String>, detail: impl fmt::Display) -> Trouble {
        Trouble { step: step.into(), detail: detail.to_string() }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.step, self.detail)
    }
}

/// The steps that worked so far.
#[derive(Debug, Default)]
struct Steps(Vec<Check>);

impl Steps {
    fn done(&mut self, name: impl Into<String>, detail: impl Into<String>) {
        self.0.push(Check { name: name.into(), passed: true, detail: detail.into() });
    }

    fn failed(&mut self, trouble: Trouble) {
        self.0.push(Check { name: trouble.step, passed: false, detail: trouble.detail });
    }
}

/// Why somebody was not signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Name and password do not fit together, or the account may not sign in; why, for the audit log alone: the person must
    /// not learn which.
    Unproven(String),
    /// The password was right, but the person is in no allowed group; why, for the person.
    NotAllowed(String),
    /// The directory could not be asked.
    Down(Trouble),
}

/// Proves who somebody is by name and password.
///
/// # Errors
/// [`Refusal`]; a password that is empty, too long or has a NUL is refused before the directory is called.
pub async fn sign_in(config: &Config, name: &str, password: &str) -> Result<ExternalIdentity, Refusal> {
    if Password::new(password).is_none() {
        return Err(Refusal::Unproven("The password is empty, too long, or has a character NUL.".to_owned()));
    }
    let Some(name) = searchable(name) else {
        return Err(Refusal::Unproven("The name is empty, too long, or has control characters.".to_owned()));
    };
    let (config, name, password) = (config.clone(), name.to_owned(), password.to_owned());
    let work = async move {
        let mut steps = Steps::default();
        Ok(prove(&config, &name, &password, &mut steps).await)
    };
    apart(SIGN_IN, work).await.unwrap_or_else(|trouble| Err(Refusal::Down(trouble)))
}

async fn prove(config: &Config, name: &str, password: &str, steps: &mut Steps) -> Result<ExternalIdentity, Refusal> {
    let Some(password) = Password::new(password) else {
        return Err(Refusal::Unproven("The password is empty.".to_owned()));
    };
    let mut directory = Directory::open(config, steps).await.map_err(Refusal::Down)?;
    let entry = match person::find(&directory, config, name).await.map_err(Refusal::Down)? {
        Found::One(entry) => entry,
        Found::None => return Err(Refusal::Unproven("The directory has no such person.".to_owned())),
        Found::Many => return Err(Refusal::Unproven("The directory has more than one entry of that name.".to_owned())),
    };
    if let Verdict::Refused(why) = directory.verify(&entry, &password).await.map_err(Refusal::Down)? {
        return Err(Refusal::Unproven(format!("The directory refuses the password: {why}.")));
    }
    // What the person may see of the groups is not what counts.
    directory.bind_service(config, steps).await.map_err(Refusal::Down)?;
    let groups = groups::of_person(&directory, config, &entry).await;
    directory.close().await;
    let identity = person::identity(config, &entry, groups);
    allowed(config, &identity.groups).map_err(Refusal::NotAllowed)?;
    Ok(identity)
}

/// A name as it may be looked up.
fn searchable(name: &str) -> Option<&str> {
    let name = name.trim();
    (!name.is_empty() && name.len() <= LONGEST_NAME && !name.chars().any(char::is_control)).then_some(name)
}

/// Whether the allow-list lets somebody in who is in these groups.
///
/// # Errors
/// A sentence for the person who is not let in.
fn allowed(config: &Config, groups: &ExternalGroups) -> Result<(), String> {
    let list: Vec<&str> = config.allow_list.iter().map(|g| g.trim()).filter(|g| !g.is_empty()).collect();
    if list.is_empty() {
        return Ok(());
    }
    let groups = match groups {
        ExternalGroups::Complete(groups) => groups,
        ExternalGroups::Unknown(why) => {
            return Err(format!("Only members of certain groups may sign in, and your groups cannot be read. {why}"));
        }
    };
    let fits = |wanted: &str, name: &str| {
        let folded = |text: &str| crate::model::name::fold(text.trim());
        folded(wanted) == folded(name) || (wanted.contains('=') && DnKey::of(wanted) == DnKey::of(name))
    };
    if list.iter().any(|wanted| groups.iter().flat_map(|g| &g.names).any(|name| fits(wanted, name))) {
        return Ok(());
    }
    Err("You are in none of the groups whose members may sign in here. Ask an administrator to add you to one."
        .to_owned())
}

/// Work by itself: neither a defect of the library nor an endless answer reaches whoever waits for it.
async fn apart<T: Send + 'static>(
    limit: Duration,
    work: impl Future<Output = Result<T, Trouble>> + Send + 'static,
) -> Result<T, Trouble> {
    let mut task = tokio::spawn(work);
    match tokio::time::timeout(limit, &mut task).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(Trouble::of("Read the answer", "The directory sent something that is not LDAP.")),
        Err(_) => {
            task.abort();
            Err(Trouble::of("Wait for the directory", format!("It took more than {} seconds.", limit.as_secs())))
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests;
