//! Teams and personal namespaces (the wandb client calls both "entity"), their members and invitations.

use super::people::{Organization, User};
use super::types::{DateTime, Int64, Json, PageInfo, of, shown};
use crate::model::invitation::Invite as Waiting;
use crate::model::role::{Action, TeamRole};
use crate::model::team::{Org, Team};
use crate::ops;
use crate::ops::lookup::Place;
use crate::ops::teams::{Invited, Member as Row};
use crate::policy::Resource;
use async_graphql::{Context, ID, Object, Result, SimpleObject};

/// A team, or a person's own namespace: what a path begins with. The wandb client takes an organization for one too.
pub struct Entity(Owner);

/// What an entity is.
enum Owner {
    Place(Place),
    Org(Org),
}

impl Entity {
    /// What was found.
    pub fn new(place: Place) -> Self {
        Entity(Owner::Place(place))
    }

    /// A team.
    pub fn team(team: Team) -> Self {
        Entity(Owner::Place(Place::Team(team)))
    }

    /// An organization.
    pub fn org(org: Org) -> Self {
        Entity(Owner::Org(org))
    }

    fn as_team(&self) -> Option<&Team> {
        match &self.0 {
            Owner::Place(Place::Team(team)) => Some(team),
            Owner::Place(Place::Person(_)) | Owner::Org(_) => None,
        }
    }
}

/// A team, or a person's own namespace: what a path begins with. The wandb client takes an organization for one too.
#[Object]
impl Entity {
    /// base64 of `Entity:number`; the organization's own id for an organization.
    async fn id(&self) -> ID {
        ID(match &self.0 {
            Owner::Place(place) => place.entity().global(),
            Owner::Org(org) => org.id.global(),
        })
    }

    /// Unique over people and teams, without regard to case.
    async fn name(&self) -> &str {
        match &self.0 {
            Owner::Place(place) => place.name(),
            Owner::Org(org) => &org.name,
        }
    }

    /// One line for people.
    async fn description(&self) -> Option<&str> {
        self.as_team().map(|t| t.description.as_str())
    }

    /// Whether it is a team and not a person's namespace.
    async fn is_team(&self) -> bool {
        self.as_team().is_some()
    }

    /// `team`, `user` or `organization`.
    async fn entity_type(&self) -> &str {
        match &self.0 {
            Owner::Place(Place::Team(_)) => "team",
            Owner::Place(Place::Person(_)) => "user",
            Owner::Org(_) => "organization",
        }
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        DateTime(match &self.0 {
            Owner::Place(Place::Team(team)) => team.created_at,
            Owner::Place(Place::Person(user)) => user.created_at,
            Owner::Org(org) => org.created_at,
        })
    }

    /// Whether the name is free: never, since it is this one's.
    async fn available(&self) -> bool {
        false
    }

    /// Always null: pictures are not kept.
    async fn photo_url(&self) -> Option<&str> {
        None
    }

    /// Whether the asker cannot create projects here.
    async fn read_only(&self, cx: &Context<'_>) -> Result<bool> {
        // An organization owns no projects.
        let Owner::Place(place) = &self.0 else { return Ok(true) };
        let (app, who) = of(cx);
        let resource = Resource::Entity(place.entity());
        app.ask(who, |cx| cx.can(Action::ProjectCreate, resource)).map(|may| !may).map_err(shown)
    }

    /// Always false: nothing is locked by an operator.
    async fn read_only_admin(&self) -> bool {
        false
    }

    /// Whether new projects cannot be open or public, by the team's switch or the organization's.
    async fn private_only(&self, cx: &Context<'_>) -> Result<bool> {
        let Some(team) = self.as_team() else { return Ok(false) };
        if team.private_projects {
            return Ok(true);
        }
        let (app, who) = of(cx);
        app.ask(who, |cx| ops::settings::org(cx)).map(|org| org.private_projects).map_err(shown)
    }

    /// The team's switch: whether its future projects are private. Null for what is no team.
    async fn private_projects(&self) -> Option<bool> {
        self.as_team().map(|t| t.private_projects)
    }

    /// The team's switch: whether every member may invite, where the organization does not keep that to admins. Null for
    /// what is no team.
    async fn members_invite(&self) -> Option<bool> {
        self.as_team().map(|t| t.members_invite)
    }

