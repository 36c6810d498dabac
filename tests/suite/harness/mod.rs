//! Starts the real executable on a free port with a directory of its own, and checks on the way out what must hold
//! after every test: SIGTERM ends it with 0 in time, nothing panicked, and `bailiwick doctor` finds the store clean.
//!
//! Readiness is the `listening` line on stdout; waiting is always on a channel or a condition, never on time alone.
//! Next: `client` (HTTP and forms), `world` (people and a team), `sdk` and `browser` (the real counterparts).

pub mod access;
pub mod browser;
pub mod client;
pub mod html;
pub mod issuer;
pub mod post;
pub mod provider;
pub mod runs;
pub mod scim;
pub mod sdk;
pub mod slapd;
pub mod world;

use parking_lot::{Condvar, Mutex};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub use client::{Client, Reply};
pub use world::{Person, World};

/// How long the slowest honest start, stop or answer may take on a loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How long a drain after SIGTERM may take.
pub const DRAIN: Duration = Duration::from_secs(10);

/// A password strong enough for every account of the suite.
pub const PASSWORD: &str = "correct-horse-battery-staple-9";

/// The executable under test.
pub fn bin() -> PathBuf {
    if let Ok(path) = std::env::var("BAILIWICK_BIN") {
        return PathBuf::from(path);
    }
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/x86_64-unknown-linux-gnu");
    let built = |profile: &str| {
        let path = target.join(profile).join("bailiwick");
        let at = path.metadata().and_then(|m| m.modified()).ok()?;
        Some((at, path))
    };
    let newest = built("release").into_iter().chain(built("debug")).max();
    newest.expect("no executable: run `cargo build`, or set BAILIWICK_BIN").1
}

/// Whether a counterpart is there. Absence fails the test unless `SUITE_WITHOUT` names it.
pub fn counterpart(name: &str, present: &Path) -> bool {
    let without = std::env::var("SUITE_WITHOUT").unwrap_or_default();
    if without.split(',').any(|w| w.trim() == name) {
        println!("skipped: SUITE_WITHOUT names {name}");
        return false;
    }
    assert!(
        present.exists(),
        "{name} is not installed ({} is missing): run tests/run, or name it in SUITE_WITHOUT",
        present.display()
    );
    true
}

/// Whether the test runs as root; without it the named thing is skipped aloud.
pub fn root_for(what: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        println!("skipped: {what} needs root");
    }
    root
}

/// Where `tests/run` keeps the interpreters and packages it installed.
pub fn counterparties() -> PathBuf {
    match std::env::var("BAILIWICK_COUNTERPARTIES") {
        Ok(dir) => PathBuf::from(dir),
        Err(_) => Path::new(env!("CARGO_MANIFEST_DIR")).join("target/counterparties"),
    }
}

/// At most `n` of the heavy children (browsers, interpreters) at a time.
pub struct Permits(Mutex<usize>, Condvar);

impl Permits {
    pub const fn new(n: usize) -> Self {
        Permits(Mutex::new(n), Condvar::new())
    }

    /// Waits for a permit; it returns when the guard is dropped.
    pub fn take(&'static self) -> Permit {
        let mut left = self.0.lock();
        while *left == 0 {
            self.1.wait(&mut left);
        }
        *left -= 1;
        Permit(self)
    }
}

/// A taken permit.
pub struct Permit(&'static Permits);

impl Drop for Permit {
    fn drop(&mut self) {
        *self.0.0.lock() += 1;
        self.0.1.notify_one();
    }
}

/// A data directory; kept on disk when a test fails.
#[derive(Clone)]
pub struct Data(Arc<Mutex<Option<TempDir>>>, PathBuf);

impl Data {
    pub fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("bailiwick-test-").tempdir().unwrap();
        let path = dir.path().join("data");
        Data(Arc::new(Mutex::new(Some(dir))), path)
    }

    /// The data directory itself (made by the server).
    pub fn path(&self) -> &Path {
        &self.1
    }

    /// The directory around it, for files of the test.
    pub fn outside(&self) -> &Path {
        self.1.parent().unwrap()
    }

    /// Writes a file beside the data directory, readable by its owner only, and returns its path as text.
    pub fn file(&self, name: &str, text: &str) -> String {
        use std::os::unix::fs::OpenOptionsExt;
        let path = self.outside().join(name);
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        path.display().to_string()
    }

    fn keep(&self) {
        if let Some(dir) = self.0.lock().take() {
            eprintln!("kept: {}", dir.keep().display());
        }
    }
}

/// What a run of the command line left.
#[derive(Debug)]
pub struct Output {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// Its stdout as JSON; panics with everything printed when it is not, or when the command failed.
    pub fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{self:?}");
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// Asserts exit code 0.
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    /// Asserts the exit code of a failure, and that stderr says what in plain words, and stdout nothing.
    pub fn failed(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        assert!(!self.stderr.trim().is_empty(), "a failure says what happened: {self:?}");
        assert!(!self.stderr.contains("panicked"), "{self:?}");
        assert!(self.stdout.is_empty(), "errors go to stderr: {self:?}");
        self
    }
}

