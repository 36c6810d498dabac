//! The groups of one person, in every way that directories keep them: named by the person (`memberOf`, or the configured
//! attribute), naming the person (`member`, `uniqueMember`, `memberUid`), meant by a number (`gidNumber`, `primaryGroupID`),
//! and the groups those are in. Either all of them, or a sentence why nobody can say: no answer is half read.

use super::directory::Directory;
use super::entry::Entry;
use super::filter::{Attribute, Filter};
use super::{Config, Dn, DnKey, Nested};
use crate::model::identity::ExternalGroup;
use futures_util::future::try_join_all;
use std::collections::BTreeMap;

/// Deepest nesting followed.
const DEEPEST: usize = 32;
/// Most groups of one person.
const MOST: usize = 5_000;
/// Groups asked about at once.
pub const AT_ONCE: usize = 50;

/// What is said where nothing is to be seen: maybe there is nothing, maybe it may not be read.
pub const NONE_SEEN: &str = "it shows no group at all to the account that asks";

/// The attribute of `groupOfNames` and of Active Directory.
pub static MEMBER: Attribute = Attribute::known("member");
/// The attribute of `groupOfUniqueNames`.
pub static UNIQUE_MEMBER: Attribute = Attribute::known("uniqueMember");
/// The attribute of `posixGroup`: bare user names.
pub static MEMBER_UID: Attribute = Attribute::known("memberUid");
/// The number of a `posixGroup`, and of somebody's primary group.
pub static GID: Attribute = Attribute::known("gidNumber");
static SID: Attribute = Attribute::known("objectSid");

/// Entries that are groups of any kind.
pub fn any_group() -> Filter {
    Filter::any(vec![
        Filter::present(&MEMBER),
        Filter::present(&UNIQUE_MEMBER),
        Filter::present(&MEMBER_UID),
        Filter::class("posixGroup"),
        Filter::class("group"),
    ])
}

/// What is asked of a group.
pub fn wanted(config: &Config) -> Vec<&str> {
    let mut all = vec!["cn", "sAMAccountName", "gidNumber", "memberOf", "objectSid", "objectClass"];
    let own = config.group_attribute.trim();
    if Attribute::parse(own).is_some() && !all.iter().any(|a| a.eq_ignore_ascii_case(own)) {
        all.push(own);
    }
    all
}

/// Every name a group may be known by, the one for people first.
pub fn names(config: &Config, group: &Entry) -> Vec<String> {
    let mut names: Vec<String> = vec![];
    let own = config.group_attribute.trim();
    // These name other groups, or nothing that can be read.
    let own =
        Some(own).filter(|a| !["memberof", "objectsid", "objectclass"].contains(&a.to_ascii_lowercase().as_str()));
    let of = ["cn", "sAMAccountName", "gidNumber"].into_iter().chain(own).flat_map(|a| group.texts(a));
    for name in of.chain([group.dn.as_str()]) {
        if !names.iter().any(|n| n == name) {
            names.push(name.to_owned());
        }
    }
    names
}

/// A group of which nothing but the name is known.
pub fn named(name: &str, through: &str) -> ExternalGroup {
    let mut names = vec![];
    names.extend(Dn::parse(name).and_then(|dn| dn.first("cn")));
    names.push(name.to_owned());
    ExternalGroup { names, through: through.to_owned() }
}

/// Names, each with the attribute it stands in.
type Said<'a> = Vec<(&'a str, &'a str)>;

/// What the person's own entry says about groups, besides the numbers: names of entries, and others.
pub fn said_by_person<'a>(config: &'a Config, person: &'a Entry) -> (Said<'a>, Said<'a>) {
    let own = config.group_attribute.trim();
    let mut dns: Vec<(&str, &str)> = person.texts("memberOf").map(|dn| (dn, "memberOf")).collect();
    let mut loose = vec![];
    if !["memberof", "gidnumber", "primarygroupid"].contains(&own.to_ascii_lowercase().as_str()) {
        for value in person.texts(own) {
            let is_dn = value.contains('=') && Dn::parse(value).is_some();
            if is_dn { dns.push((value, own)) } else { loose.push((value, own)) }
        }
    }
    (dns, loose)
}

