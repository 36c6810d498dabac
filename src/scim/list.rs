//! Lists and searches of every kind of resource (RFC 7644 §3.4.2, §3.4.3): filter, sorting, paging, projection. What an index
//! can answer is looked up; everything else is walked in the order of ids, a page of rows at a time, so that memory is bounded by
//! what is given back. `totalResults` is always the true number.
//!
//! A kind of resource takes part as a [`Source`] of resources in the RFC's shape; the dialect is put on at the end.

mod sort;

use super::filter::Filter;
use super::path::Attr;
use super::projection::Projection;
use super::schema::{Kind, LIST_URN, SEARCH_URN};
use super::{Answer, Asked, Dialect, wire};
use crate::error::{Code, Error, Result};
use crate::ops::Asking;
use serde_json::{Map, Value, json};
use sort::{Key, Sorter};
use std::collections::BTreeMap;

/// The most resources of one answer, and what W&B's dialect says it gives.
pub(super) const PAGE_MAX: usize = 9_999;
/// How many the RFC's dialect gives where the client says nothing.
const PAGE_USUAL: usize = 1_000;
/// Rows read at a time while walking.
const STRETCH: usize = 500;

/// Whether anything of the attribute with this canonical name is needed. What is not, need not be read.
pub(super) type Wants<'w> = &'w dyn Fn(&str) -> bool;
/// A resource in the RFC's shape, and the number in its id.
pub(super) type Row = (u64, Value);

/// Where the resources of a kind come from.
pub(super) trait Source {
    /// The kind.
    fn kind(&self) -> &'static Kind;
    /// How many there are.
    fn total(&self, cx: &Asking) -> Result<usize>;
    /// At most `limit` in the order of ids, without the first `skip` behind `after`.
    fn page(&self, cx: &Asking, after: Option<u64>, skip: usize, limit: usize, wants: Wants) -> Result<Vec<Row>>;
    /// Those whose attribute (`emails.value`, canonical) equals `value`, and perhaps some more; `None` where no index knows.
    fn find(&self, cx: &Asking, attribute: &str, value: &str, wants: Wants) -> Result<Option<Vec<Row>>>;
    /// The one with this id.
    fn get(&self, cx: &Asking, id: u64, wants: Wants) -> Result<Value>;
    /// One of them in the shape of a dialect, also where a projection has taken parts away.
    fn shaped(&self, dialect: Dialect, resource: Value) -> Value;
}

/// What a list is asked for.
#[derive(Debug, Default)]
pub(super) struct Query {
    filter: Option<Filter>,
    sort: Option<Attr>,
    descending: bool,
    start: usize,
    count: Option<usize>,
    projection: Projection,
}

impl Query {
    /// From the address.
    ///
    /// # Errors
    /// [`Code::InvalidFilter`], [`Code::InvalidPath`], [`Code::InvalidValue`].
    pub(super) fn of(asked: &Asked) -> Result<Self> {
        let number = |name: &str| asked.parameter(name).map(|text| whole(name, &json!(text))).transpose();
        Ok(Query {
            filter: asked.parameter("filter").map(Filter::parse).transpose()?,
            sort: asked.parameter("sortBy").map(sort_by).transpose()?,
            descending: asked.parameter("sortOrder").map_or(Ok(false), descending)?,
            start: start(number("startIndex")?),
            count: number("count")?.map(count),
            projection: projection(asked)?,
        })
    }