/// The executable with a clean environment.
pub fn command(args: &[&str]) -> Command {
    let mut command = Command::new(bin());
    command.args(args).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").stdin(Stdio::null());
    command
}

/// Runs the executable to its end.
pub fn run(args: &[&str], env: &[(&str, &str)]) -> Output {
    let out = command(args).envs(env.iter().copied()).output().unwrap();
    Output {
        code: out.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&out.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&out.stderr).into_owned(),
    }
}

/// Runs a store command on a data directory.
pub fn cli(data: &Path, args: &[&str]) -> Output {
    let dir = data.display().to_string();
    let mut all = args.to_vec();
    all.extend(["--data-dir", &dir]);
    run(&all, &[])
}

/// What a server is started with.
#[derive(Default)]
pub struct Setup {
    /// More arguments of `serve`.
    pub args: Vec<String>,
    /// More environment.
    pub env: Vec<(String, String)>,
    /// An existing data directory instead of a new one.
    pub data: Option<Data>,
    /// Instead of `127.0.0.1:0`.
    pub listen: Option<String>,
    /// Leave the checks on the way out to the test.
    pub unchecked: bool,
}

impl Setup {
    pub fn arg(mut self, arg: &str) -> Self {
        self.args.push(arg.to_owned());
        self
    }

    pub fn env(mut self, key: &str, value: &str) -> Self {
        self.env.push((key.to_owned(), value.to_owned()));
        self
    }

    pub fn data(mut self, data: &Data) -> Self {
        self.data = Some(data.clone());
        self
    }

    pub fn listen(mut self, listen: &str) -> Self {
        self.listen = Some(listen.to_owned());
        self
    }

    pub fn unchecked(mut self) -> Self {
        self.unchecked = true;
        self
    }

    /// The command this setup stands for.
    pub fn command(&self, data: &Data) -> Command {
        let mut command = command(&["serve", "--data-dir"]);
        command.arg(data.path()).args(["--listen", self.listen.as_deref().unwrap_or("127.0.0.1:0")]);
        command.args(&self.args).envs(self.env.iter().map(|(k, v)| (k, v)));
        command.env("HOME", data.outside()).current_dir(data.outside());
        command
    }

    /// Starts a server that must refuse to start, and returns what it said.
    pub fn refused(self) -> Output {
        let data = self.data.clone().unwrap_or_else(Data::new);
        let child = self.command(&data).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let pid = child.id();
        let (tell, told) = channel();
        std::thread::spawn(move || tell.send(child.wait_with_output()));
        let Ok(out) = told.recv_timeout(PATIENCE) else {
            signal(pid, rustix::process::Signal::KILL);
            panic!("serve was to refuse, but went on");
        };
        let out = out.unwrap();
        Output {
            code: out.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&out.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&out.stderr).into_owned(),
        }
    }
}

/// Lines collected from stderr, with a bell for whoever waits for one.
#[derive(Default)]
struct Log(Mutex<(Vec<String>, bool)>, Condvar);

/// A running server.
pub struct Server {
    pub url: String,
    pub version: String,
    pub data: Data,
    pid: u32,
    exit: Mutex<Receiver<std::process::ExitStatus>>,
    gone: bool,
    unchecked: bool,
    log: Arc<Log>,
}

impl Server {
    /// Starts a server with an empty store.
    pub fn plain() -> Self {
        Self::start(Setup::default())
    }

    /// Starts a server and waits until it listens.
    pub fn start(setup: Setup) -> Self {
        let data = setup.data.clone().unwrap_or_else(Data::new);
        let child = setup.command(&data).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        Self::adopt(child, data, setup.unchecked)
    }

