//! The pages about the organization in groups: the one place that says what belongs where, for every page that shows it.

use super::page::parts::{Area, Tab};
use super::visit::Visit;
use super::{
    dashboard, domains, invitations, issuers, keys, mail, organization, organizations, provisioning, roles, services,
};
use super::{sign_in_settings as forms, teams};

/// Who sees a page.
#[derive(Clone, Copy)]
enum For {
    Everyone,
    /// Administrators of the organization.
    Admins,
    /// Administrators of the instance.
    Instance,
    /// The same, where the instance may have several organizations.
    Several,
}
use For::{Admins, Everyone, Instance, Several};

/// A page: what is read, where it is, who sees it.
type Page = (&'static str, &'static str, For);

/// What belongs where.
const GROUPS: [(&str, &[Page]); 5] = [
    (
        "Organization",
        &[
            ("Dashboard", dashboard::HOME, Admins),
            ("Name and rules", organization::HOME, Admins),
            ("Organizations", organizations::HOME, Several),
            ("Domains", domains::HOME, Admins),
            (forms::SIGN_UP.title, forms::SIGN_UP.address, Instance),
            ("Mail", mail::HOME, Admins),
            (forms::MAIL.title, forms::MAIL.address, Instance),
        ],
    ),
    (
        "People and access",
        &[
            ("People", super::people::HOME, Admins),
            ("Invitations", invitations::HOME, Admins),
            ("Teams", teams::HOME, Admins),
            ("Custom roles", roles::HOME, Everyone),
            ("Permissions", roles::PERMISSIONS, Everyone),
        ],
    ),
    (
        "Sign-in",
        &[
            ("Methods", forms::HOME, Instance),
            (forms::OIDC.title, forms::OIDC.address, Instance),
            (forms::LDAP.title, forms::LDAP.address, Instance),
            ("Provisioning", provisioning::HOME, Admins),
        ],
    ),
    (
        "Machines",
        &[
            ("Service accounts", services::HOME, Admins),
            ("API keys", keys::HOME, Admins),
            ("JWT issuers", issuers::HOME, Admins),
        ],
    ),
    ("All settings", &[("All settings", "/console/settings", Instance)]),
];

/// The pages beside the one at `current`, as far as this person sees them.
pub fn of(visit: &Visit, current: &str) -> Area {
    let tab = |label, href: &str, current| Tab { label, href: href.to_owned(), current, count: None };
    let sees = |page: &&Page| match page.2 {
        Everyone => true,
        Admins => visit.is_admin,
        Instance => visit.is_instance,
        Several => visit.is_instance && visit.several_orgs,
    };
    let mut area = Area::default();
    for (label, pages) in GROUPS {
        let pages: Vec<&Page> = pages.iter().filter(sees).collect();
        let Some((_, first, _)) = pages.first() else { continue };
        let is_here = pages.iter().any(|(_, href, _)| *href == current);
        area.groups.push(tab(label, first, is_here));
        if is_here {
            area.pages = pages.iter().map(|(label, href, _)| tab(label, href, *href == current)).collect();
        }
    }
    area
}
