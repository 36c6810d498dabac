//! The files of runs: which there are, tickets for their bytes, and what follows when bytes arrived. The bytes themselves are
//! under random names on disk (`crate::blobs`), so that no name a client chose is ever a path here; a file that is replaced or
//! deleted leaves its old bytes in [`schema::BLOB_REMAINS`] until they are swept from the disk.

use super::tickets::{LIFETIME, Ticket, Way};
use super::{must_exist, no_run, over, progress, unnamed, upsert::no_run_of};
use crate::clock::Millis;
use crate::error::{Code, Error, Kind, Result};
use crate::model::RunId;
use crate::model::credential::ApiKey;
use crate::model::role::Action;
use crate::model::run::{BlobRemains, Run, RunFile, Usage, check_file_name};
use crate::ops::{Acting, Cx, changed, federation, projects};
use crate::policy::{Credential, Resource};
use crate::store::{Cursor, Listed, Range, Read, Tx, schema};
use std::net::IpAddr;

/// The most files asked for at once.
pub const NAMES_MAX: usize = 1_000;

/// Tickets to send these files of a run, for those who may change it; with the run.
///
/// # Errors
/// [`Code::Denied`], [`Code::InvalidValue`] for a name that is no plain relative path, [`Code::LimitReached`].
pub fn offer<V: Read>(
    cx: &Cx<V>,
    entity: &str,
    project: &str,
    run: &str,
    names: &[String],
) -> Result<(Run, Vec<Ticket>)> {
    let absent = || no_run_of(entity, project, run);
    let found = projects::must_exist(cx.view(), entity, project)
        .and_then(|p| super::named(cx.view(), p.id, run)?.filter(|r| r.deleted_at.is_none()).ok_or_else(absent))
        .map_err(|e| if e.kind() == Kind::NotFound { absent() } else { e })?;
    let _grant = cx
        .allow(Action::RunUpdate, Resource::Run(found.id))
        .map_err(|e| if e.kind() == Kind::NotFound { absent() } else { e })?;
    if names.len() > NAMES_MAX {
        return Err(Error::new(Code::LimitReached, format!("At most {NAMES_MAX} files are asked for at once.")));
    }
    let limits = cx.settings().runs();
    let have = progress(cx.view(), found.id, found.created_at)?.files;
    let mut fresh = 0;
    let mut out = Vec::with_capacity(names.len());
    for name in names {
        check_file_name(name)?;
        if cx.view().get(&schema::RUN_FILES, &(found.id, name.clone()))?.is_none() {
            fresh += 1;
        }
        out.push(ticket(cx, Way::Up, &found, name, limits.file)?);
    }
    if have + fresh > limits.files {
        return Err(too_many(limits.files));
    }
    Ok((found, out))
}

fn too_many(limit: u64) -> Error {
    Error::new(Code::LimitReached, format!("The run would have more than {limit} files."))
        .hint("An administrator can raise it with the setting runs.files_limit.")
}

/// A ticket to fetch a file, for those who may read its run.
pub fn fetch<V: Read>(cx: &Cx<V>, run: &Run, file: &RunFile) -> Result<Ticket> {
    let _grant = unnamed(cx.allow(Action::RunRead, Resource::Run(run.id)))?;
    ticket(cx, Way::Down, run, &file.name, file.size)
}

fn ticket<V: Read>(cx: &Cx<V>, way: Way, run: &Run, name: &str, limit: u64) -> Result<Ticket> {
    let user = cx.subject().user().ok_or_else(no_run)?;
    let key = match &cx.subject().credential {
        Credential::Key(id, _) => id.clone(),
        Credential::Token { hash, until, .. } => format!("{until}.{hash}"),
        Credential::None | Credential::Shell | Credential::Session(..) => String::new(),
    };
    Ok(Ticket { way, run: run.id, user, key, limit, until: cx.now() + LIFETIME, name: name.to_owned() })
}

/// Whether the key or access token a ticket was asked for with still is one, and is accepted from `ip`; the caller asks as the
/// ticket's account. Sessions are not asked.
pub fn still_good(view: &impl Read, ticket: &Ticket, now: Millis, ip: Option<IpAddr>) -> Result<bool> {
    if ticket.key.is_empty() {
        return Ok(true);
    }
    if let Some((until, hash)) = ticket.key.split_once('.') {
        let alive = federation::alive(view, until.parse().unwrap_or(0), hash, now);
        return match alive {
            Ok((owner, _)) => Ok(owner.id == ticket.user),
            Err(error) if error.kind() == Kind::Unauthenticated => Ok(false),
            Err(error) => Err(error),
        };
    }
    let key = view.get(&schema::API_KEYS, &ticket.key)?;
    let from_there = |k: &ApiKey| k.networks.is_empty() || ip.is_some_and(|ip| k.fits_network(ip));
    Ok(key.is_some_and(|k| k.owner == ticket.user && !k.is_expired(now) && from_there(&k)))
}

