//! The doctor: the store's own examination, and what surrounds the store: file modes, certificates, disk room. Every
//! finding is a sentence with what to do; nothing is changed.

use super::Answer;
use crate::app::App;
use crate::clock::{DAY, Millis};
use crate::config::{Config, Tls};
use crate::error::{Error, Result};
use crate::http::tls;
use crate::store;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Certificates with less time left are a finding.
const CERTIFICATE_WARNING: Millis = 14 * DAY;
/// Less free room than this is a finding, in bytes.
const ROOM: u64 = 16 * 1024 * 1024;

/// Examines the installation.
pub async fn examine(app: &App, config: &Config) -> Result<Answer> {
    let opened = app.store.clone();
    let mut findings = tokio::task::spawn_blocking(move || store::examine(&opened))
        .await
        .map_err(|e| Error::internal(format!("the examination ended early: {e}")))??;
    let mut checked = vec!["the store: every row decoded, every index recomputed, every reference resolved".to_owned()];
    check_modes(&config.data_dir, &mut checked, &mut findings);
    check_room(&config.data_dir, &mut checked, &mut findings);
    check_certificate(config, app.clock.now(), &mut checked, &mut findings);
    Ok(Answer::Doctor { healthy: findings.is_empty(), checked, findings })
}

fn check_modes(dir: &Path, checked: &mut Vec<String>, findings: &mut Vec<String>) {
    checked.push(format!("modes and owners in {}", dir.display()));
    let me = rustix::process::geteuid().as_raw();
    let entries = std::fs::read_dir(dir).into_iter().flatten().filter_map(|e| Some(e.ok()?.path()));
    for path in entries.chain([dir.to_owned()]) {
        let Ok(meta) = std::fs::symlink_metadata(&path) else { continue };
        if meta.mode() & 0o077 != 0 && !meta.is_symlink() {
            findings.push(format!(
                "{} can be reached by others (mode {:o}). Run: chmod go= {}",
                path.display(),
                meta.mode() & 0o777,
                path.display()
            ));
        }
        if meta.uid() != me && me != 0 {
            findings
                .push(format!("{} belongs to another user. Give it to the user that runs the server.", path.display()));
        }
    }
}

fn check_room(dir: &Path, checked: &mut Vec<String>, findings: &mut Vec<String>) {
    match rustix::fs::statvfs(dir) {
        Ok(disk) => {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            checked.push(format!("disk room: {} MiB free", free / 1024 / 1024));
            if free < ROOM {
                findings.push(format!(
                    "The disk under {} has only {} MiB left. Make room before writes are refused.",
                    dir.display(),
                    free / 1024 / 1024
                ));
            }
        }
        Err(e) => findings.push(format!("The disk under {} cannot be measured: {e}.", dir.display())),
    }
}

fn check_certificate(config: &Config, now: Millis, checked: &mut Vec<String>, findings: &mut Vec<String>) {
    let path = match &config.tls {
        Tls::Files { cert, .. } => cert.clone(),
        Tls::SelfSigned | Tls::Off => config.data_dir.join(tls::SELF_SIGNED_CERT),
    };
    if let Tls::Files { key, .. } = &config.tls
        && std::fs::metadata(key).is_ok_and(|meta| meta.mode() & 0o007 != 0)
    {
        findings.push(format!(
            "Everybody can reach the private key {}. Run: chmod o= {}",
            key.display(),
            key.display()
        ));
    }
    if !path.exists() && !matches!(config.tls, Tls::Files { .. }) {
        return;
    }
    match tls::file_not_after(&path) {
        Ok(Some(end)) => {
            let days = (end - now).div_euclid(DAY);
            checked.push(format!("certificate {}: {days} days left", path.display()));
            // One of our own making renews itself.
            if end - now < CERTIFICATE_WARNING && matches!(config.tls, Tls::Files { .. }) {
                findings.push(format!(
                    "The certificate {} ends in {days} days. Put a new one in its place; it is taken up without a restart.",
                    path.display()
                ));
            }
        }
        Ok(None) => findings.push(format!("The certificate {} cannot be read. Give a PEM file.", path.display())),
        Err(error) => findings.push(error.sentence()),
    }
}
