//! Service accounts: who makes them, where they reach, for whom they submit. Rows F100–F120 as far as rules alone settle them.

use super::*;
use crate::model::role::Action;
use crate::model::{Entity, ProjectId};
use crate::ops::runs::upsert::{self, Claimed, Upsert};
use crate::ops::{project_members, service_accounts};

fn named(name: &str) -> NewService {
    NewService { name: name.to_owned(), ..NewService::default() }
}

/// By a key of full scope.
fn by_key(user: &User) -> Caller {
    Caller {
        subject: Subject {
            actor: Actor::User(user.id),
            credential: Credential::Key("k".into(), crate::model::credential::KeyScope::Full),
        },
        origin: Origin::default(),
    }
}

impl World {
    async fn org_service(&self, by: &User, name: &'static str, team: &'static str) -> Result<User> {
        self.app.act(&as_user(by), move |cx| service_accounts::create_in_org(cx, team, &named(name))).await
    }

    async fn team_service(&self, by: &User, name: &'static str, team: &'static str) -> Result<User> {
        self.app.act(&as_user(by), move |cx| service_accounts::create_in_team(cx, team, &named(name))).await
    }

    async fn project(&self, by: &User, team: &'static str, name: &'static str, visibility: Visibility) -> ProjectId {
        let new =
            NewProject { entity: Some(team.into()), name: name.into(), visibility: Some(visibility), members: vec![] };
        self.app.act(&as_user(by), move |cx| projects::create(cx, &new)).await.unwrap().id
    }

    /// Whether it reads and whether it writes there.
    fn reach(&self, user: &User, project: ProjectId) -> (bool, bool) {
        let may = |action| self.app.ask(&by_key(user), |cx| cx.can(action, Resource::Project(project))).unwrap();
        (may(Action::ProjectRead) && may(Action::RunRead), may(Action::RunCreate))
    }

    /// ana administers the organization, tess team acme, olaf team other; mia is a member of acme.
    async fn company(&self) -> [User; 4] {
        let ana = self.user("ana", OrgRole::Admin).await;
        let tess = self.user("tess", OrgRole::Member).await;
        let olaf = self.user("olaf", OrgRole::Member).await;
        let mia = self.user("mia", OrgRole::Member).await;
        self.team("acme", "tess").await;
        self.team("other", "olaf").await;
        self.app.act(&as_user(&tess), |cx| teams::invite(cx, "acme", "mia", "member").map(drop)).await.unwrap();
        [ana, tess, olaf, mia]
    }
}

#[tokio::test]
async fn f100_f101_f102_who_creates_which_service_accounts() {
    let w = world();
    let [ana, tess, _, mia] = w.company().await;
    let made = w.org_service(&ana, "deploy", "acme").await.unwrap();
    assert!(made.is_org_service() && made.emails.is_empty());
    for by in [&tess, &mia] {
        assert_eq!(w.org_service(by, "mine", "acme").await.unwrap_err().code(), Code::Denied);
    }
    for bad in ["", "  ", "nowhere"] {
        assert_eq!(w.org_service(&ana, "lost", bad).await.unwrap_err().code(), Code::InvalidValue, "{bad:?}");
    }
    assert!(w.team_service(&tess, "ci", "acme").await.is_ok());
    assert_eq!(w.team_service(&tess, "ci", "other").await.unwrap_err().kind(), crate::error::Kind::NotFound);
    assert_eq!(w.team_service(&mia, "ci", "acme").await.unwrap_err().code(), Code::Denied);
    // The default team stays until the account has another one.
    let leans = w.app.act(&as_user(&ana), |cx| teams::delete(cx, "acme")).await.unwrap_err();
    assert!(leans.detail().contains("service-deploy"), "{}", leans.detail());
    w.app.act(&as_user(&ana), |cx| service_accounts::set_default_team(cx, "service-deploy", "other")).await.unwrap();
    w.app.act(&as_user(&ana), |cx| teams::delete(cx, "acme")).await.unwrap();
    assert!(w.findings().is_empty());
}

