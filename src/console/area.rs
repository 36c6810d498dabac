//! The pages about the organization in groups: the one place that says what belongs where, for every page that shows it.

use super::page::parts::{Area, Tab};
use super::visit::Visit;
use super::{dashboard, domains, invitations, issuers, keys, mail, organization, provisioning, roles, services};
use super::{sign_in_settings as forms, teams};

/// A page: what is read, where it is, whether only administrators see it.
type Page = (&'static str, &'static str, bool);

/// What belongs where.
const GROUPS: [(&str, &[Page]); 5] = [
    (
        "Organization",
        &[
            ("Dashboard", dashboard::HOME, true),
            ("Name and rules", organization::HOME, true),
            ("Domains", domains::HOME, true),
            (forms::SIGN_UP.title, forms::SIGN_UP.address, true),
            ("Mail", mail::HOME, true),
            (forms::MAIL.title, forms::MAIL.address, true),
        ],
    ),
    (
        "People and access",
        &[
            ("People", super::people::HOME, true),
            ("Invitations", invitations::HOME, true),
            ("Teams", teams::HOME, true),
            ("Custom roles", roles::HOME, false),
            ("Permissions", roles::PERMISSIONS, false),
        ],
    ),
    (
        "Sign-in",
        &[
            ("Methods", forms::HOME, true),
            (forms::OIDC.title, forms::OIDC.address, true),
            (forms::LDAP.title, forms::LDAP.address, true),
            ("Provisioning", provisioning::HOME, true),
        ],
    ),
    (
        "Machines",
        &[
            ("Service accounts", services::HOME, true),
            ("API keys", keys::HOME, true),
            ("JWT issuers", issuers::HOME, true),
        ],
    ),
    ("All settings", &[("All settings", "/console/settings", true)]),
];

/// The pages beside the one at `current`, as far as this person sees them.
pub fn of(visit: &Visit, current: &str) -> Area {
    let tab = |label, href: &str, current| Tab { label, href: href.to_owned(), current, count: None };
    let mut area = Area::default();
    for (label, pages) in GROUPS {
        let pages: Vec<&Page> = pages.iter().filter(|(_, _, admins)| visit.is_admin || !admins).collect();
        let Some((_, first, _)) = pages.first() else { continue };
        let is_here = pages.iter().any(|(_, href, _)| *href == current);
        area.groups.push(tab(label, first, is_here));
        if is_here {
            area.pages = pages.iter().map(|(label, href, _)| tab(label, href, *href == current)).collect();
        }
    }
    area
}
