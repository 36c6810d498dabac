//! Invitations to a team and to the organization: made, sent again, withdrawn, listed. One concept for both: an address, what
//! it is promised, who promised it, and a link that works once. What is promised is decided now and once more when it is
//! taken up ([`take_up`]), each time on the inviter's own rights.

mod take_up;

pub(super) use take_up::waiting_for;
pub use take_up::{Offer, accept, accept_new, decline, look};

use super::paging::{Page, Turn};
use super::{Acting, Cx, Grant, absent, changed, connections, or_absent, outbox, roles, roster, teams, users};
use crate::clock::{MINUTE, Millis};
use crate::crypto::{self, Random, Sealer};
use crate::error::{Code, Error, Result};
use crate::model::audit::{Change, Named};
use crate::model::invitation::Invite;
use crate::model::mail::{Letter, MailState};
use crate::model::name;
use crate::model::role::{Action, OrgRole};
use crate::model::team::{Membership, Team};
use crate::model::user::User;
use crate::model::{Entity, InviteId, OrgId, UserId};
use crate::policy::{Actor, Held, Resource};
use crate::store::{Range, Read, schema};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What secrets of links are sealed for while their mail waits.
const PURPOSE: &str = "mailed link";
/// How soon an invitation may be sent again.
const AGAIN: Millis = MINUTE;
/// How many people are invited at once.
pub const AT_ONCE: usize = 1_000;

/// The secret of a link, drawn before the transaction so that a re-run keeps the same one.
#[derive(Clone)]
pub struct Link {
    token: String,
    sealed: String,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Link(secret)")
    }
}

impl Link {
    /// 43 random letters and digits: 256 bits.
    pub fn draw(random: &Random, sealer: &Sealer) -> Result<Self> {
        let token = random.letters(43)?;
        let sealed = STANDARD.encode(sealer.seal(PURPOSE, token.as_bytes(), random)?);
        Ok(Link { token, sealed })
    }

    /// The secret itself, for the address of the link.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The secret as a waiting mail keeps it.
    pub(super) fn sealed(&self) -> &str {
        &self.sealed
    }

    /// The secret as it is looked up.
    pub(super) fn hash(&self) -> String {
        crypto::hashed(&self.token)
    }
}

/// Opens a secret that a mail kept; `None` where the data directory's key is another one now.
pub fn open_secret(sealer: &Sealer, sealed: &str) -> Option<String> {
    let opened = sealer.open(PURPOSE, &STANDARD.decode(sealed).ok()?).ok()?;
    String::from_utf8(opened).ok()
}

/// How an invitation goes out.
#[derive(Clone, Debug)]
pub struct Sending {
    /// Its link.
    pub link: Link,
    /// Whether it is mailed, where there is a mail server.
    pub mail: bool,
}

/// An invitation that waits.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// The invitation.
    pub invite: Invite,
    /// The role it will give in its teams.
    pub held: Held,
    /// Whether its link was mailed just now.
    pub mailed: bool,
    /// Whether the asker may see the link: where it was not mailed, and where they may vouch for addresses anyway.
    pub shown: bool,
    /// Whether opening it proves the address, as long as whoever vouches for that by seeing the link may.
    pub proves: bool,
}

/// What inviting to a team did.
#[derive(Clone, Debug)]
pub enum Invited {
    /// The person was in the organization and is in the team now.
    Added(Box<User>, Membership, Held),
    /// Nobody has the address yet; the invitation waits.
    Pending(Waiting),
}

