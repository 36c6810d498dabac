//! Domains that an organization captures: claimed, proved, released; and what follows for people: newcomers who prove an
//! address there join by themselves, with the default team, and everybody with such an address may join the teams that
//! recommend themselves. Nobody who was invited or is there already is moved anywhere.

use super::{Acting, Cx, Grant, absent, changed, or_absent, roster, teams, users};
use crate::error::{Code, Error, Result};
use crate::model::audit::Named;
use crate::model::domain::{Domain, PUBLIC, Proof, normal, of_address};
use crate::model::name;
use crate::model::role::Action;
use crate::model::team::{HOME, Team};
use crate::model::user::User;
use crate::model::{Entity, OrgId, TeamId};
use crate::policy::{Actor, Resource, facts};
use crate::store::{Range, Read, schema};

/// How many domains one organization may claim.
const MOST: usize = 1_000;

/// The name of the DNS record that proves a domain.
pub fn record_name(domain: &str) -> String {
    format!("_bailiwick.{domain}")
}

/// What the record must hold.
pub fn record_text(domain: &Domain) -> String {
    format!("bailiwick-domain={}", domain.challenge)
}

/// Claims a domain for the asker's organization, whose newcomers join `default_team`. `challenge` is a random text.
///
/// # Errors
/// [`Code::NameTaken`] where it is claimed already, by whomever; [`Code::InvalidValue`] for what is no domain, for one at
/// which anybody gets an address, and for a team that does not recommend itself; [`Code::Denied`].
pub fn claim(cx: &mut Acting, typed: &str, default_team: Option<&str>, challenge: &str) -> Result<Domain> {
    let org = cx.org()?;
    let grant = cx.allow(Action::OrganizationUpdate, Resource::Org(org))?;
    let name = normal(typed).ok_or_else(|| Error::invalid("That is not a domain. It should look like example.com."))?;
    if PUBLIC.contains(&name.as_str()) {
        return Err(Error::invalid(format!("Anybody can get an address at {name}, so it cannot be claimed.")));
    }
    if cx.view().get(&schema::DOMAINS, &name)?.is_some() {
        return Err(Error::new(Code::NameTaken, format!("The domain {name} is claimed already.")));
    }
    if cx.view().count(&schema::DOMAINS_OF_ORG, Range::all().under(&(org,)), MOST)? >= MOST {
        return Err(Error::new(Code::LimitReached, format!("An organization claims at most {MOST} domains.")));
    }
    let team = default_team.map(|typed| fit(cx, org, typed)).transpose()?;
    let Actor::User(by) = cx.subject().actor else {
        return Err(Error::invalid("A domain is claimed by an administrator, on the page Domains."));
    };
    let challenge = challenge.to_owned();
    let default_team = team.as_ref().map(|team| team.id);
    let domain = Domain { name, org, default_team, challenge, proof: None, by, created_at: cx.now() };
    cx.put(&grant, &schema::DOMAINS, &domain)?;
    let changes = [
        changed("domain", None, Some(&domain.name)),
        changed("default team", None, team.as_ref().map(|t| t.name.as_str())),
    ];
    cx.record_on(grant, named(&domain), changes.into_iter().flatten().collect())?;
    Ok(domain)
}

fn named(domain: &Domain) -> Named {
    Named::new("domain", &domain.name, domain.name.clone())
}

/// A team that newcomers may be put into.
fn fit(cx: &Acting, org: OrgId, typed: &str) -> Result<Team> {
    let team = teams::must_exist(cx.view(), typed)?;
    if team.org != org {
        return Err(absent("team", typed));
    }
    if !team.recommended {
        return Err(Error::invalid(format!("Team {} does not recommend itself to newcomers.", team.name)).hint(
            "Switch on \"Recommend this team to newcomers with a matching e-mail domain\" in the team's settings first.",
        ));
    }
    Ok(team)
}

fn must_exist<V: Read>(cx: &Cx<V>, org: OrgId, typed: &str) -> Result<Domain> {
    let name = normal(typed).unwrap_or_default();
    let found = cx.view().get(&schema::DOMAINS, &name)?.filter(|d| d.org == org);
    found.ok_or_else(|| Error::not_found("Your organization does not claim that domain."))
}

