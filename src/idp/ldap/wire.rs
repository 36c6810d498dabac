//! From an address to a connection: resolving, connecting, StartTLS or TLS from the start, each a step that an administrator
//! sees by itself. Link-local addresses are never called. Between the connection and the LDAP library stands a relay that lets
//! only sound answers of bounded size pass: whatever a directory sends, it harms nothing but its own conversation.

use super::ber;
use super::{Config, Steps, Trouble};
use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, StdStream};
use parking_lot::Mutex;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use url::Url;

/// How long each of resolving, connecting and the handshake may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Largest message a directory may send, in bytes: a group of 100,000 members takes about eight million.
const MESSAGE: usize = 16 << 20;
/// Most bytes it may send between two requests.
const ANSWER: usize = 64 << 20;
/// StartTLS, as message 1 (RFC 4511 §4.14).
const START_TLS: &[u8] = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";

/// Where a directory is and how it is spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is encrypted.
    pub tls: Tls,
}

/// How a connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Not at all.
    Off,
    /// On request, before anything else is said.
    Start,
    /// From the first byte.
    Whole,
}

impl Endpoint {
    /// Reads `ldap://HOST[:PORT]` or `ldaps://HOST[:PORT]`; `start` asks for StartTLS on the former.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn parse(address: &str, start: bool) -> Result<Endpoint, String> {
        let example = "Give one like ldaps://ldap.example.com:636 or ldap://ldap.example.com:389.";
        let url = Url::parse(address.trim()).map_err(|e| format!("The address cannot be read: {e}. {example}"))?;
        let (tls, port) = match url.scheme() {
            "ldap" if start => (Tls::Start, 389),
            "ldap" => (Tls::Off, 389),
            "ldaps" => (Tls::Whole, 636),
            other => {
                return Err(format!("The address begins with {other}://, not with ldap:// or ldaps://. {example}"));
            }
        };
        let more = !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some();
        if more || !url.username().is_empty() || url.password().is_some() {
            return Err(format!("The address may have a host and a port only. {example}"));
        }
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        if host.is_empty() {
            return Err(format!("The address names no host. {example}"));
        }
        Ok(Endpoint { host, port: url.port().unwrap_or(port), tls })
    }
}

/// A conversation with a directory, not yet bound.
pub struct Line {
    /// The library's handle.
    pub ldap: Ldap,
    /// Why the relay cut the connection, if it did.
    pub cut: Arc<Mutex<Option<String>>>,
}

/// Opens a connection.
pub async fn open(config: &Config, steps: &mut Steps) -> Result<Line, Trouble> {
    let endpoint = Endpoint::parse(&config.address, config.tls).map_err(|e| Trouble::of("Read the address", e))?;
    let addresses = resolve(&endpoint, steps).await?;
    let tcp = connect(&endpoint, &addresses, steps).await?;
    match endpoint.tls {
        Tls::Off => {
            steps.done("Encrypt the connection", "Not asked for: passwords go over the network in clear text.");
            relayed(tcp).await
        }
        Tls::Start => {
            let tcp = start_tls(tcp).await?;
            steps.done("Ask for encryption (StartTLS)", "The directory agreed.");
            relayed(secure(config, &endpoint, tcp, steps).await?).await
        }
        Tls::Whole => relayed(secure(config, &endpoint, tcp, steps).await?).await,
    }
}

/// Whether an address may be called: none that only the machine or its cloud answers by itself.
fn may_be_called(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => !(v4.is_link_local() || v4.is_unspecified() || v4.is_broadcast() || v4.is_multicast()),
        IpAddr::V6(v6) => {
            let metadata = v6.segments()[..3] == [0xfd00, 0xec2, 0];
            !(v6.is_unicast_link_local() || v6.is_unspecified() || v6.is_multicast() || metadata)
        }
    }
}

