//! The GraphQL schema as chapters of the manual, read from the reviewed text that the server's own schema is held to.

/// The reviewed schema; a test compares it with what `/graphql` serves.
const SCHEMA: &str = include_str!("../../../tests/golden/schema.graphql");

/// A type or a field of one, with what stands above it.
#[derive(Default)]
struct Part {
    doc: String,
    text: String,
    fields: Vec<Part>,
}

/// What can be asked and done, an operation each.
pub fn operations() -> String {
    let mut out = "What `POST /graphql` takes, beside introspection. A refusal stands in `errors`, with its reason and its code.\n".to_owned();
    let parts = parts();
    for (kind, word) in [("type Query", "query"), ("type Mutation", "mutation")] {
        for field in parts.iter().filter(|part| part.text == kind).flat_map(|part| &part.fields) {
            let name = field.text.split(['(', ':']).next().unwrap_or_default();
            out.push_str(&format!("\n### {name}\n\n{}\n\n```\n{word} {}\n```\n", field.doc, field.text));
        }
    }
    out
}

/// The types that `wanted` begins, with their fields.
pub fn types(wanted: &[&str]) -> String {
    let mut out = "Types of the GraphQL schema. `!` is never null, `[…]` a list.\n".to_owned();
    for part in parts().iter().filter(|part| !matches!(part.text.as_str(), "type Query" | "type Mutation")) {
        let Some((kind, name)) = part.text.split_once(' ').filter(|(kind, _)| wanted.contains(kind)) else { continue };
        out.push_str(&format!("\n### {name}\n\n{} ({kind})\n", part.doc));
        if !part.fields.is_empty() {
            out.push_str("\n| field | what |\n| --- | --- |\n");
        }
        for field in &part.fields {
            out.push_str(&format!("| `{}` | {} |\n", field.text.replace('|', "\\|"), field.doc.replace('|', "\\|")));
        }
    }
    out
}

/// Reads the schema as it is printed: a part a line, its description above, members one step in.
fn parts() -> Vec<Part> {
    let (mut parts, mut doc, mut in_doc) = (Vec::<Part>::new(), String::new(), false);
    let mut open = String::new();
    for line in SCHEMA.lines() {
        let text = line.trim();
        if text == "\"\"\"" {
            in_doc = !in_doc;
        } else if in_doc && open.is_empty() {
            doc.push_str(if doc.is_empty() { "" } else { " " });
            doc.push_str(text);
        } else if in_doc || text.is_empty() || text == "}" || text.starts_with("directive ") {
            // Between parts; or the description of an argument, whose name and type say enough.
        } else if line.starts_with(char::is_whitespace) {
            open.push_str(if open.is_empty() || open.ends_with('(') || text.starts_with(')') { "" } else { " " });
            open.push_str(text);
            if open.matches('(').count() == open.matches(')').count() {
                let field = Part { doc: std::mem::take(&mut doc), text: std::mem::take(&mut open), fields: vec![] };
                if let Some(part) = parts.last_mut() {
                    part.fields.push(field);
                }
            }
        } else {
            let text = text.trim_end_matches(['{', ' ']).to_owned();
            parts.push(Part { doc: std::mem::take(&mut doc), text, fields: vec![] });
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_and_type_of_the_schema_is_told() {
        let (asked, answers, given) = (operations(), types(&["type", "enum", "scalar"]), types(&["input"]));
        for part in parts() {
            let name = part.text.split(' ').nth(1).unwrap_or_default();
            if matches!(name, "Query" | "Mutation" | "") {
                continue;
            }
            let heading = format!("\n### {name}\n");
            assert!(answers.contains(&heading) || given.contains(&heading), "{}", part.text);
        }
        assert!(
            asked.contains("### createTeam\n\nCreates a team.")
                && asked.contains("mutation createTeam(input: CreateTeamInput!)")
        );
        assert!(asked.matches("\nquery ").count() > 5, "{asked}");
        assert!(answers.contains("| `createdAt: DateTime!` | When it was made. |"), "{answers}");
    }
}
