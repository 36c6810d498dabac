//! Several organizations on one instance: created, listed, chosen. An organization is the root of everything: people belong to
//! it by membership, all else by a reference, and every use-case acts in one of them ([`super::Cx::org`]). The first one is
//! the instance's own: its admins create the others and hold the settings, and have no right inside the others by that.
//!
//! What is done to people in one organization (role, seats, suspension, removal) is in `membership.rs`.

use super::{Acting, Cx, absent, changed, users};
use crate::error::{Code, Error, Result};
use crate::model::OrgId;
use crate::model::audit::Named;
use crate::model::name;
use crate::model::role::{Action, OrgRole};
use crate::model::team::{HOME, Org};
use crate::model::user::{OrgMembership, Status, User};
use crate::policy::{Credential, Resource};
use crate::store::{Listed, Range, Read, schema};

/// What it takes to make an organization.
#[derive(Clone, Debug, Default)]
pub struct NewOrg {
    /// Its name.
    pub name: String,
    /// Who administers it, by username or address; the asker when absent.
    pub admin: Option<String>,
}

/// Creates an organization with its first admin, an existing account.
///
/// # Errors
/// [`Code::Denied`] where the instance has one organization only, [`Code::NameTaken`], [`Code::InvalidValue`],
/// [`Code::NotFound`] for the admin.
pub fn create(cx: &mut Acting, new: &NewOrg) -> Result<Org> {
    let grant = cx.allow(Action::OrganizationCreate, Resource::Org(HOME))?;
    let called = name::check_text("organization name", &new.name, name::NAME_MAX)?;
    if called.is_empty() {
        return Err(Error::invalid("The organization needs a name."));
    }
    if cx.view().find(&schema::ORG_BY_NAME, &name::fold(&called))?.is_some() {
        return Err(Error::new(Code::NameTaken, format!("There is an organization '{called}' already.")));
    }
    let mut admin = first_admin(cx, new.admin.as_deref())?;
    let org = Org::new(OrgId(cx.tx().next_id(schema::ORG_IDS)?), called, cx.now());
    cx.put(&grant, &schema::ORGS, &org)?;
    admin.orgs.push(OrgMembership::new(org.id, OrgRole::Admin));
    admin.touch(cx.now());
    cx.put(&grant, &schema::USERS, &admin)?;
    let changes = [changed("name", None, Some(&org.name)), changed("admin", None, Some(&admin.username))];
    let target = Named::new("organization", org.id, org.name.clone());
    cx.record_on(grant, target, changes.into_iter().flatten().collect())?;
    Ok(org)
}

fn first_admin(cx: &Acting, typed: Option<&str>) -> Result<User> {
    let typed = typed.map(str::trim).filter(|t| !t.is_empty());
    let user = match (typed, cx.asker()?) {
        (Some(typed), _) => {
            let user = users::by_name(cx.view(), typed)?.ok_or_else(|| absent("user", typed))?;
            users::must_be_meant(&user, typed)?;
            user
        }
        (None, Some(me)) => me.clone(),
        (None, None) => return Err(Error::invalid("Name an account that becomes the admin of the organization.")),
    };
    if user.is_service() || user.status != Status::Active {
        return Err(Error::invalid(format!("{} is not an active person and cannot be its admin.", user.username)));
    }
    Ok(user)
}

/// An organization as the list of all of them shows it.
#[derive(Clone, Debug)]
pub struct Listing {
    /// Which.
    pub org: Org,
    /// How many people belong to it.
    pub people: usize,
    /// How many active administrators it has, counted up to ten.
    pub admins: usize,
}