async fn resolve(endpoint: &Endpoint, steps: &mut Steps) -> Result<Vec<SocketAddr>, Trouble> {
    let step = format!("Find {}", endpoint.host);
    let found = timeout(PATIENCE, tokio::net::lookup_host((endpoint.host.as_str(), endpoint.port))).await;
    let found: Vec<SocketAddr> = match found {
        Ok(Ok(found)) => found.take(16).collect(),
        Ok(Err(e)) => return Err(Trouble::of(step, format!("The name is not known: {e}. Check the address."))),
        Err(_) => return Err(Trouble::of(step, "The name server did not answer in time.")),
    };
    let allowed: Vec<SocketAddr> = found.iter().copied().filter(|a| may_be_called(a.ip())).collect();
    if allowed.is_empty() {
        let detail = match found.first() {
            Some(refused) => format!("It is {}, an address that is never called (link-local).", refused.ip()),
            None => "The name has no address.".to_owned(),
        };
        return Err(Trouble::of(step, detail));
    }
    let shown: Vec<String> = allowed.iter().map(|a| a.ip().to_string()).collect();
    steps.done(step, format!("It is {}.", shown.join(", ")));
    Ok(allowed)
}

async fn connect(endpoint: &Endpoint, addresses: &[SocketAddr], steps: &mut Steps) -> Result<TcpStream, Trouble> {
    let step = format!("Connect to {}:{}", endpoint.host, endpoint.port);
    let mut trouble = String::new();
    let all = async {
        for address in addresses {
            match TcpStream::connect(address).await {
                Ok(stream) => return Some((stream, *address)),
                Err(e) => trouble = format!("{}: {e}", address.ip()),
            }
        }
        None
    };
    match timeout(PATIENCE, all).await {
        Ok(Some((stream, address))) => {
            let _ = stream.set_nodelay(true);
            steps.done(step, format!("Connected to {address}."));
            Ok(stream)
        }
        Ok(None) => Err(Trouble::of(
            step,
            format!("No connection ({trouble}). Check host and port, and that no firewall is between."),
        )),
        Err(_) => Err(Trouble::of(
            step,
            format!(
                "No answer within {} seconds. Check host and port, and that no firewall is between.",
                PATIENCE.as_secs()
            ),
        )),
    }
}

async fn start_tls(mut tcp: TcpStream) -> Result<TcpStream, Trouble> {
    let step = "Ask for encryption (StartTLS)";
    let asked = async {
        tcp.write_all(START_TLS).await?;
        message(&mut tcp).await
    };
    let answer = match timeout(PATIENCE, asked).await {
        Ok(Ok(Some(answer))) => answer,
        Ok(Ok(None)) => return Err(Trouble::of(step, "The directory closed the connection.")),
        Ok(Err(e)) => return Err(Trouble::of(step, format!("The directory's answer cannot be read: {e}."))),
        Err(_) => {
            return Err(Trouble::of(
                step,
                "The directory did not answer in time. Does the port speak LDAP without TLS?",
            ));
        }
    };
    match ber::extended_answer(&answer) {
        Some((0, _)) => Ok(tcp),
        Some((code, text)) => Err(Trouble::of(
            step,
            format!("The directory refuses it (result {code}{}). Use ldaps:// if it offers that.", said(&text)),
        )),
        None => Err(Trouble::of(step, "The directory's answer is not the one to StartTLS.")),
    }
}

/// `: text`, or nothing.
pub fn said(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control()).take(200).collect();
    if text.trim().is_empty() { String::new() } else { format!(": {}", text.trim()) }
}

