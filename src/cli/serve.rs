//! `serve`: configuration to running server and back down. Logging, the order of opening (directory, socket, store,
//! certificates), signals, and what the service manager hears: READY, WATCHDOG, RELOADING, STOPPING.

use super::healthcheck;
use crate::clock::Clock;
use crate::config::env::Env;
use crate::config::{Config, Flags, Log, prepare_data_dir};
use crate::crypto::Random;
use crate::error::{Error, Result};
use crate::http::tls::Certificates;
use crate::http::{self, Outer};
use actix_web::web;
use sd_notify::NotifyState;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How often certificate files are looked at.
const CERTIFICATE_WATCH: Duration = Duration::from_secs(2);

/// Runs the server until it is told to stop.
pub fn run(flags: &Flags, env: &Env) -> Result<()> {
    let mut config = Config::resolve(flags, env)?;
    config.check_serve()?;
    start_log(&config.log);
    for name in config.unknown_variables() {
        tracing::warn!("the environment variable {name} means nothing to this version; is it a typing mistake?");
    }
    prepare_data_dir(&config.data_dir)?;
    let listener = http::bind(&config)?;
    config.bound_to(listener.local_addr().map_err(Error::internal)?);
    let (clock, random) = (Clock::system(), Random::system());
    let certificates = Certificates::load(&config, &clock)?;
    let boot = u32::from_be_bytes(random.bytes::<4>()?);
    let outer = web::Data::new(Outer::new(&config, boot, Box::new(|| Ok(()))));
    let system = actix_web::rt::System::new();
    let served = system.block_on(async {
        if let Some(certificates) = &certificates {
            actix_web::rt::spawn(watch_certificates(Arc::clone(certificates)));
        }
        actix_web::rt::spawn(feed_watchdog(outer.clone()));
        actix_web::rt::spawn(reload_on_hangup(certificates.clone())?);
        let stop = stop_signal()?;
        let ready = || announce(&config);
        http::serve(&config, listener, certificates, outer, |_| {}, ready, stop).await
    });
    healthcheck::forget(&config);
    tracing::info!("stopped");
    served
}

/// Logs to stderr; stdout is for output that scripts read.
fn start_log(log: &Log) {
    let filter = tracing_subscriber::filter::Targets::new()
        .with_default(tracing::Level::WARN.min(log.level))
        .with_target("bailiwick", log.level)
        .with_target("access", log.level);
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::util::SubscriberInitExt;
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry().with(filter);
    // A second start in one process (a test) keeps the first log.
    let _ = if log.json {
        registry.with(layer.json().flatten_event(true).with_current_span(false).with_span_list(false)).try_init()
    } else {
        let colour = std::io::IsTerminal::is_terminal(&std::io::stderr());
        registry.with(layer.with_ansi(colour).with_target(false)).try_init()
    };
}

/// Says on stdout, to the data directory and to the service manager that connections are taken.
fn announce(config: &Config) {
    let line = serde_json::json!({
        "event": "listening",
        "url": config.base_url,
        "version": env!("CARGO_PKG_VERSION"),
    });
    if let Err(e) = healthcheck::note(config) {
        tracing::warn!("{e}");
    }
    let mut stdout = std::io::stdout();
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
    tell_manager(&[NotifyState::Ready, NotifyState::Status(&format!("Listening on {}", config.base_url))]);
    tracing::info!(url = config.base_url, listen = %config.listen, workers = config.workers, "listening");
}

fn tell_manager(states: &[NotifyState<'_>]) {
    if let Err(e) = sd_notify::notify(states) {
        tracing::debug!("the service manager could not be told: {e}");
    }
}

/// Resolves at SIGTERM or SIGINT. The handlers are in place when this returns, not when the future is first polled.
fn stop_signal() -> Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::internal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::internal)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tell_manager(&[NotifyState::Stopping]);
        tracing::info!("stopping: no new connections, requests in flight may finish");
    })
}

/// Takes the certificate files anew at SIGHUP, which without TLS does nothing and harms nothing.
fn reload_on_hangup(certificates: Option<Arc<Certificates>>) -> Result<impl Future<Output = ()> + 'static> {
    let mut hangup = signal(SignalKind::hangup()).map_err(Error::internal)?;
    Ok(async move {
        while hangup.recv().await.is_some() {
            if let Ok(now) = NotifyState::monotonic_usec_now() {
                tell_manager(&[NotifyState::Reloading, now]);
            }
            if let Some(certificates) = &certificates {
                take_certificates(certificates, true);
            }
            tell_manager(&[NotifyState::Ready]);
        }
    })
}

async fn watch_certificates(certificates: Arc<Certificates>) {
    loop {
        tokio::time::sleep(CERTIFICATE_WATCH).await;
        take_certificates(&certificates, false);
    }
}

fn take_certificates(certificates: &Certificates, forced: bool) {
    match certificates.reload(forced) {
        Ok(true) => tracing::info!("new connections get the new certificate"),
        Ok(false) => {}
        Err(error) => tracing::warn!("the old certificate stays in use: {}", error.sentence()),
    }
}

/// Tells the service manager that we live, as long as the store can be read.
async fn feed_watchdog(outer: web::Data<Outer>) {
    let Some(limit) = sd_notify::watchdog_enabled() else { return };
    loop {
        match (outer.probe)() {
            Ok(()) => tell_manager(&[NotifyState::Watchdog]),
            Err(error) => tracing::error!("the store cannot be read: {error:?}"),
        }
        tokio::time::sleep(limit / 3).await;
    }
}
