//! Several organizations in one store: where newcomers go, who is left to administer, and what a directory of one says of
//! somebody whom another one keeps too.

use super::*;
use crate::error::{Code, Result};
use crate::model::OrgId;
use crate::model::identity::{ExternalGroups, ExternalIdentity, oidc_connection};
use crate::model::user::Status;
use crate::ops::connections::NewConnection;
use crate::ops::orgs::NewOrg;
use crate::ops::provision::{Change, Condition};
use crate::ops::{connections, domains, membership, orgs, provision, sso};
use crate::store::{Range, Read, schema};

const LABS: OrgId = OrgId(2);

impl World {
    async fn labs(&self, admin: &str) {
        let new = NewOrg { name: "labs".into(), admin: Some(admin.into()) };
        self.app.act(&shell(), move |cx| orgs::create(cx, &new).map(drop)).await.unwrap();
    }

    /// Somebody acting in labs.
    fn in_labs(&self, user: &User) -> Caller {
        let credential = Credential::Session("test".into(), Some(LABS));
        Caller { subject: Subject { actor: Actor::User(user.id), credential }, origin: Origin::default() }
    }

    fn row(&self, user: &User) -> User {
        self.app.store.read(|view| view.get(&schema::USERS, &user.id)).unwrap().unwrap()
    }

    async fn belongs(&self, user: &User, role: OrgRole) {
        let (id, org) = (user.id, crate::model::user::OrgMembership::new(LABS, role));
        let put = move |tx: &mut Tx| {
            tx.note_event();
            let mut user = tx.get(&schema::USERS, &id)?.unwrap();
            user.orgs.push(org);
            tx.put(&schema::USERS, &user)
        };
        self.app.store.write(put).await.unwrap();
    }
}

fn arriving(email: &str, verified: bool) -> ExternalIdentity {
    ExternalIdentity {
        connection: oidc_connection("https://idp.example"),
        subject: email.to_owned(),
        username: None,
        name: None,
        email: Some(email.to_owned()),
        email_verified: Some(verified),
        groups: ExternalGroups::Unknown("none".into()),
        session: None,
    }
}

#[tokio::test]
async fn f135_f151_newcomers_come_into_the_organization_that_proved_their_domain() {
    let w = world();
    w.user("root", OrgRole::Admin).await;
    let lara = w.user("lara", OrgRole::Member).await;
    w.labs("lara").await;
    let admin = w.in_labs(&lara);
    w.app.act(&admin, |cx| teams::create(cx, &teams::NewTeam::named("optics"), None).map(drop)).await.unwrap();
    let open = teams::TeamChange { recommended: Some(true), ..Default::default() };
    w.app.act(&admin, move |cx| teams::update(cx, "optics", &open).map(drop)).await.unwrap();
    w.app.act(&admin, |cx| domains::claim(cx, "labs.example", Some("optics"), "x").map(drop)).await.unwrap();
    w.app
        .act(&admin, |cx| domains::prove(cx, "labs.example", crate::model::domain::Proof::Dns).map(drop))
        .await
        .unwrap();
    let company = Caller::process(Process::Company);
    let comes = async |email: &str, verified| {
        let who = arriving(email, verified);
        w.app.act(&company, move |cx| sso::arrive(cx, &who)).await.map(|arrival| arrival.user)
    };
    let zoe = comes("zoe@labs.example", true).await.unwrap();
    assert_eq!((zoe.org_role(LABS), zoe.org_role(HOME)), (Some(OrgRole::Member), None));
    let teams = w.app.ask(&shell(), |cx| teams::of(cx, zoe.id)).unwrap();
    assert_eq!(teams[0].0.name, "optics");
    // Others, and those whose address nobody vouches for, come into the instance's own.
    assert_eq!(comes("yan@corp.example", true).await.unwrap().home_org(), Some(HOME));
    assert_eq!(comes("xia@labs.example", false).await.unwrap().home_org(), Some(HOME));
    assert!(w.findings().is_empty());
}

#[tokio::test]
async fn two_admins_of_an_organization_cannot_suspend_each_other_away() {
    let w = world();
    let ana = w.user("ana", OrgRole::Admin).await;
    let ben = w.user("ben", OrgRole::Admin).await;
    w.labs("ana").await;
    w.belongs(&ben, OrgRole::Admin).await;
    let (as_ana, as_ben) = (w.in_labs(&ana), w.in_labs(&ben));
    let (one, other) = tokio::join!(
        w.app.act(&as_ana, |cx| membership::set_suspended(cx, "ben", true).map(drop)),
        w.app.act(&as_ben, |cx| membership::remove(cx, "ana")),
    );
    assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    let admins = w.app.store.read(|view| view.count(&schema::ADMINS_OF_ORG, Range::all().under(&(LABS,)), 9)).unwrap();
    assert_eq!(admins, 1);
    // Both administer the first one as before.
    assert!(w.row(&ana).is_active_admin(HOME) && w.row(&ben).is_active_admin(HOME));
}

