//! Where signing in crosses over to the company's directory (LDAP): a bounded number of questions at once, outside any
//! transaction; then `ops::sso` as for every other proof. The test of the connection and the reading of one person, for those
//! who may change settings, go through the same desk.

use super::sign_in_failed;
use crate::app::App;
use crate::config::settings::sso::Ldap;
use crate::error::{Code, Error, Result};
use crate::idp::ldap::{self, Refusal};
use crate::model::identity::{Check, ExternalIdentity, SyncReport};
use crate::model::session::Session;
use crate::model::user::User;
use crate::ops::sessions::FreshSession;
use crate::ops::{self, Caller};
use parking_lot::Mutex;
use std::net::IpAddr;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Questions to the directory at once.
const PLACES: usize = 32;
/// How long somebody waits for one of them.
const QUEUE: Duration = Duration::from_secs(5);

/// What a refusal takes at least: whether the directory knows a name must not show in how soon it says no.
const REFUSAL: Duration = Duration::from_millis(400);

/// What is between the instance and the directory.
pub(in crate::app) struct Desk {
    places: Semaphore,
    report: Mutex<Option<SyncReport>>,
}

impl Default for Desk {
    fn default() -> Self {
        Desk { places: Semaphore::new(PLACES), report: Mutex::default() }
    }
}

impl App {
    async fn place(&self) -> Result<SemaphorePermit<'_>> {
        match tokio::time::timeout(QUEUE, self.desk.places.acquire()).await {
            Ok(place) => place.map_err(Error::internal),
            Err(_) => Err(Error::new(Code::Busy, "Too many people wait for the company's directory.")
                .hint("Try again in a minute.")),
        }
    }

    /// Proves a password by the directory and opens a session. `user` is the account here that the name would mean, for the
    /// audit log.
    pub(super) async fn sign_in_by_directory(
        &self,
        typed: &str,
        password: &str,
        user: Option<&User>,
        who: &Caller,
        ip: Option<IpAddr>,
    ) -> Result<(FreshSession, Session)> {
        let config = self.settings.current().ldap().clone();
        let soonest = tokio::time::Instant::now() + REFUSAL;
        let place = self.place().await?;
        let proof = ldap::sign_in(&config, typed, password).await;
        drop(place);
        let (rule, cause, error) = match proof {
            Ok(identity) => {
                let opened = self.sign_in_by(identity, "ldap", who).await?;
                self.throttle.succeeded(typed, ip);
                return Ok(opened);
            }
            Err(Refusal::Unproven(why)) => {
                self.throttle.failed(typed, ip, self.clock.now());
                tokio::time::sleep_until(soonest).await;
                ("ldap", why, sign_in_failed())
            }
            Err(Refusal::NotAllowed(why)) => ("ldap group allow-list", why.clone(), Error::denied(why, true)),
            Err(Refusal::Down(trouble)) => {
                tracing::warn!(step = trouble.step, "the directory cannot be asked: {}", trouble.detail);
                let error = Error::new(
                    Code::ProviderDown,
                    "The company's directory cannot be asked now, so your password was not checked.",
                )
                .hint("Try again in a minute. An organization admin can see in the audit log which step failed.");
                ("ldap connection", trouble.to_string(), error)
            }
        };
        self.note(Some(self.failed_sign_in(user, (rule, &cause), who)));
        Err(error)
    }

    /// Tests a connection to a directory, step by step, for those who may change settings.
    pub async fn check_directory(&self, who: &Caller, config: &Ldap) -> Result<Vec<Check>> {
        self.ask(who, |cx| ops::settings::may_save(cx))?;
        let _place = self.place().await?;
        Ok(ldap::check(config).await)
    }

    /// Reads one person of a directory as signing in would, without a password, for those who may change settings. What it
    /// would lead to, [`App::rehearse_sign_in`] says.
    pub async fn look_up_in_directory(
        &self,
        who: &Caller,
        config: &Ldap,
        name: &str,
    ) -> Result<(Vec<Check>, Option<ExternalIdentity>)> {
        self.ask(who, |cx| ops::settings::may_save(cx))?;
        let _place = self.place().await?;
        Ok(ldap::look_up(config, name).await)
    }

    /// What the last background sync did, since the start.
    pub fn directory_report(&self) -> Option<SyncReport> {
        self.desk.report.lock().clone()
    }

    /// Keeps what a background sync did.
    pub fn keep_directory_report(&self, report: SyncReport) {
        *self.desk.report.lock() = Some(report);
    }
}
