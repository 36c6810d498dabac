//! Questions about access: the catalogue, why somebody may or may not, who reaches a project and what a person reaches.

use super::people::User;
use super::roles::Permission;
use super::types::{of, shown};
use crate::ops;
use crate::ops::explain::Explanation as Explained;
use crate::ops::reach::{Reached, Reacher};
use crate::ops::settings::SeatCounts as Counts;
use crate::policy::Held;
use async_graphql::{Context, Object, Result, SimpleObject};

/// Questions about access.
#[derive(Default)]
pub struct AccessQueries;

/// Questions about access.
#[Object]
impl AccessQueries {
    /// The catalogue: every permission, what it is for, and which predefined roles hold it.
    #[graphql(complexity = "50 * child_complexity")]
    async fn permissions(&self, cx: &Context<'_>) -> Result<Vec<Permission>> {
        let (app, who) = of(cx);
        let all = app.ask(who, |cx| ops::roles::catalogue(cx)).map_err(shown)?;
        Ok(all.iter().copied().map(Permission::of).collect())
    }

    /// Why somebody may or may not do something, by the very rules that decide it. About oneself everyone may ask, about
    /// others organization admins.
    #[graphql(complexity = "20 + child_complexity")]
    async fn explain(
        &self,
        cx: &Context<'_>,
        #[graphql(desc = "Who: a username, an address or an id; the asker when absent.")] subject: Option<String>,
        #[graphql(desc = "What they would do: `object:operation`.")] action: String,
        #[graphql(desc = "`TEAM`, `TEAM/PROJECT` or `user:NAME`; the organization when absent.")] resource: Option<
            String,
        >,
    ) -> Result<Explanation> {
        let (app, who) = of(cx);
        let explained = app.ask(who, |cx| {
            let own;
            let subject = match &subject {
                Some(subject) => subject,
                None => {
                    own = ops::users::me(cx)?.username;
                    &own
                }
            };
            ops::explain::explain(cx, subject, &action, resource.as_deref().unwrap_or_default())
        });
        explained.map(Explanation::from).map_err(shown)
    }
}

/// A decision and the rules that led to it.
#[derive(SimpleObject)]
pub struct Explanation {
    /// Whether it is allowed.
    allowed: bool,
    /// Whether the one it is about may know that the thing exists.
    visible: bool,
    /// The rules consulted, in order; the last one settled it.
    chain: Vec<ExplanationStep>,
}

/// One rule that was consulted.
#[derive(SimpleObject)]
pub struct ExplanationStep {
    /// The rule's permanent name.
    rule: String,
    /// What it said, as a sentence.
    text: String,
}

impl From<Explained> for Explanation {
    fn from(explained: Explained) -> Self {
        let chain = explained.chain.into_iter().map(|r| ExplanationStep { rule: r.rule, text: r.text }).collect();
        Explanation { allowed: explained.allowed, visible: explained.visible, chain }
    }
}

/// How somebody in the project's team stands to the project.
#[derive(SimpleObject)]
pub struct ProjectReach {
    /// Who.
    user: User,
    /// The role in the team; null for the owner of a personal project.
    team_role: Option<String>,
    /// Whether they are invited to it, which counts while it is restricted.
    invited: bool,
    /// Whether they may read it.
    reads: bool,
    /// Whether they may submit runs to it.
    submits: bool,
    /// The rule that opens or closes it, in a few words.
    through: &'static str,
}

impl From<Reacher> for ProjectReach {
    fn from(reacher: Reacher) -> Self {
        let Reacher { user, role, invited, reads, submits, through } = reacher;
        let team_role = role.as_ref().map(Held::label).map(str::to_owned);
        ProjectReach { user: User::named(user), team_role, invited, reads, submits, through }
    }
}

/// What somebody reaches.
#[derive(SimpleObject)]
pub struct UserReach {
    /// The projects reached through teams, invitations and the own namespace, as far as the asker may know them.
    projects: Vec<ReachedProject>,
    /// How many open and public projects everyone in the organization reaches besides.
    open_besides: usize,
}

impl UserReach {
    /// From what was found.
    pub fn new(found: (Vec<Reached>, usize)) -> Self {
        UserReach { projects: found.0.into_iter().map(ReachedProject::from).collect(), open_besides: found.1 }
    }
}

/// A project that somebody reaches.
#[derive(SimpleObject)]
pub struct ReachedProject {
    /// The team or person it belongs to.
    entity_name: String,
    /// The project's name.
    name: String,
    /// Its `access`.
    access: &'static str,
    /// Whether they may submit runs to it.
    submits: bool,
    /// The rule that opens it, in a few words.
    through: &'static str,
}

impl From<Reached> for ReachedProject {
    fn from(reached: Reached) -> Self {
        let Reached { entity, project, submits, through } = reached;
        let access = project.visibility.access();
        ReachedProject { entity_name: entity, name: project.name, access, submits, through }
    }
}

/// How many people have which seat.
#[derive(SimpleObject)]
pub struct SeatCounts {
    /// Models seats.
    models: SeatCount,
    /// Weave access.
    weave: SeatCount,
}

/// How many people have which seat of one product.
#[derive(SimpleObject)]
pub struct SeatCount {
    /// Everything their roles allow.
    full: usize,
    /// Reading only.
    viewer: usize,
    /// Nothing of it.
    none: usize,
}

impl From<Counts> for SeatCounts {
    fn from(counts: Counts) -> Self {
        let of = |[full, viewer, none]: [usize; 3]| SeatCount { full, viewer, none };
        SeatCounts { models: of(counts.models), weave: of(counts.weave) }
    }
}
