//! What attributes there are: names, types and characteristics (RFC 7643 §7) as constant data. Discovery prints it, filters and
//! paths are read against it, projection follows it. Announced is only what is kept; what a value does is the business of the
//! handlers. Names here are canonical: whatever case a client wrote, look-ups give these.

mod attribute;

pub use attribute::{Attribute, Canonical, Found, Kind, Mutability, Returned, Schema, Type};

/// The schema of users.
pub const USER_URN: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// The schema of teams.
pub const GROUP_URN: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// The schema of custom roles.
pub const ROLE_URN: &str = "urn:ietf:params:scim:schemas:core:2.0:Role";
/// What companies know of their people (RFC 7643 §4.3).
pub const ENTERPRISE_URN: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// What W&B's documents add to users.
pub const WANDB_URN: &str = "urn:ietf:params:scim:schemas:extension:wandb:2.0:User";

/// A list of resources.
pub const LIST_URN: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
/// A question by POST.
pub const SEARCH_URN: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
/// A partial change.
pub const PATCH_URN: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
/// Many requests in one.
pub const BULK_URN: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
/// Their answers.
pub const BULK_RESPONSE_URN: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";

const TYPES: &[&str] = &["work", "home", "other"];

/// What every resource has (RFC 7643 §3.1), and the list of its schemas.
pub static COMMON: &[Attribute] = &[
    Attribute::reference("schemas", &["uri"], "The schemas that the resource is made of.").many().read_only().always(),
    Attribute::text("id", "The permanent id, given by this server.").exact().unique().read_only().always(),
    Attribute::text("externalId", "The client's own id for it.").exact(),
    Attribute::complex(
        "meta",
        &[
            Attribute::text("resourceType", "The name of the resource type.").exact().read_only(),
            Attribute::new("created", Type::DateTime, "When it was made.").read_only(),
            Attribute::new("lastModified", Type::DateTime, "When it was changed last.").read_only(),
            Attribute::reference("location", &["uri"], "Where it is.").read_only(),
            Attribute::text("version", "The entity tag of its present state.").exact().read_only(),
        ],
        "About the resource itself.",
    )
    .read_only(),
];

static USER_SCHEMA: Schema = Schema {
    id: USER_URN,
    name: "User",
    doc: "A person of the organization.",
    attributes: &[
        Attribute::text("userName", "The name to sign in with, kept as written; unique without regard to case.")
            .required()
            .unique(),
        Attribute::complex(
            "name",
            &[
                Attribute::text("formatted", "The full name."),
                Attribute::text("familyName", "The family name."),
                Attribute::text("givenName", "The given name."),
                Attribute::text("middleName", "The middle names."),
                Attribute::text("honorificPrefix", "Titles before the name."),
                Attribute::text("honorificSuffix", "Titles after the name."),
            ],
            "The parts of the name.",
        ),
        Attribute::text("displayName", "The name shown to people."),
        Attribute::text("nickName", "How the person is called."),
        Attribute::reference("profileUrl", &["external"], "A page about the person."),
        Attribute::text("title", "The title, such as \"Vice President\"."),
        Attribute::text("userType", "How the person stands to the organization, such as \"Contractor\"."),
        Attribute::text("preferredLanguage", "The preferred languages, as in Accept-Language."),
        Attribute::text("locale", "The locale for dates and numbers."),
        Attribute::text("timezone", "The time zone, such as \"Europe/Berlin\"."),
        Attribute::new("active", Type::Boolean, "Whether the account works; true where POST does not say.").required(),
        Attribute::complex(
            "emails",
            &[
                Attribute::text("value", "The address.").required(),
                Attribute::text("display", "A name for it."),
                Attribute::text("type", "What it is for.").one_of(TYPES),
                Attribute::new("primary", Type::Boolean, "Whether it is the preferred one."),
            ],
            "The e-mail addresses; the primary one counts.",
        )
        .many()
        .required(),
        Attribute::complex(
            "phoneNumbers",
            &[
                Attribute::text("value", "The number."),
                Attribute::text("display", "A name for it."),
                Attribute::text("type", "What it is for.").one_of(&["work", "home", "mobile", "fax", "pager", "other"]),
                Attribute::new("primary", Type::Boolean, "Whether it is the preferred one."),
            ],
            "Telephone numbers.",
        )
        .many(),
        Attribute::complex(
            "addresses",
            &[
                Attribute::text("formatted", "The whole address."),
                Attribute::text("streetAddress", "Street and number."),
                Attribute::text("locality", "The town."),
                Attribute::text("region", "The state or region."),
                Attribute::text("postalCode", "The postal code."),
                Attribute::text("country", "The country, ISO 3166-1 alpha-2."),
                Attribute::text("type", "What it is for.").one_of(TYPES),
                Attribute::new("primary", Type::Boolean, "Whether it is the preferred one."),
            ],
            "Postal addresses.",
        )
        .many(),
        Attribute::complex(
            "groups",
            &[
                Attribute::text("value", "The team's id.").exact().read_only(),
                Attribute::reference("$ref", &["Group"], "Where the team is.").read_only(),
                Attribute::text("display", "The team's name.").read_only(),
                Attribute::text("type", "How the person belongs to it.").one_of(&["direct"]).read_only(),
            ],
            "The teams the person is in; changed by the teams.",
        )
        .many()
        .read_only(),
    ],
};

