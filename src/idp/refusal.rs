//! Why a provider's answer proves nothing: for the person one sentence with what to do, for administrators the step that
//! failed and what was found there. Neither ever holds a token, a code or a secret.

use crate::error::{Code, Error};
use std::borrow::Cow;

/// Whose matter it is; decides what the person is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The provider does not answer, or not now.
    Unreachable,
    /// The provider's or our own settings do not fit each other.
    Settings,
    /// What the provider sent cannot be believed.
    Proof,
    /// The provider, or the person there, declined.
    Declined,
}

/// Why a proof failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The step: `discovery`, `keys`, `signature`, `aud`…; the rule in an audit event.
    pub step: &'static str,
    /// What was found, for administrators: one sentence with a full stop.
    pub detail: String,
    /// Whose matter it is.
    pub fault: Fault,
}

/// What an adapter gives.
pub type Proven<T> = Result<T, Refusal>;

impl Refusal {
    /// The provider does not answer.
    pub fn unreachable(step: &'static str, detail: impl Into<String>) -> Self {
        Refusal { step, detail: detail.into(), fault: Fault::Unreachable }
    }
    /// Settings that do not fit.
    pub fn settings(step: &'static str, detail: impl Into<String>) -> Self {
        Refusal { step, detail: detail.into(), fault: Fault::Settings }
    }
    /// Something that cannot be believed.
    pub fn proof(step: &'static str, detail: impl Into<String>) -> Self {
        Refusal { step, detail: detail.into(), fault: Fault::Proof }
    }
    /// The provider said no.
    pub fn declined(step: &'static str, detail: impl Into<String>) -> Self {
        Refusal { step, detail: detail.into(), fault: Fault::Declined }
    }

    /// What the person who wanted to sign in is told; the particulars are for administrators.
    pub fn for_person(&self) -> Error {
        let (code, text, hint): (_, Cow<'static, str>, _) = match self.fault {
            Fault::Unreachable => (
                Code::Busy,
                "The company's identity provider does not answer.".into(),
                "Try again in a moment. An administrator can see the step that failed in the audit log.",
            ),
            Fault::Settings => (
                Code::Misconfigured,
                "Sign-in with the company's identity provider is not set up correctly.".into(),
                "Tell an administrator; the audit log has the step that failed.",
            ),
            Fault::Proof => (
                Code::SignInFailed,
                "The answer of the company's identity provider could not be accepted.".into(),
                "Sign in again. If it stays so, tell an administrator; the audit log has the step that failed.",
            ),
            Fault::Declined => (
                Code::SignInFailed,
                format!("The company's identity provider did not sign you in: {}", self.detail).into(),
                "Try again, or ask whoever manages accounts there.",
            ),
        };
        Error::new(code, text).hint(hint).because(self.to_string())
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.step, self.detail)
    }
}

/// The readable beginning of something foreign, for a sentence: no control characters, at most `max` characters.
pub fn excerpt(text: &str, max: usize) -> String {
    let mut out: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(max).collect();
    if text.chars().nth(max).is_some() {
        out.push('…');
    }
    out
}
