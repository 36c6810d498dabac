//! A real OpenLDAP on free ports, with a private certificate authority and a small company in it. What it shows, and to whom,
//! can be changed while it keeps its address and its data.

use super::{Data, PATIENCE, Server, Setup, counterpart};
use base64::Engine;
use parking_lot::{Condvar, Mutex};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Where everything of the company is.
pub const SUFFIX: &str = "dc=example,dc=test";
/// The service account's name and password.
pub const BINDER: (&str, &str) = ("cn=binder,dc=example,dc=test", "binder-canary-pw");

/// How the directory treats whoever asks.
#[derive(Clone, Default)]
pub struct Manners {
    /// Nobody may ask without a name.
    pub closed: bool,
    /// Passwords are taken over encrypted connections only.
    pub tls_only: bool,
    /// Subtrees and filters that nobody may read, as the `to` of an access rule.
    pub hidden: Vec<String>,
    /// Most entries that an answer has, all pages together.
    pub at_most: Option<usize>,
}

/// A running directory.
pub struct Slapd {
    port: u16,
    tls_port: u16,
    data: Data,
    child: Option<Child>,
    log: Arc<(Mutex<Vec<String>>, Condvar)>,
}

impl Slapd {
    /// Starts one with the company in it; none where the suite runs without it.
    pub fn start(manners: Manners) -> Option<Slapd> {
        if !counterpart("slapd", Path::new("/usr/sbin/slapd")) {
            return None;
        }
        let data = Data::new();
        let dir = data.path();
        std::fs::create_dir_all(dir.join("db")).unwrap();
        let (ca, certificate, key) = authority();
        std::fs::write(dir.join("ca.pem"), ca).unwrap();
        std::fs::write(dir.join("cert.pem"), certificate).unwrap();
        std::fs::write(dir.join("key.pem"), key).unwrap();
        let mut slapd = Slapd { port: 0, tls_port: 0, data, child: None, log: Arc::default() };
        // A port found free may be taken before it is used.
        let started = (0..5).any(|_| {
            (slapd.port, slapd.tls_port) = (free_port(), free_port());
            slapd.run(&manners)
        });
        assert!(started, "slapd does not start: {}", slapd.log());
        slapd.change("ldapadd", &company());
        Some(slapd)
    }

    /// Starts anew with other manners: same address, same data.
    pub fn behave(&mut self, manners: &Manners) {
        self.stop();
        let until = Instant::now() + PATIENCE;
        while !self.run(manners) {
            assert!(Instant::now() < until, "slapd does not start again: {}", self.log());
        }
    }

