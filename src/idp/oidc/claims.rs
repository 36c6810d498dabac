//! From the claims of a proven token to who somebody is. Groups are complete or unknown, never "none" by accident: a token
//! without the claim, or one that says that the groups did not fit into it, says nothing about them.

use super::Config;
use crate::idp::jwt::{Claims, kind};
use crate::idp::refusal::{Proven, Refusal};
use crate::model::identity::{ExternalGroup, ExternalGroups, ExternalIdentity, oidc_connection};
use serde_json::Value;

/// The longest of the names taken, in bytes.
const NAME_MAX: usize = 512;
/// Groups taken of one person.
const GROUPS_MAX: usize = 10_000;

/// Who the claims speak of.
pub fn identity(config: &Config, claims: &Claims) -> Proven<ExternalIdentity> {
    let wrong = |why: String| Refusal::proof("claims", why);
    let name = |claim: &str| -> Proven<Option<String>> {
        let text = claims.text(claim).map_err(wrong)?.map(str::trim).filter(|text| !text.is_empty());
        match text {
            Some(text) if text.len() > NAME_MAX || text.chars().any(char::is_control) => {
                Err(wrong(format!("The claim '{claim}' is longer than {NAME_MAX} bytes or holds control characters.")))
            }
            text => Ok(text.map(str::to_owned)),
        }
    };
    Ok(ExternalIdentity {
        connection: oidc_connection(&config.issuer),
        subject: claims.need_text("sub").map_err(wrong)?.to_owned(),
        username: name("preferred_username")?,
        name: name("name")?,
        email: name("email")?,
        email_verified: verified(claims).map_err(wrong)?,
        groups: groups(claims),
        session: name("sid")?,
    })
}

/// `email_verified`: true or false; some providers write it as a text.
fn verified(claims: &Claims) -> Result<Option<bool>, String> {
    match claims.0.get("email_verified") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(said)) => Ok(Some(*said)),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
        Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
        Some(_) => Err("The claim 'email_verified' is neither true nor false.".into()),
    }
}

fn groups(claims: &Claims) -> ExternalGroups {
    let unknown = |why: &str| ExternalGroups::Unknown(why.to_owned());
    // Entra ID leaves the claim out for people in very many groups and says so in one of two ways.
    let elsewhere =
        claims.0.get("_claim_names").and_then(Value::as_object).is_some_and(|names| names.contains_key("groups"));
    let too_many =
        claims.0.get("hasgroups").is_some_and(|has| *has == Value::Bool(true) || has.as_str() == Some("true"));
    if elsewhere || too_many {
        return unknown(
            "the person is in more groups than fit into the token, so they are not known and nothing is changed",
        );
    }
    let listed = match claims.0.get("groups") {
        None => return unknown("the token has no groups claim"),
        Some(Value::Array(listed)) => listed,
        Some(other) => return ExternalGroups::Unknown(format!("the groups claim is {}, not a list", kind(other))),
    };
    if listed.len() > GROUPS_MAX {
        return ExternalGroups::Unknown(format!("the groups claim lists more than {GROUPS_MAX} groups"));
    }
    let group = |value: &Value| {
        let name = value.as_str().filter(|name| name.len() <= NAME_MAX)?;
        // Keycloak can write a group with its path.
        let bare = name.strip_prefix('/').filter(|bare| !bare.is_empty());
        let names = [Some(name), bare].into_iter().flatten().map(str::to_owned).collect();
        Some(ExternalGroup { names, through: "the groups claim".to_owned() })
    };
    match listed.iter().map(group).collect() {
        Some(all) => ExternalGroups::Complete(all),
        None => unknown("the groups claim lists something that is not a name"),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::idp::fetch::Rules;
    use crate::idp::oidc::{ClientAuth, Method};
    use serde_json::json;

    fn read(claims: Value) -> Proven<ExternalIdentity> {
        let config = Config {
            issuer: "https://idp.example.com/".into(),
            client_id: "c".into(),
            client_secret: None,
            method: Method::Pkce,
            client_auth: ClientAuth::Auto,
            scopes: vec![],
            leeway: 0,
            base_url: String::new(),
            rules: Rules::default(),
        };
        let Value::Object(map) = claims else { panic!("an object") };
        identity(&config, &Claims(map))
    }

    #[test]
    fn the_subject_is_the_person_and_the_rest_is_what_is_said_of_them() {
        let who = read(json!({
            "sub": "42", "preferred_username": " ana ", "name": "Ana", "email": "ana@example.com", "email_verified": "true",
            "sid": "s1", "groups": ["fusion", "/tokamak"],
        }))
        .unwrap();
        assert_eq!((who.connection.as_str(), who.subject.as_str()), ("oidc https://idp.example.com", "42"));
        assert_eq!(
            (who.username.as_deref(), who.email_verified, who.session.as_deref()),
            (Some("ana"), Some(true), Some("s1"))
        );
        let ExternalGroups::Complete(groups) = who.groups else { panic!("complete") };
        assert_eq!(groups[0].names, ["fusion"]);
        assert_eq!(groups[1].names, ["/tokamak", "tokamak"]);
    }

    #[test]
    fn groups_that_did_not_fit_are_unknown_and_never_none() {
        for claims in [
            json!({ "sub": "x" }),
            json!({ "sub": "x", "_claim_names": { "groups": "src1" }, "_claim_sources": { "src1": { "endpoint": "https://graph" } } }),
            json!({ "sub": "x", "_claim_names": { "groups": "src1" }, "groups": [] }),
            json!({ "sub": "x", "hasgroups": true }),
            json!({ "sub": "x", "hasgroups": "true", "groups": [] }),
            json!({ "sub": "x", "groups": "fusion" }),
            json!({ "sub": "x", "groups": null }),
            json!({ "sub": "x", "groups": ["fusion", 7] }),
            json!({ "sub": "x", "groups": { "a": 1 } }),
        ] {
            assert!(matches!(read(claims.clone()).unwrap().groups, ExternalGroups::Unknown(_)), "{claims}");
        }
        assert_eq!(read(json!({ "sub": "x", "groups": [] })).unwrap().groups, ExternalGroups::Complete(vec![]));
    }

    #[test]
    fn an_absent_verification_is_not_a_false_one_and_wrong_types_are_refused() {
        assert_eq!(read(json!({ "sub": "x", "email": "a@b" })).unwrap().email_verified, None);
        assert_eq!(read(json!({ "sub": "x", "email_verified": false })).unwrap().email_verified, Some(false));
        for (claim, bad) in [
            ("email_verified", json!("yes")),
            ("email_verified", json!(1)),
            ("email", json!(["a@b"])),
            ("preferred_username", json!(7)),
            ("name", json!({ "given": "a" })),
            ("name", json!("a\u{0}b")),
            ("sid", json!(1)),
            ("sub", json!(1)),
            ("sub", json!("")),
        ] {
            let mut claims = json!({ "sub": "x" });
            claims[claim] = bad.clone();
            assert!(read(claims).is_err(), "{claim} {bad}");
        }
    }
}