/// A claim of the asker's organization.
pub fn get<V: Read>(cx: &Cx<V>, typed: &str) -> Result<Domain> {
    let org = cx.org()?;
    let _grant = cx.allow(Action::UserList, Resource::Org(org))?;
    must_exist(cx, org, typed)
}

/// The claims of the asker's organization, by name, each with the name of its default team.
pub fn list<V: Read>(cx: &Cx<V>) -> Result<Vec<(Domain, Option<Team>)>> {
    let org = cx.org()?;
    let _grant = cx.allow(Action::UserList, Resource::Org(org))?;
    let all: Vec<Domain> = cx.view().all_by(&schema::DOMAINS_OF_ORG, &(org,))?;
    let with_team = |domain: Domain| {
        let team = match domain.default_team {
            Some(id) => cx.view().get(&schema::TEAMS, &id)?,
            None => None,
        };
        Ok((domain, team))
    };
    all.into_iter().map(with_team).collect()
}

/// Marks a domain as proved: by the record that was found in its zone, or by the word of an administrator of the instance.
///
/// # Errors
/// [`Code::NotFound`], [`Code::Denied`].
pub fn prove(cx: &mut Acting, typed: &str, proof: Proof) -> Result<Domain> {
    let org = cx.org()?;
    let grant = cx.allow(Action::OrganizationUpdate, Resource::Org(org))?;
    if proof == Proof::Admin {
        let _instance = cx.allow(Action::SettingUpdate, Resource::Org(HOME))?;
    }
    let domain = must_exist(cx, org, typed)?;
    if domain.proof.is_some() {
        return Ok(domain);
    }
    let domain = Domain { proof: Some(proof), ..domain };
    cx.put(&grant, &schema::DOMAINS, &domain)?;
    cx.record_on(grant, named(&domain), changed("proved by", None, Some(proof.as_str())).into_iter().collect())?;
    Ok(domain)
}

/// Changes the team that newcomers join.
///
/// # Errors
/// As [`claim`].
pub fn set_team(cx: &mut Acting, typed: &str, team: Option<&str>) -> Result<Domain> {
    let org = cx.org()?;
    let grant = cx.allow(Action::OrganizationUpdate, Resource::Org(org))?;
    let domain = must_exist(cx, org, typed)?;
    let team = team.map(|typed| fit(cx, org, typed)).transpose()?;
    let before = match domain.default_team {
        Some(id) => cx.view().get(&schema::TEAMS, &id)?.map(|t| t.name),
        None => None,
    };
    let domain = Domain { default_team: team.as_ref().map(|t| t.id), ..domain };
    let change = changed("default team", before.as_deref(), team.as_ref().map(|t| t.name.as_str()));
    if change.is_none() {
        return Ok(domain);
    }
    cx.put(&grant, &schema::DOMAINS, &domain)?;
    cx.record_on(grant, named(&domain), change.into_iter().collect())?;
    Ok(domain)
}

/// Gives a domain up. Whoever came by it stays.
pub fn release(cx: &mut Acting, typed: &str) -> Result<()> {
    let org = cx.org()?;
    let grant = cx.allow(Action::OrganizationUpdate, Resource::Org(org))?;
    let domain = must_exist(cx, org, typed)?;
    cx.delete(&grant, &schema::DOMAINS, &domain.name)?;
    cx.record_on(grant, named(&domain), changed("domain", Some(&domain.name), None).into_iter().collect())
}

/// The claims whose newcomers joined a team that is deleted lose it.
pub(super) fn forget_team(cx: &mut Acting, grant: &Grant, team: TeamId) -> Result<()> {
    let all: Vec<Domain> = cx.view().all_by(&schema::DOMAINS_OF_TEAM, &(team,))?;
    for domain in all {
        cx.put(grant, &schema::DOMAINS, &Domain { default_team: None, ..domain })?;
    }
    Ok(())
}

/// The proved claim that captures an address.
pub fn capturing(view: &impl Read, address: &str) -> Result<Option<Domain>> {
    let Some(name) = of_address(address) else { return Ok(None) };
    Ok(view.get(&schema::DOMAINS, &name)?.filter(|domain| domain.proof.is_some()))
}