/// Adds a person of the organization to a team, or invites an address that nobody has yet. Somebody who is in the team
/// already keeps the role: inviting never takes rights away. A viewer of the organization becomes view-only. Without
/// `sending` the invitation has no link, and is taken up when the account is made.
///
/// # Errors
/// [`Code::NotFound`], [`Code::InvalidValue`], [`Code::Denied`], also where `role` (a predefined name, or a custom one
/// exactly) holds what the asker lacks in the team.
pub fn to_team(cx: &mut Acting, team: &str, who: &str, role: &str, sending: Option<&Sending>) -> Result<Invited> {
    let typed = team;
    let team = teams::must_exist(cx.view(), typed)?;
    let user = users::by_name(cx.view(), who)?.filter(|u| u.membership(team.org).is_some());
    user.iter().try_for_each(|user| users::must_be_meant(user, who))?;
    let action = match &user {
        Some(user) if is_joining(cx, &team, user)? => Action::TeamJoin,
        _ => Action::TeamInviteUser,
    };
    let _may = or_absent(cx.allow(action, on(&team)), "team", typed)?;
    connections::local_only(cx, team.id)?;
    let role = roles::by_name(cx.view(), team.org, role)?;
    let given = Held::load(cx.view(), role)?;
    let grant = cx.allow_giving(action, on(&team), &given)?;
    let Some(user) = user else {
        if who.contains('@') {
            return address_to_team(cx, grant, &team, who, given, sending);
        }
        return Err(Error::not_found(format!("There is no user '{}' in the organization.", teams::shown(who)))
            .hint("Create the user first, or invite an e-mail address."));
    };
    if user.is_service() {
        return Err(Error::invalid("A service account belongs to the team that made it."));
    }
    if let Some(present) = cx.view().get(&schema::MEMBERSHIPS, &(team.id, user.id))? {
        let held = Held::load(cx.view(), present.role)?;
        return Ok(Invited::Added(Box::new(user), present, held));
    }
    let given = roster::fitting(&user, team.org, given);
    let membership = roster::enter(cx, &grant, &team, &user, given.role)?;
    roster::turn_over(cx, &grant, team.id)?;
    let changes = [changed("member", None, Some(&user.username)), changed("role", None, Some(given.label()))];
    cx.record(grant, changes.into_iter().flatten().collect())?;
    Ok(Invited::Added(Box::new(user), membership, given))
}

/// Whether somebody would add themselves by the power of an organization role: joining is an action of its own.
fn is_joining(cx: &Acting, team: &Team, user: &User) -> Result<bool> {
    Ok(cx.subject().user() == Some(user.id) && cx.view().get(&schema::MEMBERSHIPS, &(team.id, user.id))?.is_none())
}

fn address_to_team(
    cx: &mut Acting,
    grant: Grant,
    team: &Team,
    who: &str,
    given: Held,
    sending: Option<&Sending>,
) -> Result<Invited> {
    let email = name::check_email(who)?;
    let by = inviter(cx, &email)?;
    let present = cx.view().find(&schema::INVITE_BY_EMAIL, &(team.id, name::fold(&email)))?;
    let mut invite = match present {
        // One that still waits is not made anew: its mail is on the way.
        Some(present) if !present.is_over(cx.now()) && (sending.is_none() || !present.token.is_empty()) => {
            let held = Held::load(cx.view(), present.role)?;
            return Ok(Invited::Pending(Waiting { invite: present, held, mailed: false, shown: false, proves: false }));
        }
        Some(over) => Invite { role: given.role, by, ..over },
        None => Invite { team: Some(team.id), role: given.role, ..blank(cx, team.org, email, by)? },
    };
    let (mailed, shown, proves) = attach(cx, &grant, &mut invite, sending)?;
    cx.put(&grant, &schema::INVITES, &invite)?;
    let changes = [changed("invited", None, Some(&invite.email)), changed("role", None, Some(given.label()))];
    cx.record(grant, changes.into_iter().flatten().collect())?;
    Ok(Invited::Pending(Waiting { invite, held: given, mailed, shown, proves }))
}

fn inviter(cx: &Acting, email: &str) -> Result<UserId> {
    match cx.subject().actor {
        Actor::User(by) => Ok(by),
        _ => Err(Error::not_found(format!("Nobody has the address {email}.")).hint("Create the user first.")),
    }
}

fn blank(cx: &mut Acting, org: OrgId, email: String, by: UserId) -> Result<Invite> {
    Ok(Invite {
        id: InviteId(cx.tx().next_id(schema::INVITE_IDS)?),
        org,
        team: None,
        email,
        org_role: OrgRole::Member,
        teams: vec![],
        role: crate::model::role::TeamRole::Member,
        by,
        created_at: cx.now(),
        token: String::new(),
        expires_at: 0,
        by_mail: false,
        link_at: 0,
    })
}

