//! What coming through the company's identity provider or directory leads to here: which account somebody gets, and which
//! teams. The proof is made before, in `idp`; here is no network. Whoever acts is [`crate::policy::Process::Company`], whose
//! rights end with that.
//!
//! - An account is found by (connection, subject) alone. Without such a link, an account that nobody used yet and that has
//!   the same verified address is taken up: an admin or a provisioning client made it for that person. An account in use is
//!   linked by address only where a setting says so, an administrator's never; its owner links it by [`link`].
//! - Teams follow complete groups, both ways (mission facts, C15): also out of the teams that are not named. Groups that
//!   nobody can tell change nothing, and break-glass accounts and the last administrator are never touched.
//! - A background sync is not a sign-in: what it takes is weighed by the fuse.

use super::provision::Toll;
use super::{Acting, Cx, audit, domains, fuse, sessions, teams, users};
use crate::clock::Millis;
use crate::config::settings::Settings;
use crate::error::{Code, Error, Kind, Result};
use crate::model::audit::{Change, Named, Outcome};
use crate::model::identity::{self, ExternalGroup, ExternalGroups, ExternalIdentity, Identity};
use crate::model::invitation::Invite;
use crate::model::name;
use crate::model::role::Action;
use crate::model::team::{HOME, Team};
use crate::model::user::{Status, User};
use crate::model::{OrgId, UserId};
use crate::policy::Resource;
use crate::store::{Range, Read, schema};
use std::collections::BTreeMap;

mod ledger;

pub use ledger::Ledger;

/// How an account was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Account {
    /// By its link.
    Known,
    /// By its address; it has a link now.
    Linked,
    /// It was made.
    Made,
}

/// What coming led to.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// Who it is here.
    pub user: User,
    /// How the account was found.
    pub account: Account,
    /// Whether an account that was there has another name or address now.
    pub renamed: bool,
    /// Teams joined.
    pub joined: Vec<String>,
    /// Teams left.
    pub left: Vec<String>,
    /// What else is worth knowing about groups: names without a team, teams that are kept elsewhere.
    pub notes: Vec<String>,
}

/// Finds or makes the account of somebody who was just proved to be `who`, and lets their teams follow.
///
/// # Errors
/// [`Code::SetupRequired`], [`Code::Denied`] with what to do; refusals are noted for the audit log.
pub fn arrive(cx: &mut Acting, who: &ExternalIdentity) -> Result<Arrival> {
    if !sessions::has_users(cx.view())? {
        return Err(Error::new(
            Code::SetupRequired,
            "There is no user yet, and only the setup link makes the first one.",
        )
        .hint("Open the setup link that the server printed at its start."));
    }
    let outcome = settle(cx, who, &mut Toll::default(), true);
    if let Err(error) = &outcome {
        let text: String = error.sentence().chars().take(name::TEXT_MAX).collect();
        let rule = if who.connection == identity::LDAP { "ldap_account" } else { "oidc_account" };
        cx.refuse_by(HOME, Action::UserLogin, stranger(who), rule, &text)?;
    }
    outcome
}

/// The same for somebody that a background sync met: only known accounts, and what is taken is weighed by the fuse.
///
/// # Errors
/// [`Code::SyncHeld`], [`Code::NotFound`] where there is no link.
pub fn refresh(cx: &mut Acting, who: &ExternalIdentity) -> Result<Arrival> {
    if linked(cx.view(), who)?.is_none() {
        return Err(Error::not_found("Nobody here is linked to this entry."));
    }
    let mut toll = Toll::default();
    let arrival = settle(cx, who, &mut toll, false)?;
    fuse::weigh(cx, &toll.losses())?;
    Ok(arrival)
}

