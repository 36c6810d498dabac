//! The manual inside: `/console/manual`, its chapters, and a search over them, all from the executable. What the chapters say is in
//! [`book`]; which of them helps on which page is the table here.

mod book;
mod sdl;

use super::page::frame::Section;
use super::page::manual::{Contents, Manual};
use super::visit::{Fields, Instance, Visit, to_sign_in};
use crate::error::{Error, Result};
use actix_web::{HttpRequest, HttpResponse, web};

pub use book::{Chapter, Hit, search};

/// Which part of the manual helps on which pages: by the beginning of their paths, the first that fits.
const HELP: [(&str, &str); 27] = [
    ("/console/organizations", "several-organizations-on-one-instance"),
    ("/console/settings/ldap", "signing-in-with-the-company-s-directory-ldap"),
    ("/console/settings/oidc", "recipes"),
    ("/console/settings/sign-in", "signing-in-through-the-company"),
    ("/console/settings/mail", "first-day#bring-people-in"),
    ("/console/settings/sign-up", "how-people-come-in"),
    ("/console/settings", "configuration"),
    ("/console/mail", "first-day#bring-people-in"),
    ("/console/organization/domains", "how-people-come-in"),
    ("/console/organization", "who-may-do-what"),
    ("/console/search", "questions"),
    ("/console/provisioning", "when-a-directory-goes-wrong"),
    ("/console/roles", "who-may-do-what"),
    ("/console/issuers", "tokens-of-the-company-s-own-issuer-jwt"),
    ("/console/account/factors", "running-it-for-real"),
    ("/console/account", "first-day#submit-the-first-run"),
    ("/authorize", "first-day#submit-the-first-run"),
    ("/console/keys", "first-day#submit-the-first-run"),
    ("/console/invitations", "first-day#bring-people-in"),
    ("/org/dashboard/service-accounts", "first-day#give-machines-their-own-access"),
    ("/console/users", "first-day#bring-people-in"),
    ("/org/dashboard", "first-day#bring-people-in"),
    ("/console/teams", "first-day#make-a-team-and-a-project"),
    ("/console/projects", "first-day#make-a-team-and-a-project"),
    ("/console/audit", "questions#what-did-somebody-see-or-change"),
    ("/console/why", "questions#why-can-somebody-not-see-a-project"),
    ("/console/manual", ""),
];

/// The address of the manual's part that helps on the page at `path`.
pub fn help_for(path: &str) -> String {
    let part = match HELP.iter().find(|(begin, _)| path.starts_with(begin)) {
        Some((_, part)) => part,
        None if matches!(path, "/" | "/home") => "first-day",
        // What is left are pages of teams, projects and runs.
        None => "who-may-do-what",
    };
    format!("/console/manual/{part}").trim_end_matches('/').to_owned()
}

fn contents(current: &str) -> Vec<Contents> {
    let part = |guides: bool, title| Contents {
        title,
        chapters: book::chapters()
            .iter()
            .filter(|c| c.is_guide == guides)
            .map(|c| (format!("/console/manual/{}", c.slug), c.title.as_str(), c.slug == current))
            .collect(),
    };
    vec![part(true, "Guides"), part(false, "Reference")]
}

/// `GET /console/manual`: what there is, or what a search finds.
pub async fn index(app: Instance, request: HttpRequest) -> Result<HttpResponse> {
    let Some(visit) = Visit::open(&app, &request)? else { return Ok(to_sign_in(&request)) };
    let q: String = Fields::query(&request).text("q").chars().take(100).collect();
    let hits = book::search(&q);
    let frame = visit.frame("Manual", Section::None).crumb("Manual", "");
    visit.html(&Manual { frame, q, hits, contents: contents(""), chapter: None })
}

/// `GET /console/manual/{chapter}`.
pub async fn chapter(app: Instance, request: HttpRequest, slug: web::Path<String>) -> Result<HttpResponse> {
    let Some(visit) = Visit::open(&app, &request)? else { return Ok(to_sign_in(&request)) };
    let found = book::find(&slug)
        .ok_or_else(|| Error::not_found("The manual has no such chapter.").hint("Search it at /console/manual."))?;
    let frame = visit.frame(&found.title, Section::None).crumb("Manual", "/console/manual").crumb(&found.title, "");
    visit.html(&Manual { frame, q: String::new(), hits: vec![], contents: contents(&slug), chapter: Some(found) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_of_every_page_is_there() {
        for path in HELP.iter().map(|(begin, _)| *begin).chain(["/", "/acme", "/acme/fusion/access"]) {
            let to = help_for(path);
            let to = to.strip_prefix("/console/manual").unwrap_or_else(|| panic!("{path}"));
            let (slug, anchor) = to.trim_start_matches('/').split_once('#').unwrap_or((to.trim_start_matches('/'), ""));
            if path == "/console/manual" {
                assert_eq!(slug, "");
                continue;
            }
            let chapter = book::find(slug).unwrap_or_else(|| panic!("{path} leads to {slug}"));
            assert!(anchor.is_empty() || chapter.sections.iter().any(|s| s.anchor == anchor), "{path}: {anchor}");
        }
        assert_eq!(help_for("/console/settings/ldap?x=1"), help_for("/console/settings/ldap"));
    }
}