/// Gives an invitation a fresh link, and its mail a place in the outbox. Gives whether it is mailed, whether the asker may see
/// the link, and whether it proves the address. Who can read the link can make an account with that address, so what it proves
/// depends on that; the word of an asker who saw it counts for as long as they may give it ([`take_up`]).
fn attach(
    cx: &mut Acting,
    grant: &Grant,
    invite: &mut Invite,
    sending: Option<&Sending>,
) -> Result<(bool, bool, bool)> {
    let Some(sending) = sending else { return Ok((false, false, false)) };
    let vouches = cx.can(Action::UserCreate, Resource::Org(invite.org))?;
    let mailed = sending.mail && cx.settings().mail().is_on();
    invite.token = sending.link.hash();
    invite.link_at = cx.now();
    invite.expires_at = cx.now().saturating_add(cx.settings().people().invitations_valid);
    invite.by_mail = mailed && !vouches;
    if mailed {
        outbox::queue(cx, grant, invite.org, &invite.email, Letter::Invitation(invite.id), &sending.link)?;
    }
    Ok((mailed, !mailed || vouches, mailed || vouches))
}

/// What somebody is invited to the organization with.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// An address, or the username of somebody of the organization.
    pub who: String,
    /// The role in the organization; member when absent.
    pub org_role: Option<OrgRole>,
    /// Teams to join, by name.
    pub teams: Vec<String>,
    /// The role in each of them; member when empty.
    pub team_role: String,
}

/// What inviting to the organization did.
#[derive(Clone, Debug)]
pub enum Welcomed {
    /// The person was in the organization; these teams are new to them.
    Added(Box<User>, Vec<String>),
    /// Nobody of the organization has the address yet; the invitation waits.
    Pending(Waiting),
    /// It waited already, and was left as it is.
    Waits(Invite),
}

/// Invites to the asker's organization. Somebody who belongs to it already is put into the teams at once.
///
/// # Errors
/// [`Code::Denied`], [`Code::InvalidValue`], [`Code::NotFound`] for a username that nobody here has, and for teams.
pub fn to_org(cx: &mut Acting, wanted: &Wanted, sending: &Sending) -> Result<Welcomed> {
    let org = cx.org()?;
    let grant = cx.allow(Action::UserInvite, Resource::Org(org))?;
    let who = wanted.who.trim();
    let team_role = if wanted.team_role.is_empty() { "member" } else { &wanted.team_role };
    let role = roles::by_name(cx.view(), org, team_role)?;
    let held = Held::load(cx.view(), role)?;
    let mut places = vec![];
    for typed in &wanted.teams {
        let team = teams::must_exist(cx.view(), typed)?;
        if team.org != org {
            return Err(absent("team", typed));
        }
        let _may = or_absent(cx.allow_giving(Action::TeamInviteUser, on(&team), &held), "team", typed)?;
        connections::local_only(cx, team.id)?;
        places.push(team);
    }
    let user = users::by_name(cx.view(), who)?.filter(|u| u.membership(org).is_some());
    if let Some(user) = user {
        users::must_be_meant(&user, who)?;
        if user.is_service() {
            return Err(Error::invalid(
                "A service account is not invited; it belongs to a team or to the organization.",
            ));
        }
        let mut joined = vec![];
        for team in places {
            if cx.view().get(&schema::MEMBERSHIPS, &(team.id, user.id))?.is_none() {
                to_team(cx, &team.name, &user.username, team_role, None)?;
                joined.push(team.name);
            }
        }
        return Ok(Welcomed::Added(Box::new(user), joined));
    }
    if !who.contains('@') {
        return Err(Error::not_found(format!("There is no user '{}' in the organization.", teams::shown(who)))
            .hint("Newcomers are invited by their e-mail address."));
    }
    let email = name::check_email(who)?;
    let by = inviter(cx, &email)?;
    let org_role = wanted.org_role.unwrap_or(OrgRole::Member);
    let present = cx.view().find(&schema::INVITE_TO_ORG, &(org, name::fold(&email)))?;
    let invite = match present {
        Some(present) if !present.is_over(cx.now()) => return Ok(Welcomed::Waits(present)),
        Some(over) => Invite { by, ..over },
        None => blank(cx, org, email, by)?,
    };
    let teams = places.iter().map(|team| team.id).collect();
    let mut invite = Invite { org_role, teams, role, ..invite };
    let (mailed, shown, proves) = attach(cx, &grant, &mut invite, Some(sending))?;
    cx.put(&grant, &schema::INVITES, &invite)?;
    let names: Vec<&str> = places.iter().map(|team| team.name.as_str()).collect();
    let changes = [
        changed("invited", None, Some(&invite.email)),
        changed("role", None, Some(org_role.as_str())),
        changed("teams", None, Some(names.join(", ")).filter(|n| !n.is_empty()).as_deref()),
    ];
    cx.record(grant, changes.into_iter().flatten().collect())?;
    Ok(Welcomed::Pending(Waiting { invite, held, mailed, shown, proves }))
}

