//! Reading a pasted list of people to invite, as spreadsheets and mail programs copy it. It is strangers' text in somebody
//! else's hands: whatever it is, reading it ends, and in time that grows with its length alone.

use crate::model::role::OrgRole;
use crate::ops::invitations::Wanted;

/// The lines of a pasted list: an address each, or columns `email, role, teams, team role`, divided by commas, semicolons or
/// tabs; a first line that names the columns gives their order. Teams are divided by `|` or blanks. With each the number of
/// its line, and what is wrong with it.
pub fn read(text: &str) -> Vec<(usize, Wanted, String)> {
    let text = text.trim_start_matches('\u{feff}');
    let mut order = ["email", "role", "teams", "team role"].map(str::to_owned).to_vec();
    let mut out = vec![];
    for (number, line) in text.lines().enumerate() {
        let (cells, is_open) = cells(line);
        if cells.iter().all(|cell| cell.is_empty()) {
            continue;
        }
        let named: Vec<String> = cells.iter().map(|c| c.to_lowercase().replace(['_', '-'], " ")).collect();
        if out.is_empty() && named.iter().any(|c| matches!(c.as_str(), "email" | "e mail" | "mail")) {
            order = named.into_iter().map(|c| if c.contains("mail") { "email".to_owned() } else { c }).collect();
            continue;
        }
        let cell = |name: &str| {
            let at = order.iter().position(|c| c == name || (name == "teams" && c == "team"));
            at.and_then(|at| cells.get(at)).map(|c| c.trim().to_owned()).unwrap_or_default()
        };
        let role = cell("role").to_lowercase();
        let who = cell("email");
        // `Ana <ana@example.com>`, as mail programs copy it.
        let who = match (who.rfind('<'), who.ends_with('>')) {
            (Some(at), true) => who[at + 1..who.len() - 1].to_owned(),
            _ => who,
        };
        let (org_role, problem) = match (role.is_empty(), OrgRole::parse(&role)) {
            _ if is_open => {
                (None, "A quotation mark on this line is not closed; a cell ends with its line.".to_owned())
            }
            (true, _) => (None, String::new()),
            (false, Ok(role)) => (Some(role), String::new()),
            (false, Err(error)) => (None, error.sentence()),
        };
        let wanted = Wanted {
            who,
            org_role,
            teams: cell("teams").split(['|', ' ']).filter(|t| !t.is_empty()).map(str::to_owned).collect(),
            team_role: cell("team role"),
        };
        out.push((number + 1, wanted, problem));
    }
    out
}

/// The cells of a line, with `"` around those that hold the divider, and whether a `"` is left open.
fn cells(line: &str) -> (Vec<String>, bool) {
    let by = ['\t', ';', ','].into_iter().find(|by| line.contains(*by)).unwrap_or(',');
    let (mut out, mut cell, mut quoted, mut chars) = (vec![], String::new(), false, line.chars().peekable());
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                cell.push('"');
                chars.next();
            }
            '"' => quoted = !quoted,
            c if c == by && !quoted => out.push(std::mem::take(&mut cell).trim().to_owned()),
            c => cell.push(c),
        }
    }
    out.push(cell.trim().to_owned());
    (out, quoted)
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::model::role::OrgRole;

    #[test]
    fn lists_are_read_however_they_were_pasted() {
        let plain = read("ana@example.com\r\n\r\n Ben <ben@example.com>\n");
        assert_eq!(
            plain.iter().map(|(n, w, _)| (*n, w.who.as_str())).collect::<Vec<_>>(),
            [(1, "ana@example.com"), (3, "ben@example.com")]
        );
        let columns = read(
            "\u{feff}Role;E-Mail;Teams;Team role\nadmin;cleo@example.com;\"acme|lab\";viewer\n;dora@example.com;;",
        );
        let (_, cleo, _) = &columns[0];
        assert_eq!((cleo.who.as_str(), cleo.org_role), ("cleo@example.com", Some(OrgRole::Admin)));
        assert_eq!((cleo.teams.len(), cleo.team_role.as_str()), (2, "viewer"));
        assert_eq!((columns[1].1.who.as_str(), columns[1].1.org_role), ("dora@example.com", None));
        let tabs = read("eva@example.com\tviewer\tacme\n\"quoted \"\"name\"\"\"\t\n");
        assert_eq!(tabs[0].1.org_role, Some(OrgRole::Viewer));
        assert_eq!(tabs[1].1.who, "quoted \"name\"");
        assert!(read("\n \n,,\n").is_empty());
        assert!(!read("fay@example.com,boss")[0].2.is_empty(), "an unknown role is no role at all");
        let torn = read("\"gil@example.com\nBcc:hal@example.com\"\nida@example.com");
        assert_eq!(torn.iter().map(|(.., problem)| problem.is_empty()).collect::<Vec<_>>(), [false, false, true]);
        for strange in ["\u{0}\u{1}", "\"", "\"\"\"", "研究,研究", &",".repeat(10_000)] {
            read(strange);
        }
    }
}
