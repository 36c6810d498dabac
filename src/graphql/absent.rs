//! What clients ask for and this server does not offer: artifacts, reports, sweeps, automations, launch, alerts. The answer comes
//! after the decision on the matching permission, so that a person who may not is told that, and one who may is told that it is
//! not offered. This looks at a document before the schema does, since such fields are not in it.

use crate::app::App;
use crate::error::{Code, Error, Result};
use crate::ops::{self, Caller};
use async_graphql::parser::types::{DocumentOperations, ExecutableDocument, Field, Selection, SelectionSet};
use async_graphql::{Name, Value, Variables};

/// Fields at the top of a document, what they would take, and the word for the thing.
const TOP: &[(&[&str], &str, &str)] = &[
    (
        &[
            "createArtifact",
            "createArtifactFiles",
            "createArtifactManifest",
            "createArtifactType",
            "commitArtifact",
            "completeMultipartUploadArtifact",
            "createArtifactPortfolio",
            "createArtifactSequence",
        ],
        "artifact:create",
        "Artifacts",
    ),
    (
        &[
            "updateArtifact",
            "updateArtifacts",
            "updateArtifactManifest",
            "updateArtifactSequence",
            "updateArtifactPortfolio",
            "linkArtifact",
            "unlinkArtifact",
            "addAliases",
            "deleteAliases",
            "moveArtifactSequence",
        ],
        "artifact:update",
        "Artifacts",
    ),
    (&["deleteArtifact", "deleteArtifactSequence", "deleteArtifactPortfolio"], "artifact:delete", "Artifacts"),
    (
        &["useArtifact", "artifact", "artifactCollection", "artifactMembership", "clientIDMapping"],
        "artifact:read",
        "Artifacts",
    ),
    (&["upsertView", "createView"], "report:create", "Reports"),
    (&["deleteView"], "report:delete", "Reports"),
    (&["view"], "report:read", "Reports"),
    (&["createCustomChart"], "workspace:update", "Custom charts"),
    (&["upsertSweep"], "sweep:create", "Sweeps"),
    (&["upsertSweepState"], "sweep:update", "Sweeps"),
    (&["createAgent", "agentHeartbeat", "enqueueSweepRun"], "sweep:create_agent", "Sweeps"),
    (&["rewindRun"], "run:update", "Rewinding runs"),
    (&["notifyScriptableRunAlert"], "run:update", "Alerts of runs"),
    (&["createRunQueue", "upsertRunQueue", "createDefaultResourceConfig"], "launchqueue:create", "Launch queues"),
    (&["deleteRunQueues"], "launchqueue:delete", "Launch queues"),
    (&["pushToRunQueue", "pushToRunQueueByName", "popFromRunQueue"], "launchjob:create", "Launch jobs"),
    (&["ackRunQueueItem", "failRunQueueItem", "updateRunQueueItemWarning"], "launchjob:update", "Launch jobs"),
    (&["createLaunchAgent", "updateLaunchAgent"], "launchagent:create", "Launch agents"),
    (&["launchAgent"], "launchagent:read", "Launch agents"),
    (&["createFilterTrigger", "createGenericWebhookIntegration"], "automation:create", "Automations"),
    (&["updateFilterTrigger"], "automation:update", "Automations"),
    (&["deleteTrigger"], "automation:delete", "Automations"),
];

/// The same inside `project` and `model`, and inside their runs.
const INSIDE: &[(&[&str], &str, &str)] = &[
    (
        &[
            "artifact",
            "artifactType",
            "artifactTypes",
            "artifactCollection",
            "artifactCollections",
            "artifacts",
            "inputArtifacts",
            "outputArtifacts",
            "usedArtifacts",
            "loggedArtifacts",
        ],
        "artifact:read",
        "Artifacts",
    ),
    (&["allViews", "reports"], "report:read", "Reports"),
    (&["sweep", "sweeps", "sweepCount"], "sweep:read", "Sweeps"),
    (&["runQueue", "runQueues"], "launchqueue:read", "Launch queues"),
    (&["triggers"], "automation:read", "Automations"),
];

