//! The settings about sessions, teams, runs and provisioning. Those about signing in through the company are in `sso.rs`.

use super::{Kind, Setting};

/// `session.length`.
pub const SESSION_LENGTH: &str = "session.length";
/// `teams.members_may_create`.
pub const MEMBERS_MAY_CREATE_TEAMS: &str = "teams.members_may_create";
/// `runs.crashed_after`.
pub const RUN_CRASHED_AFTER: &str = "runs.crashed_after";
/// `runs.lines_limit`.
pub const RUN_LINES_LIMIT: &str = "runs.lines_limit";
/// `runs.line_limit`.
pub const RUN_LINE_LIMIT: &str = "runs.line_limit";
/// `runs.text_limit`.
pub const RUN_TEXT_LIMIT: &str = "runs.text_limit";
/// `runs.tags_limit`.
pub const RUN_TAGS_LIMIT: &str = "runs.tags_limit";
/// `runs.file_limit`.
pub const RUN_FILE_LIMIT: &str = "runs.file_limit";
/// `runs.files_limit`.
pub const RUN_FILES_LIMIT: &str = "runs.files_limit";
/// `runs.project_limit`.
pub const RUN_PROJECT_LIMIT: &str = "runs.project_limit";

/// `provisioning.fuse_accounts`.
pub const FUSE_ACCOUNTS: &str = "provisioning.fuse_accounts";
/// `provisioning.fuse_percent`.
pub const FUSE_PERCENT: &str = "provisioning.fuse_percent";
/// `provisioning.fuse_window`.
pub const FUSE_WINDOW: &str = "provisioning.fuse_window";

/// `personal_entities.disabled`.
pub const PERSONAL_ENTITIES_DISABLED: &str = "personal_entities.disabled";
/// `teams.admin_access_disabled`.
pub const ADMIN_TEAM_ACCESS_DISABLED: &str = "teams.admin_access_disabled";
/// `teams.service_accounts_disabled`.
pub const TEAM_SERVICES_DISABLED: &str = "teams.service_accounts_disabled";
/// `scim.delete_mode`.
pub const SCIM_DELETE_MODE: &str = "scim.delete_mode";

