//! The HTTP server: listening, TLS, bounds on slow clients, graceful stop, and what the service manager is told.
//! Routes come in as a closure, so this module knows no surface. `middleware.rs` is around every request, `reply.rs`
//! gives errors their form, `auth.rs` finds out who asks.

pub mod assets;
pub mod auth;
mod body;
pub mod certificate;
pub mod health;
pub mod metrics;
pub mod middleware;
pub mod reply;
pub mod tls;

use crate::config::{Config, Tls};
use crate::error::{Code, Error, Result};
use actix_web::{App, HttpServer, web};
use ipnet::IpNet;
use middleware::{Guard, RequestIds};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

/// The largest request body taken, in bytes.
pub const BODY_LIMIT: usize = 1024 * 1024;
/// The largest stretch of a run's stream taken, in bytes: the wandb client sends up to 10 MiB.
pub const STREAM_LIMIT: usize = 16 * 1024 * 1024;
/// The largest body taken at the token endpoint, in bytes: twice the longest token.
pub const TOKEN_LIMIT: usize = 128 * 1024;
/// How long a client may take to send a request's head, and how long a handshake may take.
const HEAD_PATIENCE: Duration = Duration::from_secs(10);
/// How long an idle connection is kept.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long requests in flight may take after the stop signal, in seconds.
const DRAIN_SECONDS: u64 = 20;
/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;
/// Connections one worker holds; more wait in the kernel's queue.
const CONNECTIONS_PER_WORKER: usize = 10_000;

/// What the middleware and the health pages share.
pub struct Outer {
    /// Request ids.
    pub ids: RequestIds,
    /// Counters.
    pub metrics: metrics::Metrics,
    /// Peers whose forwarded headers are believed.
    pub behind_proxy: Vec<IpNet>,
    /// Whether this server itself speaks TLS.
    pub tls: bool,
    /// Whether browsers are told to insist on TLS: only with a certificate that the operator gave.
    pub hsts: bool,
    /// Reads something from the store.
    pub probe: Probe,
}

/// A cheap read of the store, for readiness and the watchdog.
pub type Probe = Box<dyn Fn() -> Result<()> + Send + Sync>;

impl Outer {
    /// What follows from the configuration; `boot` is a random number of this start.
    pub fn new(config: &Config, boot: u32, probe: Probe) -> Self {
        Outer {
            ids: RequestIds::new(boot),
            metrics: metrics::Metrics::new(),
            behind_proxy: config.behind_proxy.clone(),
            tls: config.tls != Tls::Off,
            hsts: matches!(config.tls, Tls::Files { .. }),
            probe,
        }
    }
}

/// Binds the listen address. The socket answers only once [`serve`] runs.
pub fn bind(config: &Config) -> Result<TcpListener> {
    let refused = |e: std::io::Error| {
        Error::new(Code::Misconfigured, format!("Cannot listen on {}: {e}.", config.listen))
            .hint("Give another address with --listen, or stop the program that uses it.")
    };
    let listener = TcpListener::bind(config.listen).map_err(refused)?;
    // The standard library asks for a queue of 128, which a storm of clients overflows.
    rustix::net::listen(&listener, BACKLOG).map_err(|e| refused(e.into()))?;
    Ok(listener)
}

/// Serves until `stop` resolves, then lets requests in flight finish. `configure` adds routes and data, once per worker;
/// `ready` runs when the first worker takes connections.
pub async fn serve(
    config: &Config,
    listener: TcpListener,
    certificates: Option<Arc<tls::Certificates>>,
    outer: web::Data<Outer>,
    configure: impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static,
    ready: impl FnOnce(),
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    let failed = |e: std::io::Error| Error::internal(format!("the server failed: {e}"));
    let server = HttpServer::new(move || {
        App::new()
            .wrap(Guard(outer.clone().into_inner()))
            .app_data(outer.clone())
            .app_data(web::PayloadConfig::new(BODY_LIMIT))
            .app_data(web::JsonConfig::default().limit(BODY_LIMIT))
            .app_data(web::FormConfig::default().limit(BODY_LIMIT))
            .service(web::resource("/healthz").route(web::get().to(health::healthz)))
            .service(web::resource("/ready").route(web::get().to(health::ready)))
            .service(web::resource("/metrics").route(web::get().to(health::metrics)))
            // A scope's plain prefix is compared, where a pattern would be a regular expression run at every request.
            .service(web::scope("/assets").service(web::resource("/{name}").route(web::get().to(assets::serve))))
            .configure(configure.clone())
            .default_service(web::to(nothing_here))
    })
    .workers(config.workers)
    .max_connections(CONNECTIONS_PER_WORKER)
    .keep_alive(KEEP_ALIVE)
    .client_request_timeout(HEAD_PATIENCE)
    .tls_handshake_timeout(HEAD_PATIENCE)
    .client_disconnect_timeout(Duration::from_secs(2))
    .tcp_nodelay(true)
    .shutdown_timeout(DRAIN_SECONDS)
    .shutdown_signal(stop);
    let server = match certificates {
        Some(certificates) => server.listen_rustls_0_23(listener, tls::server_config(certificates)?),
        None => server.listen(listener),
    };
    let running = server.map_err(failed)?.run();
    ready();
    running.await.map_err(failed)
}

async fn nothing_here() -> Result<actix_web::HttpResponse> {
    Err(reply::no_such_page())
}