async fn secure(
    config: &Config,
    endpoint: &Endpoint,
    tcp: TcpStream,
    steps: &mut Steps,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, Trouble> {
    let step = "Check the certificate";
    let name = ServerName::try_from(endpoint.host.clone())
        .map_err(|_| Trouble::of(step, "The host is neither a name nor an address, so no certificate can fit it."))?;
    let connector = tokio_rustls::TlsConnector::from(client_config(config)?);
    match timeout(PATIENCE, connector.connect(name, tcp)).await {
        Ok(Ok(stream)) => {
            let version = match stream.get_ref().1.protocol_version() {
                Some(rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3",
                _ => "TLS 1.2",
            };
            steps.done(step, format!("It is valid for {}; the connection is encrypted ({version}).", endpoint.host));
            Ok(stream)
        }
        Ok(Err(e)) => Err(Trouble::of(step, handshake_trouble(&e, &endpoint.host))),
        Err(_) => Err(Trouble::of(step, "The handshake did not end in time. Does the port speak TLS?")),
    }
}

fn handshake_trouble(error: &std::io::Error, host: &str) -> String {
    use rustls::CertificateError as Wrong;
    let inner = error.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(wrong)) => match wrong {
            Wrong::UnknownIssuer => {
                "An authority that is not trusted here signed the directory's certificate. Name the file \
                 of its CA certificate in the settings."
                    .to_owned()
            }
            Wrong::Expired | Wrong::ExpiredContext { .. } => "The directory's certificate has expired.".to_owned(),
            Wrong::NotValidYet | Wrong::NotValidYetContext { .. } => {
                "The directory's certificate is not valid yet; is the clock of one machine wrong?".to_owned()
            }
            Wrong::NotValidForName | Wrong::NotValidForNameContext { .. } => format!(
                "The directory's certificate is not for {host}. Use the name that stands in the certificate's subject \
                 alternative names."
            ),
            other => format!("The directory's certificate is refused: {other}."),
        },
        Some(other) => format!("The handshake failed: {other}."),
        None => format!("The handshake failed: {error}. Does the port speak TLS?"),
    }
}

