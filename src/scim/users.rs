//! `/Users` and `/Me`: people read, made, replaced, changed and deleted. A body becomes a [`Sheet`] and a sheet becomes facts
//! ([`Change`]); what stands in neither dialect's hands (whom it may concern, what it takes) is decided in `ops`.

use super::list::{self, Query, Source, projection};
use super::patch::{self, Operation, Verb};
use super::path::{each, shown};
use super::projection::Projection;
use super::schema::{self, WANDB_URN};
use super::sheet::{self, Sheet};
use super::user_list::Users;
use super::{Answer, Asked, at, quirks, serve, user_json, wire};
use crate::error::{Code, Error, Result};
use crate::model::UserId;
use crate::model::role::{OrgRole, Seat};
use crate::ops::provision::{self, Change, NewPerson, Person};
use actix_web::web;
use serde_json::{Map, Value};

/// The extension by which W&B's documents name teams for a new user.
const TEAMS_URN: &str = "urn:ietf:params:scim:schemas:extension:teams:2.0:User";

/// The most teams that one body names.
const TEAMS_MAX: usize = 200;

/// Adds the endpoints.
pub(super) fn routes(cfg: &mut web::ServiceConfig) {
    // Before the pattern that would take it for an id.
    cfg.service(at("/Users/.search").route(web::post().to(async |app, request, body: web::Bytes| {
        serve(app, request, async move |asked| list::answer(&asked, Query::read(&body, asked.dialect)?, source).await)
            .await
    })))
    .service(
        at("/Users/{id}")
            .route(web::get().to(async |app, request, id: web::Path<String>| {
                serve(app, request, async move |asked| read(&asked, &id)).await
            }))
            .route(web::put().to(async |app, request, id: web::Path<String>, body: web::Bytes| {
                serve(app, request, async move |asked| replace(&asked, &id, wire::object(&body)?).await).await
            }))
            .route(web::patch().to(async |app, request, id: web::Path<String>, body: web::Bytes| {
                serve(app, request, async move |asked| change(&asked, &id, &wire::parse(&body)?).await).await
            }))
            .route(web::delete().to(async |app, request, id: web::Path<String>| {
                serve(app, request, async move |asked| delete(&asked, &id).await).await
            })),
    )
    .service(
        at("/Users")
            .route(web::get().to(async |app, request| {
                serve(app, request, async move |asked| list::answer(&asked, Query::of(&asked)?, source).await).await
            }))
            .route(web::post().to(async |app, request, body: web::Bytes| {
                serve(app, request, async move |asked| create(&asked, wire::object(&body)?).await).await
            })),
    )
    .service(
        at("/Me")
            .route(
                web::get()
                    .to(async |app, request| serve(app, request, async move |asked| read(&asked, &me(&asked)?)).await),
            )
            .route(web::put().to(async |app, request, body: web::Bytes| {
                serve(app, request, async move |asked| replace(&asked, &me(&asked)?, wire::object(&body)?).await).await
            }))
            .route(web::patch().to(async |app, request, body: web::Bytes| {
                serve(app, request, async move |asked| change(&asked, &me(&asked)?, &wire::parse(&body)?).await).await
            }))
            .route(web::delete().to(async |app, request| {
                serve(app, request, async move |asked| delete(&asked, &me(&asked)?).await).await
            })),
    );
}

fn source(asked: &Asked) -> Vec<Box<dyn Source + '_>> {
    vec![Box::new(Users(asked))]
}

/// The id behind `/Me` (RFC 7644 §3.11).
fn me(asked: &Asked) -> Result<String> {
    let id = asked.who.subject.user().ok_or_else(nobody)?;
    Ok(id.global())
}

/// The id in an address.
///
/// # Errors
/// [`Code::NotFound`] for anything else.
pub(super) fn user_id(text: &str) -> Result<UserId> {
    UserId::from_global(text).ok_or_else(nobody)
}

fn nobody() -> Error {
    Error::not_found("There is no such user, or you may not see it.")
}

/// A person as the answer has it.
pub(super) fn shape(asked: &Asked, projection: &Projection, person: &Person) -> Value {
    let mut body = user_json::rfc(asked, person);
    projection.apply(&schema::USER, &mut body);
    user_json::shaped(asked.dialect, body)
}

/// One person.
pub(super) fn read(asked: &Asked, id: &str) -> Result<Answer> {
    let (id, projection) = (user_id(id)?, projection(asked)?);
    let person = asked.read(|cx| provision::person(cx, id))?;
    if asked.condition.is_known(&person.version()) {
        return Ok(Answer::unchanged(person.version()));
    }
    Ok(Answer::found(shape(asked, &projection, &person), person.version()))
}

