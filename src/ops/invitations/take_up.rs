//! Invitations taken up: by the link, by somebody without an account or by the owner of the address, and by themselves when
//! an account is made for the address. Whatever the way, what is given is never more than the inviter may give at that moment.

use super::super::{Acting, Cx, Grant, changed, connections, or_absent, roster, users};
use super::{gone, on, target};
use crate::clock::Millis;
use crate::crypto;
use crate::error::{Code, Error, Result};
use crate::model::Entity;
use crate::model::invitation::Invite;
use crate::model::name;
use crate::model::role::{Action, OrgRole};
use crate::model::team::Team;
use crate::model::user::{Email, OrgMembership, Status, User};
use crate::ops::users::NewUser;
use crate::policy::{Actor, Credential, Decision, Facts, Held, Process, Resource, Subject, decide, decide_giving};
use crate::store::{Read, schema};

fn void() -> Error {
    Error::new(Code::InvitationVoid, "This invitation is used, withdrawn or expired.")
        .hint("Ask whoever invited you for a new one.")
}

fn by_token<V: Read>(cx: &Cx<V>, token: &str) -> Result<Invite> {
    if token.is_empty() || token.len() > 64 {
        return Err(void());
    }
    let found = cx.view().find(&schema::INVITE_BY_TOKEN, &crypto::hashed(token))?;
    found.filter(|invite| !invite.is_over(cx.now())).ok_or_else(void)
}

/// A team that an invitation leads to, and the inviter's right to give the role there.
struct Place {
    team: Team,
    given: Held,
    decision: Decision,
    facts: Facts,
}

/// What an invitation gives now.
struct Gives {
    places: Vec<Place>,
    /// Teams that the inviter may not add people to any more, or that others keep by now.
    left_out: Vec<String>,
}

/// The inviter's right at this moment.
fn weigh<V: Read>(cx: &Cx<V>, invite: &Invite) -> Result<Gives> {
    let lost = || {
        Error::new(Code::InvitationVoid, "Whoever invited you may not do so any more.")
            .hint("Ask an administrator of the organization for another invitation.")
    };
    let inviter = Subject { actor: Actor::User(invite.by), credential: Credential::None };
    if invite.team.is_none() {
        let facts = cx.facts(&inviter, Resource::Org(invite.org))?;
        if !decide(&facts, Action::UserInvite).allowed() {
            return Err(lost());
        }
    }
    let (mut places, mut left_out) = (vec![], vec![]);
    for id in invite.places() {
        let Some(team) = cx.view().get(&schema::TEAMS, &id)? else { continue };
        let facts = cx.facts(&inviter, on(&team))?;
        let given = Held::load(cx.view(), invite.role)?;
        let decision = decide_giving(&facts, Action::TeamInviteUser, &given);
        let is_local = connections::managing(cx, Entity::Team(id))?.is_none();
        if decision.allowed() && is_local {
            places.push(Place { team, given, decision, facts });
        } else {
            left_out.push(team.name);
        }
    }
    if invite.team.is_some() && places.is_empty() {
        return Err(lost());
    }
    Ok(Gives { places, left_out })
}

/// Whether opening the link proves the address now: it went there by mail alone, or whoever saw it here may still vouch for
/// addresses.
fn proves<V: Read>(cx: &Cx<V>, invite: &Invite) -> Result<bool> {
    let inviter = Subject { actor: Actor::User(invite.by), credential: Credential::None };
    let may = |facts: Facts| decide(&facts, Action::UserCreate).allowed();
    Ok(invite.by_mail || cx.facts(&inviter, Resource::Org(invite.org)).map(may)?)
}

/// What the page of an invitation says.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The invited address.
    pub email: String,
    /// The organization's name.
    pub org: String,
    /// Who invites, as people know them.
    pub by: String,
    /// The role in the organization.
    pub org_role: OrgRole,
    /// The teams, and the role there.
    pub teams: Vec<String>,
    /// The role in the teams.
    pub role: String,
    /// Teams that it promised and does not give any more.
    pub left_out: Vec<String>,
    /// Whether an account has the address: its owner signs in to accept.
    pub has_account: bool,
    /// Until when.
    pub expires_at: Millis,
}