static ENTERPRISE_SCHEMA: Schema = Schema {
    id: ENTERPRISE_URN,
    name: "EnterpriseUser",
    doc: "What companies know of their people. Kept and given back; no access follows from it.",
    attributes: &[
        Attribute::text("employeeNumber", "The number in the company."),
        Attribute::text("costCenter", "The cost center."),
        Attribute::text("organization", "The organization."),
        Attribute::text("division", "The division."),
        Attribute::text("department", "The department."),
        Attribute::complex(
            "manager",
            &[
                Attribute::text("value", "The manager's id.").exact(),
                Attribute::reference("$ref", &["User"], "Where the manager is."),
                Attribute::text("displayName", "The manager's name.").read_only(),
            ],
            "The manager.",
        ),
    ],
};

static WANDB_SCHEMA: Schema = Schema {
    id: WANDB_URN,
    name: "WandbUser",
    doc: "Roles and seats of a person in the organization and its teams.",
    attributes: &[
        Attribute::text("organizationRole", "The role in the organization; member where POST does not say.")
            .one_of(&["admin", "member", "viewer"])
            .required(),
        Attribute::text("modelsSeat", "The Models seat; full where POST does not say.")
            .one_of(&["full", "viewer", "none"])
            .required(),
        Attribute::text("weaveRole", "The Weave access; full where POST does not say.")
            .one_of(&["full", "viewer", "none"])
            .required(),
        Attribute::new("daysActive", Type::Integer, "On how many days the account was used.").read_only(),
        Attribute::new("lastActiveAt", Type::DateTime, "When the account was used last.").read_only(),
        Attribute::complex(
            "teamRoles",
            &[
                Attribute::text("teamName", "The team.").read_only(),
                Attribute::text("roleName", "The role in it: admin, member, viewer or a custom one.").exact().read_only(),
            ],
            "The roles in teams. PATCH changes the teams it names, as W&B's documents describe; it is no list to be replaced.",
        )
        .many()
        .read_only(),
    ],
};

static GROUP_SCHEMA: Schema = Schema {
    id: GROUP_URN,
    name: "Group",
    doc: "A team.",
    attributes: &[
        Attribute::text("displayName", "The team's name, kept as written; unique without regard to case.")
            .required()
            .unique(),
        Attribute::complex(
            "members",
            &[
                Attribute::text("value", "The person's id.").exact().immutable(),
                Attribute::reference("$ref", &["User"], "Where the person is.").immutable(),
                Attribute::text("type", "What the member is.").one_of(&["User"]).immutable(),
                Attribute::text("display", "The person's name.").read_only().on_request(),
            ],
            "The people of the team.",
        )
        .many(),
    ],
};

