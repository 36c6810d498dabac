//! The doctor: the store's own examination, and what surrounds the store: the bytes of run files, file modes, certificates, disk
//! room. Every finding is a sentence with what to do; nothing is changed.

use super::Answer;
use crate::app::App;
use crate::blobs::Blobs;
use crate::clock::{DAY, Millis};
use crate::config::{Config, Tls};
use crate::error::{Error, Result};
use crate::http::tls;
use crate::ops::runs::files;
use crate::store::{self, Store};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Certificates with less time left are a finding.
const CERTIFICATE_WARNING: Millis = 14 * DAY;
/// Less free room than this is a finding, in bytes.
const ROOM: u64 = 16 * 1024 * 1024;
/// Run files named at most; one more sentence tells how many were left out.
const FILES: usize = 100;

/// Examines the installation.
pub async fn examine(app: &App, config: &Config) -> Result<Answer> {
    let opened = app.store.clone();
    let mut findings = tokio::task::spawn_blocking(move || store::examine(&opened))
        .await
        .map_err(|e| Error::internal(format!("the examination ended early: {e}")))??;
    let mut checked = vec!["the store: every row decoded, every index recomputed, every reference resolved".to_owned()];
    let (opened, blobs) = (app.store.clone(), Blobs::beside(&config.data_dir));
    let (line, mut found) = tokio::task::spawn_blocking(move || check_files(&opened, &blobs))
        .await
        .map_err(|e| Error::internal(format!("the examination ended early: {e}")))??;
    checked.push(line);
    findings.append(&mut found);
    check_modes(&config.data_dir, &mut checked, &mut findings);
    check_room(&config.data_dir, &mut checked, &mut findings);
    check_certificate(config, app.clock.now(), &mut checked, &mut findings);
    Ok(Answer::Doctor { healthy: findings.is_empty(), checked, findings })
}

/// Every file of every run against its bytes on disk: there, and as many as the store says. Bytes that belong to no file are what
/// a crash between disk and store leaves, or wait to be swept: counted, and no finding.
fn check_files(store: &Store, blobs: &Blobs) -> Result<(String, Vec<String>)> {
    let (mut findings, mut unlisted, mut whole, mut broken) = (vec![], 0u64, 0u64, 0u64);
    let mut after = None;
    loop {
        let page = store.read(|view| files::every(view, after.take()))?;
        for file in page.items {
            let size = blobs.size(file.run.0, &file.blob);
            let owed = if size == Some(file.size) { None } else { store.read(|view| files::owed(view, &file))? };
            let Some(run) = owed else {
                // As it should be; or a running server replaced or swept it between the two looks, and owes nothing.
                whole += u64::from(size == Some(file.size));
                continue;
            };
            broken += u64::from(size.is_some());
            let what = match size {
                Some(size) => format!("has {size} bytes on disk instead of {}", file.size),
                None => "has no bytes on disk".to_owned(),
            };
            if findings.len() < FILES {
                findings.push(format!(
                    "File `{}` of run {run} {what}. Restore run-files from a backup, or upload the file again.",
                    file.name
                ));
            } else {
                unlisted += 1;
            }
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    if unlisted > 0 {
        findings.push(format!("{unlisted} more run files are not listed."));
    }
    let spare = match blobs.count().saturating_sub(whole + broken) {
        0 => String::new(),
        spare => format!("; {spare} more on disk belong to none"),
    };
    Ok((format!("run files: {whole} with their bytes on disk{spare}"), findings))
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