/// Makes a person.
pub(super) async fn create(asked: &Asked, body: Map<String, Value>) -> Result<Answer> {
    let projection = projection(asked)?;
    if let Some((user_name, team, of_org)) = service(&body)? {
        let made = asked.change(move |cx, _| provision::create_service(cx, &user_name, &team, of_org)).await?;
        return Ok(made_answer(asked, &projection, &made));
    }
    let mut wanted = Wanted::of(sheet::read(&schema::USER, &body)?)?;
    let mut new = NewPerson {
        user_name: wanted.user_name.take().ok_or_else(|| Error::invalid("A user needs a 'userName'."))?,
        email: wanted.email.take().ok_or_else(|| Error::invalid("A user needs an e-mail address in 'emails'."))?,
        full_name: wanted.full_name.clone(),
        name_derived: wanted.name_derived,
        external_id: wanted.external_id.take(),
        details: std::mem::take(&mut wanted.details),
        changes: wanted.access(None),
    };
    new.changes.extend(teams(&body)?);
    // Last, so that nothing else is refused to an account that does not work.
    new.changes.extend(wanted.active.filter(|active| !active).map(Change::Active));
    let person = asked.change(move |cx, toll| provision::create(cx, toll, &new)).await?;
    Ok(made_answer(asked, &projection, &person))
}

fn made_answer(asked: &Asked, projection: &Projection, person: &Person) -> Answer {
    let location = format!("{}/Users/{}", asked.base, person.user.id.global());
    Answer::created(shape(asked, projection, person), person.version(), location)
}

/// Replaces a person. What is not sent is taken away, but what every user has stays as it is: address, status, role and seats;
/// and so does the client's own id, by which it would not find the person again.
pub(super) async fn replace(asked: &Asked, id: &str, body: Map<String, Value>) -> Result<Answer> {
    let (id, projection) = (user_id(id)?, projection(asked)?);
    let sheet = sheet::read(&schema::USER, &body)?;
    if !sheet.contains_key("userName") {
        return Err(Error::invalid("A user needs a 'userName'."));
    }
    let (wanted, teams) = (Wanted::of(sheet)?, teams(&body)?);
    let condition = asked.condition.clone();
    let person = asked
        .change(move |cx, toll| {
            provision::change(cx, toll, id, &condition, |before| {
                let mut wanted = wanted.clone();
                wanted.external_id = wanted.external_id.or_else(|| before.profile.external_id.clone());
                if let (None, Some(about)) = (&wanted.email, before.profile.details.get("emails")) {
                    wanted.details.insert("emails".to_owned(), about.clone());
                }
                let mut changes = wanted.changes(before);
                changes.extend(teams.iter().cloned());
                Ok(changes)
            })
        })
        .await?;
    Ok(Answer::found(shape(asked, &projection, &person), person.version()))
}

/// Changes a person by PATCH.
pub(super) async fn change(asked: &Asked, id: &str, body: &Value) -> Result<Answer> {
    let (id, projection) = (user_id(id)?, projection(asked)?);
    let operations = patch::parse(body)?;
    let condition = asked.condition.clone();
    let person = asked
        .change(move |cx, toll| provision::change(cx, toll, id, &condition, |before| patched(before, &operations)))
        .await?;
    Ok(Answer::found(shape(asked, &projection, &person), person.version()))
}

/// Deletes a person.
pub(super) async fn delete(asked: &Asked, id: &str) -> Result<Answer> {
    let id = user_id(id)?;
    let condition = asked.condition.clone();
    asked.change(move |cx, toll| provision::remove(cx, toll, id, &condition)).await?;
    Ok(Answer::gone())
}

/// The name and the team of a service account, where the body asks for one by W&B's `accountType`.
fn service(body: &Map<String, Value>) -> Result<Option<(String, String, bool)>> {
    let text = |object: &Map<String, Value>, name: &str| {
        wire::member(object, name).and_then(Value::as_str).map(str::to_owned).filter(|text| !text.is_empty())
    };
    let of_org = match wire::member(body, "accountType") {
        None => return Ok(None),
        Some(Value::String(kind)) if kind.eq_ignore_ascii_case("user") => return Ok(None),
        Some(Value::String(kind)) if kind.eq_ignore_ascii_case("service") => false,
        Some(Value::String(kind)) if kind.eq_ignore_ascii_case("org_service") => true,
        Some(_) => return Err(Error::invalid("'accountType' is USER, SERVICE or ORG_SERVICE.")),
    };
    if let Some(name) = ["modelsSeat", "weaveRole"].into_iter().find(|name| wire::member(body, name).is_some()) {
        return Err(Error::invalid(format!("A service account takes no seat: leave '{name}' out.")));
    }
    let user_name = text(body, "userName").ok_or_else(|| Error::invalid("A service account needs a 'userName'."))?;
    let team = wire::member(body, TEAMS_URN).and_then(Value::as_object).and_then(|teams| text(teams, "defaultTeam"));
    let team = team.ok_or_else(|| {
        Error::invalid(format!("A service account needs its team: '{TEAMS_URN}': {{\"defaultTeam\": \"…\"}}."))
    })?;
    Ok(Some((user_name, team, of_org)))
}