/// Whether bytes may come for this ticket now: asked before any are read.
pub fn admit<V: Read>(cx: &Cx<V>, ticket: &Ticket) -> Result<u64> {
    let run = live(cx, ticket.run)?;
    let _grant = unnamed(cx.allow(Action::RunUpdate, Resource::Run(run.id)))?;
    let limits = cx.settings().runs();
    let used = cx.view().get(&schema::PROJECT_USAGE, &run.project)?.map_or(0, |u| u.bytes);
    if used >= limits.project {
        return Err(over("The runs of the project", limits.project, "runs.project_limit"));
    }
    Ok(ticket.limit.min(limits.file).min(limits.project - used))
}

/// The bytes of a ticket's file are on disk as `blob`: the file is theirs from now on.
pub fn arrived(cx: &mut Acting, ticket: &Ticket, blob: &str, size: u64) -> Result<()> {
    let run = live(cx, ticket.run)?;
    let grant = unnamed(cx.allow(Action::RunUpdate, Resource::Run(run.id)))?;
    let limits = *cx.settings().runs();
    check_file_name(&ticket.name)?;
    if size > ticket.limit || size > limits.file {
        return Err(over("The file", ticket.limit.min(limits.file), "runs.file_limit"));
    }
    let mut state = progress(cx.view(), run.id, run.created_at)?;
    let old = cx.view().get(&schema::RUN_FILES, &(run.id, ticket.name.clone()))?;
    let before = old.as_ref().map_or(0, |f| f.size);
    if let Some(old) = old {
        cx.put(&grant, &schema::BLOB_REMAINS, &BlobRemains { run: run.id, blob: old.blob })?;
    } else {
        state.files += 1;
        if state.files > limits.files {
            return Err(too_many(limits.files));
        }
    }
    state.file_bytes = (state.file_bytes + size).saturating_sub(before);
    let fresh = Usage { project: run.project, bytes: 0 };
    let mut usage = cx.view().get(&schema::PROJECT_USAGE, &run.project)?.unwrap_or(fresh);
    usage.bytes = (usage.bytes + size).saturating_sub(before);
    if size > before && usage.bytes > limits.project {
        return Err(over("The runs of the project", limits.project, "runs.project_limit"));
    }
    let updated_at = cx.now();
    let file = RunFile { run: run.id, name: ticket.name.clone(), blob: blob.to_owned(), size, updated_at };
    cx.put(&grant, &schema::RUN_FILES, &file)?;
    cx.put(&grant, &schema::PROGRESS, &state)?;
    cx.put(&grant, &schema::PROJECT_USAGE, &usage)
}

/// The file of a ticket, for those who may read its run.
pub fn requested<V: Read>(cx: &Cx<V>, ticket: &Ticket) -> Result<RunFile> {
    let run = live(cx, ticket.run)?;
    let _grant = unnamed(cx.allow(Action::RunRead, Resource::Run(run.id)))?;
    let file = cx.view().get(&schema::RUN_FILES, &(run.id, ticket.name.clone()))?;
    file.ok_or_else(|| Error::not_found("The run has no such file."))
}

