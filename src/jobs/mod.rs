//! What the server does by itself, beside answering: the background sync with the directory, and sending mail. Work that nobody waits for; what
//! it may change is `ops`'s to say, like everything else.

pub mod directory;
pub mod outbox;
