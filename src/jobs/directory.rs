//! The background sync with the company's directory. Everything is read first; then accounts follow in batches of one
//! transaction each. What only seems gone harms nobody: an empty or broken answer changes nothing, an account is deactivated
//! only when its person was missing from two complete readings in a row, never most accounts at once, and through the fuse.

use crate::app::App;
use crate::clock::Millis;
use crate::config::settings::sso::Ldap;
use crate::error::{Code, Error, Result};
use crate::idp::ldap::{self, Roll};
use crate::model::identity::{ExternalIdentity, LDAP, SyncReport};
use crate::ops::sso::Ledger;
use crate::ops::{self, Caller};
use crate::policy::{Process, Subject};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// How often it is looked whether a sync is due.
const LOOK: Duration = Duration::from_secs(1);
/// Accounts that share a transaction.
const BATCH: usize = 200;
/// Missing accounts that may be most of all.
const FEW: usize = 2;

/// What one sync remembers of the one before.
#[derive(Debug, Default)]
pub struct Memory {
    config: Option<Arc<Ldap>>,
    missing: HashSet<String>,
}

/// Syncs as often as the settings say, and at once when they change.
pub async fn keep(app: Arc<App>) {
    let (mut memory, mut last): (Memory, Option<Millis>) = (Memory::default(), None);
    loop {
        let config = Arc::clone(app.settings.current().ldap());
        let wanted = config.login && config.group_sync;
        let is_new = memory.config.as_ref() != Some(&config);
        if wanted && (is_new || last.is_none_or(|at| app.clock.now() - at >= config.sync_every)) {
            let report = sync(&app, config, &mut memory).await;
            last = Some(app.clock.now());
            tell(&report);
            app.keep_directory_report(report);
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn tell(report: &SyncReport) {
    let took = report.ended_at - report.began_at;
    let SyncReport { people, groups, accounts, changed, joined, left, deactivated, held, failed, .. } = report;
    match &report.trouble {
        Some(trouble) => {
            tracing::warn!(
                took,
                people,
                groups,
                accounts,
                held,
                failed,
                "not all was synced with the directory: {trouble}"
            );
        }
        None => tracing::info!(
            took,
            people,
            groups,
            accounts,
            changed,
            joined,
            left,
            deactivated,
            held,
            failed,
            "synced with the directory"
        ),
    }
}

/// One sync.
pub async fn sync(app: &App, config: Arc<Ldap>, memory: &mut Memory) -> SyncReport {
    let mut report = SyncReport { began_at: app.clock.now(), ..SyncReport::default() };
    if memory.config.as_ref() != Some(&config) {
        // Another directory, or other eyes: what was missing there says nothing here.
        memory.missing.clear();
        memory.config = Some(Arc::clone(&config));
    }
    if let Err(error) = run(app, &config, memory, &mut report).await {
        tracing::debug!("the sync with the directory failed: {error:?}");
        report.trouble = Some(error.sentence());
    }
    report.ended_at = app.clock.now();
    report
}

async fn run(app: &App, config: &Ldap, memory: &mut Memory, report: &mut SyncReport) -> Result<()> {
    let mut accounts = app.store.read(|view| Ledger::read(view, LDAP))?;
    report.accounts = accounts.len();
    if accounts.is_empty() {
        return Ok(());
    }
    let stopped = |why: String| Error::new(Code::ProviderDown, format!("{why} Nothing was changed."));
    let read = ldap::read_all(config, accounts.accounts().map(|(subject, _)| subject.to_owned()).collect()).await;
    let roll = read.map_err(|trouble| stopped(format!("{trouble}")))?;
    (report.people, report.groups) = (roll.people, roll.groups);
    if roll.people == 0 {
        return Err(stopped("The directory shows no people at all to the account that asks.".to_owned()));
    }
    if roll.is_empty() && roll.disabled.is_empty() {
        return Err(stopped(format!(
            "The directory has {} people, and none of those with an account here.",
            roll.people
        )));
    }
    follow(app, &roll, &mut accounts, report).await?;
    leave(app, &accounts, &roll, memory, report).await
}

fn company() -> Caller {
    Caller { subject: Subject::process(Process::Company), origin: crate::model::audit::Origin::default() }
}

/// Lets every account follow its person.
async fn follow(app: &App, roll: &Roll, accounts: &mut Ledger, report: &mut SyncReport) -> Result<()> {
    let settings = app.settings.current();
    let mut at = 0;
    while at < roll.len() {
        // Most are what they were; only the others cost a transaction.
        let batch = app.store.read(|view| {
            let mut batch: Vec<ExternalIdentity> = vec![];
            while at < roll.len() && batch.len() < BATCH {
                if let Some(who) = roll.person(at)
                    && !accounts.is_settled(view, &settings, &who)?
                {
                    batch.push(who);
                }
                at += 1;
            }
            Ok(batch)
        })?;
        if batch.is_empty() {
            break;
        }
        let batch = Arc::new(batch);
        match refresh(app, Arc::clone(&batch)).await {
            Ok(done) => count(report, done),
            // One that cannot be done must not keep the others from it.
            Err(_) => {
                for one in batch.iter() {
                    match refresh(app, Arc::new(vec![one.clone()])).await {
                        Ok(done) => count(report, done),
                        Err(error) if error.code() == Code::SyncHeld => report.held += 1,
                        Err(error) => {
                            tracing::warn!(subject = one.subject, "an account does not follow its entry: {error:?}");
                            report.failed += 1;
                        }
                    }
                }
            }
        }
        // Whoever waits for an answer on this thread comes first.
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// For each: whether name or address changed, and how many teams were joined and left.
async fn refresh(app: &App, batch: Arc<Vec<ExternalIdentity>>) -> Result<Vec<(bool, usize, usize)>> {
    app.act(&company(), move |cx| {
        batch
            .iter()
            .map(|who| {
                let arrival = ops::sso::refresh(cx, who)?;
                Ok((arrival.renamed, arrival.joined.len(), arrival.left.len()))
            })
            .collect()
    })
    .await
}

fn count(report: &mut SyncReport, done: Vec<(bool, usize, usize)>) {
    for (renamed, joined, left) in done {
        report.changed += usize::from(renamed || joined + left > 0);
        report.joined += joined;
        report.left += left;
    }
}

/// Deactivates the accounts of people who are gone.
async fn leave(app: &App, accounts: &Ledger, roll: &Roll, memory: &mut Memory, report: &mut SyncReport) -> Result<()> {
    let present: HashSet<&str> = roll.subjects().collect();
    let missing: HashSet<String> = accounts
        .accounts()
        .map(|(s, _)| s)
        .filter(|s| !present.contains(s) && !roll.disabled.contains(*s))
        .map(str::to_owned)
        .collect();
    let before = std::mem::replace(&mut memory.missing, missing);
    let mut gone: Vec<&String> = roll.disabled.iter().filter(|s| accounts.account(s).is_some()).collect();
    gone.extend(memory.missing.intersection(&before));
    if gone.len() > FEW && gone.len() * 2 > accounts.len() {
        report.trouble = Some(format!(
            "{} of {} accounts have nobody in the directory any more. That is most of them, so nobody was deactivated; check \
             the base DN and the filter for people.",
            gone.len(),
            accounts.len()
        ));
        return Ok(());
    }
    for subject in gone {
        let Some(id) = accounts.account(subject) else { continue };
        match app.act(&company(), move |cx| ops::sso::gone(cx, id)).await {
            Ok(done) => report.deactivated += usize::from(done),
            Err(error) if error.code() == Code::SyncHeld => report.held += 1,
            Err(error) => {
                tracing::warn!(subject, "an account without a person stays active: {error:?}");
                report.failed += 1;
            }
        }
    }
    Ok(())
}
