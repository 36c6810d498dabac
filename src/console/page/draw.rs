//! Drawings made on the server: who reaches a project through what, and how many events each day had.
//! They are SVG in the page's own colours with a title and a text alternative; the table beside them holds the same
//! facts. Only geometry is computed here, the markup is in `templates/drawing_access.html` and `templates/activity.html`.

use super::list::thousands;

/// One way into a project.
#[derive(Debug, Clone)]
pub struct Way {
    /// "Team acme", "Invited", "Everyone in the organization".
    pub label: String,
    /// "12 people as their team role allows".
    pub note: String,
    /// Whether the way is open.
    pub open: bool,
}

/// A way with its place in the drawing.
#[derive(Debug)]
pub struct Placed {
    /// First line.
    pub label: String,
    /// Second line.
    pub note: String,
    /// Whether the way is open.
    pub open: bool,
    /// Top of its box.
    pub y: usize,
    /// The curve from its box to the project.
    pub path: String,
}

/// The picture of who reaches a project.
#[derive(Debug, Clone)]
pub struct AccessDrawing {
    /// Name of the project.
    pub project: String,
    /// "Restricted · 3 people".
    pub note: String,
    /// The ways in.
    pub ways: Vec<Way>,
    /// The whole in words, for people who do not see it.
    pub words: String,
}

impl AccessDrawing {
    const STEP: usize = 68;
    const BOX: usize = 54;

    /// Height of the wide drawing.
    #[must_use]
    pub fn height(&self) -> usize {
        self.ways.len() * Self::STEP
    }
    /// Vertical middle of the wide drawing.
    #[must_use]
    pub fn middle(&self) -> usize {
        self.height() / 2
    }
    /// The wide drawing: ways at the left, project at the right.
    #[must_use]
    pub fn wide(&self) -> Vec<Placed> {
        let middle = self.middle();
        self.ways
            .iter()
            .enumerate()
            .map(|(index, way)| {
                let y = index * Self::STEP + (Self::STEP - Self::BOX) / 2;
                let from = y + Self::BOX / 2;
                let path = format!("M300 {from} C400 {from} 380 {middle} 480 {middle}");
                Placed { label: way.label.clone(), note: way.note.clone(), open: way.open, y, path }
            })
            .collect()
    }
    /// Height of the narrow drawing.
    #[must_use]
    pub fn tall(&self) -> usize {
        self.ways.len() * Self::STEP + Self::STEP + 8
    }
    /// Top of the project in the narrow drawing.
    #[must_use]
    pub fn foot(&self) -> usize {
        self.ways.len() * Self::STEP + 8
    }
    /// The narrow drawing: ways above, project below, one line down the side.
    #[must_use]
    pub fn narrow(&self) -> Vec<Placed> {
        let foot = self.foot() + Self::BOX / 2;
        self.ways
            .iter()
            .enumerate()
            .map(|(index, way)| {
                let y = index * Self::STEP + 1;
                let from = y + Self::BOX / 2;
                let lane = 16 - 4 * index.min(3);
                let path = format!(
                    "M36 {from} H{} Q{lane} {from} {lane} {} V{} Q{lane} {foot} {} {foot} H36",
                    lane + 8,
                    from + 8,
                    foot - 8,
                    lane + 8
                );
                Placed { label: way.label.clone(), note: way.note.clone(), open: way.open, y, path }
            })
            .collect()
    }
}

/// What a day's bar is made of, from the foot upwards.
#[derive(Debug, Clone)]
pub struct Series {
    /// "Sign-ins".
    pub label: &'static str,
    /// Class of its colour: empty, `warn` or `no`.
    pub class: &'static str,
}

/// One day of the activity chart.
#[derive(Debug, Clone)]
pub struct Day {
    /// "3 May".
    pub label: String,
    /// How many of each series.
    pub counts: Vec<u64>,
}

