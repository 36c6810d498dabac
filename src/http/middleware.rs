//! The one middleware around every request: its id, the client's address, path hygiene, bounds on the body, errors in
//! the surface's format, security headers, metrics and the access log. It is on the hot path of every authorized read,
//! so it allocates next to nothing. It knows no rules and reads no credential; see `auth.rs` for those.

use super::body::{Bounds, limit_of};
use super::metrics::Surface;
use super::{Outer, reply};
use crate::error::{Code, Error};
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{ConnectionType, Method, StatusCode};
use actix_web::{HttpMessage, HttpRequest};
use ipnet::IpNet;
use std::fmt;
use std::future::{Ready, ready};
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// A request's id in answers, logs and audit events: a random number of this start and a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestId {
    boot: u32,
    count: u64,
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{:x}", self.boot, self.count)
    }
}

impl RequestId {
    /// What `Display` writes, for the header of every answer, without the machinery of formatting.
    fn header(self) -> HeaderValue {
        let digit = |n: u64| b"0123456789abcdef"[(n & 15) as usize];
        let mut text = [b'-'; 8 + 1 + 16];
        for (n, place) in text[..8].iter_mut().enumerate() {
            *place = digit(u64::from(self.boot) >> (28 - 4 * n));
        }
        let digits = (16 - self.count.leading_zeros() as usize / 4).max(1);
        for (n, place) in text[9..9 + digits].iter_mut().enumerate() {
            *place = digit(self.count >> (4 * (digits - 1 - n)));
        }
        HeaderValue::from_bytes(&text[..9 + digits]).unwrap_or_else(|_| HeaderValue::from_static("-"))
    }
}

/// Gives out request ids.
pub struct RequestIds {
    boot: u32,
    next: AtomicU64,
}

impl RequestIds {
    /// Ids that begin with `boot`, a random number of this start.
    pub fn new(boot: u32) -> Self {
        RequestIds { boot, next: AtomicU64::new(1) }
    }
    fn draw(&self) -> RequestId {
        RequestId { boot: self.boot, count: self.next.fetch_add(1, Ordering::Relaxed) }
    }
}

/// What the middleware found out about a request, for handlers: see [`context`].
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// The request's id.
    pub id: RequestId,
    /// The client's address: the peer, or what a named proxy says.
    pub client: IpAddr,
    /// Whether the client's own connection is TLS, by what we or a named proxy see.
    pub https: bool,
}

/// The context of a request; a request that did not pass the middleware (a unit test) gets an unspecified one.
pub fn context(request: &HttpRequest) -> Context {
    request.extensions().get::<Context>().copied().unwrap_or(Context {
        id: RequestId { boot: 0, count: 0 },
        client: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        https: false,
    })
}

/// Puts [`Guarded`] around the routes.
#[derive(Clone)]
pub struct Guard(pub Arc<Outer>);

impl<S, B> Transform<S, ServiceRequest> for Guard
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = actix_web::Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = actix_web::Error;
    type Transform = Guarded<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(Guarded { inner, outer: Arc::clone(&self.0) }))
    }
}

/// The routes with the middleware around them.
pub struct Guarded<S> {
    inner: S,
    outer: Arc<Outer>,
}

impl<S, B> Service<ServiceRequest> for Guarded<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = actix_web::Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>>>>;

    forward_ready!(inner);

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        let started = Instant::now();
        let outer = Arc::clone(&self.outer);
        let id = outer.ids.draw();
        let surface = reply::surface(request.path());
        let peer = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |a| a.ip().to_canonical());
        let body = match request.take_payload() {
            Payload::None => None,
            payload => {
                let (bounds, bounded) = Bounds::new(payload, request.path());
                request.set_payload(Payload::Stream { payload: Box::pin(bounded) });
                Some(bounds)
            }
        };
        if let Err(error) = admit(&outer, &mut request, peer, id) {
            let response = reply::render(surface, &error, id);
            let mut response = request.into_response(response);
            finish(&outer, &mut response, surface, id, started);
            return Box::pin(ready(Ok(outlive(response, body))));
        }
        let answer = self.inner.call(request);
        Box::pin(async move {
            let response = answer.await?;
            let mut response = in_format(response, surface, id);
            finish(&outer, &mut response, surface, id, started);
            Ok(outlive(response, body))
        })
    }
}

