//! Load by `wrk`, one thread, so that it takes at most one core from the server. Requests that differ come from a Lua script
//! written beside the store under test; the outcome comes back as one line.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// What every script ends with.
const DONE: &str = r#"
done = function(s, l, r)
  local bad = s.errors.status + s.errors.connect + s.errors.read + s.errors.write + s.errors.timeout
  io.write(string.format("RESULT %d %d %d %d %d\n", s.requests, s.duration, bad, l:percentile(50), l:percentile(99)))
end
"#;

/// What a run gave.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// Answers per second.
    pub per_second: f64,
    /// Median latency.
    pub p50: Duration,
    /// 99th percentile of latency.
    pub p99: Duration,
    /// All answers.
    pub answers: u64,
}

/// A kind of load.
pub struct Load {
    script: PathBuf,
    url: String,
}

impl Load {
    /// GET of `url` over and over, with these headers.
    pub fn get(dir: &Path, url: &str, headers: &[(&str, &str)]) -> Load {
        let lua: String = headers.iter().map(|(k, v)| format!("wrk.headers[{k:?}] = {v:?}\n")).collect();
        Load::script(dir, url, &lua)
    }

    /// Requests that `lua` makes.
    pub fn script(dir: &Path, url: &str, lua: &str) -> Load {
        let mut file = tempfile::Builder::new().prefix("load").suffix(".lua").tempfile_in(dir).unwrap();
        file.write_all(lua.as_bytes()).unwrap();
        file.write_all(DONE.as_bytes()).unwrap();
        let (_, script) = file.keep().unwrap();
        Load { script, url: url.to_owned() }
    }

    /// Runs it over `connections` keep-alive connections; panics when an answer was not a success.
    pub fn run(&self, connections: u32, seconds: u32) -> Outcome {
        let (outcome, bad, text) = self.try_run(connections, seconds);
        assert!(bad == 0, "{bad} answers of {} failed:\n{text}", self.url);
        outcome
    }

    fn try_run(&self, connections: u32, seconds: u32) -> (Outcome, u64, String) {
        let output = Command::new("wrk")
            .args(["-t1", &format!("-c{connections}"), &format!("-d{seconds}s"), "--timeout", "20s"])
            .arg("-s")
            .arg(&self.script)
            .arg(&self.url)
            .output()
            .expect("wrk is needed: apt-get install wrk");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let result = text.lines().find_map(|l| l.strip_prefix("RESULT ")).unwrap_or_else(|| {
            panic!("wrk gave no result: {text} {}", String::from_utf8_lossy(&output.stderr));
        });
        let n: Vec<u64> = result.split(' ').map(|n| n.parse().unwrap()).collect();
        let outcome = Outcome {
            per_second: n[0] as f64 * 1e6 / n[1] as f64,
            p50: Duration::from_micros(n[3]),
            p99: Duration::from_micros(n[4]),
            answers: n[0],
        };
        (outcome, n[2], text)
    }
}