/// The settings that are not about signing in through the company.
pub(super) const GENERAL: &[Setting] = &[
    Setting {
        key: SESSION_LENGTH,
        env: &["SESSION_LENGTH", "GORILLA_SESSION_LENGTH"],
        kind: Kind::Hours,
        default: "720",
        secret: false,
        doc: "How long a browser session lasts, in hours.",
        caution: "",
    },
    Setting {
        key: MEMBERS_MAY_CREATE_TEAMS,
        env: &["GORILLA_ALLOW_USER_TEAM_CREATION"],
        kind: Kind::Bool,
        default: "false",
        secret: false,
        doc: "Whether members of the organization who are not its admins may create teams.",
        caution: "",
    },
    Setting {
        key: PERSONAL_ENTITIES_DISABLED,
        env: &["GORILLA_DISABLE_PERSONAL_ENTITY"],
        kind: Kind::Bool,
        default: "false",
        secret: false,
        doc: "Whether personal namespaces are closed: no new personal projects, nothing written to existing ones; reading stays.",
        caution: "Scripts that name no team submit to the personal namespace and will fail from then on.",
    },
    Setting {
        key: ADMIN_TEAM_ACCESS_DISABLED,
        env: &["GORILLA_DISABLE_ADMIN_TEAM_ACCESS"],
        kind: Kind::Bool,
        default: "false",
        secret: false,
        doc: "Whether organization admins are kept out of teams: they cannot add themselves, make service accounts or keys there, or change the visibility of projects in teams they are not in.",
        caution: "A team whose last admin leaves can then be repaired only by adding somebody else to it.",
    },
    Setting {
        key: TEAM_SERVICES_DISABLED,
        env: &["GORILLA_DISABLE_TEAM_SERVICE_ACCOUNT_CREATION"],
        kind: Kind::Bool,
        default: "false",
        secret: false,
        doc: "Whether teams get no new service accounts; those that are there stay, and organization admins may still create accounts of the organization.",
        caution: "",
    },
    Setting {
        key: SCIM_DELETE_MODE,
        env: &["SCIM_DELETE_MODE"],
        kind: Kind::OneOf(&[("delete", &[]), ("deactivate", &[])]),
        default: "delete",
        secret: false,
        doc: "What DELETE of a user by SCIM does: deletes the account for good, or deactivates it and keeps it listed.",
        caution: "",
    },
    Setting {
        key: RUN_CRASHED_AFTER,
        env: &["BAILIWICK_RUN_CRASHED_AFTER"],
        kind: Kind::Span,
        default: "5m",
        secret: false,
        doc: "How long a running run may be silent before it counts as crashed. The client reports at least every 30 seconds.",
        caution: "",
    },
    Setting {
        key: RUN_LINES_LIMIT,
        env: &["BAILIWICK_RUN_LINES_LIMIT"],
        kind: Kind::Bytes,
        default: "1GiB",
        secret: false,
        doc: "How much history, machine metrics and console output one run may have.",
        caution: "",
    },
    Setting {
        key: RUN_LINE_LIMIT,
        env: &["BAILIWICK_RUN_LINE_LIMIT"],
        kind: Kind::Bytes,
        default: "1MiB",
        secret: false,
        doc: "How long one line of history or console output may be.",
        caution: "",
    },
    Setting {
        key: RUN_TEXT_LIMIT,
        env: &["BAILIWICK_RUN_TEXT_LIMIT"],
        kind: Kind::Bytes,
        default: "1MiB",
        secret: false,
        doc: "How large the configuration and the summary of a run may be, each.",
        caution: "",
    },
    Setting {
        key: RUN_TAGS_LIMIT,
        env: &["BAILIWICK_RUN_TAGS_LIMIT"],
        kind: Kind::Count,
        default: "100",
        secret: false,
        doc: "How many tags a run may have.",
        caution: "",
    },
    Setting {
        key: RUN_FILE_LIMIT,
        env: &["BAILIWICK_RUN_FILE_LIMIT"],
        kind: Kind::Bytes,
        default: "5GiB",
        secret: false,
        doc: "How large one file of a run may be.",
        caution: "",
    },
    Setting {
        key: RUN_FILES_LIMIT,
        env: &["BAILIWICK_RUN_FILES_LIMIT"],
        kind: Kind::Count,
        default: "10000",
        secret: false,
        doc: "How many files one run may have.",
        caution: "",
    },
    Setting {
        key: RUN_PROJECT_LIMIT,
        env: &["BAILIWICK_RUN_PROJECT_LIMIT"],
        kind: Kind::Bytes,
        default: "100GiB",
        secret: false,
        doc: "How much the runs of one project may have in all, files included.",
        caution: "",
    },
    Setting {
        key: FUSE_ACCOUNTS,
        env: &["BAILIWICK_PROVISIONING_FUSE_ACCOUNTS"],
        kind: Kind::Count,
        default: "20",
        secret: false,
        doc: "How many accounts a directory may deactivate, delete or take out of teams within the window before the rest is held back for approval, if they are also above the share.",
        caution: "",
    },
    Setting {
        key: FUSE_PERCENT,
        env: &["BAILIWICK_PROVISIONING_FUSE_PERCENT"],
        kind: Kind::Count,
        default: "10",
        secret: false,
        doc: "Which share of all people, in percent, that number must be above as well. 100 never holds anything back.",
        caution: "A directory that fails, or falls into wrong hands, can then lock everybody else out at once.",
    },
    Setting {
        key: FUSE_WINDOW,
        env: &["BAILIWICK_PROVISIONING_FUSE_WINDOW"],
        kind: Kind::Span,
        default: "1h",
        secret: false,
        doc: "How far back those accounts are counted.",
        caution: "",
    },
];
