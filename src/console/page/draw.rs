//! Drawings made on the server: who reaches a project through what, and how many events each day had.
//! They are SVG in the page's own colours with a title and a text alternative; the table beside them holds the same
//! facts. Only geometry is computed here, the markup is in `templates/drawings.html`.

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

/// One day of the activity chart.
#[derive(Debug, Clone)]
pub struct Day {
    /// "3 May".
    pub label: String,
    /// Changes that day.
    pub done: usize,
    /// Denials that day.
    pub denied: usize,
}

/// A bar with its place.
#[derive(Debug)]
pub struct Bar {
    /// Left edge.
    pub x: usize,
    /// Top and height of the part for changes.
    pub done: (usize, usize),
    /// Top and height of the part for denials.
    pub denied: (usize, usize),
    /// The tooltip.
    pub title: String,
}

/// Changes and denials of the last days.
#[derive(Debug, Clone, Default)]
pub struct Activity {
    /// Oldest first.
    pub days: Vec<Day>,
}

impl Activity {
    const HEIGHT: usize = 72;

    /// Events in all.
    #[must_use]
    pub fn total(&self) -> usize {
        self.days.iter().map(|day| day.done + day.denied).sum()
    }
    /// Denials in all.
    #[must_use]
    pub fn denied(&self) -> usize {
        self.days.iter().map(|day| day.denied).sum()
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
        let most = self.days.iter().map(|day| day.done + day.denied).max().unwrap_or(0).max(1);
        let scale = |count: usize| if count == 0 { 0 } else { (count * Self::HEIGHT / most).max(3) };
        self.days
            .iter()
            .enumerate()
            .map(|(index, day)| {
                let (done, denied) = (scale(day.done), scale(day.denied));
                Bar {
                    x: index * 24 + 3,
                    done: (Self::HEIGHT.saturating_sub(done) + 6, done),
                    denied: (Self::HEIGHT.saturating_sub(done + denied) + 6, denied),
                    title: format!("{}: {} changes, {} denials", day.label, day.done, day.denied),
                }
            })
            .collect()
    }
}