    /// Ends it; connections to its address are refused from now on.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ =
                rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::TERM);
            let _ = child.wait();
        }
    }

    fn run(&mut self, manners: &Manners) -> bool {
        let dir = self.data.path().display().to_string();
        std::fs::write(self.data.path().join("slapd.conf"), configuration(&dir, manners)).unwrap();
        let socket = format!("{dir}/ldapi");
        let _ = std::fs::remove_file(&socket);
        let urls = format!(
            "ldap://127.0.0.1:{} ldaps://127.0.0.1:{} ldapi://{}",
            self.port,
            self.tls_port,
            socket.replace('/', "%2F")
        );
        let mut child = Command::new("/usr/sbin/slapd")
            .args(["-d", "256", "-f", &format!("{dir}/slapd.conf"), "-h", &urls])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (lines, log) = (BufReader::new(child.stderr.take().unwrap()), Arc::clone(&self.log));
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                log.0.lock().push(line);
                log.1.notify_all();
            }
        });
        let until = Instant::now() + PATIENCE;
        loop {
            if child.try_wait().unwrap().is_some() {
                return false;
            }
            let open = |port: u16| TcpStream::connect(("127.0.0.1", port)).is_ok();
            if Path::new(&socket).exists() && open(self.port) && open(self.tls_port) {
                self.child = Some(child);
                return true;
            }
            assert!(Instant::now() < until, "slapd does not listen: {}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Everything it logged.
    pub fn log(&self) -> String {
        self.log.0.lock().join("\n")
    }

    /// Waits for a line of its log.
    pub fn line_with(&self, text: &str) {
        let until = Instant::now() + PATIENCE;
        let mut lines = self.log.0.lock();
        while !lines.iter().any(|line| line.contains(text)) {
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no {text:?} in the directory's log:\n{}", lines.join("\n"));
            self.log.1.wait_for(&mut lines, left);
        }
    }

    /// Changes entries as the directory's own administrator.
    pub fn change(&self, tool: &str, ldif: &str) {
        let socket = format!("{}/ldapi", self.data.path().display()).replace('/', "%2F");
        let mut child = Command::new(tool)
            .args(["-x", "-H", &format!("ldapi://{socket}"), "-D", &format!("cn=admin,{SUFFIX}"), "-w", "adminpw"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(ldif.as_bytes()).unwrap();
        let out = child.wait_with_output().unwrap();
        assert!(out.status.success(), "{tool}: {}\n{ldif}", String::from_utf8_lossy(&out.stderr));
    }

    /// Adds a value to an attribute, or deletes it.
    pub fn set(&self, dn: &str, how: &str, attribute: &str, value: &str) {
        self.change("ldapmodify", &format!("dn: {dn}\nchangetype: modify\n{how}: {attribute}\n{attribute}: {value}\n"));
    }

    /// Deletes an entry.
    pub fn delete(&self, dn: &str) {
        self.change("ldapmodify", &format!("dn: {dn}\nchangetype: delete\n"));
    }

    /// Its address without encryption.
    pub fn url(&self) -> String {
        format!("ldap://127.0.0.1:{}", self.port)
    }

    /// Its address with TLS from the start.
    pub fn tls_url(&self) -> String {
        format!("ldaps://127.0.0.1:{}", self.tls_port)
    }

    /// The file of its authority's certificate.
    pub fn ca_file(&self) -> String {
        self.data.path().join("ca.pem").display().to_string()
    }

    /// The environment by which people sign in with it.
    pub fn setup(&self) -> Setup {
        Setup::default()
            .env("LOCAL_LDAP_ADDRESS", &self.url())
            .env("LOCAL_LDAP_BASE_DN", SUFFIX)
            .env("LOCAL_LDAP_ATTRIBUTES", "email=mail, group=gidNumber")
            .env("LOCAL_LDAP_LOGIN", "True")
    }

    /// A server with an administrator who has a password of this server, and whose people sign in with the directory.
    pub fn server(&self, setup: Setup) -> (Server, super::Person) {
        let server = Server::start(setup);
        let admin = server.person_with_password("root", "admin");
        (server, admin)
    }
}

impl Drop for Slapd {
    fn drop(&mut self) {
        self.stop();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub fn authority() -> (String, String, String) {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, "Directory authority");
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &authority).unwrap();
    (authority.pem(), leaf.pem(), key.serialize_pem())
}

fn configuration(dir: &str, manners: &Manners) -> String {
    let mut text = format!(
        "include /etc/ldap/schema/core.schema\ninclude /etc/ldap/schema/cosine.schema\n\
         include /etc/ldap/schema/nis.schema\ninclude /etc/ldap/schema/inetorgperson.schema\n\
         modulepath /usr/lib/ldap\nmoduleload back_mdb\nmoduleload memberof\nmoduleload refint\n\
         TLSCACertificateFile {dir}/ca.pem\nTLSCertificateFile {dir}/cert.pem\nTLSCertificateKeyFile {dir}/key.pem\n\
         TLSProtocolMin 3.3\nlocalSSF 256\n"
    );
    if manners.closed {
        text.push_str("disallow bind_anon\nrequire authc\n");
    }
    if manners.tls_only {
        text.push_str("security simple_bind=128\n");
    }
    text.push_str(&format!(
        "database mdb\nmaxsize 268435456\ndbnosync\nsuffix \"{SUFFIX}\"\nrootdn \"cn=admin,{SUFFIX}\"\nrootpw adminpw\n\
         directory {dir}/db\nindex objectClass,uid,cn,mail,member,memberUid,gidNumber,entryUUID eq\n"
    ));
    match manners.at_most {
        Some(at_most) => {
            text.push_str(&format!("limits * size.soft={at_most} size.hard={at_most} size.prtotal={at_most}\n"));
        }
        None => text.push_str("limits * size=unlimited\n"),
    }
    text.push_str("access to attrs=userPassword by anonymous auth by self =xw by * none\n");
    for what in &manners.hidden {
        text.push_str(&format!("access to {what} by * none\n"));
    }
    text.push_str(
        "access to * by * read\noverlay memberof\nmemberof-group-oc groupOfNames\nmemberof-member-ad member\n\
         memberof-memberof-ad memberOf\noverlay refint\nrefint_attributes member memberOf\n",
    );
    text
}

/// `attribute: value`, in the form that takes any value.
pub fn line(attribute: &str, value: &str) -> String {
    format!("{attribute}:: {}\n", base64::engine::general_purpose::STANDARD.encode(value))
}

/// Somebody, by the whole name of the entry; the password is the uid and `pw`.
pub fn person(dn: &str, uid: &str, name: &str, mail: &str) -> String {
    [
        line("dn", dn),
        "objectClass: inetOrgPerson\nobjectClass: posixAccount\n".to_owned(),
        line("uid", uid),
        line("cn", name),
        line("sn", name.rsplit(' ').next().unwrap()),
        line("displayName", name),
        line("mail", mail),
        format!("uidNumber: 10001\ngidNumber: 20001\nhomeDirectory: /home/x\nuserPassword: {uid}pw\n\n"),
    ]
    .concat()
}

/// Somebody below `ou=people` by the usual name.
pub fn usual(uid: &str) -> String {
    let name = format!("{}{} Example", uid[..1].to_uppercase(), &uid[1..]);
    person(&format!("uid={uid},ou=people,{SUFFIX}"), uid, &name, &format!("{uid}@example.test"))
}

/// A group of entries.
pub fn group(cn: &str, members: &[&str]) -> String {
    let members: String = members.iter().map(|dn| line("member", dn)).collect();
    let dn = line("dn", &format!("cn={cn},ou=groups,{SUFFIX}"));
    format!("{dn}objectClass: groupOfNames\n{}{members}\n", line("cn", cn))
}

fn company() -> String {
    let alice = format!("uid=alice,ou=people,{SUFFIX}");
    let bob = format!("uid=bob,ou=people,{SUFFIX}");
    let mut all = format!(
        "dn: {SUFFIX}\nobjectClass: dcObject\nobjectClass: organization\no: Example\ndc: example\n\n\
         dn: ou=people,{SUFFIX}\nobjectClass: organizationalUnit\nou: people\n\n\
         dn: ou=groups,{SUFFIX}\nobjectClass: organizationalUnit\nou: groups\n\n\
         dn: {}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: binder\nuserPassword: {}\n\n",
        BINDER.0, BINDER.1
    );
    for uid in ["alice", "bob", "carol"] {
        all.push_str(&usual(uid));
    }
    all.push_str(&person(&format!("cn=Doe\\, John,ou=people,{SUFFIX}"), "jdoe", "Doe, John", "john@example.test"));
    all.push_str(&person(&format!("cn=téstè,ou=people,{SUFFIX}"), "teste", "téstè", "teste@example.test"));
    // staff: by number for everybody here, by bare name for bob; research (eu) is in science, which is in company.
    all.push_str(&format!(
        "dn: cn=staff,ou=groups,{SUFFIX}\nobjectClass: posixGroup\ncn: staff\ngidNumber: 20001\n\n\
         dn: cn=oncall,ou=groups,{SUFFIX}\nobjectClass: posixGroup\ncn: oncall\ngidNumber: 20002\nmemberUid: bob\n\n"
    ));
    all.push_str(&group("research (eu)", &[&alice, &bob]));
    all.push_str(&group("science", &[&format!("cn=research (eu),ou=groups,{SUFFIX}")]));
    all.push_str(&group("company", &[&format!("cn=science,ou=groups,{SUFFIX}")]));
    all
}