#[tokio::test]
async fn a_role_in_one_organization_is_none_in_the_other() {
    let w = world();
    let ana = w.user("ana", OrgRole::Admin).await;
    let ben = w.user("ben", OrgRole::Member).await;
    w.labs("ben").await;
    w.belongs(&ana, OrgRole::Member).await;
    // Ana administers the first alone: acting in labs she changes nobody, although they share both.
    let in_labs = w.in_labs(&ana);
    let role = w.app.act(&in_labs, |cx| users::set_org_role(cx, "ben", OrgRole::Viewer)).await;
    assert_eq!(role.unwrap_err().code(), Code::NotFound);
    w.app.act(&as_user(&ana), |cx| users::set_org_role(cx, "ben", OrgRole::Viewer).map(drop)).await.unwrap();
    assert_eq!((w.row(&ben).org_role(HOME), w.row(&ben).org_role(LABS)), (Some(OrgRole::Viewer), Some(OrgRole::Admin)));
    // The account itself is for admins of both; the shell is one.
    let rename = UserChange { name: Some("Ben B.".into()), ..UserChange::default() };
    let (by_ana, by_shell) = (rename.clone(), rename);
    let refused = w.app.act(&as_user(&ana), move |cx| users::update(cx, "ben", &by_ana)).await.unwrap_err();
    assert!(refused.sentence().contains("belongs to another organization too"), "{}", refused.sentence());
    assert_eq!(w.app.act(&as_user(&ana), |cx| users::delete(cx, "ben")).await.unwrap_err().code(), Code::Denied);
    w.app.act(&shell(), move |cx| users::update(cx, "ben", &by_shell).map(drop)).await.unwrap();
    // Suspended here, Ben acts there; a session that was here is over, one that is there stays.
    w.app.act(&as_user(&ana), |cx| users::set_active(cx, "ben", false).map(drop)).await.unwrap();
    let ben = w.row(&ben);
    assert_eq!((ben.status, ben.status_in(HOME), ben.home_org()), (Status::Active, Status::Deactivated, Some(LABS)));
    assert!(
        w.app
            .ask(&as_user(&ben), |cx| crate::ops::people::list(
                cx,
                &Default::default(),
                &crate::ops::paging::Turn::first(9)
            ))
            .is_ok()
    );
    assert!(w.findings().is_empty());
}

#[tokio::test]
async fn directories_of_two_organizations_keep_one_person_apart() {
    let w = world();
    let ana = w.user("ana", OrgRole::Admin).await;
    let mia = w.user("mia", OrgRole::Member).await;
    w.labs("ana").await;
    w.belongs(&mia, OrgRole::Member).await;
    let connect = async |caller: &Caller, name: &'static str| {
        let fresh = FreshKey::draw(&w.app.random).unwrap();
        let new = NewConnection { name: name.into(), speech: Default::default(), adopts: true };
        let made = w.app.act(caller, move |cx| connections::create(cx, &new, &fresh)).await.unwrap();
        let credential = Credential::Key(made.key, crate::model::credential::KeyScope::Provisioning);
        Caller { subject: Subject { actor: Actor::User(made.id), credential }, origin: Origin::default() }
    };
    let okta = connect(&as_user(&ana), "okta").await;
    let entra = connect(&w.in_labs(&ana), "entra").await;
    let says = async |caller: &Caller, change: Change| -> Result<provision::Person> {
        let id = mia.id;
        let wanted = move |cx: &mut Acting| {
            let change = change.clone();
            provision::apply(cx, |cx, toll| {
                provision::change(cx, toll, id, &Condition::default(), |_| Ok(vec![change]))
            })
        };
        w.app.act(caller, wanted).await
    };
    says(&okta, Change::ExternalId(Some("one".into()))).await.unwrap();
    says(&entra, Change::ExternalId(Some("two".into()))).await.unwrap();
    says(&entra, Change::UserName("mia@labs.example".into())).await.unwrap();
    let seen = |caller: &Caller| w.app.ask(caller, |cx| provision::person(cx, mia.id));
    let (here, there) = (seen(&okta).unwrap(), seen(&entra).unwrap());
    assert_eq!((here.user_name(), here.profile.external_id.as_deref()), ("mia", Some("one")));
    assert_eq!((there.user_name(), there.profile.external_id.as_deref()), ("mia@labs.example", Some("two")));
    // Gone from one directory, she goes on in the other.
    let (id, none) = (mia.id, Condition::default());
    let leave = move |cx: &mut Acting| provision::apply(cx, |cx, toll| provision::remove(cx, toll, id, &none));
    w.app.act(&entra, leave).await.unwrap();
    assert_eq!(seen(&entra).unwrap_err().code(), Code::NotFound);
    assert_eq!(seen(&okta).unwrap().profile.external_id.as_deref(), Some("one"));
    assert_eq!(w.row(&mia).orgs.len(), 1);
    assert!(w.findings().is_empty());
}
