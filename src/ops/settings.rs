//! The organization's own record, and settings that somebody saves. What the environment sets is refused here, never
//! silently accepted.

use super::{Acting, Cx, changed, switched};
use crate::config::env::Env as Environment;
use crate::config::settings::{self, Resolved, Settings, Source, mail, sso};
use crate::crypto::{Random, Sealer};
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
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
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

/// Counts the seats of the asker's organization, in the order of [`Seat::ALL`]. All of them are kept counts.
pub fn seats<V: Read>(cx: &Cx<V>) -> Result<SeatCounts> {
    let org = cx.org()?;
    let _grant = cx.allow(Action::UserList, Resource::Org(org))?;
    let most = usize::MAX;
    let people = cx.view().count(&schema::PEOPLE_OF_ORG, Range::all().under(&(org,)), most)?;
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

/// New texts of settings, by key; `None` clears what was saved.
pub type Changes = Vec<(&'static str, Option<String>)>;

/// The secret that is sent to the address which these settings name; it never goes to another one than it was given for.
const SENT_TO: &[(&str, &[&str])] = &[
    (sso::LDAP_BIND_PASSWORD, &[sso::LDAP_ADDRESS, sso::LDAP_TLS, sso::LDAP_CA_FILE]),
    (mail::PASSWORD, &[mail::SERVER, mail::TLS, mail::CA_FILE]),
    (sso::OIDC_CLIENT_SECRET, &[sso::OIDC_ISSUER, sso::CA_FILE, sso::ALLOW_LOOPBACK]),
];

/// What `changes` would make of the settings in force, and the changes with those that follow: a secret that was given for
/// another address is cleared.
///
/// # Errors
/// [`Code::SettingPinned`] where the environment sets one of them, [`Code::InvalidValue`] for a value that cannot be read, and
/// where they do not go together.
pub fn would_be(
    now: &Settings,
    environment: &Environment,
    saved: &HashMap<String, String>,
    mut changes: Changes,
) -> Result<(Settings, Changes)> {
    let source = |key: &str| now.all().iter().find(|r| r.setting.key == key).map(|r| r.source.clone());
    for (key, value) in &changes {
        let setting = settings::setting(key).ok_or_else(|| Error::not_found("There is no such setting."))?;
        if *key == sso::RESTORE {
            return Err(Error::invalid(format!("{key} is given by the environment only.")));
        }
        if let Some(Source::Env(name)) = source(key) {
            return Err(Error::new(Code::SettingPinned, format!("{key} is set by the environment variable {name}."))
                .hint("Change it there, or unset it and restart."));
        }
        if let Some(value) = value
            && setting.kind.parse(value).is_none()
        {
            return Err(Error::invalid(format!("{key} cannot take that value."))
                .hint(format!("Give {}.", setting.kind.describe().replace('`', ""))));
        }
    }
    let differs = |key: &str, value: &Option<String>| {
        saved.get(key).map(|v| v.trim()).unwrap_or_default() != value.as_deref().unwrap_or_default().trim()
    };
    changes.retain(|(key, value)| differs(key, value));
    for (secret, addresses) in SENT_TO {
        let Some((moved, _)) = changes.iter().find(|(key, _)| addresses.contains(key)) else { continue };
        if let Some(Source::Env(name)) = source(secret) {
            return Err(Error::new(Code::SettingPinned, format!("{moved} says where the secret in {name} is sent."))
                .hint("Set both by the environment, or neither."));
        }
        if saved.contains_key(*secret) && !changes.iter().any(|(key, _)| key == secret) {
            changes.push((secret, None));
        }
    }
    let mut next = saved.clone();
    for (key, value) in &changes {
        match value {
            Some(value) => next.insert((*key).to_owned(), value.clone()),
            None => next.remove(*key),
        };
    }
    let settings = Settings::resolve(environment, &next).map_err(|e| e.coded(Code::InvalidValue))?;
    Ok((settings, changes))
}

/// Whether the asker may change settings.
///
/// # Errors
/// [`Code::Denied`].
pub fn may_save<V: Read>(cx: &Cx<V>) -> Result<()> {
    cx.allow(Action::SettingUpdate, Resource::Org(HOME)).map(drop)
}

/// Saves what [`would_be`] gave, secrets sealed by [`seal`]. The caller puts the new snapshot in force afterwards.
pub fn save(cx: &mut Acting, changes: &Changes) -> Result<()> {
    for (key, value) in changes {
        let grant = cx.allow(Action::SettingUpdate, Resource::Org(HOME))?;
        let setting = settings::setting(key).ok_or_else(|| Error::not_found("There is no such setting."))?;
        let before = cx.view().get(&schema::SETTINGS, &(*key).to_owned())?;
        let shown = |v: &str| if setting.secret { "set".to_owned() } else { v.chars().take(name::TEXT_MAX).collect() };
        let change = match (&before, value) {
            // Another secret in place of one is a change, though it reads the same.
            (Some(_), Some(_)) if setting.secret => changed("value", Some("set"), Some("set anew")),
            _ => changed(
                "value",
                before.as_ref().map(|b| shown(&b.value)).as_deref(),
                value.as_deref().map(shown).as_deref(),
            ),
        };
        match value {
            Some(value) => {
                let by = cx.actor()?.name;
                let saved = SavedSetting { key: (*key).to_owned(), value: value.clone(), by, at: cx.now() };
                cx.put(&grant, &schema::SETTINGS, &saved)?;
            }
            None => {
                cx.delete(&grant, &schema::SETTINGS, &(*key).to_owned())?;
            }
        }
        cx.record_on(grant, Named::new("setting", *key, *key), change.into_iter().collect())?;
    }
    Ok(())
}

/// The secrets among `changes` sealed, as they are kept.
pub fn seal(sealer: &Sealer, random: &Random, changes: Changes) -> Result<Changes> {
    let each = changes.into_iter().map(|(key, value)| {
        let is_secret = settings::setting(key).is_some_and(|s| s.secret);
        Ok((
            key,
            match value {
                Some(value) if is_secret => Some(STANDARD.encode(sealer.seal(key, value.as_bytes(), random)?)),
                other => other,
            },
        ))
    });
    each.collect()
}

/// What was saved, key to text, for resolving. A secret that cannot be opened any more (the key of the data directory was
/// lost) is as good as not saved.
pub fn saved(view: &impl Read, sealer: &Sealer) -> Result<HashMap<String, String>> {
    let rows = view.list(&schema::SETTINGS, Range::all())?.items;
    let open = |row: SavedSetting| {
        if !settings::setting(&row.key).is_some_and(|s| s.secret) {
            return Some((row.key, row.value));
        }
        let opened = STANDARD.decode(&row.value).ok().and_then(|sealed| sealer.open(&row.key, &sealed).ok());
        let text = opened.and_then(|bytes| String::from_utf8(bytes).ok());
        if text.is_none() {
            tracing::warn!("the saved secret {} cannot be opened and has to be given again", row.key);
        }
        Some((row.key, text?))
    };
    Ok(rows.into_iter().filter_map(open).collect())
}
