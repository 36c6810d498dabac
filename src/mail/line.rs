//! The way to a mail server: TCP, with TLS from the start, or after STARTTLS (RFC 3207), or not at all. Encryption begins here
//! and not in the library that speaks SMTP afterwards: what a server, or somebody on the way, says before it without being
//! asked must not be taken for an answer given under it; and whatever it says ends ([`MOST`]).

use crate::config::settings::mail::Security;
use lettre::transport::smtp::client::AsyncTokioStream;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The most bytes that a server may say while one mail is sent.
const MOST: usize = 16 * 1024;
/// The longest reply before encryption, in bytes.
const REPLY_MAX: usize = 8 * 1024;

/// A connection whose server has greeted, or is about to.
#[derive(Debug)]
pub struct Line {
    stream: Stream,
    /// The greeting, where it was read before encryption began: the library waits for one.
    greeting: Vec<u8>,
    left: usize,
}

#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Where a connection did not come about.
#[derive(Debug)]
pub enum Broken {
    /// Reaching the server.
    Connect(io::Error),
    /// Encrypting what is said.
    Encrypt(io::Error),
    /// The server does not offer STARTTLS.
    NotOffered,
}

impl Line {
    /// Connects to `host`, which is told that `name` speaks, as securely as `security` says.
    ///
    /// # Errors
    /// The step that failed.
    pub async fn open(
        (host, port): (&str, u16),
        security: Security,
        tls: Option<Arc<ClientConfig>>,
        name: &str,
    ) -> Result<Line, Broken> {
        let mut tcp = TcpStream::connect((host, port)).await.map_err(Broken::Connect)?;
        let line = |stream, greeting| Line { stream, greeting, left: MOST };
        let Some(tls) = tls else { return Ok(line(Stream::Plain(tcp), vec![])) };
        if security == Security::Wrapped {
            let tls = encrypted(tcp, tls, host).await.map_err(Broken::Connect)?;
            return Ok(line(tls, vec![]));
        }
        let (greeting, said) = reply(&mut tcp).await.map_err(Broken::Connect)?;
        if !said.starts_with("220") {
            return Err(Broken::Connect(io::Error::other(said.trim().to_owned())));
        }
        let hello = format!("EHLO {name}\r\n");
        let (_, offers) = ask(&mut tcp, &hello).await.map_err(Broken::Connect)?;
        let offered = offers.lines().filter_map(|line| line.get(4..)).any(|it| it.eq_ignore_ascii_case("STARTTLS"));
        match (offered, security) {
            (false, Security::Opportunistic) => return Ok(line(Stream::Plain(tcp), greeting)),
            (false, _) => return Err(Broken::NotOffered),
            (true, _) => {}
        }
        let (_, said) = ask(&mut tcp, "STARTTLS\r\n").await.map_err(Broken::Encrypt)?;
        if !said.starts_with("220") {
            return Err(Broken::Encrypt(io::Error::other(said.trim().to_owned())));
        }
        encrypted(tcp, tls, host).await.map(|tls| line(tls, greeting)).map_err(Broken::Encrypt)
    }

    /// Whether it is encrypted.
    pub fn is_encrypted(&self) -> bool {
        matches!(self.stream, Stream::Tls(_))
    }
}

/// TLS 1.2 and 1.3 with the authorities of the system and those of these files.
///
/// # Errors
/// Which file cannot be used.
pub fn client_config(ca_files: &[String]) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for file in ca_files {
        let pem = std::fs::read(file).map_err(|e| format!("{file} cannot be read: {e}."))?;
        let found: Vec<_> = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok).collect();
        if roots.add_parsable_certificates(found).0 == 0 {
            return Err(format!("{file} holds no certificate in PEM."));
        }
    }
    let made = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?;
    Ok(Arc::new(made.with_root_certificates(roots).with_no_client_auth()))
}

async fn encrypted(tcp: TcpStream, tls: Arc<ClientConfig>, host: &str) -> io::Result<Stream> {
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    Ok(Stream::Tls(Box::new(TlsConnector::from(tls).connect(name, tcp).await?)))
}

async fn ask(tcp: &mut TcpStream, command: &str) -> io::Result<(Vec<u8>, String)> {
    tcp.write_all(command.as_bytes()).await?;
    reply(tcp).await
}

/// One reply in the clear, as bytes and as text, and not a byte more: what follows it was not asked for.
async fn reply(tcp: &mut TcpStream) -> io::Result<(Vec<u8>, String)> {
    let mut said = vec![];
    loop {
        if tcp.read_buf(&mut said).await? == 0 {
            return Err(io::Error::other("The server hung up."));
        }
        match end_of_reply(&said) {
            Some(end) if end == said.len() => {
                let text = String::from_utf8_lossy(&said).into_owned();
                return Ok((said, text));
            }
            Some(_) => {
                return Err(io::Error::other("The server says more than it was asked, before encryption begins."));
            }
            None if said.len() > REPLY_MAX => return Err(too_much()),
            None => {}
        }
    }
}

/// Where the first reply ends: behind the first line that has no `-` after its number (RFC 5321 §4.2.1).
fn end_of_reply(said: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let end = from + said.get(from..)?.iter().position(|byte| *byte == b'\n')? + 1;
        if said.get(from + 3) != Some(&b'-') {
            return Some(end);
        }
        from = end;
    }
}

fn too_much() -> io::Error {
    io::Error::other("The server says more than any mail server does.")
}

impl AsyncRead for Line {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let line = &mut *self;
        if !line.greeting.is_empty() {
            let n = line.greeting.len().min(to.remaining());
            to.put_slice(line.greeting.drain(..n).as_slice());
            return Poll::Ready(Ok(()));
        }
        let before = to.filled().len();
        ready!(match &mut line.stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_read(cx, to),
            Stream::Tls(tls) => Pin::new(tls).poll_read(cx, to),
        })?;
        let Some(left) = line.left.checked_sub(to.filled().len() - before) else {
            return Poll::Ready(Err(too_much()));
        };
        line.left = left;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            Stream::Tls(tls) => Pin::new(tls).poll_write(cx, bytes),
        }
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Stream::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Stream::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}

impl AsyncTokioStream for Line {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        match &self.stream {
            Stream::Plain(tcp) => tcp.peer_addr(),
            Stream::Tls(tls) => tls.get_ref().0.peer_addr(),
        }
    }
}
