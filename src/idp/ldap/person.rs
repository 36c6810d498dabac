//! People in a directory: how one is found by the name typed, and what is taken from the entry.

use super::directory::Directory;
use super::entry::Entry;
use super::filter::{Attribute, Filter};
use super::{Config, Trouble};
use crate::model::identity::{ExternalGroup, ExternalGroups, ExternalIdentity, LDAP};

/// Where the name typed is looked for.
const NAMES: [&str; 3] = ["uid", "sAMAccountName", "mail"];

/// What is asked of an entry, besides the configured attributes.
const WANTED: [&str; 20] = [
    "uid",
    "sAMAccountName",
    "mail",
    "displayName",
    "cn",
    "givenName",
    "sn",
    "objectClass",
    "memberOf",
    "gidNumber",
    "primaryGroupID",
    "objectSid",
    "entryUUID",
    "objectGUID",
    "nsUniqueId",
    "ipaUniqueID",
    "userAccountControl",
    "nsAccountLock",
    "uidNumber",
    "ou",
];

/// What a name stands for.
pub enum Found {
    /// One person.
    One(Entry),
    /// Nobody.
    None,
    /// More than one entry: nobody can say who is meant.
    Many,
}

/// The attributes asked for of a person.
pub fn wanted(config: &Config) -> Vec<&str> {
    let mut all = WANTED.to_vec();
    for configured in [config.email_attribute.as_str(), config.group_attribute.as_str()] {
        if !configured.is_empty() && !all.iter().any(|a| a.eq_ignore_ascii_case(configured)) {
            all.push(configured);
        }
    }
    all
}

/// `filter`, and the administrator's own filter where there is one.
pub fn narrowed(config: &Config, filter: Filter) -> Result<Filter, String> {
    Ok(match Filter::parse(config.user_filter.as_deref().unwrap_or_default())? {
        Some(own) => Filter::all(vec![filter, own]),
        None => filter,
    })
}

/// Looks a name up.
pub async fn find(directory: &Directory, config: &Config, name: &str) -> Result<Found, Trouble> {
    let step = "Look up the name";
    let mut fits: Vec<Filter> =
        NAMES.into_iter().map(|a| Filter::equals(&Attribute::known(a), name.as_bytes())).collect();
    if let Some(email) = email_attribute(config).filter(|a| !a.as_str().eq_ignore_ascii_case("mail")) {
        fits.push(Filter::equals(&email, name.as_bytes()));
    }
    let filter = narrowed(config, Filter::any(fits)).map_err(|e| Trouble::of(step, e))?;
    let asked = directory.some(config.base_dn.trim(), &filter, &wanted(config), 2).await;
    let (mut entries, more) = asked.map_err(|e| Trouble::of(step, format!("The search failed: {e}.")))?;
    Ok(match (entries.pop(), entries.is_empty() && !more) {
        (None, _) => Found::None,
        (Some(entry), true) if is_person(&entry) => Found::One(entry),
        (Some(_), true) => Found::None,
        (Some(_), false) => Found::Many,
    })
}

/// The configured attribute of the e-mail address; `mail` where it is no attribute's name.
pub fn email_attribute(config: &Config) -> Option<Attribute> {
    Attribute::parse(config.email_attribute.trim())
}

/// Whether an entry can be somebody: in Active Directory machines and groups have a `sAMAccountName` too.
pub fn is_person(entry: &Entry) -> bool {
    let things = ["computer", "group", "groupOfNames", "groupOfUniqueNames"];
    !entry.texts("objectClass").any(|class| things.iter().any(|thing| class.eq_ignore_ascii_case(thing)))
}

/// Whether the directory says that the account is switched off.
pub fn is_disabled(entry: &Entry) -> bool {
    let by_flag = entry.text("userAccountControl").and_then(|n| n.parse::<u64>().ok()).is_some_and(|n| n & 2 != 0);
    by_flag || entry.text("nsAccountLock").is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

/// The permanent id of an entry: the one the directory made, else the distinguished name.
pub fn subject(entry: &Entry) -> String {
    if let Some(guid) = entry.bytes("objectGUID").first().and_then(|bytes| guid(bytes)) {
        return guid;
    }
    let made = ["entryUUID", "ipaUniqueID", "nsUniqueId"].into_iter().find_map(|id| entry.text(id));
    match made {
        Some(id) => id.to_ascii_lowercase(),
        None => super::DnKey::of(&entry.dn).as_str().to_owned(),
    }
}

/// An id of Active Directory as people write it: its first three numbers have their bytes the other way round.
fn guid(bytes: &[u8]) -> Option<String> {
    let b: [u8; 16] = bytes.try_into().ok()?;
    let order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    let hex: String = order.iter().filter_map(|i: &usize| b.get(*i)).map(|byte| format!("{byte:02x}")).collect();
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    Some(format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)))
}

/// The person an entry describes.
pub fn identity(config: &Config, entry: &Entry, groups: Result<Vec<ExternalGroup>, String>) -> ExternalIdentity {
    let email = email_attribute(config);
    let text = |name: &str| entry.text(name).map(str::to_owned);
    let parts = || match (entry.text("givenName"), entry.text("sn")) {
        (Some(given), Some(family)) => Some(format!("{given} {family}")),
        _ => None,
    };
    ExternalIdentity {
        connection: LDAP.to_owned(),
        subject: subject(entry),
        username: text("uid").or_else(|| text("sAMAccountName")),
        name: text("displayName").or_else(parts).or_else(|| text("cn")),
        email: text(email.as_ref().map_or("mail", Attribute::as_str)),
        email_verified: None,
        groups: read_groups(groups),
        session: None,
    }
}

/// The groups, or why nobody can say.
pub fn read_groups(groups: Result<Vec<ExternalGroup>, String>) -> ExternalGroups {
    match groups {
        Ok(groups) => ExternalGroups::Complete(groups),
        Err(why) => ExternalGroups::Unknown(format!("The directory's groups cannot be read: {why}.")),
    }
}
