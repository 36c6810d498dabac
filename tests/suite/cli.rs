//! The command line as scripts use it: exit codes, JSON, while the server runs and while it is stopped; what `serve`
//! refuses and what it says then.

use crate::harness::{Data, PASSWORD, Server, Setup, cli, run};
use serde_json::{Value, json};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

fn user_json(made: &Value, username: &str, role: &str) {
    assert_eq!(made["username"], username, "{made}");
    assert_eq!(made["email"], format!("{username}@example.com"), "{made}");
    assert_eq!(made["orgRole"], role, "{made}");
    let keys: Vec<&String> = made.as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), 5, "id, username, email, orgRole, apiKey: {made}");
}

/// The same commands, first with the server running, then with it stopped.
#[test]
fn store_commands_work_while_it_runs_and_while_it_is_stopped() {
    let server = Server::plain();
    let data = server.data.clone();
    let go = |tag: &str| {
        let (one, two) = (format!("ana-{tag}"), format!("ben-{tag}"));
        let made = cli(data.path(), &["user", "create", &format!("{one}@example.com"), "--json"]).json();
        user_json(&made, &one, "member");
        assert!(made["apiKey"].is_null(), "no key unless asked for: {made}");
        let made = cli(
            data.path(),
            &[
                "user",
                "create",
                &format!("{two}@example.com"),
                "--username",
                &two,
                "--name",
                "Ben the Second",
                "--org-role",
                "viewer",
                "--with-api-key",
                "--json",
            ],
        )
        .json();
        user_json(&made, &two, "viewer");
        assert_eq!(made["apiKey"].as_str().unwrap().len(), 40);

        // Without --json a person reads it.
        let out = cli(data.path(), &["user", "create", &format!("cleo-{tag}@example.com")]).ok();
        assert!(out.stdout.contains(&format!("cleo-{tag}")), "{out:?}");
        // A clash is a failure with a sentence; nothing is made.
        let out =
            cli(data.path(), &["user", "create", &format!("{one}@EXAMPLE.com"), "--username", "x", "--json"]).failed(1);
        assert!(out.stderr.contains(&one), "{out:?}");
        let upper = one.to_uppercase();
        cli(data.path(), &["user", "create", &format!("other-{tag}@example.com"), "--username", &upper]).failed(1);
        cli(data.path(), &["user", "create", "not-an-address"]).failed(1);
        cli(data.path(), &["user", "create", &format!("q-{tag}@example.com"), "--username", "sp ace"]).failed(1);

        let file = data.file("password", &format!("{PASSWORD}\n"));
        cli(data.path(), &["user", "set-password", &one, "--password-file", &file]).ok();
        cli(data.path(), &["user", "set-password", "nobody-here", "--password-file", &file]).failed(1);
        cli(data.path(), &["user", "set-password", &one, "--password-file", "/nowhere/at/all"]).failed(1);
        let weak = data.file("weak", "abc\n");
        cli(data.path(), &["user", "set-password", &one, "--password-file", &weak]).failed(1);

        cli(data.path(), &["user", "set-org-role", &one, "admin"]).ok();
        cli(data.path(), &["user", "set-org-role", &two, "emperor"]).failed_either();
        cli(data.path(), &["user", "set-org-role", "nobody-here", "admin"]).failed(1);
        cli(data.path(), &["user", "reactivate", "nobody-here"]).failed(1);

        let key =
            cli(data.path(), &["api-key", "create", &one, "--name", "ci", "--expires-in", "90d", "--json"]).json();
        assert_eq!(key.as_object().unwrap().len(), 2, "id and key: {key}");
        assert_eq!(key["key"].as_str().unwrap().len(), 40);
        cli(data.path(), &["api-key", "create", "nobody-here"]).failed(1);

        let why = cli(
            data.path(),
            &["explain", "--subject", &two, "--action", "user:create", "--resource", "default", "--json"],
        );
        assert!(why.code == 0 || why.code == 1, "{why:?}");
        cli(data.path(), &["doctor"]).ok();
        cli(data.path(), &["settings", "list"]).ok();
        key["key"].as_str().unwrap().to_owned()
    };
    let running = go("up");
    let server_url = server.url.clone();
    assert!(server_url.starts_with("http://127.0.0.1:"));
    let viewer = |server: &Server, key: &str| {
        server.anonymous().key(key).data("{ viewer { username } }", json!({}))["viewer"]["username"].clone()
    };
    assert_eq!(viewer(&server, &running), "ana-up");
    let socket = data.path().join("control.sock");
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "the control socket is its owner's alone");
    server.stop();
    assert!(!socket.exists(), "the socket goes with the server");
    let stopped = go("down");
    let server = Server::start(Setup::default().data(&data));
    assert_eq!(viewer(&server, &running), "ana-up");
    assert_eq!(viewer(&server, &stopped), "ana-down");
    assert_eq!(server.anonymous().sign_in("ana-down", PASSWORD).status, 303);
}