/// What an invitation gives now, for whoever holds its link; changes nothing.
///
/// # Errors
/// [`Code::InvitationVoid`].
pub fn look<V: Read>(cx: &Cx<V>, token: &str) -> Result<Offer> {
    let invite = by_token(cx, token)?;
    let gives = weigh(cx, &invite)?;
    let by = cx.view().shared(&schema::USERS, &invite.by)?.filter(|user| user.status != Status::Deleted);
    Ok(Offer {
        org: super::super::settings::org_name(cx.view(), invite.org)?,
        by: by.map(|user| user.label().to_owned()).unwrap_or_default(),
        org_role: invite.org_role,
        role: Held::load(cx.view(), invite.role)?.label().to_owned(),
        teams: gives.places.into_iter().map(|place| place.team.name).collect(),
        left_out: gives.left_out,
        has_account: cx.view().holder(&schema::USER_BY_EMAIL, &name::fold(&invite.email))?.is_some(),
        expires_at: invite.expires_at,
        email: invite.email,
    })
}

/// Makes the account of somebody who has none yet, with what the invitation gives. The asker is
/// [`Process::Newcomer`]: `new` says names and password only.
///
/// # Errors
/// [`Code::InvitationVoid`], [`Code::EmailTaken`] where the address has an account by now, and what making one gives.
pub fn accept_new(cx: &mut Acting, token: &str, new: &NewUser) -> Result<User> {
    let invite = by_token(cx, token)?;
    let gives = weigh(cx, &invite)?;
    if cx.view().holder(&schema::USER_BY_EMAIL, &name::fold(&invite.email))?.is_some() {
        return Err(Error::new(Code::EmailTaken, "There is an account with this address already.")
            .hint("Sign in with it, then open the link once more."));
    }
    let new = NewUser {
        email: invite.email.clone(),
        org: Some(invite.org),
        role: Some(invite.org_role),
        unverified: !proves(cx, &invite)?,
        ..new.clone()
    };
    // Before the account is made, which takes up the other invitations of the address.
    cx.tx().delete(&schema::INVITES, &invite.id)?;
    let inviter = cx.view().get(&schema::USERS, &invite.by)?.map(|user| user.username);
    let user = users::create_with(cx, &new, |_, _, _| {
        Ok(changed("invited by", None, Some(inviter.as_deref().unwrap_or("somebody who is gone")))
            .into_iter()
            .collect())
    })?;
    for place in gives.places {
        enter(cx, &user, place, &invite.email)?;
    }
    Ok(user)
}

/// Takes an invitation up for the signed-in owner of the invited address.
///
/// # Errors
/// [`Code::InvitationVoid`], [`Code::Denied`] where the address is somebody else's.
pub fn accept(cx: &mut Acting, token: &str) -> Result<User> {
    let invite = by_token(cx, token)?;
    let gives = weigh(cx, &invite)?;
    let mut user = users::me(cx)?;
    let address = name::fold(&invite.email);
    if !user.emails.iter().any(|e| name::fold(&e.address) == address) {
        return Err(Error::denied(
            format!("This invitation is for {}, and you are signed in as {}.", invite.email, user.username),
            true,
        )
        .hint("Sign out, and open the link once more."));
    }
    if user.membership(invite.org).is_some_and(|m| m.suspended) {
        return Err(Error::denied("You are suspended in this organization.", true)
            .hint("Ask an administrator of the organization to lift that."));
    }
    cx.tx().delete(&schema::INVITES, &invite.id)?;
    let (mut changes, joins) = (vec![], user.membership(invite.org).is_none());
    if joins {
        user.orgs.push(OrgMembership::new(invite.org, invite.org_role));
        let org = super::super::settings::org_name(cx.view(), invite.org)?;
        changes.extend(changed("organization", None, Some(&org)));
        changes.extend(changed("role", None, Some(invite.org_role.as_str())));
    }
    let is_proved = proves(cx, &invite)?;
    let becomes = |e: &Email| is_proved && !e.verified && name::fold(&e.address) == address;
    if user.emails.iter().any(becomes) {
        user.emails.iter_mut().filter(|e| becomes(e)).for_each(|e| e.verified = true);
        changes.extend(changed("address", Some("unproven"), Some("proven")));
    }
    changes.extend(gone(&invite));
    // Whoever joins does so on the inviter's right, and the organization's own log says it.
    let grant = match joins {
        true => on_inviters_right(cx, &invite)?,
        false => cx.allow(Action::UserUpdate, Resource::User(user.id))?,
    };
    user.touch(cx.now());
    cx.put(&grant, &schema::USERS, &user)?;
    cx.record_on(grant, target(&user), changes)?;
    for place in gives.places {
        enter(cx, &user, place, &invite.email)?;
    }
    Ok(user)
}