/// Deactivates somebody whom a complete search of the directory does not hold any more. Gives whether it did.
///
/// # Errors
/// [`Code::SyncHeld`].
pub fn gone(cx: &mut Acting, id: UserId) -> Result<bool> {
    let Some(user) = cx.view().get(&schema::USERS, &id)? else { return Ok(false) };
    if user.status != Status::Active || is_outside(cx, &user)? {
        return Ok(false);
    }
    users::set_active(cx, &user.username, false)?;
    fuse::weigh(cx, &Toll { deactivated: vec![id], ..Toll::default() }.losses())?;
    Ok(true)
}

/// Links the identity that was just proved to the asker's own account.
///
/// # Errors
/// [`Code::AlreadyDone`] where it is somebody else's.
pub fn link(cx: &mut Acting, who: &ExternalIdentity) -> Result<()> {
    let me = users::me(cx)?;
    match linked(cx.view(), who)? {
        Some(known) if known.user == me.id => return Ok(()),
        Some(_) => {
            return Err(Error::new(Code::AlreadyDone, "That identity belongs to another account here.")
                .hint("Sign in with it, or ask an organization admin."));
        }
        None => {}
    }
    bind(cx, who, me.id)
}

/// Writes the link of an account that is there, with its event.
fn bind(cx: &mut Acting, who: &ExternalIdentity, user: UserId) -> Result<()> {
    let grant = cx.allow(Action::UserUpdate, Resource::User(user))?;
    cx.put(&grant, &schema::IDENTITIES, &fresh(cx, who, user))?;
    cx.record(grant, vec![linked_to(who)])
}

/// The identities elsewhere of a user, for whoever may see the account's sessions.
pub fn identities<V: Read>(cx: &Cx<V>, user: UserId) -> Result<Vec<Identity>> {
    let _grant = cx.allow(Action::SessionRead, Resource::User(user))?;
    cx.view().all_by(&schema::IDENTITIES_OF_USER, &(user,))
}

/// The name of a team that an identity gave, for whoever sees the identity; `None` where it is gone.
pub fn team_name<V: Read>(cx: &Cx<V>, id: crate::model::TeamId) -> Result<Option<String>> {
    Ok(cx.view().shared(&schema::TEAMS, &id)?.map(|team| team.name.clone()))
}

/// Ends the link between an identity elsewhere and an account; sessions that it opened end too.
pub fn unlink(cx: &mut Acting, typed: &str, connection: &str, subject: &str) -> Result<()> {
    let user = users::get(cx, typed)?;
    let grant = cx.allow(Action::SessionRevoke, Resource::User(user.id))?;
    let key = (connection.to_owned(), subject.to_owned());
    if cx.view().get(&schema::IDENTITIES, &key)?.is_none_or(|i| i.user != user.id) {
        return Err(Error::not_found("There is no such identity; it may have been removed already."));
    }
    cx.delete(&grant, &schema::IDENTITIES, &key)?;
    for session in sessions::of_user(cx.view(), user.id)? {
        if session.identity.as_ref().is_some_and(|i| i.connection == connection && i.subject == subject) {
            sessions::remove(cx.tx(), &session.id)?;
        }
    }
    let change = Change { field: "identity".to_owned(), from: Some(format!("{connection} {subject}")), to: None };
    cx.record(grant, vec![change])
}

/// Whether an account is outside every sync: break-glass, or the last active administrator.
fn is_outside(cx: &Acting, user: &User) -> Result<bool> {
    if cx.view().get(&schema::BREAK_GLASS, &user.id)?.is_some() {
        return Ok(true);
    }
    for membership in &user.orgs {
        if user.is_active_admin(membership.org)
            && cx.view().count(&schema::ADMINS_OF_ORG, Range::all().under(&(membership.org,)), 2)? < 2
        {
            return Ok(true);
        }
    }
    Ok(false)
}

fn linked(view: &impl Read, who: &ExternalIdentity) -> Result<Option<Identity>> {
    view.get(&schema::IDENTITIES, &(who.connection.clone(), who.subject.clone()))
}

