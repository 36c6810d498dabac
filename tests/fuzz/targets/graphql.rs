//! Documents of whatever shape through the whole of `POST /graphql`: an answer in JSON, with errors where the status is one,
//! never a failure of ours; and whoever may not see a thing never reads it, whatever they ask.
#![no_main]

use actix_web::body::MessageBody;
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::{App, test, web};
use arbitrary::Arbitrary;
use bailiwick::error::{Error, Kind};
use bailiwick::{graphql, store};
use bailiwick_fuzz::{DESCRIPTION, INVITED, WORLD, fresh, wait};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

#[derive(Arbitrary, Debug)]
struct Asked<'a> {
    as_outsider: bool,
    body: Body<'a>,
}

#[derive(Arbitrary, Debug)]
enum Body<'a> {
    /// The bytes of the body.
    Raw(&'a [u8]),
    /// A document and its variables.
    Query { query: &'a str, variables: &'a str },
    /// A document of words that mean something here, as indexes into [`WORDS`].
    Words(Vec<u16>),
}

/// Every name of the schema, what documents are made of, and values that exist.
static WORDS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let sdl = graphql::sdl();
    let mut words: Vec<&str> = sdl
        .lines()
        .filter(|line| !line.trim_start().starts_with('"'))
        .flat_map(|line| line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')))
        .filter(|word| !word.is_empty())
        .collect();
    words.sort_unstable();
    words.dedup();
    let ids = WORLD.people.iter().map(|(_, id)| id.global()).chain(WORLD.projects.iter().map(|(_, id)| id.global()));
    let own = [
        "{ viewer {",
        "} }",
        "{ edges { node {",
        "} } }",
        "mutation {",
        "query Q(",
        "(input: {",
        "}) {",
        "fragment F on",
        "...F",
        "... on",
        "on",
        "@include(if:",
        "@skip(if:",
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        ":",
        "$",
        "!",
        "=",
        "@",
        "true",
        "false",
        "null",
        "1",
        "-1",
        "1e400",
        "99999999999",
        "__typename",
        "__schema",
        "__type(name:",
        "\"acme\"",
        "\"root\"",
        "\"mia\"",
        "\"otto\"",
        "\"service-nightly\"",
        "\"new9@example.com\"",
        "\"open\"",
        "\"restricted\"",
        "\"team\"",
        "\"admin\"",
        "\"ENTITY_WRITE\"",
        "\"PRIVATE\"",
        "\"\"",
        "\"\"\"block\"\"\"",
        "#",
        "\n",
    ];
    let own = own.iter().map(|word| (*word).to_owned());
    own.chain(words.into_iter().map(str::to_owned)).chain(ids.map(|id| format!("{id:?}"))).collect()
});

fuzz_target!(|asked: Asked| {
    let key = if asked.as_outsider { &WORLD.outsiders_key } else { &WORLD.key };
    let body = match asked.body {
        Body::Raw(bytes) => bytes.to_vec(),
        Body::Query { query, variables } => {
            let variables: serde_json::Value = serde_json::from_str(variables).unwrap_or_default();
            serde_json::json!({"query": query, "variables": variables}).to_string().into()
        }
        Body::Words(words) => {
            let words: Vec<_> = words.iter().map(|n| WORDS[usize::from(*n) % WORDS.len()].as_str()).collect();
            serde_json::json!({"query": words.join(" ")}).to_string().into()
        }
    };
    // Where the question holds the secret, the answer may: it says what it did not understand.
    let secrets = [INVITED, DESCRIPTION, WORLD.key.as_str()];
    let hidden = |text: &str| secrets.iter().any(|secret| text.contains(secret));
    let may_echo = hidden(&String::from_utf8_lossy(&body));
    let app = web::Data::new(fresh());
    let (status, bytes) = wait(async {
        let service = test::init_service(App::new().app_data(app.clone()).configure(graphql::routes)).await;
        let request = test::TestRequest::post()
            .uri("/graphql")
            .insert_header(("authorization", format!("Bearer {key}")))
            .insert_header(("content-type", "application/json"))
            .set_payload(body);
        let reply: ServiceResponse = service.call(request.to_request()).await.unwrap();
        if let Some(ours) = reply.response().error().and_then(|e| e.as_error::<Error>()) {
            assert!(matches!(ours.kind(), Kind::Invalid | Kind::TooLarge), "{ours:?}");
            return (reply.status(), None);
        }
        (reply.status(), Some(reply.into_body().try_into_bytes().unwrap_or_default()))
    });
    assert!(status == StatusCode::OK || status.is_client_error(), "{status} {bytes:?}");
    if let Some(bytes) = bytes {
        let answer: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(status == StatusCode::OK, answer.get("errors").is_none(), "{status} {answer}");
        let text = answer.to_string();
        let shown_to_outsider =
            text.replace(&format!("{DESCRIPTION} open"), "").replace(&format!("{DESCRIPTION} public"), "");
        assert!(!asked.as_outsider || may_echo || !hidden(&shown_to_outsider), "shown to an outsider: {text}");
        assert!(may_echo || !text.contains(&WORLD.key), "a secret of the store: {text}");
    }
    wait(app.settle()).unwrap();
    assert_eq!(store::examine(&app.store).unwrap(), Vec::<String>::new());
    app.stop();
});
