//! API keys in forms: what somebody asks for, the successor of one, and the organization's page with the switch and the report.

use super::account::key_rows;
use super::page::frame::Section;
use super::page::keys::{KeyForm, Keys, UnusedRow};
use super::page::parts::{Choice, Field, Switch};
use super::visit::{Fields, Instance, Visit, to_sign_in};
use crate::clock::{DAY, HOUR, Millis};
use crate::error::{Error, Kind, Result};
use crate::http::reply;
use crate::model::credential::ApiKey;
use crate::model::role::Action;
use crate::ops;
use crate::ops::credentials::{FreshKey, NewKey};
use crate::ops::key_care;
use crate::policy::Resource;
use crate::store::{Cursor, Range};
use actix_web::{HttpRequest, HttpResponse, web};

/// The page's address.
pub const HOME: &str = "/console/keys";
/// Rows of the report on one page at least, and keys looked at for it at most.
const ROWS: usize = 50;
const LOOK_MAX: usize = 1_000;
/// Keys looked at at once.
const STRETCH: usize = 200;

/// Lifetimes a key can be given, in days; none is no end.
const LIFETIMES: [(&str, &str); 5] =
    [("30", "In 30 days"), ("90", "In 90 days"), ("365", "In a year"), ("7", "In a week"), ("", "Never")];

/// A key as a form asks for it.
#[derive(Clone, Debug)]
pub struct Asked {
    name: String,
    expires_at: Option<Millis>,
    reach: String,
    place: String,
    reads_only: bool,
    networks: String,
}

impl Asked {
    /// Reads the form that [`form`] makes.
    pub fn of(fields: &Fields, now: Millis) -> Asked {
        let days: Option<i64> = fields.optional("lifetime").and_then(|text| text.parse().ok());
        Asked {
            name: fields.text("name").to_owned(),
            expires_at: days.map(|days| now + days.clamp(1, 3_650) * DAY),
            reach: fields.text("reach").to_owned(),
            place: fields.text("place").to_owned(),
            reads_only: fields.get("reads_only") == "on",
            networks: fields.text("networks").to_owned(),
        }
    }

    /// The key it describes, where the asker may see the place it names.
    pub fn key(&self, cx: &ops::Acting) -> Result<NewKey> {
        Ok(NewKey {
            name: self.name.clone(),
            expires_at: self.expires_at,
            scope: key_care::scope(cx, &self.reach, &self.place, self.reads_only)?,
            networks: key_care::networks(&self.networks)?,
        })
    }
}

/// The form that creates a key; `sent` is what was in it when it failed. Keys of accounts of the organization may provision.
pub fn form(action: &str, provisions: bool, sent: &Fields) -> KeyForm {
    let chosen = |list: &[(&str, &str)], chosen: &str| -> Vec<Choice> {
        let made = |(value, label): &(&str, &str)| Choice {
            value: (*value).to_owned(),
            label: (*label).to_owned(),
            chosen: *value == chosen,
            ..Choice::default()
        };
        list.iter().map(made).collect()
    };
    let lifetime = if sent.is_empty() { "90" } else { sent.get("lifetime") };
    let mut reaches = vec![("", "Wherever its owner does"), ("organization", "In this organization")];
    if provisions {
        reaches.push(("provisioning", "For provisioning by SCIM only"));
    }
    KeyForm {
        action: action.to_owned(),
        name: Field::text("name", "Name").value(sent.get("name")),
        lifetimes: chosen(&LIFETIMES, lifetime),
        reaches: chosen(&reaches, sent.get("reach")),
        narrower: vec![
            Field::text("place", "In one team or project only")
                .help("A team, or team/project. Nothing else is reached with the key.")
                .value(sent.get("place"))
                .optional(),
            Field::text("networks", "From these networks only")
                .help("Such as 10.2.0.0/16 or 2001:db8::/32, divided by commas.")
                .value(sent.get("networks"))
                .optional(),
        ],
        reads_only: Switch {
            name: "reads_only",
            label: "Reading only",
            help: "Whatever would change something is refused.",
            on: sent.get("reads_only") == "on",
            held: String::new(),
        },
        open: ["reach", "place", "networks", "reads_only"].iter().any(|name| !sent.get(name).is_empty()),
    }
}

