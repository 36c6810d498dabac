//! Asking for the TXT records of a name (RFC 1035): one question by UDP, by TCP where the answer does not fit. Just enough to
//! see whether a domain holds the record that proves a claim; nothing else is looked up here.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

/// How long one server may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// Servers that are asked one after the other.
const SERVERS_MAX: usize = 3;
/// The kind of record.
const TXT: u16 = 16;

/// Why there is no answer, as a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoAnswer(pub String);

impl std::fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoAnswer {}

/// The servers that a `resolv.conf` names.
pub fn servers(resolv_conf: &str) -> Vec<SocketAddr> {
    let named = resolv_conf.lines().filter_map(|line| line.trim().strip_prefix("nameserver"));
    let found = named.filter_map(|rest| rest.trim().parse::<IpAddr>().ok());
    found.take(SERVERS_MAX).map(|ip| SocketAddr::new(ip, 53)).collect()
}

/// The texts of the TXT records of `name`; none where it has none. `id` is a random number.
pub async fn texts(servers: &[SocketAddr], name: &str, id: u16) -> Result<Vec<String>, NoAnswer> {
    let question = question(name, id).ok_or_else(|| NoAnswer(format!("{name} is no name of the DNS.")))?;
    let mut why = NoAnswer("This machine knows no DNS server.".to_owned());
    for server in servers {
        let asked = tokio::time::timeout(PATIENCE, ask(*server, &question, id)).await;
        match asked {
            Ok(Ok(found)) => return Ok(found),
            Ok(Err(trouble)) => why = NoAnswer(format!("The DNS server {server} {trouble}.")),
            Err(_) => why = NoAnswer(format!("The DNS server {server} does not answer.")),
        }
    }
    Err(why)
}

/// The question for the TXT records of `name`; none for what is no name.
pub fn question(name: &str, id: u16) -> Option<Vec<u8>> {
    let mut out = vec![];
    out.extend(id.to_be_bytes());
    // A question with recursion desired, of one name.
    out.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        let length = u8::try_from(label.len()).ok().filter(|n| (1..64).contains(n))?;
        out.push(length);
        out.extend(label.as_bytes());
    }
    out.extend([0, 0, 16, 0, 1]);
    (name.len() < 254).then_some(out)
}

async fn ask(server: SocketAddr, question: &[u8], id: u16) -> Result<Vec<String>, String> {
    let wrong = |e: std::io::Error| format!("cannot be asked: {e}");
    let any: SocketAddr = if server.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
    let socket = UdpSocket::bind(any).await.map_err(wrong)?;
    socket.connect(server).await.map_err(wrong)?;
    socket.send(question).await.map_err(wrong)?;
    let mut buffer = [0; 4_096];
    loop {
        let length = socket.recv(&mut buffer).await.map_err(wrong)?;
        let answer = &buffer[..length];
        // What does not repeat the question is not the answer to it.
        if !fits(answer, question, id) {
            continue;
        }
        if answer[2] & 2 == 0 {
            return read(answer, question.len());
        }
        let mut line = TcpStream::connect(server).await.map_err(wrong)?;
        let length = u16::try_from(question.len()).unwrap_or(u16::MAX);
        line.write_all(&[&length.to_be_bytes(), question].concat()).await.map_err(wrong)?;
        let length = line.read_u16().await.map_err(wrong)?;
        let mut whole = vec![0; usize::from(length)];
        line.read_exact(&mut whole).await.map_err(wrong)?;
        return match fits(&whole, question, id) {
            true => read(&whole, question.len()),
            false => Err("answers something else".to_owned()),
        };
    }
}

/// Whether a message repeats the question, and so may be the answer to it.
pub fn fits(answer: &[u8], question: &[u8], id: u16) -> bool {
    answer.len() >= question.len()
        && answer[..2] == id.to_be_bytes()
        && answer[2] & 0x80 != 0
        && answer[12..question.len()].eq_ignore_ascii_case(&question[12..])
}

/// The texts in an answer whose records begin at `at`.
///
/// # Errors
/// What the server did, as the end of a sentence.
pub fn read(answer: &[u8], at: usize) -> Result<Vec<String>, String> {
    let number = |at: usize| Some(u16::from_be_bytes([*answer.get(at)?, *answer.get(at + 1)?]));
    match answer.get(3).map_or(15, |b| b & 15) {
        0 => {}
        // No such name.
        3 => return Ok(vec![]),
        code => return Err(format!("answers with the error {code}")),
    }
    let broken = || "gives an answer that cannot be read".to_owned();
    let (mut at, mut out) = (at, vec![]);
    for _ in 0..number(6).ok_or_else(broken)? {
        at = past_name(answer, at).ok_or_else(broken)?;
        let kind = number(at).ok_or_else(broken)?;
        let length = usize::from(number(at + 8).ok_or_else(broken)?);
        let data = answer.get(at + 10..at + 10 + length).ok_or_else(broken)?;
        if kind == TXT {
            out.push(String::from_utf8_lossy(&joined(data)).into_owned());
        }
        at += 10 + length;
    }
    Ok(out)
}

/// Behind the name that begins at `at`.
fn past_name(answer: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *answer.get(at)? {
            0 => return Some(at + 1),
            n if n & 0xc0 == 0xc0 => return Some(at + 2),
            n => at += 1 + usize::from(n),
        }
    }
}

/// The character strings of a TXT record, joined.
fn joined(mut data: &[u8]) -> Vec<u8> {
    let mut out = vec![];
    while let Some((length, rest)) = data.split_first() {
        let part = rest.get(..usize::from(*length)).unwrap_or(rest);
        out.extend(part);
        data = &rest[part.len()..];
    }
    out
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_names_its_servers() {
        let text = "# comment\nsearch example.com\nnameserver 192.0.2.1\nnameserver 2001:db8::1\nnameserver nonsense\n";
        assert_eq!(servers(text).len(), 2);
    }

    #[tokio::test]
    async fn an_answer_is_read_and_forged_ones_are_not() {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let at = server.local_addr().unwrap();
        let answering = tokio::spawn(async move {
            let mut buffer = [0; 512];
            let (length, from) = server.recv_from(&mut buffer).await.unwrap();
            let mut forged = buffer[..length].to_vec();
            forged[0] ^= 1;
            forged[2] |= 0x80;
            server.send_to(&forged, from).await.unwrap();
            let mut answer = buffer[..length].to_vec();
            (answer[2], answer[7]) = (0x81, 2);
            for text in [&["one ", "two"][..], &["three"]] {
                let data: Vec<u8> =
                    text.iter().flat_map(|t| [vec![t.len() as u8], t.as_bytes().to_vec()].concat()).collect();
                answer.extend([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60]);
                answer.extend((data.len() as u16).to_be_bytes());
                answer.extend(data);
            }
            server.send_to(&answer, from).await.unwrap();
        });
        assert_eq!(texts(&[at], "_bailiwick.example.com", 77).await.unwrap(), ["one two", "three"]);
        answering.await.unwrap();
        assert!(texts(&[], "example.com", 1).await.is_err());
        assert!(texts(&[at], "a..b", 1).await.is_err());
    }

    #[test]
    fn damaged_answers_end() {
        let question = question("example.com", 1).unwrap();
        let mut answer = question.clone();
        (answer[2], answer[7]) = (0x81, 9);
        for cut in 0..=answer.len() {
            let _ = fits(&answer[..cut], &question, 1) && read(&answer[..cut], question.len()).is_ok();
        }
        answer.extend([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60, 255, 255, 1]);
        assert!(read(&answer, question.len()).is_err());
        assert!(joined(&[200, 1, 2]).len() == 2);
    }
}
