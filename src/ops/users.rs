//! People: create, find, list, change, deactivate, reactivate, delete. The last active administrator cannot be lost:
//! every path that could lose one ends in [`keep_an_admin`], inside the transaction.

use super::{Acting, Cx, absent, changed, membership, or_absent, user_named};
use crate::clock::Millis;
use crate::error::{Code, Error, Result};
use crate::model::audit::Change;
use crate::model::credential::ApiKey;
use crate::model::name;
use crate::model::profile::Profile;
use crate::model::project::Project;
use crate::model::role::{Action, OrgRole, Seat, TeamRole};
use crate::model::team::Membership;
use crate::model::user::{Email, OrgMembership, Password, Status, User, UserKind};
use crate::model::{Entity, OrgId, TeamId, UserId};
use crate::policy::Resource;
use crate::store::{Listed, Range};
use crate::store::{Read, Tx, schema};
use std::sync::Arc;

/// What it takes to make a person.
#[derive(Clone, Debug, Default)]
pub struct NewUser {
    /// The primary address.
    pub email: String,
    /// The username; derived from the address when absent.
    pub username: Option<String>,
    /// The full name; may be empty.
    pub name: String,
    /// The organization role; member when absent.
    pub role: Option<OrgRole>,
    /// PHC string of a password, already hashed and checked.
    pub password_hash: Option<String>,
    /// Whether nobody vouches for the address; invitations to it then stay.
    pub unverified: bool,
    /// The organization; the asker's own when absent.
    pub org: Option<OrgId>,
}

/// Creates a person in the asker's organization. A pending invitation of the address is taken up if its inviter still may.
///
/// # Errors
/// [`Code::NameTaken`], [`Code::EmailTaken`], [`Code::InvalidValue`], [`Code::Denied`].
pub fn create(cx: &mut Acting, new: &NewUser) -> Result<User> {
    create_with(cx, new, |_, _, _| Ok(vec![]))
}

/// [`create`], where `more` writes beside the new row, and says what for the same event.
pub(super) fn create_with(
    cx: &mut Acting,
    new: &NewUser,
    more: impl FnOnce(&mut Acting, &super::Grant, &User) -> Result<Vec<Change>>,
) -> Result<User> {
    let org = match new.org {
        Some(org) => org,
        None => cx.org()?,
    };
    let grant = cx.allow(Action::UserCreate, Resource::Org(org))?;
    let address = name::check_email(&new.email)?;
    let full_name = name::check_text("name", &new.name, name::TEXT_MAX)?;
    if cx.view().holder(&schema::USER_BY_EMAIL, &name::fold(&address))?.is_some() {
        return Err(email_taken(&address));
    }
    let username = match &new.username {
        Some(username) => {
            name::check_entity_name("user", username)?;
            must_be_free(cx.view(), username)?;
            username.clone()
        }
        None => free_username(cx.view(), &name::derive_username(&address))?,
    };
    let role = new.role.unwrap_or(OrgRole::Member);
    let now = cx.now();
    let user = User {
        id: UserId(cx.tx().next_id(schema::ENTITY_IDS)?),
        kind: UserKind::Person,
        username,
        name: full_name,
        emails: vec![Email { address: address.clone(), verified: !new.unverified }],
        status: Status::Active,
        orgs: vec![OrgMembership::new(org, role)],
        default_org: None,
        default_team: None,
        created_at: now,
        updated_at: 0,
        version: 1,
    };
    cx.put(&grant, &schema::USERS, &user)?;
    if let Some(hash) = &new.password_hash {
        cx.put(&grant, &schema::PASSWORDS, &Password { user: user.id, hash: hash.clone(), changed_at: now })?;
        super::break_glass::begin(cx, &grant, &user)?;
    }
    let changes = [
        changed("username", None, Some(&user.username)),
        changed("email", None, Some(&address)),
        changed("role", None, Some(role.as_str())),
        changed("password", None, new.password_hash.as_ref().map(|_| "set")),
    ];
    let mut changes: Vec<_> = changes.into_iter().flatten().collect();
    changes.append(&mut more(cx, &grant, &user)?);
    cx.record_on(grant, user_named(&user), changes)?;
    if !new.unverified && super::invitations::waiting_for(cx, &user)? > 0 {
        // An invitation may have given another role.
        return Ok(cx.view().get(&schema::USERS, &user.id)?.unwrap_or(user));
    }
    Ok(user)
}

