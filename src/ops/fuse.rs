//! The fuse of provisioning: a directory that suddenly takes from too many accounts is probably broken, or in wrong hands.
//! What it takes is weighed in the transaction that takes it ([`weigh`]). Above both a number of accounts and a share of all
//! people within a window the whole request is dropped, and its losses are kept, each by itself ([`hold`]), until an
//! administrator approves exactly them or refuses them ([`decide`], [`carry_out`]).
//!
//! While losses wait, every further loss of the organization joins them: whoever repeats a request often enough must not get
//! it through piece by piece. What was refused stays refused for a week, however often the client asks.
//! Cost of a loss that passes: a few point reads, whatever the size of the organization.

use super::{Acting, Cx, changed};
use crate::clock::{DAY, MINUTE, Millis};
use crate::error::{Code, Error, Result};
use crate::model::audit::Named;
use crate::model::provisioning::{FuseCount, HeldLoss, Hold, HoldState, LastLoss, Loss};
use crate::model::role::Action;
use crate::model::team::Team;
use crate::model::user::{Status, User};
use crate::model::{HoldId, OrgId, UserId};
use crate::policy::{Actor, Process, Resource};
use crate::store::{Listed, Range, Read, Tx, schema};
use std::collections::BTreeSet;

/// Who wanted a loss where it was the directory's sync, which has no account.
pub const DIRECTORY: UserId = UserId(0);

/// How long a refused loss is refused again without asking anybody.
const REFUSED: Millis = 7 * DAY;
/// How long the number of people is believed.
const COUNTED: Millis = MINUTE;
/// Rows of last losses swept with each change.
const SWEPT: usize = 20;

/// What is kept of a request that the fuse stopped, once its transaction is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// The organization.
    pub org: OrgId,
    /// Who wanted it.
    pub by: UserId,
    /// What it would have taken.
    pub losses: Vec<Loss>,
    /// How many accounts had lost something in the window before.
    pub passed: u64,
    /// How many people there are.
    pub people: u64,
}

/// Holds what a change took against the bounds; to be asked in the same transaction, after the change.
///
/// # Errors
/// [`Code::SyncHeld`]: the change must be dropped; what is due afterwards is noted in the context.
pub fn weigh(cx: &mut Acting, losses: &[Loss]) -> Result<()> {
    if losses.is_empty() {
        return Ok(());
    }
    let (org, now) = (cx.org()?, cx.now());
    let by = match cx.subject().actor {
        Actor::User(id) => id,
        Actor::Process(Process::Company) => DIRECTORY,
        // Whoever owns the machine is not stopped by it.
        _ => return Ok(()),
    };
    let bounds = cx.settings().fuse();
    let since = now - bounds.window;
    let mut fresh = BTreeSet::new();
    for loss in losses {
        let last = cx.view().get(&schema::LAST_LOSSES, &(org, loss.user()))?;
        if last.is_none_or(|l| l.at <= since) {
            fresh.insert(loss.user());
        }
    }
    let mut count = cx.view().get(&schema::FUSE_COUNTS, &org)?.unwrap_or_else(|| FuseCount {
        org,
        minutes: vec![],
        people: 0,
        counted_at: Millis::MIN,
    });
    count.minutes.retain(|(minute, _)| (minute + 1) * MINUTE > since);
    let passed: u64 = count.minutes.iter().map(|(_, n)| n).sum();
    let total = passed + u64::try_from(fresh.len()).unwrap_or(u64::MAX);
    if total > bounds.accounts && now.saturating_sub(count.counted_at) >= COUNTED {
        let people = cx.view().count(&schema::PEOPLE_OF_ORG, Range::all().under(&(org,)), usize::MAX)?;
        // Who is deleted right now is not among them any more.
        let deleted = losses.iter().filter(|l| matches!(l, Loss::Delete(_))).count();
        count.people = u64::try_from(people + deleted).unwrap_or(u64::MAX);
        count.counted_at = now;
    }
    let above = bounds.percent < 100
        && total > bounds.accounts
        && total.saturating_mul(100) > bounds.percent.saturating_mul(count.people);
    if let Some(error) = refused(cx, org, losses, now)? {
        return Err(error);
    }
    if above || waiting(cx.view(), org)?.is_some() {
        let stopped = Stopped { org, by, losses: losses.to_vec(), passed, people: count.people };
        cx.aftermath = Some(super::Aftermath::Stopped(stopped));
        let text =
            "Provisioning would take something from too many accounts at once; the change waits for an administrator.";
        let action = match losses.first() {
            Some(Loss::Delete(_)) => Action::UserDelete,
            Some(Loss::Leave(..)) => Action::TeamUninvite,
            _ => Action::UserDeactivate,
        };
        let target = Named::new("organization", org, super::settings::org_name(cx.view(), org)?);
        cx.refuse_by(org, action, target, "sync_fuse", text)?;
        return Err(Error::new(
            Code::SyncHeld,
            "The change is held back and nothing of it was applied: too many accounts would lose something at once.",
        )
        .hint("An organization admin approves or refuses it on the page Provisioning."));
    }
    let minute = now.div_euclid(MINUTE);
    match count.minutes.last_mut() {
        Some((last, n)) if *last == minute => *n += u64::try_from(fresh.len()).unwrap_or(u64::MAX),
        _ => count.minutes.push((minute, u64::try_from(fresh.len()).unwrap_or(u64::MAX))),
    }
    let tx = cx.tx();
    tx.put(&schema::FUSE_COUNTS, &count)?;
    for loss in losses {
        tx.put(&schema::LAST_LOSSES, &LastLoss { org, user: loss.user(), at: now })?;
    }
    let old =
        tx.list_by(&schema::LAST_LOSSES_BY_TIME, Range::all().under(&(org,)).until(&(org, since)).limit(SWEPT))?;
    for row in old.items {
        tx.delete(&schema::LAST_LOSSES, &(row.org, row.user))?;
    }
    Ok(())
}

