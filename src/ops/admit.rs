//! Admission of a request that a reverse proxy holds back: the asker's own decision, by the credential that was sent, and
//! who that is. It is enforcement, not a question about enforcement: a key that only reads opens nothing that writes, and a
//! refusal is an event.

use super::{Cx, explain, or_absent};
use crate::error::Result;
use crate::model::role::Action;
use crate::store::Read;

/// The most bytes of team names that are told.
const GROUPS_MAX: usize = 1_024;

/// Who was let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// The global id.
    pub id: String,
    /// The username.
    pub username: String,
    /// The primary address; service accounts have none.
    pub email: Option<String>,
    /// Whether it is a machine.
    pub is_service: bool,
    /// The names of their teams, by name.
    pub groups: Vec<String>,
    /// Whether they are in more teams than were told.
    pub has_more_groups: bool,
}

/// Lets the asker in to do `action` on `resource`, written as for [`explain::explain`].
///
/// # Errors
/// [`crate::error::Code::Unauthenticated`] for nobody, [`crate::error::Code::Denied`]; what is absent and what is hidden
/// read alike.
pub fn admit<V: Read>(cx: &Cx<V>, action: Action, resource: &str) -> Result<Admitted> {
    let found = or_absent(explain::resolve(cx, action, resource), "resource", resource)?;
    let _grant = or_absent(cx.allow(action, found), "resource", resource)?;
    let user = super::users::oneself(cx)?;
    let (mut groups, mut room, mut has_more_groups) = (vec![], GROUPS_MAX, false);
    for (team, _) in super::teams::mine(cx)? {
        match room.checked_sub(team.name.len() + 1) {
            Some(left) => {
                room = left;
                groups.push(team.name);
            }
            None => has_more_groups = true,
        }
    }
    Ok(Admitted {
        id: user.id.global(),
        username: user.username.clone(),
        email: user.email().map(str::to_owned),
        is_service: user.is_service(),
        groups,
        has_more_groups,
    })
}
