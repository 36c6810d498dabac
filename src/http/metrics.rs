//! Counters for Prometheus. Labels come from enums only, so a stranger's input can never grow the list of series.
//! Every series is looked up once, at start: counting a request touches two atomics and one short lock.

use crate::meter::{self, Meter};
use actix_web::http::StatusCode;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeLabelValue, EncodeMetric};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use std::time::Duration;

/// The part of the server that a path belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Surface {
    /// Pages for people.
    Console,
    /// The admin and run API.
    Graphql,
    /// Provisioning by identity providers.
    Scim,
    /// Other APIs with JSON bodies.
    Api,
    /// The token endpoint.
    Oauth,
    /// Style sheets, scripts, icons.
    Assets,
    /// Liveness, readiness, metrics.
    Health,
}

/// The first digit of a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
enum Class {
    Informational,
    Success,
    Redirect,
    ClientError,
    ServerError,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    surface: Surface,
    status: Class,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SurfaceLabels {
    surface: Surface,
}

const SURFACES: [Surface; 7] =
    [Surface::Console, Surface::Graphql, Surface::Scim, Surface::Api, Surface::Oauth, Surface::Assets, Surface::Health];
const CLASSES: [Class; 5] =
    [Class::Informational, Class::Success, Class::Redirect, Class::ClientError, Class::ServerError];
const BUCKETS: [f64; 12] = [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 5.0];

/// The counts that the store and the use-cases keep.
#[derive(Debug)]
struct Meters;

impl Collector for Meters {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        for meter in Meter::ALL {
            let count = ConstCounter::new(meter::read(*meter));
            count.encode(encoder.encode_descriptor(meter.as_str(), meter.doc(), None, count.metric_type())?)?;
        }
        Ok(())
    }
}

/// All counters of the server.
pub struct Metrics {
    registry: Registry,
    requests: [[Counter; CLASSES.len()]; SURFACES.len()],
    seconds: [Histogram; SURFACES.len()],
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Every series at zero.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("bailiwick");
        let requests = Family::<RequestLabels, Counter>::default();
        let seconds = Family::<SurfaceLabels, Histogram>::new_with_constructor(|| Histogram::new(BUCKETS));
        registry.register("http_requests", "Requests answered", requests.clone());
        registry.register("http_request_seconds", "Time from the request's head to the answer's head", seconds.clone());
        registry.register("build", "The executable", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        registry.register_collector(Box::new(Meters));
        Metrics {
            requests: SURFACES.map(|surface| {
                CLASSES.map(|status| requests.get_or_create(&RequestLabels { surface, status }).clone())
            }),
            seconds: SURFACES.map(|surface| seconds.get_or_create(&SurfaceLabels { surface }).clone()),
            registry,
        }
    }

    /// Counts one answered request.
    pub fn observe(&self, surface: Surface, status: StatusCode, took: Duration) {
        let class = usize::from(status.as_u16() / 100).clamp(1, CLASSES.len()) - 1;
        self.requests[surface as usize][class].inc();
        self.seconds[surface as usize].observe(took.as_secs_f64());
    }

    /// The OpenMetrics text, ending in `# EOF`.
    pub fn render(&self) -> String {
        let mut out = String::new();
        // Writing into a String cannot fail.
        let _ = prometheus_client::encoding::text::encode(&mut out, &self.registry);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_counted_once_under_its_surface_and_class() {
        let metrics = Metrics::new();
        metrics.observe(Surface::Graphql, StatusCode::FORBIDDEN, Duration::from_millis(2));
        let text = metrics.render();
        assert!(text.contains("bailiwick_http_requests_total{surface=\"Graphql\",status=\"ClientError\"} 1"), "{text}");
        assert!(text.contains("bailiwick_http_requests_total{surface=\"Console\",status=\"Success\"} 0"));
        assert!(text.contains("bailiwick_http_request_seconds_bucket{le=\"0.0025\",surface=\"Graphql\"} 1"), "{text}");
        assert!(text.contains("bailiwick_store_commits_total "), "{text}");
        assert!(text.contains("bailiwick_build_info{version="));
        assert!(text.ends_with("# EOF\n"));
    }
}
