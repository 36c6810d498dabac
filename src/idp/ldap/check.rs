//! The test of a connection, step by step, and the reading of one person without a password: the same code that signs people
//! in, with its steps shown. Nothing is written anywhere.

use super::directory::Directory;
use super::filter::{Attribute, Filter};
use super::person::{self, Found};
use super::{Config, Dn, ExternalGroups, ExternalIdentity, Steps, Trouble, allowed, apart, groups, searchable};
use crate::model::identity::Check;
use std::time::Duration;

/// How long a test may take in all.
const TEST: Duration = Duration::from_secs(30);

/// Tests the connection. Every step has passed, or the last one says what went wrong.
pub async fn check(config: &Config) -> Vec<Check> {
    let config = config.clone();
    let work = async move {
        let mut steps = Steps::default();
        if let Err(trouble) = connection(&config, &mut steps).await {
            steps.failed(trouble);
        }
        Ok(steps.0)
    };
    apart(TEST, work).await.unwrap_or_else(only)
}

/// Reads one person as signing in would, without a password: every step, and who it is.
pub async fn look_up(config: &Config, name: &str) -> (Vec<Check>, Option<ExternalIdentity>) {
    let (config, name) = (config.clone(), name.to_owned());
    let work = async move {
        let mut steps = Steps::default();
        let found = one(&config, &name, &mut steps).await;
        let found = found.map_err(|trouble| steps.failed(trouble)).ok();
        Ok((steps.0, found))
    };
    apart(TEST, work).await.unwrap_or_else(|trouble| (only(trouble), None))
}

fn only(trouble: Trouble) -> Vec<Check> {
    let mut steps = Steps::default();
    steps.failed(trouble);
    steps.0
}

async fn connection(config: &Config, steps: &mut Steps) -> Result<(), Trouble> {
    let directory = Directory::open(config, steps).await?;
    base_exists(&directory, config, steps).await?;
    addresses(&directory, config, steps).await?;
    see_groups(&directory, config, steps).await?;
    directory.close().await;
    Ok(())
}

async fn base_exists(directory: &Directory, config: &Config, steps: &mut Steps) -> Result<(), Trouble> {
    let base = config.base_dn.trim();
    let step = format!("Read {base}");
    match Dn::parse(base) {
        None => return Err(Trouble::of(step, "The base DN is not a distinguished name such as dc=example,dc=com.")),
        // The documents' own example has the attribute map in this place (facts C2).
        Some(dn) if dn.is_only_of(&["email", "group"]) => {
            return Err(Trouble::of(
                step,
                "The base DN is the attribute map (email=…,group=…); it must be where people are, such as \
                 ou=people,dc=example,dc=com.",
            ));
        }
        Some(_) => {}
    }
    let hint = match config.bind_password {
        Some(_) => "Check the base DN.",
        None => "Check the base DN; the directory may also want a bind DN and password before it shows anything.",
    };
    match directory.read(base, &["1.1"]).await {
        Ok(Some(_)) => {
            steps.done(step, "The search base is there.");
            Ok(())
        }
        Ok(None) => Err(Trouble::of(step, format!("There is no such entry, or this account may not see it. {hint}"))),
        Err(e) => Err(Trouble::of(step, format!("The search failed: {e}. {hint}"))),
    }
}

async fn addresses(directory: &Directory, config: &Config, steps: &mut Steps) -> Result<(), Trouble> {
    let step = "Find people";
    let wrong = |e: String| Trouble::of(step, format!("The search failed: {e}."));
    let anybody = || {
        Filter::any(vec![
            Filter::present(&Attribute::known("uid")),
            Filter::present(&Attribute::known("sAMAccountName")),
        ])
    };
    let filter = person::narrowed(config, anybody()).map_err(|e| Trouble::of("Read the filter for people", e))?;
    let (people, _) = directory.some(config.base_dn.trim(), &filter, &["1.1"], 1).await.map_err(wrong)?;
    if people.is_empty() {
        return Err(Trouble::of(
            step,
            "No entry with uid or sAMAccountName is to be seen. Check the base DN, the filter for people, and what the bind DN may read.",
        ));
    }
    let email = person::email_attribute(config)
        .ok_or_else(|| Trouble::of(step, "The attribute of the e-mail address is not the name of an attribute."))?;
    let with = Filter::all(vec![filter, Filter::present(&email)]);
    let (with, _) = directory.some(config.base_dn.trim(), &with, &["1.1"], 1).await.map_err(wrong)?;
    if with.is_empty() {
        return Err(Trouble::of(
            step,
            format!(
                "People are to be seen, but none has the attribute {}, which should be the e-mail address.",
                email.as_str()
            ),
        ));
    }
    steps.done(step, format!("There are people, and their e-mail address is in {}.", email.as_str()));
    Ok(())
}

async fn see_groups(directory: &Directory, config: &Config, steps: &mut Steps) -> Result<(), Trouble> {
    let step = "Find groups";
    let found = directory.some(config.base_dn.trim(), &groups::any_group(), &["cn"], 1).await;
    let (found, _) = found.map_err(|e| Trouble::of(step, format!("The search failed: {e}.")))?;
    match found.first() {
        Some(group) => {
            let name = group.text("cn").unwrap_or(&group.dn);
            steps.done(step, format!("There are groups to be seen, such as {name}."));
        }
        None if config.group_sync || !config.allow_list.is_empty() => {
            return Err(Trouble::of(
                step,
                "No group is to be seen, and teams or the list of allowed groups need them. Check the base DN and what the bind DN may read.",
            ));
        }
        None => steps.done(step, "No group is to be seen; none is needed as long as teams do not follow groups."),
    }
    Ok(())
}

async fn one(config: &Config, name: &str, steps: &mut Steps) -> Result<ExternalIdentity, Trouble> {
    let directory = Directory::open(config, steps).await?;
    let step = "Look up the name";
    let name = searchable(name).ok_or_else(|| Trouble::of(step, "Give a name without control characters."))?;
    let entry = match person::find(&directory, config, name).await? {
        Found::One(entry) => entry,
        Found::None => {
            return Err(Trouble::of(
                step,
                "Nobody has this name in uid, sAMAccountName or the e-mail address, and fits the filter for people.",
            ));
        }
        Found::Many => {
            return Err(Trouble::of(
                step,
                "More than one entry has this name, so nobody can sign in by it. Narrow the base DN or the filter for people.",
            ));
        }
    };
    steps.done(step, format!("It is {}.", entry.dn));
    let found = groups::of_person(&directory, config, &entry).await;
    directory.close().await;
    let identity = person::identity(config, &entry, found);
    let step = "Read the groups";
    match &identity.groups {
        ExternalGroups::Complete(all) if all.is_empty() => steps.done(step, "The person is in no group."),
        ExternalGroups::Complete(all) => {
            let shown: Vec<String> = all
                .iter()
                .take(50)
                .map(|g| format!("{} ({})", g.names.first().map_or("", String::as_str), g.through))
                .collect();
            let more =
                if all.len() > shown.len() { format!(" and {} more", all.len() - shown.len()) } else { String::new() };
            steps.done(step, format!("{}{more}.", shown.join(", ")));
        }
        ExternalGroups::Unknown(why) => steps.failed(Trouble::of(step, format!("{why} Memberships stay as they are."))),
    }
    if !config.allow_list.is_empty() {
        let step = "Check the list of allowed groups";
        allowed(config, &identity.groups).map_err(|why| Trouble::of(step, why))?;
        steps.done(step, "The person is in one of them.");
    }
    Ok(identity)
}
