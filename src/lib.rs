//! Bailiwick: identity and access for machine-learning teams, in one executable.
//!
//! The crate map. Surfaces translate, `ops` act, `policy` decides, `store` keeps; `tests/suite/architecture.rs` holds who may import whom.
//!
//! | room | what it is for |
//! | --- | --- |
//! | [`error`], [`clock`], [`crypto`], [`meter`] | leaves: the one error type, the only system clock, the only randomness, counts |
//! | [`config`] | how the server starts (flags, environment) and how it behaves (settings) |
//! | [`cli`], [`control`] | the command line; the socket by which it reaches a running server |
//! | [`console`] | pages for people, over the same use-cases as every surface |
//! | [`http`] | the server: TLS, the one middleware, error formats, assets, health |
//! | [`dns`] | the question whether a domain holds a record |
//! | [`idp`] | adapters to OpenID providers and LDAP directories |
//! | [`jobs`] | what the server does by itself: the sync with the directory, sending mail |
//! | [`mail`] | speaking to the mail server, and what mails say |
//! | [`model`] | plain data and the rules that need nothing but the data itself |
//! | [`policy`] | the access decision: pure, total, explains itself |
//! | [`store`] | an ordered transactional byte map with typed tables, indexes, group commit |
//! | [`ops`] | use-cases: one function per thing a person can do |
//! | [`graphql`] | the administration API that the wandb SDK calls |
//! | [`decisions`] | the decision point for other services: AuthZEN, and the answer for reverse proxies |
//! | [`runs`] | what a running wandb client streams, and the bytes of files |
//! | [`blobs`] | the bytes of run files on disk |
//! | [`scim`] | provisioning by identity providers and scripts: users, teams, custom roles |
//! | [`rest`] | small JSON endpoints: the credential's subject, explanations, the audit log |

pub mod app;
pub mod blobs;
pub mod cli;
pub mod clock;
pub mod config;
pub mod console;
pub mod control;
pub mod crypto;
pub mod decisions;
pub mod dns;
pub mod error;
pub mod graphql;
pub mod http;
pub mod idp;
pub mod jobs;
pub mod mail;
pub mod meter;
pub mod model;
pub mod ops;
pub mod policy;
pub mod rest;
pub mod runs;
pub mod scim;
pub mod store;

/// Rows and answers are made on one thread and freed on another all the time, where the C library's allocator takes a lock
/// of the arena they came from. This one is about a sixth faster for writes of many clients, and costs a megabyte.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
