//! One signed-in visit to a page: who, with what session, what the frame shows, the flash that waits. Made before every
//! page; forms are taken only after their token was checked here. It asks `ops` for everything it shows.
//! Next: `words` for how things are worded, then the area files.

use super::page::frame::{Frame, Section, Who};
use super::page::parts::{Flash, Undo};
use crate::app::App;
use crate::clock::Millis;
use crate::crypto;
use crate::error::{Error, Result};
use crate::http::auth;
use crate::http::middleware::context;
use crate::model::OrgId;
use crate::model::role::Action;
use crate::model::session::Session;
use crate::model::team::HOME as INSTANCE;
use crate::model::user::User;
use crate::ops::{self, Caller};
use crate::policy::Resource;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The running instance as handlers get it.
pub type Instance = web::Data<App>;

/// Where the flash waits for the next page.
const FLASH: &str = "bailiwick-flash";
/// Where the theme is kept.
const THEME: &str = "bailiwick-theme";
/// The longest flash taken from a cookie.
const FLASH_MAX: usize = 2_000;

/// A signed-in person's visit.
pub struct Visit {
    /// Who asks, from where.
    pub caller: Caller,
    /// With what session.
    pub session: Session,
    /// The person.
    pub me: User,
    /// The organization.
    pub org: OrgId,
    /// Its name.
    pub org_name: String,
    /// All organizations of the person where there are several, by name, with whether it is this one.
    pub orgs: Vec<(String, bool)>,
    /// Whether the person manages the organization.
    pub is_admin: bool,
    /// Whether the person administers the instance.
    pub is_instance: bool,
    /// The teams the person is in.
    pub teams: Vec<String>,
    /// The present.
    pub now: Millis,
    theme: &'static str,
    path: String,
    flash: Option<Flash>,
    had_flash: bool,
    https: bool,
    restoring: bool,
    any_audience: bool,
    stale_keys: bool,
    /// Whether the instance may have several organizations.
    pub several_orgs: bool,
}

impl Visit {
    /// The visit behind a request; none when nobody is signed in.
    pub fn open(app: &App, request: &HttpRequest) -> Result<Option<Visit>> {
        let Some((caller, session)) = auth::by_cookie(app, request)? else { return Ok(None) };
        let (me, (org, orgs), (is_admin, is_instance), teams, stale_keys) = app.ask(&caller, |cx| {
            let org = ops::settings::org(cx)?;
            let is_admin = cx.can(Action::UserList, Resource::Org(org.id))?;
            let is_instance = cx.can(Action::SettingRead, Resource::Org(INSTANCE))?;
            let mine = ops::teams::mine(cx)?.into_iter().filter(|(team, _)| team.org == org.id);
            let teams = mine.map(|(team, _)| team.name).collect();
            let stale_keys = is_admin && ops::issuers::are_keys_going_stale(cx)?;
            let me = ops::users::me(cx)?;
            let several = if me.orgs.len() > 1 { ops::orgs::mine(cx)? } else { vec![] };
            let orgs = several.into_iter().map(|(own, _)| (own.name, own.id == org.id)).collect();
            Ok((me, (org, orgs), (is_admin, is_instance), teams, stale_keys))
        })?;
        let kept = request.cookie(FLASH);
        let flash = kept.as_ref().and_then(|cookie| read_flash(cookie.value(), &session.csrf));
        Ok(Some(Visit {
            caller,
            session,
            me,
            org: org.id,
            org_name: org.name,
            orgs,
            is_admin,
            is_instance,
            teams,
            now: app.clock.now(),
            theme: theme(request),
            path: request.uri().path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
            flash,
            had_flash: kept.is_some(),
            https: context(request).https,
            restoring: app.settings.current().sign_in().restore,
            any_audience: app.settings.current().federation().skip_audience,
            stale_keys,
            several_orgs: app.several_orgs,
        }))
    }

