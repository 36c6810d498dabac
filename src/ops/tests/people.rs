//! Invitations, domains and signing up on an in-memory store: who gets what, when, and what only the clock or a forged link
//! decides.

use super::*;
use crate::model::domain::Proof;
use crate::model::invitation::Invite;
use crate::model::mail::MailState;
use crate::ops::invitations::{Invited, Waiting, Wanted, Welcomed};
use crate::ops::outbox::{PAUSES, Tried};
use crate::ops::teams::TeamChange;

const MAIL: &[(&str, &str)] = &[("BAILIWICK_SMTP_URL", "smtp://127.0.0.1:1"), ("BAILIWICK_SIGN_UP", "true")];

fn code(link: Option<String>) -> String {
    link.unwrap().split_once("code=").unwrap().1.to_owned()
}

fn nobody() -> Caller {
    Caller { subject: Subject::anonymous(), origin: Origin::default() }
}

impl World {
    async fn invited(&self, by: &User, wanted: Wanted) -> (Invite, String) {
        match self.app.invite(&as_user(by), wanted, false).await.unwrap() {
            (Welcomed::Pending(Waiting { invite, .. }), link) => (invite, code(link)),
            other => panic!("{other:?}"),
        }
    }

    async fn to_team(&self, by: &User, team: &str, whom: &str, role: &str) -> Result<(Waiting, Option<String>)> {
        match self.app.invite_to_team(&as_user(by), team, whom, role, false).await? {
            (Invited::Pending(waiting), link) => Ok((waiting, link)),
            other => panic!("{other:?}"),
        }
    }

    async fn accept(&self, code: &str, username: &str) -> Result<User> {
        let new = NewUser { username: Some(username.into()), ..NewUser::default() };
        let (_, session) = self.app.accept_invitation(code, new, PASSWORD, &nobody()).await?;
        self.app.store.read(|view| Ok(view.get(&schema::USERS, &session.user)?.unwrap()))
    }

    fn role(&self, user: &User, team: &str) -> Option<TeamRole> {
        let teams = self.app.ask(&shell(), |cx| teams::of(cx, user.id)).unwrap();
        teams.into_iter().find(|(t, _)| t.name == team).map(|(_, held)| held.role)
    }

    async fn recommend(&self, team: &'static str, on: bool) {
        let change = TeamChange { recommended: Some(on), ..TeamChange::default() };
        self.app.act(&shell(), move |cx| teams::update(cx, team, &change).map(drop)).await.unwrap();
    }

    async fn claim(&self, by: &User, domain: &'static str, team: Option<&'static str>) -> Result<()> {
        self.app.act(&as_user(by), move |cx| domains::claim(cx, domain, team, "challenge").map(drop)).await
    }

    async fn captured(&self, by: &User, domain: &'static str, team: Option<&'static str>) {
        self.claim(by, domain, team).await.unwrap();
        self.app.act(&as_user(by), move |cx| domains::prove(cx, domain, Proof::Admin).map(drop)).await.unwrap();
    }

    /// The secret of the newest mail, as its reader would have it.
    fn mailed(&self) -> String {
        let mails = self.app.ask(&shell(), |cx| outbox::list(cx, crate::store::Range::all().limit(1))).unwrap().items;
        let sealer = crate::crypto::Sealer::new(&[7; 32]).unwrap();
        invitations::open_secret(&sealer, &mails[0].secret).unwrap()
    }

    async fn sign_up(&self, email: &str) -> Result<()> {
        self.app.begin_sign_up(email, &nobody(), IP).await
    }

    async fn arrive(&self, email: &str, teams: &[&str]) -> Result<User> {
        self.sign_up(email).await?;
        let (code, teams) = (self.mailed(), teams.iter().map(|t| (*t).to_owned()).collect());
        let (_, session) = self.app.finish_sign_up(&code, NewUser::default(), PASSWORD, teams, &nobody()).await?;
        self.app.store.read(|view| Ok(view.get(&schema::USERS, &session.user)?.unwrap()))
    }
}

fn to(who: &str) -> Wanted {
    Wanted { who: who.into(), ..Wanted::default() }
}

#[tokio::test]
async fn f137_f139_f140_an_invitation_is_pending_until_it_is_accepted_and_gives_role_and_teams() {
    let w = world();
    let ana = w.user("ana", OrgRole::Admin).await;
    w.team("acme", "ana").await;
    let wanted = Wanted {
        org_role: Some(OrgRole::Admin),
        teams: vec!["acme".into()],
        team_role: "viewer".into(),
        ..to("zoe@example.com")
    };
    let (_, code) = w.invited(&ana, wanted).await;
    assert!(w.app.ask(&shell(), |cx| users::get(cx, "zoe@example.com")).is_err(), "nobody yet");
    assert_eq!(w.app.ask(&as_user(&ana), |cx| invitations::count(cx)).unwrap(), 1);
    let zoe = w.accept(&code, "zoe").await.unwrap();
    assert_eq!((zoe.org_role(HOME), w.role(&zoe, "acme")), (Some(OrgRole::Admin), Some(TeamRole::Viewer)));
    assert!(zoe.emails[0].verified, "an admin vouched for the address");
    assert_eq!(w.accept(&code, "zoe2").await.unwrap_err().code(), Code::InvitationVoid, "once");
    assert!(w.findings().is_empty());
}