    /// Where the team wants the files of its runs: `server`, `aws`, `gcp`, `azure`, `coreweave` or `minio`. This server keeps all
    /// of them on its own disk. Null for what is no team.
    async fn storage_type(&self) -> Option<&str> {
        self.as_team().map(|t| t.storage.as_str())
    }

    /// The role of whoever comes to the team without one being chosen: by a domain of the organization, or by a directory. Null
    /// for what is no team.
    async fn default_role(&self, cx: &Context<'_>) -> Result<Option<String>> {
        let Some(team) = self.as_team() else { return Ok(None) };
        let (app, who) = of(cx);
        app.ask(who, |cx| ops::teams::default_role(cx, team)).map(|held| Some(held.label().to_owned())).map_err(shown)
    }

    /// Always 0: files are not counted by team.
    async fn storage_bytes(&self) -> Int64 {
        Int64(0)
    }

    /// Always false: saving code is the client's own setting.
    async fn code_saving_enabled(&self) -> bool {
        false
    }

    /// The `access` of a project that is made without one.
    async fn default_access(&self) -> &str {
        "PRIVATE"
    }

    /// Always true: nothing here depends on a plan.
    async fn is_paid(&self) -> bool {
        true
    }

    /// Always null: there are no quotas by team.
    async fn limits(&self) -> Option<Json> {
        None
    }

    /// The members: people by username, pending invitations, then service accounts from the oldest to the newest.
    #[graphql(complexity = "20 * child_complexity")]
    async fn members(&self, cx: &Context<'_>) -> Result<Vec<Member>> {
        let Some(team) = self.as_team() else { return Ok(vec![]) };
        let (app, who) = of(cx);
        let rows = app.ask(who, |cx| ops::teams::members(cx, team)).map_err(shown)?;
        Ok(rows.into_iter().map(Member).collect())
    }

    /// The organization it belongs to.
    async fn organization(&self, cx: &Context<'_>) -> Result<Option<Organization>> {
        let (app, who) = of(cx);
        app.ask(who, |cx| ops::settings::org(cx)).map(|org| Some(Organization(org))).map_err(shown)
    }

    /// Whose namespace it is; null for a team.
    async fn user(&self, cx: &Context<'_>) -> Result<Option<User>> {
        // Nobody sees another person's namespace, so this is the asker.
        let Owner::Place(Place::Person(user)) = &self.0 else { return Ok(None) };
        let (app, who) = of(cx);
        app.ask(who, |cx| User::whole(cx, user.clone())).map(Some).map_err(shown)
    }
}

/// One page of teams.
#[derive(SimpleObject)]
pub struct TeamConnection {
    /// The rows.
    pub edges: Vec<TeamEdge>,
    /// Where the page stands.
    pub page_info: PageInfo,
}

/// A row of a page of teams.
#[derive(SimpleObject)]
pub struct TeamEdge {
    /// The team.
    pub node: Entity,
    /// For `after`.
    pub cursor: String,
}

impl TeamEdge {
    /// A row.
    pub fn new(node: Entity) -> Self {
        let cursor = node.as_team().map(|team| ops::lookup::cursor_of_team(team).to_string()).unwrap_or_default();
        TeamEdge { node, cursor }
    }
}

/// A line of a team's member list: a person, a service account, or somebody invited who has no account yet.
pub struct Member(Row);

/// A line of a team's member list: a person, a service account, or somebody invited who has no account yet.
#[Object]
impl Member {
    /// The account's id, or the invitation's; `deleteInvite` takes either.
    async fn id(&self) -> ID {
        ID(match &self.0 {
            Row::User { user, .. } => user.id.global(),
            Row::Invited(invite, _) => invite.id.global(),
        })
    }

    /// Whether it administers the team.
    async fn admin(&self) -> bool {
        self.team_role() == TeamRole::Admin
    }

    /// The role in the team: `admin`, `member`, `viewer`, `service`, or a custom role's name.
    async fn role(&self) -> &str {
        match &self.0 {
            Row::User { held, .. } | Row::Invited(_, held) => held.label(),
        }
    }

    /// Whether it is an invitation that waits for its account.
    async fn pending(&self) -> bool {
        matches!(self.0, Row::Invited(..))
    }