/// Checks what can be checked before any handler, and leaves the [`Context`] for it.
fn admit(outer: &Outer, request: &mut ServiceRequest, peer: IpAddr, id: RequestId) -> Result<(), Error> {
    let proxied = !outer.behind_proxy.is_empty() && is_in(&outer.behind_proxy, peer);
    let (client, https) = if proxied {
        (forwarded_client(&outer.behind_proxy, request.headers(), peer), forwarded_https(request.headers(), outer.tls))
    } else {
        (peer, outer.tls)
    };
    request.extensions_mut().insert(Context { id, client, https });
    if !outer.tls && !proxied && !outer.behind_proxy.is_empty() && !peer.is_loopback() {
        return Err(Error::denied("This server is reached through its reverse proxy only.", true)
            .hint("Use the public address, or have the administrator add this range with --behind-proxy."));
    }
    if !is_clean(request.uri().path()) {
        return Err(Error::new(Code::InvalidRequest, "The address holds an empty, dotted or encoded path segment.")
            .hint("Write the address plainly."));
    }
    if request.method() == Method::HEAD {
        // The encoder leaves the body out by what it read from the wire, so handlers need to know GET only.
        request.head_mut().method = Method::GET;
    }
    if let Some(length) = request.headers().get(header::CONTENT_LENGTH) {
        let length = length.to_str().ok().and_then(|text| text.parse::<u64>().ok()).unwrap_or(u64::MAX);
        if length > limit_of(request.path()) {
            return Err(reply::too_large());
        }
    }
    Ok(())
}

fn outlive(response: ServiceResponse<BoxBody>, body: Option<Bounds>) -> ServiceResponse<BoxBody> {
    match body {
        Some(bounds) => response.map_body(|_, answer| bounds.outlive(answer)),
        None => response,
    }
}

/// An answer that carries an error, or that the router made without a body, in the format of its surface.
fn in_format<B: MessageBody + 'static>(
    response: ServiceResponse<B>,
    surface: Surface,
    id: RequestId,
) -> ServiceResponse<BoxBody> {
    let error = match response.response().error() {
        Some(error) => match error.as_error::<Error>() {
            Some(ours) => Some(reply::render(surface, ours, id)),
            None => Some(reply::render(surface, &reply::from_framework(error), id)),
        },
        None if response.status() == StatusCode::METHOD_NOT_ALLOWED
            && response.response().body().size() == BodySize::Sized(0) =>
        {
            Some(reply::render(surface, &reply::method_not_allowed(), id))
        }
        None => None,
    };
    match error {
        Some(body) => response.into_response(body),
        None => response.map_into_boxed_body(),
    }
}

const CSP: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; font-src 'self'; \
                   connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Headers of every answer, errors included.
static SECURITY: [(HeaderName, HeaderValue); 7] = [
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CSP)),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (
        header::PERMISSIONS_POLICY,
        HeaderValue::from_static("camera=(), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=()"),
    ),
    (header::CROSS_ORIGIN_OPENER_POLICY, HeaderValue::from_static("same-origin")),
    (header::CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("same-origin")),
];

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