/// The security id of the person's primary group: that of the person, with another last number (Active Directory).
pub fn primary_group(person: &Entry) -> Option<Vec<u8>> {
    let number: u32 = person.text("primaryGroupID")?.parse().ok()?;
    let own = person.bytes("objectSid").first()?;
    let parts = usize::from(*own.get(1)?);
    if parts == 0 || own.len() != 8 + 4 * parts {
        return None;
    }
    let mut sid = own.get(..own.len() - 4)?.to_vec();
    sid.extend(number.to_le_bytes());
    Some(sid)
}

/// The group that `gidNumber` means.
fn by_number(number: &str) -> Filter {
    let kinds = Filter::any(vec![Filter::class("posixGroup"), Filter::class("group")]);
    Filter::all(vec![kinds, Filter::equals(&GID, number.as_bytes())])
}

struct Gathering<'a> {
    directory: &'a Directory,
    config: &'a Config,
    wanted: Vec<&'a str>,
    groups: BTreeMap<DnKey, (String, ExternalGroup)>,
    /// Parents that the groups themselves name, with the group that did.
    named: Vec<(String, String)>,
}

impl Gathering<'_> {
    /// Keeps a group; says whether it is new.
    fn keep(&mut self, entry: &Entry, through: &str) -> Result<bool, String> {
        let key = DnKey::of(&entry.dn);
        if self.groups.contains_key(&key) {
            return Ok(false);
        }
        if self.groups.len() >= MOST {
            return Err(format!("the person is in more than {MOST} of them"));
        }
        let names = names(self.config, entry);
        let shown = names.first().cloned().unwrap_or_default();
        self.named.extend(entry.texts("memberOf").map(|dn| (dn.to_owned(), shown.clone())));
        let group = ExternalGroup { names, through: through.to_owned() };
        self.groups.insert(key, (entry.dn.clone(), group));
        Ok(true)
    }

    /// Keeps every group that fits, by questions asked at once.
    async fn search(&mut self, questions: Vec<(String, Filter)>) -> Result<(), String> {
        let (directory, base, wanted) = (self.directory, self.config.base_dn.trim(), self.wanted.clone());
        let wanted = wanted.as_slice();
        let asked = questions.into_iter().map(|(through, filter)| async move {
            Ok::<_, String>((through, directory.all(base, &filter, wanted).await?))
        });
        for (through, entries) in try_join_all(asked).await? {
            for entry in entries {
                self.keep(&entry, &through)?;
            }
        }
        Ok(())
    }

    /// Keeps groups by their names, whether or not their entries can be read.
    async fn fetch(&mut self, dns: Vec<(String, String)>) -> Result<(), String> {
        let mut new: Vec<(String, String)> = vec![];
        for (dn, through) in dns {
            let key = DnKey::of(&dn);
            if !self.groups.contains_key(&key) && !new.iter().any(|(known, _)| DnKey::of(known) == key) {
                new.push((dn, through));
            }
        }
        if self.groups.len() + new.len() > MOST {
            return Err(format!("the person is in more than {MOST} of them"));
        }
        for some in new.chunks(AT_ONCE) {
            let (directory, wanted) = (self.directory, self.wanted.as_slice());
            let read = try_join_all(some.iter().map(|(dn, _)| directory.read(dn, wanted))).await?;
            for ((dn, through), entry) in some.iter().zip(read) {
                match entry {
                    Some(entry) => drop(self.keep(&entry, through)?),
                    None => {
                        self.groups.insert(DnKey::of(dn), (dn.clone(), named(dn, through)));
                    }
                }
            }
        }
        Ok(())
    }

    /// Follows groups into groups: each level is one question about all that the level before brought.
    async fn walk(&mut self) -> Result<(), String> {
        let mut known = std::collections::BTreeSet::new();
        for _ in 0..DEEPEST {
            let fresh: Vec<(DnKey, String)> = self
                .groups
                .iter()
                .filter(|(key, _)| !known.contains(*key))
                .map(|(key, (dn, _))| (key.clone(), dn.clone()))
                .collect();
            if fresh.is_empty() {
                return Ok(());
            }
            known.extend(fresh.iter().map(|(key, _)| key.clone()));
            let parents = std::mem::take(&mut self.named);
            self.fetch(parents.into_iter().map(|(dn, child)| (dn, format!("nested in {child}"))).collect()).await?;
            let questions = fresh.chunks(AT_ONCE).map(|some| {
                let names = some.iter().flat_map(|(_, dn)| {
                    [Filter::equals(&MEMBER, dn.as_bytes()), Filter::equals(&UNIQUE_MEMBER, dn.as_bytes())]
                });
                let through = match some {
                    [(key, _)] => {
                        let child = self.groups.get(key).and_then(|(_, group)| group.names.first());
                        format!("nested in {}", child.map_or("a group", String::as_str))
                    }
                    _ => "nested groups".to_owned(),
                };
                (through, Filter::any(names.collect()))
            });
            let questions = questions.collect();
            self.search(questions).await?;
        }
        Err(format!("they are nested more than {DEEPEST} deep"))
    }
}