/// A person or service account by username or address as typed, for somebody who may see it.
pub fn get<V: Read>(cx: &Cx<V>, typed: &str) -> Result<User> {
    let user = by_name(cx.view(), typed)?.ok_or_else(|| absent("user", typed))?;
    let _grant = or_absent(cx.allow(Action::UserRead, Resource::User(user.id)), "user", typed)?;
    Ok(user)
}

/// The asker's own record.
///
/// # Errors
/// [`Code::Unauthenticated`] when nobody is signed in.
pub fn me<V: Read>(cx: &Cx<V>) -> Result<User> {
    oneself(cx).cloned()
}

/// [`me`] without a copy.
pub fn oneself<'c, V: Read>(cx: &'c Cx<V>) -> Result<&'c User> {
    let id = cx.subject().user().ok_or_else(|| Error::new(Code::Unauthenticated, "You are not signed in."))?;
    let _grant = cx.allow(Action::UserRead, Resource::User(id))?;
    cx.asker()?.ok_or_else(|| Error::new(Code::Unauthenticated, "The account is gone."))
}

/// How many active administrators the asker's organization has, counted up to ten.
pub fn admins<V: Read>(cx: &Cx<V>) -> Result<usize> {
    let org = cx.org()?;
    let _grant = cx.allow(Action::UserList, Resource::Org(org))?;
    cx.view().count(&schema::ADMINS_OF_ORG, Range::all().under(&(org,)), 10)
}

/// The active administrators of the asker's organization, the first few.
pub fn admins_of<V: Read>(cx: &Cx<V>, at_most: usize) -> Result<Vec<User>> {
    let org = cx.org()?;
    let _grant = cx.allow(Action::UserList, Resource::Org(org))?;
    Ok(cx.view().list_by(&schema::ADMINS_OF_ORG, Range::all().under(&(org,)).limit(at_most))?.items)
}

/// When somebody last used their account, as it is noted about once a minute.
pub fn last_active<V: Read>(cx: &Cx<V>, user: UserId) -> Result<Option<Millis>> {
    let _grant = cx.allow(Action::UserRead, Resource::User(user))?;
    Ok(cx.view().get(&schema::ACTIVITY, &user)?.map(|activity| activity.last_at))
}

/// Activates or deactivates a person where the asker acts: of somebody who belongs to another organization too, the belonging to
/// this one is suspended, or not any more ([`membership::set_suspended`]); else it is the account.
///
/// # Errors
/// [`Code::LastAdmin`], [`Code::NotFound`], [`Code::Denied`].
pub fn set_active(cx: &mut Acting, typed: &str, active: bool) -> Result<User> {
    let user = must_exist(cx.view(), typed)?;
    let org = cx.org_for(&user)?;
    let suspended = user.membership(org).is_some_and(|m| m.suspended);
    let is_here_only = !user.belongs_beside(org) || cx.subject().user().is_none();
    if (active && !suspended) || (!active && is_here_only) {
        return set_account_active(cx, typed, active);
    }
    let after = membership::set_suspended(cx, typed, !active)?;
    match active && after.status == Status::Deactivated {
        true => set_account_active(cx, typed, true),
        false => Ok(after),
    }
}

/// Activates or deactivates an account. Deactivation ends sessions and makes keys useless at once; reactivation gives the keys,
/// the teams and the password back, not the sessions.
fn set_account_active(cx: &mut Acting, typed: &str, active: bool) -> Result<User> {
    let mut user = must_exist(cx.view(), typed)?;
    let action = if active { Action::UserReactivate } else { Action::UserDeactivate };
    let grant = or_absent(cx.allow(action, Resource::User(user.id)), "user", typed)?;
    let (before, status) = (user.clone(), if active { Status::Active } else { Status::Deactivated });
    if user.status == status {
        return Ok(user);
    }
    user.status = status;
    user.touch(cx.now());
    cx.put(&grant, &schema::USERS, &user)?;
    if !active {
        end_sessions(cx.tx(), user.id)?;
    }
    keep_an_admin(cx, &before)?;
    let change = changed("status", Some(before.status.as_str()), Some(status.as_str()));
    cx.record(grant, change.into_iter().collect())?;
    Ok(user)
}