/// What the inviter may do by this invitation, as a grant of whoever takes it up.
fn on_inviters_right(cx: &Acting, invite: &Invite) -> Result<Grant> {
    let inviter = Subject { actor: Actor::User(invite.by), credential: Credential::None };
    let (action, resource) = match invite.team {
        None => (Action::UserInvite, Resource::Org(invite.org)),
        Some(team) => (Action::TeamInviteUser, Resource::Entity(Entity::Team(team))),
    };
    let facts = cx.facts(&inviter, resource)?;
    cx.settle(decide(&facts, action), facts)
}

/// Declines an invitation, for whoever holds its link. The asker is [`Process::Newcomer`].
///
/// # Errors
/// [`Code::InvitationVoid`].
pub fn decline(cx: &mut Acting, token: &str) -> Result<()> {
    let invite = by_token(cx, token)?;
    let grant = match invite.team {
        Some(team) => or_absent(cx.allow(Action::TeamUninvite, Resource::Entity(Entity::Team(team))), "team", "")?,
        None => cx.allow(Action::UserUninvite, Resource::Org(invite.org))?,
    };
    cx.delete(&grant, &schema::INVITES, &invite.id)?;
    let mut changes = gone(&invite);
    changes.extend(changed("answer", None, Some("declined")));
    cx.record(grant, changes)
}

/// Puts somebody into a team on the inviter's right.
fn enter(cx: &mut Acting, user: &User, place: Place, email: &str) -> Result<()> {
    let Place { team, given, decision, facts } = place;
    if cx.view().get(&schema::MEMBERSHIPS, &(team.id, user.id))?.is_some() {
        return Ok(());
    }
    let grant = cx.settle(decision, facts)?;
    let given = roster::fitting(user, team.org, given);
    roster::enter(cx, &grant, &team, user, given.role)?;
    roster::turn_over(cx, &grant, team.id)?;
    let changes = [
        changed("member", None, Some(&user.username)),
        changed("role", None, Some(given.label())),
        changed("invited", Some(email), None),
    ];
    cx.record(grant, changes.into_iter().flatten().collect())
}

/// Takes up the invitations that wait for the address of a new account in its own organizations, each only as far as its
/// inviter may still give it. The organization role of an invitation counts for those who come by themselves; whoever made
/// the account by hand chose it.
pub fn waiting_for(cx: &mut Acting, user: &User) -> Result<usize> {
    let Some(email) = user.email() else { return Ok(0) };
    let waiting: Vec<Invite> = cx.view().all_by(&schema::INVITES_OF_EMAIL, &(name::fold(email),))?;
    let mut taken = 0;
    for invite in waiting {
        if user.org_role(invite.org).is_none() || invite.is_over(cx.now()) {
            continue;
        }
        cx.tx().delete(&schema::INVITES, &invite.id)?;
        let gives = match weigh(cx, &invite) {
            Ok(gives) => gives,
            Err(error) if error.code() == Code::InvitationVoid => continue,
            Err(error) => return Err(error),
        };
        taken += 1;
        let by_themselves = matches!(cx.subject().actor, Actor::Process(Process::Company));
        if invite.team.is_none() && by_themselves {
            set_role(cx, user, invite.org_role, &invite)?;
        }
        for place in gives.places {
            enter(cx, user, place, &invite.email)?;
        }
    }
    Ok(taken)
}

/// The role that an invitation gives in the organization, for an account that was just made as a member.
fn set_role(cx: &mut Acting, user: &User, role: OrgRole, invite: &Invite) -> Result<()> {
    let Some(mut user) = cx.view().get(&schema::USERS, &user.id)? else { return Ok(()) };
    let Some(membership) = user.orgs.iter_mut().find(|m| m.org == invite.org && m.role != role) else { return Ok(()) };
    let before = std::mem::replace(&mut membership.role, role);
    let grant = on_inviters_right(cx, invite)?;
    user.touch(cx.now());
    cx.put(&grant, &schema::USERS, &user)?;
    let mut changes = gone(invite);
    changes.extend(changed("role", Some(before.as_str()), Some(role.as_str())));
    cx.record_on(grant, target(&user), changes)
}
