//! Runs in the console: the list with search, state and columns, and a run with its curves, what it printed, its files and
//! what one may do to it. In a browser where it is about looks, as plain forms where it is about what happens.

use crate::console::judge;
use crate::harness::{Client, PASSWORD, World, browser, html, world::TEAM};
use crate::permissions;
use serde_json::{Value, json};
use std::time::Instant;

/// Rows of history as `wandb.log` sends them.
fn rows(from: u64, to: u64) -> Vec<Value> {
    let row = |n: u64| {
        let x = n as f64 / 100.0;
        json!({"_step": n, "_runtime": x, "loss": 2.0 / (1.0 + x), "accuracy": 1.0 - 1.0 / (1.0 + x), "lr": 0.001})
    };
    (from..to).map(row).collect()
}

/// A project with a finished run, a live one, and one that a service account submitted.
fn furnished() -> World {
    let world = World::new();
    world.team_admin.client.upsert_project(TEAM, "fusion", Some("PRIVATE")).is(200);
    world.team_admin.client.upsert_project(TEAM, "other", Some("PRIVATE")).is(200);
    let mia = &world.member.client;
    let config =
        json!({"epochs": {"value": 10}, "model": {"value": {"layers": 3, "kind": "<b>resnet</b>"}}}).to_string();
    let summary = json!({"loss": 0.125, "accuracy": 0.87654321, "_step": 400}).to_string();
    let more = json!({"displayName": "brave-lion-7", "tags": ["baseline"], "notes": "The first good one.",
        "config": config, "summaryMetrics": summary});
    mia.upsert_run(TEAM, "fusion", "lion7", more).is(200);
    mia.stream_history(TEAM, "fusion", "lion7", 0, &rows(0, 400)).is(200);
    let printed: Vec<String> = (0..500).map(|n| format!("epoch {n} \u{1b}[32mok\u{1b}[0m <i>not markup</i>")).collect();
    let body = json!({"files": {"output.log": {"offset": 0, "content": printed}}});
    mia.stream(TEAM, "fusion", "lion7", &body).is(200);
    let path = mia.file_path(TEAM, "fusion", "lion7", "media/weights.bin");
    mia.put(&path, &[7; 2048]).is(200);
    mia.stream(TEAM, "fusion", "lion7", &json!({"complete": true, "exitcode": 0})).is(200);
    mia.submit_run(TEAM, "fusion", "live1");
    mia.stream_history(TEAM, "fusion", "live1", 0, &rows(0, 3)).is(200);
    world.service.submit_run(TEAM, "fusion", "nightly-a-run-with-a-rather-long-name-to-lay-out");
    world
}