#[tokio::test]
async fn f138_somebody_of_the_organization_is_added_at_once() {
    let w = world();
    let ana = w.user("ana", OrgRole::Admin).await;
    w.user("ben", OrgRole::Member).await;
    w.team("acme", "ana").await;
    for (who, joined) in [("ben", 1), ("ben@example.com", 0)] {
        let wanted = Wanted { teams: vec!["acme".into()], ..to(who) };
        let (Welcomed::Added(user, teams), None) = w.app.invite(&as_user(&ana), wanted, true).await.unwrap() else {
            panic!()
        };
        assert_eq!((user.username.as_str(), teams.len()), ("ben", joined));
    }
    assert_eq!(w.app.invite(&as_user(&ana), to("nobody"), false).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn f133_f134_f161_who_invites_whom() {
    let w = world();
    w.user("ana", OrgRole::Admin).await;
    let (tea, mia) = (w.user("tea", OrgRole::Member).await, w.user("mia", OrgRole::Member).await);
    w.team("acme", "tea").await;
    w.app.act(&shell(), |cx| teams::invite(cx, "acme", "mia", "member").map(drop)).await.unwrap();
    for member in [&tea, &mia] {
        assert_eq!(w.app.invite(&as_user(member), to("x@example.com"), false).await.unwrap_err().code(), Code::Denied);
    }
    let (waiting, link) = w.to_team(&tea, "acme", "x@example.com", "admin").await.unwrap();
    assert!(link.is_some() && !waiting.proves, "shown to a team admin, it proves nothing");
    assert_eq!(w.to_team(&mia, "acme", "y@example.com", "member").await.unwrap_err().code(), Code::Denied);
    let id = waiting.invite.id;
    assert!(w.app.act(&as_user(&mia), move |cx| invitations::withdraw(cx, id)).await.is_err());
    let xia = w.accept(&code(link), "xia").await.unwrap();
    assert_eq!((xia.org_role(HOME), w.role(&xia, "acme")), (Some(OrgRole::Member), Some(TeamRole::Admin)));
    assert!(!xia.emails[0].verified);
    assert!(w.findings().is_empty());
}

/// CVE-2026-1529's and CVE-2025-2938's class: what an invitation gives is decided when it is taken up.
#[tokio::test]
async fn an_invitation_gives_no_more_than_its_maker_may_give_by_then() {
    let w = world();
    let (ana, ben) = (w.user("ana", OrgRole::Admin).await, w.user("ben", OrgRole::Admin).await);
    let tea = w.user("tea", OrgRole::Member).await;
    w.team("acme", "tea").await;
    let (_, of_org) = w.invited(&ben, Wanted { org_role: Some(OrgRole::Admin), ..to("a@example.com") }).await;
    let (waiting, of_team) = w.to_team(&tea, "acme", "b@example.com", "admin").await.unwrap();
    let of_team = code(of_team);
    w.app.act(&shell(), |cx| users::set_org_role(cx, "ben", OrgRole::Member).map(drop)).await.unwrap();
    w.app.act(&shell(), |cx| teams::set_role(cx, "acme", "tea", "member").map(drop)).await.unwrap();
    for code in [&of_org, &of_team] {
        assert_eq!(w.app.look_at_invitation(code, &nobody()).unwrap_err().code(), Code::InvitationVoid);
        assert_eq!(w.accept(code, "x").await.unwrap_err().code(), Code::InvitationVoid);
    }
    assert!(w.app.ask(&shell(), |cx| users::get(cx, "a@example.com")).is_err(), "nothing was made");
    // Sent again by somebody who may, it stands on their rights.
    w.clock.set(START + 2 * MINUTE_AND_MORE);
    let (_, link) = w.app.resend(&as_user(&ana), waiting.invite.id, false).await.unwrap();
    assert_eq!(w.accept(&of_team, "x").await.unwrap_err().code(), Code::InvitationVoid, "the old link is void");
    let bea = w.accept(&code(link), "bea").await.unwrap();
    assert_eq!(w.role(&bea, "acme"), Some(TeamRole::Admin));
    // One team of several that is not the inviter's to give any more is left out, and told.
    w.team("lab", "ana").await;
    w.team("gone", "ana").await;
    w.app.act(&shell(), |cx| users::set_org_role(cx, "ben", OrgRole::Admin).map(drop)).await.unwrap();
    let wanted = Wanted { teams: vec!["lab".into(), "gone".into()], ..to("c@example.com") };
    let (_, code) = w.invited(&ben, wanted).await;
    w.app.act(&shell(), |cx| teams::delete(cx, "gone")).await.unwrap();
    let cleo = w.accept(&code, "cleo").await.unwrap();
    assert_eq!(w.role(&cleo, "lab"), Some(TeamRole::Member));
    assert!(w.findings().is_empty());
}

#[tokio::test]
async fn an_invitation_ends_in_time_by_use_and_by_withdrawal_and_an_admin_deactivated_takes_it_along() {
    let w = world();
    let (ana, ben) = (w.user("ana", OrgRole::Admin).await, w.user("ben", OrgRole::Admin).await);
    let (invite, code) = w.invited(&ana, to("a@example.com")).await;
    w.clock.set(START + 7 * DAY - 1);
    w.app.look_at_invitation(&code, &nobody()).unwrap();
    w.clock.set(START + 7 * DAY);
    assert_eq!(w.accept(&code, "a").await.unwrap_err().code(), Code::InvitationVoid);
    // Invited once more, the expired one is renewed instead of standing in the way.
    let (again, code) = w.invited(&ana, to("A@Example.com")).await;
    assert_eq!(again.id, invite.id);
    assert!(matches!(w.app.invite(&as_user(&ana), to("a@example.com"), false).await.unwrap().0, Welcomed::Waits(_)));
    assert_eq!(w.app.resend(&as_user(&ana), again.id, false).await.unwrap_err().code(), Code::TooManyAttempts);
    let gone = again.id;
    w.app.act(&as_user(&ana), move |cx| invitations::withdraw(cx, gone)).await.unwrap();
    assert_eq!(w.accept(&code, "a").await.unwrap_err().code(), Code::InvitationVoid);
    let (_, code) = w.invited(&ben, to("b@example.com")).await;
    w.app.act(&shell(), |cx| users::set_active(cx, "ben", false).map(drop)).await.unwrap();
    assert_eq!(w.accept(&code, "b").await.unwrap_err().code(), Code::InvitationVoid);
    for forged in ["", "x", &"A".repeat(43), &"A".repeat(1_000)] {
        assert_eq!(w.accept(forged, "c").await.unwrap_err().code(), Code::InvitationVoid, "{forged}");
        assert!(w.app.decline_invitation(forged, &nobody()).await.is_err());
    }
    let (_, code) = w.invited(&ana, to("c@example.com")).await;
    w.app.decline_invitation(&code, &nobody()).await.unwrap();
    assert_eq!(w.accept(&code, "c").await.unwrap_err().code(), Code::InvitationVoid);
    let event = w.events("user:uninvite").await.into_iter().find(|e| e.actor.name == "newcomer").unwrap();
    assert!(event.changes.iter().any(|c| c.to.as_deref() == Some("declined")), "{event:?}");
    assert!(w.findings().is_empty());
}

#[tokio::test]
async fn an_invitation_is_bound_to_its_address() {
    let w = world();
    let ana = w.user("ana", OrgRole::Admin).await;
    let eve = w.user("eve", OrgRole::Member).await;
    w.team("acme", "ana").await;
    let (_, link) = w.to_team(&ana, "acme", "zoe@example.com", "admin").await.unwrap();
    let token = code(link);
    let taken = token.clone();
    let refused = w.app.act(&as_user(&eve), move |cx| invitations::accept(cx, &taken)).await.unwrap_err();
    assert_eq!(refused.code(), Code::Denied);
    assert!(refused.sentence().contains("zoe@example.com"), "{}", refused.sentence());
    assert_eq!(w.role(&eve, "acme"), None);
    // An account that the company's sign-in made for that address, without vouching for it, takes it up by the link.
    let new = NewUser { email: "zoe@example.com".into(), unverified: true, ..NewUser::default() };
    let zoe = w.app.act(&shell(), move |cx| users::create(cx, &new)).await.unwrap();
    assert_eq!(w.role(&zoe, "acme"), None, "an unproved address takes up nothing by itself");
    assert_eq!(w.accept(&token, "zoe9").await.unwrap_err().code(), Code::EmailTaken);
    w.app.act(&as_user(&zoe), move |cx| invitations::accept(cx, &token).map(drop)).await.unwrap();
    assert_eq!(w.role(&zoe, "acme"), Some(TeamRole::Admin));
    assert!(w.app.ask(&as_user(&zoe), |cx| users::me(cx)).unwrap().emails[0].verified, "the link proved it");
    assert!(w.findings().is_empty());
}

#[tokio::test]
async fn many_are_invited_at_once_and_one_that_is_wrong_keeps_no_other_back() {
    let w = world();
    let ana = w.user("ana", OrgRole::Admin).await;
    let all = |n: usize| {
        let mut all: Vec<Wanted> = (0..n).map(|n| to(&format!("p{n}@example.com"))).collect();
        all.extend([
            to("not an address@"),
            to("p0@example.com"),
            Wanted { teams: vec!["nope".into()], ..to("q@example.com") },
            to("ana"),
        ]);
        all
    };
    let would = w.app.invite_many(&as_user(&ana), all(50), false, true).await.unwrap();
    assert!(would.iter().all(|(_, link)| link.is_none()), "a preview gives no link");
    assert_eq!(w.app.ask(&as_user(&ana), |cx| invitations::count(cx)).unwrap(), 0, "and writes nothing");
    let done = w.app.invite_many(&as_user(&ana), all(50), false, false).await.unwrap();
    let good = done.iter().filter(|(o, link)| matches!(o, Ok(Welcomed::Pending(_))) && link.is_some()).count();
    assert_eq!((good, would.len(), done.len()), (50, 54, 54));
    assert!(done[50].0.is_err() && matches!(done[51].0, Ok(Welcomed::Waits(_))) && done[52].0.is_err());
    assert!(matches!(&done[53].0, Ok(Welcomed::Added(_, teams)) if teams.is_empty()));
    let over = w.app.invite_many(&as_user(&ana), all(1_000), false, false).await.unwrap_err();
    assert_eq!(over.code(), Code::LimitReached);
    assert!(w.findings().is_empty());
}

/// A transaction has a size, and a thousand invitations with their mails and events come near it: all of them or none.
#[tokio::test]
async fn a_list_too_long_for_one_transaction_invites_nobody_and_says_so() {
    let w = world_with(MAIL);
    let ana = w.user("ana", OrgRole::Admin).await;
    let teams = ["vision", "speech", "motion", "fusion", "optics", "chips"];
    for team in teams {
        w.team(team, "ana").await;
    }
    let all = |n: usize| -> Vec<Wanted> {
        let teams: Vec<String> = teams.map(str::to_owned).to_vec();
        let one = |n| Wanted { teams: teams.clone(), ..to(&format!("{}{n}@example.com", "x".repeat(50))) };
        (0..n).map(one).collect()
    };
    let refused = w.app.invite_many(&as_user(&ana), all(1_000), true, false).await.unwrap_err();
    assert_eq!(refused.code(), Code::TooLarge);
    assert!(refused.sentence().contains("Nothing was changed. Divide the list"), "{}", refused.sentence());
    assert_eq!(w.app.ask(&as_user(&ana), |cx| invitations::count(cx)).unwrap(), 0);
    assert!(w.findings().is_empty());
    let done = w.app.invite_many(&as_user(&ana), all(300), true, false).await.unwrap();
    assert!(done.iter().all(|(outcome, _)| outcome.is_ok()));
    assert!(w.findings().is_empty());
}

#[tokio::test]
async fn f141_f142_mail_waits_in_the_outbox_sealed_and_is_tried_again() {
    let w = world_with(MAIL);
    let (ana, tea) = (w.user("ana", OrgRole::Admin).await, w.user("tea", OrgRole::Member).await);
    w.team("acme", "tea").await;
    let list = || w.app.ask(&as_user(&ana), |cx| outbox::list(cx, crate::store::Range::all().limit(9))).unwrap().items;
    let (Welcomed::Pending(quiet), link) = w.app.invite(&as_user(&ana), to("q@example.com"), false).await.unwrap()
    else {
        panic!()
    };
    assert!(!quiet.mailed && link.is_some() && list().is_empty(), "F142: without the box nothing is mailed");
    let (Invited::Pending(loud), None) =
        w.app.invite_to_team(&as_user(&tea), "acme", "z@example.com", "member", true).await.unwrap()
    else {
        panic!("mailed, the link is not the team admin's to see")
    };
    assert!(loud.mailed && loud.proves && loud.invite.by_mail);
    let mail = &list()[0];
    let token = w.mailed();
    assert!(!mail.secret.contains(&token) && mail.state == MailState::Waiting);
    // Nobody listens on that port: it waits, longer each time, until it is given up.
    let mut at = START;
    for pause in PAUSES {
        w.app.send_due_mail().await.unwrap();
        let mail = &list()[0];
        assert_eq!((mail.state, mail.at), (MailState::Waiting, at + pause), "{}", mail.answer);
        assert!(mail.answer.starts_with("Connect"), "{}", mail.answer);
        at += pause;
        w.clock.set(at);
    }
    w.app.send_due_mail().await.unwrap();
    assert_eq!(list()[0].state, MailState::GivenUp);
    let id = list()[0].id;
    assert_eq!(w.app.send_again(&as_user(&tea), id).await.unwrap_err().code(), Code::Denied);
    w.app.send_again(&as_user(&ana), id).await.unwrap();
    assert_eq!((list()[0].state, list()[0].tries), (MailState::Waiting, 0));
    // What it is about is gone: it is not sent at all.
    let gone = loud.invite.id;
    w.app.act(&as_user(&tea), move |cx| invitations::withdraw(cx, gone)).await.unwrap();
    w.app.send_due_mail().await.unwrap();
    assert_eq!((list()[0].state, list()[0].secret.as_str()), (MailState::Void, ""));
    w.clock.set(at + 31 * DAY);
    w.app.tick();
    w.app.settle().await.unwrap();
    assert!(list().is_empty(), "swept away after a month");
    assert!(w.findings().is_empty());
}

#[tokio::test]
async fn an_address_is_not_flooded_by_inviting_and_withdrawing() {
    let w = world_with(MAIL);
    let (ana, tea) = (w.user("ana", OrgRole::Admin).await, w.user("tea", OrgRole::Member).await);
    w.team("acme", "tea").await;
    let invite = async |whom: &str| w.app.invite_to_team(&as_user(&tea), "acme", whom, "member", true).await;
    for n in 0..10 {
        let Ok((Invited::Pending(waiting), _)) =
            invite(if n % 2 == 0 { "z@example.com" } else { "Z@Example.com" }).await
        else {
            panic!("{n}")
        };
        let id = waiting.invite.id;
        w.app.act(&as_user(&tea), move |cx| invitations::withdraw(cx, id)).await.unwrap();
    }
    let refused = invite("z@example.com").await.unwrap_err();
    assert_eq!((refused.code(), refused.retry_after_seconds()), (Code::TooManyAttempts, Some(3_600)));
    assert!(refused.sentence().contains("within an hour"), "{}", refused.sentence());
    // By whomever; but nobody else is kept back, nor is an invitation whose link is handed over.
    let done =
        w.app.invite_many(&as_user(&ana), vec![to("z@example.com"), to("y@example.com")], true, false).await.unwrap();
    assert!(done[0].0.is_err() && done[1].0.is_ok());
    let (_, link) = w.to_team(&ana, "acme", "z@example.com", "member").await.unwrap();
    assert!(link.is_some());
    w.clock.set(START + HOUR + 1);
    w.app.invite(&as_user(&ana), to("z@example.com"), true).await.unwrap();
    assert!(w.findings().is_empty());
}

#[tokio::test]
async fn a_refusal_of_a_mail_server_is_kept_in_its_words() {
    let w = world_with(MAIL);
    let ana = w.user("ana", OrgRole::Admin).await;
    w.app.invite(&as_user(&ana), to("reject@example.com"), true).await.unwrap();
    let mail =
        w.app.ask(&as_user(&ana), |cx| outbox::list(cx, crate::store::Range::all().limit(1))).unwrap().items.remove(0);
    let said = Tried::Refused(format!("550 no such user\r\n{}", "x".repeat(900)));
    w.app.store.write(move |tx| outbox::settle(tx, mail.id, &said, START + 1)).await.unwrap();
    let kept =
        w.app.ask(&as_user(&ana), |cx| outbox::list(cx, crate::store::Range::all().limit(1))).unwrap().items.remove(0);
    assert_eq!(kept.state, MailState::Refused);
    assert!(kept.answer.starts_with("550 no such user") && kept.answer.len() <= 300 && !kept.answer.contains('\n'));
    let listed =
        w.app.ask(&as_user(&ana), |cx| invitations::list(cx, "", &crate::ops::paging::Turn::first(100))).unwrap().items;
    assert_eq!(listed[0].mail.as_ref().map(|(state, _)| *state), Some(MailState::Refused));
}

#[tokio::test]
async fn f150_f151_f157_a_domain_is_claimed_once_with_a_team_that_recommends_itself() {
    let w = world();
    let (ana, ben) = (w.user("ana", OrgRole::Admin).await, w.user("ben", OrgRole::Member).await);
    w.team("acme", "ana").await;
    assert_eq!(w.claim(&ben, "corp.example", None).await.unwrap_err().code(), Code::Denied);
    assert_eq!(w.claim(&ana, "corp.example", Some("acme")).await.unwrap_err().code(), Code::InvalidValue, "C76");
    w.recommend("acme", true).await;
    w.claim(&ana, "Corp.Example", Some("acme")).await.unwrap();
    assert_eq!(w.claim(&ana, "corp.example.", None).await.unwrap_err().code(), Code::NameTaken);
    for bad in ["gmail.com", "", "corp", "127.0.0.1", "a b.com"] {
        let bad: &'static str = bad;
        assert_eq!(w.claim(&ana, bad, None).await.unwrap_err().code(), Code::InvalidValue, "{bad}");
    }
    let claims = w.app.ask(&as_user(&ana), |cx| domains::list(cx)).unwrap();
    assert_eq!((claims[0].0.name.as_str(), claims[0].1.as_ref().unwrap().name.as_str()), ("corp.example", "acme"));
    // Another organization cannot have it either.
    w.app
        .store
        .write_blocking(|tx| {
            tx.note_event();
            let id = crate::model::OrgId(tx.next_id(schema::ORG_IDS)?);
            tx.put(&schema::ORGS, &crate::model::team::Org::new(id, "other".into(), START))?;
            let mut ben = tx.find(&schema::USER_BY_NAME, &"ben".to_owned())?.unwrap();
            ben.orgs = vec![crate::model::user::OrgMembership::new(id, OrgRole::Admin)];
            tx.put(&schema::USERS, &ben)
        })
        .unwrap();
    assert_eq!(w.claim(&ben, "corp.example", None).await.unwrap_err().code(), Code::NameTaken);
    w.claim(&ben, "other.example", None).await.unwrap();
    // And its admin is none of the instance: only the record in the zone proves it.
    let by_word = w.app.act(&as_user(&ben), |cx| domains::prove(cx, "other.example", Proof::Admin)).await;
    assert_eq!(by_word.unwrap_err().code(), Code::Denied);
    let foreign = w.app.act(&as_user(&ana), |cx| domains::release(cx, "other.example")).await;
    assert_eq!(foreign.unwrap_err().code(), Code::NotFound);
    w.app.act(&as_user(&ana), |cx| teams::delete(cx, "acme")).await.unwrap();
    assert!(w.app.ask(&as_user(&ana), |cx| domains::get(cx, "corp.example")).unwrap().default_team.is_none());
    assert!(w.findings().is_empty());
}

#[tokio::test]
async fn f135_f152_f153_f156_f158_f172_newcomers_of_a_captured_domain_join_by_themselves() {
    let w = world_with(MAIL);
    let ana = w.user("ana", OrgRole::Admin).await;
    for team in ["acme", "lab", "hidden"] {
        w.team(team, "ana").await;
    }
    w.recommend("acme", true).await;
    w.recommend("lab", true).await;
    w.claim(&ana, "corp.example", Some("acme")).await.unwrap();
    assert_eq!(w.sign_up("zoe@corp.example").await.unwrap_err().code(), Code::NotOffered, "not proved yet");
    w.app.act(&as_user(&ana), |cx| domains::prove(cx, "corp.example", Proof::Dns).map(drop)).await.unwrap();
    for outside in ["x@example.com", "x@sub.corp.example", "x@corp.example.com"] {
        assert_eq!(w.sign_up(outside).await.unwrap_err().code(), Code::NotOffered, "{outside}");
    }
    w.sign_up("zoe@corp.example").await.unwrap();
    assert!(w.app.ask(&shell(), |cx| users::get(cx, "zoe@corp.example")).is_err(), "F158: no account before the proof");
    let token = w.mailed();
    let found = w.app.look_at_sign_up(&token, &nobody()).unwrap();
    assert_eq!((found.default_team.as_deref(), found.teams.as_slice()), (Some("acme"), &["lab".to_owned()][..]));
    let teams = vec!["lab".into(), "hidden".into(), "nope".into()];
    let (_, session) = w.app.finish_sign_up(&token, NewUser::default(), PASSWORD, teams, &nobody()).await.unwrap();
    let zoe = w.app.store.read(|view| view.get(&schema::USERS, &session.user)).unwrap().unwrap();
    assert_eq!(zoe.org_role(HOME), Some(OrgRole::Member));
    assert_eq!(
        (w.role(&zoe, "acme"), w.role(&zoe, "lab"), w.role(&zoe, "hidden")),
        (Some(TeamRole::Member), Some(TeamRole::Member), None)
    );
    let again = w.app.finish_sign_up(&token, NewUser::default(), PASSWORD, vec![], &nobody()).await;
    assert_eq!(again.unwrap_err().code(), Code::InvitationVoid, "once");
    // An address that has an account gets the same answer and no mail.
    let mails = || w.app.ask(&shell(), |cx| outbox::list(cx, crate::store::Range::all())).unwrap().items.len();
    let before = mails();
    w.clock.set(START + HOUR);
    w.sign_up("zoe@corp.example").await.unwrap();
    assert_eq!(mails(), before);
    // A team that stopped recommending itself is neither offered nor the default team.
    w.recommend("acme", false).await;
    let yan = w.arrive("yan@corp.example", &["acme"]).await.unwrap();
    assert_eq!(w.role(&yan, "acme"), None);
    assert!(w.findings().is_empty());
}

#[tokio::test]
async fn f154_f155_invited_and_existing_people_are_moved_nowhere() {
    let w = world_with(MAIL);
    let ana = w.user("ana", OrgRole::Admin).await;
    let old = NewUser { email: "old@corp.example".into(), username: Some("old".into()), ..NewUser::default() };
    let old = w.app.act(&shell(), move |cx| users::create(cx, &old)).await.unwrap();
    let cold = NewUser {
        email: "cold@corp.example".into(),
        username: Some("cold".into()),
        unverified: true,
        ..NewUser::default()
    };
    let cold = w.app.act(&shell(), move |cx| users::create(cx, &cold)).await.unwrap();
    for team in ["acme", "lab"] {
        w.team(team, "ana").await;
    }
    w.recommend("acme", true).await;
    w.captured(&ana, "corp.example", Some("acme")).await;
    assert_eq!(w.role(&old, "acme"), None);
    let (_, code) = w.invited(&ana, Wanted { teams: vec!["lab".into()], ..to("new@corp.example") }).await;
    let new = w.accept(&code, "new").await.unwrap();
    assert_eq!((w.role(&new, "lab"), w.role(&new, "acme")), (Some(TeamRole::Member), None), "F154");
    // The same where the invited person signs up instead of using the link.
    w.invited(&ana, Wanted { teams: vec!["lab".into()], ..to("own@corp.example") }).await;
    let own = w.arrive("own@corp.example", &[]).await.unwrap();
    assert_eq!((w.role(&own, "lab"), w.role(&own, "acme")), (Some(TeamRole::Member), None));
    // F155: they may join by themselves, as members, what recommends itself, and nothing else.
    let open: Vec<_> =
        w.app.ask(&as_user(&old), |cx| domains::open_to_me(cx)).unwrap().into_iter().map(|t| t.name).collect();
    assert_eq!(open, ["acme"]);
    let join = |who: &User, team: &'static str| {
        let who = as_user(who);
        let app = &w.app;
        async move { app.act(&who, move |cx| domains::join(cx, team).map(drop)).await }
    };
    assert_eq!(join(&old, "lab").await.unwrap_err().kind(), crate::error::Kind::NotFound);
    assert_eq!(join(&cold, "acme").await.unwrap_err().kind(), crate::error::Kind::NotFound, "an unproved address");
    join(&old, "acme").await.unwrap();
    assert_eq!(w.role(&old, "acme"), Some(TeamRole::Member));
    let as_admin = w.app.act(&as_user(&new), |cx| teams::invite(cx, "acme", "new", "admin").map(drop)).await;
    assert_eq!(as_admin.unwrap_err().code(), Code::Denied, "joining gives the role member only");
    assert!(w.findings().is_empty());
}

#[tokio::test]
async fn sign_up_is_closed_unless_it_is_opened_and_is_not_a_way_to_flood_somebody() {
    let closed = world_with(&[("BAILIWICK_SMTP_URL", "smtp://127.0.0.1:1")]);
    let ana = closed.user("ana", OrgRole::Admin).await;
    closed.captured(&ana, "corp.example", None).await;
    assert_eq!(closed.sign_up("zoe@corp.example").await.unwrap_err().code(), Code::NotOffered);
    let w = world_with(MAIL);
    let ana = w.user("ana", OrgRole::Admin).await;
    w.captured(&ana, "corp.example", None).await;
    w.sign_up("zoe@corp.example").await.unwrap();
    let first = w.mailed();
    w.sign_up("Zoe@corp.example").await.unwrap();
    assert_eq!(w.mailed(), first, "one link a minute for one address");
    let mut refused = 0;
    for n in 0..70 {
        refused += usize::from(
            w.sign_up(&format!("n{n}@corp.example")).await.is_err_and(|e| e.code() == Code::TooManyAttempts),
        );
    }
    assert!(refused > 10 && refused < 30, "one browser's address is slowed down: {refused}");
    w.clock.set(START + 25 * HOUR);
    assert_eq!(w.app.look_at_sign_up(&first, &nobody()).unwrap_err().code(), Code::InvitationVoid, "a day");
}

#[tokio::test]
async fn f150_a_record_in_the_zone_proves_a_domain() {
    let dns = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let at = dns.local_addr().unwrap().to_string();
    let w = world_with(&[("BAILIWICK_DNS_SERVER", &at)]);
    let (ana, ben) = (w.user("ana", OrgRole::Admin).await, w.user("ben", OrgRole::Member).await);
    w.claim(&ana, "corp.example", None).await.unwrap();
    let answering = tokio::spawn(async move {
        for text in ["bailiwick-domain=another", "bailiwick-domain=challenge"] {
            let mut asked = [0; 512];
            let (length, from) = dns.recv_from(&mut asked).await.unwrap();
            assert!(asked[..length].windows(10).any(|part| part == b"_bailiwick"));
            let mut answer = asked[..length].to_vec();
            (answer[2], answer[7]) = (0x81, 1);
            let size = u8::try_from(text.len()).unwrap();
            answer.extend([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60, 0, size + 1, size]);
            answer.extend(text.as_bytes());
            dns.send_to(&answer, from).await.unwrap();
        }
    });
    assert_eq!(w.app.prove_domain(&as_user(&ben), "corp.example").await.unwrap_err().code(), Code::Denied);
    assert_eq!(w.app.prove_domain(&as_user(&ana), "other.example").await.unwrap_err().code(), Code::NotFound);
    assert_eq!(w.app.prove_domain(&as_user(&ana), "corp.example").await.unwrap_err().code(), Code::InvalidValue);
    assert_eq!(w.app.prove_domain(&as_user(&ana), "Corp.example").await.unwrap().proof, Some(Proof::Dns));
    answering.await.unwrap();
}

/// F135, and what the company's sign-in takes once a domain is proved (C18).
#[tokio::test]
async fn f135_f154_newcomers_by_the_companys_sign_in_follow_their_domain() {
    use crate::model::identity::{ExternalGroups, ExternalIdentity, oidc_connection};
    let w = world_with(&[("OIDC_ISSUER", "https://idp.example"), ("OIDC_CLIENT_ID", "c")]);
    let ana = w.user("ana", OrgRole::Admin).await;
    for team in ["acme", "lab"] {
        w.team(team, "ana").await;
    }
    let comes = |subject: &str, email: &str, verified: bool| {
        let who = ExternalIdentity {
            connection: oidc_connection("https://idp.example"),
            subject: subject.to_owned(),
            username: None,
            name: None,
            email: Some(email.to_owned()),
            email_verified: Some(verified),
            groups: ExternalGroups::Unknown("no groups".into()),
            session: None,
        };
        let app = &w.app;
        async move {
            let (_, session) = app.sign_in_by(who, "oidc", &nobody()).await?;
            app.store.read(|view| Ok(view.get(&schema::USERS, &session.user)?.unwrap()))
        }
    };
    comes("0", "early@elsewhere.example", true).await.unwrap();
    w.recommend("acme", true).await;
    w.captured(&ana, "corp.example", Some("acme")).await;
    let zoe = comes("1", "zoe@corp.example", true).await.unwrap();
    assert_eq!((zoe.org_role(HOME), w.role(&zoe, "acme")), (Some(OrgRole::Member), Some(TeamRole::Member)));
    let yan = comes("2", "yan@corp.example", false).await.unwrap();
    assert_eq!(w.role(&yan, "acme"), None, "F158: an unproved address captures nobody");
    // From elsewhere only who was here before, or is invited; and who is invited joins what they were invited to.
    comes("0", "early@elsewhere.example", true).await.unwrap();
    assert_eq!(comes("3", "eve@elsewhere.example", true).await.unwrap_err().code(), Code::Denied);
    let wanted = Wanted { org_role: Some(OrgRole::Admin), teams: vec!["lab".into()], ..to("eve@elsewhere.example") };
    w.invited(&ana, wanted).await;
    let eve = comes("3", "eve@elsewhere.example", true).await.unwrap();
    assert_eq!((eve.org_role(HOME), w.role(&eve, "lab")), (Some(OrgRole::Admin), Some(TeamRole::Member)));
    w.invited(&ana, Wanted { teams: vec!["lab".into()], ..to("new@corp.example") }).await;
    let new = comes("4", "new@corp.example", true).await.unwrap();
    assert_eq!((w.role(&new, "lab"), w.role(&new, "acme")), (Some(TeamRole::Member), None));
    assert!(w.findings().is_empty());
}

/// Classic pre-hijacking: whoever can make an account with another person's address waits there for what that person is given.
#[tokio::test]
async fn an_address_that_nobody_proved_finds_nobody_to_give_something_to() {
    let w = world();
    let (ana, tea) = (w.user("ana", OrgRole::Admin).await, w.user("tea", OrgRole::Member).await);
    for team in ["acme", "lab"] {
        w.team(team, if team == "acme" { "tea" } else { "ana" }).await;
    }
    // Without a mail server a team admin sees the link, and opens it with a password of their own.
    let (_, link) = w.to_team(&tea, "acme", "zoe@example.com", "viewer").await.unwrap();
    let mallory = w.accept(&code(link), "mallory").await.unwrap();
    assert!(!mallory.emails[0].verified);
    let address = "Zoe@example.com";
    let refused = |error: crate::error::Error| {
        assert_eq!(error.code(), Code::InvalidValue, "{error}");
        assert!(error.sentence().contains("nobody proved") && error.sentence().contains("mallory"), "{error}");
    };
    let wanted = Wanted { teams: vec!["lab".into()], ..to(address) };
    refused(w.app.invite(&as_user(&ana), wanted.clone(), false).await.unwrap_err());
    refused(w.app.invite_to_team(&as_user(&ana), "lab", address, "member", false).await.unwrap_err());
    let by = as_user(&ana);
    refused(
        w.app
            .act(&by, move |cx| teams::create(cx, &teams::NewTeam::named("new"), Some(address)).map(drop))
            .await
            .unwrap_err(),
    );
    let new = NewProject {
        entity: Some("acme".into()),
        name: "vault".into(),
        visibility: Some(Visibility::Restricted),
        members: vec![],
    };
    w.app.act(&as_user(&tea), move |cx| projects::create(cx, &new).map(drop)).await.unwrap();
    refused(w.app.act(&as_user(&tea), move |cx| project_members::add(cx, "acme", "vault", address)).await.unwrap_err());
    // A sign-in with the address and administration by it are not giving.
    w.app.ask(&by, |cx| users::get(cx, address)).unwrap();
    // By its name it is plain who is meant; and an admin may vouch, a team admin may not.
    w.app.act(&as_user(&tea), |cx| project_members::add(cx, "acme", "vault", "mallory")).await.unwrap();
    assert!(w.app.act(&as_user(&tea), |cx| users::vouch(cx, "mallory").map(drop)).await.is_err());
    assert!(w.app.act(&as_user(&mallory), |cx| users::vouch(cx, "mallory").map(drop)).await.is_err());
    w.app.act(&by, |cx| users::vouch(cx, "mallory").map(drop)).await.unwrap();
    let event = w.events("user:update").await.remove(0);
    assert!(event.changes.iter().any(|c| c.field == "address" && c.to.as_deref() == Some("proven")), "{event:?}");
    assert!(matches!(w.app.invite(&by, wanted, false).await.unwrap().0, Welcomed::Added(_, teams) if teams == ["lab"]));
    assert!(w.findings().is_empty());
}

/// CVE-2019-19844 Django: the mail went to the address as typed, the account to the one it folds to.
#[tokio::test]
async fn the_link_of_a_sign_up_goes_to_the_very_address_that_the_account_gets() {
    let w = world_with(MAIL);
    let ana = w.user("ana", OrgRole::Admin).await;
    w.captured(&ana, "corp.example", None).await;
    for (typed, becomes) in [
        ("\u{fb01}ona@corp.example", "fiona@corp.example"),
        ("\u{212a}im@corp.example", "kim@corp.example"),
        ("Zoe@Corp.Example", "zoe@corp.example"),
    ] {
        w.sign_up(typed).await.unwrap();
        let mails = w.app.ask(&shell(), |cx| outbox::list(cx, crate::store::Range::all().limit(1))).unwrap().items;
        assert_eq!(mails[0].to, becomes);
        let (_, session) =
            w.app.finish_sign_up(&w.mailed(), NewUser::default(), PASSWORD, vec![], &nobody()).await.unwrap();
        let made = w.app.store.read(|view| view.get(&schema::USERS, &session.user)).unwrap().unwrap();
        assert_eq!(made.email(), Some(becomes));
    }
}

/// GO-2025-3854 OpenBao: who exists could be told by the time it took. Both do the same work: one row, one commit.
#[tokio::test]
async fn a_sign_up_costs_the_same_whether_the_address_is_known() {
    let w = world_with(MAIL);
    let ana = w.user("ana", OrgRole::Admin).await;
    w.captured(&ana, "example.com", None).await;
    let written = |address: &str| w.app.store.read(|view| view.get(&schema::SIGN_UPS, &address.to_owned())).unwrap();
    let mails = || w.app.ask(&shell(), |cx| outbox::list(cx, crate::store::Range::all())).unwrap().items.len();
    for (address, mailed) in [("ana@example.com", 0), ("new@example.com", 1)] {
        let before = mails();
        w.sign_up(address).await.unwrap();
        let first = written(address).unwrap();
        assert_eq!(mails() - before, mailed, "{address}");
        w.sign_up(address).await.unwrap();
        assert_eq!((written(address).unwrap(), mails() - before), (first, mailed), "{address}: once a minute");
    }
    assert!(w.findings().is_empty());
}

/// Two browsers open one link at the same moment.
#[tokio::test]
async fn a_link_opened_twice_at_once_makes_one_account() {
    let w = world();
    let ana = w.user("ana", OrgRole::Admin).await;
    w.team("acme", "ana").await;
    let (_, code) = w.invited(&ana, Wanted { teams: vec!["acme".into()], ..to("zoe@example.com") }).await;
    let (one, two, three) = tokio::join!(w.accept(&code, "one"), w.accept(&code, "two"), w.accept(&code, "three"));
    let done = [one, two, three];
    assert_eq!(done.iter().filter(|made| made.is_ok()).count(), 1);
    for refused in done.iter().filter_map(|made| made.as_ref().err()) {
        assert!(matches!(refused.code(), Code::InvitationVoid | Code::EmailTaken), "{refused}");
    }
    assert!(w.findings().is_empty());
}

/// CVE-2025-2938 GitLab's class: a word that was given while one could, used after one cannot any more.
#[tokio::test]
async fn the_word_of_an_admin_proves_no_address_after_they_are_none() {
    for mail in [false, true] {
        let w = world_with(MAIL);
        w.user("ana", OrgRole::Admin).await;
        let ben = w.user("ben", OrgRole::Admin).await;
        w.team("acme", "ben").await;
        let seen = |name: &'static str| {
            let (app, by) = (&w.app, as_user(&ben));
            async move {
                let who = format!("{name}@example.com");
                app.invite_to_team(&by, "acme", &who, "member", mail).await.unwrap().1
            }
        };
        let (before, after) = (seen("one").await, seen("two").await);
        assert!(w.accept(&code(before), "one").await.unwrap().emails[0].verified);
        w.app.act(&shell(), |cx| users::set_org_role(cx, "ben", OrgRole::Member).map(drop)).await.unwrap();
        let made = w.accept(&code(after), "two").await.unwrap();
        assert!(!made.emails[0].verified, "ben saw the link, and vouches for nobody any more (mailed: {mail})");
        assert_eq!(w.role(&made, "acme"), Some(TeamRole::Member), "he still manages the team");
    }
}