#[tokio::test]
async fn f103_f104_f108_to_f112_f120_where_service_accounts_reach() {
    let w = world();
    let [ana, tess, olaf, mia] = w.company().await;
    let wide = w.org_service(&ana, "deploy", "acme").await.unwrap();
    let own = w.team_service(&tess, "ci", "acme").await.unwrap();
    let of_acme = w.project(&tess, "acme", "plain", Visibility::Team).await;
    let closed = w.project(&tess, "acme", "closed", Visibility::Restricted).await;
    let open = w.project(&olaf, "other", "open", Visibility::Open).await;
    let public = w.project(&olaf, "other", "public", Visibility::Public).await;
    let theirs = w.project(&olaf, "other", "theirs", Visibility::Team).await;
    let hidden = w.project(&olaf, "other", "hidden", Visibility::Restricted).await;
    for project in [of_acme, open, public, theirs] {
        assert_eq!(w.reach(&wide, project), (true, true), "an account of the organization in {project}");
    }
    assert_eq!(w.reach(&own, of_acme), (true, true));
    assert_eq!(w.reach(&own, open), (true, true));
    assert_eq!(w.reach(&own, public), (true, false));
    for project in [closed, theirs, hidden] {
        assert_eq!(w.reach(&own, project), (false, false), "an account of the team in {project}");
    }
    assert_eq!(w.reach(&wide, closed), (false, false));
    assert_eq!(w.reach(&wide, hidden), (false, false));
    // Only an admin of the project lets them in.
    for who in ["service-deploy", "service-ci"] {
        let by_mia = w.app.act(&as_user(&mia), move |cx| project_members::add(cx, "acme", "closed", who)).await;
        assert!(by_mia.is_err());
        w.app.act(&as_user(&tess), move |cx| project_members::add(cx, "acme", "closed", who)).await.unwrap();
        let by = as_user(&tess);
        let role = w.app.act(&by, move |cx| project_members::set_role(cx, "acme", "closed", who, "admin").map(drop));
        assert_eq!(role.await.unwrap_err().code(), Code::InvalidValue, "{who}");
    }
    assert_eq!(w.reach(&wide, closed), (true, true));
    assert_eq!(w.reach(&own, closed), (true, true));
    assert_eq!(w.reach(&wide, hidden), (false, false));
    let in_other = w.app.act(&as_user(&olaf), |cx| project_members::add(cx, "other", "hidden", "service-ci")).await;
    assert_eq!(in_other.unwrap_err().code(), Code::NotAMember);
    // What the pages say is what holds.
    let project = w.app.ask(&as_user(&tess), |cx| projects::get(cx, "acme", "closed")).unwrap();
    let listed = w.app.ask(&as_user(&tess), |cx| project_members::list(cx, &project)).unwrap();
    let names: Vec<_> = listed.iter().map(|m| m.user.username.as_str()).collect();
    assert_eq!(names, ["tess", "service-ci", "service-deploy"]);
    let reachers = w.app.ask(&as_user(&tess), |cx| reach::of_project(cx, &project, None)).unwrap();
    let reads: Vec<_> = reachers.iter().filter(|r| r.reads).map(|r| r.user.username.as_str()).collect();
    assert_eq!(reads, names);
    // Whoever is about to close a project hears that the machines lose it too.
    let (by, scope) = (as_user(&tess), crate::ops::what_if::Scope::Project(of_acme));
    let close = |cx: &mut Acting| projects::set_visibility(cx, "acme", "plain", Visibility::Restricted).map(drop);
    let shifts = w.app.preview(&by, scope, close).await.unwrap().shifts;
    let losers: Vec<_> = shifts.iter().filter(|s| !s.loses.is_empty()).map(|s| s.who.as_str()).collect();
    assert_eq!(losers, ["mia", "service-ci", "service-deploy"]);
    // Deleting an account takes its invitations along.
    w.app.act(&as_user(&ana), |cx| service_accounts::delete(cx, "service-deploy")).await.unwrap();
    assert_eq!(w.app.ask(&as_user(&tess), |cx| project_members::list(cx, &project)).unwrap().len(), 2);
    assert!(w.findings().is_empty());
}