/// Many at once, each with a link of its own: what became of each, in order. One that cannot be invited keeps no other back.
///
/// # Errors
/// [`Code::LimitReached`], [`Code::Denied`].
pub fn many(cx: &mut Acting, all: &[(Wanted, Sending)]) -> Result<Vec<Result<Welcomed>>> {
    let org = cx.org()?;
    let _may = cx.allow(Action::UserInvite, Resource::Org(org))?;
    if all.len() > AT_ONCE {
        return Err(Error::new(Code::LimitReached, format!("At most {AT_ONCE} people are invited at once."))
            .hint("Divide the list."));
    }
    let mut out = Vec::with_capacity(all.len());
    for (wanted, sending) in all {
        out.push(match to_org(cx, wanted, sending) {
            // A fault of the store is everybody's, and so is a list that is too long for it.
            Err(error) if error.kind() == crate::error::Kind::Internal => return Err(error),
            Err(error) if error.code() == Code::TooLarge => return Err(error.hint("Divide the list.")),
            other => other,
        });
    }
    Ok(out)
}

/// The invitation of this id that the asker may send again or withdraw, with what it is about.
fn settle(cx: &Acting, id: InviteId, own: (Action, Action)) -> Result<(Invite, Grant, Held)> {
    let missing = || Error::not_found("There is no such invitation; it may have been taken up or withdrawn already.");
    let invite = cx.view().get(&schema::INVITES, &id)?.ok_or_else(missing)?;
    let held = Held::load(cx.view(), invite.role)?;
    let (of_org, of_team) = own;
    let grant = match invite.team {
        None => cx.allow(of_org, Resource::Org(invite.org)),
        Some(team) => {
            let on = Resource::Entity(Entity::Team(team));
            cx.allow(of_team, on).and_then(|_may| cx.allow_giving(of_team, on, &held))
        }
    };
    match grant {
        Ok(grant) => Ok((invite, grant, held)),
        Err(error) if error.kind() == crate::error::Kind::NotFound => Err(missing()),
        Err(error) => Err(error),
    }
}

/// Sends an invitation again with a fresh link; the old one is void. From now on it stands on the asker's rights.
///
/// # Errors
/// [`Code::NotFound`], [`Code::TooManyAttempts`] within a minute of the last time, [`Code::Denied`].
pub fn resend(cx: &mut Acting, id: InviteId, sending: &Sending) -> Result<Waiting> {
    let (invite, grant, held) = settle(cx, id, (Action::UserInvite, Action::TeamInviteUser))?;
    if cx.now() - invite.link_at < AGAIN {
        return Err(Error::new(Code::TooManyAttempts, "This invitation was sent less than a minute ago.")
            .hint("Give the mail a moment.")
            .retry_after(60));
    }
    let by = inviter(cx, &invite.email)?;
    let mut invite = Invite { by, ..invite };
    let (mailed, shown, proves) = attach(cx, &grant, &mut invite, Some(sending))?;
    cx.put(&grant, &schema::INVITES, &invite)?;
    let changes = [changed("invited", None, Some(&invite.email)), changed("link", Some("sent"), Some("sent anew"))];
    cx.record(grant, changes.into_iter().flatten().collect())?;
    Ok(Waiting { invite, held, mailed, shown, proves })
}