/// Changes a person's role in the asker's organization.
///
/// # Errors
/// [`Code::LastAdmin`], [`Code::NotFound`], [`Code::Denied`].
pub fn set_org_role(cx: &mut Acting, typed: &str, role: OrgRole) -> Result<User> {
    set_role_in(cx, typed, role, None)
}

/// [`set_org_role`] in the organization that the shell names.
///
/// # Errors
/// As there.
pub fn set_role_in(cx: &mut Acting, typed: &str, role: OrgRole, org: Option<OrgId>) -> Result<User> {
    let mut user = must_exist(cx.view(), typed)?;
    let org = match org {
        Some(org) if cx.subject().user().is_none() => org,
        _ => cx.org_for(&user)?,
    };
    let grant = or_absent(cx.allow(Action::UserUpdateRole, Resource::User(user.id)), "user", typed)?;
    must_be_about(cx, &grant, org, typed)?;
    if user.is_service() {
        return Err(Error::invalid("A service account has no organization role to change."));
    }
    let before = user.clone();
    let Some(membership) = user.orgs.iter_mut().find(|m| m.org == org) else {
        return Err(absent("user", typed));
    };
    if membership.role == role {
        return Ok(user);
    }
    let old = membership.role;
    membership.role = role;
    user.touch(cx.now());
    cx.put(&grant, &schema::USERS, &user)?;
    keep_an_admin(cx, &before)?;
    cx.record(grant, changed("role", Some(old.as_str()), Some(role.as_str())).into_iter().collect())?;
    Ok(user)
}

/// Changes a person's seats in the asker's organization; absent ones stay. Every team feels it at the next request.
///
/// # Errors
/// [`Code::InvalidValue`] for a service account, which takes no seat, [`Code::NotFound`], [`Code::Denied`].
pub fn set_seats(cx: &mut Acting, typed: &str, models: Option<Seat>, weave: Option<Seat>) -> Result<User> {
    let mut user = must_exist(cx.view(), typed)?;
    let org = cx.org_for(&user)?;
    let grant = or_absent(cx.allow(Action::UserUpdateSeat, Resource::User(user.id)), "user", typed)?;
    must_be_about(cx, &grant, org, typed)?;
    if user.is_service() {
        return Err(Error::invalid("A service account takes no seat."));
    }
    let Some(membership) = user.orgs.iter_mut().find(|m| m.org == org) else {
        return Err(absent("user", typed));
    };
    let before = *membership;
    membership.models = models.unwrap_or(before.models);
    membership.weave = weave.unwrap_or(before.weave);
    let changes: Vec<_> = [
        changed("models seat", Some(before.models.as_str()), Some(membership.models.as_str())),
        changed("weave access", Some(before.weave.as_str()), Some(membership.weave.as_str())),
    ]
    .into_iter()
    .flatten()
    .collect();
    if changes.is_empty() {
        return Ok(user);
    }
    user.touch(cx.now());
    cx.put(&grant, &schema::USERS, &user)?;
    cx.record(grant, changes)?;
    Ok(user)
}

/// Refuses a change in `org` on a grant that is about another organization.
pub(super) fn must_be_about(cx: &Acting, grant: &super::Grant, org: OrgId, typed: &str) -> Result<()> {
    match cx.subject().user() {
        Some(_) if grant.org() != org => Err(absent("user", typed)),
        _ => Ok(()),
    }
}

/// What can be changed about a person; absent fields stay.
#[derive(Clone, Debug, Default)]
pub struct UserChange {
    /// A new username.
    pub username: Option<String>,
    /// A new full name.
    pub name: Option<String>,
    /// A new primary address.
    pub email: Option<String>,
    /// The team where runs that name none go, one of the person's own; empty for the personal namespace.
    pub default_team: Option<String>,
}

