//! How keys are narrowed and kept tidy: places and networks as people type them, what fits which account, how far a key may
//! reach that is made with another one, and the keys that nobody uses any more.

use super::credentials::{ListedKey, NewKey};
use super::{Acting, Cx, changed};
use crate::clock::{DAY, Millis};
use crate::error::{Error, Result};
use crate::model::OrgId;
use crate::model::credential::{ApiKey, KeyPlace, KeyScope};
use crate::model::role::Action;
use crate::model::user::{User, UserKind};
use crate::policy::{Credential, Resource};
use crate::store::{Listed, Range, Read, schema};
use ipnet::IpNet;

/// How long a key lies unused before the report names it.
pub const UNUSED: Millis = 90 * DAY;
/// The most networks of one key.
const NETWORKS_MAX: usize = 20;

/// A scope as somebody asks for it: `reach` is nothing, `organization` or `provisioning`, `place` nothing, a team, or
/// `team/project`. Nothing at all is everywhere.
///
/// # Errors
/// [`crate::error::Code::NotFound`] for a place that the asker may not see.
pub fn scope<V: Read>(cx: &Cx<V>, reach: &str, place: &str, reads_only: bool) -> Result<KeyScope> {
    let place = match (reach, place.trim().trim_matches('/')) {
        ("", "") => return Ok(if reads_only { KeyScope::ReadOnly } else { KeyScope::Full }),
        ("provisioning", "") if reads_only => {
            return Err(Error::invalid("A key for provisioning cannot be one that only reads."));
        }
        ("provisioning", "") => return Ok(KeyScope::Provisioning),
        ("organization", "") => KeyPlace::Org(cx.org()?),
        ("", typed) => match typed.split_once('/') {
            Some((entity, project)) => KeyPlace::Project(super::projects::get(cx, entity, project)?.id),
            None => KeyPlace::Team(super::teams::get(cx, typed)?.id),
        },
        _ => {
            return Err(Error::invalid(
                "A key counts everywhere, in the organization, for provisioning, or in one place.",
            )
            .hint("Choose one of them, and name a team or a team/project only for a place."));
        }
    };
    Ok(KeyScope::Within { place, reads_only })
}

/// A scope in a few words.
pub fn scope_text(view: &impl Read, scope: KeyScope) -> Result<String> {
    let place = match scope.place() {
        None => return Ok(scope.as_str().to_owned()),
        Some(KeyPlace::Org(_)) => "the organization".to_owned(),
        Some(KeyPlace::Team(id)) => match view.get(&schema::TEAMS, &id)? {
            Some(team) => format!("team {}", team.name),
            None => "a team that is gone".to_owned(),
        },
        Some(KeyPlace::Project(id)) => match view.get(&schema::PROJECTS, &id)? {
            Some(project) => {
                format!("project {}/{}", super::projects::entity_name(view, project.entity)?, project.name)
            }
            None => "a project that is gone".to_owned(),
        },
    };
    Ok(if scope.reads_only() { format!("{place}, read-only") } else { place })
}

/// Where a key counts and from where it is accepted, for those who may see it; nothing where it is narrowed in neither way.
pub fn narrowed<V: Read>(cx: &Cx<V>, key: &ApiKey) -> Result<String> {
    let _grant = cx.allow(Action::ApiKeyRead, Resource::User(key.owner))?;
    let mut words = vec![];
    if key.scope != KeyScope::Full {
        words.push(scope_text(cx.view(), key.scope)?);
    }
    if !key.networks.is_empty() {
        words.push(format!("from {}", networks_text(&key.networks)));
    }
    Ok(words.join(", "))
}

/// Networks and addresses as people type them, divided by blanks, commas or lines; an address alone is a network of one.
///
/// # Errors
/// [`crate::error::Code::InvalidValue`].
pub fn networks(typed: &str) -> Result<Vec<IpNet>> {
    let mut out: Vec<IpNet> = vec![];
    for word in typed.split([' ', ',', ';', '\n', '\r', '\t']).filter(|w| !w.is_empty()) {
        let shown: String = word.chars().filter(|c| !c.is_control()).take(50).collect();
        let network = word.parse().or_else(|_| word.parse::<std::net::IpAddr>().map(IpNet::from)).map_err(|_| {
            Error::invalid(format!("'{shown}' is no network.")).hint("Networks look like 10.2.0.0/16 or 2001:db8::/32.")
        })?;
        let network = IpNet::trunc(&network);
        if !out.contains(&network) {
            out.push(network);
        }
    }
    if out.len() > NETWORKS_MAX {
        return Err(Error::invalid(format!("A key has at most {NETWORKS_MAX} networks.")));
    }
    Ok(out)
}

