//! The organization at a glance, for its administrators: what needs them, seats, sign-ins and denials day by day, who may do
//! everything and who pays. Everything shown is a kept count or a short list, so that it costs the same for any number of people.

use super::home::chart;
use super::page::dashboard::{Dashboard, Holder};
use super::page::draw::Series;
use super::page::frame::Section;
use super::page::home::Figure;
use super::page::list::thousands;
use super::visit::{Instance, Visit, to_sign_in};
use super::{organization, person, words};
use crate::error::Result;
use crate::model::user::User;
use crate::ops;
use actix_web::{HttpRequest, HttpResponse};

/// Where it is.
pub const HOME: &str = "/org/dashboard";
/// Days of the chart: four weeks.
const DAYS: u64 = 28;
/// Administrators listed at most.
const ADMINS: usize = 10;

/// `GET /org/dashboard`.
pub async fn show(app: Instance, request: HttpRequest) -> Result<HttpResponse> {
    let Some(visit) = Visit::open(&app, &request)? else { return Ok(to_sign_in(&request)) };
    // A refusal of a moment ago is on its way to the log.
    app.settle().await?;
    let page = app.ask(&visit.caller, |cx| {
        let admins = ops::users::admins_of(cx, ADMINS)?;
        let people = ops::people::total(cx, ops::people::Show::Everyone)?;
        let mut figures = vec![];
        let mut figure = |number: usize, one: &'static str, many: &'static str, href: &'static str| {
            figures.push(Figure { number: thousands(number), word: if number == 1 { one } else { many }, href });
        };
        figure(people, "person", "people", super::people::HOME);
        figure(ops::teams::count(cx)?, "team", "teams", super::teams::HOME);
        let waiting = ops::invitations::count(cx)?;
        figure(waiting, "pending invitation", "pending invitations", super::invitations::HOME);
        figure(ops::roles::list(cx)?.len(), "custom role", "custom roles", super::roles::HOME);
        let machines = ops::service_accounts::count_of_org(cx)?;
        figure(machines, "service account", "service accounts", super::services::HOME);
        let holder = |user: &User| Holder {
            username: user.username.clone(),
            name: user.name.clone(),
            href: person::path(&user.username),
        };
        let days = ops::audit::days(cx, DAYS)?;
        let series = [("Sign-ins", ""), ("Failed sign-ins", "warn"), ("Denials", "no")];
        Ok(Dashboard {
            frame: visit.frame("Dashboard", Section::Dashboard).crumb("Dashboard", ""),
            area: super::area::of(&visit, HOME),
            figures,
            lonely: ops::users::admins(cx)? == 1,
            held: ops::fuse::waiting_count(cx, usize::MAX)?,
            seats: organization::bars(&ops::settings::seats(cx)?),
            activity: chart(series.map(|(label, class)| Series { label, class }).into(), &days, |day| {
                vec![day.sign_ins, day.failed, day.denied]
            }),
            admins: admins.iter().map(holder).collect(),
            payer: ops::settings::billing_admin(cx)?.as_ref().map(holder),
            created: words::stamp(ops::settings::org(cx)?.created_at, visit.now),
        })
    })?;
    visit.html(&page)
}