    /// The visit behind a form, once its token is checked; none when nobody is signed in any more.
    pub fn posted(app: &App, request: &HttpRequest, fields: &Fields) -> Result<Option<Visit>> {
        let Some(visit) = Visit::open(app, request)? else { return Ok(None) };
        auth::check_csrf(request, &app.base_url, &visit.session, fields.get("csrf"))?;
        Ok(Some(visit))
    }

    /// The frame around a page of this visit; the breadcrumb begins with the organization.
    pub fn frame(&self, title: impl Into<String>, section: Section) -> Frame {
        Frame {
            title: title.into(),
            theme: self.theme,
            csrf: self.session.csrf.clone(),
            path: self.path.clone(),
            who: Some(Who {
                username: self.me.username.clone(),
                name: self.me.name.clone(),
                email: self.me.email().unwrap_or_default().to_owned(),
            }),
            org: self.org_name.clone(),
            orgs: self.orgs.clone(),
            section,
            is_admin: self.is_admin,
            is_instance: self.is_instance,
            restoring: self.restoring,
            any_audience: self.any_audience,
            stale_keys: self.stale_keys,
            teams: self.teams.clone(),
            flash: self.flash.clone(),
            ..Frame::default()
        }
        .crumb(self.org_name.clone(), if section == Section::Home { "" } else { "/" })
    }

    /// Where the settings begin for this person: the instance's, or else the organization's own.
    pub fn settings(&self) -> &'static str {
        if self.is_instance { "/console/settings" } else { "/console/organization" }
    }

    /// A page as the answer; a flash it showed is forgotten.
    pub fn html(&self, page: &impl Template) -> Result<HttpResponse> {
        self.html_with(page, actix_web::http::StatusCode::OK)
    }

    /// A form that shows itself again with its error, under the error's status.
    pub fn again(&self, page: &impl Template, error: &Error) -> Result<HttpResponse> {
        self.html_with(page, crate::http::reply::status(error))
    }

    fn html_with(&self, page: &impl Template, status: actix_web::http::StatusCode) -> Result<HttpResponse> {
        let mut response = html(page, status)?;
        if self.had_flash {
            let mut cookie = small_cookie(FLASH, String::new(), self.https);
            cookie.make_removal();
            add_cookie(&mut response, &cookie)?;
        }
        Ok(response)
    }

    /// Sends the browser on after something was done, with a sentence about it.
    pub fn done(&self, to: &str, text: impl Into<String>) -> Result<HttpResponse> {
        self.leave(to, &Flash { tone: "", text: text.into(), undo: None })
    }

    /// The same, with the form that takes it back.
    pub fn done_with_undo(&self, to: &str, text: impl Into<String>, undo: Undo) -> Result<HttpResponse> {
        self.leave(to, &Flash { tone: "", text: text.into(), undo: Some(undo) })
    }

    /// [`Self::done_with_undo`] where there is something to take back.
    pub fn done_or_undo(&self, to: &str, text: impl Into<String>, undo: Option<Undo>) -> Result<HttpResponse> {
        self.leave(to, &Flash { tone: "", text: text.into(), undo })
    }

    /// Sends the browser back after something was refused, with the reason; for actions that have no form of their own.
    pub fn refused(&self, to: &str, error: &Error) -> Result<HttpResponse> {
        self.leave(to, &Flash { tone: "danger", text: error.sentence(), undo: None })
    }

    /// Back with what was done or why not; errors of ours still become an error page.
    pub fn settle(&self, to: &str, outcome: Result<String>) -> Result<HttpResponse> {
        match outcome {
            Ok(text) => self.done(to, text),
            Err(error) if crate::http::reply::status(&error).is_client_error() => self.refused(to, &error),
            Err(error) => Err(error),
        }
    }

    fn leave(&self, to: &str, flash: &Flash) -> Result<HttpResponse> {
        let mut response = redirect(to);
        let mut kept = write_flash(flash, &self.session.csrf);
        if kept.len() > FLASH_MAX && flash.undo.is_some() {
            // What does not fit into a cookie is not offered to be taken back; the sentence stays.
            kept = write_flash(&Flash { undo: None, ..flash.clone() }, &self.session.csrf);
        }
        let mut cookie = small_cookie(FLASH, kept, self.https);
        cookie.set_max_age(actix_web::cookie::time::Duration::seconds(60));
        add_cookie(&mut response, &cookie)?;
        Ok(response)
    }
}