#[tokio::test]
async fn f118_machines_manage_nobody_and_never_sign_in() {
    let w = world();
    let [ana, tess, ..] = w.company().await;
    let wide = w.org_service(&ana, "deploy", "acme").await.unwrap();
    let own = w.team_service(&tess, "ci", "acme").await.unwrap();
    let acme = w.app.ask(&as_user(&tess), |cx| teams::get(cx, "acme")).unwrap().id;
    for machine in [&wide, &own] {
        let may = |action: Action, resource| w.app.ask(&by_key(machine), |cx| cx.can(action, resource)).unwrap();
        for action in Action::ALL.iter().copied().filter(|a| a.writes()) {
            let on = match action.level() {
                crate::model::role::Level::Org => Resource::Org(crate::model::team::HOME),
                crate::model::role::Level::User => Resource::User(tess.id),
                crate::model::role::Level::Entity if action != Action::ProjectCreate => {
                    Resource::Entity(Entity::Team(acme))
                }
                _ => continue,
            };
            assert!(!may(action, on), "{} may {}", machine.username, action.as_str());
        }
        assert!(!may(Action::UserLogin, Resource::User(machine.id)));
        assert!(!may(Action::ApiKeyCreate, Resource::User(machine.id)));
        let hash = w.app.new_password(PASSWORD, &[]).await.unwrap();
        let name = machine.username.clone();
        assert!(w.app.act(&shell(), move |cx| users::set_password(cx, &name, &hash, None)).await.is_err());
    }
}

#[tokio::test]
async fn the_switches_keep_machines_out_of_teams() {
    let w = world_with(&[("GORILLA_DISABLE_TEAM_SERVICE_ACCOUNT_CREATION", "true")]);
    let [ana, tess, ..] = w.company().await;
    for by in [&ana, &tess] {
        let refused = w.team_service(by, "ci", "acme").await.unwrap_err();
        assert!(refused.detail().contains("new service accounts"), "{}", refused.detail());
    }
    assert!(w.org_service(&ana, "deploy", "acme").await.is_ok());
    // Who is kept out of teams makes no machine that reaches all of them, and no key to one.
    let w = world_with(&[("GORILLA_DISABLE_ADMIN_TEAM_ACCESS", "true")]);
    let [ana, ..] = w.company().await;
    assert_eq!(w.org_service(&ana, "deploy", "acme").await.unwrap_err().code(), Code::Denied);
}

#[tokio::test]
async fn f089_federated_accounts_have_a_subject_of_their_own_and_no_keys() {
    let w = world();
    let [ana, tess, olaf, _] = w.company().await;
    let federated = |subject: &str| NewService { name: "pod".into(), subject: Some(subject.into()) };
    let subject = "system:serviceaccount:train:Runner ";
    let new = federated(subject);
    let made = w.app.act(&as_user(&tess), move |cx| service_accounts::create_in_team(cx, "acme", &new)).await.unwrap();
    let found = |text: &str| {
        let text = text.to_owned();
        w.app.store.read(|view| service_accounts::by_subject(view, crate::model::team::HOME, &text)).unwrap()
    };
    assert_eq!(found(subject).map(|u| u.id), Some(made.id));
    for other in [subject.trim(), &subject.to_lowercase(), "", "another"] {
        assert!(found(other).is_none(), "{other:?}");
    }
    let again = federated(subject);
    let twice = w.app.act(&as_user(&olaf), move |cx| service_accounts::create_in_team(cx, "other", &again)).await;
    assert_eq!(twice.unwrap_err().code(), Code::NameTaken);
    let in_org = federated("wide");
    let refused = w.app.act(&as_user(&ana), move |cx| service_accounts::create_in_org(cx, "acme", &in_org)).await;
    assert_eq!(refused.unwrap_err().code(), Code::InvalidValue);
    for bad in ["", "a\nb", &"x".repeat(600)] {
        let bad = federated(bad);
        let refused = w.app.act(&as_user(&tess), move |cx| service_accounts::create_in_team(cx, "acme", &bad)).await;
        assert_eq!(refused.unwrap_err().code(), Code::InvalidValue);
    }
    let (name, key) = (made.username.clone(), FreshKey::draw(&w.app.random).unwrap());
    let keyed = w.app.act(&as_user(&tess), move |cx| credentials::issue(cx, &name, &NewKey::default(), &key)).await;
    assert_eq!(keyed.unwrap_err().code(), Code::InvalidValue);
    // Deleted, the subject is free again.
    w.app.act(&as_user(&tess), |cx| service_accounts::delete(cx, "service-pod")).await.unwrap();
    assert!(found(subject).is_none());
    assert!(w.findings().is_empty());
}