/// A part of a bar: top, height, class.
pub type Piece = (u64, u64, &'static str);

/// A bar with its place.
#[derive(Debug)]
pub struct Bar {
    /// Left edge.
    pub x: usize,
    /// Its parts that are not empty.
    pub pieces: Vec<Piece>,
    /// The tooltip.
    pub title: String,
}

/// What happened on the last days.
#[derive(Debug, Clone, Default)]
pub struct Activity {
    /// What is counted.
    pub series: Vec<Series>,
    /// Oldest first.
    pub days: Vec<Day>,
}

impl Activity {
    const HEIGHT: u64 = 72;

    /// How many of each series in all.
    #[must_use]
    pub fn totals(&self) -> Vec<(&Series, u64)> {
        let total = |at: usize| self.days.iter().filter_map(|day| day.counts.get(at)).sum();
        self.series.iter().enumerate().map(|(at, series)| (series, total(at))).collect()
    }
    /// The same for the legend: class, label, number.
    #[must_use]
    pub fn legend(&self) -> Vec<(&'static str, &'static str, String)> {
        self.totals().into_iter().map(|(series, n)| (series.class, series.label, thousands(n as usize))).collect()
    }
    /// The whole in words, for people who do not see it.
    #[must_use]
    pub fn words(&self) -> String {
        format!("{} in {} days", in_words(self.totals()), self.days.len())
    }
    /// The most on one day.
    #[must_use]
    pub fn most(&self) -> u64 {
        self.days.iter().map(|day| day.counts.iter().sum()).max().unwrap_or(0)
    }
    /// Width of the drawing.
    #[must_use]
    pub fn width(&self) -> usize {
        self.days.len() * 24
    }
    /// The first and the last day's label.
    #[must_use]
    pub fn ends(&self) -> (&str, &str) {
        (self.days.first().map_or("", |day| day.label.as_str()), self.days.last().map_or("", |day| day.label.as_str()))
    }
    /// The bars.
    #[must_use]
    pub fn bars(&self) -> Vec<Bar> {
        let most = self.most().max(1);
        // Somebody is always visible, however many the others are.
        let scale = |count: u64| if count == 0 { 0 } else { (count.saturating_mul(Self::HEIGHT) / most).max(3) };
        let bar = |(index, day): (usize, &Day)| {
            let mut foot = Self::HEIGHT + 6;
            let mut pieces = vec![];
            for (series, count) in self.series.iter().zip(&day.counts) {
                let height = scale(*count).min(foot);
                foot -= height;
                if height > 0 {
                    pieces.push((foot, height, series.class));
                }
            }
            let counts = self.series.iter().zip(day.counts.iter().copied()).collect();
            Bar { x: index * 24 + 3, pieces, title: format!("{}: {}", day.label, in_words(counts)) }
        };
        self.days.iter().enumerate().map(bar).collect()
    }
}

/// "3 sign-ins, 1 denial".
fn in_words(counts: Vec<(&Series, u64)>) -> String {
    let each =
        |(series, count): (&Series, u64)| format!("{} {}", series.label.to_lowercase(), thousands(count as usize));
    counts.into_iter().map(each).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::{Activity, Day, Series};

    #[test]
    fn bars_stand_on_one_foot_and_never_leave_the_drawing() {
        let series = [("Sign-ins", ""), ("Failed", "warn"), ("Denied", "no")];
        let series: Vec<Series> = series.map(|(label, class)| Series { label, class }).into();
        let day = |counts: [u64; 3]| Day { label: "1 May".to_owned(), counts: counts.into() };
        let activity = Activity { series, days: vec![day([1_000_000, 1, 1]), day([0, 0, 0]), day([0, 2, 0])] };
        let bars = activity.bars();
        assert_eq!(bars[0].pieces.len(), 3);
        assert!(bars[1].pieces.is_empty());
        for bar in &bars {
            let mut foot = 78;
            for (top, height, _) in &bar.pieces {
                assert_eq!(top + height, foot);
                foot = *top;
            }
        }
        assert_eq!(bars[2].pieces, [(75, 3, "warn")]);
        assert_eq!(activity.words(), "sign-ins 1,000,000, failed 3, denied 1 in 3 days");
    }
}