fn fresh(cx: &Acting, who: &ExternalIdentity, user: UserId) -> Identity {
    Identity {
        connection: who.connection.clone(),
        subject: who.subject.clone(),
        user,
        linked_at: cx.now(),
        last_at: cx.now(),
        teams: vec![],
    }
}

fn linked_to(who: &ExternalIdentity) -> Change {
    Change { field: "identity".to_owned(), from: None, to: Some(format!("{} {}", who.connection, who.subject)) }
}

/// The address, where one is told.
fn address(who: &ExternalIdentity) -> Option<&str> {
    who.email.as_deref().map(str::trim).filter(|e| !e.is_empty())
}

fn stranger(who: &ExternalIdentity) -> Named {
    Named::new("identity", &who.subject, who.username.clone().or_else(|| who.email.clone()).unwrap_or_default())
}

fn settle(cx: &mut Acting, who: &ExternalIdentity, toll: &mut Toll, signs_in: bool) -> Result<Arrival> {
    let settings = Follow::of(cx.settings(), who);
    let (mut link, user, account) = match linked(cx.view(), who)? {
        Some(link) => {
            let user = cx.view().get(&schema::USERS, &link.user)?;
            (link, user.ok_or_else(|| Error::internal("an identity of nobody"))?, Account::Known)
        }
        None => {
            let (user, account) = find_or_make(cx, who, &settings)?;
            (fresh(cx, who, user.id), user, account)
        }
    };
    if user.status != Status::Active {
        return Err(Error::denied("Your account here is not active.", true).hint("Ask an organization admin."));
    }
    let (kept, before) = (link.clone(), user.version);
    let user = follow_names(cx, who, user, account, &settings)?;
    let renamed = user.version != before;
    let mut arrival = Arrival { user, account, renamed, joined: vec![], left: vec![], notes: vec![] };
    if settings.groups {
        follow_groups(cx, who, &settings.map, &mut link, &mut arrival, toll)?;
    }
    // The row is rewritten when it says something new, not at each sign-in of a busy day.
    if signs_in {
        link.last_at = cx.now();
    }
    if kept.teams != link.teams || link.last_at - kept.last_at > crate::clock::HOUR {
        cx.tx().put(&schema::IDENTITIES, &link)?;
    }
    Ok(arrival)
}

/// What an identity of this connection decides here.
struct Follow {
    /// Its groups decide teams.
    groups: bool,
    /// Its names decide names.
    names: bool,
    /// The username must be the one there.
    strict: bool,
    /// Its addresses count as verified where it does not say.
    trusted: bool,
    map: Vec<(String, String)>,
}

impl Follow {
    fn of(settings: &Settings, who: &ExternalIdentity) -> Follow {
        if who.connection == identity::LDAP {
            let ldap = settings.ldap();
            return Follow {
                groups: ldap.group_sync,
                names: true,
                strict: false,
                trusted: true,
                map: ldap.group_map.clone(),
            };
        }
        let oidc = settings.oidc();
        Follow {
            groups: oidc.group_claims,
            names: oidc.identifier_claims,
            strict: oidc.identifier_claims,
            trusted: oidc.trust_email,
            map: vec![],
        }
    }

    fn vouches(&self, who: &ExternalIdentity) -> bool {
        who.email_verified.unwrap_or(self.trusted)
    }
}

