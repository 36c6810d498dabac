//! Who reaches a project, and what a person reaches, each with the rule that opens it. Every row is the decision itself on
//! the facts of that person; "what if the visibility were another" is the same decision on changed facts, so a preview
//! cannot differ from what will be enforced.

use super::{Cx, absent};
use crate::error::Result;
use crate::model::project::{Project, Visibility};
use crate::model::role::Action;
use crate::model::user::User;
use crate::model::{Entity, UserId};
use crate::policy::{Actor, Credential, Decision, Facts, Held, Resource, Step, Subject, What, decide};
use crate::store::{Range, Read, schema};

/// One account and how it stands to a project.
#[derive(Clone, Debug)]
pub struct Reacher {
    /// Who.
    pub user: User,
    /// The role in the team, if any.
    pub role: Option<Held>,
    /// Whether an invitation to the project exists.
    pub invited: bool,
    /// Whether it may read.
    pub reads: bool,
    /// Whether it may submit runs.
    pub submits: bool,
    /// The rule that opens or closes it, in a few words.
    pub through: &'static str,
}

/// The members of the project's team, with the machines of the organization that work in every team, and how each stands to it now, or if it had the visibility `as_if`. People outside
/// the team are all alike; what the visibility opens to them says [`Visibility::meaning`].
pub fn of_project<V: Read>(cx: &Cx<V>, project: &Project, as_if: Option<Visibility>) -> Result<Vec<Reacher>> {
    let _read = cx.allow(Action::ProjectRead, Resource::Project(project.id))?;
    let _members = cx.allow(Action::TeamRead, Resource::Entity(project.entity))?;
    let users: Vec<(UserId, Option<Held>)> = match project.entity {
        Entity::Team(team) => {
            let rows = super::service_accounts::at_work(cx.view(), team, project.org)?;
            rows.into_iter().map(|m| Ok((m.user, Some(Held::load(cx.view(), m.role)?)))).collect::<Result<_>>()?
        }
        Entity::Person(owner) => vec![(owner, None)],
    };
    // Whoever restricts a project stays in it, and so does its owner.
    let stay = |id: UserId| {
        project.visibility != Visibility::Restricted && (cx.subject().user() == Some(id) || project.owner == Some(id))
    };
    let mut out = Vec::with_capacity(users.len());
    for (id, role) in users {
        let Some(user) = cx.view().get(&schema::USERS, &id)? else { continue };
        let mut facts = cx.facts(&subject(id), Resource::Project(project.id))?;
        let mut is_invited = false;
        if let What::Project { visibility, invited, .. } = &mut facts.what {
            if let Some(other) = as_if {
                *visibility = other;
                *invited |= other == Visibility::Restricted && stay(id);
            }
            is_invited = *invited;
        }
        let (read, submit) = (decide(&facts, Action::ProjectRead), decide(&facts, Action::RunCreate));
        out.push(Reacher {
            user,
            role,
            invited: is_invited,
            reads: read.allowed(),
            submits: submit.allowed(),
            through: through(&read),
        });
    }
    out.sort_by_cached_key(|r| (r.user.is_service(), crate::model::name::fold(&r.user.username)));
    Ok(out)
}

/// A project that a person reaches.
#[derive(Clone, Debug)]
pub struct Reached {
    /// Name of the team or person it belongs to.
    pub entity: String,
    /// The project.
    pub project: Project,
    /// Whether they may submit runs.
    pub submits: bool,
    /// The rule that opens it, in a few words.
    pub through: &'static str,
}

/// The projects a user reaches through teams, invitations and their own namespace, as far as the asker may know them, at
/// most `at_most`; and how many open and public projects everyone in the organization reaches besides.
pub fn of_user<V: Read>(cx: &Cx<V>, user: &User, at_most: usize) -> Result<(Vec<Reached>, usize)> {
    let _grant = cx.allow(Action::UserRead, Resource::User(user.id))?;
    let mut entities = vec![(Entity::Person(user.id), user.username.clone())];
    entities.extend(super::teams::of(cx, user.id)?.into_iter().map(|(team, _)| (Entity::Team(team.id), team.name)));
    let mut out = vec![];
    for (entity, name) in entities {
        for project in super::projects::rows(cx.view(), entity, Range::all().limit(at_most))?.items {
            let resource = Resource::Project(project.id);
            let facts: Facts = cx.facts(&subject(user.id), resource)?;
            let read = decide(&facts, Action::ProjectRead);
            // A hidden project stays hidden, also on somebody else's page.
            if out.len() < at_most && read.allowed() && cx.decide(Action::ProjectRead, resource)?.0.visible() {
                let submits = decide(&facts, Action::RunCreate).allowed();
                out.push(Reached { entity: name.clone(), project, submits, through: through(&read) });
            }
        }
    }
    let here = cx.org()?;
    let org = user
        .membership(here)
        .map(|m| m.org)
        .or_else(|| user.home_org())
        .ok_or_else(|| absent("user", &user.username))?;
    let open = cx.view().count(&schema::OPEN_PROJECTS, Range::all().under(&(org,)), 10_000)?;
    let listed = out.iter().filter(|r| matches!(r.project.visibility, Visibility::Open | Visibility::Public)).count();
    Ok((out, open.saturating_sub(listed)))
}

