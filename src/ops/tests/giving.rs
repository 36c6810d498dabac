//! Nobody gives what they lack: a random team with random custom roles, in which random people give roles, invite, and make
//! owners. Whatever succeeds, nobody has gained a permission at a scope that the giver did not hold there the moment before
//! (the class of CVE-2024-1250, CVE-2023-6477 and CVE-2026-104661, GitLab).

use super::*;
use crate::model::role::Level;
use crate::model::{Entity, ProjectId, TeamId};
use crate::ops::project_members;
use crate::ops::roles::{self, NewRole};
use proptest::prelude::*;
use std::collections::BTreeSet;

const PEOPLE: [&str; 6] = ["tom", "ana", "ben", "cleo", "dan", "eve"];
/// Of these, the last are not in the team to begin with.
const INSIDE: usize = 4;

/// A role as it is typed: the predefined ones, and two custom ones.
const ROLES: [&str; 5] = ["admin", "member", "viewer", "Alpha", "Beta"];

#[derive(Clone, Debug)]
enum Act {
    TeamRole(usize, usize),
    Invite(usize, usize),
    ProjectRole(usize, usize),
    Owner(usize),
    Remove(usize),
    Service,
}

#[derive(Clone, Debug)]
struct Story {
    /// Whether each custom role inherits from member, and what it adds.
    customs: [(bool, BTreeSet<usize>); 2],
    first: [usize; INSIDE - 1],
    members_invite: bool,
    acts: Vec<(usize, Act)>,
}

/// What a custom role can hold.
fn assignable() -> Vec<Action> {
    Action::ALL.iter().copied().filter(|a| a.is_assignable()).collect()
}

fn story() -> impl Strategy<Value = Story> {
    // Mostly what gives rights, so that most stories are about giving.
    let giving = ["team:update_member", "team:invite_user", "project:update_member", "project:update_owner"];
    let all = assignable();
    let strong: Vec<usize> = giving.iter().filter_map(|name| all.iter().position(|a| a.as_str() == *name)).collect();
    let adds = move || {
        let (some, any) = (prop::collection::btree_set(prop::sample::select(strong.clone()), 0..4), 0..all.len());
        (some, prop::collection::btree_set(any, 0..4)).prop_map(|(a, b)| a.union(&b).copied().collect::<BTreeSet<_>>())
    };
    let custom = || (any::<bool>(), adds());
    let (who, role) = (|| 0..PEOPLE.len(), || 0..ROLES.len());
    let act = prop_oneof![
        4 => (who(), role()).prop_map(|(w, r)| Act::TeamRole(w, r)),
        2 => (who(), role()).prop_map(|(w, r)| Act::Invite(w, r)),
        4 => (who(), role()).prop_map(|(w, r)| Act::ProjectRole(w, r)),
        2 => who().prop_map(Act::Owner),
        1 => who().prop_map(Act::Remove),
        1 => Just(Act::Service),
    ];
    let acts = prop::collection::vec((who(), act), 1..25);
    ([custom(), custom()], [role(), role(), role()], any::<bool>(), acts)
        .prop_map(|(customs, first, members_invite, acts)| Story { customs, first, members_invite, acts })
}

struct Stage {
    world: World,
    people: Vec<User>,
    team: TeamId,
    /// A project in which nobody has a role of their own, and one in which acts give them.
    plain: ProjectId,
    ruled: ProjectId,
}

async fn stage(story: &Story) -> Stage {
    let world = world();
    world.user("root", OrgRole::Admin).await;
    let mut people = vec![];
    for name in PEOPLE {
        people.push(world.user(name, OrgRole::Member).await);
    }
    world.team("acme", "tom").await;
    let told = story.clone();
    let all = assignable();
    let as_told = move |cx: &mut Acting| {
        for (name, (from_member, adds)) in ["Alpha", "Beta"].into_iter().zip(&told.customs) {
            let permissions = adds.iter().map(|n| all[*n].as_str().to_owned()).collect();
            let inherits = if *from_member { "member" } else { "viewer" }.to_owned();
            roles::create(cx, &NewRole { name: name.into(), inherits, permissions, ..NewRole::default() })?;
        }
        for (who, role) in PEOPLE[1..INSIDE].iter().zip(told.first) {
            teams::invite(cx, "acme", who, ROLES[role])?;
        }
        let change = teams::TeamChange { members_invite: Some(told.members_invite), ..Default::default() };
        teams::update(cx, "acme", &change)
    };
    let team = world.app.act(&shell(), as_told).await.unwrap().id;
    let make = |cx: &mut Acting| {
        let new = |name: &str| NewProject {
            entity: Some("acme".into()),
            name: name.into(),
            visibility: Some(Visibility::Team),
            members: vec![],
        };
        Ok((projects::create(cx, &new("plain"))?.id, projects::create(cx, &new("ruled"))?.id))
    };
    let (plain, ruled) = world.app.act(&as_user(&people[0]), make).await.unwrap();
    Stage { world, people, team, plain, ruled }
}

