//! Just enough HTML to use a page as a browser without scripts does: its forms with their hidden fields, and its links.
//! It reads only what our own templates write; anything odd is a failure of the test, not of the parser.

use std::collections::BTreeMap;

/// A form as it stands on a page.
#[derive(Debug, Clone)]
pub struct Form {
    pub action: String,
    pub method: String,
    /// Name and value of every field that a browser would send untouched.
    pub fields: Vec<(String, String)>,
    /// Names of all its fields, also of the empty ones.
    pub names: Vec<String>,
}

/// Every form of the page, in order.
pub fn forms(page: &str) -> Vec<Form> {
    let mut found = Vec::new();
    let mut rest = page;
    while let Some(start) = rest.find("<form") {
        let end = rest[start..].find("</form>").map_or(rest.len(), |e| start + e);
        found.push(form(&rest[start..end]));
        rest = &rest[end..];
    }
    found
}

/// A page without the confirmation of the last action, and that confirmation.
pub fn confirmation(page: &str) -> (String, String) {
    let Some(start) = page.find("<div class=\"flash") else { return (page.to_owned(), String::new()) };
    let end = page[start..].find("\n</div>").map_or(page.len(), |end| start + end);
    (format!("{}{}", &page[..start], &page[end..]), page[start..end].to_owned())
}

/// The attributes of every element called `name`.
pub fn elements(page: &str, name: &str) -> Vec<BTreeMap<String, String>> {
    tags(page).into_iter().filter(|(tag, _)| tag == name).map(|(_, attributes)| attributes).collect()
}

fn form(text: &str) -> Form {
    let all = tags(text);
    let head = &all[0].1;
    let mut form = Form {
        action: head.get("action").cloned().unwrap_or_default(),
        method: head.get("method").cloned().unwrap_or_default().to_lowercase(),
        fields: Vec::new(),
        names: Vec::new(),
    };
    let mut select: Option<(String, Option<String>)> = None;
    for (tag, attributes) in &all[1..] {
        let name = attributes.get("name").cloned();
        let value = attributes.get("value").cloned();
        match (tag.as_str(), name) {
            ("input", Some(name)) => {
                form.names.push(name.clone());
                let kind = attributes.get("type").map_or("text", String::as_str);
                let checkable = matches!(kind, "checkbox" | "radio");
                if kind != "submit" && (!checkable || attributes.contains_key("checked")) {
                    form.fields
                        .push((name, value.unwrap_or_else(|| if checkable { "on".into() } else { String::new() })));
                }
            }
            ("textarea", Some(name)) => {
                form.names.push(name.clone());
                form.fields.push((name, String::new()));
            }
            ("select", Some(name)) => {
                form.names.push(name.clone());
                select = Some((name, None));
            }
            ("option", _) => {
                if let Some((_, chosen)) = &mut select
                    && (chosen.is_none() || attributes.contains_key("selected"))
                {
                    *chosen = value;
                }
            }
            ("/select", _) => {
                if let Some((name, Some(value))) = select.take() {
                    form.fields.push((name, value));
                }
            }
            _ => {}
        }
    }
    form
}

fn tags(page: &str) -> Vec<(String, BTreeMap<String, String>)> {
    let mut found = Vec::new();
    let mut rest = page;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        let name: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '/').collect();
        rest = &rest[name.len()..];
        if name.is_empty() {
            continue;
        }
        let mut attributes = BTreeMap::new();
        loop {
            rest = rest.trim_start();
            if rest.is_empty() || rest.starts_with('>') {
                break;
            }
            let key: String = rest.chars().take_while(|c| !c.is_whitespace() && !"=>".contains(*c)).collect();
            rest = &rest[key.len()..];
            let mut value = String::new();
            if let Some(after) = rest.strip_prefix('=') {
                let quote = after.chars().next().filter(|c| "\"'".contains(*c));
                if let Some(quote) = quote {
                    let end = after[1..].find(quote).map_or(after.len(), |e| e + 1);
                    value = unescape(&after[1..end]);
                    rest = after.get(end + 1..).unwrap_or("");
                } else {
                    value = after.chars().take_while(|c| !c.is_whitespace() && *c != '>').collect();
                    rest = &after[value.len()..];
                }
            }
            if key.is_empty() {
                break;
            }
            attributes.insert(key, value);
        }
        found.push((name, attributes));
    }
    found
}

/// Resolves the entities that a template engine writes.
pub fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        let end = rest[at..].find(';').map(|e| at + e);
        let Some(end) = end else { break };
        match &rest[at + 1..end] {
            "amp" => out.push('&'),
            "lt" => out.push('<'),
            "gt" => out.push('>'),
            "quot" => out.push('"'),
            "nbsp" => out.push(' '),
            entity => {
                let code = entity.strip_prefix("#x").map(|hex| u32::from_str_radix(hex, 16));
                let code = code.or_else(|| entity.strip_prefix('#').map(str::parse));
                match code.and_then(Result::ok).and_then(char::from_u32) {
                    Some(c) => out.push(c),
                    None => out.push_str(&rest[at..=end]),
                }
            }
        }
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    out
}

/// What a page says, without its tags.
pub fn text(page: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for c in page.chars() {
        match c {
            '<' => inside = true,
            '>' => {
                inside = false;
                out.push(' ');
            }
            c if !inside => out.push(c),
            _ => {}
        }
    }
    unescape(&out).split_whitespace().collect::<Vec<_>>().join(" ")
}
