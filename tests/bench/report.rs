//! The one table that comes out: figure, value, what it is compared with in the same run, ratio, target, met or not.
//! A figure without a target is there to be read, not judged.

use std::time::Duration;

/// What a figure has to reach.
#[derive(Clone, Copy)]
pub enum Target {
    /// The ratio must be at least this.
    AtLeast(f64),
    /// The ratio must be at most this.
    AtMost(f64),
    /// For information.
    None,
}

struct Row {
    figure: String,
    value: String,
    against: String,
    ratio: Option<f64>,
    target: Target,
}

/// The table.
pub struct Report {
    rows: Vec<Row>,
    load_before: String,
}

impl Report {
    /// An empty table.
    pub fn new() -> Self {
        Report { rows: vec![], load_before: load() }
    }

    /// A figure compared with `against`; `ratio` is value over limit, or value over what it must stay below.
    pub fn compared(
        &mut self,
        figure: impl Into<String>,
        value: impl Into<String>,
        against: impl Into<String>,
        ratio: f64,
        target: Target,
    ) {
        self.push(figure.into(), value.into(), against.into(), Some(ratio), target);
    }

    /// A figure for information.
    pub fn note(&mut self, figure: impl Into<String>, value: impl Into<String>, against: impl Into<String>) {
        self.push(figure.into(), value.into(), against.into(), None, Target::None);
    }

    fn push(&mut self, figure: String, value: String, against: String, ratio: Option<f64>, target: Target) {
        let row = Row { figure, value, against, ratio, target };
        println!("   {}", row.cells().join(" | "));
        self.rows.push(row);
    }

    /// Prints the table and how busy the machine was.
    pub fn print(&self) {
        let head = ["figure", "value", "limit or peer, same run", "ratio", "target", "met"].map(str::to_owned);
        let table: Vec<[String; 6]> = std::iter::once(head).chain(self.rows.iter().map(Row::cells)).collect();
        let width = |column: usize| table.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..6).map(width).collect();
        println!();
        for (n, row) in table.iter().enumerate() {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            println!("| {} |", cells.collect::<Vec<_>>().join(" | "));
            if n == 0 {
                println!("|{}|", widths.iter().map(|w| "-".repeat(w + 2)).collect::<Vec<_>>().join("|"));
            }
        }
        println!("\nload average before and after: {} and {}", self.load_before, load());
    }
}

impl Row {
    fn cells(&self) -> [String; 6] {
        let met = match (self.ratio, self.target) {
            (Some(ratio), Target::AtLeast(t)) => yes(ratio >= t),
            (Some(ratio), Target::AtMost(t)) => yes(ratio <= t),
            _ => "",
        };
        let target = match self.target {
            Target::AtLeast(t) => format!("≥ {t}"),
            Target::AtMost(t) => format!("≤ {t}"),
            Target::None => String::new(),
        };
        let ratio = self.ratio.map(|r| if r < 0.01 { format!("{r:.5}") } else { format!("{r:.2}") });
        [
            self.figure.clone(),
            self.value.clone(),
            self.against.clone(),
            ratio.unwrap_or_default(),
            target,
            met.to_owned(),
        ]
    }
}

fn yes(met: bool) -> &'static str {
    if met { "yes" } else { "NO" }
}

fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("?").to_owned()
}

/// The middle of `values`; the lower one of two.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[(sorted.len() - 1) / 2]
}

/// `12.3k`, `456`.
pub fn count(n: f64) -> String {
    if n >= 10_000.0 { format!("{:.1}k", n / 1_000.0) } else { format!("{n:.0}") }
}

/// `1.23 ms`, `456 ns`.
pub fn time(d: Duration) -> String {
    let ns = d.as_nanos() as f64;
    match ns {
        _ if ns < 10_000.0 => format!("{ns:.0} ns"),
        _ if ns < 1e6 => format!("{:.1} µs", ns / 1e3),
        _ => format!("{:.2} ms", ns / 1e6),
    }
}
