//! First start: the instance's organization. Runs at every start and does nothing when it exists.

use crate::clock::Millis;
use crate::error::{Code, Error, Result};
use crate::model::audit::{Change, Event, EventId, Named};
use crate::model::name;
use crate::model::team::{HOME, Org};
use crate::store::Read;
use crate::store::{Tx, schema};

/// Makes the first organization, named `org_name`, unless it exists; gives whether it did.
pub fn first_start(tx: &mut Tx, org_name: &str, now: Millis, entropy: u128) -> Result<bool> {
    if tx.get(&schema::ORGS, &HOME)?.is_some() {
        return Ok(false);
    }
    let org_name = name::check_text("organization name", org_name, name::NAME_MAX)?;
    if org_name.is_empty() {
        return Err(Error::new(Code::Misconfigured, "The organization needs a name."));
    }
    let id = tx.next_id(schema::ORG_IDS)?;
    if id != HOME.0 {
        return Err(Error::internal("the first organization is not the first"));
    }
    tx.put(&schema::ORGS, &Org::new(HOME, org_name.clone(), now))?;
    let (target, change) = (
        Named::new("organization", HOME, org_name.clone()),
        Change { field: "name".to_owned(), from: None, to: Some(org_name) },
    );
    let event = Event::by_server(EventId::new(now, entropy), now, "organization:create", target, change);
    super::audit::keep(tx, &event)?;
    tx.note_event();
    Ok(true)
}