/// Networks as [`networks`] reads them.
pub fn networks_text(networks: &[IpNet]) -> String {
    networks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// The organization in which a place is; none where it is gone.
fn org_of(view: &impl Read, place: KeyPlace) -> Result<Option<OrgId>> {
    Ok(match place {
        KeyPlace::Org(org) => Some(org),
        KeyPlace::Team(id) => view.get(&schema::TEAMS, &id)?.map(|team| team.org),
        KeyPlace::Project(id) => view.get(&schema::PROJECTS, &id)?.map(|project| project.org),
    })
}

/// Refuses a key that its account could not have.
pub(super) fn check(view: &impl Read, user: &User, new: &NewKey) -> Result<()> {
    if user.service().is_some_and(|s| s.subject.is_some()) {
        return Err(Error::invalid(format!(
            "{} acts by tokens of the company's issuer and has no API keys.",
            user.username
        )));
    }
    let provisions = user.kind == UserKind::Connection || user.is_org_service();
    if new.scope == KeyScope::Provisioning && !provisions {
        return Err(Error::invalid("Keys for provisioning belong to service accounts of the organization."));
    }
    let exists = match new.scope.place() {
        None => true,
        Some(place) => org_of(view, place)?.is_some_and(|org| user.org_role(org).is_some()),
    };
    if !exists {
        return Err(Error::invalid("A key counts in a place of its owner's organization."));
    }
    if new.networks.len() > NETWORKS_MAX {
        return Err(Error::invalid(format!("A key has at most {NETWORKS_MAX} networks.")));
    }
    Ok(())
}

/// `new` as it may be made with the asker's own credential: what it leaves open is as narrow as that, since whoever got hold of
/// a narrow or passing credential must not turn it into a wide or lasting one.
///
/// # Errors
/// [`crate::error::Code::Denied`] where it asks for more.
pub(super) fn narrowed_like_own(cx: &Acting, new: &NewKey) -> Result<NewKey> {
    let credential = &cx.subject().credential;
    let (end, networks) = match credential {
        Credential::Key(id, _) => {
            let own =
                cx.view().get(&schema::API_KEYS, id)?.ok_or_else(|| Error::internal("the asker's key is gone"))?;
            (own.expires_at, own.networks)
        }
        Credential::Token { until, .. } => (Some(*until), vec![]),
        Credential::None | Credential::Shell | Credential::Session(..) => return Ok(new.clone()),
    };
    let further = |what: &str| {
        Error::denied(format!("The new key would {what} than the credential it is made with."), true)
            .hint("Ask for less, or make it in the console.")
    };
    let mut new = new.clone();
    match end {
        Some(end) if new.expires_at.is_some_and(|asked| asked > end) => return Err(further("end later")),
        Some(end) => new.expires_at = Some(new.expires_at.unwrap_or(end)),
        None => {}
    }
    let covered = |network: &IpNet| networks.iter().any(|own| own.contains(network));
    if new.networks.is_empty() {
        new.networks = networks;
    } else if !networks.is_empty() && !new.networks.iter().all(covered) {
        return Err(further("be accepted from more networks"));
    }
    if let Some(KeyPlace::Org(own)) = credential.scope().place() {
        match new.scope.place() {
            None if new.scope == KeyScope::Provisioning => {}
            None => new.scope = KeyScope::Within { place: KeyPlace::Org(own), reads_only: new.scope.reads_only() },
            Some(place) if org_of(cx.view(), place)? == Some(own) => {}
            Some(_) => return Err(further("count in another organization")),
        }
    }
    Ok(new)
}

/// Refuses a key to a machine that was let into a restricted project which is closed to the asker: the key would be a way in.
///
/// # Errors
/// [`crate::error::Code::Denied`].
pub(super) fn opens_nothing_closed(cx: &Acting, user: &User) -> Result<()> {
    if user.service().is_none() {
        return Ok(());
    }
    for row in super::project_members::of_user(cx.view(), user.id)?.into_iter().filter(|row| row.invited) {
        let Some(project) = cx.view().get(&schema::PROJECTS, &row.project)? else { continue };
        let on = Resource::Project(project.id);
        // Whoever may add themselves to the team or join the project could as well do that.
        let open = cx.can(Action::ProjectRead, on)?
            || cx.can(Action::ProjectJoin, on)?
            || cx.can(Action::TeamJoin, Resource::Entity(project.entity))?;
        if !open {
            return Err(Error::denied(
                format!("{} works in a restricted project that is closed to you.", user.username),
                true,
            )
            .hint("Ask an admin of the team for its key."));
        }
    }
    Ok(())
}

/// A key that nobody uses, and whose it is.
#[derive(Clone, Debug)]
pub struct UnusedKey {
    /// The key with its last use.
    pub listed: ListedKey,
    /// Its owner.
    pub owner: User,
}

/// Keys that still work and lie unused for [`UNUSED`]: since they were used last, or made where they never were. One stretch of
/// the walk over all keys; go on by the cursor, also where a stretch found none.
pub fn unused<V: Read>(cx: &Cx<V>, range: Range) -> Result<Listed<UnusedKey>> {
    let org = cx.org()?;
    let _grant = cx.allow(Action::UserList, Resource::Org(org))?;
    let page = cx.view().list(&schema::API_KEYS, range)?;
    let mut items = vec![];
    for key in page.items {
        let last = cx.view().get(&schema::KEY_USES, &key.id)?;
        let since = last.as_ref().map_or(key.created_at, |used| used.at);
        if cx.now() - since < UNUSED || key.is_expired(cx.now()) {
            continue;
        }
        let Some(owner) = cx.view().get(&schema::USERS, &key.owner)? else { continue };
        if owner.membership(org).is_some() && cx.can(Action::ApiKeyRead, Resource::User(owner.id))? {
            items.push(UnusedKey { listed: ListedKey { key, last }, owner });
        }
    }
    Ok(Listed { items, next: page.next })
}

/// Lets nobody in the organization have another key, or lets them again. Keys that are there stay.
pub fn close(cx: &mut Acting, closed: bool) -> Result<()> {
    let org = cx.org()?;
    let grant = cx.allow(Action::OrganizationUpdate, Resource::Org(org))?;
    let mut org = cx.view().get(&schema::ORGS, &org)?.ok_or_else(|| Error::internal("the organization is gone"))?;
    let change = changed("new API keys", Some(word(org.keys_closed)), Some(word(closed)));
    if change.is_none() {
        return Ok(());
    }
    org.keys_closed = closed;
    cx.put(&grant, &schema::ORGS, &org)?;
    cx.record(grant, change.into_iter().collect())
}

fn word(closed: bool) -> &'static str {
    if closed { "closed" } else { "open" }
}
