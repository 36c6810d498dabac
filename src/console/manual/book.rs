//! The manual as data: chapters of HTML made from Markdown that is compiled in, and a search over their sections. The guides are
//! files of their own; the reference is the README itself, a chapter for each of its headings, so that nothing is said twice, and
//! lists made from what the program is built of.

use super::sdl;
use crate::error::Code;
use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};
use std::sync::OnceLock;

/// What people who build the program read, not those who run it.
const NOT_SHOWN: [&str; 5] =
    ["Two commands", "Five minutes", "The map of the code", "Commands of their own", "Licence"];
/// The guides: address, title, text.
const GUIDES: [(&str, &str, &str); 3] = [
    ("first-day", "The first day", include_str!("../../../templates/manual/first-day.md")),
    ("questions", "Questions and answers", include_str!("../../../templates/manual/questions.md")),
    ("recipes", "Recipes for identity providers", include_str!("../../../templates/manual/recipes.md")),
];
/// Methods and paths of everything that is not a page; a test holds them to the routes.
const ENDPOINTS: &str = include_str!("../../../templates/manual/endpoints.md");
const README: &str = include_str!("../../../README.md");
/// The most hits of a search.
const HITS_MAX: usize = 20;
/// Characters of a hit's excerpt.
const EXCERPT: usize = 180;

/// A part of a chapter, below a heading.
#[derive(Debug)]
pub struct Section {
    /// Its anchor; empty for what stands before the first heading.
    pub anchor: String,
    /// Its heading; the chapter's title for what stands before the first.
    pub title: String,
    /// Its words, without marks.
    text: String,
    /// Heading and words in lower case, to search in.
    low: String,
}

/// A page of the manual.
#[derive(Debug)]
pub struct Chapter {
    /// The last part of its address.
    pub slug: String,
    /// Its title.
    pub title: String,
    /// Its content, safe to show.
    pub html: String,
    /// Its parts.
    pub sections: Vec<Section>,
    /// Whether it is a guide rather than reference.
    pub is_guide: bool,
}

/// A section that a search found.
#[derive(Debug)]
pub struct Hit {
    /// Where it is.
    pub href: String,
    /// Its chapter.
    pub chapter: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// Words around the first match.
    pub excerpt: String,
}

/// Every chapter, in reading order.
pub fn chapters() -> &'static [Chapter] {
    static BOOK: OnceLock<Vec<Chapter>> = OnceLock::new();
    BOOK.get_or_init(|| {
        let mut book: Vec<Chapter> =
            GUIDES.iter().map(|(slug, title, text)| chapter(slug, title, text, true)).collect();
        book.extend(README.split("\n## ").skip(1).filter_map(|part| {
            let (title, text) = part.split_once('\n')?;
            (!NOT_SHOWN.contains(&title)).then(|| chapter(&slug(title), title, text, false))
        }));
        book.push(chapter("endpoints", "Every address for machines", ENDPOINTS, false));
        book.push(chapter("graphql", "GraphQL: operations", &sdl::operations(), false));
        book.push(chapter("graphql-types", "GraphQL: types", &sdl::types(&["type", "enum", "scalar"]), false));
        book.push(chapter("graphql-inputs", "GraphQL: inputs", &sdl::types(&["input"]), false));
        book.push(chapter("error-codes", "Error codes", &error_codes(), false));
        book
    })
}

/// The chapter at `/console/manual/{slug}`.
pub fn find(slug: &str) -> Option<&'static Chapter> {
    chapters().iter().find(|c| c.slug == slug)
}

