//! Teams: create, find, list, change, delete; members, their roles. Invitations: `invitations.rs`; service accounts:
//! `service_accounts.rs`.

pub use super::invitations::Invited;
use super::{Acting, Cx, Grant, absent, changed, or_absent, roles, roster};
use crate::error::{Code, Error, Result};
use crate::model::audit::{Change, Named};
use crate::model::invitation::Invite;
use crate::model::name;
use crate::model::role::{Action, TeamRole};
use crate::model::team::{Membership, StorageType, Team};
use crate::model::user::{Status, User};
use crate::model::{Entity, InviteId, OrgId, TeamId, UserId};
use crate::policy::{Held, Resource};
use crate::store::{Listed, Range};
use crate::store::{Read, schema};
use std::sync::Arc;

/// One line of a team's member list.
#[derive(Clone, Debug)]
pub enum Member {
    /// A person or a service account in the team.
    User {
        /// Who.
        user: Box<User>,
        /// With which role, since when.
        membership: Membership,
        /// The role as it is defined now.
        held: Held,
    },
    /// A pending invitation, and the role it will give.
    Invited(Invite, Held),
}

/// What it takes to make a team.
#[derive(Clone, Debug, Default)]
pub struct NewTeam {
    /// The name.
    pub name: String,
    /// One line for people.
    pub description: String,
    /// Where it wants its files; nothing for the default.
    pub storage: String,
}

impl NewTeam {
    /// A team of this name and nothing special.
    pub fn named(name: impl Into<String>) -> Self {
        NewTeam { name: name.into(), ..NewTeam::default() }
    }
}

/// Creates a team in the asker's organization; `admin` (a username or address) becomes its first admin, else the asker
/// does if a person asks.
///
/// # Errors
/// [`Code::NameTaken`], [`Code::InvalidValue`], [`Code::Denied`].
pub fn create(cx: &mut Acting, new: &NewTeam, admin: Option<&str>) -> Result<Team> {
    create_with(cx, new, |cx, grant, team| {
        let Some(first) = first_admin(cx, team.org, admin)? else { return Ok(vec![]) };
        let since_at = cx.now();
        let membership = Membership { team: team.id, user: first, role: TeamRole::Admin, since_at };
        cx.put(grant, &schema::MEMBERSHIPS, &membership)?;
        let first = cx.view().get(&schema::USERS, &first)?.map(|u| u.username);
        Ok(changed("admin", None, first.as_deref()).into_iter().collect())
    })
}

/// The id of whoever is asked to be a new team's first admin, else of the asker.
fn first_admin(cx: &Acting, org: OrgId, admin: Option<&str>) -> Result<Option<UserId>> {
    Ok(match admin {
        Some(typed) => {
            let first = person(cx, org, typed)?;
            if roster::is_org_viewer(&first, org) {
                return Err(Error::invalid(format!(
                    "{} has the organization role viewer and cannot be admin of a team.",
                    first.username
                )));
            }
            Some(first.id)
        }
        None => cx.subject().user(),
    })
}

/// [`create`] of a team without anybody, where `more` writes beside the new row, and says what for the same event.
pub(super) fn create_with(
    cx: &mut Acting,
    new: &NewTeam,
    more: impl FnOnce(&mut Acting, &Grant, &Team) -> Result<Vec<Change>>,
) -> Result<Team> {
    let org = cx.org()?;
    let grant = cx.allow(Action::TeamCreate, Resource::Org(org))?;
    name::check_entity_name("team", &new.name)?;
    super::users::must_be_free(cx.view(), &new.name)?;
    let id = TeamId(cx.tx().next_id(schema::ENTITY_IDS)?);
    let team = Team {
        description: name::check_text("description", &new.description, name::TEXT_MAX)?,
        storage: StorageType::parse(&new.storage)?,
        created_by: cx.subject().user(),
        ..Team::new(id, org, new.name.clone(), cx.now())
    };
    cx.put(&grant, &schema::TEAMS, &team)?;
    let mut changes: Vec<_> = [
        changed("name", None, Some(&team.name)),
        changed("description", Some(""), Some(&team.description)),
        changed("storage type", Some(StorageType::default().as_str()), Some(team.storage.as_str())),
    ]
    .into_iter()
    .flatten()
    .collect();
    changes.append(&mut more(cx, &grant, &team)?);
    cx.record_on(grant, Named::new("team", team.id, team.name.clone()), changes)?;
    Ok(team)
}

