//! TLS by rustls with ring: the certificate in use, its reload when the files change or on SIGHUP (connections that are
//! open keep theirs), and the self-signed certificate that is made and kept in the data directory.

use super::certificate;
use crate::clock::{Clock, DAY, Millis};
use crate::config::{Config, Tls};
use crate::error::{Code, Error, Result};
use parking_lot::RwLock;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How long a self-signed certificate is valid: browsers refuse more than 398 days.
const SELF_SIGNED_DAYS: i64 = 397;
/// A self-signed certificate with less time left is replaced.
const RENEW_BEFORE: Millis = 30 * DAY;

/// The certificate in use, and where it comes from.
#[derive(Debug)]
pub struct Certificates {
    cert: PathBuf,
    key: PathBuf,
    /// The names of a certificate of our own making; empty for the operator's files.
    own_names: Vec<String>,
    clock: Clock,
    current: RwLock<(Arc<CertifiedKey>, Stamp)>,
}

/// What changes when a file is replaced: modification time in seconds and nanoseconds, inode and size of both files.
type Stamp = [(i64, i64, u64, u64); 2];

impl Certificates {
    /// Loads what the configuration names, making a self-signed certificate where asked for; `None` for plain HTTP.
    pub fn load(config: &Config, clock: &Clock) -> Result<Option<Arc<Certificates>>> {
        let (cert, key, own_names) = match &config.tls {
            Tls::Off => return Ok(None),
            Tls::Files { cert, key } => (cert.clone(), key.clone(), Vec::new()),
            Tls::SelfSigned => {
                (config.data_dir.join(SELF_SIGNED_CERT), config.data_dir.join("tls-key.pem"), own_names(config))
            }
        };
        if !own_names.is_empty() {
            keep_self_signed(&cert, &key, &own_names, clock.now())?;
        }
        let stamp = stamp(&cert, &key)?;
        let current = RwLock::new((Arc::new(read_pair(&cert, &key)?), stamp));
        Ok(Some(Arc::new(Certificates { cert, key, own_names, clock: clock.clone(), current })))
    }

    /// Takes the files anew if they changed, or in any case when `forced`. On an error the old certificate stays in use.
    /// Returns whether anything was taken.
    pub fn reload(&self, forced: bool) -> Result<bool> {
        if !self.own_names.is_empty() {
            keep_self_signed(&self.cert, &self.key, &self.own_names, self.clock.now())?;
        }
        let stamp = stamp(&self.cert, &self.key)?;
        if !forced && self.current.read().1 == stamp {
            return Ok(false);
        }
        let pair = read_pair(&self.cert, &self.key)?;
        *self.current.write() = (Arc::new(pair), stamp);
        Ok(true)
    }

    /// When the certificate in use ends.
    pub fn not_after(&self) -> Option<Millis> {
        certificate::not_after(self.current.read().0.cert.first()?)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read().0))
    }
}

/// File name of the self-signed certificate in the data directory; a client on the same machine trusts it from there.
pub const SELF_SIGNED_CERT: &str = "tls-cert.pem";

/// TLS 1.2 and 1.3 with the certificate in use.
pub fn server_config(certificates: Arc<Certificates>) -> Result<rustls::ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::internal(format!("TLS: {e}")))?;
    Ok(config.with_no_client_auth().with_cert_resolver(certificates))
}

/// The first certificate of a PEM file and when it ends.
pub fn file_not_after(path: &Path) -> Result<Option<Millis>> {
    let der = CertificateDer::from_pem_file(path).map_err(|e| unusable(path, &e))?;
    Ok(certificate::not_after(&der))
}

fn stamp(cert: &Path, key: &Path) -> Result<Stamp> {
    let one = |path: &Path| {
        let meta = fs::metadata(path).map_err(|e| unusable(path, &e))?;
        Ok::<_, Error>((meta.mtime(), meta.mtime_nsec(), meta.ino(), meta.len()))
    };
    Ok([one(cert)?, one(key)?])
}

fn read_pair(cert: &Path, key: &Path) -> Result<CertifiedKey> {
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(|all| all.collect::<std::result::Result<Vec<_>, _>>())
        .map_err(|e| unusable(cert, &e))?;
    if chain.is_empty() {
        return Err(unusable(cert, &"it holds no certificate"));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|e| unusable(key, &e))?;
    let private = rustls::crypto::ring::sign::any_supported_type(&private).map_err(|e| unusable(key, &e))?;
    let pair = CertifiedKey::new(chain, private);
    match pair.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => Ok(pair),
        Err(_) => Err(Error::new(
            Code::Misconfigured,
            format!("The key in {} does not belong to the certificate in {}.", key.display(), cert.display()),
        )
        .hint("Give the two files that were made together.")),
    }
}

