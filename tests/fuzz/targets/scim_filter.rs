//! Filters as strangers write them: read or refused, never a panic; what is read is written back the same, and not-ing it turns
//! every answer round. Bound to each kind of resource it is asked of resources that have what it could name.
#![no_main]

use bailiwick::error::Code;
use bailiwick::scim::filter::{DEPTH_MAX, FILTER_MAX, Filter};
use bailiwick::scim::schema::{ENTERPRISE_URN, KINDS, WANDB_URN};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use std::sync::LazyLock;

static RESOURCES: LazyLock<Vec<Value>> = LazyLock::new(|| {
    vec![
        json!({}),
        json!({
            "id": "VXNlcjo3", "externalId": "1", "userName": "ana", "active": true, "title": "",
            "name": {"familyName": "O'Malley", "givenName": null},
            "emails": [{"value": "a@b.c", "type": "work", "primary": true}, {"value": "d@e.f"}],
            "meta": {"created": "2026-01-01T00:00:00Z", "version": "W/\"1\""},
            ENTERPRISE_URN: {"department": "ML", "manager": {"value": "26"}},
            WANDB_URN: {"organizationRole": "admin", "teamRoles": [{"teamName": "t", "roleName": "admin"}], "daysActive": 5},
        }),
        json!({"id": "g", "displayName": "Tour", "members": [{"value": "VXNlcjo3", "display": "ana", "type": "User"}]}),
        json!({"id": "r", "name": "R", "permissions": [{"name": "run:stop", "isInherited": false}], "inheritedFrom": "member"}),
    ]
});

fuzz_target!(|text: &str| {
    let filter = match Filter::parse(text) {
        Ok(filter) => filter,
        Err(error) => {
            assert_eq!(error.code(), Code::InvalidFilter);
            return;
        }
    };
    assert!(text.len() <= FILTER_MAX);
    let depth = text.bytes().fold((0usize, 0usize), |(now, most), b| match b {
        b'(' => (now + 1, most.max(now + 1)),
        b')' => (now.saturating_sub(1), most),
        _ => (now, most),
    });
    // Brackets inside of texts count here too, so only filters without texts are held against the bound.
    assert!(text.contains('"') || depth.1 <= DEPTH_MAX, "deeper than allowed");
    let written = filter.to_string();
    // Written out, what was short by escapes and abbreviated groups may be longer than what is taken.
    if written.len() <= FILTER_MAX && !written.contains(&"(".repeat(DEPTH_MAX)) {
        if let Ok(again) = Filter::parse(&written) {
            assert_eq!(again, filter, "{written}");
        }
    }
    filter.equalities();
    for kind in KINDS {
        let Ok(bound) = filter.bind(kind) else { continue };
        let turned = Filter::Not(Box::new(filter.clone())).bind(kind).unwrap();
        for resource in RESOURCES.iter() {
            assert_ne!(bound.matches(resource), turned.matches(resource), "{written}");
        }
        // What an index would be asked for holds for everything that matches.
        if let Some(equalities) = filter.equalities() {
            let any: Vec<Filter> = equalities
                .iter()
                .map(|(attr, value)| {
                    let value = bailiwick::scim::filter::Literal::Text((*value).to_owned());
                    Filter::Compare((*attr).clone(), bailiwick::scim::filter::Op::Eq, value)
                })
                .collect();
            let any = Filter::Or(any).bind(kind).unwrap();
            for resource in RESOURCES.iter() {
                assert!(!bound.matches(resource) || any.matches(resource), "{written}: an index would miss it");
            }
        }
    }
});