/// Whether an organization has a proved claim: whoever comes through the company's sign-in then needs an address there.
pub(super) fn is_claiming(view: &impl Read, org: OrgId) -> Result<bool> {
    let all: Vec<Domain> = view.all_by(&schema::DOMAINS_OF_ORG, &(org,))?;
    Ok(all.iter().any(|domain| domain.proof.is_some()))
}

/// The teams of an organization that recommend themselves, by name.
pub fn recommended(view: &impl Read, org: OrgId) -> Result<Vec<Team>> {
    let mut all: Vec<Team> = view.all_by(&schema::TEAMS_RECOMMENDED, &(org,))?;
    all.sort_by_cached_key(|team| name::fold(&team.name));
    Ok(all)
}

/// The teams that the asker may join by an address at a captured domain, and is not in.
pub fn open_to_me<V: Read>(cx: &Cx<V>) -> Result<Vec<Team>> {
    let (org, Some(me)) = (cx.org()?, cx.asker()?) else { return Ok(vec![]) };
    if me.is_service() || !facts::is_captured(cx.view(), me, org)? {
        return Ok(vec![]);
    }
    let mut out = vec![];
    for team in recommended(cx.view(), org)? {
        if cx.view().get(&schema::MEMBERSHIPS, &(team.id, me.id))?.is_none() {
            out.push(team);
        }
    }
    Ok(out)
}

/// The asker joins a team that recommends itself, with the role that it gives to newcomers.
///
/// # Errors
/// [`Code::NotFound`], [`Code::Denied`], [`Code::NotManaged`] where a directory keeps the members.
pub fn join(cx: &mut Acting, typed: &str) -> Result<Team> {
    let team = teams::must_exist(cx.view(), typed)?;
    let user = users::me(cx)?;
    enter(cx, &team, &user, typed)?;
    Ok(team)
}

/// Puts a newcomer who proved an address into the default team of its domain and into `chosen` ones; teams that do not
/// recommend themselves (any more) are left out. Whoever was invited chose a way in already and gets no default team. Gives
/// the teams joined.
pub(super) fn welcome(cx: &mut Acting, user: &User, chosen: &[String], invited: bool) -> Result<Vec<String>> {
    let Some(email) = user.emails.first().filter(|e| e.verified) else { return Ok(vec![]) };
    let Some(domain) = capturing(cx.view(), &email.address)? else { return Ok(vec![]) };
    if user.org_role(domain.org).is_none() {
        return Ok(vec![]);
    }
    let mut wanted = vec![];
    if let Some(id) = domain.default_team.filter(|_| !invited) {
        wanted.extend(cx.view().get(&schema::TEAMS, &id)?);
    }
    for typed in chosen {
        wanted.extend(teams::by_name(cx.view(), typed)?);
    }
    let mut joined = vec![];
    for team in wanted {
        let is_open = team.recommended && team.org == domain.org;
        let is_in = cx.view().get(&schema::MEMBERSHIPS, &(team.id, user.id))?.is_some();
        if is_open && !is_in && super::connections::local_only(cx, team.id).is_ok() {
            enter(cx, &team, user, &team.name)?;
            joined.push(team.name);
        }
    }
    Ok(joined)
}

fn enter(cx: &mut Acting, team: &Team, user: &User, typed: &str) -> Result<()> {
    let grant = or_absent(cx.allow(Action::TeamJoin, Resource::Entity(Entity::Team(team.id))), "team", typed)?;
    super::connections::local_only(cx, team.id)?;
    if cx.view().get(&schema::MEMBERSHIPS, &(team.id, user.id))?.is_some() {
        return Err(Error::new(Code::AlreadyDone, format!("You are in {} already.", team.name)));
    }
    let given = roster::fitting(user, team.org, teams::default_role(cx, team)?);
    roster::enter(cx, &grant, team, user, given.role)?;
    roster::turn_over(cx, &grant, team.id)?;
    let changes = [changed("member", None, Some(&user.username)), changed("role", None, Some(given.label()))];
    cx.record(grant, changes.into_iter().flatten().collect())
}

/// The teams of the asker's organization that recommend themselves, for whoever sets up domains.
pub fn open_teams<V: Read>(cx: &Cx<V>) -> Result<Vec<Team>> {
    let org = cx.org()?;
    let _grant = cx.allow(Action::UserList, Resource::Org(org))?;
    recommended(cx.view(), org)
}
