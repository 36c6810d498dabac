//! The one list pattern: a filter, chips, sortable columns, pages of 50 and the total, all of it in the address.
//! It shapes what the handler already holds; it never decides what may be listed. Rendered by the `list_tools`,
//! `heads` and `pager` macros.
//!
//! A list that is bounded by its nature is cut from all its rows, page by number. One that grows with the organization comes a
//! page at a time, behind or before a place; only columns in whose order an index stands can be sorted by there.

/// Rows on one page.
pub const PAGE: usize = 50;

/// A filter that is a link.
#[derive(Debug, Clone)]
pub struct Chip {
    /// What is read.
    pub label: String,
    /// Where it leads.
    pub href: String,
    /// Whether it is on.
    pub on: bool,
}

/// A column: its word and, where rows can be sorted by it, the key in the address.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// The word.
    pub label: &'static str,
    /// Sort key; empty when it cannot be sorted by.
    pub key: &'static str,
    /// Whether only screen readers need the word.
    pub hidden: bool,
}

impl Column {
    /// A column one can sort by.
    #[must_use]
    pub const fn by(label: &'static str, key: &'static str) -> Self {
        Self { label, key, hidden: false }
    }
    /// A column one cannot sort by.
    #[must_use]
    pub const fn plain(label: &'static str) -> Self {
        Self { label, key: "", hidden: false }
    }
    /// A column whose word is only for screen readers.
    #[must_use]
    pub const fn quiet(label: &'static str) -> Self {
        Self { label, key: "", hidden: true }
    }
}

/// A column's head as the template shows it.
#[derive(Debug)]
pub struct Head {
    /// The word.
    pub label: &'static str,
    /// Where sorting by it leads; empty when it cannot be sorted by.
    pub href: String,
    /// `ascending`, `descending` or empty.
    pub sort: &'static str,
    /// Whether only screen readers need the word.
    pub hidden: bool,
}

/// State of a list as the address carries it, with what came out.
#[derive(Debug, Clone, Default)]
pub struct List {
    /// The page's path.
    pub action: String,
    /// What was typed into the filter.
    pub q: String,
    /// Sort key, `-` before it for descending.
    pub sort: String,
    /// The chosen chip's parameter and value; empty for none.
    pub filter: Vec<(&'static str, String)>,
    /// Page, from 1.
    pub page: usize,
    /// Rows that match in all.
    pub total: usize,
    /// What the rows are, for the summary: "people".
    pub noun: &'static str,
    /// The chips.
    pub chips: Vec<Chip>,
    /// The columns.
    pub columns: Vec<Column>,
    /// Where a page that is asked for by its place begins or ends.
    pub at: Option<Place>,
    /// What is beside a page that came by its place.
    pub beside: Option<Beside>,
}

/// A place in a list, as the address has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The page begins behind it.
    After(String),
    /// The page ends before it.
    Before(String),
}

/// What is beside a page that came by its place.
#[derive(Debug, Clone)]
pub struct Beside {
    previous: Option<Place>,
    next: Option<Place>,
    /// Rows on the page.
    shown: usize,
    /// Whether the total is known.
    counted: bool,
}

