//! The real wandb SDK with a token file and no key, over TLS with a private authority on both sides: a person, a pod and a
//! pipeline, tokens of three kinds of keys; a run that outlives its access token; and the reason it is refused once its account
//! is off. The issuer is one of our own (`harness::issuer`).

use crate::harness::issuer::{Issuer, private_authority};
use crate::harness::provider::now;
use crate::harness::sdk::{Ran, Sdk};
use crate::harness::world::{TEAM, deactivate};
use crate::harness::{Data, Setup, World};
use crate::permissions::browser;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// The client's surroundings: the files it keeps between two runs.
struct Machine<'a> {
    world: &'a World,
    authority: &'a str,
    home: PathBuf,
}

impl<'a> Machine<'a> {
    fn new(world: &'a World, authority: &'a str, name: &str) -> Self {
        let home = world.server.data.outside().join(name);
        std::fs::create_dir_all(&home).unwrap();
        Machine { world, authority, home }
    }

    fn cache(&self) -> PathBuf {
        self.home.join("credentials.json")
    }

    /// Runs the script with this token in its file.
    fn run(&self, token: &str, task: &Value) -> Ran {
        self.run_as("", token, task)
    }

    /// The same on behalf of somebody, by username.
    fn run_as(&self, person: &str, token: &str, task: &Value) -> Ran {
        let (file, cache) = (self.home.join("token"), self.cache());
        // Blanks around it are the file's, not the token's.
        std::fs::write(&file, format!("{token}\n")).unwrap();
        let env = [
            ("SSL_CERT_FILE", self.authority),
            ("REQUESTS_CA_BUNDLE", self.authority),
            ("WANDB_IDENTITY_TOKEN_FILE", file.to_str().unwrap()),
            ("WANDB_CREDENTIALS_FILE", cache.to_str().unwrap()),
            ("WANDB_USERNAME", person),
        ];
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/sdk/federated.py");
        let args = [script.to_str().unwrap(), &task.to_string()];
        Sdk::Newest.run_in(&self.world.server.url, "", "python", &args, Some(&self.home), &env)
    }
}

/// Whose run it is.
fn submitted_by(world: &World, id: &str) -> Value {
    let query = "query($e: String!, $r: String!) { project(name: \"fusion\", entityName: $e) { run(name: $r) { user { username } } } }";
    let found = world.team_admin.client.data(query, json!({ "e": TEAM, "r": id }));
    found["project"]["run"]["user"]["username"].clone()
}

/// How many exchanges the server counted.
fn exchanges(world: &World) -> u64 {
    let text = world.anonymous.get("/metrics").is(200).body;
    let line = text.lines().find_map(|l| l.strip_prefix("bailiwick_tokens_exchanged_total ")).unwrap();
    line.parse().unwrap()
}

