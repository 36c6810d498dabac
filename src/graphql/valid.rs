//! Validation that is not done twice: a document that was found valid is not checked again with variables of the same shape,
//! which is what the checks look at: two dozen rules walk a document at every request otherwise.
//! What is valid is the library's to say; bounds hold as before, since nothing that failed is remembered.

use super::scan;
use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextValidation};
use async_graphql::{ServerError, ValidationResult, Value, Variables, async_trait};
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

/// The longest shape remembered.
const SHAPE_MAX: usize = 512;

thread_local! {
    /// What this worker found valid.
    static VALID: RefCell<HashMap<Asked, ValidationResult>> = RefCell::default();
}

/// How many a worker remembers.
const VALID_MAX: usize = 128;

/// What is asked, as far as validity depends on it; put beside a request for [`Remember`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Asked {
    document: String,
    shape: String,
}

impl Asked {
    /// `None` where remembering would cost more than checking.
    pub fn new(document: &str, operation: Option<&str>, variables: &Variables) -> Option<Self> {
        if document.len() > scan::KNOWN_LENGTH {
            return None;
        }
        let mut shape = String::with_capacity(64);
        shape.push_str(operation.unwrap_or_default());
        for (name, value) in variables.iter() {
            // Writing into a String cannot fail.
            let _ = write!(shape, "\n{:?}", name.as_str());
            put(value, &mut shape);
            if shape.len() > SHAPE_MAX {
                return None;
            }
        }
        Some(Asked { document: document.to_owned(), shape })
    }
}

/// Numbers and truth values whole: complexity may be made of them. Of a text only that it is one: whether it is a member of
/// an enumeration is asked again when the argument is read, before its resolver runs.
fn put(value: &Value, out: &mut String) {
    if out.len() > SHAPE_MAX {
        return;
    }
    match value {
        Value::String(_) | Value::Enum(_) => out.push('s'),
        Value::Null => out.push('n'),
        Value::Binary(_) => out.push('b'),
        Value::Boolean(yes) => out.push(if *yes { 't' } else { 'f' }),
        Value::Number(number) => drop(write!(out, "#{number}")),
        Value::List(items) => {
            out.push('[');
            items.iter().for_each(|item| put(item, out));
            out.push(']');
        }
        Value::Object(fields) => {
            out.push('{');
            for (name, field) in fields {
                let _ = write!(out, "{:?}", name.as_str());
                put(field, out);
            }
            out.push('}');
        }
    }
}

/// Makes [`Remembering`]; one for all requests.
pub struct Remember;

impl ExtensionFactory for Remember {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Remembering)
    }
}

struct Remembering;

#[async_trait::async_trait]
impl Extension for Remembering {
    async fn validation(
        &self,
        cx: &ExtensionContext<'_>,
        next: NextValidation<'_>,
    ) -> Result<ValidationResult, Vec<ServerError>> {
        let asked = cx.data_opt::<Asked>();
        if let Some(result) = asked.and_then(|asked| VALID.with_borrow(|valid| valid.get(asked).copied())) {
            return Ok(result);
        }
        let result = next.run(cx).await?;
        if let Some(asked) = asked {
            VALID.with_borrow_mut(|valid| {
                if valid.len() >= VALID_MAX {
                    valid.clear();
                }
                valid.insert(asked.clone(), result);
            });
        }
        Ok(result)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn asked(variables: serde_json::Value) -> Option<Asked> {
        Asked::new("{ viewer { id } }", None, &Variables::from_json(variables))
    }

    #[test]
    fn what_the_checks_look_at_makes_the_shape_and_what_a_text_says_does_not() {
        use serde_json::json;
        let base = asked(json!({"a": "x", "n": 1, "o": {"k": [true, null]}}));
        assert!(base.is_some());
        assert_eq!(base, asked(json!({"a": "another", "n": 1, "o": {"k": [true, null]}})));
        for other in [
            json!({"a": 1, "n": 1, "o": {"k": [true, null]}}),
            json!({"a": "x", "n": 2, "o": {"k": [true, null]}}),
            json!({"a": "x", "n": 1, "o": {"k": [false, null]}}),
            json!({"a": "x", "n": 1, "o": {"k": [true]}}),
            json!({"a": "x", "n": 1, "o": {"l": [true, null]}}),
            json!({"a": "x", "n": 1, "o\":s": {"k": [true, null]}}),
            json!({"a": "x", "n": 1}),
        ] {
            assert_ne!(base, asked(other.clone()), "{other}");
        }
        let named = Asked::new("{ viewer { id } }", Some("Q"), &Variables::from_json(json!({})));
        assert_ne!(named.unwrap(), asked(json!({})).unwrap());
        assert_eq!(asked(json!({"long": vec![1; SHAPE_MAX]})), None);
    }
}