/// What a form sent, in order; a name may occur more than once.
#[derive(Debug, Default)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads a form's body or an address's query.
    pub fn parse(bytes: &[u8]) -> Self {
        Fields(url::form_urlencoded::parse(bytes).into_owned().collect())
    }
    /// Reads the query of a request.
    pub fn query(request: &HttpRequest) -> Self {
        Fields::parse(request.query_string().as_bytes())
    }
    /// The first value of a name, or nothing.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }
    /// The same without blanks around it.
    pub fn text(&self, name: &str) -> &str {
        self.get(name).trim()
    }
    /// A value that may be left out.
    pub fn optional(&self, name: &str) -> Option<String> {
        Some(self.text(name)).filter(|text| !text.is_empty()).map(str::to_owned)
    }
    /// Everything but the token and the answer to a review, to be sent once more.
    pub fn rest(&self) -> impl Iterator<Item = &(String, String)> {
        self.0.iter().filter(|(name, _)| name != "csrf" && name != super::review::SURE)
    }
    /// Whether nothing was sent.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// Every value of a name.
    pub fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(n, _)| n == name).map(|(_, value)| value.clone()).collect()
    }
}

/// A page as HTML.
pub fn html(page: &impl Template, status: actix_web::http::StatusCode) -> Result<HttpResponse> {
    let body = page.render().map_err(|e| Error::internal(format!("a page cannot be rendered: {e}")))?;
    Ok(HttpResponse::build(status).content_type("text/html; charset=utf-8").body(body))
}

/// `303 See Other`: the browser asks for `to` with GET.
pub fn redirect(to: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, to)).finish()
}

/// To the sign-in page, and back here afterwards.
pub fn to_sign_in(request: &HttpRequest) -> HttpResponse {
    let here = request.uri().path_and_query().map_or("/", |p| p.as_str());
    if request.method() != actix_web::http::Method::GET || here == "/" {
        return redirect("/login");
    }
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("next", here).finish();
    redirect(&format!("/login?{query}"))
}

/// A path on this server to go on to: one leading slash, nothing that a browser could read as another host, nothing that a
/// header cannot carry.
pub fn safe_path(text: &str) -> &str {
    let fine = text.starts_with('/')
        && !text.starts_with("//")
        && !text.contains('\\')
        && text.bytes().all(|b| b.is_ascii_graphic())
        && text.len() < 2_000;
    if fine { text } else { "/" }
}

/// `auto`, `light` or `dark`.
pub fn theme(request: &HttpRequest) -> &'static str {
    match request.cookie(THEME).as_ref().map(Cookie::value) {
        Some("light") => "light",
        Some("dark") => "dark",
        _ => "auto",
    }
}

/// The cookie that keeps the theme for a year.
pub fn theme_cookie(request: &HttpRequest, theme: &str) -> Cookie<'static> {
    let theme = if matches!(theme, "light" | "dark") { theme } else { "auto" };
    let mut cookie = small_cookie(THEME, theme.to_owned(), context(request).https);
    cookie.set_max_age(actix_web::cookie::time::Duration::days(365));
    cookie
}

/// Adds a cookie to an answer.
pub fn add_cookie(response: &mut HttpResponse, cookie: &Cookie) -> Result<()> {
    response.add_cookie(cookie).map_err(|e| Error::internal(format!("a cookie cannot be set: {e}")))
}