    /// The address; a service account has none.
    async fn email(&self) -> Option<&str> {
        match &self.0 {
            Row::User { user, .. } => user.email(),
            Row::Invited(invite, _) => Some(&invite.email),
        }
    }

    /// The username; null while pending.
    async fn username(&self) -> Option<&str> {
        match &self.0 {
            Row::User { user, .. } => Some(&user.username),
            Row::Invited(..) => None,
        }
    }

    /// The full name, a service account's description, the username where neither is set, or the invited address.
    async fn name(&self) -> &str {
        match &self.0 {
            Row::User { user, .. } => user.label(),
            Row::Invited(invite, _) => &invite.email,
        }
    }

    /// Always null: pictures are not kept.
    async fn photo_url(&self) -> Option<&str> {
        None
    }

    /// `MEMBER` for a person, `SERVICE` for a service account.
    async fn account_type(&self) -> &str {
        match &self.0 {
            Row::User { user, .. } if user.is_service() => "SERVICE",
            _ => "MEMBER",
        }
    }

    /// Null, except once: the secret of a service account's first key, to the credential that made the account within the
    /// last minute.
    async fn api_key(&self, cx: &Context<'_>) -> Option<String> {
        let Row::User { user, .. } = &self.0 else { return None };
        if !user.is_service() {
            return None;
        }
        let (app, who) = of(cx);
        app.reveal(who, user.id).map(|key| key.reveal().to_owned())
    }

    /// Since when it is in the team, or invited.
    async fn created_at(&self) -> DateTime {
        DateTime(match &self.0 {
            Row::User { membership, .. } => membership.since_at,
            Row::Invited(invite, _) => invite.created_at,
        })
    }
}

impl Member {
    fn team_role(&self) -> TeamRole {
        match &self.0 {
            Row::User { membership, .. } => membership.role,
            Row::Invited(invite, _) => invite.role,
        }
    }
}

/// What `createInvite` did: an invitation that waits, or the person who is in the team already.
pub struct Invite(pub Invited, pub Option<String>);

impl Invite {
    fn waiting(&self) -> Option<&Waiting> {
        match &self.0 {
            Invited::Pending(waiting) => Some(&waiting.invite),
            Invited::Added(..) => None,
        }
    }
}

/// What `createInvite` did: an invitation that waits, or the person who is in the team already.
#[Object]
impl Invite {
    /// The line's id in the team's member list.
    async fn id(&self) -> ID {
        ID(match &self.0 {
            Invited::Pending(waiting) => waiting.invite.id.global(),
            Invited::Added(user, ..) => user.id.global(),
        })
    }

    /// The person's name; null while nobody has the address.
    async fn name(&self) -> Option<&str> {
        match &self.0 {
            Invited::Pending(..) => None,
            Invited::Added(user, ..) => Some(user.label()),
        }
    }

    /// The invited address, or the person's.
    async fn email(&self) -> Option<&str> {
        match &self.0 {
            Invited::Pending(waiting) => Some(&waiting.invite.email),
            Invited::Added(user, ..) => user.email(),
        }
    }

    /// The role it gives or gave.
    async fn role(&self) -> &str {
        match &self.0 {
            Invited::Pending(waiting) => waiting.held.label(),
            Invited::Added(_, _, held) => held.label(),
        }
    }

    /// The link to hand over, where it was not mailed or the caller may vouch for addresses; told this once.
    async fn link(&self) -> Option<&str> {
        self.1.as_deref()
    }

    /// Whether it was mailed.
    async fn mailed(&self) -> bool {
        matches!(&self.0, Invited::Pending(waiting) if waiting.mailed)
    }

    /// Whether it waits for somebody to have the address.
    async fn pending(&self) -> bool {
        self.waiting().is_some()
    }

    /// When it was made, or since when the person is in the team.
    async fn created_at(&self) -> DateTime {
        DateTime(match &self.0 {
            Invited::Pending(waiting) => waiting.invite.created_at,
            Invited::Added(_, membership, _) => membership.since_at,
        })
    }

    /// The person who was added; null while nobody has the address.
    async fn to_user(&self) -> Option<User> {
        match &self.0 {
            Invited::Pending(..) => None,
            Invited::Added(user, ..) => Some(User::named((**user).clone())),
        }
    }
}
