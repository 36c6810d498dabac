//! The organization's own record, and settings that somebody saves. What the environment sets is refused here, never
//! silently accepted.

use super::{Acting, Cx, changed};
use crate::config::settings::{Resolved, SETTINGS, Source};
use crate::error::{Code, Error, Result};
use crate::model::OrgId;
use crate::model::audit::Named;
use crate::model::name;
use crate::model::role::Action;
use crate::model::team::{HOME, Org};
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

/// Renames the asker's organization.
///
/// # Errors
/// [`Code::NameTaken`], [`Code::InvalidValue`], [`Code::Denied`].
pub fn rename_org(cx: &mut Acting, new: &str) -> Result<Org> {
    let id = cx.org()?;
    let grant = cx.allow(Action::OrganizationUpdate, Resource::Org(id))?;
    let mut org =
        cx.view().get(&schema::ORGS, &id)?.ok_or_else(|| Error::not_found("There is no such organization."))?;
    let new = name::check_text("organization name", new, name::NAME_MAX)?;
    if new.is_empty() {
        return Err(Error::invalid("The organization needs a name."));
    }
    let change = changed("name", Some(&org.name), Some(&new));
    if change.is_none() {
        return Ok(org);
    }
    org.name = new;
    cx.put(&grant, &schema::ORGS, &org)?;
    cx.record(grant, change.into_iter().collect())?;
    Ok(org)
}

/// The name of an organization; no check of rights.
pub(crate) fn org_name(view: &impl Read, id: OrgId) -> Result<String> {
    Ok(view.get(&schema::ORGS, &id)?.map(|o| o.name).unwrap_or_default())
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
