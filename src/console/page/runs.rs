//! Runs: the list of a project, and one run with its curves, what it printed and its files.

use super::frame::Frame;
use super::list::List;
use super::parts::{Choice, Mark, Stamp, Tab};
use askama::Template;

/// A text of a drawing.
#[derive(Debug)]
pub struct PlotText {
    /// From the left.
    pub x: i32,
    /// The line it stands on, from above.
    pub y: i32,
    /// `start`, `middle` or `end`.
    pub anchor: &'static str,
    /// What is read.
    pub text: String,
}

/// One metric, drawn.
#[derive(Debug)]
pub struct Chart {
    /// The metric.
    pub metric: String,
    /// Its last value.
    pub last: String,
    /// The drawing in words.
    pub words: String,
    /// Path of the grid.
    pub grid: String,
    /// Path of the axes.
    pub axis: String,
    /// Path of the curve.
    pub line: String,
    /// Single points.
    pub dots: Vec<(i32, i32)>,
    /// Numbers at the axes.
    pub texts: Vec<PlotText>,
}

impl Chart {
    /// Width and height of the drawing.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        crate::console::PLOT_SIZE
    }
}

/// Who a run is shown as.
#[derive(Debug, Clone, Default)]
pub struct By {
    /// The username; empty where the account is gone.
    pub username: String,
    /// Whether the asker may open the account's page.
    pub linked: bool,
}

/// One run in the list.
#[derive(Debug)]
pub struct RunRow {
    /// Its page.
    pub href: String,
    /// The name for people.
    pub label: String,
    /// The run id, where it is not the label.
    pub name: String,
    /// What it does.
    pub state: Mark,
    /// Who.
    pub by: By,
    /// Submitted.
    pub created: Stamp,
    /// How long it has reported.
    pub duration: String,
    /// The chosen columns: metric and value.
    pub values: Vec<(String, String)>,
}

/// The runs of a project.
#[derive(Debug, Template)]
#[template(path = "runs.html")]
pub struct Runs {
    /// The page's frame.
    pub frame: Frame,
    /// The team.
    pub team: String,
    /// The project.
    pub name: String,
    /// Who can reach it.
    pub visibility: Mark,
    /// The reasons the asker reaches it.
    pub why: String,
    /// The tabs.
    pub tabs: Vec<Tab>,
    /// State of the list.
    pub list: List,
    /// The runs.
    pub rows: Vec<RunRow>,
    /// The metrics shown as columns.
    pub shown: Vec<String>,
    /// Metrics that can be.
    pub metrics: Vec<Choice>,
    /// The line that sends a run here.
    pub snippet: String,
}

/// One file.
#[derive(Debug)]
pub struct FileRow {
    /// Its name.
    pub name: String,
    /// Where its bytes are fetched.
    pub href: String,
    /// How large.
    pub size: String,
    /// Sent last.
    pub updated: Stamp,
}

/// A run, one tab of it.
#[derive(Debug, Template)]
#[template(path = "run.html")]
pub struct RunPage {
    /// The page's frame.
    pub frame: Frame,
    /// Its address.
    pub base: String,
    /// The name for people.
    pub label: String,
    /// The run id.
    pub name: String,
    /// What it does.
    pub state: Mark,
    /// Whether more is expected.
    pub live: bool,
    /// Whether it was asked to stop.
    pub stopping: bool,
    /// The tabs.
    pub tabs: Vec<Tab>,
    /// `overview`, `logs` or `files`.
    pub tab: &'static str,
    /// Who it is shown as.
    pub by: By,
    /// The account that submitted it, where that is another one.
    pub through: By,
    /// Whom the service account named in vain; empty for nobody.
    pub unfit_author: String,
    /// Facts in words: name and value.
    pub facts: Vec<(&'static str, String)>,
    /// Submitted.
    pub created: Stamp,
    /// Reported last.
    pub reported: Stamp,
    /// What people wrote.
    pub notes: String,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// The reasons the asker reads it.
    pub why: String,
    /// The curves, the first few.
    pub charts: Vec<Chart>,
    /// How many metrics there are.
    pub metrics: usize,
    /// What was typed to choose among them.
    pub q: String,
    /// Last values.
    pub summary: Vec<(String, String)>,
    /// What it was configured with.
    pub config: Vec<(String, String)>,
    /// What it printed.
    pub lines: Vec<String>,
    /// The number of the first of them.
    pub first: u64,
    /// How many there are.
    pub total: u64,
    /// Address of the lines before; empty at the beginning.
    pub earlier: String,
    /// Address of the lines after; empty at the end.
    pub later: String,
    /// Its files.
    pub files: Vec<FileRow>,
    /// Address of the files that follow; empty at the end.
    pub more_files: String,
    /// Whether the asker may stop it.
    pub can_stop: bool,
    /// Whether the asker may delete it.
    pub can_delete: bool,
    /// Where the asker may move it.
    pub targets: Vec<Choice>,
    /// Why it cannot be moved, where only that is in the way.
    pub stays: &'static str,
    /// What went wrong.
    pub problem: String,
}