/// All organizations of the instance, from the oldest to the newest, for its administrators.
pub fn list<V: Read>(cx: &Cx<V>, range: Range) -> Result<Listed<Listing>> {
    let _grant = cx.allow(Action::SettingRead, Resource::Org(HOME))?;
    let page = cx.view().list(&schema::ORGS, range)?;
    let count = |org: Org| -> Result<Listing> {
        let under = Range::all().under(&(org.id,));
        Ok(Listing {
            people: cx.view().count(&schema::PEOPLE_OF_ORG, under.clone(), usize::MAX)?,
            admins: cx.view().count(&schema::ADMINS_OF_ORG, under, 10)?,
            org,
        })
    };
    Ok(Listed { items: page.items.into_iter().map(count).collect::<Result<_>>()?, next: page.next })
}

/// Whether the instance has more than one organization; no check of rights.
pub fn are_several(view: &impl Read) -> Result<bool> {
    Ok(view.count(&schema::ORGS, Range::all(), 2)? > 1)
}

/// The organizations in which the asker has a role, the one of the personal namespace first.
pub fn mine<V: Read>(cx: &Cx<V>) -> Result<Vec<(Org, OrgMembership)>> {
    let Some(me) = cx.asker()? else { return Ok(vec![]) };
    let mut out = vec![];
    for membership in me.orgs.iter().filter(|m| !m.suspended) {
        if cx.can(Action::OrganizationRead, Resource::Org(membership.org))?
            && let Some(org) = cx.view().get(&schema::ORGS, &membership.org)?
        {
            out.push((org, *membership));
        }
    }
    Ok(out)
}

/// One of [`mine`], by name or printed id.
fn of_mine<V: Read>(cx: &Cx<V>, typed: &str) -> Result<Org> {
    let own = mine(cx)?.into_iter().map(|(org, _)| org);
    let fits = |org: &Org| name::fold(&org.name) == name::fold(typed) || org.id.global() == typed;
    own.into_iter().find(fits).ok_or_else(|| absent("organization", typed))
}

/// The organization of this name; no check of rights.
///
/// # Errors
/// [`Code::NotFound`].
pub(crate) fn by_name(view: &impl Read, typed: &str) -> Result<OrgId> {
    let found = view.find(&schema::ORG_BY_NAME, &name::fold(typed))?;
    Ok(found.ok_or_else(|| absent("organization", typed))?.id)
}

/// Goes on in another organization of one's own with the session one came with.
///
/// # Errors
/// [`Code::NotFound`] for one that the asker is not in, [`Code::InvalidValue`] without a session.
pub fn switch(cx: &mut Acting, typed: &str) -> Result<Org> {
    let org = of_mine(cx, typed)?;
    let (Some(me), Credential::Session(handle, _)) = (cx.subject().user(), cx.subject().credential.clone()) else {
        return Err(Error::invalid("Only a browser session is switched to another organization."));
    };
    let own = super::sessions::of_user(cx.view(), me)?;
    let mut session = own
        .into_iter()
        .find(|s| s.handle() == handle)
        .ok_or_else(|| Error::new(Code::Unauthenticated, "Your session is over."))?;
    session.org = Some(org.id);
    cx.tx().put(&schema::SESSIONS, &session)?;
    Ok(org)
}

/// Chooses the organization in which the asker acts where the credential says nothing else.
///
/// # Errors
/// [`Code::NotFound`] for one that the asker is not in.
pub fn set_default(cx: &mut Acting, typed: &str) -> Result<Org> {
    let org = of_mine(cx, typed)?;
    let mut me = users::me(cx)?;
    let grant = cx.allow(Action::UserUpdate, Resource::User(me.id))?;
    let before = me.home_org().map(|id| super::settings::org_name(cx.view(), id)).transpose()?;
    if me.default_org == Some(org.id) {
        return Ok(org);
    }
    me.default_org = Some(org.id);
    me.touch(cx.now());
    cx.put(&grant, &schema::USERS, &me)?;
    let change = crate::model::audit::Change {
        field: "default organization".to_owned(),
        from: before,
        to: Some(org.name.clone()),
    };
    cx.record(grant, vec![change])?;
    Ok(org)
}