    /// From the body of a search.
    ///
    /// # Errors
    /// As [`Self::of`], and [`Code::InvalidSyntax`].
    pub(super) fn read(body: &[u8], dialect: Dialect) -> Result<Self> {
        let body = wire::object(body)?;
        must_be(&body, SEARCH_URN)?;
        let text = |name: &str| match wire::member(&body, name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(Error::invalid(format!("'{name}' is text."))),
        };
        let number = |name: &str| wire::member(&body, name).map(|value| whole(name, value)).transpose();
        let names = |name: &str| match wire::member(&body, name) {
            None => Ok(None),
            Some(Value::String(list)) => Ok(Some(list.split(',').map(str::to_owned).collect())),
            Some(Value::Array(list)) => {
                let names = list.iter().map(|v| v.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>();
                names.map(Some).ok_or_else(|| Error::invalid(format!("'{name}' is a list of names.")))
            }
            Some(_) => Err(Error::invalid(format!("'{name}' is a list of names."))),
        };
        Ok(Query {
            filter: text("filter")?.map(Filter::parse).transpose()?,
            sort: text("sortBy")?.map(sort_by).transpose()?,
            descending: text("sortOrder")?.map_or(Ok(false), descending)?,
            start: start(number("startIndex")?),
            count: number("count")?.map(count),
            projection: Projection::of(names("attributes")?, names("excludedAttributes")?)?
                .giving(dialect == Dialect::Wandb),
        })
    }
}

/// Which attributes an answer holds, as the address says.
pub(super) fn projection(asked: &Asked) -> Result<Projection> {
    let projection = Projection::parse(asked.parameter("attributes"), asked.parameter("excludedAttributes"))?;
    Ok(projection.giving(asked.dialect == Dialect::Wandb))
}

/// Refuses a message that says it is another one. Saying nothing is taken.
pub(super) fn must_be(body: &Map<String, Value>, urn: &str) -> Result<()> {
    let Some(schemas) = wire::member(body, "schemas") else { return Ok(()) };
    let wrong = || Error::new(Code::InvalidSyntax, format!("This address takes a message of the schema {urn}."));
    let names = schemas.as_array().ok_or_else(wrong)?;
    let is = |v: &Value| v.as_str().is_some_and(|s| s.eq_ignore_ascii_case(urn));
    if names.is_empty() || names.iter().any(is) { Ok(()) } else { Err(wrong()) }
}

fn sort_by(text: &str) -> Result<Attr> {
    Attr::read(text).map_err(|why| Error::new(Code::InvalidPath, format!("'sortBy' cannot be read: {why}.")))
}

fn descending(text: &str) -> Result<bool> {
    match text.to_ascii_lowercase().as_str() {
        "ascending" => Ok(false),
        "descending" => Ok(true),
        _ => Err(Error::invalid("'sortOrder' is ascending or descending.")),
    }
}

/// A whole number of any size: what is beyond 64 bits is as good as the largest.
fn whole(name: &str, value: &Value) -> Result<i64> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(n) => n.to_string(),
        _ => String::new(),
    };
    let digits = text.strip_prefix(['-', '+']).unwrap_or(&text);
    if digits.is_empty() || digits.len() > 40 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Error::invalid(format!("'{name}' is a whole number.")));
    }
    Ok(text.parse().unwrap_or(if text.starts_with('-') { i64::MIN } else { i64::MAX }))
}

/// Below 1 counts as 1 (RFC 7644, table 6).
fn start(given: Option<i64>) -> usize {
    usize::try_from(given.unwrap_or(1).max(1)).unwrap_or(usize::MAX)
}

/// A negative number counts as none.
fn count(given: i64) -> usize {
    usize::try_from(given.max(0)).unwrap_or(usize::MAX)
}

/// The kinds that a list is about, one after the other.
pub(super) type Sources = for<'a> fn(&'a Asked) -> Vec<Box<dyn Source + 'a>>;

/// The answer to a list or a search. What is more than a look into an index leaves the thread that serves requests.
pub(super) async fn answer(asked: &Asked, query: Query, sources: Sources) -> Result<Answer> {
    let is_short = query.sort.is_none() && query.filter.as_ref().is_some_and(|f| f.equalities().is_some());
    if is_short {
        return found(asked, &query, sources);
    }
    let asked = asked.clone();
    tokio::task::spawn_blocking(move || found(&asked, &query, sources)).await.map_err(Error::internal)?
}

fn found(asked: &Asked, query: &Query, sources: Sources) -> Result<Answer> {
    let sources = sources(asked);
    let sources: Vec<&dyn Source> = sources.iter().map(AsRef::as_ref).collect();
    let usual = if asked.dialect == Dialect::Wandb { PAGE_MAX } else { PAGE_USUAL };
    let limit = query.count.unwrap_or(usual).min(PAGE_MAX);
    let (total, resources) = asked.read(|cx| page(cx, query, &sources, asked.dialect, limit))?;
    let per_page = match (asked.dialect, query.count) {
        (Dialect::Wandb, None) => PAGE_MAX,
        _ => resources.len(),
    };
    Ok(Answer::message(json!({
        "schemas": [LIST_URN],
        "totalResults": total,
        "startIndex": query.start,
        "itemsPerPage": per_page,
        "Resources": resources,
    })))
}

