//! People and service accounts, their keys, and the organization they belong to.

use super::access::{SeatCounts, UserReach};
use super::roles::Role;
use super::teams::{Entity, TeamConnection, TeamEdge};
use super::types::{DateTime, Json, PageInfo, of, page, shown};
use crate::error::Result as Outcome;
use crate::model::OrgId;
use crate::model::credential::ApiKey;
use crate::model::role::OrgRole;
use crate::model::team::Org;
use crate::model::user::{OrgMembership, Status, User as Record};
use crate::ops::credentials::ListedKey;
use crate::ops::{self, Asking, Cx};
use crate::store::Read;
use async_graphql::{Context, ID, Object, Result, SimpleObject};

/// A person or a service account. Somebody whose record the asker may not see, such as the owner of a project one can read,
/// shows no more than the names; the other fields are null.
pub struct User {
    user: Record,
    /// The organization in which the asker may see the record; none where they may not.
    here: Option<OrgId>,
}

impl User {
    /// Somebody whose record the asker may see, as `cx` decided: what is shown of an organization is of the one in which the
    /// asker acted then, whatever becomes the default one meanwhile.
    pub fn whole<V: Read>(cx: &Cx<V>, user: Record) -> Outcome<Self> {
        Ok(User { user, here: Some(cx.org()?) })
    }

    /// Somebody of whom the asker may see the names only.
    pub fn named(user: Record) -> Self {
        User { user, here: None }
    }

    /// One of the two.
    pub fn seen<V: Read>(cx: &Cx<V>, (user, whole): (Record, bool)) -> Outcome<Self> {
        if whole { User::whole(cx, user) } else { Ok(User::named(user)) }
    }

    /// The belonging to that organization, where the asker may see the record.
    fn here(&self) -> Option<Option<&OrgMembership>> {
        self.here.map(|org| self.user.membership(org))
    }

    fn if_whole<T>(&self, value: impl FnOnce(&Record) -> T) -> Option<T> {
        self.here.map(|_| value(&self.user))
    }
}

/// A person or a service account. Somebody whose record the asker may not see, such as the owner of a project one can read,
/// shows no more than the names; the other fields are null.
#[Object]
impl User {
    /// base64 of `User:number`.
    async fn id(&self) -> ID {
        ID(self.user.id.global())
    }

    /// The full name, a service account's description, or the username where neither is set.
    async fn name(&self) -> &str {
        self.user.label()
    }

    /// Unique over people and teams, without regard to case.
    async fn username(&self) -> &str {
        &self.user.username
    }

    /// The primary address. A service account has none.
    async fn email(&self) -> Option<&str> {
        if self.here.is_some() { self.user.email() } else { None }
    }

    /// Whether this is an administrator of the organization in which the asker acts.
    async fn admin(&self) -> Option<bool> {
        self.here().map(|m| m.is_some_and(|m| m.role == OrgRole::Admin))
    }

    /// The role in the organization: `admin`, `member` or `viewer`.
    async fn org_role(&self) -> Option<&str> {
        self.here().flatten().map(|m| m.role.as_str())
    }

    /// The Models seat: `full`, `viewer` or `none`. A service account takes none: null.
    async fn models_seat(&self) -> Option<&str> {
        self.here().flatten().filter(|_| !self.user.is_service()).map(|m| m.models.as_str())
    }

    /// The Weave access: `full`, `viewer` or `none`. A service account takes none: null.
    async fn weave_role(&self) -> Option<&str> {
        self.here().flatten().filter(|_| !self.user.is_service()).map(|m| m.weave.as_str())
    }

    /// `MEMBER` for a person, `SERVICE` for a service account.
    async fn account_type(&self) -> &str {
        if self.user.is_service() { "SERVICE" } else { "MEMBER" }
    }

    /// `active` or `deactivated`; somebody who is suspended in the organization in which the asker acts counts as the latter.
    async fn status(&self) -> Option<&str> {
        let suspended = self.here().flatten().is_some_and(|m| m.suspended);
        let status = if suspended { Status::Deactivated } else { self.user.status };
        self.if_whole(|_| status.as_str())
    }

    /// Preferences of the wandb client as a text of JSON; none are kept here.
    async fn flags(&self) -> Option<&str> {
        self.if_whole(|_| "{}")
    }

    /// When the account was made.
    async fn created_at(&self) -> Option<DateTime> {
        self.if_whole(|u| DateTime(u.created_at))
    }

    /// Always null: deleted accounts are not listed, deactivated ones show it in `status`.
    async fn deleted_at(&self) -> Option<DateTime> {
        None
    }