/// Withdraws an invitation; one of a team that promises what the asker lacks stays, as such a member would.
///
/// # Errors
/// [`Code::NotFound`], [`Code::Denied`].
pub fn withdraw(cx: &mut Acting, id: InviteId) -> Result<Invite> {
    let (invite, grant, _) = settle(cx, id, (Action::UserUninvite, Action::TeamUninvite))?;
    cx.delete(&grant, &schema::INVITES, &id)?;
    cx.record(grant, gone(&invite))?;
    Ok(invite)
}

fn gone(invite: &Invite) -> Vec<Change> {
    changed("invited", Some(&invite.email), None).into_iter().collect()
}

/// An invitation as lists show it.
#[derive(Clone, Debug)]
pub struct Described {
    /// The invitation.
    pub invite: Invite,
    /// The names of the teams it leads to.
    pub teams: Vec<String>,
    /// The role it gives there.
    pub held: Held,
    /// Who invited, by username; none where the account is gone.
    pub by: Option<String>,
    /// What became of its last mail, and what the mail server said; none where none was sent.
    pub mail: Option<(MailState, String)>,
}

/// The pending invitations of the asker's organization whose address begins with `search`, those of its teams among them, by
/// address.
pub fn list<V: Read>(cx: &Cx<V>, search: &str, turn: &Turn) -> Result<Page<Described>> {
    let org = cx.org()?;
    let _grant = cx.allow(Action::UserList, Resource::Org(org))?;
    let search = name::fold(search);
    let rows = |_, range: Range| cx.view().placed_by(&schema::INVITES_OF_ORG, range.under_text(&(org,), &search));
    super::paging::page(turn, &[0], false, rows, |_, _, invite| describe(cx, invite).map(Some))
}

/// How many there are, as counted all along.
pub fn count<V: Read>(cx: &Cx<V>) -> Result<usize> {
    let org = cx.org()?;
    let _grant = cx.allow(Action::UserList, Resource::Org(org))?;
    cx.view().tally(&schema::INVITE_COUNTS, &(org,))
}

/// An invitation with its names; the caller checked that the asker may see it.
pub fn describe<V: Read>(cx: &Cx<V>, invite: Invite) -> Result<Described> {
    let mut teams = vec![];
    for team in invite.places() {
        teams.extend(cx.view().shared(&schema::TEAMS, &team)?.map(|team| team.name.clone()));
    }
    let mails: Vec<crate::model::mail::Mail> = cx.view().all_by(&schema::MAIL_OF_INVITE, &(invite.id,))?;
    Ok(Described {
        teams,
        held: Held::load(cx.view(), invite.role)?,
        by: cx.view().shared(&schema::USERS, &invite.by)?.map(|user| user.username.clone()),
        mail: mails.into_iter().last().map(|mail| (mail.state, mail.answer)),
        invite,
    })
}

/// The invitations of a team that is deleted, and what it was promised in others.
pub(super) fn forget_team(cx: &mut Acting, grant: &Grant, team: &Team) -> Result<()> {
    let all: Vec<Invite> = cx.view().all_by(&schema::INVITES_TO_TEAM, &(team.id,))?;
    for mut invite in all {
        if invite.team == Some(team.id) {
            cx.delete(grant, &schema::INVITES, &invite.id)?;
        } else {
            invite.teams.retain(|id| *id != team.id);
            cx.put(grant, &schema::INVITES, &invite)?;
        }
    }
    Ok(())
}

fn target(user: &User) -> Named {
    super::user_named(user)
}

fn on(team: &Team) -> Resource {
    Resource::Entity(Entity::Team(team.id))
}
