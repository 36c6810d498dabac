//! Lengths of time as people write them: `90d`, `12h`, `1h30m`, `720h0m0s`. Used by settings and by the command line.

use crate::clock::{DAY, HOUR, MINUTE, Millis, SECOND};

/// The longest span accepted: ten years. Longer ones are typing mistakes, and would overflow sums of times.
pub const LONGEST: Millis = 3_653 * DAY;

/// Reads a sequence of whole numbers with units (`w d h m s ms`); `None` when it is not one or is over [`LONGEST`].
pub fn parse(text: &str) -> Option<Millis> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    let mut total: Millis = 0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: Millis = rest.get(..digits)?.parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let unit = match &rest[..letters] {
            "w" => 7 * DAY,
            "d" => DAY,
            "h" => HOUR,
            "m" => MINUTE,
            "s" => SECOND,
            "ms" => 1,
            _ => return None,
        };
        rest = &rest[letters..];
        total = total.checked_add(number.checked_mul(unit)?)?;
    }
    (total <= LONGEST).then_some(total)
}

/// `span` in its largest whole units, such as `30d` or `1h30m`.
pub fn render(span: Millis) -> String {
    let mut rest = span;
    let mut out = String::new();
    for (unit, name) in [(DAY, "d"), (HOUR, "h"), (MINUTE, "m"), (SECOND, "s"), (1, "ms")] {
        if rest >= unit {
            out.push_str(&format!("{}{name}", rest / unit));
            rest %= unit;
        }
    }
    if out.is_empty() { "0s".to_owned() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_written_as_people_do() {
        assert_eq!(parse("90d"), Some(90 * DAY));
        assert_eq!(parse("720h"), Some(30 * DAY));
        assert_eq!(parse("720h0m0s"), Some(30 * DAY));
        assert_eq!(parse("1h30m"), Some(90 * MINUTE));
        for wrong in ["", "h", "5", "5x", "-5h", "1.5h", "5 h", "99999999999999999999d", "20000d", "5h7"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
        assert_eq!(render(30 * DAY), "30d");
        assert_eq!(render(90 * MINUTE), "1h30m");
        assert_eq!(render(0), "0s");
    }
}