    fn adopt(mut child: Child, data: Data, unchecked: bool) -> Self {
        let log = Arc::new(Log::default());
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let writer = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                writer.0.lock().0.push(line);
                writer.1.notify_all();
            }
            writer.0.lock().1 = true;
            writer.1.notify_all();
        });
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (say, said) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let _ = say.send(line);
            }
        });
        let pid = child.id();
        let (tell, exit) = channel();
        std::thread::spawn(move || tell.send(child.wait().unwrap()));

        let mut server = Server {
            url: String::new(),
            version: String::new(),
            data,
            pid,
            exit: Mutex::new(exit),
            gone: false,
            unchecked,
            log,
        };
        let line = said.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("the server never said that it listens"));
        let ready: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e} in {line:?}"));
        assert_eq!(ready["event"], "listening", "{line}");
        server.url = ready["url"].as_str().unwrap().to_owned();
        server.version = ready["version"].as_str().unwrap().to_owned();
        server
    }

    /// Everything on stderr so far.
    pub fn log(&self) -> String {
        self.log.0.lock().0.join("\n")
    }

    /// Waits for a line on stderr that holds `text`, and returns it.
    pub fn line_with(&self, text: &str) -> String {
        let until = Instant::now() + PATIENCE;
        let mut lines = self.log.0.lock();
        loop {
            if let Some(line) = lines.0.iter().find(|line| line.contains(text)) {
                return line.clone();
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero() && !lines.1, "no line with {text:?} in:\n{}", lines.0.join("\n"));
            self.log.1.wait_for(&mut lines, left);
        }
    }

    /// Host and port, as a raw connection wants them.
    pub fn address(&self) -> String {
        self.url.split_once("://").unwrap().1.trim_end_matches('/').to_owned()
    }

    /// A client without credentials.
    pub fn anonymous(&self) -> Client {
        Client::new(&self.url)
    }

    /// A store command on this server's data directory, while it runs.
    pub fn cli(&self, args: &[&str]) -> Output {
        cli(self.data.path(), args)
    }

    /// The one-use setup link that the log shows, as a path.
    pub fn setup_path(&self) -> String {
        let line = self.line_with("/setup?code=");
        let at = line.find("/setup?code=").unwrap();
        line[at..].chars().take_while(|c| !c.is_whitespace() && !"\"'\\<>".contains(*c)).collect()
    }

    /// Makes a user through the shell, with an API key.
    pub fn person(&self, username: &str, org_role: &str) -> Person {
        let email = format!("{username}@example.com");
        let out = self.cli(&[
            "user",
            "create",
            &email,
            "--username",
            username,
            "--org-role",
            org_role,
            "--with-api-key",
            "--json",
        ]);
        Person::from_json(&self.url, &out.json())
    }

    /// Makes a user through the shell, with an API key and the suite's password.
    pub fn person_with_password(&self, username: &str, org_role: &str) -> Person {
        let email = format!("{username}@example.com");
        let file = self.data.file("password", &format!("{PASSWORD}\n"));
        let out = self.cli(&[
            "user",
            "create",
            &email,
            "--username",
            username,
            "--org-role",
            org_role,
            "--password-file",
            &file,
            "--with-api-key",
            "--json",
        ]);
        Person::from_json(&self.url, &out.json())
    }

    /// Sends a signal.
    pub fn signal(&self, signal_: rustix::process::Signal) {
        assert!(!self.gone);
        signal(self.pid, signal_);
    }

    /// Ends it at once, as a power cut would, and hands back the directory.
    pub fn kill(mut self) -> Data {
        self.signal(rustix::process::Signal::KILL);
        self.exit.lock().recv_timeout(PATIENCE).unwrap();
        self.gone = true;
        self.data.clone()
    }

    /// Ends it politely, checks what every end must leave, and hands back the directory.
    pub fn stop(mut self) -> Data {
        let problems = self.finish();
        self.gone = true;
        if !problems.is_empty() {
            self.show();
            panic!("{}", problems.join("; "));
        }
        self.data.clone()
    }

    /// For a server that was already told to end: the same checks.
    pub fn ended(mut self) {
        let problems = self.wait();
        self.gone = true;
        if !problems.is_empty() {
            self.show();
            panic!("{}", problems.join("; "));
        }
    }

    fn finish(&mut self) -> Vec<String> {
        self.signal(rustix::process::Signal::TERM);
        self.wait()
    }

    fn wait(&mut self) -> Vec<String> {
        let mut problems = Vec::new();
        match self.exit.lock().recv_timeout(DRAIN) {
            Ok(status) if status.code() == Some(0) => {}
            Ok(status) => problems.push(format!("SIGTERM ended it with {status}, not 0")),
            Err(_) => {
                signal(self.pid, rustix::process::Signal::KILL);
                let _ = self.exit.lock().recv_timeout(PATIENCE);
                problems.push(format!("still running {} s after SIGTERM", DRAIN.as_secs()));
            }
        }
        if self.log().contains("panicked") {
            problems.push("the log holds a panic".to_owned());
        }
        if !self.unchecked {
            let doctor = cli(self.data.path(), &["doctor"]);
            if doctor.code != 0 {
                problems.push(format!("doctor is not content: {doctor:?}"));
            }
        }
        problems
    }

    fn show(&self) {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        eprintln!("---- end of the server's log ----");
        for line in &lines[lines.len().saturating_sub(40)..] {
            eprintln!("{line}");
        }
        self.data.keep();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.gone {
            return;
        }
        if std::thread::panicking() {
            signal(self.pid, rustix::process::Signal::KILL);
            let _ = self.exit.lock().recv_timeout(PATIENCE);
            self.show();
            return;
        }
        let problems = self.finish();
        if !problems.is_empty() {
            self.show();
            panic!("{}", problems.join("; "));
        }
    }
}

fn signal(pid: u32, signal: rustix::process::Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process(pid, signal);
    }
}
