//! What `serve` takes, refuses and derives, option by option. The refusals' words are part of what is tested: they name
//! the option to mend.
#![expect(clippy::unwrap_used)]

use super::*;

fn config(flags: Flags, env: &[(&str, &str)]) -> Result<Config> {
    let config = Config::resolve(&flags, &Env::of(env))?;
    config.check_serve()?;
    Ok(config)
}

fn listen(addr: &str) -> Flags {
    Flags { listen: Some(addr.to_owned()), ..Flags::default() }
}

fn refusal(flags: Flags, env: &[(&str, &str)]) -> String {
    match config(flags, env) {
        Ok(_) => panic!("accepted"),
        Err(error) => error.sentence(),
    }
}

#[test]
fn plain_http_stays_on_loopback_or_behind_a_named_proxy() {
    assert!(config(listen("127.0.0.1:0"), &[]).is_ok());
    assert!(config(listen("[::1]:0"), &[]).is_ok());
    assert!(refusal(listen("192.0.2.7:80"), &[]).contains("--tls-self-signed"));
    assert!(config(listen("192.0.2.7:80"), &[("BAILIWICK_BEHIND_PROXY", "10.0.0.0/8, fd00::1")]).is_ok());
    assert!(config(listen("192.0.2.7:80"), &[("BAILIWICK_TLS_SELF_SIGNED", "1")]).is_ok());
}

#[test]
fn a_wildcard_needs_a_base_url_and_a_proxy_range_needs_an_end() {
    let tls = [("BAILIWICK_TLS_SELF_SIGNED", "yes")];
    assert!(refusal(listen("0.0.0.0:443"), &tls).contains("--base-url"));
    let with_base = Flags { base_url: Some("https://b.example:443/".into()), ..listen("[::]:443") };
    assert_eq!(config(with_base, &tls).unwrap().base_url, "https://b.example");
    for range in ["0.0.0.0/0", "::/0"] {
        let flags = Flags { behind_proxy: vec![range.into()], ..Flags::default() };
        assert!(refusal(flags, &[]).contains("from anyone"), "{range}");
    }
}

#[test]
fn flags_beat_the_environment_and_the_port_bound_shows_in_the_base_url() {
    let mut config =
        config(listen("127.0.0.1:0"), &[("BAILIWICK_LISTEN", "127.0.0.1:9"), ("BAILIWICK_ORG", "acme")]).unwrap();
    config.bound_to("127.0.0.1:41233".parse().unwrap());
    assert_eq!((config.base_url.as_str(), config.org.as_str()), ("http://127.0.0.1:41233", "acme"));
    assert!(!config.is_https());
}

#[test]
fn what_would_weaken_the_server_is_refused_and_what_is_unknown_is_named() {
    assert!(refusal(Flags::default(), &[("GLOBAL_ADMIN_API_KEY", "x")]).contains("user create"));
    assert!(
        refusal(Flags::default(), &[("GORILLA_INSECURE_ALLOW_API_KEY_ADMIN_ACCESS", "true")])
            .contains("GORILLA_INSECURE_ALLOW")
    );
    let config =
        config(Flags::default(), &[("BAILIWICK_LISTNE", "x"), ("BAILIWICK_ORG", "x"), ("OTHER", "y")]).unwrap();
    assert_eq!(config.unknown_variables(), ["BAILIWICK_LISTNE"]);
}

#[test]
fn mistakes_are_named() {
    for (flags, words) in [
        (listen("8080"), "127.0.0.1:8080"),
        (Flags { tls_cert: Some("c".into()), ..Flags::default() }, "--tls-key"),
        (Flags { base_url: Some("https://x/y".into()), ..Flags::default() }, "more than scheme"),
        (Flags { base_url: Some("ftp://x".into()), ..Flags::default() }, "neither http"),
        (Flags { log_level: Some("loud".into()), ..Flags::default() }, "loud"),
        (Flags { workers: Some("0".into()), ..Flags::default() }, "workers"),
    ] {
        let text = refusal(flags, &[]);
        assert!(text.contains(words), "{text}");
    }
}