    /// The default entity: where projects and runs go that name none.
    async fn entity(&self, cx: &Context<'_>) -> Result<Option<String>> {
        if self.here.is_none() {
            return Ok(None);
        }
        let (app, who) = of(cx);
        app.ask(who, |cx| ops::lookup::default_entity_name(cx, &self.user)).map(Some).map_err(shown)
    }

    /// API keys, oldest first, without their secrets.
    #[graphql(complexity = "5 * child_complexity")]
    async fn api_keys(&self, cx: &Context<'_>) -> Result<Option<ApiKeyConnection>> {
        if self.here.is_none() {
            return Ok(None);
        }
        let (app, who) = of(cx);
        let keys = app.ask(who, |cx| ops::credentials::list(cx, self.user.id)).map_err(shown)?;
        let edges = keys.into_iter().map(|listed| ApiKeyEdge { node: Key::listed(listed) }).collect();
        Ok(Some(ApiKeyConnection { edges }))
    }

    /// The teams it is in, by name.
    #[graphql(complexity = "10 * child_complexity")]
    async fn teams(&self, cx: &Context<'_>) -> Result<Option<TeamConnection>> {
        if self.here.is_none() {
            return Ok(None);
        }
        let (app, who) = of(cx);
        let teams = app.ask(who, |cx| ops::teams::of(cx, self.user.id)).map_err(shown)?;
        let edges = teams.into_iter().map(|(team, _)| TeamEdge::new(Entity::team(team))).collect();
        Ok(Some(TeamConnection { edges, page_info: PageInfo::default() }))
    }

    /// The projects it reaches, each with the rule that opens it.
    // A decision or two for every project: for one person at a time.
    #[graphql(complexity = "200 * child_complexity")]
    async fn reaches(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "How many projects at most; 100 by default, up to 1,000.")] first: Option<i32>,
    ) -> Result<Option<UserReach>> {
        if self.here.is_none() {
            return Ok(None);
        }
        let (app, who) = of(cx);
        let (first, _) = page(first, None, 100).map_err(shown)?;
        let found = app.ask(who, |cx| ops::reach::of_user(cx, &self.user, first)).map_err(shown)?;
        Ok(Some(UserReach::new(found)))
    }

    /// The organizations it belongs to, as far as the asker shares them.
    async fn organizations(&self, cx: &Context<'_>) -> Result<Vec<Organization>> {
        let (app, who) = of(cx);
        if self.here.is_none() {
            return Ok(vec![]);
        }
        let own = app.ask(who, |cx| ops::orgs::mine(cx)).map_err(shown)?.into_iter().map(|(org, _)| org);
        Ok(own.filter(|org| self.user.membership(org.id).is_some()).map(Organization).collect())
    }
}

/// One page of people.
#[derive(SimpleObject)]
pub struct UserConnection {
    /// The rows.
    pub edges: Vec<UserEdge>,
    /// Where the page stands.
    pub page_info: PageInfo,
}

/// A row of a page of people.
#[derive(SimpleObject)]
pub struct UserEdge {
    /// Who.
    pub node: User,
    /// For `after`.
    pub cursor: String,
}

/// API keys of one account.
#[derive(SimpleObject)]
pub struct ApiKeyConnection {
    /// The rows.
    edges: Vec<ApiKeyEdge>,
}

/// A row of a list of keys.
#[derive(SimpleObject)]
pub struct ApiKeyEdge {
    /// The key.
    node: Key,
}

/// An API key. Its secret is shown once, in the answer that makes it.
pub struct Key {
    key: ApiKey,
    secret: Option<String>,
    last_used_at: Option<i64>,
}

impl Key {
    /// A key just made, with its secret.
    pub fn fresh(key: ApiKey, secret: &str) -> Self {
        Key { key, secret: Some(secret.to_owned()), last_used_at: None }
    }

    fn listed(listed: ListedKey) -> Self {
        Key { key: listed.key, secret: None, last_used_at: listed.last.map(|used| used.at) }
    }
}

/// An API key. Its secret is shown once, in the answer that makes it.
#[Object(name = "ApiKey")]
impl Key {
    /// The key's public beginning, by which it is deleted.
    async fn id(&self) -> ID {
        ID(self.key.id.clone())
    }

    /// In the answer of `generateApiKey` the secret itself, which the wandb client reads here; else the public beginning.
    async fn name(&self) -> &str {
        self.secret.as_deref().unwrap_or(&self.key.id)
    }