/// The files of a run by name: those in `names` where some are given, else those that fit `pattern` (`%` any characters, `_`
/// one) where it is given.
pub fn list<V: Read>(
    cx: &Cx<V>,
    run: &Run,
    names: &[String],
    pattern: Option<&str>,
    limit: usize,
    after: Option<Cursor>,
) -> Result<Listed<RunFile>> {
    let _grant = unnamed(cx.allow(Action::RunRead, Resource::Run(run.id)))?;
    if !names.is_empty() {
        let mut items = vec![];
        for name in names.iter().take(NAMES_MAX).filter(|name| check_file_name(name).is_ok()) {
            items.extend(cx.view().get(&schema::RUN_FILES, &(run.id, name.clone()))?);
        }
        return Ok(Listed { items, next: None });
    }
    let Some(pattern) = pattern else {
        return cx.view().list(&schema::RUN_FILES, Range::prefix(&(run.id,)).limit(limit).after(after));
    };
    if pattern.len() > 200 {
        return Err(Error::invalid("The pattern is longer than 200 characters."));
    }
    let (mut items, mut after) = (vec![], after);
    loop {
        let page = cx.view().list(&schema::RUN_FILES, Range::prefix(&(run.id,)).after(after))?;
        for file in page.items {
            if like(pattern, &file.name) {
                if items.len() == limit {
                    let next = items.last().map(|f: &RunFile| cursor(f));
                    return Ok(Listed { items, next });
                }
                items.push(file);
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(Listed { items, next: None });
        }
    }
}

/// Where a listing of files goes on behind `file`.
pub fn cursor(file: &RunFile) -> Cursor {
    Cursor::at(&(file.run, file.name.clone()))
}

/// SQL's LIKE, as the client's documentation has it: `%` any characters, `_` one. In time that grows with the product of the
/// lengths at most.
fn like(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some('%') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '_' || *c == text[t] => (p, t) = (p + 1, t + 1),
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    (p, t) = (at + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '%')
}

/// Deletes files of runs, by run and name.
pub fn delete(cx: &mut Acting, files: &[(RunId, String)]) -> Result<()> {
    for (id, name) in files {
        let run = live(cx, *id)?;
        let grant = unnamed(cx.allow(Action::RunUpdate, Resource::Run(*id)))?;
        let Some(file) = cx.delete(&grant, &schema::RUN_FILES, &(*id, name.clone()))? else { continue };
        let mut state = progress(cx.view(), *id, run.created_at)?;
        state.files = state.files.saturating_sub(1);
        state.file_bytes = state.file_bytes.saturating_sub(file.size);
        if let Some(mut usage) = cx.view().get(&schema::PROJECT_USAGE, &run.project)? {
            usage.bytes = usage.bytes.saturating_sub(file.size);
            cx.put(&grant, &schema::PROJECT_USAGE, &usage)?;
        }
        cx.put(&grant, &schema::PROGRESS, &state)?;
        cx.put(&grant, &schema::BLOB_REMAINS, &BlobRemains { run: *id, blob: file.blob })?;
        cx.record(grant, changed("file", Some(name), None).into_iter().collect())?;
    }
    Ok(())
}

/// Bytes on disk that belong to no file any more, some.
pub fn remains(view: &impl Read) -> Result<Vec<BlobRemains>> {
    Ok(view.list(&schema::BLOB_REMAINS, Range::all().limit(200))?.items)
}

/// Forgets remains that are gone from the disk.
pub fn forget(tx: &mut Tx, gone: &[BlobRemains]) -> Result<()> {
    for row in gone {
        tx.delete(&schema::BLOB_REMAINS, &(row.run, row.blob.clone()))?;
    }
    Ok(())
}

/// A page of all files of all runs, for the examination of the disk.
pub fn every(view: &impl Read, after: Option<Cursor>) -> Result<Listed<RunFile>> {
    view.list(&schema::RUN_FILES, Range::all().after(after))
}

/// The path of the run that still has this very file: not replaced, not deleted, its project not deleted since it was listed. Only
/// then are its bytes owed.
pub fn owed(view: &impl Read, file: &RunFile) -> Result<Option<String>> {
    let now = view.get(&schema::RUN_FILES, &(file.run, file.name.clone()))?;
    if now.is_none_or(|now| now.blob != file.blob) {
        return Ok(None);
    }
    let Some(run) = view.get(&schema::RUNS, &file.run)? else { return Ok(None) };
    let Some(project) = view.get(&schema::PROJECTS, &run.project)? else { return Ok(None) };
    Ok(Some(format!("{}/{}/{}", projects::entity_name(view, project.entity)?, project.name, run.name)))
}

fn live<V: Read>(cx: &Cx<V>, id: RunId) -> Result<Run> {
    must_exist(cx.view(), id).and_then(|run| if run.deleted_at.is_some() { Err(no_run()) } else { Ok(run) })
}

#[cfg(test)]
mod tests {
    use super::like;

    #[test]
    fn patterns_are_those_of_sql() {
        for (pattern, text) in [("%.json", "a.json"), ("a_c", "abc"), ("%", ""), ("%a%b%", "xxaxxbxx"), ("a", "a")] {
            assert!(like(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("%.json", "a.jsonl"), ("a_c", "ac"), ("", "a"), ("%a%b", "ba")] {
            assert!(!like(pattern, text), "{pattern} {text}");
        }
        assert!(!like(&"%a".repeat(90), &"a".repeat(80)));
    }
}