/// TLS 1.2 and 1.3 with the authorities of the named file, or else those of the system.
fn client_config(config: &Config) -> Result<Arc<rustls::ClientConfig>, Trouble> {
    let mut roots = rustls::RootCertStore::empty();
    match &config.ca_file {
        Some(file) => {
            let step = "Read the CA file";
            let wrong = |why: String| Trouble::of(step, why);
            let certificates = CertificateDer::pem_file_iter(file)
                .map_err(|e| wrong(format!("{file} cannot be read: {e}.")))?
                .collect::<Result<Vec<_>, _>>()
                .map_err(|e| wrong(format!("{file} is not a list of certificates in PEM form: {e}.")))?;
            let (good, _) = roots.add_parsable_certificates(certificates);
            if good == 0 {
                return Err(wrong(format!("{file} has no certificate in PEM form.")));
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let made = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| Trouble::of("Prepare encryption", e.to_string()))?;
    Ok(Arc::new(made.with_root_certificates(roots).with_no_client_auth()))
}

/// Gives a connection to the library, with the relay between.
async fn relayed<S: AsyncRead + AsyncWrite + Send + 'static>(server: S) -> Result<Line, Trouble> {
    let wrong = |e: &dyn std::fmt::Display| Trouble::of("Begin the conversation", e.to_string());
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(|e| wrong(&e))?;
    ours.set_nonblocking(true).map_err(|e| wrong(&e))?;
    let ours = UnixStream::from_std(ours).map_err(|e| wrong(&e))?;
    let cut = Arc::new(Mutex::new(None));
    let why = Arc::clone(&cut);
    tokio::spawn(async move {
        let (from_server, mut to_server) = tokio::io::split(server);
        let (mut from_library, to_library) = ours.into_split();
        let answered = AtomicUsize::new(0);
        let up = async {
            let mut buffer = vec![0; 16 << 10];
            loop {
                let read = from_library.read(&mut buffer).await?;
                if read == 0 {
                    return to_server.shutdown().await;
                }
                answered.store(0, Ordering::Relaxed);
                to_server.write_all(buffer.get(..read).unwrap_or_default()).await?;
                to_server.flush().await?;
            }
        };
        let down = relay(from_server, to_library, &answered);
        let ended: std::io::Result<()> = tokio::select! { ended = up => ended, ended = down => ended };
        if let Err(e) = ended {
            *why.lock() = Some(e.to_string());
        }
    });
    let settings = LdapConnSettings::new().set_std_stream(StdStream::Unix(theirs));
    let (driver, ldap) = LdapConnAsync::with_settings(settings, "ldapi://relay").await.map_err(|e| wrong(&e))?;
    tokio::spawn(async move {
        let _ = driver.drive().await;
    });
    Ok(Line { ldap, cut })
}

/// Passes on what the server sends, message by message.
async fn relay(
    from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    answered: &AtomicUsize,
) -> std::io::Result<()> {
    let mut from = tokio::io::BufReader::with_capacity(64 << 10, from);
    while let Some(message) = message(&mut from).await? {
        if answered.fetch_add(message.len(), Ordering::Relaxed) + message.len() > ANSWER {
            return Err(std::io::Error::other(format!("it sent more than {ANSWER} bytes as one answer")));
        }
        to.write_all(&message).await?;
    }
    Ok(())
}

/// One message, sound and of bounded size; none at the end. Reads no byte beyond it.
async fn message(from: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Option<Vec<u8>>> {
    let wrong = || std::io::Error::other("it sent something that is not LDAP");
    let mut head = [0; 6];
    if from.read(&mut head[..1]).await? == 0 {
        return Ok(None);
    }
    from.read_exact(&mut head[1..2]).await?;
    let more = usize::from(head[1].saturating_sub(0x80)).min(4);
    from.read_exact(head.get_mut(2..2 + more).ok_or_else(wrong)?).await?;
    let Some((length, used)) = ber::length(head.get(1..2 + more).unwrap_or_default()) else { return Err(wrong()) };
    if head[0] != 0x30 {
        return Err(wrong());
    }
    if length > MESSAGE {
        return Err(std::io::Error::other(format!("it sent a message of more than {MESSAGE} bytes")));
    }
    let mut message = head.get(..=used).unwrap_or_default().to_vec();
    let begins = message.len();
    let read = from.take(u64::try_from(length).unwrap_or(u64::MAX)).read_to_end(&mut message).await?;
    if read < length || message.len() - begins != length || !ber::is_sound(&message) || !ber::is_answer(&message) {
        return Err(wrong());
    }
    Ok(Some(message))
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let at = |host: &str, port, tls| Endpoint { host: host.into(), port, tls };
        assert_eq!(Endpoint::parse("ldap://ldap.example.com", false).unwrap(), at("ldap.example.com", 389, Tls::Off));
        assert_eq!(Endpoint::parse("ldap://10.0.0.1:3890", true).unwrap(), at("10.0.0.1", 3890, Tls::Start));
        assert_eq!(Endpoint::parse(" ldaps://[::1]:1636/", true).unwrap(), at("::1", 1636, Tls::Whole));
        for wrong in
            ["", "ldap.example.com", "http://x", "ldap://", "ldapi://x", "ldap://x/dc=y", "ldap://u:p@x", "ldaps://x?y"]
        {
            assert!(Endpoint::parse(wrong, false).is_err(), "{wrong}");
        }
    }

    #[test]
    fn link_local_addresses_are_never_called() {
        for refused in
            ["169.254.169.254", "fe80::1", "::ffff:169.254.169.254", "0.0.0.0", "::", "fd00:ec2::254", "224.0.0.1"]
        {
            assert!(!may_be_called(refused.parse().unwrap()), "{refused}");
        }
        for allowed in ["127.0.0.1", "::1", "10.1.2.3", "192.168.0.1", "8.8.8.8", "fd12::1"] {
            assert!(may_be_called(allowed.parse().unwrap()), "{allowed}");
        }
    }

    #[tokio::test]
    async fn only_sound_messages_of_bounded_size_pass() {
        let fine: &[u8] = &[0x30, 0x0c, 2, 1, 1, 0x78, 7, 0x0a, 1, 0, 4, 0, 4, 0];
        let (mut passed, counted) = (vec![], AtomicUsize::new(0));
        relay(fine, &mut passed, &counted).await.unwrap();
        assert_eq!((passed.as_slice(), counted.into_inner()), (fine, fine.len()));
        let huge: &[u8] = &[0x30, 0x84, 0x7f, 0xff, 0xff, 0xff, 2, 1, 1];
        let text: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\r\n";
        let nested = [[0x30, 0x84, 0, 0, 0, 60]; 10].concat();
        let cut: &[u8] = fine.get(..9).unwrap();
        for wrong in [huge, text, nested.as_slice(), cut] {
            let mut passed = vec![];
            assert!(relay(wrong, &mut passed, &AtomicUsize::new(0)).await.is_err(), "{wrong:?}");
            assert!(passed.is_empty());
        }
        let mut passed = vec![];
        assert!(relay(fine, &mut passed, &AtomicUsize::new(ANSWER)).await.is_err());
    }
}