/// Issues a key to `owner` as the form asks.
pub async fn issue(app: &Instance, visit: &Visit, owner: &str, fields: &Fields) -> Result<(ApiKey, FreshKey)> {
    let fresh = FreshKey::draw(&app.random)?;
    let (asked, owner, secret) = (Asked::of(fields, visit.now), owner.to_owned(), fresh.clone());
    let key = app
        .act(&visit.caller, move |cx| {
            let new = asked.key(cx)?;
            ops::credentials::issue(cx, &owner, &new, &secret)
        })
        .await?;
    Ok((key, fresh))
}

/// Issues the successor of the key that the form names, and gives that one its end.
pub async fn replace(app: &Instance, visit: &Visit, fields: &Fields) -> Result<(ApiKey, FreshKey)> {
    let hours: i64 =
        fields.text("overlap").parse().map_err(|_| Error::invalid("Choose how long the old key works."))?;
    let fresh = FreshKey::draw(&app.random)?;
    let (id, secret) = (fields.get("key").to_owned(), fresh.clone());
    let overlap = hours.clamp(0, 24 * 30) * HOUR;
    let key = app.act(&visit.caller, move |cx| ops::credentials::replace(cx, &id, overlap, &secret)).await?;
    Ok((key, fresh))
}

fn page(app: &Instance, visit: &Visit, query: &Fields, error: Option<&Error>) -> Result<Keys> {
    app.ask(&visit.caller, |cx| {
        let org = ops::settings::org(cx)?;
        let mut after: Option<Cursor> = query.optional("after").and_then(|text| text.parse().ok());
        let (mut unused, mut looked) = (vec![], 0);
        loop {
            let found = key_care::unused(cx, Range::all().after(after.take()).limit(STRETCH))?;
            looked += STRETCH;
            for row in found.items {
                let owner = (row.owner.username.clone(), row.owner.name.clone());
                let keys = key_rows(cx, std::slice::from_ref(&row.listed), visit.now)?;
                unused.extend(keys.into_iter().map(|key| UnusedRow {
                    key,
                    owner: owner.0.clone(),
                    owner_name: owner.1.clone(),
                }));
            }
            after = found.next;
            if after.is_none() || unused.len() >= ROWS || looked >= LOOK_MAX {
                break;
            }
        }
        let next = after.map(|cursor| {
            let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("after", &cursor.to_string()).finish();
            format!("{HOME}?{query}")
        });
        Ok(Keys {
            frame: visit
                .frame("API keys", Section::Settings)
                .crumb("Settings", visit.settings())
                .crumb("API keys", ""),
            area: super::area::of(visit, HOME),
            closed: Switch {
                name: "closed",
                label: "Nobody gets a new API key",
                help: "People and machines come by the company's sign-in and by tokens of its issuer instead. Keys that are there go on working until they are revoked or expire.",
                on: org.keys_closed,
                held: String::new(),
            },
            can_change: cx.can(Action::OrganizationUpdate, Resource::Org(visit.org))?,
            unused,
            next: next.unwrap_or_default(),
            problem: error.map(Error::sentence).unwrap_or_default(),
        })
    })
}

/// `GET /console/keys`.
pub async fn show(app: Instance, request: HttpRequest) -> Result<HttpResponse> {
    let Some(visit) = Visit::open(&app, &request)? else { return Ok(to_sign_in(&request)) };
    visit.html(&page(&app, &visit, &Fields::query(&request), None)?)
}

/// `POST /console/keys/{what}`: the switch, and the end of a key of the report.
pub async fn change(
    app: Instance,
    request: HttpRequest,
    what: web::Path<String>,
    body: web::Bytes,
) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    let (done, said) = match what.as_str() {
        "switch" => {
            let closed = fields.get("closed") == "on";
            let done = app.act(&visit.caller, move |cx| key_care::close(cx, closed)).await;
            (done, if closed { "Nobody gets a new API key from now on." } else { "API keys may be created again." })
        }
        "revoke" => {
            let id = fields.get("key").to_owned();
            let done = app.act(&visit.caller, move |cx| ops::credentials::revoke(cx, &id)).await;
            (done, "The key is revoked. Nothing can use it any more.")
        }
        _ => return Err(reply::no_such_page()),
    };
    match done {
        Err(error) if error.kind() == Kind::Denied => Err(error),
        done => visit.settle(HOME, done.map(|()| said.to_owned())),
    }
}
