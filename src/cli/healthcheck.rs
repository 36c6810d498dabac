//! `healthcheck`: asks a server's `/ready`. Without `--url` it asks the one that runs on the data directory, by the
//! address that this server noted there.

use crate::config::Config;
use crate::error::{Code, Error, Result};
use crate::http::tls::SELF_SIGNED_CERT;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};

/// File in the data directory that says where the running server listens.
const NOTE: &str = "server.json";
/// Where distributions keep the certificate authorities.
const SYSTEM_ROOTS: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

#[derive(Serialize, Deserialize)]
struct Note {
    url: String,
    pid: u32,
}

/// Notes where the running server listens.
pub fn note(config: &Config) -> Result<()> {
    let host = match config.listen.ip() {
        ip if !ip.is_unspecified() => ip,
        ip if ip.is_ipv4() => std::net::Ipv4Addr::LOCALHOST.into(),
        _ => std::net::Ipv6Addr::LOCALHOST.into(),
    };
    let scheme = if config.tls == crate::config::Tls::Off { "http" } else { "https" };
    let url = format!("{scheme}://{}", std::net::SocketAddr::new(host, config.listen.port()));
    let text = serde_json::to_string(&Note { url, pid: std::process::id() }).map_err(Error::internal)?;
    crate::http::tls::write_private(&config.data_dir.join(NOTE), &text)
}

/// Removes the note at the end.
pub fn forget(config: &Config) {
    let _ = std::fs::remove_file(config.data_dir.join(NOTE));
}

/// Succeeds when the server is ready.
pub fn run(config: &Config, url: Option<&str>) -> Result<()> {
    let noted = url.is_none();
    let url = match url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => noted_url(&config.data_dir)?,
    };
    let not_ready = |why: String| {
        Error::new(Code::Busy, format!("The server at {url} is not ready: {why}."))
            .hint("Look into its log, or start it with 'bailiwick serve'.")
    };
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(RootCerts::from(roots(&config.data_dir)))
        // The noted server listens on this machine and its certificate names the public address, not the loopback one.
        // Nothing secret is sent, and the answer decides nothing but this exit code.
        .disable_verification(noted)
        .build();
    let agent = ureq::Agent::config_builder()
        .tls_config(tls)
        .timeout_global(Some(Duration::from_secs(10)))
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .build()
        .new_agent();
    let answer = agent.get(format!("{url}/ready")).call().map_err(|e| not_ready(e.to_string()))?;
    match answer.status().as_u16() {
        200 => Ok(()),
        status => Err(not_ready(format!("it answered {status}"))),
    }
}

fn noted_url(data_dir: &Path) -> Result<String> {
    let note = std::fs::read_to_string(data_dir.join(NOTE)).ok();
    note.and_then(|text| serde_json::from_str::<Note>(&text).ok()).map(|note| note.url).ok_or_else(|| {
        Error::new(Code::Busy, format!("No server runs on the data directory {}.", data_dir.display()))
            .hint("Start it with 'bailiwick serve', or give --data-dir or --url.")
    })
}

fn roots(data_dir: &Path) -> Vec<Certificate<'static>> {
    let own = data_dir.join(SELF_SIGNED_CERT);
    let files = SYSTEM_ROOTS.iter().map(Path::new).chain([own.as_path()]);
    let texts = files.filter_map(|path| std::fs::read(path).ok());
    texts
        .flat_map(|pem| {
            let items = parse_pem(&pem).filter_map(|item| match item {
                Ok(PemItem::Certificate(certificate)) => Some(certificate.to_owned()),
                _ => None,
            });
            items.collect::<Vec<_>>()
        })
        .collect()
}
