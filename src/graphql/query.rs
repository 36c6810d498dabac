//! What can be asked.

use super::{app_of, shown};
use crate::ops;
use async_graphql::{Context, Object, Result};

/// What can be asked.
pub struct Query;

#[Object]
impl Query {
    /// The username of whoever the credential belongs to.
    async fn username(&self, cx: &Context<'_>) -> Result<String> {
        let (app, who) = app_of(cx);
        app.ask(who, |cx| ops::users::me(cx)).map(|user| user.username).map_err(shown)
    }
}
