//! The only way out over HTTP to other people's servers: `https` to any address but link-local ones and those where clouds
//! keep their secrets, loopback and plain `http` to it only where the operator allows. No redirects, no proxies, no
//! compression, an answer of at most [`ANSWER_MAX`] within [`PATIENCE`], and few requests to one server at once, so that one
//! that hangs holds nothing but its own sign-ins. What the answers mean is read elsewhere.

use super::refusal::{Refusal, excerpt};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use ureq::config::Config;
use ureq::http::{Request, Uri};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Timeout};
use url::{Host, Url};

/// The largest answer taken, in bytes.
pub const ANSWER_MAX: u64 = 1024 * 1024;
/// How long an exchange may take from looking up the name to the last byte.
pub const PATIENCE: Duration = Duration::from_secs(8);
/// How long a connection may take to come about.
const CONNECT_PATIENCE: Duration = Duration::from_secs(4);
/// Requests to one server at once; others wait for their turn no longer than [`PATIENCE`].
const AT_ONCE: usize = 16;
/// Servers for which a place in line is kept; they are named by settings, so there are few.
const SERVERS_MAX: usize = 256;
/// Clients kept ready: one for each set of certificate authorities.
const AGENTS_MAX: usize = 32;
/// Where distributions keep the certificate authorities.
const SYSTEM_ROOTS: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];
/// Addresses outside the link-local ranges at which clouds hand secrets to whoever asks from the machine: Azure, Alibaba
/// Cloud, Oracle Cloud, and over IPv6 those of Google, and of Amazon to machines, containers and pods.
const METADATA: [IpAddr; 6] = [
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
];

/// What an operator allows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rules {
    /// Loopback addresses, there also over plain http.
    pub allow_loopback: bool,
    /// A file with certificate authorities in PEM, besides those of the system.
    pub ca_file: Option<String>,
    /// More of them, as text.
    pub ca: Option<Arc<str>>,
}

/// What a server answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body, whole.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoAnswer {
    /// One sentence that names the server and never more of the address than that.
    pub text: String,
    /// Whether asking again soon would end the same: the settings, here or there, are to be mended first.
    pub lasts: bool,
}

impl NoAnswer {
    /// What passes by itself.
    pub fn passing(text: impl Into<String>) -> Self {
        NoAnswer { text: text.into(), lasts: false }
    }

    /// What does not.
    pub fn lasting(text: impl Into<String>) -> Self {
        NoAnswer { text: text.into(), lasts: true }
    }

    /// The same as the refusal of a step.
    pub fn at(self, step: &'static str) -> Refusal {
        match self.lasts {
            true => Refusal::settings(step, self.text),
            false => Refusal::unreachable(step, self.text),
        }
    }
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for NoAnswer {}

/// Sends requests. One per instance, so that connections are used again.
#[derive(Default)]
pub struct Fetcher {
    agents: Mutex<Vec<Ready>>,
    lines: Mutex<HashMap<String, Arc<Semaphore>>>,
}

/// A client made for some rules and a state of the file of authorities.
struct Ready {
    rules: Rules,
    ca_changed: Option<(i64, i64, u64)>,
    agent: Agent,
}

impl Fetcher {
    /// Fetches a document.
    pub async fn get(&self, rules: &Rules, url: &str) -> Result<Answer, NoAnswer> {
        let parsed = check_url(rules, url)?;
        let request = Request::get(parsed.as_str()).header("accept", "application/json").body(Vec::new());
        let request =
            request.map_err(|_| NoAnswer::lasting(format!("The address {} cannot be asked.", place(&parsed))))?;
        self.run(rules, &parsed, move |agent| exchange(agent, request)).await
    }

    /// Lets `talk` send requests to the server of `url`, off the threads that answer requests. `talk` sends by
    /// [`exchange`], to that server alone.
    pub async fn run<T: Send + 'static>(
        &self,
        rules: &Rules,
        url: &Url,
        talk: impl FnOnce(&Agent) -> Result<T, NoAnswer> + Send + 'static,
    ) -> Result<T, NoAnswer> {
        let (agent, line) = (self.agent(rules)?, self.line(url));
        let busy = || NoAnswer::passing(format!("Too many requests to {} wait for its answer already.", place(url)));
        let turn = tokio::time::timeout(PATIENCE, line.acquire_owned()).await.map_err(|_| busy())?;
        let turn = turn.map_err(|_| busy())?;
        let done = tokio::task::spawn_blocking(move || {
            let outcome = talk(&agent);
            drop(turn);
            outcome
        });
        done.await.map_err(|_| NoAnswer::passing(format!("The request to {} was given up.", place(url))))?
    }

