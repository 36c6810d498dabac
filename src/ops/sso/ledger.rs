//! Everybody of a connection, read at once, so that a sync knows without a transaction who needs none: most people are today
//! what they were an hour ago. It only ever says "nothing to do"; what there is to do, [`super::refresh`] finds out by itself.

use super::{Follow, team_of};
use crate::config::settings::Settings;
use crate::error::Result;
use crate::model::identity::{ExternalGroups, ExternalIdentity};
use crate::model::user::Status;
use crate::model::{TeamId, UserId, name};
use crate::store::{Range, Read, schema};
use std::collections::{BTreeMap, HashMap};

/// From how many accounts on all memberships are read in a row instead of one account's after the other.
const MANY: usize = 500;

/// The active accounts of a connection.
#[derive(Debug, Default)]
pub struct Ledger {
    accounts: HashMap<String, Account>,
    /// The team of each group met so far, by the group's last name, which is its own.
    teams: HashMap<String, Option<TeamId>>,
}

#[derive(Debug)]
struct Account {
    user: UserId,
    name: String,
    email: Option<String>,
    /// What its groups made it a member of.
    linked: Vec<(TeamId, String)>,
    /// What it is a member of.
    teams: Vec<TeamId>,
}

impl Ledger {
    /// Reads the accounts of a connection.
    pub fn read(view: &impl Read, connection: &str) -> Result<Ledger> {
        let mut ledger = Ledger::default();
        let mut subjects: HashMap<UserId, String> = HashMap::new();
        for identity in view.all(&schema::IDENTITIES, &(connection.to_owned(),))? {
            let Some(user) = view.get(&schema::USERS, &identity.user)? else { continue };
            if user.status != Status::Active {
                continue;
            }
            let email = user.email().map(name::fold);
            subjects.insert(user.id, identity.subject.clone());
            let account = Account { user: user.id, name: user.name, email, linked: identity.teams, teams: vec![] };
            ledger.accounts.insert(identity.subject, account);
        }
        let mut keep = |user: UserId, team: TeamId| {
            if let Some(account) = subjects.get(&user).and_then(|subject| ledger.accounts.get_mut(subject)) {
                account.teams.push(team);
            }
        };
        if subjects.len() < MANY {
            for user in subjects.keys() {
                crate::ops::teams::of_user(view, *user)?.iter().for_each(|m| keep(m.user, m.team));
            }
        } else {
            let mut page = view.list(&schema::MEMBERSHIPS, Range::all())?;
            loop {
                page.items.iter().for_each(|m| keep(m.user, m.team));
                let Some(cursor) = page.next else { break };
                page = view.list(&schema::MEMBERSHIPS, Range::all().after(cursor))?;
            }
        }
        for account in ledger.accounts.values_mut() {
            account.teams.sort_unstable();
        }
        Ok(ledger)
    }

    /// How many accounts there are.
    pub fn len(&self) -> usize {
        self.accounts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }

    /// The ids there, each with its account here.
    pub fn accounts(&self) -> impl Iterator<Item = (&str, UserId)> {
        self.accounts.iter().map(|(subject, account)| (subject.as_str(), account.user))
    }

    /// The account here of an id there.
    pub fn account(&self, subject: &str) -> Option<UserId> {
        self.accounts.get(subject).map(|account| account.user)
    }

    /// Whether an account is already what its person is.
    pub fn is_settled(&mut self, view: &impl Read, settings: &Settings, who: &ExternalIdentity) -> Result<bool> {
        let follow = Follow::of(settings, who);
        let Some(account) = self.accounts.get(&who.subject) else { return Ok(false) };
        let says = |text: &Option<String>| text.as_deref().map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned);
        let same_name = !follow.names || says(&who.name).is_none_or(|n| n == account.name);
        let same_email = says(&who.email).is_none_or(|e| Some(name::fold(&e)) == account.email);
        if follow.strict || !same_name || !same_email {
            return Ok(false);
        }
        let ExternalGroups::Complete(groups) = &who.groups else { return Ok(true) };
        if !follow.groups {
            return Ok(true);
        }
        let mut wanted: BTreeMap<TeamId, &str> = BTreeMap::new();
        for group in groups {
            let own = group.names.last().map_or("", String::as_str);
            let team = match self.teams.get(own) {
                Some(known) => *known,
                None => {
                    let found = team_of(view, group, &follow.map)?.map(|team| team.id);
                    self.teams.insert(own.to_owned(), found);
                    found
                }
            };
            wanted.extend(team.map(|team| (team, group.through.as_str())));
        }
        let is_member = wanted.keys().eq(account.teams.iter());
        Ok(is_member && wanted.into_iter().eq(account.linked.iter().map(|(team, through)| (*team, through.as_str()))))
    }
}