/// The account of somebody who has no link yet.
fn find_or_make(cx: &mut Acting, who: &ExternalIdentity, settings: &Follow) -> Result<(User, Account)> {
    let email = address(who);
    if let Some(email) = email
        && let Some(user) = cx.view().find(&schema::USER_BY_EMAIL, &name::fold(email))?
    {
        may_link(cx, &user, who, settings)?;
        bind(cx, who, user.id)?;
        return Ok((user, Account::Linked));
    }
    if cx.settings().sign_in().provisioning_disabled {
        return Err(Error::denied("You have no account here, and signing in does not make one.", true)
            .hint("Ask an organization admin to add you."));
    }
    let Some(email) = email else {
        return Err(Error::denied(
            "The company's sign-in tells no e-mail address of yours, and an account needs one.",
            true,
        )
        .hint("Ask whoever runs it to send your address."));
    };
    let waiting = cx.view().count(&schema::INVITES_OF_EMAIL, Range::all().under(&(name::fold(email),)), 1)?;
    let org = org_of_newcomer(cx, email, settings.vouches(who))?;
    let is_captured = domains::capturing(cx.view(), email)?.is_some_and(|domain| domain.org == org);
    if waiting == 0 && !is_captured && domains::is_claiming(cx.view(), org)? {
        return Err(Error::denied(
            "You have no account here, and your address is at none of the domains that the organization claims.",
            true,
        )
        .hint("Ask an organization admin to invite you."));
    }
    let new = users::NewUser {
        email: email.to_owned(),
        username: wanted_username(cx, who, settings)?,
        name: who.name.as_deref().unwrap_or_default().chars().take(name::TEXT_MAX).collect(),
        unverified: !settings.vouches(who),
        org: Some(org),
        ..users::NewUser::default()
    };
    let link = who.clone();
    let user = users::create_with(cx, &new, |cx, grant, user| {
        cx.put(grant, &schema::IDENTITIES, &fresh(cx, &link, user.id))?;
        Ok(vec![linked_to(&link)])
    });
    if let Ok(user) = &user {
        domains::welcome(cx, user, &[], waiting > 0)?;
    }
    // Its sentences speak to admins about "a user"; what is wrong with names and addresses is what the person must know too.
    user.map(|user| (user, Account::Made)).map_err(|e| match e.kind() {
        Kind::Denied | Kind::NotFound => e,
        _ => Error::denied(e.detail().to_owned(), true)
            .hint("Ask an organization admin, or whoever runs the company's sign-in."),
    })
}

/// The organization that somebody comes into who has no account: the one that claims the address's domain, else the one that
/// invited the address, else the instance's. An address that nobody vouches for leads to the instance's own.
fn org_of_newcomer(cx: &Acting, email: &str, vouched: bool) -> Result<OrgId> {
    if !vouched {
        return Ok(HOME);
    }
    if let Some(domain) = domains::capturing(cx.view(), email)? {
        return Ok(domain.org);
    }
    let waiting: Vec<Invite> = cx.view().all_by(&schema::INVITES_OF_EMAIL, &(name::fold(email),))?;
    Ok(waiting.iter().find(|invite| !invite.is_over(cx.now())).map_or(HOME, |invite| invite.org))
}

/// Whether somebody whose address an account has may have it.
fn may_link(cx: &Acting, user: &User, who: &ExternalIdentity, settings: &Follow) -> Result<()> {
    let refuse = |hint: &'static str| {
        Err(Error::denied(
            "There is an account here with your e-mail address, and it is not linked to this sign-in.",
            true,
        )
        .hint(hint))
    };
    if user.is_service()
        || user.orgs.iter().any(|m| user.is_active_admin(m.org))
        || cx.view().get(&schema::BREAK_GLASS, &user.id)?.is_some()
    {
        return refuse(
            "An administrator's account is linked by its owner: sign in with the password, then link it on the page My account.",
        );
    }
    if !settings.vouches(who) {
        return refuse("The company's sign-in does not say that your address is verified. Ask an organization admin.");
    }
    if is_used(cx.view(), user)? {
        if !cx.settings().sign_in().link_by_email {
            return refuse(
                "Sign in with the password and link it on the page My account, or ask an organization admin.",
            );
        }
        // Whoever made it with this address without proving it has its password and keys, and would share it from now on.
        if !user.emails.first().is_some_and(|e| e.verified) {
            return refuse("Nobody proved that the address of that account is its owner's. Ask an organization admin.");
        }
    }
    Ok(())
}

