//! A whole directory, read for the background sync: all groups first, then page by page the people who have an account here.
//! Everything is read before anything is used, so an answer that breaks off changes nothing. What is kept of a person is small:
//! the groups are kept once, and each person has their numbers.

use super::directory::Directory;
use super::entry::Entry;
use super::filter::{Attribute, Filter};
use super::groups::{self, MEMBER, MEMBER_UID, UNIQUE_MEMBER};
use super::{Config, DnKey, Nested, Steps, Trouble, apart, person};
use crate::model::identity::{ExternalGroup, ExternalIdentity};
use futures_util::future::try_join_all;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

/// How long reading a directory may take in all.
const READING: Duration = Duration::from_secs(15 * 60);
/// Most groups, those counted that only people or groups name.
const STRANGERS: usize = 200_000;
/// Most parts of the members of one group.
const PARTS: usize = 2_000;

/// What a directory says of the people who have an account here.
#[derive(Debug, Default)]
pub struct Roll {
    /// How many people it has, with an account here or not.
    pub people: usize,
    /// How many groups it has.
    pub groups: usize,
    known: Vec<Known>,
    /// The names of every group.
    names: Vec<Vec<String>>,
    /// The configured attribute of groups.
    attribute: String,
    /// Ids of people that the directory has, but switched off.
    pub disabled: HashSet<String>,
}

