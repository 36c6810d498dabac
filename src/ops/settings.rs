//! The organization's own record, and settings that somebody saves. What the environment sets is refused here, never
//! silently accepted.

use super::{Acting, Cx, changed, switched};
use crate::config::settings::{Resolved, SETTINGS, Source};
use crate::error::{Code, Error, Result};
use crate::model::audit::Named;
use crate::model::name;
use crate::model::role::{Action, Seat};
use crate::model::team::{HOME, Org};
use crate::model::user::{Status, User};
use crate::model::{OrgId, UserId};
use crate::policy::Resource;
use crate::store::schema::SavedSetting;
use crate::store::{Range, Read, schema};
use std::collections::HashMap;

/// The asker's organization.
pub fn org<V: Read>(cx: &Cx<V>) -> Result<Org> {
    let id = cx.org()?;
    let _grant = cx.allow(Action::OrganizationRead, Resource::Org(id))?;
    cx.view().get(&schema::ORGS, &id)?.ok_or_else(|| Error::not_found("There is no such organization."))
}

/// What can be changed about an organization; absent fields stay.
#[derive(Clone, Debug, Default)]
pub struct OrgChange {
    /// A new name.
    pub name: Option<String>,
    /// Whether no team may have new open or public projects.
    pub private_projects: Option<bool>,
    /// Whether only admins invite to teams.
    pub admins_invite: Option<bool>,
    /// Who gets the bills, by username or address; empty for nobody.
    pub billing_admin: Option<String>,
}

/// Changes the asker's organization.
///
/// # Errors
/// [`Code::NameTaken`], [`Code::InvalidValue`], [`Code::NotFound`] for the billing administrator, [`Code::Denied`].
pub fn update_org(cx: &mut Acting, change: &OrgChange) -> Result<Org> {
    let id = cx.org()?;
    let grant = cx.allow(Action::OrganizationUpdate, Resource::Org(id))?;
    let mut org =
        cx.view().get(&schema::ORGS, &id)?.ok_or_else(|| Error::not_found("There is no such organization."))?;
    let before = org.clone();
    if let Some(new) = &change.name {
        org.name = name::check_text("organization name", new, name::NAME_MAX)?;
        if org.name.is_empty() {
            return Err(Error::invalid("The organization needs a name."));
        }
    }
    org.private_projects = change.private_projects.unwrap_or(org.private_projects);
    org.admins_invite = change.admins_invite.unwrap_or(org.admins_invite);
    if let Some(typed) = &change.billing_admin {
        org.billing_admin = match typed.trim() {
            "" => None,
            typed => Some(super::teams::person(cx, id, typed)?.id),
        };
    }
    let username = |cx: &Acting, id: Option<UserId>| -> Result<Option<String>> {
        let Some(id) = id else { return Ok(None) };
        Ok(cx.view().get(&schema::USERS, &id)?.map(|u| u.username))
    };
    let (payer, next) = (username(cx, before.billing_admin)?, username(cx, org.billing_admin)?);
    let changes: Vec<_> = [
        changed("name", Some(&before.name), Some(&org.name)),
        switched("future projects private", before.private_projects, org.private_projects),
        switched("only admins invite", before.admins_invite, org.admins_invite),
        changed("billing administrator", payer.as_deref(), next.as_deref()),
    ]
    .into_iter()
    .flatten()
    .collect();
    if changes.is_empty() {
        return Ok(org);
    }
    cx.put(&grant, &schema::ORGS, &org)?;
    cx.record(grant, changes)?;
    Ok(org)
}

/// Who gets the bills, for those who may know the people.
pub fn billing_admin<V: Read>(cx: &Cx<V>) -> Result<Option<User>> {
    let id = cx.org()?;
    let _grant = cx.allow(Action::UserList, Resource::Org(id))?;
    let holder = cx.view().get(&schema::ORGS, &id)?.and_then(|org| org.billing_admin);
    let Some(holder) = holder else { return Ok(None) };
    Ok(cx.view().get(&schema::USERS, &holder)?.filter(|u| u.status != Status::Deleted))
}