fn finish(outer: &Outer, response: &mut ServiceResponse<BoxBody>, surface: Surface, id: RequestId, started: Instant) {
    let status = response.status();
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        // What is left of the body is not read: without this the connection would swallow it without end.
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    // AuthZEN 1.0, "Request Identification": the caller's own id comes back. Ours stands in the body of an error.
    let asked = response.request();
    let echoed = asked.path().starts_with("/access/v1/").then(|| asked.headers().get(&REQUEST_ID).cloned()).flatten();
    let headers = response.headers_mut();
    // Room for all at once, else the map grows and moves three times.
    headers.reserve(SECURITY.len() + 4);
    for (name, value) in &SECURITY {
        headers.insert(name.clone(), value.clone());
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if outer.hsts {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    headers.insert(REQUEST_ID.clone(), echoed.unwrap_or_else(|| id.header()));
    let took = started.elapsed();
    outer.metrics.observe(surface, status, took);
    let quiet = status.is_success() && (surface == Surface::Graphql || response.request().method() == Method::GET);
    let (request, micros) = (response.request(), took.as_micros() as u64);
    let (method, path) = (request.method().as_str(), loggable(request.path()));
    if quiet || status == StatusCode::NOT_MODIFIED {
        tracing::debug!(target: "access", request = %id, method, path, status = status.as_u16(), micros, "answered");
    } else {
        tracing::info!(target: "access", request = %id, client = %context(request).client, method, path, status = status.as_u16(), micros, "answered");
    }
}

/// A path as it may stand in the log: a ticket in it is a credential.
fn loggable(path: &str) -> &str {
    if path.starts_with("/files/transfer/") { "/files/transfer/…" } else { path }
}

fn is_in(ranges: &[IpNet], address: IpAddr) -> bool {
    ranges.iter().any(|net| net.contains(&address))
}

/// The right-most address of `X-Forwarded-For` that is not one of our proxies: what is left of it could be invented by
/// the client. An unreadable entry ends the walk at the last proxy known.
fn forwarded_client(proxies: &[IpNet], headers: &HeaderMap, peer: IpAddr) -> IpAddr {
    let mut last = peer;
    let lines: Vec<&HeaderValue> = headers.get_all(HeaderName::from_static("x-forwarded-for")).collect();
    for line in lines.into_iter().rev() {
        for hop in line.to_str().unwrap_or("").rsplit(',') {
            let Some(address) = parse_hop(hop.trim()) else { return last };
            last = address;
            if !is_in(proxies, address) {
                return last;
            }
        }
    }
    last
}

fn parse_hop(text: &str) -> Option<IpAddr> {
    let plain = text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<std::net::SocketAddr>().ok().map(|a| a.ip());
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<IpAddr>().ok();
    plain.or_else(with_port).or_else(in_brackets).map(|a| a.to_canonical())
}

fn forwarded_https(headers: &HeaderMap, tls: bool) -> bool {
    match headers.get(HeaderName::from_static("x-forwarded-proto")).and_then(|v| v.to_str().ok()) {
        Some(text) => text.rsplit(',').next().is_some_and(|last| last.trim().eq_ignore_ascii_case("https")),
        None => tls,
    }
}

/// Whether a raw path is written plainly: no empty or dotted segment, no parameter, no encoded separator. A proxy in
/// front may read such a path differently than we do, and its rules would then guard another place.
fn is_clean(path: &str) -> bool {
    let bytes = path.as_bytes();
    let mut segment = 0;
    for (i, byte) in bytes.iter().enumerate() {
        match byte {
            b'/' => {
                if i > 0 && !is_clean_segment(&bytes[segment..i]) {
                    return false;
                }
                segment = i + 1;
            }
            b';' | b'\\' => return false,
            b'%' => match (bytes.get(i + 1), bytes.get(i + 2)) {
                (Some(b'2'), Some(b'f' | b'F')) | (Some(b'5'), Some(b'c' | b'C')) | (Some(b'0'), Some(b'0')) => {
                    return false;
                }
                (Some(b'2'), Some(b'e' | b'E')) => return false,
                (Some(high), Some(low)) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {}
                _ => return false,
            },
            _ => {}
        }
    }
    // The last segment may be empty: a trailing slash.
    !matches!(&bytes[segment..], b"." | b"..")
}

fn is_clean_segment(segment: &[u8]) -> bool {
    !matches!(segment, b"" | b"." | b"..")
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_two_servers_could_read_differently_are_refused() {
        for path in ["/", "/a", "/a/", "/a/b.c", "/a%40b", "/.well-known/x", "/a..b", "/a%20b", "/..a"] {
            assert!(is_clean(path), "{path}");
        }
        for path in ["//", "/a//b", "/../a", "/a/..", "/a/./b", "/a/.", "/%2e%2e/a", "/a/%2E%2e", "/a%2fb", "/a%5Cb"] {
            assert!(!is_clean(path), "{path}");
        }
        for path in ["/a;b", "/a\\b", "/a%00", "/a%zz", "/a%2", "/a/%2e"] {
            assert!(!is_clean(path), "{path}");
        }
    }

    #[test]
    fn a_request_id_reads_the_same_in_the_header_and_in_the_log() {
        for (boot, count) in
            [(0, 0), (1, 1), (0xdead_beef, 15), (0x0f00_000a, 16), (7, 0x1234_5678_9abc), (u32::MAX, u64::MAX)]
        {
            let id = RequestId { boot, count };
            assert_eq!(id.header().to_str().unwrap(), id.to_string());
        }
    }

    #[test]
    fn the_client_is_the_right_most_hop_that_is_not_a_proxy() {
        let proxies: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let peer: IpAddr = "10.0.0.1".parse().unwrap();
        for (lines, client) in [
            (vec!["198.51.100.7"], "198.51.100.7"),
            (vec!["1.1.1.1, 198.51.100.7, 10.2.3.4"], "198.51.100.7"),
            (vec!["1.1.1.1", "198.51.100.7:4711"], "198.51.100.7"),
            (vec!["[2001:db8::1]:80, fd00::1"], "2001:db8::1"),
            (vec!["198.51.100.7, unknown"], "10.0.0.1"),
            (vec!["198.51.100.7, junk, 10.9.9.9"], "10.9.9.9"),
            (vec!["::ffff:198.51.100.7"], "198.51.100.7"),
            (vec![], "10.0.0.1"),
        ] {
            let mut headers = HeaderMap::new();
            for line in &lines {
                headers.append(HeaderName::from_static("x-forwarded-for"), HeaderValue::from_str(line).unwrap());
            }
            assert_eq!(forwarded_client(&proxies, &headers, peer), client.parse::<IpAddr>().unwrap(), "{lines:?}");
        }
    }
}
