//! Things under test: an instance in this process with the real routes, and the executable itself on a directory of its own.
//! Stores live under Cargo's target directory, on the real disk: a directory in memory would make every fsync free.

use actix_web::web;
use bailiwick::app::{App, Parts};
use bailiwick::clock::Clock;
use bailiwick::config::env::Env;
use bailiwick::config::{Config, Flags};
use bailiwick::crypto::Random;
use bailiwick::http::{self, Outer};
use bailiwick::model::team::HOME;
use bailiwick::store::{self, Read, Store, schema};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read as _, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::sync::oneshot;

/// A fresh directory on the disk that Cargo builds on.
pub fn directory() -> TempDir {
    tempfile::Builder::new().prefix("bench-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// The store file of a directory.
pub fn store_file(dir: &Path) -> PathBuf {
    dir.join(store::FILE_NAME)
}

/// An instance over `store`, as `serve` makes it.
pub fn instance(store: Store) -> web::Data<App> {
    let app = App::start(Parts {
        store,
        environment: Env::default(),
        sealing_key: [7; 32],
        base_url: "http://127.0.0.1".to_owned(),
        org: "default".to_owned(),
        several_orgs: false,
        clock: Clock::system(),
        random: Random::system(),
        hashing_threads: cores(),
    });
    web::Data::new(app.unwrap())
}

/// Processors of this machine.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// A server in a thread of this process.
pub struct Served {
    /// Where it answers, without a trailing slash.
    pub url: String,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Served {
    /// A server that runs in `thread` until `stop`.
    pub fn new(url: String, stop: oneshot::Sender<()>, thread: JoinHandle<()>) -> Served {
        Served { url, stop, thread }
    }

    /// Ends it.
    pub fn stop(self) {
        let _ = self.stop.send(());
        self.thread.join().unwrap();
    }
}

/// Serves `app` with the server's own middleware and routes.
pub fn serve(app: &web::Data<App>, workers: usize) -> Served {
    let (app, (stop, stopped), (tell, told)) = (app.clone(), oneshot::channel(), channel());
    let thread = std::thread::spawn(move || {
        let flags =
            Flags { listen: Some("127.0.0.1:0".to_owned()), workers: Some(workers.to_string()), ..Flags::default() };
        let mut config = Config::resolve(&flags, &Env::default()).unwrap();
        let listener = http::bind(&config).unwrap();
        config.bound_to(listener.local_addr().unwrap());
        let url = format!("http://{}", listener.local_addr().unwrap());
        let store = app.store.clone();
        let probe = move || store.read(|view| view.get(&schema::ORGS, &HOME)).map(drop);
        let outer = web::Data::new(Outer::new(&config, 1, Box::new(probe)));
        let routes = move |routes: &mut web::ServiceConfig| {
            routes
                .app_data(app.clone())
                .configure(bailiwick::graphql::routes)
                .configure(bailiwick::rest::routes)
                .configure(bailiwick::decisions::routes)
                .configure(bailiwick::console::routes);
        };
        let ready = || tell.send(url).unwrap();
        let stop = async { drop(stopped.await) };
        let serving = http::serve(&config, listener, None, outer, routes, ready, stop);
        actix_web::rt::System::new().block_on(serving).unwrap();
    });
    Served::new(told.recv().unwrap(), stop, thread)
}

/// The executable, serving a directory.
pub struct Running {
    /// Where it answers, without a trailing slash.
    pub url: String,
    /// When it was started.
    pub started: Instant,
    child: Child,
}

impl Running {
    /// Starts `bailiwick serve` on `dir` with a free port.
    pub fn start(dir: &Path, extra: &[&str]) -> Running {
        Running::start_with(dir, extra, &[])
    }

    /// The same with more environment.
    pub fn start_with(dir: &Path, extra: &[&str], env: &[(&str, &str)]) -> Running {
        let started = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_bailiwick"))
            .args(["serve", "--listen", "127.0.0.1:0", "--log-level", "warn", "--data-dir"])
            .arg(dir)
            .args(extra)
            .envs(env.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).expect("the executable did not start");
        Running { url: said["url"].as_str().unwrap().to_owned(), started, child }
    }

    /// A figure of `/proc/<pid>/status` in bytes: `VmRSS`, `VmHWM`.
    pub fn memory(&self, field: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|l| l.strip_prefix(field)?.strip_prefix(':')).unwrap();
        line.trim().trim_end_matches(" kB").trim().parse::<f64>().unwrap() * 1024.0
    }

    /// Processor time of all threads so far.
    pub fn processor_time(&self) -> Duration {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        tasks.map(|task| time_of_task(&task.unwrap().path())).sum()
    }

    /// SIGTERM, and waits.
    pub fn stop(mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn time_of_task(task: &Path) -> Duration {
    let stat = std::fs::read_to_string(task.join("schedstat")).unwrap();
    Duration::from_nanos(stat.split(' ').next().unwrap().parse().unwrap())
}

/// Processor time of this thread so far.
pub fn thread_time() -> Duration {
    time_of_task(Path::new("/proc/thread-self"))
}

/// Runs a command of the executable on `dir`; gives what it printed.
pub fn shell(dir: &Path, args: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_bailiwick")).args(args).arg("--data-dir").arg(dir).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
}

/// One keep-alive connection that asks one thing at a time.
pub struct Connection {
    stream: TcpStream,
    request: Vec<u8>,
}

impl Connection {
    /// Connects for GETs of `path` with this Authorization header, or none where it is empty.
    pub fn open(url: &str, path: &str, authorization: &str) -> Connection {
        let header = if authorization.is_empty() { String::new() } else { format!("authorization: {authorization}") };
        Connection::with(url, path, &header)
    }

    /// The same with this line of the head, or none where it is empty.
    pub fn with(url: &str, path: &str, header: &str) -> Connection {
        let address = url.strip_prefix("http://").unwrap();
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        let header = if header.is_empty() { String::new() } else { format!("{header}\r\n") };
        let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n{header}\r\n").into_bytes();
        Connection { stream, request }
    }

    /// Sends the request and reads the whole answer; its body.
    pub fn ask(&mut self) -> String {
        self.stream.write_all(&self.request).unwrap();
        let (mut answer, mut chunk) = (Vec::new(), [0u8; 16 * 1024]);
        loop {
            let n = self.stream.read(&mut chunk).unwrap();
            assert!(n > 0, "the server closed the connection");
            answer.extend_from_slice(&chunk[..n]);
            let text = String::from_utf8_lossy(&answer);
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                assert!(head.starts_with("HTTP/1.1 200"), "{text}");
                let length = head.to_ascii_lowercase();
                let length = length.lines().find_map(|l| l.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
                if body.len() >= length {
                    return body.to_owned();
                }
            }
        }
    }
}

/// How many 4 KiB overwrites the disk makes durable in a second: a rate of commits without it means nothing.
pub fn fsyncs_per_second(dir: &Path) -> f64 {
    use std::os::unix::fs::FileExt;
    let file = std::fs::File::create(dir.join("fsync-probe")).unwrap();
    file.write_all_at(&vec![0; 1 << 20], 0).unwrap();
    file.sync_all().unwrap();
    let (started, mut n) = (Instant::now(), 0u64);
    while started.elapsed() < Duration::from_secs(1) {
        file.write_all_at(&[7; 4096], (n % 256) * 4096).unwrap();
        file.sync_data().unwrap();
        n += 1;
    }
    n as f64 / started.elapsed().as_secs_f64()
}
