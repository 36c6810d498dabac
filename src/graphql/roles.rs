//! Roles in the schema: the catalogue of permissions, and the custom roles that an organization defines.

use super::types::{DateTime, of, shown};
use crate::model::role::{Action, CustomRole};
use crate::ops;
use async_graphql::{Context, ID, Object, Result, SimpleObject};

/// One entry of the catalogue: something that the access decision can be asked about.
#[derive(SimpleObject)]
pub struct Permission {
    /// `object:operation`.
    name: &'static str,
    /// One sentence for people.
    doc: &'static str,
    /// Where it applies: `organization`, `user`, `team` or `project`.
    level: &'static str,
    /// Whether it changes something.
    writes: bool,
    /// Whether a custom role can hold it.
    assignable: bool,
    /// The organization roles that hold it by themselves.
    organization_roles: Vec<&'static str>,
    /// The predefined team roles that hold it, in the team and its projects.
    team_roles: Vec<&'static str>,
}

impl Permission {
    /// The entry of an action.
    pub fn of(action: Action) -> Self {
        Permission {
            name: action.as_str(),
            doc: action.doc(),
            level: action.level().as_str(),
            writes: action.writes(),
            assignable: action.is_assignable(),
            organization_roles: action.org_roles().iter().map(|r| r.as_str()).collect(),
            team_roles: action.team_roles().iter().map(|r| r.as_str()).collect(),
        }
    }
}

/// A permission of a custom role.
#[derive(SimpleObject)]
pub struct RolePermission {
    /// `object:operation`.
    name: &'static str,
    /// Whether it comes from the predefined role; else the custom role adds it.
    is_inherited: bool,
}

/// A role that the organization defines. Team admins give it to members of their teams and projects.
pub struct Role(pub CustomRole);

/// A role that the organization defines. Team admins give it to members of their teams and projects.
#[Object]
impl Role {
    /// base64 of `Role:number`.
    async fn id(&self) -> ID {
        ID(self.0.id.global())
    }

    /// Unique in the organization. Whoever gives the role names it so, exactly.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// One line for people.
    async fn description(&self) -> &str {
        &self.0.description
    }

    /// The predefined role whose permissions it has: `member` or `viewer`.
    async fn inherited_from(&self) -> &str {
        self.0.inherits.as_str()
    }

    /// Every permission that a holder has, in the catalogue's order.
    #[graphql(complexity = "20 * child_complexity")]
    async fn permissions(&self) -> Vec<RolePermission> {
        self.0
            .effective()
            .map(|(action, is_inherited)| RolePermission { name: action.as_str(), is_inherited })
            .collect()
    }

    /// How many hold it in a team and in a project of their own.
    #[graphql(complexity = "5 + child_complexity")]
    async fn holders(&self, cx: &Context<'_>) -> Result<RoleHolders> {
        let (app, who) = of(cx);
        let (teams, projects) = app.ask(who, |cx| ops::roles::holders(cx, &self.0)).map_err(shown)?;
        Ok(RoleHolders { teams, projects })
    }

    /// When it was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// When it was changed last.
    async fn updated_at(&self) -> DateTime {
        DateTime(self.0.updated_at)
    }
}

/// How many hold a custom role.
#[derive(SimpleObject)]
pub struct RoleHolders {
    /// Memberships of teams.
    teams: usize,
    /// Project roles.
    projects: usize,
}
