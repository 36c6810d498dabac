//! Provisioning connections: an identity provider by name, with a credential of its own that acts on people, teams and roles
//! and on nothing else. What it makes it manages. A local account it must be given first ([`touch`]): whoever can write the
//! directory could else take over an account that was there before. A local team stays local until somebody marks it.
//!
//! None of this binds a person's own API key, with which W&B's scripts provision.

use super::credentials::{FreshKey, NewKey};
use super::{Acting, Cx, absent, changed, switched};
use crate::clock::{DAY, Millis};
use crate::error::{Code, Error, Result};
use crate::model::audit::Named;
use crate::model::credential::KeyScope;
use crate::model::name;
use crate::model::provisioning::{Adoption, Connection, Managed, Speech};
use crate::model::role::{Action, OrgRole, Seat};
use crate::model::user::{OrgMembership, Status, User, UserKind};
use crate::model::{Entity, OrgId, UserId};
use crate::policy::Resource;
use crate::store::{Listed, Range, Read, Tx, schema};

/// The most connections of an organization.
pub const CONNECTIONS_MAX: usize = 50;
/// How long a refused adoption is refused again without asking anybody.
const REFUSED: Millis = 7 * DAY;

/// What an administrator says of a new connection.
#[derive(Clone, Debug)]
pub struct NewConnection {
    /// As people call it.
    pub name: String,
    /// Which dialect it is answered in.
    pub speech: Speech,
    /// Whether it takes over local accounts without asking.
    pub adopts: bool,
}

/// Makes a connection with its first key.
///
/// # Errors
/// [`Code::NameTaken`], [`Code::InvalidValue`], [`Code::LimitReached`], [`Code::Denied`].
pub fn create(cx: &mut Acting, new: &NewConnection, fresh: &FreshKey) -> Result<Connection> {
    let org = cx.org()?;
    let grant = cx.allow(Action::ProvisioningUpdate, Resource::Org(org))?;
    let made_by = cx.subject().user().ok_or_else(|| Error::invalid("A connection is made by a person."))?;
    let called = name::check_text("name", &new.name, name::NAME_MAX)?;
    if called.is_empty() {
        return Err(Error::invalid("A connection needs a name, such as that of the identity provider."));
    }
    if cx.view().count(&schema::CONNECTIONS_OF_ORG, Range::all().under(&(org,)), CONNECTIONS_MAX)? >= CONNECTIONS_MAX {
        return Err(Error::new(Code::LimitReached, format!("There are {CONNECTIONS_MAX} connections already.")));
    }
    let mut base = format!("scim-{}", name::derive_username(&called.replace('@', "-")));
    base.truncate(name::NAME_MAX - 8);
    let account = User {
        id: UserId(cx.tx().next_id(schema::ENTITY_IDS)?),
        kind: UserKind::Connection,
        username: super::users::free_username(cx.view(), &base)?,
        name: format!("{called} (provisioning)"),
        emails: vec![],
        status: Status::Active,
        // The role is what its key is let use of; without that key it is nothing.
        orgs: vec![OrgMembership { models: Seat::None, weave: Seat::None, ..OrgMembership::new(org, OrgRole::Admin) }],
        default_org: None,
        default_team: None,
        created_at: cx.now(),
        updated_at: cx.now(),
        version: 1,
    };
    cx.put(&grant, &schema::USERS, &account)?;
    let key = issue(cx, &account, fresh)?;
    let connection = Connection {
        id: account.id,
        org,
        name: called,
        key,
        speech: new.speech,
        adopts: new.adopts,
        made_by,
        made_at: cx.now(),
    };
    cx.put(&grant, &schema::CONNECTIONS, &connection)?;
    let changes = [
        changed("name", None, Some(&connection.name)),
        changed("account", None, Some(&account.username)),
        changed("dialect", None, Some(new.speech.as_str())),
        switched("takes over local accounts", false, new.adopts),
    ];
    cx.record_on(grant, named(&connection), changes.into_iter().flatten().collect())?;
    Ok(connection)
}

fn issue(cx: &mut Acting, account: &User, fresh: &FreshKey) -> Result<String> {
    let org = cx.org()?;
    let grant = cx.allow(Action::ProvisioningUpdate, Resource::Org(org))?;
    let new = NewKey { name: "provisioning".to_owned(), scope: KeyScope::Provisioning, ..NewKey::default() };
    super::credentials::store(cx, grant, account, &new, fresh).map(|key| key.id)
}

