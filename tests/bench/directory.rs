//! The background sync with a real OpenLDAP: 10,000 people and 200 groups in groups with one changed member, beside what
//! reading the directory alone takes, by this program and by `ldapsearch`. It needs `slapd` and `ldap-utils` (Debian).

use crate::report::{Report, Target, count, median, time};
use crate::{rig, world};
use bailiwick::app::{App, Parts};
use bailiwick::clock::Clock;
use bailiwick::config::env::Env;
use bailiwick::crypto::Random;
use bailiwick::idp::ldap;
use bailiwick::jobs::directory::{Memory, sync};
use bailiwick::model::identity::{Identity, LDAP};
use bailiwick::model::team::{HOME, Team};
use bailiwick::model::user::Status;
use bailiwick::model::{TeamId, UserId};
use bailiwick::store::{Store, schema};
use std::collections::HashSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const PEOPLE: u64 = 10_000;
const GROUPS: u64 = 200;
const ROUNDS: usize = 5;
const SUFFIX: &str = "dc=example,dc=org";

struct Slapd(Child);

impl Drop for Slapd {
    fn drop(&mut self) {
        let _ = rustix::process::kill_process(rustix::process::Pid::from_child(&self.0), rustix::process::Signal::TERM);
        let _ = self.0.wait();
    }
}

fn uuid(n: u64) -> String {
    format!("00000000-0000-4000-8000-{n:012}")
}

/// People in one of 200 groups each, and each group but the first in the one of a tenth of its number.
fn entries() -> String {
    let mut text = format!("dn: {SUFFIX}\nobjectClass: dcObject\nobjectClass: organization\no: x\ndc: example\n\n");
    for n in 1..=PEOPLE {
        let _ = write!(
            text,
            "dn: uid=user-{n:05},{SUFFIX}\nobjectClass: inetOrgPerson\nuid: user-{n:05}\ncn: User Number {n}\nsn: {n}\n\
             displayName: User Number {n}\nmail: user-{n:05}@example.org\nentryUUID: {}\n\n",
            uuid(n)
        );
    }
    for group in 0..GROUPS {
        let _ = write!(text, "dn: cn=team-{group},{SUFFIX}\nobjectClass: groupOfNames\ncn: team-{group}\n");
        for n in (1..=PEOPLE).filter(|n| n % GROUPS == group) {
            let _ = writeln!(text, "member: uid=user-{n:05},{SUFFIX}");
        }
        for child in (group * 10..group * 10 + 10).filter(|child| *child > group && *child < GROUPS) {
            let _ = writeln!(text, "member: cn=team-{child},{SUFFIX}");
        }
        text.push('\n');
    }
    text
}

fn start(dir: &Path) -> (Slapd, String) {
    let at = dir.display();
    std::fs::create_dir(dir.join("db")).unwrap();
    std::fs::write(dir.join("all.ldif"), entries()).unwrap();
    let configuration = format!(
        "include /etc/ldap/schema/core.schema\ninclude /etc/ldap/schema/cosine.schema\ninclude /etc/ldap/schema/inetorgperson.schema\n\
         modulepath /usr/lib/ldap\nmoduleload back_mdb\ndatabase mdb\nmaxsize 1073741824\ndbnosync\nsuffix \"{SUFFIX}\"\n\
         rootdn \"cn=admin,{SUFFIX}\"\nrootpw adminpw\ndirectory {at}/db\nlimits * size=unlimited\naccess to * by * read\n\
         index objectClass,uid,mail,member eq,pres\n"
    );
    std::fs::write(dir.join("slapd.conf"), configuration).unwrap();
    let conf = format!("{at}/slapd.conf");
    let added = Command::new("/usr/sbin/slapadd").args(["-q", "-f", &conf, "-l", &format!("{at}/all.ldif")]).output();
    let added = added.expect("slapd is installed");
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("ldap://127.0.0.1:{port}");
    let child =
        Command::new("/usr/sbin/slapd").args(["-d", "0", "-f", &conf, "-h", &url]).stderr(Stdio::null()).spawn();
    let slapd = Slapd(child.unwrap());
    let until = Instant::now() + Duration::from_secs(20);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < until, "slapd does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
    (slapd, url)
}

/// Everybody has an account here, and every group a team.
fn fill(store: &Store) {
    for first in (1..=PEOPLE).step_by(400) {
        world::write(store, move |tx| {
            for n in first..first + 400 {
                tx.next_id(schema::ENTITY_IDS)?;
                let mut user = world::person(n);
                user.status = Status::Active;
                tx.put(&schema::USERS, &user)?;
                tx.put(
                    &schema::IDENTITIES,
                    &Identity {
                        connection: LDAP.to_owned(),
                        subject: uuid(n),
                        user: UserId(n),
                        linked_at: 1,
                        last_at: 1,
                        teams: vec![],
                    },
                )?;
            }
            Ok(())
        });
    }
    world::write(store, |tx| {
        for group in 0..GROUPS {
            tx.next_id(schema::ENTITY_IDS)?;
            let id = TeamId(PEOPLE + 1 + group);
            tx.put(&schema::TEAMS, &Team::new(id, HOME, format!("team-{group}"), 1))?;
        }
        Ok(())
    });
}

