//! Sends what is due: at once when something was put into the outbox, and every few seconds for what is tried again.

use crate::app::App;
use std::sync::Arc;
use std::time::Duration;

/// How often it is looked whether something is to be tried again.
const LOOK: Duration = Duration::from_secs(5);

/// Sends mail as long as the server runs.
pub async fn keep(app: Arc<App>) {
    loop {
        if let Err(error) = app.send_due_mail().await {
            tracing::warn!("mail stays in the outbox: {error:?}");
        }
        let _ = tokio::time::timeout(LOOK, app.post_bell()).await;
    }
}
