//! The steps of a proof as an administrator sees them, noted while they are taken: what is shown is what was done.

use super::refusal::{Proven, Refusal};
use crate::model::identity::Check;

/// The steps taken so far.
#[derive(Default)]
pub struct Trail(pub Vec<Check>);

impl Trail {
    /// Notes a step by its outcome; a step that did not work ends the walk.
    pub fn step(&mut self, step: &'static str, name: &str, outcome: Result<String, String>) -> Proven<()> {
        self.outcome(name, outcome.map_err(|why| Refusal::proof(step, why)))
    }

    /// The same for an outcome that is a refusal already.
    pub fn outcome(&mut self, name: &str, outcome: Proven<String>) -> Proven<()> {
        let (passed, detail, outcome) = match outcome {
            Ok(found) => (true, found, Ok(())),
            Err(refusal) => (false, refusal.detail.clone(), Err(refusal)),
        };
        self.0.push(Check { name: name.to_owned(), passed, detail });
        outcome
    }
}
