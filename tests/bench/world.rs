//! The people and projects that reads and decisions are measured on: users in two teams each, projects of every visibility. Rows are written straight into the tables, since how they came there is not what is measured.

use bailiwick::error::Error;
use bailiwick::model::credential::{ApiKey, KEY_ID_LEN, KeyScope};
use bailiwick::model::project::{Project, ProjectMember, Visibility};
use bailiwick::model::role::{Action, Level, OrgRole, TeamRole};
use bailiwick::model::team::{HOME, Membership, Team};
use bailiwick::model::user::{Email, OrgMembership, Status, User, UserKind};
use bailiwick::model::{Entity, ProjectId, TeamId, UserId};
use bailiwick::store::{Store, Tx, schema};
use std::collections::{HashMap, HashSet};

/// How large an instance is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub users: u64,
    pub teams: u64,
    pub projects: u64,
}

/// What most figures are measured on.
pub const USUAL: Size = Size { users: 10_000, teams: 500, projects: 5_000 };
/// What must not make a decision much dearer.
pub const LARGE: Size = Size { users: 1_000_000, teams: 10_000, projects: 100_000 };

const AT: i64 = 1_790_000_000_000;

/// One question to the policy.
#[derive(Clone, Copy, Debug)]
pub struct Query {
    pub user: UserId,
    pub project: ProjectId,
    pub action: Action,
}

/// The facts, as the peers are fed with them.
pub struct World {
    size: Size,
    pub users: Vec<User>,
    pub teams: Vec<Team>,
    pub projects: Vec<Project>,
    pub roles: HashMap<(TeamId, UserId), TeamRole>,
    pub invited: HashSet<(ProjectId, UserId)>,
}

impl World {
    /// Writes the world into an empty store of a started instance.
    pub fn build(store: &Store) -> World {
        World::sized(store, USUAL)
    }

    /// The same in another size.
    pub fn sized(store: &Store, size: Size) -> World {
        let world = World::imagine(size);
        let pieces = world.users.chunks(500).map(<[User]>::to_vec);
        for piece in pieces {
            write(store, move |tx| {
                for user in &piece {
                    tx.next_id(schema::ENTITY_IDS)?;
                    tx.put(&schema::USERS, user)?;
                }
                Ok(())
            });
        }
        for piece in world.teams.chunks(1_000).map(<[Team]>::to_vec) {
            write(store, move |tx| {
                for team in &piece {
                    tx.next_id(schema::ENTITY_IDS)?;
                    tx.put(&schema::TEAMS, team)?;
                }
                Ok(())
            });
        }
        let mut memberships: Vec<_> = world.roles.iter().map(|((t, u), r)| (*t, *u, *r)).collect();
        memberships.sort_by_key(|(t, u, _)| (*t, *u));
        for piece in memberships.chunks(2_000).map(<[_]>::to_vec) {
            write(store, move |tx| {
                for (team, user, role) in &piece {
                    let membership = Membership { team: *team, user: *user, role: *role, since_at: AT };
                    tx.put(&schema::MEMBERSHIPS, &membership)?;
                }
                Ok(())
            });
        }
        for piece in world.projects.chunks(1_000).map(<[Project]>::to_vec) {
            write(store, move |tx| {
                for project in &piece {
                    tx.next_id(schema::PROJECT_IDS)?;
                    tx.put(&schema::PROJECTS, project)?;
                }
                Ok(())
            });
        }
        let mut invited: Vec<_> = world.invited.iter().copied().collect();
        invited.sort_unstable();
        for piece in invited.chunks(2_000).map(<[_]>::to_vec) {
            write(store, move |tx| {
                for (project, user) in &piece {
                    let member = ProjectMember::invited(*project, *user, AT);
                    tx.put(&schema::PROJECT_MEMBERS, &member)?;
                }
                Ok(())
            });
        }
        world
    }