#[derive(Debug)]
struct Known {
    identity: ExternalIdentity,
    /// Number of each group, and through what.
    groups: BTreeMap<usize, Through>,
    /// Groups that the person's entry names and the search did not bring.
    missing: Vec<(String, Through)>,
    /// Names that are no entries.
    loose: Vec<ExternalGroup>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Through {
    By(&'static str),
    /// By the configured attribute.
    Own,
    /// In this group, which is in it.
    Nested(usize),
}

impl Roll {
    /// How many people with an account here it has.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether it has none of them.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Ids of those people.
    pub fn subjects(&self) -> impl Iterator<Item = &str> {
        self.known.iter().map(|k| k.identity.subject.as_str())
    }

    /// One of them, as signing in would say it.
    pub fn person(&self, at: usize) -> Option<ExternalIdentity> {
        let known = self.known.get(at)?;
        let mut groups: Vec<ExternalGroup> = known
            .groups
            .iter()
            .filter_map(|(number, through)| {
                let through = match through {
                    Through::By(what) => (*what).to_owned(),
                    Through::Own => self.attribute.clone(),
                    Through::Nested(child) => {
                        let child = self.names.get(*child).and_then(|n| n.first());
                        format!("nested in {}", child.map_or("a group", String::as_str))
                    }
                };
                Some(ExternalGroup { names: self.names.get(*number)?.clone(), through })
            })
            .collect();
        let told = !groups.is_empty() || known.loose.iter().any(|g| g.through != groups::GID.as_str());
        groups.extend(known.loose.iter().cloned());
        let groups = match told || self.groups > 0 {
            true => Ok(groups),
            false => Err(groups::NONE_SEEN.to_owned()),
        };
        Some(ExternalIdentity { groups: person::read_groups(groups), ..known.identity.clone() })
    }
}

/// Reads the directory; of its people, those with an id in `accounts`.
///
/// # Errors
/// The step that failed. Nothing may be concluded then.
pub async fn read_all(config: &Config, accounts: HashSet<String>) -> Result<Roll, Trouble> {
    let config = config.clone();
    apart(READING, async move { read(&config, &accounts).await }).await
}

async fn read(config: &Config, accounts: &HashSet<String>) -> Result<Roll, Trouble> {
    let directory = Directory::open(config, &mut Steps::default()).await?;
    let groups_step = |e: String| Trouble::of("Read all groups", format!("{e}."));
    let mut book = Book::read(&directory, config).await.map_err(groups_step)?;
    let attribute = config.group_attribute.trim().to_owned();
    let mut roll = Roll { groups: book.names.len(), attribute, ..Roll::default() };
    let anybody = Filter::any(vec![
        Filter::present(&Attribute::known("uid")),
        Filter::present(&Attribute::known("sAMAccountName")),
        Filter::present(&Attribute::known("mail")),
    ]);
    let step = |e: String| Trouble::of("Read all people", format!("{e}."));
    let filter = person::narrowed(config, anybody).map_err(step)?;
    let each = |page: Vec<Entry>| {
        for entry in page.iter().filter(|entry| person::is_person(entry)) {
            roll.people += 1;
            let subject = person::subject(entry);
            if !accounts.contains(&subject) {
                continue;
            }
            if person::is_disabled(entry) {
                roll.disabled.insert(subject);
                continue;
            }
            roll.known.push(book.person(config, entry));
        }
        Ok(())
    };
    let wanted = person::wanted(config);
    directory.each_page(config.base_dn.trim(), &filter, &wanted, each).await.map_err(step)?;
    let mut missing: Vec<String> = roll.known.iter().flat_map(|k| k.missing.iter().map(|(dn, _)| dn.clone())).collect();
    missing.extend(book.strangers.iter().map(|(_, dn)| dn.clone()));
    book.fetch(&directory, config, missing).await.map_err(groups_step)?;
    directory.close().await;
    for known in &mut roll.known {
        for (dn, through) in std::mem::take(&mut known.missing) {
            if let Some(number) = book.by_dn.get(&DnKey::of(&dn)) {
                known.groups.entry(*number).or_insert(through);
            }
        }
        if config.nested != Nested::Off {
            book.follow(&mut known.groups);
        }
    }
    roll.names = book.names;
    Ok(roll)
}

/// Every group, found from either end.
#[derive(Default)]
struct Book {
    names: Vec<Vec<String>>,
    by_dn: HashMap<DnKey, usize>,
    by_member: HashMap<DnKey, Vec<(usize, &'static str)>>,
    by_uid: HashMap<String, Vec<usize>>,
    by_number: HashMap<String, Vec<usize>>,
    by_sid: HashMap<Vec<u8>, usize>,
    /// Groups that each is in, by its own word or theirs.
    parents: Vec<BTreeSet<usize>>,
    /// Groups that a group says it is in, and that the search did not bring.
    strangers: Vec<(usize, String)>,
}

impl Book {
    async fn read(directory: &Directory, config: &Config) -> Result<Book, String> {
        let mut wanted = groups::wanted(config);
        wanted.extend([MEMBER.as_str(), UNIQUE_MEMBER.as_str(), MEMBER_UID.as_str()]);
        let mut book = Book::default();
        let mut long: Vec<(usize, String, usize)> = vec![];
        let each = |page: Vec<Entry>| {
            for entry in page {
                let number = book.add(config, &entry);
                book.members(number, entry.bytes("member"), "member");
                book.members(number, entry.bytes("uniqueMember"), "uniqueMember");
                if let Some((values, next)) = entry.part("member") {
                    book.members(number, values, "member");
                    long.extend(next.map(|next| (number, entry.dn.clone(), next)));
                }
                for uid in entry.texts("memberUid") {
                    book.by_uid.entry(uid.to_owned()).or_default().push(number);
                }
                let by_number = entry
                    .texts("objectClass")
                    .any(|c| c.eq_ignore_ascii_case("posixGroup") || c.eq_ignore_ascii_case("group"));
                for gid in entry.texts("gidNumber").filter(|_| by_number) {
                    book.by_number.entry(gid.to_owned()).or_default().push(number);
                }
                if let Some(sid) = entry.bytes("objectSid").first() {
                    book.by_sid.insert(sid.clone(), number);
                }
            }
            Ok(())
        };
        directory.each_page(config.base_dn.trim(), &groups::any_group(), &wanted, each).await?;
        for (number, dn, next) in long {
            book.rest_of(directory, number, &dn, next).await?;
        }
        book.relate();
        Ok(book)
    }

    /// Adds a group, not yet its members.
    fn add(&mut self, config: &Config, entry: &Entry) -> usize {
        let number = self.names.len();
        self.names.push(groups::names(config, entry));
        self.by_dn.insert(DnKey::of(&entry.dn), number);
        self.strangers.extend(entry.texts("memberOf").map(|dn| (number, dn.to_owned())));
        number
    }

    /// Finds the parents of every group, by the members of those and by what it says itself.
    fn relate(&mut self) {
        self.parents.resize(self.names.len(), BTreeSet::new());
        for (key, number) in &self.by_dn {
            let (Some(parents), Some(of)) = (self.by_member.get(key), self.parents.get_mut(*number)) else { continue };
            of.extend(parents.iter().map(|(parent, _)| *parent));
        }
        let (by_dn, parents) = (&self.by_dn, &mut self.parents);
        self.strangers.retain(|(number, dn)| match (by_dn.get(&DnKey::of(dn)), parents.get_mut(*number)) {
            (Some(parent), Some(of)) => {
                of.insert(*parent);
                false
            }
            _ => true,
        });
    }

    /// Reads groups by their names, and those that they say they are in.
    async fn fetch(&mut self, directory: &Directory, config: &Config, dns: Vec<String>) -> Result<(), String> {
        let wanted = groups::wanted(config);
        let mut open = dns;
        while !open.is_empty() {
            let mut fresh: BTreeMap<DnKey, String> = BTreeMap::new();
            for dn in open.drain(..) {
                let key = DnKey::of(&dn);
                if !self.by_dn.contains_key(&key) {
                    fresh.insert(key, dn);
                }
            }
            if self.names.len() + fresh.len() > STRANGERS {
                return Err(format!("there are more than {STRANGERS} of them"));
            }
            let fresh: Vec<String> = fresh.into_values().collect();
            for some in fresh.chunks(groups::AT_ONCE) {
                let read = try_join_all(some.iter().map(|dn| directory.read(dn, &wanted))).await?;
                for (dn, entry) in some.iter().zip(read) {
                    match entry {
                        Some(entry) => {
                            let number = self.add(config, &entry);
                            // The directory may spell it otherwise.
                            self.by_dn.insert(DnKey::of(dn), number);
                            open.extend(entry.texts("memberOf").map(str::to_owned));
                        }
                        None => {
                            self.by_dn.insert(DnKey::of(dn), self.names.len());
                            self.names.push(groups::named(dn, "").names);
                        }
                    }
                }
            }
            self.relate();
        }
        Ok(())
    }

    fn members(&mut self, number: usize, values: &[Vec<u8>], through: &'static str) {
        for dn in values.iter().filter_map(|value| std::str::from_utf8(value).ok()) {
            self.by_member.entry(DnKey::of(dn)).or_default().push((number, through));
        }
    }

    /// The members of a long group beyond those sent with it (Active Directory).
    async fn rest_of(&mut self, directory: &Directory, number: usize, dn: &str, mut next: usize) -> Result<(), String> {
        for _ in 0..PARTS {
            let wanted = format!("member;range={next}-*");
            let entry = directory.read(dn, &[&wanted]).await?.ok_or("a long group vanished while it was read")?;
            let (values, then) = entry.part("member").ok_or("the further members of a long group cannot be read")?;
            self.members(number, values, "member");
            match then {
                Some(then) if then > next => next = then,
                Some(_) => return Err("a long group repeats itself".to_owned()),
                None => return Ok(()),
            }
        }
        Err("a group never ends".to_owned())
    }

    /// A person, with the groups found without following any further.
    fn person(&self, config: &Config, entry: &Entry) -> Known {
        let mut groups: BTreeMap<usize, Through> = BTreeMap::new();
        let mut direct = |numbers: &[usize], through: Through| {
            for number in numbers {
                groups.entry(*number).or_insert(through);
            }
        };
        for (number, through) in self.by_member.get(&DnKey::of(&entry.dn)).into_iter().flatten() {
            direct(&[*number], Through::By(through));
        }
        if let Some(uid) = entry.text("uid") {
            direct(self.by_uid.get(uid).map_or(&[], Vec::as_slice), Through::By("memberUid"));
        }
        let mut loose: Vec<ExternalGroup> = vec![];
        for gid in entry.texts("gidNumber") {
            match self.by_number.get(gid) {
                Some(numbers) => direct(numbers, Through::By("gidNumber")),
                None => loose.push(groups::named(gid, groups::GID.as_str())),
            }
        }
        if let Some(number) = groups::primary_group(entry).and_then(|sid| self.by_sid.get(&sid)) {
            direct(&[*number], Through::By("primaryGroupID"));
        }
        let (dns, names) = groups::said_by_person(config, entry);
        let mut missing = vec![];
        for (dn, by) in dns {
            let through = if by == "memberOf" { Through::By("memberOf") } else { Through::Own };
            match self.by_dn.get(&DnKey::of(dn)) {
                Some(number) => direct(&[*number], through),
                None => missing.push((dn.to_owned(), through)),
            }
        }
        loose.extend(names.into_iter().map(|(name, by)| groups::named(name, by)));
        Known { identity: person::identity(config, entry, Ok(vec![])), groups, missing, loose }
    }

    /// Adds the groups that these are in.
    fn follow(&self, groups: &mut BTreeMap<usize, Through>) {
        let mut open: Vec<usize> = groups.keys().copied().collect();
        while let Some(child) = open.pop() {
            for parent in self.parents.get(child).into_iter().flatten() {
                if !groups.contains_key(parent) {
                    groups.insert(*parent, Through::Nested(child));
                    open.push(*parent);
                }
            }
        }
    }
}