impl Stage {
    /// What each person may do in the team and in the two projects.
    fn held(&self) -> Vec<[BTreeSet<&'static str>; 3]> {
        let of = |user: &User, resource: Resource, level: Level| {
            self.world
                .app
                .ask(&as_user(user), |cx| {
                    let facts = cx.facts(cx.subject(), resource)?;
                    let held = Action::ALL.iter().filter(|a| a.level() == level && decide(&facts, **a).allowed());
                    Ok(held.map(|a| a.as_str()).collect())
                })
                .unwrap()
        };
        let team = Resource::Entity(Entity::Team(self.team));
        let (plain, ruled) = (Resource::Project(self.plain), Resource::Project(self.ruled));
        let all = |u: &User| [of(u, team, Level::Entity), of(u, plain, Level::Project), of(u, ruled, Level::Project)];
        self.people.iter().map(all).collect()
    }

    async fn perform(&self, actor: usize, act: &Act) -> bool {
        let act = act.clone();
        let caller = as_user(&self.people[actor]);
        let perform = move |cx: &mut Acting| match act {
            Act::TeamRole(who, role) => teams::set_role(cx, "acme", PEOPLE[who], ROLES[role]).map(drop),
            Act::Invite(who, role) => teams::invite(cx, "acme", PEOPLE[who], ROLES[role]).map(drop),
            Act::ProjectRole(who, role) => {
                project_members::set_role(cx, "acme", "ruled", PEOPLE[who], ROLES[role]).map(drop)
            }
            Act::Owner(who) => project_members::set_owner(cx, "acme", "ruled", PEOPLE[who]).map(drop),
            Act::Remove(who) => teams::remove_member(cx, "acme", PEOPLE[who]),
            Act::Service => service_accounts::create_in_team(
                cx,
                "acme",
                &NewService { name: "robot".to_owned(), ..Default::default() },
            )
            .map(drop),
        };
        self.world.app.act(&caller, perform).await.is_ok()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn nobody_gives_a_permission_that_they_lack(story in story()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let stage = stage(&story).await;
            let mut now = stage.held();
            for (actor, act) in &story.acts {
                let before = now;
                if !stage.perform(*actor, act).await {
                    now = stage.held();
                    prop_assert_eq!(&before, &now, "refused, and yet something changed: {:?}", act);
                    continue;
                }
                let after = stage.held();
                now = after.clone();
                // A team role reaches every project of the team: judged in the team and where nobody has a role apart.
                let scopes: &[usize] = match act {
                    Act::ProjectRole(..) | Act::Owner(_) => &[0, 1, 2],
                    _ => &[0, 1],
                };
                for (who, (old, new)) in before.iter().zip(&after).enumerate() {
                    for scope in scopes {
                        for gained in new[*scope].difference(&old[*scope]) {
                            prop_assert!(
                                before[*actor][*scope].contains(gained),
                                "{} gave {} the permission {gained}, which they lack: {act:?}",
                                PEOPLE[*actor], PEOPLE[who]
                            );
                        }
                    }
                }
                if matches!(act, Act::Service) {
                    let service = Held::of(TeamRole::Service);
                    let lacking = Action::ALL.iter().find(|a| {
                        a.level() == Level::Project && service.holds(**a) && !before[*actor][1].contains(a.as_str())
                    });
                    prop_assert!(lacking.is_none(), "{} made a machine that holds {lacking:?}", PEOPLE[*actor]);
                }
            }
            Ok(())
        })?;
    }
}
