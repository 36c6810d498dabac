//! Runs: the small workload that the access rules guard. A run is one execution of somebody's script that reports what it
//! measures; who submitted it matters for the rules, what it measured is kept apart from this record.

use super::{ProjectId, RunId, UserId};
use crate::clock::Millis;
use serde::{Deserialize, Serialize};

/// One run of a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Permanent.
    pub id: RunId,
    /// The project it is in now; moving changes it.
    pub project: ProjectId,
    /// What the wandb client calls the run id: unique in its project, compared exactly, kept when the run is deleted.
    pub name: String,
    /// The account whose credential submitted it. Stays when that account leaves the team.
    pub creator: UserId,
    /// The person a service account submitted it for.
    #[serde(default)]
    pub author: Option<UserId>,
    /// When it was submitted.
    pub created_at: Millis,
    /// Since when it is deleted; a deleted run can be brought back.
    #[serde(default)]
    pub deleted_at: Option<Millis>,
}

impl Run {
    /// Whether `user` submitted it, or had it submitted: the one who may do to it what others may not.
    pub fn is_own(&self, user: UserId) -> bool {
        self.creator == user || self.author == Some(user)
    }
}