fn unusable(path: &Path, why: &dyn std::fmt::Display) -> Error {
    Error::new(Code::Misconfigured, format!("{} cannot be used for TLS: {why}.", path.display()))
        .hint("Give PEM files that this user can read.")
}

/// The names a self-signed certificate answers for: this machine's loopback names, the listen address, the base URL.
fn own_names(config: &Config) -> Vec<String> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    if !config.listen.ip().is_unspecified() {
        names.push(config.listen.ip().to_string());
    }
    if let Some(host) = url::Url::parse(&config.base_url).ok().as_ref().and_then(url::Url::host_str) {
        names.push(host.trim_matches(['[', ']']).to_owned());
    }
    names.sort();
    names.dedup();
    names
}

/// Makes the certificate anew when it is absent, ends soon or lacks a name.
fn keep_self_signed(cert: &Path, key: &Path, names: &[String], now: Millis) -> Result<()> {
    if cert.exists() && key.exists() && is_good(cert, names, now) {
        return Ok(());
    }
    let failed = |e: rcgen::Error| Error::internal(format!("making a certificate: {e}"));
    let at = |at: Millis| {
        time::OffsetDateTime::from_unix_timestamp(at / 1000).map_err(|e| Error::internal(format!("clock: {e}")))
    };
    let pair = rcgen::KeyPair::generate().map_err(failed)?;
    let mut params = rcgen::CertificateParams::new(names.to_vec()).map_err(failed)?;
    params.not_before = at(now - DAY)?;
    params.not_after = at(now + SELF_SIGNED_DAYS * DAY)?;
    params.distinguished_name.push(rcgen::DnType::CommonName, "Bailiwick self-signed");
    params.use_authority_key_identifier_extension = true;
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let made = params.self_signed(&pair).map_err(failed)?;
    write_private(key, &pair.serialize_pem())?;
    write_private(cert, &made.pem())
}

fn is_good(cert: &Path, names: &[String], now: Millis) -> bool {
    let Ok(der) = CertificateDer::from_pem_file(cert) else { return false };
    let Ok(parsed) = rustls::server::ParsedCertificate::try_from(&der) else { return false };
    let covers = |name: &String| {
        ServerName::try_from(name.as_str()).is_ok_and(|name| rustls::client::verify_server_name(&parsed, &name).is_ok())
    };
    certificate::not_after(&der).is_some_and(|end| end > now + RENEW_BEFORE) && names.iter().all(covers)
}

/// Writes a file that only its owner can read, and puts it in place in one step.
pub fn write_private(path: &Path, content: &str) -> Result<()> {
    let temporary = path.with_extension("new");
    let write = || {
        let _ = fs::remove_file(&temporary);
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(content.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(|e: std::io::Error| {
        Error::new(Code::StoreReadOnly, format!("{} cannot be written: {e}.", path.display()))
            .hint("Mend the data directory's owner, mode or free room.")
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::{Flags, env::Env};

    fn config(dir: &Path, base: &str) -> Config {
        let flags = Flags {
            data_dir: Some(dir.to_str().unwrap().to_owned()),
            tls_self_signed: true,
            base_url: Some(base.to_owned()),
            ..Flags::default()
        };
        Config::resolve(&flags, &Env::default()).unwrap()
    }

    #[test]
    fn a_self_signed_certificate_is_kept_until_it_ends_or_lacks_a_name() {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::fixed(1_800_000_000_000);
        let first = config(dir.path(), "https://a.example");
        let kept = || fs::read(dir.path().join(SELF_SIGNED_CERT)).unwrap();
        let certificates = Certificates::load(&first, &clock).unwrap().unwrap();
        let one = kept();
        assert_eq!(certificates.not_after(), Some(clock.now() + SELF_SIGNED_DAYS * DAY));
        assert_eq!(fs::metadata(dir.path().join("tls-key.pem")).unwrap().mode() & 0o777, 0o600);
        Certificates::load(&first, &clock).unwrap();
        assert_eq!(kept(), one);
        Certificates::load(&config(dir.path(), "https://b.example"), &clock).unwrap();
        let two = kept();
        assert_ne!(two, one);
        assert!(certificates.reload(false).unwrap());
        assert!(!certificates.reload(false).unwrap());
        clock.set(clock.now() + (SELF_SIGNED_DAYS - 10) * DAY);
        assert!(certificates.reload(false).unwrap());
        assert_ne!(kept(), two);
    }

    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for dir in [&a, &b] {
            Certificates::load(&config(dir.path(), "https://a.example"), &Clock::system()).unwrap();
        }
        let error = read_pair(&a.path().join(SELF_SIGNED_CERT), &b.path().join("tls-key.pem")).unwrap_err();
        assert!(error.detail().contains("does not belong"), "{error:?}");
    }
}
