//! The executable serves from a root directory that holds nothing but itself, and resolves names there through a name
//! server alone, without `/etc/hosts`. How it is linked and how large it is, `packaging` tests.

use crate::harness::{PATIENCE, bin, root_for};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;

/// Answers every question with 127.0.0.1, until the socket closes.
fn name_server(socket: UdpSocket) {
    let mut packet = [0; 512];
    while let Ok((length, from)) = socket.recv_from(&mut packet) {
        let question = &packet[12..length];
        let name_end = question.iter().position(|b| *b == 0).unwrap() + 1;
        let kind = question[name_end + 1];
        let mut answer = packet[..2].to_vec();
        let answers = u8::from(kind == 1);
        answer.extend([0x81, 0x80, 0, 1, 0, answers, 0, 0, 0, 0]);
        answer.extend(&question[..name_end + 4]);
        if kind == 1 {
            answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
        }
        let _ = socket.send_to(&answer, from);
    }
}

#[test]
fn it_runs_in_an_empty_root_and_resolves_names() {
    if !root_for("chroot") {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    std::fs::set_permissions(root.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::copy(bin(), root.path().join("bailiwick")).unwrap();
    let inside = |args: &[&str]| {
        let mut command = Command::new("/usr/sbin/chroot");
        command.arg(root.path()).arg("/bailiwick").args(args).env_clear().stdin(Stdio::null());
        command
    };
    let mut child = inside(&["serve", "--data-dir", "/data", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let (say, said) = channel();
    std::thread::spawn(move || say.send(stdout.lines().next().unwrap().unwrap()));
    let line = said.recv_timeout(PATIENCE).expect("it listens");
    let ready: Value = serde_json::from_str(&line).unwrap();
    let url = ready["url"].as_str().unwrap().to_owned();
    let port = url.rsplit(':').next().unwrap().to_owned();
    crate::harness::Client::new(&url).get("/ready").is(200);

    // Nothing but the file and what it made itself is in there; names come from a name server alone.
    assert!(inside(&["healthcheck", "--url", &url]).status().unwrap().success());
    match UdpSocket::bind("127.0.0.77:53") {
        Ok(socket) => {
            std::thread::spawn(move || name_server(socket));
            std::fs::create_dir(root.path().join("etc")).unwrap();
            std::fs::write(root.path().join("etc/resolv.conf"), "nameserver 127.0.0.77\n").unwrap();
            let named = format!("http://bailiwick.test:{port}");
            let out = inside(&["healthcheck", "--url", &named]).output().unwrap();
            assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        }
        Err(e) => println!("skipped: the name server's port cannot be had: {e}"),
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(inside(&["doctor", "--data-dir", "/data"]).status().unwrap().success());
}