impl List {
    /// Address of this list with one thing changed; the page starts over unless it is the change.
    fn href(&self, sort: &str, page: usize, filter: &[(&'static str, String)], at: Option<&Place>) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        if !self.q.is_empty() {
            query.append_pair("q", &self.q);
        }
        for (name, value) in filter {
            query.append_pair(name, value);
        }
        if !sort.is_empty() {
            query.append_pair("sort", sort);
        }
        match at {
            Some(Place::After(place)) => query.append_pair("after", place),
            Some(Place::Before(place)) => query.append_pair("before", place),
            None => &mut query,
        };
        if page > 1 {
            query.append_pair("page", &page.to_string());
        }
        let query = query.finish();
        if query.is_empty() { self.action.clone() } else { format!("{}?{query}", self.action) }
    }

    /// Adds the chips of one parameter: the first value is "all" and stands for its absence.
    pub fn add_chips(&mut self, name: &'static str, chosen: &str, all: &[(&str, &str)]) {
        for (value, label) in all {
            let mut filter: Vec<(&'static str, String)> =
                self.filter.iter().filter(|(other, _)| *other != name).cloned().collect();
            if !value.is_empty() {
                filter.push((name, (*value).to_owned()));
            }
            let href = self.href(&self.sort, 1, &filter, None);
            self.chips.push(Chip { label: (*label).to_owned(), href, on: *value == chosen });
        }
    }

    /// Hidden fields of the filter form: everything but what is typed and the page.
    #[must_use]
    pub fn kept(&self) -> Vec<(&str, &str)> {
        let mut kept: Vec<(&str, &str)> = self.filter.iter().map(|(name, value)| (*name, value.as_str())).collect();
        if !self.sort.is_empty() {
            kept.push(("sort", &self.sort));
        }
        kept
    }

    /// The columns' heads with the addresses that sort by them.
    #[must_use]
    pub fn heads(&self) -> Vec<Head> {
        let (current, down) = match self.sort.strip_prefix('-') {
            Some(key) => (key, true),
            None => (self.sort.as_str(), false),
        };
        self.columns
            .iter()
            .map(|column| {
                if column.key.is_empty() {
                    return Head { label: column.label, href: String::new(), sort: "", hidden: column.hidden };
                }
                let is_current = column.key == current;
                let next = if is_current && !down { format!("-{}", column.key) } else { column.key.to_owned() };
                let sort = match (is_current, down) {
                    (false, _) => "",
                    (true, false) => "ascending",
                    (true, true) => "descending",
                };
                Head { label: column.label, href: self.href(&next, 1, &self.filter, None), sort, hidden: false }
            })
            .collect()
    }

    /// Number of pages, at least one.
    #[must_use]
    pub fn pages(&self) -> usize {
        self.total.div_ceil(PAGE).max(1)
    }

    /// The rows of the current page out of all that match.
    pub fn cut<T>(&mut self, rows: Vec<T>) -> Vec<T> {
        self.total = rows.len();
        self.page = self.page.clamp(1, self.pages());
        rows.into_iter().skip((self.page - 1) * PAGE).take(PAGE).collect()
    }

    /// Takes a page that came by its place: how many rows it has, the places where the pages beside it end and begin, and how
    /// many rows there are in all, where that is known.
    pub fn set_page(&mut self, shown: usize, previous: Option<String>, next: Option<String>, total: Option<usize>) {
        // What the address says of the number is only said back; the first page is known.
        self.page = if previous.is_some() { self.page.max(2) } else { 1 };
        let alone = previous.is_none() && next.is_none();
        self.total = total.unwrap_or(shown);
        let counted = total.is_some() || alone;
        self.beside =
            Some(Beside { previous: previous.map(Place::Before), next: next.map(Place::After), shown, counted });
    }

    /// Takes the order from the columns: rows come as they are found.
    pub fn unsorted(&mut self) {
        self.sort.clear();
        self.columns.iter_mut().for_each(|column| column.key = "");
    }

    /// "51 to 100 of 1,204 people".
    #[must_use]
    pub fn summary(&self) -> String {
        let noun = self.noun;
        let (shown, counted) = match &self.beside {
            Some(beside) => (beside.shown, beside.counted),
            None => (PAGE.min(self.total.saturating_sub((self.page - 1) * PAGE)), true),
        };
        if !counted {
            let noun = if shown == 1 { one_of(noun) } else { noun };
            return format!("{} {noun} on this page", thousands(shown));
        }
        if self.total == 1 {
            return format!("1 {}", one_of(noun));
        }
        if shown == self.total || shown == 0 {
            return format!("{} {noun}", thousands(self.total));
        }
        let from = (self.page - 1).saturating_mul(PAGE) + 1;
        let to = from.saturating_add(shown - 1);
        format!("{} to {} of {} {noun}", thousands(from), thousands(to), thousands(self.total))
    }

    /// Whether a filter hides rows: an empty list then means "none match", not "none yet".
    #[must_use]
    pub fn is_filtered(&self) -> bool {
        !self.q.is_empty() || !self.filter.is_empty()
    }

    /// Address of the page before, if there is one.
    #[must_use]
    pub fn previous(&self) -> Option<String> {
        match &self.beside {
            Some(beside) => beside.previous.as_ref().map(|at| self.turned(self.page - 1, at)),
            None => (self.page > 1).then(|| self.href(&self.sort, self.page - 1, &self.filter, None)),
        }
    }

    /// Address of the page after, if there is one.
    #[must_use]
    pub fn next(&self) -> Option<String> {
        match &self.beside {
            Some(beside) => beside.next.as_ref().map(|at| self.turned(self.page.saturating_add(1), at)),
            None => (self.page < self.pages()).then(|| self.href(&self.sort, self.page + 1, &self.filter, None)),
        }
    }

    fn turned(&self, page: usize, at: &Place) -> String {
        self.href(&self.sort, page, &self.filter, Some(at))
    }
}

/// The word for a single one.
fn one_of(noun: &'static str) -> &'static str {
    match noun {
        "people" => "person",
        "teams" => "team",
        "projects" => "project",
        "members" => "member",
        "settings" => "setting",
        "roles" => "role",
        "permissions" => "permission",
        "runs" => "run",
        "service accounts" => "service account",
        "events" => "event",
        "events on this page" => "event on this page",
        other => other,
    }
}

/// `1204` as `1,204`.
#[must_use]
pub fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Column, List, thousands};

    fn list() -> List {
        List {
            action: "/console/users".into(),
            q: "a b".into(),
            sort: "name".into(),
            page: 9,
            noun: "people",
            ..List::default()
        }
    }

    #[test]
    fn state_is_in_the_address() {
        let mut list = list();
        let rows = list.cut((0..120).collect::<Vec<_>>());
        assert_eq!((list.page, rows.len(), rows[0]), (3, 20, 100));
        assert_eq!(list.previous().as_deref(), Some("/console/users?q=a+b&sort=name&page=2"));
        assert_eq!(list.next(), None);
        assert_eq!(list.summary(), "101 to 120 of 120 people");
    }

    #[test]
    fn a_second_click_turns_the_order_round() {
        let mut list = list();
        list.columns = vec![Column::by("Name", "name"), Column::plain("Teams")];
        let heads = list.heads();
        assert_eq!((heads[0].sort, heads[0].href.as_str()), ("ascending", "/console/users?q=a+b&sort=-name"));
        assert!(heads[1].href.is_empty());
    }

    #[test]
    fn a_page_by_its_place_carries_it_in_the_address() {
        let mut list = List { q: String::new(), sort: String::new(), page: 3, ..list() };
        list.set_page(50, Some("B".into()), Some("A".into()), Some(1_000));
        assert_eq!(list.previous().as_deref(), Some("/console/users?before=B&page=2"));
        assert_eq!(list.next().as_deref(), Some("/console/users?after=A&page=4"));
        assert_eq!(list.summary(), "101 to 150 of 1,000 people");
        list.set_page(1, Some("B".into()), None, None);
        assert_eq!((list.summary().as_str(), list.next()), ("1 person on this page", None));
        list.set_page(50, None, Some("A".into()), Some(1_000));
        assert_eq!((list.summary().as_str(), list.previous()), ("1 to 50 of 1,000 people", None));
        list.set_page(3, None, None, None);
        assert_eq!(list.summary(), "3 people");
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(
            (thousands(7).as_str(), thousands(1204).as_str(), thousands(1_000_000).as_str()),
            ("7", "1,204", "1,000,000")
        );
    }
}