fn page(
    cx: &Asking,
    query: &Query,
    sources: &[&dyn Source],
    dialect: Dialect,
    limit: usize,
) -> Result<(usize, Vec<Value>)> {
    let shown = |name: &str| query.projection.wants(name);
    let mut window = Window { skip: query.start - 1, limit, total: 0, chosen: vec![] };
    let mut sorter = match &query.sort {
        Some(_) => Some(Sorter::new(window.skip.saturating_add(limit), query.descending)),
        None => None,
    };
    let mut known = false;
    for (n, source) in sources.iter().enumerate() {
        let kind = source.kind();
        let sort = query.sort.as_ref().and_then(|attr| attr.resolve(kind));
        known |= sort.is_some();
        // Over all kinds, what a kind does not have matches nothing of it (RFC 7644 §3.4.2.1).
        let bound = match query.filter.as_ref().map(|f| f.bind(kind)).transpose() {
            Err(_) if sources.len() > 1 => continue,
            bound => bound?,
        };
        let asked = |name: &str| {
            query.filter.as_ref().is_some_and(|f| f.mentions(name)) || query.sort.as_ref().is_some_and(|s| s.is(name))
        };
        let unasked = bound.is_none() && sorter.is_none();
        let mut take = |row: Row| {
            if bound.as_ref().is_some_and(|b| !b.matches(&row.1)) {
                return Ok(());
            }
            match &mut sorter {
                Some(sorter) => {
                    let key =
                        sort.map_or(Key::None, |t| Key::of(t.leaf().kind, t.leaf().case_exact, &t.values(&row.1)));
                    window.total += 1;
                    sorter.offer(key, n, row.0)
                }
                None => {
                    window.offer(n, row.0);
                    Ok(())
                }
            }
        };
        if let Some(rows) = indexed(cx, *source, query.filter.as_ref(), &asked)? {
            rows.into_iter().try_for_each(&mut take)?;
        } else if unasked {
            let all = source.total(cx)?;
            let (skip, limit) = window.pass(all);
            if limit > 0 {
                window
                    .chosen
                    .extend(source.page(cx, None, skip, limit, &shown)?.into_iter().map(|r| (n, r.0, Some(r.1))));
            }
        } else {
            let mut after = None;
            loop {
                let rows = source.page(cx, after, 0, STRETCH, &asked)?;
                let last = rows.len() < STRETCH;
                after = rows.last().map(|r| r.0);
                rows.into_iter().try_for_each(&mut take)?;
                if last {
                    break;
                }
            }
        }
    }
    if let (Some(sort), false) = (&query.sort, known) {
        return Err(Error::new(Code::InvalidPath, format!("There is no attribute '{sort}' to sort by.")));
    }
    if let Some(sorter) = sorter {
        window.chosen = sorter.page(window.skip, limit);
    }
    let mut resources = Vec::with_capacity(window.chosen.len());
    for (n, id, resource) in window.chosen {
        let source = sources[n];
        let mut resource = match resource {
            Some(resource) => resource,
            None => source.get(cx, id, &shown)?,
        };
        query.projection.apply(source.kind(), &mut resource);
        resources.push(source.shaped(dialect, resource));
    }
    Ok((window.total, resources))
}

/// The candidates that indexes give for a filter, each once, in the order of ids.
fn indexed(cx: &Asking, source: &dyn Source, filter: Option<&Filter>, wants: Wants) -> Result<Option<Vec<Row>>> {
    let Some(equalities) = filter.and_then(Filter::equalities) else { return Ok(None) };
    let mut found = BTreeMap::new();
    for (attr, value) in equalities {
        let Some(target) = attr.resolve(source.kind()) else { return Ok(None) };
        let attribute = target.found.attribute;
        // `emails eq "x"` asks about the values.
        let part = target.part.or_else(|| attribute.part("value"));
        let name = part.map_or_else(|| attribute.name.to_owned(), |part| format!("{}.{}", attribute.name, part.name));
        match source.find(cx, &name, value, wants)? {
            Some(rows) => found.extend(rows),
            None => return Ok(None),
        }
    }
    Ok(Some(found.into_iter().collect()))
}

/// The part of all matches that is given back: source, id, and the resource where it was read already.
struct Window {
    skip: usize,
    limit: usize,
    total: usize,
    chosen: Vec<(usize, u64, Option<Value>)>,
}

impl Window {
    /// Counts a match, and keeps it where it is in the window.
    fn offer(&mut self, source: usize, id: u64) {
        if self.total >= self.skip && self.chosen.len() < self.limit {
            self.chosen.push((source, id, None));
        }
        self.total += 1;
    }

    /// Counts `all` matches at once; how many of them to skip, and how many to give.
    fn pass(&mut self, all: usize) -> (usize, usize) {
        let skip = self.skip.saturating_sub(self.total).min(all);
        self.total += all;
        (skip, (all - skip).min(self.limit - self.chosen.len()))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::super::schema::GROUP;
    use super::*;
    use crate::app::App;
    use crate::clock::Clock;
    use crate::ops::Caller;
    use crate::policy::Process;

    /// Groups `n0`, `n1`, … with ids from 1; the name is indexed.
    struct Numbered(u64);

    impl Source for Numbered {
        fn kind(&self) -> &'static Kind {
            &GROUP
        }
        fn total(&self, _: &Asking) -> Result<usize> {
            Ok(self.0 as usize)
        }
        fn page(&self, cx: &Asking, after: Option<u64>, skip: usize, limit: usize, wants: Wants) -> Result<Vec<Row>> {
            let first = after.unwrap_or(0) + 1 + skip as u64;
            (first..=self.0).take(limit).map(|id| Ok((id, self.get(cx, id, wants)?))).collect()
        }
        fn find(&self, cx: &Asking, attribute: &str, value: &str, wants: Wants) -> Result<Option<Vec<Row>>> {
            let number = value.strip_prefix('n').and_then(|n| n.parse::<u64>().ok());
            Ok(match (attribute, number) {
                ("displayName", Some(n)) if n < self.0 => Some(vec![(n + 1, self.get(cx, n + 1, wants)?)]),
                ("displayName", _) => Some(vec![]),
                _ => None,
            })
        }
        fn get(&self, _: &Asking, id: u64, wants: Wants) -> Result<Value> {
            let mut out = json!({"id": id.to_string(), "displayName": format!("n{}", id - 1)});
            if wants("members") {
                out["members"] = json!([]);
            }
            if id.is_multiple_of(10) {
                out["externalId"] = json!(format!("x{}", 1_000_000 - id));
            }
            Ok(out)
        }
        fn shaped(&self, _: Dialect, resource: Value) -> Value {
            resource
        }
    }