impl crate::harness::Output {
    /// A wrong word for an option may be wrong usage (2) or refused by the server's own rule (1).
    fn failed_either(self) -> Self {
        let code = self.code;
        assert!(code == 1 || code == 2, "{self:?}");
        self.failed(code)
    }
}

#[test]
fn help_version_and_wrong_usage() {
    let commands: &[&[&str]] = &[
        &[],
        &["serve"],
        &["user"],
        &["user", "create"],
        &["user", "set-password"],
        &["user", "deactivate"],
        &["user", "reactivate"],
        &["user", "set-org-role"],
        &["api-key"],
        &["api-key", "create"],
        &["explain"],
        &["settings"],
        &["settings", "list"],
        &["doctor"],
        &["healthcheck"],
    ];
    for command in commands {
        let mut args = command.to_vec();
        args.push("--help");
        let out = run(&args, &[]).ok();
        assert!(out.stdout.contains("Usage"), "{command:?}: {out:?}");
        assert!(out.stderr.is_empty(), "{command:?}: {out:?}");
        args.pop();
        args.push("--no-such-option");
        run(&args, &[]).failed(2);
    }
    run(&["no-such-command"], &[]).failed(2);
    run(&["user", "create"], &[]).failed(2);
    let out = run(&["--version"], &[]).ok();
    assert!(out.stdout.starts_with("bailiwick "), "{out:?}");
}

#[test]
fn a_second_serve_on_the_same_directory_is_refused() {
    let server = Server::plain();
    let out = Setup::default().data(&server.data).refused().failed(1);
    assert!(out.stderr.contains("already"), "{out:?}");
    assert_eq!(server.anonymous().get("/healthz").status, 200, "the first goes on");
    server.person("root", "admin");
    // A control socket that a killed server left is no obstacle.
    let data = server.kill();
    assert!(data.path().join("control.sock").exists());
    cli(data.path(), &["user", "create", "x@example.com"]).ok();
    Server::start(Setup::default().data(&data));
}

#[test]
fn serve_refuses_what_would_be_unsafe() {
    let refused = |setup: Setup, code: i32, words: &[&str]| {
        let out = setup.refused().failed(code);
        for word in words {
            assert!(out.stderr.contains(word), "{word:?}: {out:?}");
        }
    };
    let plain = Setup::default;
    refused(
        plain().listen("0.0.0.0:0").arg("--base-url").arg("http://a.example"),
        1,
        &["--tls-cert", "--tls-self-signed"],
    );
    refused(plain().listen("0.0.0.0:0").arg("--tls-self-signed"), 1, &["--base-url"]);
    refused(plain().arg("--behind-proxy").arg("0.0.0.0/0"), 1, &["0.0.0.0/0"]);
    refused(plain().arg("--behind-proxy").arg("::/0"), 1, &["--behind-proxy"]);
    refused(plain().arg("--behind-proxy").arg("nonsense"), 1, &["nonsense"]);
    refused(plain().env("GLOBAL_ADMIN_API_KEY", "x"), 1, &["GLOBAL_ADMIN_API_KEY", "user create"]);
    refused(plain().env("GORILLA_INSECURE_ANYTHING", "1"), 1, &["GORILLA_INSECURE_ANYTHING"]);
    refused(plain().env("SESSION_LENGTH", "soon"), 1, &["SESSION_LENGTH"]);
    refused(plain().env("SESSION_LENGTH", "0"), 1, &["SESSION_LENGTH"]);
    refused(plain().env("SESSION_LENGTH_FILE", "/nowhere"), 1, &["SESSION_LENGTH_FILE"]);
    refused(plain().arg("--tls-cert").arg("/nowhere"), 1, &["--tls-key"]);
    refused(plain().arg("--tls-cert").arg("/nowhere").arg("--tls-key").arg("/nowhere"), 1, &["/nowhere"]);
    refused(plain().arg("--base-url").arg("ftp://x"), 1, &["ftp://x"]);
    refused(plain().arg("--log-level").arg("loud"), 1, &["loud"]);
    refused(plain().listen("nonsense"), 1, &["nonsense"]);
    refused(plain().listen("192.0.2.1:80").arg("--tls-self-signed"), 1, &["192.0.2.1"]);
}

