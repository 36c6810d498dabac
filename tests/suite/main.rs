//! The acceptance suite: everything here speaks to the real executable from outside (HTTP, command line, files), never
//! to the library. One executable, so that it links once. Names carry the ids of the checklist rows they accept.
//!
//! `tests/run` prepares what it needs; then one capability runs with `cargo test --test suite sign_in::`.
//! The executable is `$BAILIWICK_BIN`, else the newer of the release and debug builds. Start reading in `harness`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test may panic, print and read the environment and the clock"
)]

mod architecture;
mod harness;

mod api_keys;
mod attacks;
mod audit_log;
mod bad_input;
mod cli;
mod console;
mod console_access;
mod console_runs;
mod crash;
mod dashboard;
mod decisions;
mod directory;
mod explain;
mod federation;
mod federation_sdk;
mod forward_auth;
mod invitations;
mod ldap;
mod ldap_attacks;
mod lists;
mod machines;
mod metrics;
mod oidc;
mod oidc_attacks;
mod organization;
mod organizations;
mod packaging;
mod passkeys;
mod permissions;
mod project_roles;
mod roles;
mod run_access;
mod runs;
mod runs_sdk;
mod scim_bad_input;
mod scim_bulk;
mod scim_dialects;
mod scim_groups;
mod scim_lists;
mod scim_roles;
mod scim_safety;
mod scim_tester;
mod scim_users;
mod sdk;
mod seats;
mod sign_in;
mod sign_in_settings;
mod static_binary;
mod switches;
mod tls;
mod visibility;
