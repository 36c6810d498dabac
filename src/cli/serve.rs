//! `serve`: configuration to running server and back down. Logging, the order of opening (directory, socket, store,
//! certificates), signals, and what the service manager hears: READY, WATCHDOG, RELOADING, STOPPING.

use super::{healthcheck, open, start_log};
use crate::app::App;
use crate::blobs::Blobs;
use crate::config::env::Env;
use crate::config::{Config, Flags};
use crate::control;
use crate::error::{Code, Error, Result};
use crate::http::tls::Certificates;
use crate::http::{self, Outer};
use crate::model::team::HOME;
use crate::store::{Read, schema};
use actix_web::web;
use sd_notify::NotifyState;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How often certificate files are looked at.
const CERTIFICATE_WATCH: Duration = Duration::from_secs(2);

/// How often last uses and counts of refusals are written.
const HOUSEKEEPING: Duration = Duration::from_secs(5);

/// Runs the server until it is told to stop.
pub fn run(flags: &Flags, env: &Env) -> Result<()> {
    let mut config = Config::resolve(flags, env)?;
    config.check_serve()?;
    start_log(&config.log);
    for name in config.unknown_variables() {
        tracing::warn!("the environment variable {name} means nothing to this version; is it a typing mistake?");
    }
    allow_many_files();
    let listener = http::bind(&config).map_err(|error| match control::is_answering(&config.control_socket()) {
        true => Error::new(Code::Busy, format!("A server runs on {} already.", config.data_dir.display()))
            .hint("Stop it first, or name another data directory and another address."),
        false => error,
    })?;
    config.bound_to(listener.local_addr().map_err(Error::internal)?);
    let app = web::Data::new(open(&config)?);
    if !config.multi_org && app.store.read(|view| crate::ops::orgs::are_several(view))? {
        app.stop();
        return Err(Error::new(
            Code::Misconfigured,
            format!("The store in {} holds several organizations.", config.data_dir.display()),
        )
        .hint("Start the server with --multi-org (BAILIWICK_MULTI_ORG=true)."));
    }
    let blobs = web::Data::new(Blobs::open(&config.data_dir));
    let certificates = Certificates::load(&config, &app.clock)?;
    let boot = u32::from_be_bytes(app.random.bytes::<4>()?);
    let store = app.store.clone();
    let probe = move || store.read(|view| view.get(&schema::ORGS, &HOME)).map(drop);
    let outer = web::Data::new(Outer::new(&config, boot, Box::new(probe)));
    let system = actix_web::rt::System::new();
    let served = system.block_on(serve(&config, &app, blobs, outer, certificates, listener));
    healthcheck::forget(&config);
    let _ = std::fs::remove_file(config.control_socket());
    app.stop();
    tracing::info!("stopped");
    served
}

async fn serve(
    config: &Config,
    app: &web::Data<App>,
    blobs: web::Data<Blobs>,
    outer: web::Data<Outer>,
    certificates: Option<Arc<Certificates>>,
    listener: std::net::TcpListener,
) -> Result<()> {
    if let Some(certificates) = &certificates {
        actix_web::rt::spawn(watch_certificates(Arc::clone(certificates)));
    }
    actix_web::rt::spawn(feed_watchdog(outer.clone()));
    actix_web::rt::spawn(reload_on_hangup(certificates.clone())?);
    actix_web::rt::spawn(keep_house(app.clone()));
    actix_web::rt::spawn(crate::jobs::directory::keep(app.clone().into_inner()));
    actix_web::rt::spawn(crate::jobs::outbox::keep(app.clone().into_inner()));
    actix_web::rt::spawn(sweep_runs(app.clone(), blobs.clone().into_inner()));
    let (for_shell, for_routes, its_config) = (app.clone(), app.clone(), Arc::new(config.clone()));
    let handle = move |request| {
        let (app, config) = (for_shell.clone(), Arc::clone(&its_config));
        async move { control::run(&app, &config, request).await }
    };
    // A read-only data directory takes no socket; what can be read is served all the same.
    if let Err(error) = control::listen(&config.control_socket(), handle) {
        tracing::warn!("store commands have to wait until this server is stopped: {}", error.sentence());
    }
    let stop = stop_signal()?;
    let ready = || {
        announce(config);
        show_setup_link(config, app);
        show_restore(config, app);
    };
    let routes = move |routes: &mut web::ServiceConfig| {
        routes
            .app_data(for_routes.clone())
            .app_data(blobs.clone())
            .configure(crate::graphql::routes)
            .configure(crate::rest::routes)
            .configure(crate::decisions::routes)
            .configure(crate::runs::routes)
            .configure(crate::scim::routes)
            .configure(crate::console::routes);
    };
    http::serve(config, listener, certificates, outer, routes, ready, stop).await
}

/// While there is no user: the link that makes the first one, on stderr at any log level.
fn show_setup_link(config: &Config, app: &App) {
    let code = match app.renew_setup() {
        Ok(Some(code)) => code,
        Ok(None) => return,
        Err(error) => return tracing::warn!("no setup link could be made: {}", error.sentence()),
    };
    let link = format!("{}/setup?code={code}", config.base_url);
    let text = "There is no user yet. Within one hour, make the first administrator at";
    let line = if config.log.json {
        serde_json::json!({ "level": "WARN", "message": format!("{text} {link}"), "setup": link }).to_string()
    } else {
        format!("{text}\n  {link}")
    };
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// The temporary password of `LOCAL_RESTORE`, on stderr at any log level.
fn show_restore(config: &Config, app: &App) {
    let (user, password) = match app.restore() {
        Ok(Some(made)) => made,
        Ok(None) => return,
        Err(error) => return tracing::warn!("{}", error.sentence()),
    };
    let text = "LOCAL_RESTORE is set: signing in through the company is off. Within one hour, once, this signs in as administrator";
    let line = if config.log.json {
        let message = format!("{text}: user {user}, temporary password {password}");
        serde_json::json!({ "level": "WARN", "message": message, "user": user, "temporary_password": password })
            .to_string()
    } else {
        format!("{text}:\n  user {user}, temporary password {password}")
    };
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Housekeeping every few seconds.
async fn keep_house(app: web::Data<App>) {
    loop {
        tokio::time::sleep(HOUSEKEEPING).await;
        app.tick();
        loop {
            match app.sweep_tokens().await {
                Ok(true) => tokio::task::yield_now().await,
                Ok(false) => break,
                Err(error) => {
                    tracing::warn!("access tokens that are over are not swept away yet: {error:?}");
                    break;
                }
            }
        }
    }
}

/// Sweeps away what deleted projects and replaced files leave behind, a little at a time.
async fn sweep_runs(app: web::Data<App>, blobs: Arc<Blobs>) {
    loop {
        match app.sweep_runs(&blobs).await {
            Ok(true) => tokio::task::yield_now().await,
            Ok(false) => tokio::time::sleep(HOUSEKEEPING).await,
            Err(error) => {
                tracing::warn!("remains of runs are not swept away yet: {error:?}");
                tokio::time::sleep(12 * HOUSEKEEPING).await;
            }
        }
    }
}

/// Raises the number of open files to what the system allows: each connection is one, and shells start us with few.
fn allow_many_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        if let Err(e) = setrlimit(Resource::Nofile, limit) {
            tracing::debug!("the limit of open files stays as it is: {e}");
        }
    }
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
