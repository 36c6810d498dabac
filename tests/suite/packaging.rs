//! The executable as it is installed: linked statically (`static_binary` runs it in an empty root), the systemd unit, what the service manager
//! hears, and the Debian package. Building the package takes the executable under test, not another build.

use crate::harness::{Data, PATIENCE, Server, Setup, bin};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Output};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn run(program: &str, args: &[&str]) -> Output {
    Command::new(program).args(args).output().unwrap_or_else(|e| panic!("{program}: {e}"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_executable_is_static_and_under_forty_megabytes() {
    let elf = std::fs::read(bin()).unwrap();
    assert_eq!(&elf[..4], b"\x7fELF");
    // e_type 3: position-independent; and no program header of type PT_INTERP (3), so no loader is needed.
    assert_eq!(u16::from_le_bytes([elf[16], elf[17]]), 3);
    let word = |at: usize| u16::from_le_bytes([elf[at], elf[at + 1]]) as usize;
    let start = u64::from_le_bytes(elf[32..40].try_into().unwrap()) as usize;
    for i in 0..word(56) {
        let at = start + i * word(54);
        assert_ne!(u32::from_le_bytes(elf[at..at + 4].try_into().unwrap()), 3, "it asks for a dynamic loader");
    }
    if bin().components().any(|c| c.as_os_str() == "release") {
        assert!(elf.len() < 40_000_000, "{} bytes", elf.len());
    }
}

#[test]
fn the_unit_verifies_without_a_word_and_exposes_little() {
    let unit = std::fs::read_to_string(root().join("packaging/bailiwick.service")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bailiwick.service");
    std::fs::write(&path, unit.replace("/usr/bin/bailiwick", bin().to_str().unwrap())).unwrap();
    let path = path.to_str().unwrap();
    let verify = run("systemd-analyze", &["verify", "--man=no", path]);
    assert!(verify.status.success() && verify.stderr.is_empty(), "{}", text(&verify.stderr));
    let security = run("systemd-analyze", &["security", "--offline=true", "--threshold=15", "--no-pager", path]);
    assert!(security.status.success(), "more exposed than 1.5:\n{}", text(&security.stdout));
}

/// What the service manager hears from start to stop, with a watchdog and a reload.
#[test]
fn the_service_manager_hears_ready_watchdog_reloading_and_stopping() {
    let data = Data::new();
    let path = data.outside().join("notify.sock");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut heard = String::new();
    let mut wait_for = |word: &str| {
        while !heard.contains(word) {
            let mut buffer = [0u8; 4096];
            let n = manager.recv(&mut buffer).unwrap_or_else(|e| panic!("{e}: no {word} in {heard}"));
            heard.push_str(&text(&buffer[..n]));
            heard.push('\n');
        }
        heard.clear();
    };
    let server = Server::start(
        Setup::default().data(&data).env("NOTIFY_SOCKET", path.to_str().unwrap()).env("WATCHDOG_USEC", "600000"),
    );
    wait_for("READY=1");
    wait_for("WATCHDOG=1");
    wait_for("WATCHDOG=1");
    server.signal(rustix::process::Signal::HUP);
    wait_for("RELOADING=1");
    wait_for("READY=1");
    drop(server);
    wait_for("STOPPING=1");
}

#[test]
fn the_debian_package_holds_what_it_should_and_its_scripts_parse() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().to_str().unwrap();
    let made = run(root().join("packaging/deb").to_str().unwrap(), &["--binary", bin().to_str().unwrap(), out]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let deb = text(&made.stdout).trim().to_owned();
    let info = text(&run("dpkg-deb", &["--info", &deb]).stdout);
    assert!(info.contains("Package: bailiwick") && info.contains("conffiles"), "{info}");
    let tree = dir.path().join("tree");
    let raw = run("dpkg-deb", &["--raw-extract", &deb, tree.to_str().unwrap()]);
    assert!(raw.status.success(), "{}", text(&raw.stderr));
    for script in ["postinst", "prerm", "postrm"] {
        let path = tree.join("DEBIAN").join(script);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o755, "{script}");
        let parse = run("sh", &["-n", path.to_str().unwrap()]);
        assert!(parse.status.success(), "{script}: {}", text(&parse.stderr));
    }
    let listing = text(&run("dpkg-deb", &["--contents", &deb]).stdout);
    for (mode, path) in [
        ("-rwxr-xr-x root/root", "./usr/bin/bailiwick"),
        ("-rw-r--r-- root/root", "./lib/systemd/system/bailiwick.service"),
        ("-rw-r----- root/root", "./etc/bailiwick/bailiwick.env"),
    ] {
        assert!(listing.lines().any(|l| l.starts_with(mode) && l.ends_with(path)), "{path}:\n{listing}");
    }
    let installed = run(tree.join("usr/bin/bailiwick").to_str().unwrap(), &["--version"]);
    assert!(text(&installed.stdout).starts_with("bailiwick "));
}