fn named(connection: &Connection) -> Named {
    Named::new("connection", connection.id, connection.name.clone())
}

/// The connections of the asker's organization, by name.
pub fn list<V: Read>(cx: &Cx<V>) -> Result<Vec<Connection>> {
    let org = cx.org()?;
    let _grant = cx.allow(Action::ProvisioningRead, Resource::Org(org))?;
    cx.view().all_by(&schema::CONNECTIONS_OF_ORG, &(org,))
}

/// A connection of the asker's organization.
pub fn get<V: Read>(cx: &Cx<V>, id: UserId) -> Result<Connection> {
    let org = cx.org()?;
    let _grant = cx.allow(Action::ProvisioningRead, Resource::Org(org))?;
    cx.view()
        .get(&schema::CONNECTIONS, &id)?
        .filter(|c| c.org == org)
        .ok_or_else(|| Error::not_found("There is no such connection."))
}

/// Changes what a connection may and how it is answered.
pub fn update(cx: &mut Acting, id: UserId, speech: Speech, adopts: bool) -> Result<Connection> {
    let mut connection = get(cx, id)?;
    let grant = cx.allow(Action::ProvisioningUpdate, Resource::Org(connection.org))?;
    let changes: Vec<_> = [
        changed("dialect", Some(connection.speech.as_str()), Some(speech.as_str())),
        switched("takes over local accounts", connection.adopts, adopts),
    ]
    .into_iter()
    .flatten()
    .collect();
    if changes.is_empty() {
        return Ok(connection);
    }
    (connection.speech, connection.adopts) = (speech, adopts);
    cx.put(&grant, &schema::CONNECTIONS, &connection)?;
    cx.record_on(grant, named(&connection), changes)?;
    Ok(connection)
}

/// Gives a connection another key; the one before is refused from then on.
pub fn renew(cx: &mut Acting, id: UserId, fresh: &FreshKey) -> Result<Connection> {
    let mut connection = get(cx, id)?;
    let grant = cx.allow(Action::ProvisioningUpdate, Resource::Org(connection.org))?;
    let account = cx.view().get(&schema::USERS, &id)?.ok_or_else(|| absent("connection", &connection.name))?;
    let before = std::mem::take(&mut connection.key);
    cx.delete(&grant, &schema::API_KEYS, &before)?;
    cx.tx().delete(&schema::KEY_USES, &before)?;
    connection.key = issue(cx, &account, fresh)?;
    cx.put(&grant, &schema::CONNECTIONS, &connection)?;
    let change = changed("key", Some(&before), Some(&connection.key));
    cx.record_on(grant, named(&connection), change.into_iter().collect())?;
    Ok(connection)
}

/// Removes a connection with its key. What it managed is local from then on.
pub fn remove(cx: &mut Acting, id: UserId) -> Result<()> {
    let connection = get(cx, id)?;
    let grant = cx.allow(Action::ProvisioningUpdate, Resource::Org(connection.org))?;
    super::users::erase(cx, &grant, id)?;
    if let Some(mut account) = cx.view().get(&schema::USERS, &id)? {
        account.status = Status::Deleted;
        account.touch(cx.now());
        cx.put(&grant, &schema::USERS, &account)?;
    }
    cx.delete(&grant, &schema::CONNECTIONS, &id)?;
    cx.record_on(grant, named(&connection), changed("name", Some(&connection.name), None).into_iter().collect())
}

/// The connection that asks, if one does.
pub fn asking<V: Read>(cx: &Cx<V>) -> Result<Option<Connection>> {
    match cx.subject().user() {
        Some(id) => cx.view().get(&schema::CONNECTIONS, &id),
        None => Ok(None),
    }
}

/// The living connection that manages something in `org`.
fn manager(view: &impl Read, entity: Entity, org: OrgId) -> Result<Option<Connection>> {
    match view.get(&schema::MANAGED, &(entity.number(), org))? {
        Some(mark) => view.get(&schema::CONNECTIONS, &mark.by),
        None => Ok(None),
    }
}

/// The connection that manages a person or a team, for pages; none where it is local.
pub fn managing<V: Read>(cx: &Cx<V>, entity: Entity) -> Result<Option<Connection>> {
    let org = match entity {
        Entity::Team(id) => cx.view().shared(&schema::TEAMS, &id)?.map(|team| team.org),
        Entity::Person(_) => Some(cx.org()?),
    };
    org.map_or(Ok(None), |org| manager(cx.view(), entity, org))
}