    /// What its owner calls it.
    async fn description(&self) -> &str {
        &self.key.name
    }

    /// What it may be used for: `full`, `read-only` or `provisioning`; `organization`, `team` or `project` where it counts there
    /// only.
    async fn scope(&self) -> &str {
        self.key.scope.as_str()
    }

    /// From where alone it is accepted; from everywhere when empty.
    async fn networks(&self) -> Vec<String> {
        self.key.networks.iter().map(ToString::to_string).collect()
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.key.created_at)
    }

    /// From when on it is refused; null when it does not expire.
    async fn expires_at(&self) -> Option<DateTime> {
        self.key.expires_at.map(DateTime)
    }

    /// When it was used last, to about a minute; null when never.
    async fn last_used_at(&self) -> Option<DateTime> {
        self.last_used_at.map(DateTime)
    }
}

/// The organization.
pub struct Organization(pub Org);

impl Organization {
    fn is_current(&self, cx: &Context<'_>) -> Result<bool> {
        let (app, who) = of(cx);
        Ok(app.ask(who, |cx| cx.org()).map_err(shown)? == self.0.id)
    }
}

/// The organization.
#[Object]
impl Organization {
    /// base64 of `Organization:number`.
    async fn id(&self) -> ID {
        ID(self.0.id.global())
    }

    /// Unique without regard to case.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether the asker acts in it with this credential. Lists, counts and changes are about that one only.
    async fn current(&self, cx: &Context<'_>) -> Result<bool> {
        self.is_current(cx)
    }

    /// The asker's role in it: `admin`, `member` or `viewer`.
    async fn my_role(&self, cx: &Context<'_>) -> Result<Option<&str>> {
        let (app, who) = of(cx);
        let own = app.ask(who, |cx| ops::orgs::mine(cx)).map_err(shown)?;
        Ok(own.iter().find(|(org, _)| org.id == self.0.id).map(|(_, m)| m.role.as_str()))
    }

    /// The organization as the wandb client wants to see it too: an entity, though one without projects.
    async fn org_entity(&self) -> Option<Entity> {
        Some(Entity::org(self.0.clone()))
    }

    /// Whether no team may have new open or public projects, whatever its own switch says.
    async fn private_projects(&self) -> bool {
        self.0.private_projects
    }

    /// Whether only admins invite to teams, whatever a team's own switch says.
    async fn admins_invite(&self) -> bool {
        self.0.admins_invite
    }

    /// The custom roles, by name; of the current one only.
    #[graphql(complexity = "20 * child_complexity")]
    async fn roles(&self, cx: &Context<'_>) -> Result<Vec<Role>> {
        let (app, who) = of(cx);
        if !self.is_current(cx)? {
            return Ok(vec![]);
        }
        let roles = app.ask(who, |cx| ops::roles::list(cx)).map_err(shown)?;
        Ok(roles.into_iter().map(Role).collect())
    }

    /// How many people have which seat, for organization admins; of the current one only.
    #[graphql(complexity = "20 + child_complexity")]
    async fn seats(&self, cx: &Context<'_>) -> Result<Option<SeatCounts>> {
        let (app, who) = of(cx);
        if !self.is_current(cx)? {
            return Ok(None);
        }
        app.ask(who, |cx| ops::settings::seats(cx)).map(|counts| Some(counts.into())).map_err(shown)
    }

    /// Who gets the bills, for organization admins; null for nobody, and for all but the current one. It gives no right.
    #[graphql(complexity = "5 + child_complexity")]
    async fn billing_admin(&self, cx: &Context<'_>) -> Result<Option<User>> {
        let (app, who) = of(cx);
        if !self.is_current(cx)? {
            return Ok(None);
        }
        let found = |cx: &Asking| ops::settings::billing_admin(cx)?.map(|user| User::whole(cx, user)).transpose();
        app.ask(who, found).map_err(shown)
    }

    /// Always null: this organization is not one of CoreWeave's.
    async fn core_weave_organization_id(&self) -> Option<&str> {
        None
    }

    /// Always empty: no feature of the client is switched by flags here.
    #[graphql(name = "featureFlags")]
    async fn feature_flags(
        &self,
        #[graphql(name = "rampIDType", desc = "Taken and ignored.")] _ramp_id_type: Option<Json>,
    ) -> Vec<FeatureFlag> {
        vec![]
    }
}

/// A feature of the client that a server can switch.
#[derive(SimpleObject)]
pub struct FeatureFlag {
    /// Its name.
    ramp_key: String,
    /// Whether it is on.
    is_enabled: bool,
}