/// A team by name as typed, for somebody who may see it.
pub fn get<V: Read>(cx: &Cx<V>, typed: &str) -> Result<Team> {
    let team = must_exist(cx.view(), typed)?;
    let _grant = or_absent(cx.allow(Action::TeamRead, on(&team)), "team", typed)?;
    Ok(team)
}

/// The teams the asker is in, with the role, by name: of every organization that the credential reaches.
pub fn mine<V: Read>(cx: &Cx<V>) -> Result<Vec<(Team, Held)>> {
    let Some(me) = cx.asker()? else { return Ok(vec![]) };
    let mut teams = teams_of(cx.view(), me.id)?;
    if me.orgs.len() > 1 {
        let mut near = vec![];
        for found in teams {
            if cx.can(Action::TeamRead, on(&found.0))? {
                near.push(found);
            }
        }
        teams = near;
    }
    Ok(teams)
}

/// The teams of a user the asker may see, with the role, by name: of somebody else, those of the organization in which the asker
/// acts.
pub fn of<V: Read>(cx: &Cx<V>, user: UserId) -> Result<Vec<(Team, Held)>> {
    let _grant = cx.allow(Action::UserRead, Resource::User(user))?;
    match cx.subject().user() {
        Some(me) if me == user => mine(cx),
        Some(_) => {
            let org = cx.org()?;
            let teams = teams_of(cx.view(), user)?;
            Ok(teams.into_iter().filter(|(team, _)| team.org == org).collect())
        }
        None => teams_of(cx.view(), user),
    }
}

fn teams_of(view: &impl Read, id: UserId) -> Result<Vec<(Team, Held)>> {
    let mut out = vec![];
    if let Some(account) = view.shared(&schema::USERS, &id)?.filter(|u| u.is_org_service()) {
        // It works in all of them; a list for people and clients shows the first thousand.
        for org in &account.orgs {
            let all = view.list_by(&schema::TEAMS_OF_ORG, Range::all().under(&(org.org,)))?;
            out.extend(all.items.into_iter().map(|team| (team, Held::of(TeamRole::Service))));
        }
        return Ok(out);
    }
    for m in of_user(view, id)? {
        if let Some(team) = view.get(&schema::TEAMS, &m.team)? {
            out.push((team, Held::load(view, m.role)?));
        }
    }
    out.sort_by_cached_key(|(team, _)| name::fold(&team.name));
    Ok(out)
}

/// All teams of the asker's organization by name, for those who may; others see their own by [`mine`].
pub fn list<V: Read>(cx: &Cx<V>, search: &str, range: Range) -> Result<Listed<Team>> {
    let org = cx.org()?;
    let _grant = cx.allow(Action::TeamList, Resource::Org(org))?;
    cx.view().list_by(&schema::TEAMS_OF_ORG, range.under_text(&(org,), &name::fold(search)))
}

/// How many teams the asker's organization has, as counted all along.
pub fn count<V: Read>(cx: &Cx<V>) -> Result<usize> {
    let org = cx.org()?;
    let _grant = cx.allow(Action::TeamList, Resource::Org(org))?;
    cx.view().count(&schema::TEAMS_BY_AGE, Range::all().under(&(org,)), usize::MAX)
}

/// The members of a team: people by username, then pending invitations, then service accounts from the oldest to the
/// newest, which the wandb client relies on.
pub fn members<V: Read>(cx: &Cx<V>, team: &Team) -> Result<Vec<Member>> {
    let _grant = cx.allow(Action::TeamRead, on(team))?;
    let (mut people, mut services) = (vec![], vec![]);
    for membership in rows(cx.view(), team.id)? {
        let Some(user) = cx.view().get(&schema::USERS, &membership.user)? else { continue };
        let into = if user.is_service() { &mut services } else { &mut people };
        let held = Held::load(cx.view(), membership.role)?;
        into.push(Member::User { user: Box::new(user), membership, held });
    }
    people.sort_by_cached_key(|m| match m {
        Member::User { user, .. } => name::fold(&user.username),
        Member::Invited(..) => String::new(),
    });
    for invite in invites(cx.view(), team.id)? {
        let held = Held::load(cx.view(), invite.role)?;
        people.push(Member::Invited(invite, held));
    }
    // Membership rows come in the order of ids, so services stand from the oldest to the newest already.
    people.extend(services);
    Ok(people)
}

