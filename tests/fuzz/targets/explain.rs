//! After any changes by anybody: explaining is enforcing, the last administrator is still there, the store is sound. And
//! explanations of whatever is typed: an answer whose chain is not empty, or a refusal; about oneself nothing hidden.
#![no_main]

use arbitrary::Arbitrary;
use bailiwick::app::App;
use bailiwick::error::{Code, Kind, Result};
use bailiwick::model::Entity;
use bailiwick::model::project::Visibility;
use bailiwick::model::role::{Action, OrgRole, TeamRole};
use bailiwick::model::team::HOME;
use bailiwick::ops::explain::explain;
use bailiwick::ops::projects::NewProject;
use bailiwick::ops::service_accounts::NewService;
use bailiwick::ops::users::{NewUser, UserChange};
use bailiwick::ops::{Acting, Caller, project_members, projects, service_accounts, teams, users};
use bailiwick::policy::Resource;
use bailiwick::store;
use bailiwick_fuzz::{WORLD, caller, fresh, shell, wait};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Asked<'a> {
    /// Changes made before: who, what, on what.
    deeds: Vec<Deed>,
    subject: u8,
    action: u8,
    resource: u8,
    typed: Option<(&'a str, &'a str, &'a str)>,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
struct Deed {
    by: u8,
    action: u8,
    on: u8,
    with: u8,
}

fn person(n: u8) -> &'static str {
    &WORLD.people[usize::from(n) % WORLD.people.len()].0
}

/// Tries to do what `action` names; `false` where no use-case is only that.
fn attempt(cx: &mut Acting, action: Action, Deed { on, with, .. }: Deed) -> Result<bool> {
    let project = WORLD.projects[usize::from(on) % WORLD.projects.len()].0.as_str();
    let org_role = OrgRole::ALL[usize::from(with) % 3];
    let team_role = TeamRole::HUMAN[usize::from(with) % 3].as_str();
    match action {
        Action::UserCreate => {
            users::create(cx, &NewUser { email: format!("new{with}@example.com"), ..NewUser::default() }).map(drop)
        }
        Action::UserRead => users::get(cx, person(on)).map(drop),
        Action::UserUpdate => {
            let change = UserChange { name: Some(format!("{with}")), ..UserChange::default() };
            users::update(cx, person(on), &change).map(drop)
        }
        Action::UserUpdateRole => users::set_org_role(cx, person(on), org_role).map(drop),
        Action::UserDeactivate => users::set_active(cx, person(on), false).map(drop),
        Action::UserReactivate => users::set_active(cx, person(on), true).map(drop),
        Action::UserDelete => users::delete(cx, person(on)),
        Action::TeamCreate => teams::create(cx, &teams::NewTeam::named(format!("team{with}")), None).map(drop),
        Action::TeamRead => teams::get(cx, "acme").map(drop),
        Action::TeamDelete => teams::delete(cx, "acme"),
        Action::TeamInviteUser => teams::invite(cx, "acme", person(with), team_role).map(drop),
        Action::TeamUninvite => teams::remove_member(cx, "acme", person(with)),
        Action::TeamUpdateMember => {
            teams::set_role(cx, "acme", person(with), TeamRole::HUMAN[usize::from(on) % 3].as_str()).map(drop)
        }
        Action::TeamCreateService => {
            let new = NewService { name: "another".into(), ..NewService::default() };
            service_accounts::create_in_team(cx, "acme", &new).map(drop)
        }
        Action::ProjectCreate => {
            let new =
                NewProject { entity: Some("acme".into()), name: format!("p{with}"), visibility: None, members: vec![] };
            projects::create(cx, &new).map(drop)
        }
        Action::ProjectRead => projects::get(cx, "acme", project).map(drop),
        Action::ProjectUpdate => projects::describe(cx, "acme", project, &format!("{with}")).map(drop),
        Action::ProjectDelete => projects::delete(cx, "acme", project),
        Action::ProjectUpdateVisibility => {
            projects::set_visibility(cx, "acme", project, Visibility::ALL[usize::from(with) % 4]).map(drop)
        }
        Action::ProjectUpdateMember => project_members::add(cx, "acme", project, person(with)),
        Action::ProjectJoin => project_members::join(cx, "acme", project),
        _ => return Ok(false),
    }
    .map(|()| true)
}