fn small_cookie(name: &'static str, value: String, https: bool) -> Cookie<'static> {
    Cookie::build(name, value).path("/").http_only(true).same_site(SameSite::Lax).secure(https).finish()
}

/// The mark of a browser that signed out a moment ago: the page of sign-in then asks before it leads to the provider, which
/// might let the person straight in again.
const LEFT: &str = "bailiwick-left";

/// The cookie that keeps that mark for five minutes.
pub fn left_cookie(request: &HttpRequest) -> Cookie<'static> {
    let mut cookie = small_cookie(LEFT, "yes".to_owned(), context(request).https);
    cookie.set_max_age(actix_web::cookie::time::Duration::minutes(5));
    cookie
}

/// Whether the browser signed out a moment ago.
pub fn has_left(request: &HttpRequest) -> bool {
    request.cookie(LEFT).is_some()
}

fn write_flash(flash: &Flash, key: &str) -> String {
    let undo = flash.undo.as_ref().map(|undo| (&undo.action, &undo.fields));
    let json = serde_json::to_vec(&(flash.tone, &flash.text, undo)).unwrap_or_default();
    let mac = crypto::mac(key.as_bytes(), &json);
    format!("{}.{}", URL_SAFE_NO_PAD.encode(json), URL_SAFE_NO_PAD.encode(mac))
}

/// What a cookie holds is shown as text only, and its undo posts to this server with the session's own token: so only what
/// was written for this very session counts. Another server of the same domain can plant a cookie, not this one's mark.
fn read_flash(text: &str, key: &str) -> Option<Flash> {
    type Stored = (String, String, Option<(String, Vec<(String, String)>)>);
    if text.len() > FLASH_MAX {
        return None;
    }
    let (json, mac) = text.split_once('.')?;
    let (json, mac) = (URL_SAFE_NO_PAD.decode(json).ok()?, URL_SAFE_NO_PAD.decode(mac).ok()?);
    if !crypto::same(&crypto::mac(key.as_bytes(), &json), &mac) {
        return None;
    }
    let (tone, text, undo): Stored = serde_json::from_slice(&json).ok()?;
    let undo = undo.filter(|(action, _)| safe_path(action) == action).map(|(action, fields)| Undo { action, fields });
    Some(Flash { tone: if tone == "danger" { "danger" } else { "" }, text, undo })
}

#[cfg(test)]
mod tests {
    use super::{Fields, Flash, Undo, read_flash, safe_path, write_flash};

    #[test]
    fn only_paths_of_this_server_are_gone_on_to() {
        for fine in ["/", "/acme/fusion?x=1", "/console/users?q=%2F%2F"] {
            assert_eq!(safe_path(fine), fine);
        }
        for bad in [
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "",
            "evil",
            "/a\nb",
            "/a\tb",
            "/\u{e4}",
            "/a b",
        ] {
            assert_eq!(safe_path(bad), "/", "{bad:?}");
        }
    }

    #[test]
    fn a_flash_survives_its_cookie() {
        let undo = Undo { action: "/acme/members".into(), fields: vec![("who".into(), "ana".into())] };
        let flash = Flash { tone: "", text: "ana left. Näh".into(), undo: Some(undo) };
        assert_eq!(read_flash(&write_flash(&flash, "one"), "one").as_ref(), Some(&flash));
        assert_eq!(read_flash(&write_flash(&flash, "one"), "another"), None, "made for another session");
        for bad in ["%%%", "", ".", "e30.e30"] {
            assert_eq!(read_flash(bad, "one"), None, "{bad}");
        }
    }

    #[test]
    fn a_flash_cannot_post_elsewhere() {
        let undo = Undo { action: "//evil.example".into(), fields: vec![] };
        let flash = Flash { tone: "", text: "x".into(), undo: Some(undo) };
        assert_eq!(read_flash(&write_flash(&flash, "one"), "one").and_then(|f| f.undo), None);
    }

    #[test]
    fn fields_keep_order_and_repetition() {
        let fields = Fields::parse(b"pick=a&pick=b&name=+x+");
        assert_eq!((fields.all("pick").len(), fields.text("name"), fields.get("none")), (2, "x", ""));
        assert_eq!(fields.optional("none"), None);
    }
}
