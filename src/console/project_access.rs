//! The access tab of a project: the rows of who reaches it with their project roles, the visibilities that can be chosen and
//! why others cannot, and the picture. Access comes from `ops::reach`, which asks the decision itself.

use super::page::draw::{AccessDrawing, Way};
use super::page::list::{List, thousands};
use super::page::parts::{Choice, Mark, visibilities};
use super::page::projects::AccessRow;
use super::visit::Visit;
use super::{roles, teams};
use crate::error::Result;
use crate::model::project::{Project, Visibility};
use crate::model::role::{Action, OrgRole, Seat};
use crate::model::{Entity, UserId};
use crate::ops::project_members::Member;
use crate::ops::reach::Reacher;
use crate::ops::{self, Asking};
use crate::policy::{Held, Resource};
use std::collections::HashMap;

/// What the rows are made of.
pub struct Shown<'a> {
    /// Who reads.
    pub reading: &'a [&'a Reacher],
    /// The project.
    pub found: &'a Project,
    /// Its team's name.
    pub team: &'a str,
    /// Whether the asker may give project roles.
    pub can_set: bool,
    /// Whose role was typed before a review, and which.
    pub typed: (&'a str, &'a str),
}

/// The rows of the access tab as the list's filter and order want them.
pub fn rows(cx: &Asking, visit: &Visit, list: &mut List, shown: &Shown) -> Result<Vec<AccessRow>> {
    let q = list.q.to_lowercase();
    let fits = |r: &&&Reacher| r.user.username.to_lowercase().contains(&q) || r.user.name.to_lowercase().contains(&q);
    let mut wanted: Vec<&Reacher> = shown.reading.iter().filter(fits).copied().collect();
    if list.sort.starts_with('-') {
        wanted.reverse();
    }
    let members: HashMap<UserId, Member> =
        ops::project_members::list(cx, shown.found)?.into_iter().map(|m| (m.user.id, m)).collect();
    let picker = roles::choices(cx, visit, "")?;
    list.cut(wanted)
        .into_iter()
        .map(|r| {
            let linked = cx.can(Action::UserRead, Resource::User(r.user.id))?;
            Ok(row(visit, shown, r, members.get(&r.user.id), (linked, &picker)))
        })
        .collect()
}

fn row(
    visit: &Visit,
    shown: &Shown,
    r: &Reacher,
    member: Option<&Member>,
    (linked, picker): (bool, &[Choice]),
) -> AccessRow {
    let found = shown.found;
    let label = format!("{}/{}", shown.team, found.name);
    let may_ask = visit.is_admin || r.user.id == visit.me.id;
    let team_role = r.role.as_ref().map(Held::label).unwrap_or_default();
    let word = member.map_or(team_role, |m| m.label.as_str());
    let locked = locked(found, r);
    let settable = shown.can_set && member.is_some() && locked.is_empty();
    let wanted = if shown.typed.0 == r.user.username && !shown.typed.1.is_empty() { shown.typed.1 } else { word };
    let mut choices = if settable { teams::chosen(picker, wanted) } else { vec![] };
    for choice in choices.iter_mut().filter(|choice| choice.value == team_role) {
        choice.label.push_str(" (team role)");
    }
    AccessRow {
        username: r.user.username.clone(),
        name: r.user.name.clone(),
        can: if r.submits { Mark::submits() } else { Mark::reads() },
        role: (!word.is_empty()).then(|| Mark::role(word)),
        roles: choices,
        stored: word.to_owned(),
        star: member.is_some_and(Member::differs),
        locked: if shown.can_set && member.is_some() { locked } else { "" },
        through: r.through.to_owned(),
        why: if may_ask { super::why::link(&r.user.username, "project:read", &label) } else { String::new() },
        linked,
        invited: r.invited && found.visibility == Visibility::Restricted,
    }
}

/// Why somebody's project role cannot be changed; empty where it can.
fn locked(found: &Project, r: &Reacher) -> &'static str {
    if found.visibility < Visibility::Team {
        "Project roles apply in team and restricted projects"
    } else if r.user.is_service() {
        "A service account keeps its role"
    } else if r.user.org_role(found.org) == Some(OrgRole::Viewer) {
        "Viewer of the organization, and so everywhere"
    } else if r.role.as_ref().is_some_and(Held::is_view_only) {
        "View-only in the team, and so in its projects"
    } else {
        ""
    }
}

/// The people of the team who could own the project instead.
pub fn heirs(reachers: &[Reacher], owner: Option<UserId>) -> Vec<Choice> {
    let people = reachers.iter().filter(|r| !r.user.is_service() && Some(r.user.id) != owner);
    people
        .map(|r| Choice { value: r.user.username.clone(), label: r.user.label().to_owned(), ..Choice::default() })
        .collect()
}