static ROLE_SCHEMA: Schema = Schema {
    id: ROLE_URN,
    name: "Role",
    doc: "A custom role of the organization: what it inherits, and what it adds.",
    attributes: &[
        Attribute::text("name", "The role's name; unique without regard to case.").required().unique(),
        Attribute::text("description", "One line for people."),
        Attribute::text("inheritedFrom", "The predefined role it inherits from.")
            .required()
            .one_of(&["member", "viewer"]),
        Attribute::complex(
            "permissions",
            &[
                PERMISSION_NAME,
                Attribute::new("isInherited", Type::Boolean, "Whether it comes from the predefined role.").read_only(),
            ],
            "What holders may do: what is inherited, and what the role adds. POST, PUT and PATCH write what it adds, as W&B's \
             documents describe; it is no list to be replaced by what was read.",
        )
        .many()
        .read_only(),
        Attribute::text("organizationID", "The organization that defines it.").exact().read_only(),
    ],
};

const PERMISSION_NAME: Attribute = {
    let mut it = Attribute::text("name", "The permission, `object:operation`.").exact();
    it.canonical = Canonical::Permissions;
    it
};

/// Users.
pub static USER: Kind = Kind {
    name: "User",
    endpoint: "/Users",
    doc: "People of the organization.",
    schema: &USER_SCHEMA,
    extensions: &[&ENTERPRISE_SCHEMA, &WANDB_SCHEMA],
};

/// Teams.
pub static GROUP: Kind =
    Kind { name: "Group", endpoint: "/Groups", doc: "Teams.", schema: &GROUP_SCHEMA, extensions: &[] };

/// Custom roles.
pub static ROLE: Kind =
    Kind { name: "Role", endpoint: "/Roles", doc: "Custom roles.", schema: &ROLE_SCHEMA, extensions: &[] };

/// Every kind of resource.
pub static KINDS: [&Kind; 3] = [&USER, &GROUP, &ROLE];

/// Every schema.
pub static SCHEMAS: [&Schema; 5] = [&USER_SCHEMA, &ENTERPRISE_SCHEMA, &WANDB_SCHEMA, &GROUP_SCHEMA, &ROLE_SCHEMA];

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case_bare_and_below_their_schema() {
        let found = USER.find(None, "USERNAME").unwrap();
        assert_eq!((found.attribute.name, found.extension.is_none()), ("userName", true));
        let found = USER.find(Some(&ENTERPRISE_URN.to_uppercase()), "Department").unwrap();
        assert_eq!((found.attribute.name, found.extension.unwrap().id), ("department", ENTERPRISE_URN));
        // W&B's attributes stand bare in its documents; the enterprise ones never do.
        assert_eq!(USER.find(None, "teamroles").unwrap().extension.unwrap().id, WANDB_URN);
        assert!(USER.find(None, "department").is_none());
        assert!(USER.find(Some(GROUP_URN), "displayName").is_none());
        assert_eq!(GROUP.find(Some(GROUP_URN), "externalid").unwrap().attribute.name, "externalId");
        assert_eq!(GROUP.find(None, "members").unwrap().attribute.part("VALUE").unwrap().name, "value");
    }

    #[test]
    fn complex_attributes_have_parts_and_no_name_stands_twice() {
        fn check(attributes: &'static [Attribute], depth: u8) {
            for (n, a) in attributes.iter().enumerate() {
                assert_eq!(a.kind == Type::Complex, !a.sub.is_empty(), "{}", a.name);
                assert_eq!(a.kind == Type::Reference, !a.refers.is_empty(), "{}", a.name);
                assert!(attributes[n + 1..].iter().all(|b| !b.name.eq_ignore_ascii_case(a.name)), "{}", a.name);
                // RFC 7643 §2.3.8: a complex attribute has no complex parts.
                assert!(depth == 0 || a.sub.is_empty());
                check(a.sub, depth + 1);
            }
        }
        SCHEMAS.iter().for_each(|s| check(s.attributes, 0));
        check(COMMON, 0);
    }
}