#[test]
fn f087_f090_f092_f093_scripts_with_a_token_file_alone_run_refresh_and_are_refused_with_a_reason() {
    if !Sdk::Newest.present() {
        return;
    }
    let data = Data::new();
    let (authority, cert, key) = private_authority();
    let (cert, key) = (data.file("cert.pem", &cert), data.file("key.pem", &key));
    let authority = data.file("authority.pem", &authority);
    let setup = Setup::default().arg("--tls-cert").arg(&cert).arg("--tls-key").arg(&key).data(&data);
    let world = World::with(setup.env("BAILIWICK_ALLOW_LOOPBACK_ISSUERS", "true"));
    let (issuer, its_authority) = Issuer::start();
    let its_authority = data.file("issuer.pem", &its_authority);
    // Without the issuer's authority it is not believed to be itself.
    world.server.cli(&["issuer", "add", &issuer.url]).failed(1);
    world.server.cli(&["issuer", "add", &issuer.url, "--ca-file", &its_authority]).ok();
    let claims = |sub: &str| json!({ "iss": issuer.url, "sub": sub, "aud": ["wandb"], "iat": now(), "nbf": now(), "exp": now() + 600, "jti": sub });
    let task = |id: &str| json!({ "entity": TEAM, "project": "fusion", "id": id });
    let mia = &world.member;

    for (alg, id) in [("RS256", "byrsa001"), ("ES256", "byec0001"), ("EdDSA", "byed0001")] {
        let machine = Machine::new(&world, &authority, id);
        let ran = machine.run(&issuer.sign(alg, &claims("mia@example.com")), &task(id));
        ran.value("done");
        assert_eq!(ran.value("path"), &json!([TEAM, "fusion", id]), "{alg}");
        ran.value("finish");
        assert_eq!(ran.value("viewer"), "mia", "{alg}: {ran:#?}");
        let kept = ran.value("cached");
        assert_eq!((&kept[0], &kept[2]), (&json!(57), &json!("0o600")), "{kept}");
        let run = mia.client.data(
            "query($e: String!, $r: String!) { project(name: \"fusion\", entityName: $e) { run(name: $r) { state user { username } historyLineCount } } }",
            json!({ "e": TEAM, "r": id }),
        );
        let run = &run["project"]["run"];
        assert_eq!(
            (&run["state"], &run["user"]["username"], &run["historyLineCount"]),
            (&json!("finished"), &json!("mia"), &json!(2))
        );
    }

    // F089, F090, F092: a pod and a pipeline act as the service account of their subject, the pod on behalf of somebody.
    let (pod, pipeline) = ("system:serviceaccount:ml:trainer", "repo:acme/fusion:ref:refs/heads/main");
    let tess = browser(&world, &world.team_admin);
    let tab = format!("/{TEAM}/service-accounts");
    for (name, subject) in [("trainer", pod), ("pipeline", pipeline)] {
        let fill = [("about", name), ("method", "federated"), ("subject", subject)];
        tess.submit(&tab, "/service-accounts", &fill).is(303);
    }
    let mut projected = claims(pod);
    projected["kubernetes.io"] = json!({ "namespace": "ml", "serviceaccount": { "name": "trainer", "uid": "63ce" } });
    let mut workflow = claims(pipeline);
    workflow["repository"] = "acme/fusion".into();
    workflow["job_workflow_ref"] = "acme/fusion/.github/workflows/train.yml@refs/heads/main".into();
    for (claims, id, person, owner) in
        [(projected, "bypod001", "mia", "mia"), (workflow, "bypipe01", "", "service-pipeline")]
    {
        let machine = Machine::new(&world, &authority, id);
        // Without an entity the run goes to the account's team.
        let ran = machine.run_as(person, &issuer.sign("RS256", &claims), &json!({ "project": "fusion", "id": id }));
        ran.value("finish");
        assert_eq!(ran.value("path"), &json!([TEAM, "fusion", id]), "{ran:#?}");
        assert_eq!(submitted_by(&world, id), owner);
    }

    // A token that is taken up with five minutes and a few seconds left is exchanged again in the middle of the run.
    let machine = Machine::new(&world, &authority, "refresh");
    let text = issuer.sign("ES256", &claims("mia@example.com"));
    let body = format!("grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion={text}");
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let given = world.anonymous.send("POST", "/oidc/token", &form, Some(body.as_bytes())).is(200).json();
    let ends = crate::harness::provider::utc(now() + 300 + 6);
    let entry = json!({ "expires_at": ends, "access_token": given["access_token"] });
    std::fs::write(machine.cache(), json!({ "credentials": { world.server.url.as_str(): entry } }).to_string())
        .unwrap();
    let before = exchanges(&world);
    let mut long = task("refresh1");
    long["until_refreshed"] = json!(true);
    let ran = machine.run(&issuer.sign("RS256", &claims("mia@example.com")), &long);
    assert_eq!(ran.value("refreshed"), true, "{ran:#?}");
    ran.value("finish");
    assert!(exchanges(&world) > before);

    // Off: the token that the client kept, and the token of the issuer.
    deactivate(&world.admin, mia);
    let kept = Machine::new(&world, &authority, "byec0001");
    let ran = kept.run(&issuer.sign("ES256", &claims("mia@example.com")), &task("refused1"));
    let said = ran.error("init");
    assert!(said.contains("The account mia is deactivated"), "{said}");
    let fresh = Machine::new(&world, &authority, "fresh");
    let ran = fresh.run(&issuer.sign("ES256", &claims("mia@example.com")), &task("refused2"));
    let said = ran.error("init");
    assert!(said.contains("invalid_grant") && said.contains("The account mia is deactivated"), "{said}");
    assert!(ran.value("seconds").as_f64().unwrap() < 20.0, "final at once: {ran:#?}");
}