/// A file that is not ours, cut short, or empty of sense is refused with what to do, and left as it is.
#[test]
fn a_foreign_or_truncated_store_is_refused_and_left_alone() {
    let server = Server::plain();
    server.person("root", "admin");
    let data = server.stop();
    let store = std::fs::read_dir(data.path()).unwrap().map(|e| e.unwrap().path());
    let store = store.max_by_key(|path| path.metadata().unwrap().len()).unwrap();
    let whole = std::fs::read(&store).unwrap();
    let mut noise = whole.clone();
    for (i, byte) in noise.iter_mut().enumerate() {
        *byte = u8::try_from((i * 131 + 7) % 251).unwrap();
    }
    let mut header = whole.clone();
    header[..512].fill(0);
    let spoilt: [(&str, Vec<u8>); 6] = [
        ("half", whole[..whole.len() / 2].to_vec()),
        ("a page", whole[..4096.min(whole.len())].to_vec()),
        ("ten bytes", whole[..10].to_vec()),
        ("text", b"this is not a store at all\n".repeat(500)),
        ("noise", noise),
        ("no header", header),
    ];
    for (what, bytes) in spoilt {
        std::fs::write(&store, &bytes).unwrap();
        let out = Setup::default().data(&data).refused().failed(1);
        assert!(out.stderr.contains(store.file_name().unwrap().to_str().unwrap()), "{what} names the file: {out:?}");
        assert_eq!(std::fs::read(&store).unwrap(), bytes, "{what}: left as it was");
        cli(data.path(), &["user", "create", "x@example.com"]).failed(1);
        assert_eq!(cli(data.path(), &["doctor"]).code, 1, "{what}");
        assert_eq!(std::fs::read(&store).unwrap(), bytes, "{what}: left as it was");
    }
    std::fs::write(&store, &whole).unwrap();
    Server::start(Setup::default().data(&data));
}

#[test]
fn settings_list_shows_value_and_source() {
    let data = Data::new();
    let server = Server::start(Setup::default().data(&data).env("SESSION_LENGTH", "24"));
    let find = |list: &Value, env: &str| {
        let list = list.as_array().or_else(|| list["settings"].as_array()).unwrap_or_else(|| panic!("{list}"));
        let env = |s: &Value| {
            s["env"] == env
                || s["variable"] == env
                || s["env"].as_array().is_some_and(|names| names.iter().any(|n| n == env))
        };
        list.iter().find(|s| env(s)).unwrap_or_else(|| panic!("not in {list:?}")).clone()
    };
    let list = server.cli(&["settings", "list", "--json"]).json();
    let length = find(&list, "SESSION_LENGTH");
    assert_eq!(length["source"], "env", "{length}");
    assert!(length["value"] == "24" || length["value"] == 24, "{length}");
    let text = server.cli(&["settings", "list"]).ok().stdout;
    assert!(text.contains("SESSION_LENGTH") && text.contains("24"), "{text}");
    server.stop();
    let dir = data.path().display().to_string();
    let out = run(&["settings", "list", "--json", "--data-dir", &dir], &[]).json();
    assert_eq!(find(&out, "SESSION_LENGTH")["source"], "default");
    let out = run(&["settings", "list", "--json", "--data-dir", &dir], &[("SESSION_LENGTH", "48")]).json();
    assert_eq!(find(&out, "SESSION_LENGTH")["source"], "env");
}

#[test]
fn a_misspelt_variable_of_ours_is_named_in_the_log() {
    let server = Server::start(Setup::default().env("BAILIWICK_LISTNE", "x").env("OTHER_THING", "x"));
    server.line_with("BAILIWICK_LISTNE");
    assert!(!server.log().contains("OTHER_THING"));
}

#[test]
fn variables_and_their_file_form_work_and_flags_beat_them() {
    let data = Data::new();
    let hours = data.file("hours", "7\n");
    let setup = Setup::default().data(&data).env("SESSION_LENGTH_FILE", &hours);
    let server = Server::start(setup.env("BAILIWICK_LISTEN", "127.0.0.1:1").env("BAILIWICK_LOG_LEVEL", "debug"));
    assert!(!server.url.ends_with(":1"), "the flag wins: {}", server.url);
    server.person_with_password("root", "admin");
    let reply = server.anonymous().sign_in("root", PASSWORD);
    assert!(reply.headers.iter().any(|(_, value)| value.contains("Max-Age=25200")), "{reply:?}");
}