/// [`super::invitations::to_team`] without a link: what an invitation promises is taken up when the account is made.
pub fn invite(cx: &mut Acting, team: &str, who: &str, role: &str) -> Result<Invited> {
    super::invitations::to_team(cx, team, who, role, None)
}

/// Changes a member's team role to a predefined one, or to a custom one by its exact name.
///
/// # Errors
/// [`Code::NotAMember`], [`Code::LastAdmin`] when the team's last admin demotes themselves, [`Code::InvalidValue`] for a
/// service account or a writing role for a viewer of the organization, [`Code::Denied`], also where the old or the new role
/// holds what the asker lacks in the team.
pub fn set_role(cx: &mut Acting, team: &str, who: &str, role: &str) -> Result<Held> {
    let typed = team;
    let team = must_exist(cx.view(), typed)?;
    let _may = or_absent(cx.allow(Action::TeamUpdateMember, on(&team)), "team", typed)?;
    let (user, mut membership) = member(cx.view(), &team, who)?;
    let role = roles::by_name(cx.view(), team.org, role)?;
    if user.is_service() {
        return Err(Error::invalid("A service account keeps the team role service."));
    }
    if roster::is_org_viewer(&user, team.org) && role != TeamRole::Viewer {
        return Err(Error::invalid(format!(
            "{} has the organization role viewer and can only be viewer here.",
            user.username
        )));
    }
    let (before, given) = (Held::load(cx.view(), membership.role)?, Held::load(cx.view(), role)?);
    // Raising oneself by the organization role is as good as joining anew.
    let raises_self = cx.subject().user() == Some(user.id) && !before.holds(Action::TeamUpdateMember);
    let action = if raises_self { Action::TeamJoin } else { Action::TeamUpdateMember };
    let _over = cx.allow_giving(action, on(&team), &before)?;
    let grant = cx.allow_giving(action, on(&team), &given)?;
    if before.role == role {
        return Ok(given);
    }
    membership.role = role;
    cx.put(&grant, &schema::MEMBERSHIPS, &membership)?;
    super::project_members::follow(cx, &grant, team.id, user.id)?;
    roster::keep_a_team_admin(cx, &team, before.role)?;
    let field = format!("role of {}", user.username);
    cx.record(grant, changed(&field, Some(before.label()), Some(given.label())).into_iter().collect())?;
    Ok(given)
}

/// Takes somebody out of a team, with their invitations to its restricted projects; their work stays. A service account of
/// the team is deleted by this, since it exists for the team only.
pub fn remove_member(cx: &mut Acting, team: &str, who: &str) -> Result<()> {
    let kept = must_exist(cx.view(), team)?;
    let _may = or_absent(cx.allow(Action::TeamUninvite, on(&kept)), "team", team)?;
    if !member(cx.view(), &kept, who)?.0.is_service() {
        super::connections::local_only(cx, kept.id)?;
    }
    take_out(cx, team, who)
}

/// [`remove_member`] whoever keeps the members of the team.
pub(super) fn take_out(cx: &mut Acting, team: &str, who: &str) -> Result<()> {
    let typed = team;
    let team = must_exist(cx.view(), typed)?;
    let _may = or_absent(cx.allow(Action::TeamUninvite, on(&team)), "team", typed)?;
    let (user, membership) = member(cx.view(), &team, who)?;
    let held = Held::load(cx.view(), membership.role)?;
    let grant = cx.allow_giving(Action::TeamUninvite, on(&team), &held)?;
    let username = user.username.clone();
    let is_person = !user.is_service();
    roster::leave(cx, &grant, &team, user, membership.role)?;
    if is_person {
        roster::turn_over(cx, &grant, team.id)?;
    }
    let changes = [changed("member", Some(&username), None), changed("role", Some(held.label()), None)];
    cx.record(grant, changes.into_iter().flatten().collect())
}

/// Withdraws a pending invitation of a team.
pub fn withdraw(cx: &mut Acting, team: &str, id: InviteId) -> Result<()> {
    let typed = team;
    let team = must_exist(cx.view(), typed)?;
    let _may = or_absent(cx.allow(Action::TeamUninvite, on(&team)), "team", typed)?;
    if cx.view().get(&schema::INVITES, &id)?.is_none_or(|invite| invite.team != Some(team.id)) {
        return Err(Error::not_found("There is no such invitation in this team."));
    }
    super::invitations::withdraw(cx, id).map(drop)
}