/// Refuses a document that asks for something not offered.
///
/// # Errors
/// [`Code::Denied`] where the asker may not have it anyway, else [`Code::NotOffered`].
pub fn check(
    app: &App,
    who: &Caller,
    document: &ExecutableDocument,
    operation: Option<&str>,
    variables: &Variables,
) -> Result<()> {
    let chosen = match &document.operations {
        DocumentOperations::Single(single) => Some(single),
        DocumentOperations::Multiple(all) => match operation {
            Some(name) => all.get(name),
            None => all.values().next().filter(|_| all.len() == 1),
        },
    };
    let Some(chosen) = chosen else { return Ok(()) };
    let mut top = vec![];
    gather(&chosen.node.selection_set.node, document, &mut top, 0);
    for field in top {
        let name = field.name.node.as_str();
        if let Some(found) = known(TOP, name) {
            return refuse(app, who, found, &Place::of(field, variables));
        }
        if !matches!(name, "project" | "model") {
            continue;
        }
        let mut inside = vec![];
        gather(&field.selection_set.node, document, &mut inside, 0);
        for part in &inside {
            let mut deeper = vec![];
            if matches!(part.name.node.as_str(), "run" | "bucket") {
                gather(&part.selection_set.node, document, &mut deeper, 0);
            }
            let names = std::iter::once(part).chain(&deeper).map(|f| f.name.node.as_str());
            if let Some(found) = names.filter_map(|n| known(INSIDE, n)).next() {
                let mut place = Place::of(field, variables);
                // In these two the project is what has the plain name.
                place.project = place.project.or(text(field, "name", variables));
                return refuse(app, who, found, &place);
            }
        }
    }
    Ok(())
}

type Known = &'static (&'static [&'static str], &'static str, &'static str);

fn known(table: &'static [(&'static [&'static str], &'static str, &'static str)], name: &str) -> Option<Known> {
    table.iter().find(|(names, ..)| names.contains(&name))
}

fn refuse(app: &App, who: &Caller, (_, permission, thing): Known, place: &Place) -> Result<()> {
    app.ask(who, |cx| ops::lookup::may_inside(cx, permission, place.entity.as_deref(), place.project.as_deref()))?;
    Err(Error::new(Code::NotOffered, format!("{thing} are not kept on this server."))
        .hint("It keeps runs with their history, console output and files."))
}

/// The fields of a selection with its fragments, as far as they matter here.
fn gather<'a>(set: &'a SelectionSet, document: &'a ExecutableDocument, out: &mut Vec<&'a Field>, depth: usize) {
    if depth > 8 || out.len() > 1_000 {
        return;
    }
    for item in &set.items {
        match &item.node {
            Selection::Field(field) => out.push(&field.node),
            Selection::InlineFragment(inline) => gather(&inline.node.selection_set.node, document, out, depth + 1),
            Selection::FragmentSpread(spread) => {
                if let Some(fragment) = document.fragments.get(&spread.node.fragment_name.node) {
                    gather(&fragment.node.selection_set.node, document, out, depth + 1);
                }
            }
        }
    }
}

/// The project that a field is about, as its arguments say under one of the client's names.
#[derive(Default)]
struct Place {
    entity: Option<String>,
    project: Option<String>,
}

impl Place {
    fn of(field: &Field, variables: &Variables) -> Place {
        let mut place = Place::default();
        for (name, value) in &field.arguments {
            let value = value.node.clone().into_const_with(|name| given(&name, variables));
            place.look(name.node.as_str(), &value.unwrap_or(Value::Null), 0);
        }
        place
    }

    fn look(&mut self, name: &str, value: &Value, depth: usize) {
        match value {
            Value::String(text) if !text.is_empty() => match name {
                "entity" | "entityName" if self.entity.is_none() => self.entity = Some(text.clone()),
                "project" | "projectName" | "modelName" if self.project.is_none() => self.project = Some(text.clone()),
                _ => {}
            },
            Value::Object(map) if depth < 3 => {
                for (name, value) in map {
                    self.look(name.as_str(), value, depth + 1);
                }
            }
            _ => {}
        }
    }
}

fn text(field: &Field, argument: &str, variables: &Variables) -> Option<String> {
    match field.get_argument(argument)?.node.clone().into_const_with(|name| given(&name, variables)) {
        Ok(Value::String(text)) => Some(text),
        _ => None,
    }
}

/// The value of a variable, null where none was given.
fn given(name: &Name, variables: &Variables) -> std::result::Result<Value, ()> {
    Ok(variables.get(name).cloned().unwrap_or(Value::Null))
}