#[test]
fn pages_of_runs_are_sound_wide_and_narrow_light_and_dark() {
    if !browser::present() {
        return;
    }
    let world = furnished();
    let pages = [
        "/acme/fusion/runs",
        "/acme/fusion/runs?q=nothing-fits",
        "/acme/fusion/runs?state=finished&col=loss&col=accuracy",
        "/acme/other/runs",
        "/acme/fusion",
        "/acme/fusion/runs/lion7",
        "/acme/fusion/runs/lion7/logs",
        "/acme/fusion/runs/lion7/files",
        "/acme/fusion/runs/live1",
        "/acme/fusion/runs/live1/files",
    ];
    let report = browser::run(
        "pages.mjs",
        &json!({
            "url": world.server.url, "user": "mia", "password": PASSWORD, "pages": pages,
            "themes": ["light", "dark"], "widths": [1280, 390], "scripts": [true],
        }),
    );
    let wrong = judge(&report);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_list_finds_runs_and_a_run_shows_what_it_reported() {
    let world = furnished();
    let mia = permissions::browser(&world, &world.member);
    let list = mia.page("/acme/fusion/runs").is(200).text();
    for words in ["brave-lion-7", "Finished", "Running", "live1", "3 runs", "0.87654"] {
        assert!(list.contains(words), "{words}: {list}");
    }
    let found = |query: &str| {
        let page = mia.page(&format!("/acme/fusion/runs?{query}")).is(200);
        let names = ["lion7", "live1", "nightly-a-run"];
        names.into_iter().filter(|n| page.body.contains(&format!("/runs/{n}"))).collect::<Vec<_>>()
    };
    assert_eq!(found("q=LION"), ["lion7"]);
    assert_eq!(found("q=baseline"), ["lion7"], "by tag");
    assert_eq!(found("q=.%2A"), [""; 0], "what is typed is no pattern");
    assert_eq!(found("state=running"), ["live1", "nightly-a-run"]);
    assert_eq!(found("sort=name&page=9").len(), 3, "beyond the end is the last page");
    mia.page("/acme/fusion/runs?state=%22%7D").is(200);

    let run = mia.page("/acme/fusion/runs/lion7").is(200);
    for words in ["epochs", "10", "<b>resnet</b>", "0.125", "The first good one.", "baseline", "mia"] {
        assert!(run.text().contains(words), "{words}: {}", run.text());
    }
    let curves = html::elements(&run.body, "path").into_iter().filter(|p| p["class"] == "p-line").collect::<Vec<_>>();
    assert_eq!(curves.len(), 3, "loss, accuracy, lr; nothing of the client's own");
    assert!(curves.iter().all(|c| c["d"].matches('L').count() > 50), "{curves:?}");
    assert!(run.text().contains("400 values from step 0 to 399, between 0.40"), "{}", run.text());
    let one = mia.page("/acme/fusion/runs/lion7?q=acc").is(200);
    assert_eq!(one.body.matches("p-line").count(), 1);

    let output = mia.page("/acme/fusion/runs/lion7/logs").is(200);
    assert!(output.text().contains("Lines 301 to 500 of 500"), "{}", output.text());
    assert!(output.text().contains("epoch 499 ok <i>not markup</i>") && !output.body.contains('\u{1b}'));
    let start = mia.page("/acme/fusion/runs/lion7/logs?from=0").is(200).text();
    assert!(start.contains("epoch 0 ok") && start.contains("Later lines"), "{start}");

    let files = mia.page("/acme/fusion/runs/lion7/files").is(200);
    let link = html::elements(&files.body, "a")
        .into_iter()
        .find_map(|a| a.get("href").filter(|h| h.contains("/files/transfer/")).cloned())
        .expect("a link to the bytes");
    let path = &link[link.find("/files/").unwrap()..];
    assert_eq!(world.anonymous.fresh().get(path).is(200).body.len(), 2048, "signed: it needs no cookie");
    mia.page("/acme/fusion/runs/lion7/files?after=%21").is(400);
    // Who cannot read the project learns nothing of its runs, and a run that is not there reads the same.
    let otto = permissions::browser(&world, &world.outsider);
    for path in
        ["/acme/fusion/runs", "/acme/fusion/runs/lion7", "/acme/fusion/runs/none", "/acme/fusion/runs/lion7/logs"]
    {
        otto.page(path).is(404);
    }
}

#[test]
fn runs_are_stopped_moved_deleted_and_brought_back_by_who_may() {
    let world = furnished();
    let (mia, vera) = (permissions::browser(&world, &world.member), permissions::browser(&world, &world.viewer));
    let forms = |who: &Client, path: &str| -> Vec<String> {
        let page = who.page(path).is(200);
        let all = html::forms(&page.body).into_iter().map(|f| f.action).filter(|a| a.starts_with("/acme/fusion/runs/"));
        all.filter_map(|a| a.rsplit('/').next().map(str::to_owned)).filter(|a| a != "lion7" && a != "live1").collect()
    };
    assert_eq!(forms(&vera, "/acme/fusion/runs/live1"), [""; 0], "a viewer is offered nothing");
    assert_eq!(forms(&mia, "/acme/fusion/runs/live1"), ["stop", "move", "delete"], "her own");
    let others = "/acme/fusion/runs/nightly-a-run-with-a-rather-long-name-to-lay-out";
    assert!(!forms(&mia, others).iter().any(|f| f == "delete" || f == "stop"), "somebody else's");
    mia.submit("/acme/fusion/runs/live1", "/stop", &[]).is(303);
    assert!(mia.page("/acme/fusion/runs/live1").text().contains("Asked to stop"));
    mia.submit("/acme/fusion/runs/live1", "/move", &[("to", "acme/other")]).is(303);
    mia.page("/acme/fusion/runs/live1").is(404);
    mia.page("/acme/other/runs/live1").is(200);
    mia.submit("/acme/fusion/runs/lion7", "/delete", &[]).is(303);
    let list = mia.page("/acme/fusion/runs").is(200);
    let undo = list.form("/undelete");
    mia.page("/acme/fusion/runs/lion7").is(404);
    // The number in that form opens nothing to somebody else.
    let token = vera.page("/console/account").form("/logout").fields[0].clone();
    let id = undo.fields.iter().find(|(name, _)| name == "id").unwrap().clone();
    assert!(matches!(vera.post_form(&undo.action, &[token, id]).status, 403 | 404));
    mia.post_form(&undo.action, &undo.fields).is(303);
    mia.page("/acme/fusion/runs/lion7").is(200);
}

/// The figure that counts is the release build's; a debug build gets ten times as long.
#[test]
fn a_hundred_thousand_rows_of_history_are_drawn_at_once() {
    let world = World::new();
    let mia = &world.member.client;
    world.team_admin.client.upsert_project(TEAM, "fusion", Some("PRIVATE")).is(200);
    mia.submit_run(TEAM, "fusion", "long");
    for at in (0..100_000).step_by(5_000) {
        mia.stream_history(TEAM, "fusion", "long", at, &rows(at as u64, at as u64 + 5_000)).is(200);
    }
    let browser = permissions::browser(&world, &world.member);
    browser.page("/acme/fusion/runs/long").is(200);
    let before = Instant::now();
    let page = browser.page("/acme/fusion/runs/long").is(200);
    let took = before.elapsed();
    println!("a run page over 100,000 rows: {took:?}, {} bytes", page.body.len());
    assert!(page.text().contains("100000 values from step 0 to 99999"), "{}", page.text());
    assert!(page.body.len() < 60_000, "{}", page.body.len());
    assert!(took.as_millis() < 3_000, "{took:?}");
}
