//! Curves as drawings: plotters lays out axes, ticks and the line, and a backend of our own keeps what it draws as plain
//! shapes, which the page's template writes as SVG. So the colours come from the stylesheet by class, every text is escaped
//! like any other, and no style stands in the page. Nothing here reads or decides.

use super::page::runs::{Chart, PlotText};
use crate::error::{Error, Result};
use plotters::chart::ChartBuilder;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::Circle;
use plotters::series::LineSeries;
use plotters::style::text_anchor::{HPos, VPos};
use plotters::style::{Color, IntoFont, RGBColor, TextStyle};
use plotters_backend::{BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind};
use std::convert::Infallible;
use std::fmt::Write as _;
use std::ops::Range;

/// Size of a drawing, in its own units.
pub const SIZE: (u32, u32) = (420, 190);
/// Size of its texts.
const TEXT: u32 = 12;

/// Colours that stand for classes of the stylesheet.
const GRID: RGBColor = RGBColor(1, 0, 0);
const AXIS: RGBColor = RGBColor(2, 0, 0);
const WORDS: RGBColor = RGBColor(3, 0, 0);
const LINE: RGBColor = RGBColor(4, 0, 0);

/// What was drawn, by what it is.
#[derive(Default)]
struct Shapes {
    grid: String,
    axis: String,
    line: String,
    dots: Vec<(i32, i32)>,
    texts: Vec<PlotText>,
}

impl Shapes {
    fn of(&mut self, color: BackendColor) -> Option<&mut String> {
        match (color.alpha > 0.0, color.rgb.0) {
            (true, 1) => Some(&mut self.grid),
            (true, 2) => Some(&mut self.axis),
            (true, 4) => Some(&mut self.line),
            _ => None,
        }
    }
}

/// Keeps what is drawn.
struct Keeper<'a>(&'a mut Shapes);

type Drawn = std::result::Result<(), DrawingErrorKind<Infallible>>;