/// How many people of the organization have each seat: full, viewer, none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeatCounts {
    /// Models seats.
    pub models: [usize; 3],
    /// Weave access.
    pub weave: [usize; 3],
}

/// Counts the seats of the asker's organization, in the order of [`Seat::ALL`]. Costs a walk over an index of the people.
pub fn seats<V: Read>(cx: &Cx<V>) -> Result<SeatCounts> {
    let org = cx.org()?;
    let _grant = cx.allow(Action::UserList, Resource::Org(org))?;
    let most = usize::MAX;
    let people = cx.view().count(&schema::USERS_OF_ORG, Range::all().under(&(org,)), most)?;
    let lesser = |weave: bool, seat: Seat| {
        cx.view().count(&schema::LESSER_SEATS, Range::all().under(&schema::lesser_seat(org, weave, seat)), most)
    };
    let of = |weave: bool| -> Result<[usize; 3]> {
        let (viewer, none) = (lesser(weave, Seat::Viewer)?, lesser(weave, Seat::None)?);
        Ok([people.saturating_sub(viewer + none), viewer, none])
    };
    Ok(SeatCounts { models: of(false)?, weave: of(true)? })
}

/// The name of an organization; no check of rights.
pub(crate) fn org_name(view: &impl Read, id: OrgId) -> Result<String> {
    Ok(view.shared(&schema::ORGS, &id)?.map(|o| o.name.clone()).unwrap_or_default())
}

/// Every setting with its value in force and where it comes from.
pub fn list<V: Read>(cx: &Cx<V>) -> Result<Vec<Resolved>> {
    let _grant = cx.allow(Action::SettingRead, Resource::Org(HOME))?;
    Ok(cx.settings().all().to_vec())
}

/// Saves the value of a setting, or clears it with `None`. The caller puts the new snapshot in force afterwards.
///
/// # Errors
/// [`Code::SettingPinned`] when the environment sets it, [`Code::InvalidValue`] when it cannot be read.
pub fn save(cx: &mut Acting, key: &str, value: Option<&str>) -> Result<()> {
    let grant = cx.allow(Action::SettingUpdate, Resource::Org(HOME))?;
    let setting =
        SETTINGS.iter().find(|s| s.key == key).ok_or_else(|| Error::not_found("There is no such setting."))?;
    if let Some(Source::Env(name)) = cx.settings().all().iter().find(|r| r.setting.key == key).map(|r| r.source.clone())
    {
        return Err(Error::new(Code::SettingPinned, format!("{key} is set by the environment variable {name}."))
            .hint("Change it there, or unset it and restart."));
    }
    if let Some(value) = value
        && (value.len() > 4_096 || setting.kind.parse(value).is_none())
    {
        return Err(
            Error::invalid(format!("{key} cannot take that value.")).hint(format!("Give {}.", setting.kind.describe()))
        );
    }
    let before = cx.view().get(&schema::SETTINGS, &key.to_owned())?;
    let shown = |v: &str| if setting.secret { "set".to_owned() } else { name::fold(v) };
    let change = changed("value", before.as_ref().map(|b| shown(&b.value)).as_deref(), value.map(shown).as_deref());
    match value {
        Some(value) => {
            let saved =
                SavedSetting { key: key.to_owned(), value: value.to_owned(), by: cx.actor()?.name, at: cx.now() };
            cx.put(&grant, &schema::SETTINGS, &saved)?;
        }
        None => {
            cx.delete(&grant, &schema::SETTINGS, &key.to_owned())?;
        }
    }
    cx.record_on(grant, Named::new("setting", key, key), change.into_iter().collect())
}

/// What was saved, key to text, for resolving.
pub fn saved(view: &impl Read) -> Result<HashMap<String, String>> {
    Ok(view.list(&schema::SETTINGS, Range::all())?.items.into_iter().map(|s| (s.key, s.value)).collect())
}