/// Adds somebody to a group, or takes them out.
fn change(url: &str, how: &str) {
    let mut child = Command::new("ldapmodify")
        .args(["-x", "-H", url, "-D", &format!("cn=admin,{SUFFIX}"), "-w", "adminpw"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let ldif = format!("dn: cn=team-7,{SUFFIX}\nchangetype: modify\n{how}: member\nmember: uid=user-00001,{SUFFIX}\n");
    child.stdin.take().unwrap().write_all(ldif.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

/// What the peer takes for the same entries, in the same pages.
fn peer(url: &str) -> f64 {
    let started = Instant::now();
    for filter in ["(member=*)", "(|(uid=*)(sAMAccountName=*)(mail=*))"] {
        let out = Command::new("ldapsearch")
            .args(["-x", "-LLL", "-E", "pr=500/noprompt", "-H", url, "-b", SUFFIX, filter, "*", "entryUUID"])
            .stdout(Stdio::null())
            .status();
        assert!(out.unwrap().success());
    }
    started.elapsed().as_secs_f64()
}

fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<f64>().unwrap() / 1024.0
}

pub fn measure(report: &mut Report) {
    let (of_slapd, of_store) = (rig::directory(), rig::directory());
    let (_slapd, url) = start(of_slapd.path());
    let env = [
        ("LOCAL_LDAP_ADDRESS", url.as_str()),
        ("LOCAL_LDAP_BASE_DN", SUFFIX),
        ("LOCAL_LDAP_LOGIN", "true"),
        ("GORILLA_LDAP_GROUP_SYNC", "true"),
    ];
    let app = App::start(Parts {
        store: Store::open_file(&rig::store_file(of_store.path()), &schema::SCHEMA).unwrap(),
        environment: Env::of(&env),
        sealing_key: [7; 32],
        base_url: "http://127.0.0.1".to_owned(),
        org: "default".to_owned(),
        several_orgs: false,
        clock: Clock::system(),
        random: Random::system(),
        hashing_threads: 1,
    })
    .unwrap();
    fill(&app.store);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = Arc::clone(app.settings.current().ldap());
    let accounts: HashSet<String> = (1..=PEOPLE).map(uuid).collect();
    let (mut memory, mut reading, mut syncs, mut peers) = (Memory::default(), vec![], vec![], vec![]);
    let run = |memory: &mut Memory| {
        let started = Instant::now();
        let done = runtime.block_on(sync(&app, Arc::clone(&config), memory));
        assert!(done.trouble.is_none() && done.failed + done.held == 0, "{done:?}");
        (started.elapsed().as_secs_f64(), done)
    };
    let (first, done) = run(&mut memory);
    assert_eq!((done.people, done.groups), (PEOPLE as usize, GROUPS as usize));
    report.note(
        "LDAP first sync, everybody joins",
        format!("{first:.1} s"),
        format!("{} joined", count(done.joined as f64)),
    );
    run(&mut memory);
    let before = resident();
    for round in 0..ROUNDS {
        change(&url, if round % 2 == 0 { "add" } else { "delete" });
        let started = Instant::now();
        let roll = runtime.block_on(ldap::read_all(&config, accounts.clone())).unwrap();
        assert_eq!(roll.len(), PEOPLE as usize);
        drop(roll);
        reading.push(started.elapsed().as_secs_f64());
        let (took, done) = run(&mut memory);
        assert_eq!((done.changed, done.joined + done.left), (1, 1), "{done:?}");
        syncs.push(took);
        peers.push(peer(&url));
    }
    let (took, alone, theirs) = (median(&syncs), median(&reading), median(&peers));
    let shown = |seconds: f64| time(Duration::from_secs_f64(seconds));
    report.compared(
        format!("LDAP sync, {} people, {GROUPS} nested groups, one change", count(PEOPLE as f64)),
        shown(took),
        format!("reading alone {}", shown(alone)),
        took / alone,
        Target::AtMost(2.0),
    );
    report.compared(
        "the same",
        shown(took),
        format!("ldapsearch {}", shown(theirs)),
        took / theirs,
        Target::AtMost(2.0),
    );
    report.note("memory after five more syncs", format!("{:+.1} MB", resident() - before), "flat");
    app.stop();
}
