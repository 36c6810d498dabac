//! How stored things read on pages: moments relative to now, an audit event as a sentence, a browser by its name.
//! Nothing here asks or decides. The words for roles and states are in `page/parts.rs`.

use super::page::parts::{Change, EventLine, Mark, Part, Reason, Stamp};
use crate::clock::{self, DAY, HOUR, MINUTE, Millis};
use crate::model::audit::{self, Event, Named, Outcome};
use crate::model::user::User;
use time::format_description::BorrowedFormatItem;

/// A moment as people read it at `now`. What lies ahead is rounded to the nearest: a key of ninety days ends in ninety days,
/// not in eighty-nine.
pub fn stamp(at: Millis, now: Millis) -> Stamp {
    const FULL: &[BorrowedFormatItem<'_>] = time::macros::format_description!(
        "[weekday] [day padding:none] [month repr:long] [year], [hour]:[minute]:[second] UTC"
    );
    const CLOCK: &[BorrowedFormatItem<'_>] = time::macros::format_description!("[hour]:[minute] UTC");
    let (ago, is_day) = ago(at, now);
    let exact = clock::rfc3339(at - at.rem_euclid(clock::SECOND));
    Stamp { exact, ago, is_day, full: written(at, FULL), clock: written(at, CLOCK) }
}

/// How far away a moment is, and whether that is said as a day.
fn ago(at: Millis, now: Millis) -> (String, bool) {
    let (away, ahead) = ((now - at).abs(), at > now);
    let in_units = |unit: Millis| if ahead { (away + unit / 2) / unit } else { away / unit };
    let (number, unit) = if away < MINUTE {
        return (if ahead { "in a moment" } else { "just now" }.to_owned(), false);
    } else if away < HOUR {
        (in_units(MINUTE), "minute")
    } else if away < DAY {
        (in_units(HOUR), "hour")
    } else if away < 7 * DAY || ahead && away < 400 * DAY {
        (in_units(DAY), "day")
    } else {
        return (clock::day(at), true);
    };
    let plural = if number == 1 { "" } else { "s" };
    (if ahead { format!("in {number} {unit}{plural}") } else { format!("{number} {unit}{plural} ago") }, false)
}

/// The day of a moment.
pub fn on_day(at: Millis) -> Stamp {
    Stamp { ago: clock::day(at), is_day: true, ..stamp(at, at) }
}

/// A moment that may never have come.
pub fn stamp_or(at: Option<Millis>, now: Millis, never: &str) -> Stamp {
    at.map_or_else(|| Stamp::never(never), |at| stamp(at, now))
}

/// "3 May", UTC.
pub fn short_date(at: Millis) -> String {
    written(at, time::macros::format_description!("[day padding:none] [month repr:short]"))
}

/// "Today", "Yesterday", "Sunday 3 May 2026", UTC.
pub fn day(at: Millis, now: Millis) -> String {
    const FORM: &[BorrowedFormatItem<'_>] =
        time::macros::format_description!("[weekday] [day padding:none] [month repr:long] [year]");
    match now.div_euclid(DAY) - at.div_euclid(DAY) {
        0 => "Today".to_owned(),
        1 => "Yesterday".to_owned(),
        _ => written(at, FORM),
    }
}

fn written(at: Millis, form: &[BorrowedFormatItem<'_>]) -> String {
    let at = time::OffsetDateTime::from_unix_timestamp(at.div_euclid(clock::SECOND)).ok();
    at.and_then(|t| t.format(form).ok()).unwrap_or_default()
}

/// A browser's own description as "Firefox on Linux".
pub fn browser(agent: &str) -> String {
    const NAMES: [(&str, &str); 7] = [
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
        ("python", "Python"),
    ];
    const SYSTEMS: [(&str, &str); 6] = [
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ];
    let find = |all: &[(&str, &'static str)]| all.iter().find(|(sign, _)| agent.contains(sign)).map(|(_, name)| *name);
    match (find(&NAMES), find(&SYSTEMS)) {
        (Some(name), Some(system)) => format!("{name} on {system}"),
        (Some(name), None) => name.to_owned(),
        (None, Some(system)) => format!("A browser on {system}"),
        (None, None) if agent.is_empty() => "Unknown".to_owned(),
        (None, None) => agent.chars().take(40).collect(),
    }
}

/// The mark of an account: what it is in the organization.
pub fn org_mark(user: &User, org: crate::model::OrgId) -> Mark {
    if user.is_service() {
        return Mark::role("service");
    }
    Mark::role(user.membership(org).map_or("", |m| m.role.as_str()))
}

/// Reasons as the chain shows them: the last one settled it.
pub fn reasons(chain: &[audit::Reason], allowed: bool) -> Vec<Reason> {
    let last = chain.len().saturating_sub(1);
    chain
        .iter()
        .enumerate()
        .map(|(index, reason)| Reason {
            rule: reason.rule.clone(),
            // A sentence of the rules holds names; marks of direction in them would turn the rest of it.
            text: reason
                .text
                .chars()
                .filter(|c| !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
                .collect(),
            tone: match (index == last, allowed) {
                (false, _) => "",
                (true, true) => "yes",
                (true, false) => "no",
            },
        })
        .collect()
}

/// Where a named thing has its page; empty where it has none.
pub fn href(named: &Named) -> String {
    match named.kind.as_str() {
        "user" | "service" if !named.name.is_empty() => format!("/console/users/{}", named.name),
        "team" => format!("/{}", named.name),
        "project" => project_path(&named.name),
        "organization" => "/org/dashboard".to_owned(),
        "setting" => "/console/settings".to_owned(),
        "role" => format!("/console/roles/{}", named.id.trim_start_matches("Role:")),
        "issuer" if !named.id.is_empty() => {
            format!("/console/issuers/{}", named.id.trim_start_matches("Issuer:"))
        }
        _ => String::new(),
    }
}

/// `team/project` as a path whose project part is safe in an address.
pub fn project_path(label: &str) -> String {
    label.split_once('/').map_or_else(String::new, |(team, project)| format!("/{team}/{}", encoded(project)))
}

/// A path segment, percent-encoded.
pub fn encoded(segment: &str) -> String {
    let mut out = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// An event as one line of the timeline.
pub fn event(e: &Event, now: Millis, full: bool) -> EventLine {
    let denied = e.outcome != Outcome::Done;
    let mut meta = vec![];
    if !e.origin.ip.is_empty() {
        meta.push(format!("from {}", e.origin.ip));
    }
    if !e.credential.is_empty() {
        // The handle is for finding; its beginning is enough to tell two apart.
        meta.push(format!("by {}", e.credential.chars().take(16).collect::<String>()));
    }
    if !e.origin.request.is_empty() {
        meta.push(format!("request {}", e.origin.request));
    }
    EventLine {
        id: e.id.to_string(),
        at: stamp(e.at, now),
        icon: icon(e),
        denied,
        sentence: sentence(e),
        full,
        open: false,
        meta,
        changes: e
            .changes
            .iter()
            .map(|c| Change {
                field: c.field.clone(),
                before: c.from.clone().unwrap_or_default(),
                after: c.to.clone().unwrap_or_default(),
            })
            .collect(),
        chain: reasons(&e.chain, !denied),
    }
}

fn icon(e: &Event) -> &'static str {
    if e.outcome != Outcome::Done {
        return "no";
    }
    match e.action.split(':').next().unwrap_or_default() {
        "user" if e.action.ends_with("api_key") => "key",
        "user" => "person",
        "session" => "screen",
        "team" => "teams",
        "project" => "projects",
        "setting" | "organization" | "issuer" => "settings",
        "role" => "shield",
        _ => "audit",
    }
}

fn sentence(e: &Event) -> Vec<Part> {
    let plain = |text: &str| Part { text: text.to_owned(), href: String::new() };
    let actor = match e.actor.kind.as_str() {
        "anonymous" => plain("Someone"),
        "system" => plain(match e.actor.name.as_str() {
            "shell" => "The shell",
            "setup" => "The setup link",
            "newcomer" => "A newcomer",
            "server" => "The server, at its first start,",
            other => other,
        }),
        _ => Part { text: e.actor.name.clone(), href: href(&e.actor) },
    };
    let target = match e.target.name.as_str() {
        "" => plain(if e.target.kind == "user" { "an unknown person" } else { &e.target.kind }),
        name => match href(&e.target) {
            to if to.is_empty() => plain(&isolated(name)),
            to => Part { text: name.to_owned(), href: to },
        },
    };
    let oneself = e.actor.id == e.target.id && !e.actor.id.is_empty();
    let field = |name: &str| e.changes.iter().find(|c| c.field.split(' ').next() == Some(name));
    let to = |name: &str| isolated(field(name).and_then(|c| c.to.as_deref()).unwrap_or_default());
    let from = |name: &str| isolated(field(name).and_then(|c| c.from.as_deref()).unwrap_or_default());
    let called = isolated(&e.target.name);
    let mut words: Vec<Part> = vec![actor.clone()];
    let mut say = |text: String| words.push(plain(&text));
    if e.outcome == Outcome::Failed && e.action == "user:exchange_token" {
        say(" could not exchange a token of ".to_owned());
        words.push(if e.target.name.is_empty() { plain("an issuer that is not trusted") } else { target });
        return counted(words, e);
    }
    if e.outcome == Outcome::Failed {
        say(" could not sign in as ".to_owned());
        words.push(target);
        return counted(words, e);
    }
    if e.outcome == Outcome::Denied {
        say(format!(" was refused {} on ", e.action));
        words.push(target);
        return counted(words, e);
    }
    match e.action.as_str() {
        "user:login" => say(" signed in".to_owned()),
        "user:exchange_token" => say(format!(" exchanged a token of {} for an access token", to("issuer"))),
        "issuer:update" => {
            let (came, left) = (to("issuer"), from("issuer"));
            say(match (came.is_empty(), left.is_empty()) {
                (false, _) => " trusted the issuer ".to_owned(),
                (_, false) => " trusted no longer the issuer ".to_owned(),
                _ => " changed the terms of the issuer ".to_owned(),
            });
            words.push(if left.is_empty() { target } else { plain(&called) });
        }
        "session:revoke" if oneself || e.target.name == e.actor.name => say(" ended a session of their own".to_owned()),
        "session:revoke" => {
            say(" ended a session of ".to_owned());
            words.push(Part { text: e.target.name.clone(), href: format!("/console/users/{}", e.target.name) });
        }
        "user:create" => {
            say(" created ".to_owned());
            words.push(target);
            words.push(plain(&format!(" as {}", to("role"))));
        }
        "user:deactivate" | "user:reactivate" | "user:permanently_delete" => {
            let verb = e.action.trim_start_matches("user:").trim_start_matches("permanently_");
            say(format!(" {}d ", verb));
            words.push(target);
        }
        "user:update_role" => {
            say(" made ".to_owned());
            words.push(target);
            words.push(plain(&format!(" {} instead of {}", to("role"), from("role"))));
        }
        "user:set_password" => {
            say(if oneself { " changed their password".to_owned() } else { " set the password of ".to_owned() });
            if !oneself {
                words.push(target);
            }
        }
        "user:set_second_factor" => {
            let of = |field: &str| e.changes.iter().find(|c| c.field == field);
            let added = |c: &crate::model::audit::Change| c.to.is_some();
            let what = match (of("passkey"), of("one-time codes"), of("recovery codes")) {
                (Some(c), ..) if added(c) => " added a passkey",
                (Some(_), ..) => " removed a passkey",
                (_, Some(c), _) if added(c) => " added an app for one-time codes",
                (_, Some(_), _) => " removed the app for one-time codes",
                (.., Some(_)) => " made new recovery codes",
                _ if oneself => " changed their second factors",
                _ => " removed the second factors of ",
            };
            say(what.to_owned());
            if !oneself {
                words.push(target);
            }
        }
        "user:create_api_key" => {
            let owner = to("owner");
            say(format!(" created the API key “{called}”"));
            if owner != e.actor.name {
                words.push(plain(" for "));
                words.push(Part { href: format!("/console/users/{owner}"), text: owner });
            }
        }
        "user:delete_api_key" if !to("replaced by").is_empty() => {
            say(format!(" replaced the API key “{}”; the old one works until {}", called, to("expires")));
        }
        "api_key:use" => {
            say(" tried a key of ".to_owned());
            words.push(target);
            words.push(plain(" from an address outside its networks"));
        }
        "user:delete_api_key" => say(format!(" revoked the API key “{called}”")),
        "team:create" => {
            say(" created the team ".to_owned());
            words.push(target);
        }
        "team:delete" => {
            say(" deleted the team ".to_owned());
            words.push(target);
        }
        "team:invite_user" => {
            let (member, invited) = (to("member"), to("invited"));
            if member.is_empty() {
                say(format!(" invited {invited} to "));
            } else {
                say(" added ".to_owned());
                words.push(Part { href: format!("/console/users/{member}"), text: member });
                words.push(plain(" to "));
            }
            words.push(target);
            // Many at once have no role in common to name.
            if !to("role").is_empty() {
                words.push(plain(&format!(" as {}", to("role"))));
            }
        }
        "user:invite" if !to("invited").is_empty() => {
            let verb = if to("link").is_empty() { "invited" } else { "sent the invitation again of" };
            say(format!(" {verb} {} to ", to("invited")));
            words.push(target);
            if !to("role").is_empty() {
                words.push(plain(&format!(" as {}", to("role"))));
            }
        }
        "user:invite" => {
            say(" took up an invitation for ".to_owned());
            words.push(target);
        }
        "user:uninvite" | "team:uninvite" if to("answer") == "declined" => {
            say(format!(" declined the invitation of {} to ", from("invited")));
            words.push(target);
        }
        "user:uninvite" => {
            say(format!(" withdrew the invitation of {} to ", from("invited")));
            words.push(target);
        }
        "team:join" if !to("member").is_empty() => {
            let member = to("member");
            if member == e.actor.name {
                say(" joined ".to_owned());
            } else {
                say(" put ".to_owned());
                words.push(Part { href: format!("/console/users/{member}"), text: member });
                words.push(plain(" into "));
            }
            words.push(target);
            words.push(plain(&format!(" as {}", to("role"))));
        }
        "organization:update" if e.target.kind == "domain" => {
            let (came, left) = (to("domain"), from("domain"));
            say(match (came.is_empty(), left.is_empty(), to("proved").is_empty()) {
                (false, ..) => " claimed the domain ",
                (_, false, _) => " gave up the domain ",
                (.., false) => " proved the domain ",
                _ => " changed the default team of the domain ",
            }
            .to_owned());
            words.push(plain(&called));
        }
        "team:uninvite" => {
            let member = from("member");
            if member.is_empty() {
                say(format!(" withdrew the invitation of {} to ", from("invited")));
            } else {
                say(" removed ".to_owned());
                words.push(Part { href: format!("/console/users/{member}"), text: member });
                words.push(plain(" from "));
            }
            words.push(target);
        }
        "team:update_member" => {
            let who = field("role").map(|c| c.field.trim_start_matches("role of ").to_owned()).unwrap_or_default();
            say(" made ".to_owned());
            words.push(Part { href: format!("/console/users/{who}"), text: who });
            words.push(plain(&format!(" {} instead of {} in ", to("role"), from("role"))));
            words.push(target);
        }
        "team:create_service_account" => {
            say(" created the service account ".to_owned());
            words.push(target);
            words.push(plain(&format!(" in {}", to("team"))));
        }
        "organization:create_service_account" => {
            say(" created the service account ".to_owned());
            words.push(target);
            words.push(plain(" of the organization"));
        }
        "project:create" => {
            say(" created the project ".to_owned());
            words.push(target);
            words.push(plain(&format!(" ({})", to("visibility"))));
        }
        "project:delete" => {
            say(" deleted the project ".to_owned());
            words.push(target);
        }
        "project:update_visibility" => {
            say(" changed ".to_owned());
            words.push(target);
            words.push(plain(&format!(" from {} to {}", from("visibility"), to("visibility"))));
        }
        "user:update_seat" => {
            say(" changed the seats of ".to_owned());
            words.push(target);
        }
        "role:create" | "role:delete" => {
            say(format!(" {} the role ", if e.action == "role:create" { "defined" } else { "deleted" }));
            words.push(if e.action == "role:create" { target } else { plain(&called) });
        }
        "project:update_owner" => {
            say(" gave ".to_owned());
            words.push(target);
            words.push(plain(&format!(" to {}", to("owner"))));
        }
        "project:update_member" if field("project").is_some() => {
            let who = field("project").map(|c| c.field.trim_start_matches("project role of ").to_owned());
            let who = who.unwrap_or_default();
            say(" made ".to_owned());
            words.push(Part { href: format!("/console/users/{who}"), text: who });
            words.push(plain(&format!(" {} instead of {} in ", to("project"), from("project"))));
            words.push(target);
        }
        "project:update_member" | "project:join" => {
            let (came, left) = (to("invited"), from("invited"));
            say(if came.is_empty() { " took back the invitation of ".to_owned() } else { " invited ".to_owned() });
            let who = if came.is_empty() { left } else { came };
            words.push(Part { href: format!("/console/users/{who}"), text: who });
            words.push(plain(" to "));
            words.push(target);
        }
        action if action.ends_with(":update") => {
            let fields: Vec<&str> = e.changes.iter().map(|c| c.field.as_str()).collect();
            say(format!(" changed the {} of ", fields.join(" and ")));
            words.push(target);
        }
        action => {
            say(format!(" did {action} on "));
            words.push(target);
        }
    }
    counted(words, e)
}

/// A name for the middle of a sentence: whatever script it is in, and whatever marks of direction it holds, the words around it
/// stay in their order.
fn isolated(name: &str) -> String {
    if name.is_ascii() { name.to_owned() } else { format!("\u{2068}{name}\u{2069}") }
}

fn counted(mut words: Vec<Part>, e: &Event) -> Vec<Part> {
    if e.count > 1 {
        words.push(Part { text: format!(" ({} times within a minute)", e.count), href: String::new() });
    }
    words
}

#[cfg(test)]
mod tests {
    use super::{browser, day, encoded, project_path, stamp};
    use crate::clock::{DAY, HOUR, MINUTE};

    #[test]
    fn moments_read_as_people_say_them() {
        let now = 1_780_000_000_000;
        for (at, words) in [
            (now - 3_000, "just now"),
            (now - MINUTE, "1 minute ago"),
            (now - 5 * HOUR, "5 hours ago"),
            (now - 6 * DAY, "6 days ago"),
            (now - 30 * DAY, "28 April 2026"),
            (now + 90 * DAY, "in 90 days"),
            (now + 30 * DAY - MINUTE, "in 30 days"),
            (now + 30 * MINUTE, "in 30 minutes"),
        ] {
            assert_eq!(stamp(at, now).ago, words);
        }
        let at = stamp(now, now);
        assert_eq!((at.exact.as_str(), at.clock.as_str()), ("2026-05-28T20:26:40.000Z", "20:26 UTC"));
        assert_eq!(at.full, "Thursday 28 May 2026, 20:26:40 UTC");
        assert!(!at.is_day && stamp(now - 30 * DAY, now).is_day);
        assert_eq!((day(now, now).as_str(), day(now - 9 * DAY, now).as_str()), ("Today", "Tuesday 19 May 2026"));
    }

    #[test]
    fn browsers_are_told_apart() {
        let chrome =
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
        assert_eq!(browser(chrome), "Chrome on Linux");
        assert_eq!(browser(""), "Unknown");
    }

    #[test]
    fn project_names_are_safe_in_addresses() {
        assert_eq!(project_path("acme/my \"first\" one"), "/acme/my%20%22first%22%20one");
        assert_eq!(encoded("ä"), "%C3%A4");
    }
}