    fn line(&self, url: &Url) -> Arc<Semaphore> {
        let mut lines = self.lines.lock();
        if lines.len() >= SERVERS_MAX {
            lines.retain(|_, line| line.available_permits() < AT_ONCE);
        }
        Arc::clone(lines.entry(place(url)).or_insert_with(|| Arc::new(Semaphore::new(AT_ONCE))))
    }

    fn agent(&self, rules: &Rules) -> Result<Agent, NoAnswer> {
        let changed = |path: &String| std::fs::metadata(path).map(|m| (m.mtime(), m.mtime_nsec(), m.len())).ok();
        let ca_changed = rules.ca_file.as_ref().and_then(changed);
        let mut agents = self.agents.lock();
        if let Some(ready) = agents.iter().find(|r| r.rules == *rules && r.ca_changed == ca_changed) {
            return Ok(ready.agent.clone());
        }
        let agent = build(rules)?;
        if agents.len() >= AGENTS_MAX {
            agents.remove(0);
        }
        agents.retain(|ready| ready.rules != *rules);
        agents.push(Ready { rules: rules.clone(), ca_changed, agent: agent.clone() });
        Ok(agent)
    }
}

/// Sends one request and reads the whole answer; a redirect is no answer.
pub fn exchange(agent: &Agent, request: Request<Vec<u8>>) -> Result<Answer, NoAnswer> {
    let host = request.uri().authority().map(|a| a.as_str().to_owned()).unwrap_or_default();
    let failed = |error: ureq::Error| no_answer(&host, &error);
    let response = agent.run(request).map_err(failed)?;
    let status = response.status().as_u16();
    if (300..400).contains(&status) {
        return Err(NoAnswer::lasting(format!("{host} answers with a redirect ({status}), which is not followed.")));
    }
    let body = response.into_body().into_with_config().limit(ANSWER_MAX).read_to_vec().map_err(failed)?;
    Ok(Answer { status, body })
}

fn no_answer(host: &str, error: &ureq::Error) -> NoAnswer {
    NoAnswer::passing(match error {
        ureq::Error::Timeout(Timeout::Connect) => {
            format!("{host} takes no connection within {} s.", CONNECT_PATIENCE.as_secs())
        }
        ureq::Error::Timeout(Timeout::Resolve) => format!("The name of {host} is not resolved in time."),
        ureq::Error::Timeout(_) => format!("{host} did not answer within {} s.", PATIENCE.as_secs()),
        ureq::Error::HostNotFound => format!("The name of {host} is not known."),
        ureq::Error::BodyExceedsLimit(_) => {
            return NoAnswer::lasting(format!("{host} answers with more than {} KiB.", ANSWER_MAX / 1024));
        }
        ureq::Error::Other(ours) => match ours.downcast_ref::<NoAnswer>() {
            Some(ours) => return ours.clone(),
            None => format!("{host} cannot be asked: {ours}."),
        },
        ureq::Error::Io(e) if e.kind() == std::io::ErrorKind::ConnectionRefused => {
            format!("{host} refuses connections.")
        }
        other => {
            let text = other.to_string();
            if text.contains("UnknownIssuer") {
                return NoAnswer::lasting(format!(
                    "The certificate of {host} is of no authority known here; name it with BAILIWICK_CA_FILE."
                ));
            }
            format!("{host} cannot be asked: {}.", excerpt(&text, 200))
        }
    })
}

/// Scheme, host and port.
fn place(url: &Url) -> String {
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (host, _) => host.unwrap_or_default().to_owned(),
    }
}

/// An address that may be asked: whole, `https`, without a user or a fragment, and not one of the forbidden addresses; plain
/// `http` only to loopback and only where that is allowed.
pub fn check_url(rules: &Rules, text: &str) -> Result<Url, NoAnswer> {
    let shown = excerpt(text, 120);
    if text.len() > 2_000 {
        return Err(NoAnswer::lasting(format!("The address {shown} is too long.")));
    }
    let url = Url::parse(text)
        .map_err(|_| NoAnswer::lasting(format!("{shown} is not a whole address such as https://idp.example.com.")))?;
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(NoAnswer::lasting(format!(
            "The address of {} carries a user, a password or a fragment.",
            place(&url)
        )));
    }
    let address = match url.host() {
        Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
        Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
        Some(Host::Domain(_)) => None,
        None => return Err(NoAnswer::lasting(format!("The address {shown} names no server."))),
    };
    if let Some(why) = address.and_then(|ip| forbidden(rules, ip)) {
        return Err(NoAnswer::lasting(format!("{} is {why}.", place(&url))));
    }
    match url.scheme() {
        "https" => Ok(url),
        // That a name leads to loopback is seen when it is resolved.
        "http" if rules.allow_loopback && address.is_none_or(|ip| ip.to_canonical().is_loopback()) => Ok(url),
        "http" => Err(NoAnswer::lasting(format!(
            "{} is asked over https only; plain http is for loopback addresses, with BAILIWICK_ALLOW_LOOPBACK_ISSUERS=true.",
            place(&url)
        ))),
        _ => Err(NoAnswer::lasting(format!("The address {shown} does not begin with https://."))),
    }
}