/// The teams that W&B's extension names.
fn teams(body: &Map<String, Value>) -> Result<Vec<Change>> {
    let wrong = || Error::invalid("The teams extension is an object with a list 'teams' of names.");
    let Some(extension) = wire::member(body, TEAMS_URN) else { return Ok(vec![]) };
    let fields = extension.as_object().ok_or_else(wrong)?;
    let Some(names) = wire::member(fields, "teams") else { return Ok(vec![]) };
    let names = names.as_array().filter(|names| names.len() <= TEAMS_MAX).ok_or_else(wrong)?;
    names.iter().map(|name| name.as_str().map(|name| Change::Team(name.to_owned())).ok_or_else(wrong)).collect()
}

/// The facts that PATCH operations on a person amount to.
fn patched(before: &Person, operations: &[Operation]) -> Result<Vec<Change>> {
    let mut sheet = user_json::sheet(before);
    let mut roles: Vec<(String, String)> = vec![];
    for operation in operations {
        let attr = &operation.path.attr;
        if attr.is("teamRoles") && attr.urn.is_none_or(|urn| urn == WANDB_URN) {
            team_roles(operation, &mut roles)?;
        } else if attr.is("emails") && operation.value == Some(Value::Bool(false)) {
            return Err(Error::invalid("A user's one address is always the primary one."));
        } else if !repeats_id(before, operation) {
            sheet::apply(&schema::USER, &mut sheet, operation)?;
        }
    }
    for (name, what) in [("userName", "a userName"), ("emails", "an e-mail address")] {
        if sheet.get(name).is_none() {
            return Err(Error::new(Code::Mutability, format!("A user always has {what}; it can be replaced only.")));
        }
    }
    if sheet.get("active").is_none() || sheet.get(WANDB_URN).and_then(Value::as_object).is_none_or(|o| o.len() < 3) {
        let what =
            "A user always has 'active', 'organizationRole', 'modelsSeat' and 'weaveRole'; they can be replaced only.";
        return Err(Error::new(Code::Mutability, what));
    }
    let mut changes = Wanted::patched(sheet, before)?.changes(before);
    changes.extend(roles.into_iter().map(|(team, role)| Change::TeamRole(team, role)));
    Ok(changes)
}

/// Whether an operation names the person's own id, as Okta does in values without a path.
fn repeats_id(before: &Person, operation: &Operation) -> bool {
    let is_id = operation.path.attr.is("id") && operation.verb != Verb::Remove;
    is_id && operation.value.as_ref().and_then(Value::as_str) == Some(before.user.id.global().as_str())
}

/// `teamRoles` of W&B's documents: the teams it names get the roles it names, others stay.
fn team_roles(operation: &Operation, roles: &mut Vec<(String, String)>) -> Result<()> {
    let wrong = || Error::invalid("'teamRoles' is a list of objects with a 'teamName' and a 'roleName'.");
    if operation.verb == Verb::Remove {
        return Err(Error::new(Code::Mutability, "A member always has a team role.")
            .hint("Take the person out of the team by PATCH of the group."));
    }
    if operation.path.filter.is_some() || operation.path.attr.sub.is_some() {
        return Err(Error::new(Code::InvalidPath, "'teamRoles' is changed as a whole; its value names the teams."));
    }
    for element in each(operation.value.as_ref().unwrap_or(&Value::Null)) {
        let fields = element.as_object().ok_or_else(wrong)?;
        let text = |name: &str| wire::member(fields, name).and_then(Value::as_str).map(str::to_owned).ok_or_else(wrong);
        let (team, role) = (text("teamName")?, text("roleName")?);
        if roles.iter().any(|(other, as_what)| other.eq_ignore_ascii_case(&team) && *as_what != role) {
            return Err(Error::invalid(format!("The team '{}' gets two roles at once.", shown(&team))));
        }
        roles.push((team, role));
        if roles.len() > TEAMS_MAX {
            return Err(Error::invalid(format!("One request changes the roles in at most {TEAMS_MAX} teams.")));
        }
    }
    Ok(())
}

