//! A store file whose bytes were changed: it is refused, repaired, or read with errors, and never brings the process down,
//! hangs it, or silences the writer. Set `TMPDIR` to a directory in memory to make it fast.
#![no_main]

use bailiwick::ops::paging::Turn;
use bailiwick::ops::{people, users};
use bailiwick::store::{self, FILE_NAME, Store, schema};
use bailiwick_fuzz::{WORLD, furnish, shell, start_over, wait};
use libfuzzer_sys::fuzz_target;
use std::backtrace::Backtrace;
use std::path::PathBuf;
use std::sync::LazyLock;

/// Where the file lies, its bytes while it is sound, and where those are that matter: the rest is unused space.
static SOUND: LazyLock<(PathBuf, Vec<u8>, Vec<usize>)> = LazyLock::new(|| {
    // The engine's own panics over a damaged file are caught where they arise, so a panic alone must not end the run, as
    // the fuzzer's hook would have it. One that is not caught on its way still does.
    std::panic::set_hook(Box::new(|panic| {
        let trace = Backtrace::force_capture().to_string();
        if !trace.contains("guarded<") {
            eprintln!("{panic}\n{trace}");
            std::process::abort();
        }
    }));
    let folder = std::env::temp_dir().join(format!("bailiwick-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(FILE_NAME);
    let _ = std::fs::remove_file(&path);
    let app = start_over(Store::open_file(&path, &schema::SCHEMA).unwrap()).unwrap();
    furnish(&app);
    app.stop();
    drop(app);
    let bytes = std::fs::read(&path).unwrap();
    let used = (0..bytes.len()).step_by(8).filter(|at| bytes[*at..].iter().take(8).any(|b| *b != 0)).collect();
    (path, bytes, used)
});

/// One change: at which of the places in use, which byte of it, what to do with it, with what.
type Damage = (u16, u8, Vec<u8>);

fuzz_target!(|asked: (Vec<Damage>, Option<u32>)| {
    let (path, sound, used) = &*SOUND;
    let (damages, end) = asked;
    let mut bytes = sound.clone();
    for (place, deed, with) in damages.iter().take(8) {
        let at = used[usize::from(*place) * used.len() / 65_536] + usize::from(deed & 7);
        let with = if with.is_empty() { &[0][..] } else { &with[..with.len().min(64)] };
        for (byte, new) in bytes[at..].iter_mut().zip(with) {
            *byte = if deed & 8 == 0 { *new } else { *byte ^ *new };
        }
    }
    if let Some(end) = end {
        bytes.truncate(end as usize % bytes.len());
    }
    std::fs::write(path, &bytes).unwrap();
    let Ok(store) = Store::open_file(path, &schema::SCHEMA) else { return };
    let findings = store::examine(&store);
    assert!(bytes != *sound || findings.is_ok_and(|f| f.is_empty()), "a sound file has findings");
    let Ok(app) = start_over(store) else { return };
    let _ = app.ask(&WORLD.admin(), |cx| people::list(cx, &people::Asked::default(), &Turn::first(1_000)));
    let changed = wait(app.act(&shell(), |cx| users::set_active(cx, "mia", false)));
    let again = app.ask(&shell(), |cx| users::get(cx, "mia"));
    if let (Ok(changed), Ok(again)) = (changed, again) {
        assert_eq!(changed, again, "an acknowledged write is not there");
    }
    // The writer is there still, whatever it met: it would say so otherwise.
    if let Err(e) = wait(app.settle()) {
        assert!(!e.detail().contains("stopping"), "the writer is gone: {e:?}");
    }
    app.stop();
});
