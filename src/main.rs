//! The executable: a few lines over the library, so that benchmarks can use what it uses. Everything is in `cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    // One cryptography provider for every TLS connection of the process, chosen before any can be made.
    let _ = rustls::crypto::ring::default_provider().install_default();
    bailiwick::cli::main()
}