/// Whether anybody ever got hold of an account: it has a password, a key, a session or an identity.
fn is_used(view: &impl Read, user: &User) -> Result<bool> {
    Ok(view.get(&schema::PASSWORDS, &user.id)?.is_some()
        || view.get(&schema::ACTIVITY, &user.id)?.is_some()
        || !sessions::of_user(view, user.id)?.is_empty()
        || !super::credentials::of_user(view, user.id)?.is_empty()
        || view.count(&schema::IDENTITIES_OF_USER, Range::all().under(&(user.id,)), 1)? > 0)
}

/// The username to make an account with; `None` where the address gives it.
fn wanted_username(cx: &Acting, who: &ExternalIdentity, settings: &Follow) -> Result<Option<String>> {
    match (&who.username, settings.strict) {
        (_, true) => claimed_username(who).map(Some),
        // A directory's name where it is free, else as near to it as can be; a provider's name only where it is asked for.
        (Some(username), false) if who.connection == identity::LDAP => {
            let base = match name::check_entity_name("user", username) {
                Ok(()) => username.clone(),
                Err(_) => name::derive_username(username),
            };
            users::free_username(cx.view(), &base).map(Some)
        }
        _ => Ok(None),
    }
}

/// The username that is claimed; one outside the rules is refused, naming it and what is wrong with it.
fn claimed_username(who: &ExternalIdentity) -> Result<String> {
    let username = who.username.as_deref().ok_or_else(|| {
        Error::denied("The company's sign-in tells no username of yours (preferred_username).", true)
            .hint("Ask whoever runs it to send that claim.")
    })?;
    let shown: String = username.chars().take(60).filter(|c| !c.is_control()).collect();
    name::check_entity_name("user", username).map(|()| username.to_owned()).map_err(|e| {
        Error::denied(format!("The company's sign-in calls you '{shown}'. {}", e.detail()), true)
            .hint("Ask whoever runs it for a name of letters, digits, '_' and '-'.")
    })
}

/// Lets names and address follow.
fn follow_names(
    cx: &mut Acting,
    who: &ExternalIdentity,
    user: User,
    account: Account,
    settings: &Follow,
) -> Result<User> {
    let mut change = users::UserChange::default();
    if settings.strict && account != Account::Made {
        let username = claimed_username(who)?;
        change.username = (username != user.username).then_some(username);
    }
    if settings.names
        && let Some(full) = who.name.as_deref().map(str::trim).filter(|n| !n.is_empty() && *n != user.name)
    {
        change.name = Some(full.chars().take(name::TEXT_MAX).collect());
    }
    if settings.vouches(who)
        && let Some(email) = address(who)
        && user.email().is_none_or(|own| name::fold(own) != name::fold(email))
        && name::check_email(email).is_ok()
        && cx.view().find(&schema::USER_BY_EMAIL, &name::fold(email))?.is_none()
    {
        change.email = Some(email.to_owned());
    }
    if change.username.is_none() && change.name.is_none() && change.email.is_none() {
        return Ok(user);
    }
    users::update(cx, &user.username, &change).map_err(|e| match e.code() {
        Code::NameTaken => {
            Error::denied("The username that the company's sign-in gives you belongs to somebody else here.", true)
                .hint("Ask an organization admin.")
        }
        _ => e,
    })
}

