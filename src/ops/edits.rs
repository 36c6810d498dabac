//! Two people who change the same thing by forms. A form says what it was made from; a change that would silently replace what
//! somebody else saved since then is refused, and can be made again from what is there now. What the forms about a thing hold,
//! and how much of it is stored, is said here once for everything that is changed so.

use super::{Cx, projects, roles, settings, teams, users};
use crate::error::{Code, Error, Result};
use crate::model::RoleId;
use crate::model::role::{OrgRole, Seat};
use crate::store::{Read, schema};

/// What a form changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Thing {
    /// The asker's organization.
    Org,
    /// A team, by name.
    Team(String),
    /// A project, by the name of its team or person, and its own.
    Project(String, String),
    /// A custom role.
    Role(RoleId),
    /// A person or a service account, by name.
    User(String),
}

/// A field of a form about a thing, with what is stored of it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its name in the form.
    pub name: &'static str,
    /// What people read.
    pub label: &'static str,
    /// The value; several for a set, none for what is empty or off.
    pub values: Vec<String>,
}

/// What a form sent about a field: what it was made from, and what is wanted now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drafted {
    /// The field's name.
    pub name: String,
    /// What was stored when the form was made.
    pub seen: Vec<String>,
    /// What it says now.
    pub wanted: Vec<String>,
}

/// A field that is not the same for everybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What people read.
    pub label: &'static str,
    /// What was stored when the form was made.
    pub seen: Vec<String>,
    /// What is stored now.
    pub now: Vec<String>,
    /// What the form says.
    pub wanted: Vec<String>,
    /// What saving again would store: what the form changed, else what is there now.
    pub merged: Vec<String>,
}

fn part(name: &'static str, label: &'static str, values: impl IntoIterator<Item = impl Into<String>>) -> Part {
    Part { name, label, values: plain(values.into_iter().map(Into::into)) }
}

fn switch(name: &'static str, label: &'static str, on: bool) -> Part {
    part(name, label, on.then_some("on"))
}

/// Values as they are compared: in order, without blanks around them, without empty ones.
pub fn plain(values: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut out: Vec<String> = values.into_iter().map(|v| v.trim().to_owned()).filter(|v| !v.is_empty()).collect();
    out.sort_unstable();
    out
}

/// What the forms about a thing hold, as it is stored now, for somebody who may see it.
///
/// # Errors
/// [`Code::NotFound`], [`Code::Denied`].
pub fn parts<V: Read>(cx: &Cx<V>, thing: &Thing) -> Result<Vec<Part>> {
    Ok(match thing {
        Thing::Org => {
            let (org, payer) = (settings::org(cx)?, settings::billing_admin(cx)?);
            vec![
                part("org", "Name", [org.name]),
                part("billing", "Billing administrator", payer.map(|user| user.username)),
                switch("private", "All future projects are private", org.private_projects),
                switch("admins", "Only admins invite to teams", org.admins_invite),
            ]
        }
        Thing::Team(typed) => {
            let team = teams::get(cx, typed)?;
            vec![
                part("default-role", "Role of newcomers", [teams::default_role(cx, &team)?.label()]),
                part("storage", "Storage type", [team.storage.as_str()]),
                switch("private", "All future projects are private", team.private_projects),
                switch("invite", "Any member may invite", team.members_invite),
                switch("recommended", "Recommended to newcomers", team.recommended),
                part("name", "Name", [team.name]),
                part("about", "Description", [team.description]),
            ]
        }
        Thing::Project(entity, typed) => {
            let project = projects::get(cx, entity, typed)?;
            vec![
                part("visibility", "Visibility", [project.visibility.as_str()]),
                part("about", "Description", [project.description]),
            ]
        }
        Thing::Role(id) => {
            let role = roles::get(cx, *id)?;
            vec![
                part("inherits", "Inherits from", [role.inherits.as_str()]),
                part("permission", "Permissions", role.permissions.iter().map(|action| action.as_str())),
                part("name", "Name", [role.name]),
                part("about", "What it is for", [role.description]),
            ]
        }
        Thing::User(typed) => {
            let (user, org) = (users::get(cx, typed)?, cx.org()?);
            let (member, is_own) = (user.membership(org), cx.subject().user() == Some(user.id));
            let team = match user.default_team {
                Some(id) => cx.view().get(&schema::TEAMS, &id)?.filter(|t| is_own || t.org == org).map(|t| t.name),
                None => None,
            };
            vec![
                part("role", "Role", member.map(|m| OrgRole::as_str(m.role))),
                part("models", "Models seat", member.map(|m| Seat::as_str(m.models))),
                part("weave", "Weave access", member.map(|m| Seat::as_str(m.weave))),
                part("team", "Default team", team),
                part("name", "Name", [user.name]),
            ]
        }
    })
}

