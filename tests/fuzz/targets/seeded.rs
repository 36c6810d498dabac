//! An instance in memory with a small cast, for the targets that need one: an administrator, a member, an outsider, a
//! read-only viewer, the team `acme` with a project of each visibility, a pending invitation, a service account, two keys.
//! Repeatable: the clock stands still, the random source counts, and every run gets an instance of its own ([`fresh`]).

use bailiwick::app::{App, Parts};
use bailiwick::clock::Clock;
use bailiwick::config::env::Env;
use bailiwick::crypto::Random;
use bailiwick::error::Result;
use bailiwick::model::audit::Origin;
use bailiwick::model::project::Visibility;
use bailiwick::model::role::OrgRole;
use bailiwick::model::{ProjectId, TeamId, UserId};
use bailiwick::ops::credentials::{self, FreshKey, NewKey};
use bailiwick::ops::projects::{self, NewProject};
use bailiwick::ops::service_accounts::{self, NewService};
use bailiwick::ops::users::{self, NewUser};
use bailiwick::ops::{Caller, teams};
use bailiwick::policy::{Actor, Credential, Process, Subject};
use bailiwick::store::engine::{Batch, Engine, Order};
use bailiwick::store::memory::Memory;
use bailiwick::store::{self, Store, schema};
use std::sync::{Arc, LazyLock};

/// The address of somebody who is invited and has no account: nobody outside the team may ever read it.
pub const INVITED: &str = "zzinvitedzz@example.com";
/// The description of every project: nobody who may not read a project may ever read it.
pub const DESCRIPTION: &str = "zzdescriptionzz of";

/// A row as the engine keeps it.
pub type Row = (Vec<u8>, Vec<u8>);

/// What the instance is made of, and what is needed to ask it things.
pub struct Seeded {
    /// Its rows, for putting them into another engine.
    pub rows: Vec<Row>,
    /// The administrator's key.
    pub key: String,
    /// The outsider's key.
    pub outsiders_key: String,
    /// Username and id: `root` the administrator, `mia` of the team, `otto` outside of it, `vera` who only reads, and the
    /// team's service account.
    pub people: Vec<(String, UserId)>,
    /// The team.
    pub team: TeamId,
    /// Its projects, named as their visibility.
    pub projects: Vec<(String, ProjectId)>,
}

impl Seeded {
    /// The administrator.
    pub fn admin(&self) -> Caller {
        caller(self.people[0].1)
    }

    /// The member of the organization who is in no team.
    pub fn outsider(&self) -> Caller {
        caller(self.people[2].1)
    }
}

/// The rows and the cast, made once.
pub static WORLD: LazyLock<Seeded> = LazyLock::new(|| {
    let engine = Memory::new();
    let app = start(Arc::new(engine.clone())).unwrap();
    let mut world = furnish(&app);
    assert_eq!(store::examine(&app.store).unwrap(), Vec::<String>::new());
    let view = engine.view().unwrap();
    view.scan(&[], &[], Order::Ascending, &mut |key, value| {
        world.rows.push((key.to_vec(), value.to_vec()));
        true
    })
    .unwrap();
    world
});

/// Runs a future to its end on this thread.
pub fn wait<F: Future>(future: F) -> F::Output {
    thread_local!(static RUNTIME: actix_web::rt::SystemRunner = actix_web::rt::System::new());
    RUNTIME.with(|runtime| runtime.block_on(future))
}

/// A user as a caller.
pub fn caller(id: UserId) -> Caller {
    Caller { subject: Subject { actor: Actor::User(id), credential: Credential::None }, origin: Origin::default() }
}

/// The shell as a caller.
pub fn shell() -> Caller {
    Caller::process(Process::Shell)
}

/// An engine in memory that holds these rows; the later of two with one key counts.
pub fn engine(rows: &[Row]) -> Memory {
    let engine = Memory::new();
    let batch: Batch = rows.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect();
    engine.begin().unwrap().commit(&batch).unwrap();
    engine
}

/// An instance over an engine.
///
/// # Errors
/// Whatever keeps a server from starting over such a store.
pub fn start(engine: Arc<dyn Engine>) -> Result<App> {
    start_over(Store::open(engine, &schema::SCHEMA)?)
}

/// An instance over an open store.
///
/// # Errors
/// Whatever keeps a server from starting over it.
pub fn start_over(store: Store) -> Result<App> {
    App::start(Parts {
        store,
        environment: Env::of(&[]),
        sealing_key: [7; 32],
        base_url: "http://127.0.0.1".into(),
        org: "default".into(),
        several_orgs: false,
        clock: Clock::fixed(1_800_000_000_000),
        random: Random::seeded(1),
        // Nothing here proves a password.
        hashing_threads: 0,
    })
}

/// The instance as it was furnished, whatever other runs did to theirs.
pub fn fresh() -> App {
    start(Arc::new(engine(&WORLD.rows))).unwrap()
}

/// Makes the cast in an empty instance; `rows` stays empty.
pub fn furnish(app: &App) -> Seeded {
    wait(make(app))
}

async fn make(app: &App) -> Seeded {
    let key = FreshKey::draw(&app.random).unwrap();
    let outsiders = FreshKey::draw(&app.random).unwrap();
    let mut people = vec![];
    for (name, role) in
        [("root", OrgRole::Admin), ("mia", OrgRole::Member), ("otto", OrgRole::Member), ("vera", OrgRole::Viewer)]
    {
        let new = NewUser {
            email: format!("{name}@example.com"),
            username: Some(name.into()),
            role: Some(role),
            ..NewUser::default()
        };
        people.push((name.to_owned(), app.act(&shell(), move |cx| users::create(cx, &new)).await.unwrap().id));
    }
    for (owner, key) in [("root", key.clone()), ("otto", outsiders.clone())] {
        app.act(&shell(), move |cx| credentials::issue(cx, owner, &NewKey::default(), &key)).await.unwrap();
    }
    let root = caller(people[0].1);
    let team = app.act(&root, |cx| teams::create(cx, &teams::NewTeam::named("acme"), None)).await.unwrap().id;
    app.act(&root, |cx| teams::invite(cx, "acme", "mia", "member")).await.unwrap();
    app.act(&root, |cx| teams::invite(cx, "acme", INVITED, "admin")).await.unwrap();
    let new = NewService { name: "nightly".into(), ..NewService::default() };
    let service = app.act(&root, move |cx| service_accounts::create_in_team(cx, "acme", &new)).await.unwrap();
    people.push((service.username, service.id));
    let mut made = vec![];
    for visibility in Visibility::ALL {
        let name = visibility.as_str();
        let new = NewProject {
            entity: Some("acme".into()),
            name: name.into(),
            visibility: Some(visibility),
            members: vec![],
        };
        let project = app.act(&root, move |cx| projects::create(cx, &new)).await.unwrap();
        app.act(&root, move |cx| projects::describe(cx, "acme", name, &format!("{DESCRIPTION} {name}"))).await.unwrap();
        made.push((name.to_owned(), project.id));
    }
    let (key, outsiders_key) = (key.reveal().to_owned(), outsiders.reveal().to_owned());
    Seeded { rows: vec![], key, outsiders_key, people, team, projects: made }
}
