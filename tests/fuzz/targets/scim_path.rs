//! Paths of PATCH as strangers write them: read or refused with the RFC's two words for it, never a panic; what is read is written
//! back the same, and what it means is an attribute that there is.
#![no_main]

use bailiwick::error::Code;
use bailiwick::scim::path::{PATH_MAX, Path};
use bailiwick::scim::schema::{KINDS, SCHEMAS};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|input: (u8, &str)| {
    // One in two begins with a schema that there is.
    let (head, tail) = input;
    let text = match SCHEMAS.get(usize::from(head >> 1) % 16) {
        Some(schema) if head & 1 == 1 => format!("{}:{tail}", schema.id),
        _ => tail.to_owned(),
    };
    let path = match Path::parse(&text) {
        Ok(path) => path,
        Err(error) => {
            assert!(matches!(error.code(), Code::InvalidPath | Code::InvalidFilter), "{error:?}");
            return;
        }
    };
    assert!(text.len() <= PATH_MAX);
    let written = path.to_string();
    if written.len() <= PATH_MAX {
        assert_eq!(Path::parse(&written).unwrap(), path, "{written}");
    }
    for kind in KINDS {
        match path.resolve(kind) {
            Ok(target) => {
                assert!(path.attr.is(target.found.attribute.name));
                assert!(path.filter.is_none() || target.found.attribute.multi);
                assert_eq!(path.attr.sub.is_some(), target.part.is_some());
                let resource = json!({"name": [{"formatted": [1, null, {"x": 2}]}], "members": "x", "emails": {"value": null}});
                target.values(&resource);
                target.is_read_only();
            }
            Err(error) => assert_eq!(error.code(), Code::InvalidPath),
        }
    }
});