    fn names(query: &Query, limit: usize, sources: &[&dyn Source]) -> Result<(usize, Vec<String>)> {
        let app = App::for_tests(Clock::fixed(0), &[]);
        let who = Caller::process(Process::Shell);
        let (total, found) = app.ask(&who, |cx| page(cx, query, sources, Dialect::Rfc, limit))?;
        Ok((total, found.iter().map(|v| v["displayName"].as_str().unwrap_or("?").to_owned()).collect()))
    }

    fn query(filter: &str, start: usize) -> Query {
        let filter = (!filter.is_empty()).then(|| Filter::parse(filter).unwrap());
        Query { filter, start, ..Query::default() }
    }

    #[test]
    fn pages_are_items_counted_from_one_and_the_total_is_true() {
        let all = Numbered(2_345);
        let found = |filter: &str, start, limit| names(&query(filter, start), limit, &[&all]).unwrap();
        assert_eq!(found("", 1, 2), (2_345, vec!["n0".into(), "n1".into()]));
        assert_eq!(found("", 2_345, 100), (2_345, vec!["n2344".into()]));
        assert_eq!(found("", 2_346, 100), (2_345, vec![]));
        assert_eq!(found("", 1, 0), (2_345, vec![]));
        assert_eq!(found("displayName eq \"N7\"", 1, 10), (0, vec![]), "the sample's index folds nothing");
        assert_eq!(found("displayName eq \"n7\"", 1, 10), (1, vec!["n7".into()]));
        assert_eq!(found("displayName eq \"n7\" or displayName eq \"n3\"", 2, 10), (2, vec!["n7".into()]));
        assert_eq!(found("displayName eq \"n7\" and externalId pr", 1, 10), (0, vec![]));
        assert_eq!(found("displayName ew \"00\"", 3, 2), (23, vec!["n300".into(), "n400".into()]));
        assert_eq!(names(&query("displayName sw \"n\"", 2_000), 1, &[&all, &all]).unwrap().0, 4_690);
        let two = names(&query("", 2_345), 2, &[&all, &all]).unwrap();
        assert_eq!(two, (4_690, vec!["n2344".into(), "n0".into()]));
    }

    #[test]
    fn sorting_puts_what_has_no_value_last_and_is_bounded() {
        let all = Numbered(100);
        let sorted = |by: &str, descending, start, limit| {
            let query = Query { sort: Some(Attr::read(by).unwrap()), descending, ..query("", start) };
            names(&query, limit, &[&all]).map(|(_, names)| names)
        };
        assert_eq!(sorted("externalid", false, 1, 3).unwrap(), ["n99", "n89", "n79"]);
        assert_eq!(sorted("externalId", false, 10, 2).unwrap(), ["n9", "n0"]);
        assert_eq!(sorted("externalId", true, 91, 2).unwrap(), ["n9", "n19"]);
        assert_eq!(sorted("displayName", true, 1, 2).unwrap(), ["n99", "n98"]);
        assert_eq!(sorted("nothing", false, 1, 2).unwrap_err().code(), Code::InvalidPath);
        assert_eq!(sorted("displayName", false, 101, 2).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn numbers_outside_of_sense_are_taken_for_the_nearest_that_has_some() {
        let read = |value: Value| whole("count", &value);
        assert_eq!(count(read(json!("-5")).unwrap()), 0);
        assert_eq!(start(Some(read(json!(-1)).unwrap())), 1);
        assert_eq!(count(read(json!("99999999999999999999999")).unwrap()), i64::MAX as usize);
        for bad in
            [json!("1.5"), json!("x"), json!(""), json!([1]), json!(true), json!(1.5), json!("1e3"), json!("--1")]
        {
            assert_eq!(read(bad.clone()).unwrap_err().code(), Code::InvalidValue, "{bad}");
        }
    }
}
