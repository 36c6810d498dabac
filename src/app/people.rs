//! Invitations, signing up and mail, across the line between the network and the transactions: links are drawn before, mail is
//! sent after. What is allowed is [`crate::ops::invitations`]'s, [`crate::ops::sign_up`]'s and [`crate::ops::outbox`]'s.

use super::App;
use crate::config::settings::mail::Mail as MailSettings;
use crate::dns;
use crate::error::{Code, Error, Result};
use crate::mail::{Outcome, Post, letters};
use crate::model::InviteId;
use crate::model::domain::{Domain, Proof};
use crate::model::identity::Check;
use crate::model::mail::Mail;
use crate::model::session::Session;
use crate::model::user::User;
use crate::ops::invitations::{self, Invited, Link, Offer, Sending, Waiting, Wanted, Welcomed};
use crate::ops::outbox::{self, Text, Tried};
use crate::ops::sessions::FreshSession;
use crate::ops::users::NewUser;
use crate::ops::{self, Caller, domains, sign_up};
use crate::policy::{Process, Subject};
use std::net::IpAddr;

/// Mails that are read at a time.
const AT_ONCE: usize = 20;

impl App {
    /// Whether there is a mail server.
    pub fn has_mail(&self) -> bool {
        self.settings.current().mail().is_on()
    }

    fn sending(&self, mail: bool) -> Result<Sending> {
        Ok(Sending { link: Link::draw(&self.random, &self.sealer)?, mail })
    }

    /// Where the link of an invitation leads.
    fn invite_url(&self, token: &str) -> String {
        format!("{}/invite?code={token}", self.base_url)
    }

    fn newcomer(&self, who: &Caller) -> Caller {
        Caller { subject: Subject::process(Process::Newcomer), origin: who.origin.clone() }
    }

    /// The link of an invitation that was just made, where the asker may see it.
    fn shown(&self, waiting: &Waiting, sending: &Sending) -> Option<String> {
        self.bell.notify_one();
        waiting.shown.then(|| self.invite_url(sending.link.token()))
    }

    /// Adds somebody to a team, or invites an address; gives the link where the asker may see it.
    pub async fn invite_to_team(
        &self,
        who: &Caller,
        team: &str,
        whom: &str,
        role: &str,
        mail: bool,
    ) -> Result<(Invited, Option<String>)> {
        let sending = self.sending(mail)?;
        let (team, whom, role, kept) = (team.to_owned(), whom.to_owned(), role.to_owned(), sending.clone());
        let invited = self.act(who, move |cx| invitations::to_team(cx, &team, &whom, &role, Some(&kept))).await?;
        let link = match &invited {
            Invited::Pending(waiting) => self.shown(waiting, &sending),
            Invited::Added(..) => None,
        };
        Ok((invited, link))
    }

    /// Invites to the organization; gives the link where the asker may see it.
    pub async fn invite(&self, who: &Caller, wanted: Wanted, mail: bool) -> Result<(Welcomed, Option<String>)> {
        let sending = self.sending(mail)?;
        let kept = sending.clone();
        let welcomed = self.act(who, move |cx| invitations::to_org(cx, &wanted, &kept)).await?;
        let link = match &welcomed {
            Welcomed::Pending(waiting) => self.shown(waiting, &sending),
            _ => None,
        };
        Ok((welcomed, link))
    }

    /// Invites many to the organization; what became of each, with its link. With `rehearsed`, only what would become of them.
    pub async fn invite_many(
        &self,
        who: &Caller,
        all: Vec<Wanted>,
        mail: bool,
        rehearsed: bool,
    ) -> Result<Vec<(Result<Welcomed>, Option<String>)>> {
        let all = all.into_iter().map(|wanted| Ok((wanted, self.sending(mail)?))).collect::<Result<Vec<_>>>()?;
        let links: Vec<Sending> = all.iter().map(|(_, sending)| sending.clone()).collect();
        let done = match rehearsed {
            true => self.rehearse(who, move |cx| invitations::many(cx, &all)).await?,
            false => self.act(who, move |cx| invitations::many(cx, &all)).await?,
        };
        let with_link = |(outcome, sending): (Result<Welcomed>, Sending)| {
            let link = match &outcome {
                Ok(Welcomed::Pending(waiting)) if !rehearsed => self.shown(waiting, &sending),
                _ => None,
            };
            (outcome, link)
        };
        Ok(done.into_iter().zip(links).map(with_link).collect())
    }

