//! Which runs, as the wandb client asks: a part of MongoDB's query language. Fields are those of [`Field`]; operators `$eq $ne $gt
//! $gte $lt $lte $in $nin $regex $exists`, `$and $or $nor $not`, and a bare value for equality. Anything else is refused by name, so
//! that nobody takes a filter that was not understood for one that matched.

use crate::clock::parse_rfc3339;
use crate::error::{Error, Result};
use regex_lite::{Regex, RegexBuilder};
use serde_json::Value;

/// The longest filter, in bytes.
const TEXT_MAX: usize = 64 * 1024;
/// The most conditions in one.
const CONDITIONS_MAX: usize = 500;
/// How deep conditions nest.
const DEPTH_MAX: usize = 16;
/// The longest regular expression, in bytes.
const REGEX_MAX: usize = 256;

/// What a condition looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// The run id.
    Name,
    /// The name for people, or the run id.
    DisplayName,
    /// The state.
    State,
    /// When it was submitted; compared as a moment.
    CreatedAt,
    /// When it reported last; compared as a moment.
    HeartbeatAt,
    /// The username it is shown under.
    Username,
    /// The tags; a condition holds where it holds for one of them.
    Tags,
    /// The group.
    Group,
    /// The job type.
    JobType,
    /// The notes.
    Notes,
    /// The commit.
    Commit,
    /// The machine.
    Host,
    /// A value of the configuration, by path.
    Config(Vec<String>),
    /// A value of the summary, by path.
    Summary(Vec<String>),
}

impl Field {
    fn parse(name: &str) -> Result<Field> {
        let path = |rest: &str| rest.split('.').map(str::to_owned).collect::<Vec<_>>();
        for prefix in ["config.", "summary_metrics.", "summaryMetrics.", "summary."] {
            if let Some(rest) = name.strip_prefix(prefix).filter(|r| !r.is_empty()) {
                let path = path(rest);
                return Ok(if prefix == "config." { Field::Config(path) } else { Field::Summary(path) });
            }
        }
        Ok(match name {
            "name" => Field::Name,
            "display_name" | "displayName" => Field::DisplayName,
            "state" => Field::State,
            "created_at" | "createdAt" => Field::CreatedAt,
            "heartbeat_at" | "heartbeatAt" => Field::HeartbeatAt,
            "username" | "user" | "user.username" => Field::Username,
            "tags" => Field::Tags,
            "group" | "group_name" | "groupName" => Field::Group,
            "job_type" | "jobType" => Field::JobType,
            "notes" => Field::Notes,
            "commit" => Field::Commit,
            "host" => Field::Host,
            _ => {
                let shown: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
                return Err(Error::invalid(format!("Runs cannot be filtered or sorted by '{shown}'.")).hint(
                    "Use name, display_name, state, created_at, heartbeat_at, username, tags, group, job_type, notes, \
                     commit, host, config.KEY or summary_metrics.KEY.",
                ));
            }
        })
    }
}

#[derive(Clone, Debug)]
enum Test {
    Equal(Value),
    Above(Value),
    AtLeast(Value),
    Below(Value),
    AtMost(Value),
    In(Vec<Value>),
    Match(Regex),
    Exists,
    Not(Box<Test>),
}

#[derive(Clone, Debug)]
enum Part {
    All(Vec<Part>),
    Any(Vec<Part>),
    Not(Box<Part>),
    Holds(Field, Test),
}

/// A filter, read and checked.
#[derive(Clone, Debug)]
pub struct Filter(Part);

/// What a filter sees of a run.
pub trait Subject {
    /// The values of a field: none, one, or the tags.
    fn values(&self, field: &Field) -> Result<Vec<Value>>;
}

impl Filter {
    /// The one that every run passes.
    pub fn everything() -> Filter {
        Filter(Part::All(vec![]))
    }

    /// Whether it is that one.
    pub fn is_everything(&self) -> bool {
        matches!(&self.0, Part::All(parts) if parts.is_empty())
    }

    /// Reads a filter as the client sends it.
    pub fn parse(text: &str) -> Result<Filter> {
        if text.trim().is_empty() {
            return Ok(Filter::everything());
        }
        if text.len() > TEXT_MAX {
            return Err(Error::invalid(format!("The filter is longer than {} KiB.", TEXT_MAX / 1024)));
        }
        let value: Value =
            serde_json::from_str(text).map_err(|e| Error::invalid(format!("The filter is not a JSON object: {e}.")))?;
        if value.is_null() {
            return Ok(Filter::everything());
        }
        let mut count = 0;
        Ok(Filter(part(&value, 0, &mut count)?))
    }

    /// Whether a run passes.
    pub fn passes(&self, subject: &impl Subject) -> Result<bool> {
        passes(&self.0, subject)
    }
}