/// The refusal of a loss that somebody refused lately.
fn refused(cx: &Acting, org: OrgId, losses: &[Loss], now: Millis) -> Result<Option<Error>> {
    for loss in losses {
        let (kind, team, user) = loss.place();
        let Some(held) = cx.view().get(&schema::HELD_LOSSES, &(org, kind, team, user))? else { continue };
        let Some(hold) = cx.view().get(&schema::HOLDS, &held.hold)? else { continue };
        if hold.state == HoldState::Refused && hold.decided_at.is_some_and(|at| now - at < REFUSED) {
            return Ok(Some(
                Error::new(Code::SyncHeld, "An organization admin refused this change; nothing of it was applied.")
                    .hint("Correct the directory, or change it in the console."),
            ));
        }
    }
    Ok(None)
}

/// The losses of an organization that wait, if any do.
fn waiting(view: &impl Read, org: OrgId) -> Result<Option<Hold>> {
    view.find(&schema::HOLD_WAITING, &org)
}

/// Keeps what the fuse stopped: with what waits already, or as the first. Outside the transaction that was dropped.
pub fn hold(tx: &mut Tx, stopped: &Stopped, now: Millis) -> Result<()> {
    let mut hold = match waiting(tx, stopped.org)? {
        Some(hold) => hold,
        None => Hold {
            id: HoldId(tx.next_id(schema::HOLD_IDS)?),
            org: stopped.org,
            by: stopped.by,
            opened_at: now,
            last_at: now,
            state: HoldState::Waiting,
            decided_by: None,
            decided_at: None,
            passed: stopped.passed,
            people: stopped.people,
        },
    };
    hold.last_at = now;
    tx.put(&schema::HOLDS, &hold)?;
    for loss in &stopped.losses {
        let held = HeldLoss { org: stopped.org, loss: *loss, hold: hold.id, at: now, trouble: None };
        tx.put(&schema::HELD_LOSSES, &held)?;
    }
    Ok(())
}

/// Held changes of the asker's organization, newest first.
pub fn list<V: Read>(cx: &Cx<V>, range: Range) -> Result<Listed<Hold>> {
    let org = cx.org()?;
    let _grant = cx.allow(Action::ProvisioningRead, Resource::Org(org))?;
    cx.view().list_by(&schema::HOLDS_OF_ORG, range.under(&(org,)).desc())
}

/// What is held together in one hold.
pub fn losses<V: Read>(cx: &Cx<V>, id: HoldId, range: Range) -> Result<Listed<HeldLoss>> {
    find(cx, id)?;
    cx.view().list_by(&schema::HELD_LOSSES_OF_HOLD, range.under(&(id,)))
}

/// Whose account a held loss is about, and which team; none where it is gone.
pub fn about<V: Read>(cx: &Cx<V>, held: &HeldLoss) -> Result<(Option<User>, Option<Team>)> {
    find(cx, held.hold)?;
    let user = cx.view().get(&schema::USERS, &held.loss.user())?.filter(|u| u.status != Status::Deleted);
    let team = match held.loss {
        Loss::Leave(team, _) => cx.view().get(&schema::TEAMS, &team)?,
        _ => None,
    };
    Ok((user, team))
}