    /// Sends an invitation again with a fresh link; gives the link where the asker may see it.
    pub async fn resend(&self, who: &Caller, id: InviteId, mail: bool) -> Result<(Waiting, Option<String>)> {
        let sending = self.sending(mail)?;
        let kept = sending.clone();
        let waiting = self.act(who, move |cx| invitations::resend(cx, id, &kept)).await?;
        let link = self.shown(&waiting, &sending);
        Ok((waiting, link))
    }

    /// What an invitation gives, for whoever holds its link.
    pub fn look_at_invitation(&self, token: &str, who: &Caller) -> Result<Offer> {
        self.ask(&self.newcomer(who), |cx| invitations::look(cx, token))
    }

    /// Makes the account of somebody who was invited, and signs them in.
    pub async fn accept_invitation(
        &self,
        token: &str,
        new: NewUser,
        password: &str,
        who: &Caller,
    ) -> Result<(FreshSession, Session)> {
        let offer = self.look_at_invitation(token, who)?;
        self.passwords_count()?;
        let token = token.to_owned();
        let hash = self.own_password(&offer.email, &new, password).await?;
        let new = NewUser { password_hash: Some(hash), ..new };
        let user = self.act(&self.newcomer(who), move |cx| invitations::accept_new(cx, &token, &new)).await?;
        self.open_session(&user, "invitation", None, who).await
    }

    /// Declines an invitation.
    pub async fn decline_invitation(&self, token: &str, who: &Caller) -> Result<()> {
        let token = token.to_owned();
        self.act(&self.newcomer(who), move |cx| invitations::decline(cx, &token)).await
    }

    /// Whether an address may sign up by itself.
    pub fn takes_sign_up(&self, address: &str, who: &Caller) -> Result<bool> {
        self.ask(&self.newcomer(who), |cx| sign_up::takes(cx, address))
    }

    /// Has a link mailed that proves an address, at most so often for each browser's address as passwords may be wrong.
    pub async fn begin_sign_up(&self, address: &str, who: &Caller, ip: IpAddr) -> Result<()> {
        let (now, slot) = (self.clock.now(), format!("sign-up {address}"));
        self.sign_ups.check(&slot, Some(ip), now)?;
        self.sign_ups.failed(&slot, Some(ip), now);
        let (address, sending) = (address.to_owned(), self.sending(true)?);
        self.act(&self.newcomer(who), move |cx| sign_up::begin(cx, &address, &sending)).await?;
        self.bell.notify_one();
        Ok(())
    }

    /// What a sign-up leads to, for whoever holds its link.
    pub fn look_at_sign_up(&self, token: &str, who: &Caller) -> Result<sign_up::Found> {
        self.ask(&self.newcomer(who), |cx| sign_up::look(cx, token))
    }

    /// Makes the account of a proved address, and signs its owner in.
    pub async fn finish_sign_up(
        &self,
        token: &str,
        new: NewUser,
        password: &str,
        teams: Vec<String>,
        who: &Caller,
    ) -> Result<(FreshSession, Session)> {
        let found = self.look_at_sign_up(token, who)?;
        self.passwords_count()?;
        let token = token.to_owned();
        let hash = self.own_password(&found.email, &new, password).await?;
        let new = NewUser { password_hash: Some(hash), ..new };
        let user: User = self.act(&self.newcomer(who), move |cx| sign_up::finish(cx, &token, &new, &teams)).await?;
        self.open_session(&user, "sign-up", None, who).await
    }

    async fn own_password(&self, email: &str, new: &NewUser, password: &str) -> Result<String> {
        self.new_password(password, &[email, new.username.as_deref().unwrap_or_default(), &new.name]).await
    }

    /// Refuses to make an account with a password where people sign in through the company.
    fn passwords_count(&self) -> Result<()> {
        match self.settings.current().is_sso_on() {
            false => Ok(()),
            true => Err(Error::denied(
                "People sign in through the company here, and not with a password of their own.",
                true,
            )
            .hint("Sign in with your company; what you were invited to is yours then.")),
        }
    }