/// What can be changed about a team; absent fields stay.
#[derive(Clone, Debug, Default)]
pub struct TeamChange {
    /// A new name.
    pub name: Option<String>,
    /// A new description.
    pub description: Option<String>,
    /// Whether future projects are private.
    pub private_projects: Option<bool>,
    /// Whether every member may invite.
    pub members_invite: Option<bool>,
    /// Whether newcomers at a domain of the organization are told of it and may join.
    pub recommended: Option<bool>,
    /// The role of whoever comes without one being chosen.
    pub default_role: Option<String>,
    /// Where it wants its files.
    pub storage: Option<String>,
}

/// The role that a team gives to whoever comes without one being chosen: never admin, and nobody lets others be given what
/// they lack there themselves.
fn check_default_role(cx: &Acting, team: &Team, typed: &str) -> Result<TeamRole> {
    let role = roles::by_name(cx.view(), team.org, typed)?;
    if role == team.default_role {
        return Ok(role);
    }
    if role == TeamRole::Admin {
        return Err(Error::invalid("Newcomers do not become admins of a team by themselves.")
            .hint("Choose another role, and make single people admin on the page Members."));
    }
    let _may = cx.allow_giving(Action::TeamInviteUser, on(team), &Held::load(cx.view(), role)?)?;
    Ok(role)
}

/// The role of whoever comes to a team without one being chosen.
pub fn default_role<V: Read>(cx: &Cx<V>, team: &Team) -> Result<Held> {
    Held::load(cx.view(), team.default_role)
}

/// Changes a team's name, description, switches and what its newcomers get. A rename touches this one row.
pub fn update(cx: &mut Acting, typed: &str, change: &TeamChange) -> Result<Team> {
    let mut team = must_exist(cx.view(), typed)?;
    let grant = or_absent(cx.allow(Action::TeamUpdate, on(&team)), "team", typed)?;
    let before = team.clone();
    if let Some(new) = &change.name {
        name::check_entity_name("team", new)?;
        if name::fold(new) != name::fold(&team.name) {
            super::users::must_be_free(cx.view(), new)?;
        }
        team.name.clone_from(new);
    }
    if let Some(description) = &change.description {
        team.description = name::check_text("description", description, name::TEXT_MAX)?;
    }
    team.private_projects = change.private_projects.unwrap_or(team.private_projects);
    team.members_invite = change.members_invite.unwrap_or(team.members_invite);
    team.recommended = change.recommended.unwrap_or(team.recommended);
    if let Some(typed) = &change.default_role {
        team.default_role = check_default_role(cx, &team, typed)?;
    }
    if let Some(typed) = &change.storage {
        team.storage = StorageType::parse(typed)?;
    }
    if (team.members_invite && !before.members_invite) || (team.recommended && !before.recommended) {
        // It lets others in, the asker's friends among them, which is not given by those who may not invite.
        let _holds = cx.allow(Action::TeamInviteUser, on(&team))?;
    }
    let changes: Vec<_> = [
        changed("name", Some(&before.name), Some(&team.name)),
        changed("description", Some(&before.description), Some(&team.description)),
        super::switched("future projects private", before.private_projects, team.private_projects),
        super::switched("members may invite", before.members_invite, team.members_invite),
        super::switched("recommended to newcomers", before.recommended, team.recommended),
        changed(
            "default role",
            Some(Held::load(cx.view(), before.default_role)?.label()),
            Some(Held::load(cx.view(), team.default_role)?.label()),
        ),
        changed("storage type", Some(before.storage.as_str()), Some(team.storage.as_str())),
    ]
    .into_iter()
    .flatten()
    .collect();
    if changes.is_empty() {
        return Ok(team);
    }
    team.version += 1;
    if team.name != before.name {
        team.updated_at = cx.now();
    }
    cx.put(&grant, &schema::TEAMS, &team)?;
    cx.record(grant, changes)?;
    Ok(team)
}