/// What a sheet says of a person, each in its own type.
#[derive(Clone, Debug, Default)]
struct Wanted {
    user_name: Option<String>,
    full_name: String,
    name_derived: bool,
    email: Option<String>,
    active: Option<bool>,
    external_id: Option<String>,
    role: Option<OrgRole>,
    models: Option<Seat>,
    weave: Option<Seat>,
    details: Map<String, Value>,
}

impl Wanted {
    fn of(mut sheet: Sheet) -> Result<Wanted> {
        let text = |value: Option<Value>| value.and_then(|v| v.as_str().map(str::to_owned));
        let user_name = text(sheet.remove("userName"));
        let display = text(sheet.remove("displayName")).filter(|name| !name.trim().is_empty());
        let external_id = text(sheet.remove("externalId")).filter(|id| !id.is_empty());
        let active = sheet.remove("active").as_ref().and_then(quirks::boolean);
        let mut own = match sheet.remove(WANDB_URN) {
            Some(Value::Object(own)) => own,
            _ => Map::new(),
        };
        let mut own = |name: &str| text(own.remove(name));
        let from_parts = user_json::name_from_parts(&sheet);
        let mut wanted = Wanted {
            user_name,
            name_derived: display.is_none() && !from_parts.is_empty(),
            full_name: display.unwrap_or(from_parts),
            email: None,
            active,
            external_id,
            role: own("organizationRole").map(|role| OrgRole::parse(&role)).transpose()?,
            models: own("modelsSeat").map(|seat| Seat::parse(&seat)).transpose()?,
            weave: own("weaveRole").map(|seat| Seat::parse(&seat)).transpose()?,
            details: sheet,
        };
        wanted.take_email()?;
        Ok(wanted)
    }

    /// The same after PATCH operations on what the person was: an address beside the one that counts would be lost, so it is
    /// refused.
    fn patched(sheet: Sheet, before: &Person) -> Result<Wanted> {
        let several = sheet.get("emails").and_then(Value::as_array).is_some_and(|all| all.len() > 1);
        let wanted = Wanted::of(sheet)?;
        if several && wanted.email.as_deref() == before.user.email() {
            return Err(Error::invalid("A user has one e-mail address here.")
                .hint("Replace it, or make the new one the primary one."));
        }
        Ok(wanted)
    }

    /// Takes the address that counts out of the list: the primary one, else the first. What is said about it stays.
    fn take_email(&mut self) -> Result<()> {
        let Some(Value::Array(all)) = self.details.remove("emails") else { return Ok(()) };
        let primary = all.iter().find(|e| sheet::is_primary(e)).or(all.first());
        let Some(Value::Object(mut about)) = primary.cloned() else { return Ok(()) };
        about.retain(|name, value| name != "primary" || *value == Value::Bool(false));
        let address = about.remove("value").and_then(|v| v.as_str().map(str::to_owned));
        self.email =
            Some(address.ok_or_else(|| Error::invalid("An element of 'emails' has an address as its 'value'."))?);
        about.retain(|name, value| name != "type" || value != user_json::EMAIL_TYPE);
        if !about.is_empty() {
            self.details.insert("emails".to_owned(), Value::Object(about));
        }
        Ok(())
    }

    /// Role and seats that differ.
    fn access(&self, before: Option<&Person>) -> Vec<Change> {
        let (role, models, weave) =
            before.map_or((OrgRole::Member, Seat::Full, Seat::Full), |p| (p.role, p.models, p.weave));
        [
            self.role.filter(|r| *r != role).map(Change::OrgRole),
            self.models.filter(|s| *s != models).map(Change::ModelsSeat),
            self.weave.filter(|s| *s != weave).map(Change::WeaveRole),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// What differs from a person as it is. Whoever works again does so first, whoever stops does so last.
    fn changes(self, before: &Person) -> Vec<Change> {
        let access = self.access(Some(before));
        let is_active = before.is_active();
        let active = self.active.filter(|active| *active != is_active);
        let mut out: Vec<Change> = active.filter(|active| *active).map(Change::Active).into_iter().collect();
        out.extend(self.user_name.filter(|name| name != before.user_name()).map(Change::UserName));
        if self.full_name != before.user.name || self.name_derived != before.profile.name_derived {
            out.push(Change::FullName { name: self.full_name, derived: self.name_derived });
        }
        out.extend(self.email.filter(|email| Some(email.as_str()) != before.user.email()).map(Change::Email));
        if self.external_id != before.profile.external_id {
            out.push(Change::ExternalId(self.external_id));
        }
        if self.details != before.profile.details {
            out.push(Change::Details(self.details));
        }
        out.extend(access);
        out.extend(active.filter(|active| !active).map(Change::Active));
        out
    }
}
