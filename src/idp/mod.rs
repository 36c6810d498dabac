//! Adapters to other people's identity systems: they prove who somebody is and tell it as an
//! [`crate::model::identity::ExternalIdentity`]. They speak over the network and keep nothing but caches in memory; what a
//! proof leads to here is decided in `ops::sso`. No store, no use-cases in this room.