impl DrawingBackend for Keeper<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        SIZE
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, _: BackendCoord, _: BackendColor) -> Drawn {
        Ok(())
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Drawn {
        self.draw_path([from, to], style)
    }

    fn draw_rect<S: BackendStyle>(&mut self, _: BackendCoord, _: BackendCoord, _: &S, _: bool) -> Drawn {
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Drawn {
        if let Some(into) = self.0.of(style.color()) {
            let mut last = None;
            for (x, y) in path {
                // Neighbours on the same point add bytes and nothing to see.
                if last != Some((x, y)) {
                    let _ = write!(into, "{}{x} {y}", if last.is_none() { 'M' } else { 'L' });
                }
                last = Some((x, y));
            }
        }
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(&mut self, center: BackendCoord, _: u32, _: &S, _: bool) -> Drawn {
        self.0.dots.push(center);
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, _: I, _: &S) -> Drawn {
        Ok(())
    }

    fn draw_text<T: BackendTextStyle>(&mut self, text: &str, style: &T, (x, y): BackendCoord) -> Drawn {
        let anchor = match style.anchor().h_pos {
            HPos::Left => "start",
            HPos::Center => "middle",
            HPos::Right => "end",
        };
        let down = match style.anchor().v_pos {
            VPos::Top => TEXT as i32 - 2,
            VPos::Center => TEXT as i32 / 2 - 2,
            VPos::Bottom => 0,
        };
        self.0.texts.push(PlotText { x, y: y + down, anchor, text: text.to_owned() });
        Ok(())
    }

    fn estimate_text_size<T: BackendTextStyle>(
        &self,
        text: &str,
        _: &T,
    ) -> std::result::Result<(u32, u32), DrawingErrorKind<Infallible>> {
        Ok((text.chars().count() as u32 * TEXT * 6 / 10, TEXT))
    }
}

/// The drawing of one metric over its steps.
///
/// # Errors
/// None that input causes: whatever the layout refuses is ours.
pub fn curve(metric: &str, points: &[(f64, f64)], values: u64, last: f64) -> Result<Chart> {
    let mut shapes = Shapes::default();
    lay_out(Keeper(&mut shapes).into_drawing_area(), points)
        .map_err(|e| Error::internal(format!("a curve cannot be drawn: {e}")))?;
    let ends = |of: fn(&(f64, f64)) -> f64| {
        points.iter().map(of).fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
    };
    let (low, high) = ends(|p| p.1);
    let (from, to) = ends(|p| p.0);
    let words = format!(
        "{values} values from step {} to {}, between {} and {}, {} at the end.",
        number(from),
        number(to),
        number(low),
        number(high),
        number(last)
    );
    Ok(Chart {
        metric: metric.to_owned(),
        last: number(last),
        words,
        grid: shapes.grid,
        axis: shapes.axis,
        line: shapes.line,
        dots: shapes.dots,
        texts: shapes.texts,
    })
}

fn lay_out(
    area: DrawingArea<Keeper, Shift>,
    points: &[(f64, f64)],
) -> std::result::Result<(), Box<dyn std::error::Error>> {
    // Beyond these, differences of two values are no numbers any more.
    let within = |v: f64| v.clamp(-1e300, 1e300);
    let points: Vec<(f64, f64)> = points.iter().map(|(x, y)| (within(*x), within(*y))).collect();
    let (xs, ys) = (span(points.iter().map(|p| p.0), 0.0), span(points.iter().map(|p| p.1), 0.05));
    // Ticks are counted up from the edge, so what should be nothing can come out as next to nothing.
    let tick = |range: &Range<f64>| {
        let dust = (range.end - range.start) * 1e-9;
        move |v: &f64| number(if v.abs() < dust { 0.0 } else { *v })
    };
    let (x_words, y_words) = (tick(&xs), tick(&ys));
    let mut chart = ChartBuilder::on(&area)
        .margin(6)
        .margin_right(14)
        .x_label_area_size(22)
        .y_label_area_size(56)
        .build_cartesian_2d(xs, ys)
        .map_err(|e| e.to_string())?;
    let words: TextStyle = ("sans-serif", TEXT).into_font().color(&WORDS);
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(GRID.mix(0.0))
        .bold_line_style(GRID)
        .axis_style(AXIS)
        .x_labels(6)
        .y_labels(5)
        .label_style(words)
        .x_label_formatter(&x_words)
        .y_label_formatter(&y_words)
        .draw()
        .map_err(|e| e.to_string())?;
    chart.draw_series(LineSeries::new(points.iter().copied(), LINE)).map_err(|e| e.to_string())?;
    if points.len() == 1 {
        chart.draw_series(points.iter().map(|p| Circle::new(*p, 3, LINE))).map_err(|e| e.to_string())?;
    }
    Ok(())
}

/// From the least to the largest value with some room, never empty and never too narrow to be divided.
fn span(values: impl Iterator<Item = f64>, room: f64) -> Range<f64> {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    if low > high {
        return 0.0..1.0;
    }
    let width = high - low;
    if width <= low.abs().max(high.abs()) * 1e-12 || width < 1e-200 {
        let half = if low.abs() < 1e-100 { 0.5 } else { low.abs() * 0.1 };
        return low - half..high + half;
    }
    low - width * room..high + width * room
}

/// A number as people read it: five digits that matter.
pub fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let size = value.abs();
    if !(1e-4..1e7).contains(&size) {
        let text = format!("{value:.3e}");
        return match text.split_once('e') {
            Some((digits, power)) if digits.contains('.') => {
                format!("{}e{power}", digits.trim_end_matches('0').trim_end_matches('.'))
            }
            _ => text,
        };
    }
    let places = (4 - size.log10().floor() as i32).clamp(0, 8) as usize;
    let text = format!("{value:.places$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::{SIZE, curve, number};

    #[test]
    fn numbers_have_the_digits_that_matter() {
        let all = [0.0, 1.0, 0.12345678, 1234.5678, 100_000.0, 1.5e9, -2.5e-7, 3.0];
        let read: Vec<String> = all.iter().map(|v| number(*v)).collect();
        assert_eq!(read, ["0", "1", "0.12346", "1234.6", "100000", "1.5e9", "-2.5e-7", "3"]);
    }

    #[test]
    fn any_numbers_can_be_drawn() {
        let huge = f64::MAX;
        for points in [
            vec![],
            vec![(0.0, 1.0)],
            vec![(0.0, 5.0), (1.0, 5.0), (2.0, 5.0)],
            vec![(0.0, -huge), (1.0, huge), (2.0, 0.0)],
            vec![(0.0, 1e-320), (1e18, 2e-320)],
            (0..1000).map(|n| (f64::from(n), f64::from(n).sin())).collect(),
        ] {
            let chart = curve("loss", &points, points.len() as u64, 0.5).unwrap();
            assert!(!chart.axis.is_empty() && chart.texts.iter().all(|t| t.text.len() < 12), "{:?}", chart.texts);
            assert_eq!(chart.dots.len(), usize::from(points.len() == 1));
            assert_eq!(points.len() > 1, chart.line.contains('L'), "{points:?}: {}", chart.line);
            let within = |t: &super::PlotText| t.x >= 0 && t.x <= SIZE.0 as i32 && t.y >= 0 && t.y <= SIZE.1 as i32;
            assert!(chart.texts.iter().all(within), "{:?}", chart.texts);
        }
    }

    #[test]
    fn a_curve_says_itself_in_words() {
        let chart = curve("loss", &[(0.0, 2.0), (10.0, 0.5)], 11, 0.5).unwrap();
        assert_eq!(chart.words, "11 values from step 0 to 10, between 0.5 and 2, 0.5 at the end.");
    }
}