/// Changes names and address. A rename touches this one row: everything else refers to the id.
pub fn update(cx: &mut Acting, typed: &str, change: &UserChange) -> Result<User> {
    let mut user = must_exist(cx.view(), typed)?;
    let grant = or_absent(cx.allow(Action::UserUpdate, Resource::User(user.id)), "user", typed)?;
    let before = user.clone();
    if let Some(username) = &change.username {
        name::check_entity_name("user", username)?;
        if name::fold(username) != name::fold(&user.username) {
            must_be_free(cx.view(), username)?;
        }
        user.username.clone_from(username);
    }
    if let Some(full_name) = &change.name {
        user.name = name::check_text("name", full_name, name::TEXT_MAX)?;
    }
    if let Some(email) = &change.email {
        let address = name::check_email(email)?;
        let holder = cx.view().find(&schema::USER_BY_EMAIL, &name::fold(&address))?;
        if holder.is_some_and(|h| h.id != user.id) {
            return Err(email_taken(&address));
        }
        // Only an administrator's word vouches for an address; one's own does not (CVE-2026-27946's class).
        let _vouches = cx.allow(Action::UserUpdateEmail, Resource::User(user.id))?;
        user.emails = vec![Email { address, verified: true }];
    }
    if let Some(typed) = &change.default_team {
        user.default_team = own_team(cx, &user, typed)?;
    }
    let team = |id: Option<TeamId>| -> Result<Option<String>> {
        let Some(id) = id else { return Ok(None) };
        Ok(cx.view().get(&schema::TEAMS, &id)?.map(|team| team.name))
    };
    let (was, goes) = (team(before.default_team)?, team(user.default_team)?);
    let changes: Vec<_> = [
        changed("default team", was.as_deref(), goes.as_deref()),
        changed("username", Some(&before.username), Some(&user.username)),
        changed("name", Some(&before.name), Some(&user.name)),
        changed("email", before.email(), user.email()),
        changed("address", proof(&before), proof(&user)),
    ]
    .into_iter()
    .flatten()
    .collect();
    if changes.is_empty() {
        return Ok(user);
    }
    user.touch(cx.now());
    cx.put(&grant, &schema::USERS, &user)?;
    cx.record(grant, changes)?;
    Ok(user)
}

/// The team of a person that is typed, for where their runs go; none for the personal namespace.
fn own_team(cx: &Acting, user: &User, typed: &str) -> Result<Option<TeamId>> {
    if user.is_service() {
        return Err(Error::invalid("The default team of a service account is set on its page."));
    }
    if typed.trim().is_empty() {
        return Ok(None);
    }
    let team = super::teams::by_name(cx.view(), typed)?;
    let own = team.filter(|t| matches!(cx.view().get(&schema::MEMBERSHIPS, &(t.id, user.id)), Ok(Some(_))));
    own.map(|team| Some(team.id)).ok_or_else(|| {
        Error::invalid(format!("{} is in no team of that name.", user.username))
            .hint("The default team is one of the person's own teams.")
    })
}

/// Vouches for the address of an account that somebody else made it with, or its owner without proving it.
pub fn vouch(cx: &mut Acting, typed: &str) -> Result<User> {
    let user = must_exist(cx.view(), typed)?;
    let change = UserChange { email: user.email().map(str::to_owned), ..UserChange::default() };
    update(cx, &user.username, &change)
}

/// Whether it is proved that the first address of an account is its owner's; absent where there is none.
fn proof(user: &User) -> Option<&'static str> {
    user.emails.first().map(|e| if e.verified { "proven" } else { "unproven" })
}

/// Sets the password of the asker (`typed` is the asker's own name), or anybody's from the shell. All other sessions end.
pub fn set_password(cx: &mut Acting, typed: &str, hash: &str, keep_session: Option<&str>) -> Result<()> {
    let user = must_exist(cx.view(), typed)?;
    let grant = or_absent(cx.allow(Action::UserSetPassword, Resource::User(user.id)), "user", typed)?;
    if user.is_service() {
        return Err(Error::invalid("A service account has no password; it acts by API key."));
    }
    let now = cx.now();
    let had = cx.view().get(&schema::PASSWORDS, &user.id)?.is_some();
    cx.put(&grant, &schema::PASSWORDS, &Password { user: user.id, hash: hash.to_owned(), changed_at: now })?;
    super::break_glass::begin(cx, &grant, &user)?;
    for session in super::sessions::of_user(cx.view(), user.id)? {
        if keep_session != Some(session.handle()) {
            super::sessions::remove(cx.tx(), &session.id)?;
        }
    }
    let change = changed("password", had.then_some("set"), Some(if had { "changed" } else { "set" }));
    cx.record(grant, change.into_iter().collect())
}