/// Whether the asker may change a person or a team by provisioning: a connection what it manages, anybody else whatever the
/// policy lets them. A local account is marked as the connection's where that may adopt.
///
/// # Errors
/// [`Code::AdoptionPending`], and the wish is noted; [`Code::NotManaged`].
pub fn touch(cx: &mut Acting, entity: Entity) -> Result<()> {
    let Some(connection) = asking(cx)? else { return Ok(()) };
    match (manager(cx.view(), entity, connection.org)?, entity) {
        (Some(by), _) if by.id == connection.id => Ok(()),
        (Some(by), _) => Err(Error::new(Code::NotManaged, format!("It is managed by the connection {}.", by.name))
            .hint("An organization admin can change that on the page Provisioning.")),
        (None, Entity::Team(_)) => Err(Error::new(Code::NotManaged, "The team is a local one.")
            .hint("An organization admin can mark it as managed by this connection on the page Provisioning.")),
        (None, Entity::Person(user)) if connection.adopts && is_proved(cx, user)? => give(cx, &connection, entity),
        (None, Entity::Person(user)) => wish(cx, &connection, user),
    }
}

/// Whether it is proved whose an account is: one that somebody made with another person's address would come to share what the
/// directory gives that person, so an admin is asked.
fn is_proved(cx: &Acting, user: UserId) -> Result<bool> {
    let user = cx.view().shared(&schema::USERS, &user)?;
    Ok(user.is_some_and(|user| user.emails.iter().all(|e| e.verified)))
}

/// Marks what a connection just made as managed by it; what others make is local.
pub fn made(cx: &mut Acting, entity: Entity) -> Result<()> {
    let Some(connection) = asking(cx)? else { return Ok(()) };
    let mark = Managed { entity, org: connection.org, by: connection.id, since_at: cx.now() };
    cx.tx().put(&schema::MANAGED, &mark)
}

/// Marks something local as managed by `connection`, with its event.
fn give(cx: &mut Acting, connection: &Connection, entity: Entity) -> Result<()> {
    let (grant, target) = match entity {
        Entity::Person(id) => {
            let user = cx.view().get(&schema::USERS, &id)?.ok_or_else(|| absent("user", &id.global()))?;
            (cx.allow(super::provision::profile_act(&user), Resource::User(id))?, super::user_named(&user))
        }
        Entity::Team(id) => {
            let team = cx.view().get(&schema::TEAMS, &id)?.ok_or_else(|| absent("team", &id.global()))?;
            (cx.allow(Action::TeamUpdate, Resource::Entity(entity))?, Named::new("team", id, team.name))
        }
    };
    let mark = Managed { entity, org: connection.org, by: connection.id, since_at: cx.now() };
    cx.tx().put(&schema::MANAGED, &mark)?;
    cx.record_on(grant, target, changed("managed by", None, Some(&connection.name)).into_iter().collect())
}

/// Notes that a connection wants a local account, and refuses it for now.
fn wish(cx: &mut Acting, connection: &Connection, user: UserId) -> Result<()> {
    let now = cx.now();
    let before = cx.view().get(&schema::ADOPTIONS, &(connection.id, user))?;
    if before.as_ref().and_then(|a| a.refused_at).is_some_and(|at| now - at < REFUSED) {
        return Err(Error::new(
            Code::AdoptionPending,
            "An organization admin refused to hand this local account over.",
        )
        .hint("Take it out of the directory's scope. In a week the connection may ask again."));
    }
    cx.aftermath = Some(super::Aftermath::Wanted(Adoption {
        connection: connection.id,
        user,
        org: connection.org,
        first_at: before.filter(|a| a.refused_at.is_none()).map_or(now, |a| a.first_at),
        last_at: now,
        refused_at: None,
    }));
    let text = "The account is a local one, and this connection may not take over accounts without being asked.";
    let target = match cx.view().get(&schema::USERS, &user)? {
        Some(user) => super::user_named(&user),
        None => Named::new("user", user, ""),
    };
    cx.refuse_by(connection.org, Action::UserUpdate, target, "adoption", text)?;
    Err(Error::new(Code::AdoptionPending, "The account was there before this connection and is not managed by it.")
        .hint("An organization admin hands it over on the page Provisioning; nothing was changed."))
}