/// Every group of a person.
///
/// # Errors
/// Why nobody can say.
pub async fn of_person(directory: &Directory, config: &Config, person: &Entry) -> Result<Vec<ExternalGroup>, String> {
    let mut gathering = Gathering { directory, config, wanted: wanted(config), groups: BTreeMap::new(), named: vec![] };
    let dn = person.dn.as_bytes();
    let mut questions = vec![
        ("member".to_owned(), Filter::equals(&MEMBER, dn)),
        ("uniqueMember".to_owned(), Filter::equals(&UNIQUE_MEMBER, dn)),
    ];
    // Bare user names, not names of entries.
    questions.extend(person.text("uid").map(|u| ("memberUid".to_owned(), Filter::equals(&MEMBER_UID, u.as_bytes()))));
    let numbers: Vec<&str> = person.texts("gidNumber").collect();
    questions.extend(numbers.iter().map(|n| (GID.as_str().to_owned(), by_number(n))));
    questions.extend(primary_group(person).map(|sid| ("primaryGroupID".to_owned(), Filter::equals(&SID, &sid))));
    gathering.search(questions).await?;
    let (dns, mut loose) = said_by_person(config, person);
    gathering.fetch(dns.into_iter().map(|(dn, by)| (dn.to_owned(), by.to_owned())).collect()).await?;
    if directory.follows_chain(config.nested) {
        gathering.named.clear();
        // The directory follows from the person; from the primary group, which names nobody, it must be asked by itself.
        let begins =
            gathering.groups.values().filter(|(_, g)| g.through == "primaryGroupID" || g.through == "gidNumber");
        let begins: Vec<String> = begins.map(|(dn, _)| dn.clone()).chain([person.dn.clone()]).collect();
        let each = begins.iter().map(|dn| ("nested groups".to_owned(), Filter::in_chain(&MEMBER, dn)));
        gathering.search(each.collect()).await?;
    } else if config.nested != Nested::Off {
        gathering.walk().await?;
    }
    let mut groups: Vec<ExternalGroup> = gathering.groups.into_values().map(|(_, group)| group).collect();
    let told = !groups.is_empty() || !loose.is_empty();
    // A number that no group has is a name all the same.
    loose.extend(numbers.into_iter().map(|n| (n, GID.as_str())));
    for (name, through) in loose {
        if !groups.iter().any(|g| g.names.iter().any(|n| n == name)) {
            groups.push(named(name, through));
        }
    }
    if !told {
        let (seen, _) = directory.some(config.base_dn.trim(), &any_group(), &["1.1"], 1).await?;
        if seen.is_empty() {
            return Err(NONE_SEEN.to_owned());
        }
    }
    Ok(groups)
}