/// Why an address is never connected to, or none.
fn forbidden(rules: &Rules, address: IpAddr) -> Option<&'static str> {
    let ip = embedded(address);
    let link_local = match ip {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    let no_host = match ip {
        IpAddr::V4(v4) => v4.is_multicast() || v4.is_broadcast() || v4.octets()[0] == 0,
        IpAddr::V6(v6) => v6.is_multicast() || v6.is_unspecified(),
    };
    if link_local || METADATA.contains(&ip) {
        Some("a link-local or metadata address, which is never called")
    } else if no_host {
        Some("not the address of a server")
    } else if ip.is_loopback() && !rules.allow_loopback {
        Some("a loopback address; it is called only with BAILIWICK_ALLOW_LOOPBACK_ISSUERS=true")
    } else {
        None
    }
}

/// The IPv4 address inside an IPv6 one that only carries it: mapped, compatible, translated (RFC 4291 §2.5.5, RFC 2765 §2.1), or by NAT64, also with the
/// prefix for local use (RFC 6052, RFC 8215), or 6to4 (RFC 3056).
fn embedded(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address.to_canonical() else { return address.to_canonical() };
    let s = v6.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match s {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x64, 0xff9b, 1, _, _, _, high, low] => v4(high, low),
        [0, 0, 0, 0, 0xffff, 0, high, low] => v4(high, low),
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        _ => IpAddr::V6(v6),
    }
}

/// Looks names up and leaves out what may not be called, so that what was checked is what is connected to.
#[derive(Debug)]
struct Allowed {
    rules: Rules,
    inner: DefaultResolver,
}

impl Resolver for Allowed {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.inner.resolve(uri, config, timeout)?;
        let plain = uri.scheme_str() != Some("https");
        let (mut allowed, mut why) = (self.empty(), None);
        for address in found.iter() {
            match forbidden(&self.rules, address.ip()) {
                Some(reason) => why = Some(reason),
                None if plain && !address.ip().to_canonical().is_loopback() => {
                    why = Some("no loopback address, so it is asked over https only");
                }
                None => allowed.push(*address),
            }
        }
        match (allowed.is_empty(), why) {
            (false, _) => Ok(allowed),
            (true, Some(reason)) => {
                let host = uri.host().unwrap_or_default();
                Err(ureq::Error::Other(Box::new(NoAnswer::lasting(format!("{host} is {reason}.")))))
            }
            (true, None) => Err(ureq::Error::HostNotFound),
        }
    }
}

fn build(rules: &Rules) -> Result<Agent, NoAnswer> {
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(RootCerts::from(authorities(rules)?))
        .build();
    let config = Config::builder()
        .tls_config(tls)
        // Addresses are checked before the connection; a proxy of the environment would make its own.
        .proxy(None)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .user_agent(concat!("bailiwick/", env!("CARGO_PKG_VERSION")))
        .timeout_global(Some(PATIENCE))
        .timeout_connect(Some(CONNECT_PATIENCE))
        .max_idle_connections_per_host(AT_ONCE)
        .build();
    let resolver = Allowed { rules: rules.clone(), inner: DefaultResolver::default() };
    Ok(Agent::with_parts(config, DefaultConnector::default(), resolver))
}

fn authorities(rules: &Rules) -> Result<Vec<Certificate<'static>>, NoAnswer> {
    let system = SYSTEM_ROOTS.iter().map(Path::new).find(|path| path.exists());
    let mut found = system.and_then(|path| std::fs::read(path).ok()).map(|pem| certificates(&pem)).unwrap_or_default();
    if let Some(file) = &rules.ca_file {
        let own = std::fs::read(file)
            .map_err(|e| NoAnswer::lasting(format!("The file of authorities {file} cannot be read: {e}.")))?;
        let own = certificates(&own);
        if own.is_empty() {
            return Err(NoAnswer::lasting(format!("The file of authorities {file} holds no certificate in PEM.")));
        }
        found.extend(own);
    }
    if let Some(own) = &rules.ca {
        found.extend(certificates(own.as_bytes()));
    }
    Ok(found)
}