    /// Looks for the record that proves a domain, and marks it as proved.
    ///
    /// # Errors
    /// [`Code::NotFound`], [`Code::InvalidValue`] where the record is not there, [`Code::ProviderDown`] where nobody answers.
    pub async fn prove_domain(&self, who: &Caller, name: &str) -> Result<Domain> {
        let domain = self.ask(who, |cx| domains::get(cx, name))?;
        let servers = match self.settings.current().people().dns_server {
            Some(server) => vec![server],
            None => dns::servers(&std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default()),
        };
        let record = domains::record_name(&domain.name);
        let id = u16::from_be_bytes(self.random.bytes::<2>()?);
        let found = dns::texts(&servers, &record, id).await.map_err(|why| {
            Error::new(Code::ProviderDown, why.0).hint("Try again, or confirm the domain by your own word.")
        })?;
        if !found.iter().any(|text| text.trim() == domains::record_text(&domain)) {
            return Err(Error::invalid(format!("{record} does not hold the text."))
                .hint("A new record may take a while to be seen; try again later."));
        }
        self.act(who, move |cx| domains::prove(cx, &domain.name, Proof::Dns)).await
    }

    /// Waits until something was put into the outbox.
    pub async fn post_bell(&self) {
        self.bell.notified().await;
    }

    /// Rings for mail that is to be tried at once.
    pub async fn send_again(&self, who: &Caller, id: crate::model::MailId) -> Result<Mail> {
        let mail = self.act(who, move |cx| outbox::again(cx, id)).await?;
        self.bell.notify_one();
        Ok(mail)
    }

    /// Sends what is due, one after the other. Without a mail server everything stays.
    pub async fn send_due_mail(&self) -> Result<()> {
        loop {
            if !self.has_mail() {
                return Ok(());
            }
            let now = self.clock.now();
            let due = self.store.read(|view| outbox::due(view, now, AT_ONCE))?;
            if due.is_empty() {
                return Ok(());
            }
            for mail in due {
                let tried = self.try_mail(&mail).await?;
                let (id, now) = (mail.id, self.clock.now());
                self.store.write(move |tx| outbox::settle(tx, id, &tried, now)).await?;
            }
        }
    }

    async fn try_mail(&self, mail: &Mail) -> Result<Tried> {
        let Some(token) = invitations::open_secret(&self.sealer, &mail.secret) else { return Ok(Tried::Void) };
        let who = Caller::process(Process::Newcomer);
        let Some(text) = self.ask(&who, |cx| outbox::text(cx, mail, &token))? else { return Ok(Tried::Void) };
        let letter = match &text {
            Text::Invitation(offer) => letters::invitation(&letters::Invitation {
                to: &mail.to,
                org: &offer.org,
                by: &offer.by,
                teams: &offer.teams,
                until: &crate::clock::day(offer.expires_at),
                url: &self.invite_url(&token),
            }),
            Text::SignUp(org) => {
                letters::sign_up(&mail.to, org, &format!("{}/signup/confirm?code={token}", self.base_url))
            }
        };
        let post = Post::new(self.settings.current().mail(), &self.base_url);
        let id = format!("mail-{}-{}", mail.id.0, mail.created_at);
        Ok(match post.send(&letter, &id).await {
            Outcome::Taken(answer) => Tried::Sent(answer),
            Outcome::Later(why) => Tried::Later(why),
            Outcome::Refused(why) => Tried::Refused(why),
        })
    }

    /// Tries a mail server step by step with a mail to the asker, for those who may change settings; nothing is kept.
    pub async fn test_mail(&self, who: &Caller, settings: &MailSettings) -> Result<Vec<Check>> {
        let me = self.ask(who, |cx| {
            ops::settings::may_save(cx)?;
            ops::users::me(cx)
        })?;
        let Some(to) = me.email() else {
            return Ok(vec![Check {
                name: "Find whom to send a mail to".to_owned(),
                passed: false,
                detail: "Your own account has no address.".to_owned(),
            }]);
        };
        let (post, letter) = (Post::new(settings, &self.base_url), letters::trial(to, &self.base_url));
        let id = format!("trial-{}", self.random.letters(12)?);
        Ok(post.test(&letter, &id).await)
    }
}