fn subject(id: UserId) -> Subject {
    Subject { actor: Actor::User(id), credential: Credential::None }
}

/// The settling rule in a few words.
fn through(decision: &Decision) -> &'static str {
    let has = |wanted: fn(&Step) -> bool| decision.steps().iter().any(wanted);
    if !decision.allowed() {
        return match decision.steps().last() {
            Some(Step::Status(_)) => "The account is not active",
            Some(Step::NotInvited) => "In the team, not invited",
            Some(Step::NotMember | Step::VisibilityLacks(_)) => "Not in the team",
            _ => "The role does not allow it",
        };
    }
    if has(|s| matches!(s, Step::Invited)) {
        "Invited to the project"
    } else if has(|s| matches!(s, Step::OwnNamespace)) {
        "Their own namespace"
    } else if has(|s| matches!(s, Step::Member(_))) {
        "Member of the team"
    } else if has(|s| matches!(s, Step::VisibilityGrants(_))) {
        "The visibility"
    } else {
        "The organization role"
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use crate::app::App;
    use crate::clock::Clock;
    use crate::model::project::Visibility;
    use crate::model::role::OrgRole;
    use crate::model::user::User;
    use crate::ops::projects::NewProject;
    use crate::ops::users::NewUser;
    use crate::ops::{Caller, projects, reach, teams, users};
    use crate::policy::{Actor, Credential, Process, Subject};

    struct World {
        app: App,
    }

    impl World {
        fn new() -> World {
            let app = App::for_tests(Clock::fixed(1_800_000_000_000), &[]);
            World { app }
        }

        async fn user(&self, name: &str, role: OrgRole) -> User {
            let email = format!("{name}@example.com");
            let new = NewUser { email, username: Some(name.into()), role: Some(role), ..NewUser::default() };
            self.app.act(&Caller::process(Process::Shell), move |cx| users::create(cx, &new)).await.unwrap()
        }

        async fn team(&self, name: &'static str, admin: &'static str) {
            let shell = Caller::process(Process::Shell);
            self.app
                .act(&shell, move |cx| teams::create(cx, &teams::NewTeam::named(name), Some(admin)).map(drop))
                .await
                .unwrap();
        }
    }

    fn as_user(user: &User) -> Caller {
        let credential = Credential::Session("test".into(), None);
        Caller { subject: Subject { actor: Actor::User(user.id), credential }, origin: Default::default() }
    }

    /// What the console previews for another visibility is what is enforced once it is set, person by person; and nobody's page
    /// shows a project that its reader may not know of.
    #[tokio::test]
    async fn the_preview_of_a_visibility_is_what_is_then_enforced() {
        let world = World::new();
        let root = world.user("root", OrgRole::Admin).await;
        let ana = world.user("ana", OrgRole::Member).await;
        for name in ["ben", "cleo"] {
            world.user(name, OrgRole::Member).await;
        }
        world.team("acme", "ana").await;
        let me = as_user(&ana);
        for who in ["ben", "cleo"] {
            world.app.act(&me, move |cx| teams::invite(cx, "acme", who, "viewer").map(drop)).await.unwrap();
        }
        let new = NewProject {
            entity: Some("acme".into()),
            name: "fusion".into(),
            visibility: Some(Visibility::Team),
            members: vec![],
        };
        world.app.act(&me, move |cx| projects::create(cx, &new).map(drop)).await.unwrap();
        let reach = |as_if| {
            let shown = world.app.ask(&me, |cx| reach::of_project(cx, &projects::get(cx, "acme", "fusion")?, as_if));
            shown.unwrap().into_iter().map(|r| (r.user.username, r.reads, r.submits)).collect::<Vec<_>>()
        };
        for to in [Visibility::Public, Visibility::Open, Visibility::Restricted, Visibility::Team] {
            let promised = reach(Some(to));
            world.app.act(&me, move |cx| projects::set_visibility(cx, "acme", "fusion", to).map(drop)).await.unwrap();
            assert_eq!(reach(None), promised, "{}", to.as_str());
        }
        world.app.act(&me, |cx| projects::set_visibility(cx, "acme", "fusion", Visibility::Restricted)).await.unwrap();
        let reads: Vec<_> = reach(None).into_iter().filter(|r| r.1).map(|r| r.0).collect();
        assert_eq!(reads, ["ana"], "whoever restricts a project stays in it, nobody else does");
        // Cleo is not told about the restricted project, also not through the people who are in it.
        let of = |who: &User, about: &User| {
            world.app.ask(&as_user(who), |cx| reach::of_user(cx, about, 100)).map(|(found, _)| found.len())
        };
        assert_eq!(of(&ana, &ana).unwrap(), 1);
        assert_eq!(of(&root, &ana).unwrap(), 1, "an organization admin may know of it");
        assert!(of(&ana, &root).is_err(), "only admins open other people's pages");
    }
}