    fn imagine(size: Size) -> World {
        let Size { users: user_count, teams: team_count, projects: project_count } = size;
        let users: Vec<User> = (1..=user_count).map(person).collect();
        let teams: Vec<Team> = (1..=team_count).map(|n| team(size, n)).collect();
        let mut roles = HashMap::new();
        for n in 0..user_count {
            for k in 0..2 {
                let team = TeamId(user_count + 1 + (n / 20 + k * 7) % team_count);
                let role = TeamRole::HUMAN[((n + k) % 3) as usize];
                roles.entry((team, UserId(n + 1))).or_insert(role);
            }
        }
        let member = |team: u64, n: u64| UserId(1 + (team * 20 + n % 20) % user_count);
        let mut invited = HashSet::new();
        let mut projects = Vec::new();
        for n in 0..project_count {
            let (team, id) = (n % team_count, ProjectId(n + 1));
            let visibility = Visibility::ALL[(n / team_count % 4) as usize];
            if visibility == Visibility::Restricted {
                invited.extend((0..8).map(|k| (id, member(team, n / team_count + k * 2))));
            }
            projects.push(Project {
                id,
                org: HOME,
                entity: Entity::Team(TeamId(user_count + 1 + team)),
                name: format!("project-{n:04}"),
                visibility,
                owner: Some(member(team, n / team_count)),
                description: String::new(),
                created_at: AT,
                version: 1,
            });
        }
        World { size, users, teams, projects, roles, invited }
    }

    /// Repeatable questions about projects: half from anybody, half from the project's team; every action on projects.
    pub fn queries(&self, n: usize) -> Vec<Query> {
        let actions: Vec<Action> = Action::ALL.iter().copied().filter(|a| a.level() == Level::Project).collect();
        let mut x = 12_345u64;
        let mut draw = move |below: u64| {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (x >> 33) % below
        };
        let query = |_| {
            let project = draw(self.size.projects);
            let user = match draw(2) {
                0 => draw(self.size.users),
                _ => (project % self.size.teams * 20 + draw(20)) % self.size.users,
            };
            Query {
                user: UserId(user + 1),
                project: ProjectId(project + 1),
                action: actions[draw(actions.len() as u64) as usize],
            }
        };
        (0..n).map(query).collect()
    }

    pub fn user(&self, id: UserId) -> &User {
        &self.users[id.0 as usize - 1]
    }

    pub fn project(&self, id: ProjectId) -> &Project {
        &self.projects[id.0 as usize - 1]
    }
}

/// The team of number `n` of an instance of this size.
pub fn team(size: Size, n: u64) -> Team {
    let id = TeamId(size.users + n);
    Team { created_by: Some(UserId(1)), ..Team::new(id, HOME, format!("team-{n:03}"), AT) }
}

/// The person of number `n`: 1 and 2 administer the organization; among a thousand are as many viewers and deactivated people
/// as fill a page.
pub fn person(n: u64) -> User {
    User {
        id: UserId(n),
        kind: UserKind::Person,
        username: format!("user-{n:05}"),
        name: format!("User Number {n}"),
        emails: vec![Email { address: format!("user-{n:05}@example.org"), verified: true }],
        status: if n % 19 == 5 { Status::Deactivated } else { Status::Active },
        orgs: vec![OrgMembership::new(
            HOME,
            match n {
                1 | 2 => OrgRole::Admin,
                _ if n % 19 == 7 => OrgRole::Viewer,
                _ => OrgRole::Member,
            },
        )],
        default_org: None,
        default_team: None,
        created_at: AT,
        updated_at: 0,
        version: 1,
    }
}

/// The team of a project of this world.
pub fn team_of(project: &Project) -> TeamId {
    match project.entity {
        Entity::Team(team) => team,
        Entity::Person(_) => unreachable!("this world has projects of teams only"),
    }
}

/// Gives `user` the API key `secret`.
pub fn give_key(store: &Store, user: UserId, secret: &str) {
    let key = ApiKey {
        id: secret[..KEY_ID_LEN].to_owned(),
        owner: user,
        name: "bench".to_owned(),
        hash: bailiwick::crypto::hex(&bailiwick::crypto::sha256(secret.as_bytes())),
        scope: KeyScope::Full,
        created_at: AT,
        expires_at: None,
        networks: vec![],
    };
    write(store, move |tx| tx.put(&schema::API_KEYS, &key));
}

/// Writes rows past every use-case.
pub fn write(store: &Store, f: impl Fn(&mut Tx) -> Result<(), Error> + Send + 'static) {
    let noted = move |tx: &mut Tx| {
        tx.note_event();
        f(tx)
    };
    store.write_blocking(noted).unwrap();
}