fn part(value: &Value, depth: usize, count: &mut usize) -> Result<Part> {
    let Value::Object(map) = value else {
        return Err(Error::invalid("A filter is a JSON object, such as {\"state\": \"finished\"}."));
    };
    if depth > DEPTH_MAX {
        return Err(Error::invalid(format!("The filter nests deeper than {DEPTH_MAX}.")));
    }
    let mut parts = vec![];
    for (key, value) in map {
        *count += 1;
        if *count > CONDITIONS_MAX {
            return Err(Error::invalid(format!("The filter has more than {CONDITIONS_MAX} conditions.")));
        }
        let mut each = || -> Result<Vec<Part>> {
            let Value::Array(list) = value else {
                return Err(Error::invalid(format!("{key} in a filter takes a list.")));
            };
            list.iter().map(|v| part(v, depth + 1, count)).collect()
        };
        parts.push(match key.as_str() {
            "$and" => Part::All(each()?),
            "$or" => Part::Any(each()?),
            "$nor" => Part::Not(Box::new(Part::Any(each()?))),
            "$not" => Part::Not(Box::new(part(value, depth + 1, count)?)),
            operator if operator.starts_with('$') => return Err(unknown(operator)),
            field => {
                let field = Field::parse(field)?;
                Part::All(tests(value, 0, count)?.into_iter().map(|test| Part::Holds(field.clone(), test)).collect())
            }
        });
    }
    Ok(Part::All(parts))
}

fn unknown(operator: &str) -> Error {
    let shown: String = operator.chars().filter(|c| !c.is_control()).take(40).collect();
    Error::invalid(format!("The operator {shown} is not offered in filters."))
        .hint("Use $eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $regex, $exists, $and, $or, $nor or $not.")
}

fn tests(value: &Value, depth: usize, count: &mut usize) -> Result<Vec<Test>> {
    let Value::Object(map) = value else { return Ok(vec![Test::Equal(value.clone())]) };
    if !map.keys().any(|k| k.starts_with('$')) {
        return Ok(vec![Test::Equal(value.clone())]);
    }
    if depth > DEPTH_MAX {
        return Err(Error::invalid(format!("The filter nests deeper than {DEPTH_MAX}.")));
    }
    let not = |test| Test::Not(Box::new(test));
    let mut out = vec![];
    for (operator, value) in map {
        *count += 1;
        if *count > CONDITIONS_MAX {
            return Err(Error::invalid(format!("The filter has more than {CONDITIONS_MAX} conditions.")));
        }
        let list = || match value {
            Value::Array(list) if list.len() <= 10_000 => Ok(list.clone()),
            _ => Err(Error::invalid(format!("{operator} in a filter takes a list of at most 10,000 values."))),
        };
        out.push(match operator.as_str() {
            "$eq" => Test::Equal(value.clone()),
            "$ne" => not(Test::Equal(value.clone())),
            "$gt" => Test::Above(value.clone()),
            "$gte" => Test::AtLeast(value.clone()),
            "$lt" => Test::Below(value.clone()),
            "$lte" => Test::AtMost(value.clone()),
            "$in" => Test::In(list()?),
            "$nin" => not(Test::In(list()?)),
            "$exists" if *value == Value::Bool(false) => not(Test::Exists),
            "$exists" => Test::Exists,
            "$regex" => {
                let text = value.as_str().filter(|t| t.len() <= REGEX_MAX).ok_or_else(|| {
                    Error::invalid(format!("$regex in a filter takes a text of at most {REGEX_MAX} bytes."))
                })?;
                let built = RegexBuilder::new(text).size_limit(1 << 18).nest_limit(32).build();
                Test::Match(built.map_err(|_| Error::invalid("The regular expression of the filter cannot be read."))?)
            }
            "$not" => {
                let inner = tests(value, depth + 1, count)?;
                let [one] = <[Test; 1]>::try_from(inner)
                    .map_err(|_| Error::invalid("$not in a filter takes one condition."))?;
                not(one)
            }
            other => return Err(unknown(other)),
        });
    }
    Ok(out)
}