/// Deletes a person or a service account for good: sessions, keys, password and memberships go, names and addresses are
/// free again, and a tombstone keeps authorship. Personal projects must be gone first.
///
/// # Errors
/// [`Code::LastAdmin`], [`Code::NotFound`], [`Code::Denied`], [`Code::AlreadyDone`] while personal projects exist.
pub fn delete(cx: &mut Acting, typed: &str) -> Result<()> {
    let user = must_exist(cx.view(), typed)?;
    let grant = or_absent(cx.allow(Action::UserDelete, Resource::User(user.id)), "user", typed)?;
    if user.kind == UserKind::Connection {
        return Err(Error::invalid("This account belongs to a provisioning connection.")
            .hint("Remove the connection on the page Provisioning."));
    }
    let own: Listed<Project> = cx
        .view()
        .list_by(&schema::PROJECT_BY_NAME, Range::all().under(&(Entity::Person(user.id).number(),)).limit(1))?;
    if !own.items.is_empty() {
        return Err(Error::new(Code::AlreadyDone, format!("{} still has personal projects.", user.username))
            .hint("Delete or move them first, or deactivate the account instead."));
    }
    bury(cx, grant, user)
}

/// The same where a directory says that somebody is gone, which must not wait for anything: personal projects stay with the
/// tombstone, and nobody reaches them any more.
pub(super) fn delete_at_once(cx: &mut Acting, user: User) -> Result<()> {
    let grant = cx.allow(Action::UserDelete, Resource::User(user.id))?;
    bury(cx, grant, user)
}

fn bury(cx: &mut Acting, grant: super::Grant, mut user: User) -> Result<()> {
    let before = user.clone();
    erase(cx, &grant, user.id)?;
    user.status = Status::Deleted;
    user.default_team = None;
    user.touch(cx.now());
    cx.put(&grant, &schema::USERS, &user)?;
    keep_an_admin(cx, &before)?;
    cx.record(
        grant,
        changed("status", Some(before.status.as_str()), Some(Status::Deleted.as_str())).into_iter().collect(),
    )
}

/// Takes everything from an account that is about to become a tombstone.
pub(super) fn erase(cx: &mut Acting, grant: &super::Grant, id: UserId) -> Result<()> {
    end_sessions(cx.tx(), id)?;
    cx.delete(grant, &schema::PASSWORDS, &id)?;
    let profiles: Vec<Profile> = cx.view().all(&schema::PROFILES, &(id,))?;
    for profile in profiles {
        cx.delete(grant, &schema::PROFILES, &(profile.user, profile.org))?;
    }
    cx.delete(grant, &schema::BREAK_GLASS, &id)?;
    super::factors::erase(cx, grant, id)?;
    let identities: Vec<crate::model::identity::Identity> = cx.view().all_by(&schema::IDENTITIES_OF_USER, &(id,))?;
    for identity in identities {
        cx.delete(grant, &schema::IDENTITIES, &(identity.connection, identity.subject))?;
    }
    cx.tx().delete(&schema::ACTIVITY, &id)?;
    let keys: Vec<ApiKey> = super::credentials::of_user(cx.view(), id)?;
    for key in keys {
        cx.delete(grant, &schema::API_KEYS, &key.id)?;
        cx.tx().delete(&schema::KEY_USES, &key.id)?;
    }
    let memberships: Vec<Membership> = super::teams::of_user(cx.view(), id)?;
    for m in memberships {
        cx.delete(grant, &schema::MEMBERSHIPS, &(m.team, m.user))?;
        if m.role != TeamRole::Service {
            super::roster::turn_over(cx, grant, m.team)?;
        }
    }
    for m in super::project_members::of_user(cx.view(), id)? {
        cx.delete(grant, &schema::PROJECT_MEMBERS, &(m.project, m.user))?;
    }
    Ok(())
}

fn end_sessions(tx: &mut Tx, id: UserId) -> Result<()> {
    for session in super::sessions::of_user(&*tx, id)? {
        super::sessions::remove(tx, &session.id)?;
    }
    Ok(())
}

