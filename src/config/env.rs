//! The process environment, read once into an immutable map. Nothing else in the crate reads variables.
//! An empty value counts as unset, and `NAME_FILE` names a file that holds the value of `NAME`.
//! What the variables mean is in `config/mod.rs` (how the server starts) and `config/settings.rs` (how it behaves).

use crate::error::{Code, Error, Result};
use std::collections::BTreeMap;
use std::sync::Arc;

/// An immutable copy of the environment.
#[derive(Clone, Default)]
pub struct Env(Arc<BTreeMap<String, String>>);

impl Env {
    /// The process environment as it is now. Names and values that are not UTF-8 cannot be ours and are left out.
    pub fn from_process() -> Self {
        let pairs = std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
        Env(Arc::new(pairs.filter(|(_, v)| !v.is_empty()).collect()))
    }

    /// An environment of exactly these pairs.
    pub fn of(pairs: &[(&str, &str)]) -> Self {
        let pairs = pairs.iter().filter(|(_, v)| !v.is_empty());
        Env(Arc::new(pairs.map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()))
    }

    /// The value of `name`, or the content of the file that `<name>_FILE` names, without its final line break.
    /// Fails when both are set or the file cannot be read.
    pub fn get(&self, name: &str) -> Result<Option<String>> {
        let file = self.0.get(&format!("{name}_FILE"));
        match (self.0.get(name), file) {
            (Some(_), Some(_)) => Err(Error::new(
                Code::Misconfigured,
                format!("Both {name} and {name}_FILE are set, and only one can be meant."),
            )
            .hint("Unset one of them.")),
            (Some(value), None) => Ok(Some(value.clone())),
            (None, Some(path)) => {
                let text = std::fs::read_to_string(path).map_err(|e| {
                    Error::new(Code::Misconfigured, format!("{name}_FILE names {path}, which cannot be read: {e}."))
                        .hint("Make the file readable for this user, or unset the variable.")
                })?;
                let text = text.strip_suffix('\n').unwrap_or(&text);
                let text = text.strip_suffix('\r').unwrap_or(text);
                Ok((!text.is_empty()).then(|| text.to_owned()))
            }
            (None, None) => Ok(None),
        }
    }

    /// Every name that is set.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// Whether `text` says yes or no: `true 1 yes on` and `false 0 no off`, in any case. `None` for anything else.
pub fn parse_bool(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_value_is_unset_and_a_file_stands_in() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("v");
        std::fs::write(&path, "secret\n").unwrap();
        let path = path.to_str().unwrap();
        let env = Env::of(&[("A", ""), ("B_FILE", path), ("C", "x"), ("C_FILE", path), ("D_FILE", "/nowhere")]);
        assert_eq!(env.get("A").unwrap(), None);
        assert_eq!(env.get("B").unwrap().as_deref(), Some("secret"));
        assert!(env.get("C").unwrap_err().detail().contains("Both C and C_FILE"));
        assert!(env.get("D").unwrap_err().detail().contains("D_FILE names /nowhere"));
    }
}