/// How many certificates a text in PEM holds.
pub fn count_certificates(pem: &str) -> usize {
    certificates(pem.as_bytes()).len()
}

fn certificates(pem: &[u8]) -> Vec<Certificate<'static>> {
    let certificate = |item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    };
    parse_pem(pem).filter_map(certificate).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn allowed(text: &str, allow_loopback: bool) -> bool {
        check_url(&Rules { allow_loopback, ..Rules::default() }, text).is_ok()
    }

    #[test]
    fn link_local_and_metadata_addresses_are_never_called_however_they_are_written() {
        for address in [
            "169.254.169.254",
            "[fe80::1]",
            "[::ffff:169.254.169.254]",
            "[64:ff9b::a9fe:a9fe]",
            "[64:ff9b:1::a9fe:a9fe]",
            "[::169.254.169.254]",
            "[::ffff:0:a9fe:a9fe]",
            "[fd20:ce::254]",
            "[fd00:ec2::23]",
            "[2002:a9fe:a9fe::1]",
            "[fd00:ec2::254]",
            "168.63.129.16",
            "100.100.100.200",
            "0.0.0.0",
            "0.1.2.3",
            "[::]",
            "224.0.0.1",
            "255.255.255.255",
            "2852039166",
            "0xa9fea9fe",
            "0251.0376.0251.0376",
        ] {
            assert!(!allowed(&format!("https://{address}/"), true), "{address}");
        }
        for address in ["10.1.2.3", "192.168.0.1", "[fd12::1]", "172.16.0.1", "93.184.216.34", "idp.example.com"] {
            assert!(allowed(&format!("https://{address}/realms/R"), false), "{address}");
        }
    }

    #[test]
    fn loopback_needs_the_switch_and_plain_http_stays_there() {
        for address in ["127.0.0.1:8080", "[::1]", "127.9.9.9", "[::ffff:127.0.0.1]", "127.1"] {
            assert!(!allowed(&format!("https://{address}/"), false), "{address}");
            assert!(!allowed(&format!("http://{address}/"), false), "{address}");
            assert!(allowed(&format!("https://{address}/"), true), "{address}");
            assert!(allowed(&format!("http://{address}/"), true), "{address}");
        }
        assert!(!allowed("http://10.0.0.1/", true));
        assert!(!allowed("http://idp.example.com/", false));
    }

    #[test]
    fn an_address_is_whole_and_carries_nothing_else() {
        for bad in [
            "",
            "idp.example.com",
            "ftp://idp.example.com",
            "https://u:p@idp.example.com",
            "https://a/#b",
            "file:///etc/passwd",
            "https://",
        ] {
            assert!(!allowed(bad, true), "{bad}");
        }
    }

    /// Rebinding and its kin: what counts is the address that is connected to, whatever the name was when it was looked at.
    #[tokio::test]
    async fn a_name_that_leads_to_a_metadata_address_is_refused_when_it_is_resolved() {
        let rules = Rules { allow_loopback: true, ..Rules::default() };
        let checked = check_url(&rules, "https://idp.example.com/").unwrap();
        // Names that this machine resolves without anybody's help, as nobody would write them after the check.
        for name in ["0xa9fea9fe", "2852039166", "0251.0376.0251.0376", "169.254.43518", "[::ffff:169.254.169.254]"] {
            let request = Request::get(format!("https://{name}:1/latest/meta-data")).body(vec![]).unwrap();
            let refused = Fetcher::default().run(&rules, &checked, move |agent| exchange(agent, request)).await;
            let refused = refused.unwrap_err();
            assert!(refused.text.contains("link-local or metadata") && refused.lasts, "{name}: {refused}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_to_loopback_is_refused_when_it_is_resolved() {
        let refused = Fetcher::default().get(&Rules::default(), "https://localhost:1/").await.unwrap_err();
        assert!(refused.text.contains("loopback"), "{refused}");
        let allowed = Rules { allow_loopback: true, ..Rules::default() };
        let refused = Fetcher::default().get(&allowed, "http://localhost:1/").await.unwrap_err();
        assert!(refused.text.contains("refuses connections"), "{refused}");
    }
}