/// The sections that hold every word of `q`, those with words in their headings first.
pub fn search(q: &str) -> Vec<Hit> {
    let words: Vec<String> = q.split_whitespace().map(str::to_lowercase).collect();
    if words.is_empty() {
        return vec![];
    }
    let mut found = vec![];
    for (n, (chapter, section)) in chapters().iter().flat_map(|c| c.sections.iter().map(move |s| (c, s))).enumerate() {
        if words.iter().all(|word| section.low.contains(word.as_str())) {
            let title = section.title.to_lowercase();
            let in_title = words.iter().filter(|word| title.contains(word.as_str())).count();
            let often: usize = words.iter().map(|word| section.low.matches(word.as_str()).count().min(9)).sum();
            found.push((std::cmp::Reverse((in_title, chapter.is_guide, often)), n, chapter, section));
        }
    }
    found.sort_by_key(|(rank, n, ..)| (*rank, *n));
    let hit = |(chapter, section): (&'static Chapter, &'static Section)| Hit {
        href: match section.anchor.as_str() {
            "" => format!("/console/manual/{}", chapter.slug),
            anchor => format!("/console/manual/{}#{anchor}", chapter.slug),
        },
        chapter: &chapter.title,
        title: &section.title,
        excerpt: excerpt(&section.text, &words),
    };
    found.into_iter().take(HITS_MAX).map(|(_, _, chapter, section)| hit((chapter, section))).collect()
}

fn excerpt(text: &str, words: &[String]) -> String {
    let chars: Vec<char> = text.chars().collect();
    // Lower case may be longer than what it came from; found by characters, so that no cut falls inside one.
    let low: Vec<char> = chars.iter().map(|c| c.to_lowercase().next().unwrap_or(*c)).collect();
    let place = |word: &String| {
        let word: Vec<char> = word.chars().collect();
        low.windows(word.len().max(1)).position(|w| w == word.as_slice())
    };
    let from = words.iter().filter_map(place).min().unwrap_or(0).saturating_sub(EXCERPT / 3);
    let cut: String = chars.iter().skip(from).take(EXCERPT).collect();
    let (before, after) = (if from > 0 { "… " } else { "" }, if from + EXCERPT < chars.len() { " …" } else { "" });
    format!("{before}{}{after}", cut.trim())
}

fn error_codes() -> String {
    let mut out = "What stands as the code in an answer, in the log and in the audit log. The message beside it says what happened and what to \
                   do.\n\n| code | family | what it means |\n| --- | --- | --- |\n"
        .to_owned();
    for code in Code::ALL {
        out.push_str(&format!("| `{}` | {:?} | {} |\n", code.as_str(), code.kind(), code.doc()));
    }
    out
}

/// A heading as a part of an address.
fn slug(title: &str) -> String {
    let mut out = String::new();
    for c in title.chars() {
        match c {
            c if c.is_ascii_alphanumeric() => out.push(c.to_ascii_lowercase()),
            _ if out.is_empty() || out.ends_with('-') => {}
            _ => out.push('-'),
        }
    }
    out.trim_end_matches('-').to_owned()
}

fn chapter(slug: &str, title: &str, text: &str, is_guide: bool) -> Chapter {
    let (html, sections) = rendered(title, text);
    Chapter { slug: slug.to_owned(), title: title.to_owned(), html, sections, is_guide }
}

