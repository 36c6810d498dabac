//! The frame around every signed-in page: side bar, breadcrumb, account menu, flash. It holds what the handler knows
//! about the asker and nothing the asker may not see. Rendered by `templates/layout.html`.

use super::parts::Flash;

/// The signed-in person as the frame shows them.
#[derive(Debug, Clone, Default)]
pub struct Who {
    /// The unique name.
    pub username: String,
    /// The display name; may be empty.
    pub name: String,
    /// The first e-mail address.
    pub email: String,
}

impl Who {
    /// The display name, or the username where there is none.
    #[must_use]
    pub fn label(&self) -> &str {
        if self.name.is_empty() { &self.username } else { &self.name }
    }
}

/// Which entry of the side bar is the current one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Section {
    /// The home page.
    Home,
    /// Projects of every team.
    Projects,
    /// Teams.
    Teams,
    /// People.
    People,
    /// The organization at a glance.
    Dashboard,
    /// Audit log.
    Audit,
    /// Settings.
    Settings,
    /// None of them.
    #[default]
    None,
}

/// One step of the breadcrumb; the last has no address.
#[derive(Debug, Clone)]
pub struct Crumb {
    /// What is read.
    pub label: String,
    /// Where it leads; empty for the page itself.
    pub href: String,
}

/// One entry of the side bar.
#[derive(Debug)]
pub struct NavItem {
    /// Where it leads.
    pub href: &'static str,
    /// What is read.
    pub label: &'static str,
    /// Name of the symbol in `assets/icons.svg`.
    pub icon: &'static str,
    /// Whether the page belongs to it.
    pub current: bool,
}

/// Everything the layout needs around a page's own content.
#[derive(Debug, Clone, Default)]
pub struct Frame {
    /// Title of the page, for the window and the bookmark.
    pub title: String,
    /// `auto`, `light` or `dark`, from the cookie.
    pub theme: &'static str,
    /// The session's token for forms.
    pub csrf: String,
    /// Path and query of this page, to come back to after switching the theme.
    pub path: String,
    /// The asker; none on the pages before sign-in.
    pub who: Option<Who>,
    /// Name of the organization.
    pub org: String,
    /// All organizations of the asker where there are several, with whether it is this one.
    pub orgs: Vec<(String, bool)>,
    /// The current entry of the side bar.
    pub section: Section,
    /// Whether the entries that only organization admins can use are shown.
    pub is_admin: bool,
    /// Whether the asker administers the instance, and so sees its settings.
    pub is_instance: bool,
    /// Whether the way back in is open, and the company's sign-in closed.
    pub restoring: bool,
    /// Whether tokens are taken whatever they are for.
    pub any_audience: bool,
    /// Whether pasted keys of an issuer go stale soon.
    pub stale_keys: bool,
    /// Teams the asker belongs to.
    pub teams: Vec<String>,
    /// The team this page belongs to, if any.
    pub team: String,
    /// The way here.
    pub crumbs: Vec<Crumb>,
    /// What the last action did.
    pub flash: Option<Flash>,
}

impl Frame {
    /// Where the manual helps with this page.
    #[must_use]
    pub fn help(&self) -> String {
        crate::console::manual::help_for(&self.path)
    }

    /// The version of this build.
    #[must_use]
    pub fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    /// The three choices of the theme switch: value and word.
    #[must_use]
    pub fn themes(&self) -> [(&'static str, &'static str); 3] {
        [("auto", "Auto"), ("light", "Light"), ("dark", "Dark")]
    }

    /// Whether the asker can open the page of that team or namespace; a link that leads to nothing is worse than a word.
    #[must_use]
    pub fn knows(&self, team: &str) -> bool {
        self.is_admin || self.teams.iter().any(|t| t == team) || self.who.as_ref().is_some_and(|w| w.username == team)
    }

    /// Whether this page belongs to that team.
    #[must_use]
    pub fn at_team(&self, team: &str) -> bool {
        self.team == team
    }

    /// The side bar's entries for this asker.
    #[must_use]
    pub fn nav(&self) -> Vec<NavItem> {
        let item = |href, label, icon, section| NavItem { href, label, icon, current: self.section == section };
        let mut items = vec![
            item("/", "Home", "home", Section::Home),
            item("/console/projects", "Projects", "projects", Section::Projects),
            item("/console/teams", "Teams", "teams", Section::Teams),
        ];
        if self.is_admin {
            items.push(item("/console/users", "People", "person", Section::People));
            items.push(item("/org/dashboard", "Dashboard", "chart", Section::Dashboard));
            items.push(item("/console/audit", "Audit", "audit", Section::Audit));
            let settings = if self.is_instance { "/console/settings" } else { "/console/organization" };
            items.push(item(settings, "Settings", "settings", Section::Settings));
        }
        items
    }

    /// Adds a step to the breadcrumb; an empty address marks the page itself.
    #[must_use]
    pub fn crumb(mut self, label: impl Into<String>, href: impl Into<String>) -> Self {
        self.crumbs.push(Crumb { label: label.into(), href: href.into() });
        self
    }
}