/// Deletes a team that has no projects any more, with its memberships, invitations and service accounts.
///
/// # Errors
/// [`Code::AlreadyDone`] while it has projects, or a service account of the organization has it as its default;
/// [`Code::Denied`].
pub fn delete(cx: &mut Acting, typed: &str) -> Result<()> {
    let team = must_exist(cx.view(), typed)?;
    let grant = or_absent(cx.allow(Action::TeamDelete, on(&team)), "team", typed)?;
    if !super::projects::rows(cx.view(), Entity::Team(team.id), Range::all().limit(1))?.items.is_empty() {
        return Err(Error::new(Code::AlreadyDone, format!("Team {} still has projects.", team.name))
            .hint("Delete or move its projects first."));
    }
    if let Some(account) = super::service_accounts::leaning_on(cx.view(), &team)? {
        let text = format!("Team {} is the default team of the service account {}.", team.name, account.username);
        return Err(Error::new(Code::AlreadyDone, text).hint("Give that account another default team first."));
    }
    for m in rows(cx.view(), team.id)? {
        let Some(mut user) = cx.view().get(&schema::USERS, &m.user)? else { continue };
        cx.delete(&grant, &schema::MEMBERSHIPS, &(m.team, m.user))?;
        if user.is_service() {
            super::users::erase(cx, &grant, user.id)?;
            user.status = Status::Deleted;
        }
        if user.default_team == Some(team.id) {
            user.default_team = None;
        }
        user.touch(cx.now());
        cx.put(&grant, &schema::USERS, &user)?;
    }
    super::invitations::forget_team(cx, &grant, &team)?;
    super::domains::forget_team(cx, &grant, team.id)?;
    cx.delete(&grant, &schema::TEAM_PROFILES, &team.id)?;
    cx.delete(&grant, &schema::TEAMS, &team.id)?;
    cx.record(grant, changed("name", Some(&team.name), None).into_iter().collect())
}

/// An active or deactivated person of `org` by username or address.
pub(super) fn person<V: Read>(cx: &Cx<V>, org: OrgId, typed: &str) -> Result<User> {
    let found = super::users::by_name(cx.view(), typed)?.filter(|u| !u.is_service() && u.membership(org).is_some());
    let missing = || Error::not_found(format!("There is no user '{}' in the organization.", shown(typed)));
    let person = found.ok_or_else(missing)?;
    super::users::must_be_meant(&person, typed)?;
    Ok(person)
}

fn member(view: &impl Read, team: &Team, who: &str) -> Result<(User, Membership)> {
    let missing = || {
        Error::new(Code::NotAMember, format!("'{}' is not a member of team {}.", shown(who), team.name))
            .hint("Add the person to the team first.")
    };
    let user = super::users::by_name(view, who)?.ok_or_else(missing)?;
    let membership = view.get(&schema::MEMBERSHIPS, &(team.id, user.id))?.ok_or_else(missing)?;
    Ok((user, membership))
}

pub(super) fn shown(typed: &str) -> String {
    typed.chars().filter(|c| !c.is_control()).take(60).collect()
}

/// A team by folded name; no check of rights.
pub(crate) fn by_name(view: &impl Read, typed: &str) -> Result<Option<Team>> {
    Ok(known_as(view, typed)?.map(Arc::unwrap_or_clone))
}

/// [`by_name`] without a copy.
pub(crate) fn known_as(view: &impl Read, typed: &str) -> Result<Option<Arc<Team>>> {
    if typed.len() > 4 * name::NAME_MAX {
        return Ok(None);
    }
    view.find_shared(&schema::TEAM_BY_NAME, &name::fold(typed))
}

pub(super) fn must_exist(view: &impl Read, typed: &str) -> Result<Team> {
    by_name(view, typed)?.ok_or_else(|| absent("team", typed))
}

/// All membership rows of a team.
pub(super) fn rows(view: &impl Read, team: TeamId) -> Result<Vec<Membership>> {
    view.all(&schema::MEMBERSHIPS, &(team,))
}

/// All membership rows of a user.
pub(super) fn of_user(view: &impl Read, user: UserId) -> Result<Vec<Membership>> {
    view.all_by(&schema::TEAMS_OF_USER, &(user,))
}

fn invites(view: &impl Read, team: TeamId) -> Result<Vec<Invite>> {
    view.all_by(&schema::INVITE_BY_EMAIL, &(team,))
}

fn on(team: &Team) -> Resource {
    Resource::Entity(Entity::Team(team.id))
}