/// Keeps a wish, outside the transaction that was dropped.
pub fn want(tx: &mut Tx, adoption: &Adoption) -> Result<()> {
    tx.put(&schema::ADOPTIONS, adoption)
}

/// What connections want to take over, the oldest wish first, with the account; refused ones are left out.
pub fn wishes<V: Read>(cx: &Cx<V>, range: Range) -> Result<Listed<(Adoption, Connection, User)>> {
    let org = cx.org()?;
    let _grant = cx.allow(Action::ProvisioningRead, Resource::Org(org))?;
    let page = cx.view().list_by(&schema::ADOPTIONS_WAITING, range.under(&(org,)))?;
    let mut items = vec![];
    for adoption in page.items {
        let connection = cx.view().get(&schema::CONNECTIONS, &adoption.connection)?;
        let user = cx.view().get(&schema::USERS, &adoption.user)?.filter(|u| u.status != Status::Deleted);
        if let (Some(connection), Some(user)) = (connection, user) {
            items.push((adoption, connection, user));
        }
    }
    Ok(Listed { items, next: page.next })
}

/// Hands a local account over to the connection that wants it, or refuses that.
///
/// # Errors
/// [`Code::NotFound`] where nobody wants it, [`Code::Denied`].
pub fn answer(cx: &mut Acting, id: UserId, user: UserId, hand_over: bool) -> Result<()> {
    let connection = get(cx, id)?;
    let grant = cx.allow(Action::ProvisioningUpdate, Resource::Org(connection.org))?;
    let mut adoption = cx
        .view()
        .get(&schema::ADOPTIONS, &(id, user))?
        .filter(|a| a.refused_at.is_none())
        .ok_or_else(|| Error::not_found("Nobody wants this account."))?;
    if hand_over {
        cx.tx().delete(&schema::ADOPTIONS, &(id, user))?;
        return give(cx, &connection, Entity::Person(user));
    }
    adoption.refused_at = Some(cx.now());
    cx.tx().put(&schema::ADOPTIONS, &adoption)?;
    let person = cx.view().get(&schema::USERS, &user)?.map(|u| u.username);
    let change = changed("wants", person.as_deref(), Some("refused"));
    cx.record_on(grant, named(&connection), change.into_iter().collect())
}

/// Marks a team as managed by a connection, or as local.
pub fn mark_team(cx: &mut Acting, typed: &str, by: Option<UserId>) -> Result<()> {
    let team = super::teams::get(cx, typed)?;
    let entity = Entity::Team(team.id);
    let grant = cx.allow(Action::ProvisioningUpdate, Resource::Org(team.org))?;
    let before = manager(cx.view(), entity, team.org)?;
    let after = by.map(|id| get(cx, id)).transpose()?;
    match &after {
        Some(connection) => {
            let mark = Managed { entity, org: connection.org, by: connection.id, since_at: cx.now() };
            cx.tx().put(&schema::MANAGED, &mark)?;
        }
        None => {
            cx.tx().delete(&schema::MANAGED, &(entity.number(), team.org))?;
        }
    }
    let name = |c: &Option<Connection>| c.as_ref().map_or_else(|| "local".to_owned(), |c| c.name.clone());
    let change = changed("managed by", Some(&name(&before)), Some(&name(&after)));
    cx.record_on(grant, Named::new("team", team.id, team.name), change.into_iter().collect())
}

/// Refuses a change of a managed team's members by hand: the identity provider would undo it, or worse, keep it.
///
/// # Errors
/// [`Code::NotManaged`].
pub fn local_only(cx: &Acting, team: crate::model::TeamId) -> Result<()> {
    if asking(cx)?.is_some() {
        return Ok(());
    }
    match managing(cx, Entity::Team(team))? {
        Some(by) => Err(Error::new(Code::NotManaged, format!("The members of this team come from {}.", by.name))
            .hint("Change them in the identity provider, or mark the team as local on the page Provisioning.")),
        None => Ok(()),
    }
}

/// The number of people and teams that a connection manages.
pub fn managed_by<V: Read>(cx: &Cx<V>, id: UserId) -> Result<(usize, usize)> {
    get(cx, id)?;
    let count = |team: u64| cx.view().tally(&schema::MANAGED_COUNTS, &(id, team));
    Ok((count(0)?, count(1)?))
}