fn passes(part: &Part, subject: &impl Subject) -> Result<bool> {
    match part {
        Part::All(parts) => {
            for part in parts {
                if !passes(part, subject)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        Part::Any(parts) => {
            for part in parts {
                if passes(part, subject)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Part::Not(part) => passes(part, subject).map(|yes| !yes),
        Part::Holds(field, test) => {
            let values = subject.values(field)?;
            Ok(holds(field, test, &values))
        }
    }
}

fn holds(field: &Field, test: &Test, values: &[Value]) -> bool {
    let any = |f: &dyn Fn(&Value) -> bool| values.iter().any(f);
    match test {
        // Null is what an absent value equals, as in MongoDB.
        Test::Equal(Value::Null) => values.is_empty() || any(&Value::is_null),
        Test::Equal(wanted) => any(&|v| order(field, v, wanted) == Some(std::cmp::Ordering::Equal)),
        Test::Above(wanted) => any(&|v| order(field, v, wanted).is_some_and(std::cmp::Ordering::is_gt)),
        Test::AtLeast(wanted) => any(&|v| order(field, v, wanted).is_some_and(std::cmp::Ordering::is_ge)),
        Test::Below(wanted) => any(&|v| order(field, v, wanted).is_some_and(std::cmp::Ordering::is_lt)),
        Test::AtMost(wanted) => any(&|v| order(field, v, wanted).is_some_and(std::cmp::Ordering::is_le)),
        Test::In(wanted) => wanted.iter().any(|w| holds(field, &Test::Equal(w.clone()), values)),
        Test::Match(regex) => any(&|v| v.as_str().is_some_and(|text| regex.is_match(text))),
        Test::Exists => any(&|v| !v.is_null()),
        Test::Not(inner) => !holds(field, inner, values),
    }
}

/// How two values of a field compare; nothing where they are of different kinds.
pub fn order(field: &Field, a: &Value, b: &Value) -> Option<std::cmp::Ordering> {
    if matches!(field, Field::CreatedAt | Field::HeartbeatAt) {
        return Some(moment(a)?.cmp(&moment(b)?));
    }
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64()?.partial_cmp(&b.as_f64()?),
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (a, b) => (a == b).then_some(std::cmp::Ordering::Equal),
    }
}

/// A moment as clients write it: RFC 3339, with or without offset, or a date alone.
fn moment(value: &Value) -> Option<i64> {
    match value {
        Value::Number(n) => n.as_i64(),
        Value::String(text) => {
            let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.clone() };
            parse_rfc3339(&whole).or_else(|| parse_rfc3339(&format!("{whole}Z")))
        }
        _ => None,
    }
}

/// By what runs are sorted, and whether the largest comes first: `+created_at`, `-summary_metrics.loss`.
pub fn order_of(text: &str) -> Result<(Field, bool)> {
    let (down, name) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    // Clients may name several; the first decides.
    let name = name.split(',').next().unwrap_or(name);
    Ok((Field::parse(name.strip_suffix(".value").unwrap_or(name))?, down))
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    struct Fake;
    impl Subject for Fake {
        fn values(&self, field: &Field) -> Result<Vec<Value>> {
            Ok(match field {
                Field::State => vec![json!("finished")],
                Field::Tags => vec![json!("a"), json!("b")],
                Field::CreatedAt => vec![json!("2026-11-23T10:00:00Z")],
                Field::Config(path) if path == &["lr"] => vec![json!(0.1)],
                _ => vec![],
            })
        }
    }

    #[test]
    fn filters_say_what_they_say_in_mongodb() {
        for (filter, expected) in [
            (json!({}), true),
            (json!({"state": "finished"}), true),
            (json!({"state": {"$ne": "finished"}}), false),
            (json!({"$or": [{"state": "running"}, {"tags": "b"}]}), true),
            (json!({"$and": [{"tags": {"$in": ["b", "x"]}}, {"tags": {"$nin": ["a"]}}]}), false),
            (json!({"config.lr": {"$gt": 0.05, "$lte": 0.1}}), true),
            (json!({"config.lr": {"$gt": "0.05"}}), false),
            (json!({"summary_metrics.loss": {"$exists": false}}), true),
            (json!({"summary_metrics.loss": null}), true),
            (json!({"summary_metrics.loss": {"$lt": 1}}), false),
            (json!({"state": {"$regex": "^fin"}}), true),
            (json!({"state": {"$not": {"$regex": "^fin"}}}), false),
            (json!({"created_at": {"$gte": "2026-11-23"}}), true),
            (json!({"createdAt": {"$lt": "2026-11-23T10:00:00"}}), false),
            (json!({"$not": {"state": "running"}}), true),
        ] {
            let parsed = Filter::parse(&filter.to_string()).unwrap();
            assert_eq!(parsed.passes(&Fake).unwrap(), expected, "{filter}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let deep = format!("{}{{}}{}", "{\"$and\":[".repeat(20), "]}".repeat(20));
        let many = json!({"$or": vec![json!({"name": "a"}); 600]}).to_string();
        for bad in [
            r#"{"secret": 1}"#,
            r#"{"state": {"$where": "1"}}"#,
            r#"{"$where": "1"}"#,
            r#"{"state": {"$regex": "("}}"#,
            r#"{"$or": {"a": 1}}"#,
            "[]",
            "{",
            &deep,
            &many,
            &format!("{{\"state\": {{\"$regex\": \"{}\"}}}}", "a".repeat(300)),
        ] {
            assert!(Filter::parse(bad).is_err(), "{bad}");
        }
        assert!(Filter::parse("").unwrap().is_everything() && Filter::parse("null").unwrap().is_everything());
        assert_eq!(order_of("-summary_metrics.loss").unwrap(), (Field::Summary(vec!["loss".into()]), true));
        assert!(order_of("+nothing").is_err());
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "\\PC{0,60}|[\\[\\]{}$a-z\",:.0-9-]{0,80}") {
            let _ = Filter::parse(&text);
            let _ = order_of(&text);
        }
    }
}