/// Refuses a change by a form where somebody else saved something else since the form was made. A form that says nothing of
/// what it was made from is not held against anything, and saving the same twice is no clash.
///
/// # Errors
/// [`Code::StaleVersion`], and those of [`parts`].
pub fn check<V: Read>(cx: &Cx<V>, thing: &Thing, draft: &[Drafted]) -> Result<()> {
    if draft.is_empty() {
        return Ok(());
    }
    let now = parts(cx, thing)?;
    let is_stale = |drafted: &Drafted| {
        now.iter().any(|p| p.name == drafted.name && p.values != drafted.seen && p.values != drafted.wanted)
    };
    if draft.iter().any(is_stale) {
        return Err(Error::new(
            Code::StaleVersion,
            "Somebody else changed it while the form was open. Nothing was saved.",
        )
        .hint("Look at what changed, and save again."));
    }
    Ok(())
}

/// Where `draft`, what it was made from, and what is stored now differ.
pub fn differences(now: &[Part], draft: &[Drafted]) -> Vec<Difference> {
    let each = draft.iter().filter_map(|drafted| {
        let part = now.iter().find(|p| p.name == drafted.name)?;
        let merged = merged(part, drafted);
        let (seen, wanted) = (drafted.seen.clone(), drafted.wanted.clone());
        (part.values != seen || wanted != seen).then(|| Difference {
            label: part.label,
            seen,
            now: part.values.clone(),
            wanted,
            merged,
        })
    });
    each.collect()
}

/// What saving `draft` again would store of a field: what the form changed, else what is there now. In a set, what the form
/// added and took away, by itself.
pub fn merged(now: &Part, drafted: &Drafted) -> Vec<String> {
    if drafted.seen.len() < 2 && drafted.wanted.len() < 2 && now.values.len() < 2 {
        return if drafted.wanted == drafted.seen { now.values.clone() } else { drafted.wanted.clone() };
    }
    let kept = now.values.iter().filter(|v| !drafted.seen.contains(v) || drafted.wanted.contains(v));
    let added = drafted.wanted.iter().filter(|v| !drafted.seen.contains(v) && !now.values.contains(v));
    plain(kept.chain(added).cloned())
}

#[cfg(test)]
mod tests {
    use super::{Drafted, differences, merged, part, plain};

    fn drafted(name: &str, seen: &[&str], wanted: &[&str]) -> Drafted {
        let owned = |all: &[&str]| plain(all.iter().map(|v| (*v).to_owned()));
        Drafted { name: name.to_owned(), seen: owned(seen), wanted: owned(wanted) }
    }

    #[test]
    fn what_the_form_changed_wins_and_all_else_stays() {
        let text =
            |now: &str, seen: &str, wanted: &str| merged(&part("a", "A", [now]), &drafted("a", &[seen], &[wanted]));
        assert_eq!(text("theirs", "old", "old"), ["theirs"]);
        assert_eq!(text("theirs", "old", "mine"), ["mine"]);
        assert_eq!(text("old", "old", "mine"), ["mine"]);
        assert!(text("theirs", "old", "").is_empty(), "emptying is a change too");
    }

    #[test]
    fn sets_are_put_together() {
        let now = part("p", "P", ["a", "c", "new"]);
        // The form took a away and added d; somebody else took b away and added new.
        assert_eq!(merged(&now, &drafted("p", &["a", "b", "c"], &["b", "c", "d"])), ["c", "d", "new"]);
    }

    #[test]
    fn only_what_differs_is_told() {
        let now = [part("a", "A", ["1"]), part("b", "B", ["2"]), part("c", "C", ["3"])];
        let draft = [drafted("a", &["1"], &["1"]), drafted("b", &["0"], &["0"]), drafted("gone", &["x"], &["y"])];
        let told = differences(&now, &draft);
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].label, told[0].merged.join("")), ("B", "2".to_owned()));
    }
}