/// Refuses the change just made if it took the last active administrator from any organization of `before`.
pub(super) fn keep_an_admin(cx: &Acting, before: &User) -> Result<()> {
    for org in before.orgs.iter().map(|m| m.org) {
        if before.is_active_admin(org) && cx.view().count(&schema::ADMINS_OF_ORG, Range::all().under(&(org,)), 1)? == 0
        {
            return Err(Error::new(
                Code::LastAdmin,
                format!("{} is the last active administrator and must stay one.", before.username),
            )
            .hint("Make somebody else an admin first."));
        }
    }
    Ok(())
}

/// Whether the account exists and works: what every credential depends on at every request.
pub(super) fn is_active(view: &impl Read, id: UserId) -> Result<bool> {
    Ok(view.shared(&schema::USERS, &id)?.is_some_and(|user| user.status == Status::Active))
}

/// A living user by username or address, folded; no check of rights.
pub(crate) fn by_name(view: &impl Read, typed: &str) -> Result<Option<User>> {
    Ok(known_as(view, typed)?.map(Arc::unwrap_or_clone))
}

/// [`by_name`] without a copy.
pub(crate) fn known_as(view: &impl Read, typed: &str) -> Result<Option<Arc<User>>> {
    let folded = name::fold(typed);
    if folded.len() > name::EMAIL_MAX {
        return Ok(None);
    }
    if let Some(user) = view.find_shared(&schema::USER_BY_NAME, &folded)? {
        return Ok(Some(user));
    }
    view.find_shared(&schema::USER_BY_EMAIL, &folded)
}

/// Refuses to give something to whoever was named by an address that nobody proved: anybody could have made an account with
/// it, and what the person of that address is meant to get would be theirs.
///
/// # Errors
/// [`Code::InvalidValue`].
pub(super) fn must_be_meant(user: &User, typed: &str) -> Result<()> {
    let folded = name::fold(typed);
    if !user.emails.iter().any(|e| !e.verified && name::fold(&e.address) == folded) {
        return Ok(());
    }
    Err(Error::invalid("An account here has this address, and nobody proved that it is its owner's.").hint(format!(
        "Name {} by username if you know that they are meant, or ask an organization admin to vouch for the address.",
        user.username
    )))
}

pub(super) fn must_exist(view: &impl Read, typed: &str) -> Result<User> {
    by_name(view, typed)?.ok_or_else(|| absent("user", typed))
}

/// Said wherever the account is: addresses are unique on the whole instance, and whose it is is nobody's business.
fn email_taken(address: &str) -> Error {
    Error::new(Code::EmailTaken, format!("There is a user with the address {address} already."))
        .hint("Somebody who has an account and is not in the organization yet is invited to it.")
}

/// Refuses a name that a user or a team has.
pub(super) fn must_be_free(view: &impl Read, username: &str) -> Result<()> {
    if is_taken(view, username)? {
        return Err(Error::new(Code::NameTaken, format!("The name '{username}' is in use by a user or a team.")));
    }
    Ok(())
}

/// Whether a user or a team has a name.
pub(super) fn is_taken(view: &impl Read, username: &str) -> Result<bool> {
    let folded = name::fold(username);
    // Users and teams share one index. A name that a directory gave finds its person, so it may not come to mean another.
    Ok(view.holder(&schema::USER_BY_NAME, &folded)?.is_some()
        || view.count(&schema::PROFILE_BY_USER_NAME, Range::all().under(&(folded,)), 1)? > 0)
}

/// `base`, or the first of `base-2`, `base-3` … that is free.
pub(super) fn free_username(view: &impl Read, base: &str) -> Result<String> {
    if !is_taken(view, base)? {
        return Ok(base.to_owned());
    }
    // Doubling, then halving: finds a free number in a logarithm of the steps that counting would take.
    let taken = |n: u64| is_taken(view, &format!("{base}-{n}"));
    let (mut low, mut high) = (1u64, 2u64);
    while taken(high)? {
        (low, high) = (high, high * 2);
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if taken(middle)? { low = middle } else { high = middle }
    }
    Ok(format!("{base}-{high}"))
}