fn action(n: u8) -> Action {
    Action::ALL[usize::from(n) % Action::ALL.len()]
}

/// What `attempt` acts on, as it is typed and as the policy knows it.
fn resource(action: Action, on: u8) -> (String, Resource) {
    use bailiwick::model::role::Level;
    match action.level() {
        Level::Org => (String::new(), Resource::Org(HOME)),
        Level::User => {
            let (name, id) = &WORLD.people[usize::from(on) % WORLD.people.len()];
            (format!("user:{name}"), Resource::User(*id))
        }
        Level::Entity => ("acme".to_owned(), Resource::Entity(Entity::Team(WORLD.team))),
        Level::Project => {
            let (name, id) = &WORLD.projects[usize::from(on) % WORLD.projects.len()];
            (format!("acme/{name}"), Resource::Project(*id))
        }
    }
}

/// Decides by explaining, by asking, and by trying: one answer.
fn agree(app: &App, subject: u8, action: Action, deed: Deed) {
    let (name, id) = &WORLD.people[usize::from(subject) % WORLD.people.len()];
    let (typed, resource) = resource(action, deed.on);
    let who = caller(*id);
    let explained = app.ask(&shell(), |cx| explain(cx, name, action.as_str(), &typed));
    let asked = app.ask(&who, |cx| cx.allow(action, resource).map(drop));
    let allowed = match &explained {
        Ok(found) => {
            let last = &found.chain.last().expect("a rule settled it").text;
            match &asked {
                Ok(()) => assert!(found.allowed && found.visible, "{found:?}"),
                Err(e) if found.visible => {
                    assert!(!found.allowed && e.kind() == Kind::Denied && e.detail().contains(last), "{found:?} {e:?}");
                }
                Err(e) => assert!(!found.allowed && e.kind() == Kind::NotFound && !e.detail().contains(last), "{e:?}"),
            }
            found.allowed
        }
        Err(e) => {
            assert!(matches!(e.kind(), Kind::NotFound | Kind::Invalid) && asked.is_err(), "{e:?} {asked:?}");
            false
        }
    };
    match wait(app.act(&who, move |cx| attempt(cx, action, deed))) {
        Ok(true) => assert!(allowed, "{name} did {} on {typed:?} against {explained:?}", action.as_str()),
        Ok(false) => {}
        // Creating a team may name who gets it, and the like: but a plain refusal is the explained one.
        Err(e) if e.code() == Code::Denied => assert!(!allowed, "{name} {} {typed:?}: {e:?}", action.as_str()),
        Err(e) => assert!(e.kind() != Kind::Internal, "{e:?}"),
    }
}

/// Whatever is typed.
fn typed(app: &App, subject: &str, action: &str, resource: &str) {
    if let Ok(found) = app.ask(&shell(), |cx| explain(cx, subject, action, resource)) {
        assert!(!found.chain.is_empty() && (found.visible || !found.allowed));
    }
    for subject in ["otto", subject] {
        if let Ok(found) = app.ask(&WORLD.outsider(), |cx| explain(cx, subject, action, resource)) {
            assert!(found.visible && !found.chain.is_empty(), "{action} {resource}");
        }
    }
}

fuzz_target!(|asked: Asked| {
    let app = fresh();
    for deed in asked.deeds.iter().take(8).copied() {
        let by = usize::from(deed.by) % (WORLD.people.len() + 1);
        let by = WORLD.people.get(by).map_or_else(shell, |(_, id)| caller(*id));
        if let Err(e) = wait(app.act(&by, move |cx| attempt(cx, action(deed.action), deed))) {
            assert!(e.kind() != Kind::Internal, "{deed:?} {e:?}");
        }
    }
    if let Some((subject, action, resource)) = asked.typed {
        typed(&app, subject, action, resource);
        typed(&app, person(asked.subject), self::action(asked.action).as_str(), resource);
    }
    let deed = Deed { by: 0, action: 0, on: asked.resource, with: asked.subject };
    agree(&app, asked.subject, action(asked.action), deed);
    wait(app.settle()).unwrap();
    let admins = app.ask(&Caller::clone(&shell()), |cx| users::admins(cx)).unwrap();
    assert!(admins >= 1, "the last administrator is lost");
    assert_eq!(store::examine(&app.store).unwrap(), Vec::<String>::new());
    app.stop();
});