#[tokio::test]
async fn f105_f106_f115_f116_f117_whom_and_where_machines_submit_for() {
    let w = world();
    let [ana, tess, olaf, mia] = w.company().await;
    let wide = w.org_service(&ana, "deploy", "acme").await.unwrap();
    let own = w.team_service(&tess, "ci", "acme").await.unwrap();
    let mut n = 0;
    let mut submit = |entity: Option<&str>, username: &str, email: &str, by: &User| {
        n += 1;
        let some = |text: &str| Some(text.to_owned());
        let asked = Upsert {
            entity: entity.map(str::to_owned),
            project: some("p"),
            fresh: format!("run{n}"),
            claimed: Claimed { username: some(username), email: some(email) },
            ..Upsert::default()
        };
        let (app, by) = (&w.app, by_key(by));
        async move {
            app.act(&by, move |cx| {
                let run = upsert::upsert(cx, &asked)?.0.run;
                Ok((runs::place(cx, &run)?.1, run))
            })
            .await
        }
    };
    for machine in [&wide, &own] {
        let (entity, run) = submit(None, "", "", machine).await.unwrap();
        assert_eq!((entity.as_str(), run.creator, run.author), ("acme", machine.id, None));
        // The name goes before the address; either finds the person.
        for (username, email) in [("mia", "tess@example.com"), ("", "Mia@Example.com"), ("mia", "")] {
            let run = submit(None, username, email, machine).await.unwrap().1;
            assert_eq!((run.creator, run.author, run.unfit_author.as_str()), (machine.id, Some(mia.id), ""));
        }
        // Nobody else counts, and the run says whom it was for.
        for unfit in ["olaf", "nobody", "service-ci", "service-deploy"] {
            let run = submit(None, unfit, "mia@example.com", machine).await.unwrap().1;
            assert_eq!((run.creator, run.author, run.unfit_author.as_str()), (machine.id, None, unfit));
        }
    }
    let (entity, run) = submit(Some("other"), "olaf", "", &wide).await.unwrap();
    assert_eq!((entity.as_str(), run.author), ("other", Some(olaf.id)));
    assert!(submit(Some("other"), "", "", &own).await.is_err());
    // People speak for themselves.
    let run = submit(Some("acme"), "tess", "", &mia).await.unwrap().1;
    assert_eq!((run.creator, run.author, run.unfit_author.as_str()), (mia.id, None, ""));
    // One event a minute for each machine, not one for each run; that it was refused elsewhere is another.
    let noted = |events: Vec<Event>| {
        let attributed = |e: &Event| e.outcome == Outcome::Denied && e.chain.iter().any(|r| r.rule == "attribution");
        events.into_iter().filter(attributed).count()
    };
    assert_eq!(noted(w.events("run:create").await), 2);
    // A person who is deactivated counts no more.
    w.app.act(&shell(), |cx| users::set_active(cx, "mia", false).map(drop)).await.unwrap();
    assert_eq!(submit(None, "mia", "", &own).await.unwrap().1.author, None);
    assert!(w.findings().is_empty());
}