/// Lets teams follow complete groups.
fn follow_groups(
    cx: &mut Acting,
    who: &ExternalIdentity,
    map: &[(String, String)],
    link: &mut Identity,
    arrival: &mut Arrival,
    toll: &mut Toll,
) -> Result<()> {
    let groups = match &who.groups {
        ExternalGroups::Complete(groups) => groups,
        ExternalGroups::Unknown(why) => {
            arrival.notes.push(why.clone());
            return Ok(());
        }
    };
    if is_outside(cx, &arrival.user)? {
        arrival.notes.push("Teams stay: the account is break-glass or the last administrator.".to_owned());
        return Ok(());
    }
    let mut wanted: BTreeMap<crate::model::TeamId, (Team, String)> = BTreeMap::new();
    for group in groups {
        match team_of(cx.view(), group, map)? {
            Some(team) => drop(wanted.insert(team.id, (team, group.through.clone()))),
            None => arrival.notes.push(format!("No team is named {}.", group.names.first().map_or("", |n| n.as_str()))),
        }
    }
    let (user, id) = (arrival.user.username.clone(), arrival.user.id);
    let kept_elsewhere = |cx: &Acting, team: &Team| super::connections::local_only(cx, team.id).is_err();
    let mut present = vec![];
    for membership in teams::of_user(cx.view(), id)? {
        present.push(membership.team);
        if wanted.contains_key(&membership.team) {
            continue;
        }
        let Some(team) = cx.view().get(&schema::TEAMS, &membership.team)? else { continue };
        if kept_elsewhere(cx, &team) {
            arrival.notes.push(format!("The members of {} come from a provisioning connection.", team.name));
            continue;
        }
        teams::remove_member(cx, &team.name, &user)?;
        toll.removed.push((team.id, id));
        arrival.left.push(team.name);
    }
    for (id, (team, _)) in &wanted {
        if present.contains(id) {
            continue;
        }
        if kept_elsewhere(cx, team) {
            arrival.notes.push(format!("The members of {} come from a provisioning connection.", team.name));
            continue;
        }
        teams::invite(cx, &team.name, &user, "member")?;
        arrival.joined.push(team.name.clone());
    }
    link.teams = wanted.into_iter().map(|(id, (_, through))| (id, through)).collect();
    if !(arrival.left.is_empty() && arrival.joined.is_empty())
        && let Some(user) = cx.view().get(&schema::USERS, &arrival.user.id)?
    {
        arrival.user = user;
    }
    Ok(())
}

/// The team that a group means: by the map, else by any of its names.
fn team_of(view: &impl Read, group: &ExternalGroup, map: &[(String, String)]) -> Result<Option<Team>> {
    let is = |a: &str, b: &str| name::fold(a) == name::fold(b);
    if let Some((_, team)) = map.iter().find(|(from, _)| group.names.iter().any(|n| is(n, from))) {
        return teams::by_name(view, team);
    }
    for name in &group.names {
        if let Some(team) = teams::by_name(view, name)? {
            return Ok(Some(team));
        }
    }
    Ok(None)
}

/// When a way of signing in last worked, and when it last did not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// `oidc`, `ldap`, `password` and so on.
    pub method: String,
    /// The last success.
    pub succeeded_at: Option<Millis>,
    /// The last failure.
    pub failed_at: Option<Millis>,
    /// Why that one failed.
    pub failure: String,
}

/// How many of the latest sign-ins are looked at.
const LATEST: usize = 1_000;

/// What became of the latest sign-ins, by method, for whoever may read the audit log.
pub fn last_sign_ins<V: Read>(cx: &Cx<V>) -> Result<Vec<Way>> {
    let search = audit::Search {
        action: Some(Action::UserLogin.as_str().to_owned()),
        limit: LATEST,
        ..audit::Search::default()
    };
    let mut ways: BTreeMap<String, Way> = BTreeMap::new();
    for event in audit::search(cx, &search)?.items {
        let reason = event.chain.last();
        let method = match event.outcome {
            Outcome::Done => event.changes.iter().find(|c| c.field == "method").and_then(|c| c.to.clone()),
            // Rules of a way begin with its name: `ldap_bind`, `oidc_account`.
            _ => reason.and_then(|r| r.rule.split('_').next()).map(str::to_owned),
        };
        let Some(method) = method else { continue };
        let way = ways.entry(method.clone()).or_insert_with(|| Way { method, ..Way::default() });
        // The newest come first.
        if event.outcome == Outcome::Done {
            way.succeeded_at.get_or_insert(event.at);
        } else if way.failed_at.is_none() {
            way.failed_at = Some(event.at);
            way.failure = reason.map(|r| r.text.clone()).unwrap_or_default();
        }
    }
    Ok(ways.into_values().collect())
}
