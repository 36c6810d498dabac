//! `/metrics` for Prometheus: who may read it, that things are counted where they happen, and that nothing a stranger
//! sends can grow the list of series. Liveness and readiness are in `cli` with the healthcheck.

use crate::harness::{PASSWORD, Server};
use std::collections::BTreeSet;

/// Name and labels of every sample.
fn series(text: &str) -> BTreeSet<String> {
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples.map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
}

fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find(|line| line.rsplit_once(' ').is_some_and(|(name, _)| name == series));
    line.unwrap_or_else(|| panic!("no {series} in:\n{text}")).rsplit_once(' ').unwrap().1.parse().unwrap()
}

#[test]
fn f312_metrics_are_for_loopback_and_for_key_holders() {
    let server = Server::plain();
    let root = server.person("root", "admin");
    let reply = server.anonymous().get("/metrics").is(200);
    assert!(reply.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    assert!(reply.body.ends_with("# EOF\n"));
    // A proxy on this machine speaks for somebody else.
    for proxied in [("x-forwarded-for", "198.51.100.7"), ("forwarded", "for=198.51.100.7")] {
        server.anonymous().send("GET", "/metrics", &[proxied], None).is(401);
        root.client.send("GET", "/metrics", &[proxied], None).is(200);
    }
}

#[test]
fn what_happens_is_counted_and_strangers_add_no_series() {
    let server = Server::plain();
    let root = server.person_with_password("root", "admin");
    let member = server.person("mia", "member");
    let read = || server.anonymous().get("/metrics").is(200).body;
    let before = read();
    for path in ["/no/such/page", "/%ff", "/a//b", "/graphql/x", "/nobody-at-all", "/admin/x?y=z"] {
        let _ = server.anonymous().send("GET", path, &[("user-agent", "stranger"), ("x-request-id", "mine")], None);
        let _ = server.anonymous().send("BREW", path, &[("host", "stranger.example")], None);
    }
    assert_ne!(server.anonymous().sign_in("root", "not the password").status, 303);
    server.anonymous().sign_in("root", PASSWORD).is(303);
    root.client.get("/admin/audit_logs").is(200);
    member.client.get("/admin/audit_logs").is(403);
    let after = read();
    assert_eq!(series(&before), series(&after), "labels come from enums only");
    for counted in
        ["sign_ins", "sign_ins_failed", "sessions_opened", "decisions_denied", "decisions_allowed", "store_commits"]
    {
        let name = format!("bailiwick_{counted}_total");
        assert!(value(&after, &name) > value(&before, &name), "{name}:\n{after}");
    }
    let refused = "bailiwick_http_requests_total{surface=\"Console\",status=\"ClientError\"}";
    assert!(value(&after, refused) >= value(&before, refused) + 4.0, "{after}");
    let audit = "bailiwick_http_requests_total{surface=\"Api\",status=\"Success\"}";
    assert_eq!(value(&after, audit), value(&before, audit) + 1.0);
}