/// The HTML of a text and its sections. Raw HTML in it is left out: only a comment of the README is.
fn rendered(title: &str, text: &str) -> (String, Vec<Section>) {
    let first = Section { anchor: String::new(), title: title.to_owned(), text: String::new(), low: String::new() };
    let mut sections = vec![first];
    let mut events: Vec<Event> = Parser::new_ext(text, Options::ENABLE_TABLES).collect();
    let mut in_heading = false;
    for event in &mut events {
        let Some(last) = sections.last_mut() else { break };
        match event {
            Event::Start(Tag::Heading { .. }) => {
                in_heading = true;
                sections.push(Section {
                    anchor: String::new(),
                    title: String::new(),
                    text: String::new(),
                    low: String::new(),
                });
                // The page's own heading is the first; those of its text come below it.
                *event = Event::Html(CowStr::Borrowed("<h2>"));
            }
            Event::End(TagEnd::Heading(_)) => in_heading = false,
            Event::Text(words) | Event::Code(words) if in_heading => last.title.push_str(words),
            Event::Text(words) | Event::Code(words) => last.text.push_str(words),
            Event::SoftBreak | Event::HardBreak | Event::End(_) => last.text.push(' '),
            _ => {}
        }
    }
    let mut anchors: Vec<String> = vec![];
    for section in sections.iter_mut() {
        section.text = section.text.split_whitespace().collect::<Vec<_>>().join(" ");
        section.low = format!("{} {}", section.title, section.text).to_lowercase();
    }
    for section in sections.iter_mut().skip(1) {
        let mut anchor = slug(&section.title);
        while anchors.contains(&anchor) {
            anchor.push_str("-2");
        }
        anchors.push(anchor.clone());
        section.anchor = anchor;
    }
    let mut anchors = anchors.into_iter();
    let events = events.into_iter().filter_map(|event| {
        Some(match event {
            // Made above; raw HTML of the text itself never gets in.
            Event::Html(made) if &*made == "<h2>" => {
                Event::Html(format!("<h2 id=\"{}\">", anchors.next().unwrap_or_default()).into())
            }
            Event::Html(_) | Event::InlineHtml(_) => return None,
            Event::End(TagEnd::Heading(_)) => Event::Html(CowStr::Borrowed("</h2>\n")),
            Event::Start(Tag::Table(_)) => Event::Html(CowStr::Borrowed(
                "<div class=\"wide\" tabindex=\"0\" role=\"group\" aria-label=\"Table\"><table>",
            )),
            Event::End(TagEnd::Table) => Event::Html(CowStr::Borrowed("</tbody></table></div>\n")),
            other => other,
        })
    });
    let mut out = String::new();
    html::push_html(&mut out, events);
    (out, sections)
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_link_within_the_manual_leads_somewhere() {
        let mut links = 0;
        for chapter in chapters() {
            assert!(!chapter.slug.is_empty() && chapter.html.len() > 200, "{}", chapter.title);
            assert!(chapter.html.len() < 60_000, "{} makes too long a page: {}", chapter.title, chapter.html.len());
            for link in chapter.html.split("href=\"").skip(1) {
                let link = link.split('"').next().unwrap();
                let Some(to) = link.strip_prefix("/console/manual/") else {
                    assert!(
                        link.starts_with("https://") || link.starts_with("http://127.0.0.1"),
                        "{}: {link}",
                        chapter.title
                    );
                    continue;
                };
                let (slug, anchor) = to.split_once('#').unwrap_or((to, ""));
                let target = find(slug).unwrap_or_else(|| panic!("{}: {link}", chapter.title));
                assert!(anchor.is_empty() || target.sections.iter().any(|s| s.anchor == anchor), "{link}");
                links += 1;
            }
        }
        assert!(links > 2);
    }

    #[test]
    fn chapters_are_whole_and_hold_no_html_of_their_own() {
        let roles = find("who-may-do-what").unwrap();
        assert!(roles.html.contains("<strong>Visibility.</strong>"), "{}", roles.html);
        assert!(find("licence").is_none());
        let settings = find("configuration").unwrap();
        assert!(settings.html.contains("<code>SESSION_LENGTH</code>") && !settings.html.contains("<!--"));
        assert!(find("error-codes").unwrap().html.contains("LAST_ADMIN"));
        let (html, _) = rendered("t", "a <script>x</script> b\n\n<div onclick=x>c</div>\n\n### One\n\n### One\n");
        assert!(!html.contains("<script") && !html.contains("<div"), "{html}");
        assert!(html.contains("id=\"one\"") && html.contains("id=\"one-2\""), "{html}");
    }

    #[test]
    fn a_search_finds_sections_that_hold_every_word() {
        let hits = search("Okta issuer");
        assert_eq!((hits[0].title, hits[0].chapter), ("Okta", "Recipes for identity providers"));
        assert!(hits[0].href.ends_with("/recipes#okta"), "{}", hits[0].href);
        assert!(search("last_admin").iter().any(|h| h.chapter == "Error codes"));
        assert!(search("zyzzyva").is_empty() && search("  ").is_empty());
        assert!(search("the").len() <= HITS_MAX);
        assert_eq!(excerpt("İstanbul is far", &["far".into()]), "İstanbul is far");
    }
}