/// How many losses a hold has, counted up to `at_most`.
pub fn count<V: Read>(cx: &Cx<V>, id: HoldId, at_most: usize) -> Result<usize> {
    find(cx, id)?;
    cx.view().count(&schema::HELD_LOSSES_OF_HOLD, Range::all().under(&(id,)), at_most)
}

/// How many losses wait for a decision, counted up to `at_most`.
pub fn waiting_count<V: Read>(cx: &Cx<V>, at_most: usize) -> Result<usize> {
    let org = cx.org()?;
    let _grant = cx.allow(Action::ProvisioningRead, Resource::Org(org))?;
    match waiting(cx.view(), org)? {
        Some(hold) => cx.view().count(&schema::HELD_LOSSES_OF_HOLD, Range::all().under(&(hold.id,)), at_most),
        None => Ok(0),
    }
}

fn find<V: Read>(cx: &Cx<V>, id: HoldId) -> Result<Hold> {
    let org = cx.org()?;
    let _grant = cx.allow(Action::ProvisioningRead, Resource::Org(org))?;
    cx.view()
        .get(&schema::HOLDS, &id)?
        .filter(|hold| hold.org == org)
        .ok_or_else(|| Error::not_found("There are no such held changes."))
}

/// Approves or refuses what waits. Approved losses are then carried out one by one, see [`carry_out`]; `seen` is the time of
/// the last of them that the asker saw, so that nothing is approved that was not shown.
///
/// # Errors
/// [`Code::StaleVersion`] where more came since, [`Code::AlreadyDone`], [`Code::NotFound`], [`Code::Denied`].
pub fn decide(cx: &mut Acting, id: HoldId, approve: bool, seen: Millis) -> Result<Hold> {
    let mut hold = find(cx, id)?;
    let grant = cx.allow(Action::ProvisioningUpdate, Resource::Org(hold.org))?;
    if hold.state != HoldState::Waiting {
        return Err(Error::new(Code::AlreadyDone, format!("These changes are {} already.", hold.state.as_str())));
    }
    if approve && hold.last_at != seen {
        return Err(Error::new(Code::StaleVersion, "More changes were held back since you looked.")
            .hint("Look at the list again before you approve it."));
    }
    hold.state = if approve { HoldState::Approved } else { HoldState::Refused };
    hold.decided_at = Some(cx.now());
    hold.decided_by = Some(cx.actor()?.name);
    cx.put(&grant, &schema::HOLDS, &hold)?;
    let change = changed("held changes", Some(HoldState::Waiting.as_str()), Some(hold.state.as_str()));
    cx.record_on(grant, Named::new("hold", hold.id, ""), change.into_iter().collect())?;
    Ok(hold)
}

/// Carries out one approved loss, by the use-case that a person has for it and under the asker's own rights. What is so
/// already, or gone, counts as done.
///
/// # Errors
/// Those of the use-case; the caller then writes down the reason by [`trouble`].
pub fn carry_out(cx: &mut Acting, held: &HeldLoss) -> Result<()> {
    let hold = find(cx, held.hold)?;
    if hold.state != HoldState::Approved {
        return Err(Error::invalid("These changes are not approved."));
    }
    let user = cx.view().get(&schema::USERS, &held.loss.user())?;
    if let Some(user) = user.filter(|u| u.status != Status::Deleted) {
        match held.loss {
            Loss::Deactivate(_) => super::users::set_active(cx, &user.username, false).map(drop)?,
            Loss::Delete(_) => super::membership::discharge(cx, user)?,
            Loss::Leave(team, id) => {
                let name = cx.view().get(&schema::TEAMS, &team)?.map(|t| t.name);
                let is_in = cx.view().get(&schema::MEMBERSHIPS, &(team, id))?.is_some();
                if let (Some(name), true) = (name, is_in) {
                    super::teams::take_out(cx, &name, &user.username)?;
                }
            }
        }
    }
    let (kind, team, user) = held.loss.place();
    cx.tx().delete(&schema::HELD_LOSSES, &(held.org, kind, team, user)).map(drop)
}

/// Writes down why an approved loss could not be carried out.
pub fn trouble(cx: &mut Acting, held: &HeldLoss, why: &str) -> Result<()> {
    find(cx, held.hold)?;
    let held = HeldLoss { trouble: Some(why.chars().take(200).collect()), ..held.clone() };
    cx.tx().put(&schema::HELD_LOSSES, &held)
}

#[cfg(test)]
mod tests;