/// The four visibilities, those that are not possible now with the reason.
pub fn choices(cx: &Asking, found: &Project, chosen: &str) -> Result<Vec<Choice>> {
    let org = ops::settings::org(cx)?;
    let mut team_private = false;
    if let Entity::Team(_) = found.entity
        && cx.can(Action::TeamRead, Resource::Entity(found.entity))?
    {
        let name = ops::projects::entity_label(cx, found)?;
        team_private = ops::teams::get(cx, &name)?.private_projects;
    }
    let personal = matches!(found.entity, Entity::Person(_));
    let mut all = visibilities(chosen);
    for (visibility, choice) in Visibility::ALL.into_iter().zip(&mut all) {
        if visibility == found.visibility {
            continue;
        }
        let wide = visibility < Visibility::Team;
        let reason = if found.visibility == Visibility::Restricted && wide {
            "A restricted project can only become a team project first.".to_owned()
        } else if personal && visibility == Visibility::Restricted {
            "A personal project has no team to choose members from.".to_owned()
        } else if !personal && wide && org.private_projects {
            format!("{} keeps future projects of every team private.", org.name)
        } else if !personal && wide && team_private {
            "The team keeps its future projects private.".to_owned()
        } else {
            continue;
        };
        choice.off = reason;
        choice.chosen = false;
    }
    if !all.iter().any(|choice| choice.chosen) {
        for choice in &mut all {
            choice.chosen = choice.value == found.visibility.as_str();
        }
    }
    Ok(all)
}

/// The picture of who reaches a project, and through what.
pub fn drawing(
    visit: &Visit,
    team: &str,
    found: &Project,
    (reachers, own_roles): (&[Reacher], usize),
    knows_team: bool,
) -> AccessDrawing {
    let count = |wanted: &dyn Fn(&&Reacher) -> bool| reachers.iter().filter(wanted).count();
    let people = |n: usize| if n == 1 { "1 person".to_owned() } else { format!("{} people", thousands(n)) };
    let way = |label: &str, note: String, open: bool| Way { label: label.to_owned(), note, open };
    let visibility = found.visibility;
    let is_open = matches!(visibility, Visibility::Open | Visibility::Public);
    let restricted = visibility == Visibility::Restricted;
    let humans = count(&|r| !r.user.is_service() && r.reads);
    let machines = count(&|r| r.user.is_service() && r.reads);
    let mut ways = vec![way(
        &format!("Everyone in {}", visit.org_name),
        match visibility {
            Visibility::Open => "Reads and submits runs".to_owned(),
            Visibility::Public => "Reads".to_owned(),
            _ => "Closed: neither open nor public".to_owned(),
        },
        is_open,
    )];
    let note = |what: String| if knows_team { what } else { "You cannot see who they are".to_owned() };
    let personal = matches!(found.entity, Entity::Person(_));
    if personal {
        ways.push(way(&format!("{team}, whose namespace it is"), "1 person".to_owned(), true));
    } else if restricted {
        ways.push(way(&format!("Members of {team}"), "Closed: the team role alone is not enough".to_owned(), false));
        ways.push(way("Members invited to the project", note(people(humans)), humans > 0 || !knows_team));
    } else {
        ways.push(way(
            &format!("Members of {team}"),
            note(format!("{}, as their team role allows", people(humans))),
            true,
        ));
    }
    if !personal {
        let what = match machines {
            0 => "None with access".to_owned(),
            1 => "1 account".to_owned(),
            n => format!("{n} accounts"),
        };
        ways.push(way(&format!("Service accounts of {team}"), note(what), machines > 0 || !knows_team));
    }
    if own_roles > 0 && visibility >= Visibility::Team {
        let what = format!("{}, instead of their team role", people(own_roles));
        ways.push(way("Project roles", note(what), true));
    }
    let unseated = count(&|r| {
        let seats = r.user.membership(found.org).map(|m| m.models.max(m.weave));
        !r.user.is_service() && !r.reads && r.role.is_some() && seats == Some(Seat::None)
    });
    if unseated > 0 {
        ways.push(way("Members without a seat", format!("Closed: {}", people(unseated)), false));
    }
    let mark = Mark::visibility(visibility.as_str()).label;
    let reached = humans + machines;
    AccessDrawing {
        project: short(&found.name),
        note: match (is_open, knows_team) {
            (true, _) => format!("{mark}: everyone signed in"),
            (false, true) => format!("{mark}: {reached} with access"),
            (false, false) => mark.to_string(),
        },
        words: ways
            .iter()
            .map(|w| format!("{}: {}.", w.label, if w.open { w.note.clone() } else { "no access".to_owned() }))
            .collect::<Vec<_>>()
            .join(" "),
        ways: ways.into_iter().map(|w| Way { label: short(&w.label), ..w }).collect(),
    }
}

/// A text that fits its box in the drawing.
fn short(text: &str) -> String {
    if text.chars().count() <= 34 {
        return text.to_owned();
    }
    text.chars().take(33).chain(['…']).collect()
}
