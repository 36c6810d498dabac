//! The organization: its name, who gets the bills, how many hold which seat, and what it enforces on every team.

use super::conflict::{self, Edit, Place};
use super::page::frame::Section;
use super::page::list::thousands;
use super::page::organization::{Organization, SeatBar, SeatPart};
use super::page::parts::{Field, Switch};
use super::visit::{Fields, Instance, Visit, to_sign_in};
use crate::error::{Code, Error, Kind, Result};
use crate::http::reply;
use crate::model::role::Action;
use crate::ops;
use crate::ops::edits::Thing;
use crate::ops::paging::Turn;
use crate::ops::people::Asked;
use crate::ops::settings::OrgChange;
use crate::policy::Resource;
use actix_web::{HttpRequest, HttpResponse, web};

/// Where it is.
pub const HOME: &str = "/console/organization";
/// Where its form is sent.
const SAVE: &str = "/console/settings/organization";

/// The fields of its form.
const FIELDS: [&str; 4] = ["org", "billing", "private", "admins"];

fn page(app: &Instance, visit: &Visit, sent: Option<(&Fields, &Error)>) -> Result<Organization> {
    app.ask(&visit.caller, |cx| {
        let org = ops::settings::org(cx)?;
        let counts = ops::settings::seats(cx)?;
        let payer = ops::settings::billing_admin(cx)?.map(|user| user.username).unwrap_or_default();
        let kept =
            |name: &str, stored: &str| sent.map_or_else(|| stored.to_owned(), |(form, _)| form.get(name).to_owned());
        let on = |name: &str, stored: bool| sent.map_or(stored, |(form, _)| form.get(name) == "on");
        let error = sent.map(|(_, error)| error.sentence()).unwrap_or_default();
        let about_payer = sent.is_some_and(|(_, error)| error.kind() == Kind::NotFound);
        let mut billing = Field::text("billing", "Billing administrator")
            .help("Who gets the bills: a username or an e-mail of the organization. It gives no right.")
            .value(&kept("billing", &payer))
            .wrong(if about_payer { &error } else { "" })
            .optional();
        billing.list = "people";
        let near = ops::people::list(cx, &Asked::default(), &Turn::first(200))?.items;
        Ok(Organization {
            frame: visit
                .frame("Organization", Section::Settings)
                .crumb("Settings", visit.settings())
                .crumb("Organization", ""),
            area: super::area::of(visit, HOME),
            seats: bars(&counts),
            people: near.into_iter().filter(|u| !u.is_service()).map(|u| u.username).collect(),
            payer,
            fields: vec![Field { max: 128, ..Field::text("org", "Name").value(&kept("org", &org.name)) }, billing],
            switches: vec![
                Switch {
                    name: "private",
                    label: "All future projects are private",
                    help: "In every team: no new open or public project, and none becomes so. Projects that are open or public already stay.",
                    on: on("private", org.private_projects),
                    held: String::new(),
                },
                Switch {
                    name: "admins",
                    label: "Only admins invite to teams",
                    help: "In every team, whatever its own switch says.",
                    on: on("admins", org.admins_invite),
                    held: String::new(),
                },
            ],
            seen: conflict::seen(cx, &Thing::Org, &FIELDS, sent.map(|(form, _)| form))?,
            can_change: cx.can(Action::OrganizationUpdate, Resource::Org(visit.org))?,
            why: super::why::link(&visit.me.username, "organization:update", ""),
            problem: if about_payer { String::new() } else { error },
        })
    })
}

/// The seats of both products.
pub fn bars(counts: &ops::settings::SeatCounts) -> Vec<SeatBar> {
    vec![bar("models", "Models seats", counts.models), bar("weave", "Weave access", counts.weave)]
}

fn bar(id: &'static str, title: &'static str, counts: [usize; 3]) -> SeatBar {
    let total = counts.iter().sum::<usize>().max(1);
    let mut x = 0;
    let kinds = [("Full", "full"), ("Viewer", "viewer"), ("No access", "none")];
    let parts: Vec<SeatPart> = kinds
        .into_iter()
        .zip(counts)
        .map(|((label, class), count)| {
            // Somebody is always visible, however many the others are.
            let width = if count == 0 { 0 } else { (count * 1000 / total).max(6) };
            let part = SeatPart { label, class, count: thousands(count), x, width };
            x += width;
            part
        })
        .collect();
    let words = parts.iter().map(|p| format!("{} {}", p.label, p.count)).collect::<Vec<_>>().join(", ");
    SeatBar { id, title, words: format!("{title}: {words}"), parts }
}

/// `GET /console/organization`.
pub async fn show(app: Instance, request: HttpRequest) -> Result<HttpResponse> {
    let Some(visit) = Visit::open(&app, &request)? else { return Ok(to_sign_in(&request)) };
    visit.html(&page(&app, &visit, None)?)
}

/// `POST /console/settings/organization`: name, billing administrator and what is enforced.
pub async fn save(app: Instance, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    // A tick box that is off is not sent; `whole` says that the boxes stood in the form.
    let whole = !fields.get("whole").is_empty();
    let change = OrgChange {
        name: Some(fields.text("org").to_owned()),
        private_projects: whole.then(|| fields.get("private") == "on"),
        admins_invite: whole.then(|| fields.get("admins") == "on"),
        billing_admin: whole.then(|| fields.text("billing").to_owned()),
    };
    let edit = Edit::of(Thing::Org, &fields);
    match app.act(&visit.caller, edit.guarding(move |cx| ops::settings::update_org(cx, &change))).await {
        Ok(org) => {
            let said = format!("{} is saved.", org.name);
            visit.done_or_undo(HOME, said, edit.undo(SAVE, &[("whole", "yes")]))
        }
        Err(error) if error.code() == Code::StaleVersion => {
            let place = Place {
                what: format!("The organization {}", visit.org_name),
                action: SAVE.to_owned(),
                back: HOME.to_owned(),
                section: Section::Settings,
                crumbs: vec![("Organization".to_owned(), HOME.to_owned())],
            };
            conflict::page(&app, &visit, &edit, &fields, place, error)
        }
        Err(error) if error.kind() == Kind::Denied || !reply::status(&error).is_client_error() => Err(error),
        Err(error) => visit.again(&page(&app, &visit, Some((&fields, &error)))?, &error),
    }
}