#[test]
fn f312_healthcheck_says_whether_it_is_ready() {
    let server = Server::plain();
    run(&["healthcheck", "--url", &server.url], &[]).ok();
    let url = server.url.clone();
    server.stop();
    run(&["healthcheck", "--url", &url], &[]).failed(1);
    run(&["healthcheck", "--url", "nonsense"], &[]).failed_either();
}

#[test]
fn doctor_finds_loose_modes_and_reports_as_json() {
    let server = Server::plain();
    server.person("root", "admin");
    let report = server.cli(&["doctor", "--json"]).json();
    assert!(report.is_object() || report.is_array(), "{report}");
    let data = server.stop();
    let mode = std::fs::metadata(data.path()).unwrap().mode() & 0o777;
    assert_eq!(mode, 0o700, "the data directory is its owner's alone");
    for entry in std::fs::read_dir(data.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().mode() & 0o777;
        assert_eq!(mode & 0o077, 0, "{}: {mode:o}", entry.path().display());
    }
    let store = std::fs::read_dir(data.path()).unwrap().map(|e| e.unwrap().path());
    let store = store.max_by_key(|path| path.metadata().unwrap().len()).unwrap();
    std::fs::set_permissions(&store, std::fs::Permissions::from_mode(0o644)).unwrap();
    let out = cli(data.path(), &["doctor"]);
    assert_eq!(out.code, 1, "a store that others can read is a finding: {out:?}");
    std::fs::set_permissions(&store, std::fs::Permissions::from_mode(0o600)).unwrap();
    cli(data.path(), &["doctor"]).ok();
}

/// The bytes of run files are beside the store; the doctor holds the one against the other, also while the server runs.
#[test]
fn doctor_finds_run_files_whose_bytes_are_missing_or_cut() {
    let server = Server::start(Setup::default().unchecked());
    let root = server.person("root", "admin").client;
    let names = ["whole.txt", "gone.txt", "cut.txt"];
    for name in names {
        root.submit_run("root", "p", "r");
        root.put(&root.file_path("root", "p", "r", name), name.as_bytes()).is(200);
    }
    let doctor = |code: i32| {
        let report = server.cli(&["doctor", "--json"]);
        assert_eq!(report.code, code, "{report:?}");
        let report: serde_json::Value = serde_json::from_str(&report.stdout).unwrap();
        report["checked"].to_string() + &report["findings"].to_string()
    };
    assert!(doctor(0).contains("run files: 3 with their bytes on disk\""), "{}", doctor(0));
    // The bytes are found by what is in them: their names are nobody's business.
    let (mut folders, mut bytes) = (vec![server.data.path().join("run-files")], vec![]);
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
            if path.is_dir() { folders.push(path) } else { bytes.push(path) }
        }
    }
    let of = |name: &str| bytes.iter().find(|p| std::fs::read(p).is_ok_and(|b| b == name.as_bytes())).unwrap();
    let (gone, cut) = (of("gone.txt"), of("cut.txt"));
    std::fs::write(gone.with_file_name("left"), b"by a crash").unwrap();
    assert!(doctor(0).contains("1 more on disk belong to none"), "{}", doctor(0));
    std::fs::remove_file(gone).unwrap();
    std::fs::write(cut, b"cut").unwrap();
    let report = doctor(1);
    assert!(report.contains("`gone.txt` of run root/p/r has no bytes on disk"), "{report}");
    assert!(report.contains("`cut.txt` of run root/p/r has 3 bytes on disk instead of 7"), "{report}");
    assert!(!report.contains("whole.txt"), "{report}");
    // What was sent again is whole again.
    for name in ["gone.txt", "cut.txt"] {
        root.put(&root.file_path("root", "p", "r", name), name.as_bytes()).is(200);
    }
    doctor(0);
    let data = server.stop();
    cli(data.path(), &["doctor"]).ok();
}

/// Commands on a directory that holds nothing do not make one by accident.
#[test]
fn doctor_on_an_absent_directory_says_so() {
    let data = Data::new();
    let out = cli(data.path(), &["doctor"]);
    assert_eq!(out.code, 1, "{out:?}");
    assert!(!data.path().exists(), "nothing was made");
}

#[test]
fn sighup_goes_on_and_sigint_ends_it() {
    let server = Server::plain();
    server.signal(rustix::process::Signal::HUP);
    assert_eq!(server.anonymous().get("/healthz").status, 200);
    server.person("root", "admin");
}
