//! Every table, index and sequence, in one list, with permanent numbers. Tables from 0x0001, indexes from 0x8001, sequences
//! from 0xF001; a number is never given to another thing. Index keys come from the stored value alone, and folding of names
//! lives here, so that no caller ever writes an index row or compares names by hand.

use super::key::KeyCode;
use super::{Multi, Record, Reference, Schema, Sequence, Table, Tally, Unique};
use crate::clock::Millis;
use crate::error::Code;
use crate::model::audit::{DayCounts, Event, EventId, Outcome};
use crate::model::credential::{ApiKey, KeyUse};
use crate::model::domain::Domain;
use crate::model::factor::{CodeApp, Passkey, RecoveryCodes};
use crate::model::federation::{AccessToken, Issuer, IssuerPapers};
use crate::model::identity::{BreakGlass, Identity};
use crate::model::invitation::{Invite, SignUp};
use crate::model::mail::{Letter, Mail, MailState};
use crate::model::name::{self, fold};
use crate::model::profile::{Profile, TeamProfile};
use crate::model::project::{Project, ProjectMember, Visibility};
use crate::model::provisioning::{
    Adoption, Connection, FuseCount, HeldLoss, Hold, HoldState, LastLoss, Managed, Request,
};
use crate::model::role::{CustomRole, OrgRole, Seat, TeamRole};
use crate::model::run::{BlobRemains, Chunk, Progress, Remains, Run, RunFile, TextPart, Usage};
use crate::model::session::{Activity, Restore, Session, SessionUse, SetupCode, SignIn, SignOutHint, UsedToken};
use crate::model::team::{Membership, Org, Team};
use crate::model::user::{Password, Status, User};
use crate::model::{Entity, HoldId, InviteId, IssuerId, MailId, OrgId, ProjectId, RoleId, RunId, TeamId, UserId};
use serde::{Deserialize, Serialize};

/// A value that somebody saved for a setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedSetting {
    /// The setting's key.
    pub key: String,
    /// The value as text.
    pub value: String,
    /// Who saved it.
    pub by: String,
    /// When.
    pub at: Millis,
}

/// A secret of the server's own, sealed with the data directory's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedSecret {
    /// Which one; also what it is sealed for.
    pub name: String,
    /// Nonce and ciphertext, base64.
    pub sealed: String,
    /// Since when.
    pub made_at: Millis,
}

macro_rules! records {
    ($($record:ty => $key:ty, |$v:ident| $body:expr;)*) => {$(
        impl Record for $record {
            type Key = $key;
            fn key(&self) -> $key { let $v = self; $body }
        }
    )*};
}

records! {
    Org => OrgId, |v| v.id;
    User => UserId, |v| v.id;
    Password => UserId, |v| v.user;
    Team => TeamId, |v| v.id;
    Membership => (TeamId, UserId), |v| (v.team, v.user);
    Invite => InviteId, |v| v.id;
    SignUp => String, |v| v.email.clone();
    Domain => String, |v| v.name.clone();
    Mail => MailId, |v| v.id;
    Project => ProjectId, |v| v.id;
    ProjectMember => (ProjectId, UserId), |v| (v.project, v.user);
    Run => RunId, |v| v.id;
    CustomRole => RoleId, |v| v.id;
    Progress => RunId, |v| v.run;
    Chunk => (RunId, u8, u64, u32), |v| (v.run, v.stream, v.first, v.part);
    TextPart => (RunId, u8, u32), |v| (v.run, v.kind, v.part);
    RunFile => (RunId, String), |v| (v.run, v.name.clone());
    Usage => ProjectId, |v| v.project;
    Remains => RunId, |v| v.run;
    BlobRemains => (RunId, String), |v| (v.run, v.blob.clone());
    ApiKey => String, |v| v.id.clone();
    KeyUse => String, |v| v.key.clone();
    Session => String, |v| v.id.clone();
    SessionUse => String, |v| v.session.clone();
    SetupCode => u64, |_v| 1;
    Activity => UserId, |v| v.user;
    Event => EventId, |v| v.id;
    DayCounts => (OrgId, u64), |v| (v.org, v.day);
    SavedSetting => String, |v| v.key.clone();
    SealedSecret => String, |v| v.name.clone();
    Connection => UserId, |v| v.id;
    Managed => (u64, OrgId), |v| (v.entity.number(), v.org);
    Adoption => (UserId, UserId), |v| (v.connection, v.user);
    Identity => (String, String), |v| (v.connection.clone(), v.subject.clone());
    BreakGlass => UserId, |v| v.user;
    Restore => u64, |_v| 1;
    Passkey => String, |v| v.id.clone();
    CodeApp => UserId, |v| v.user;
    RecoveryCodes => UserId, |v| v.user;
    SignIn => u64, |v| v.place;
    UsedToken => String, |v| v.id.clone();
    SignOutHint => String, |v| v.session.clone();
    Hold => HoldId, |v| v.id;
    HeldLoss => (OrgId, u8, u64, UserId), |v| { let (kind, team, user) = v.loss.place(); (v.org, kind, team, user) };
    LastLoss => (OrgId, UserId), |v| (v.org, v.user);
    FuseCount => OrgId, |v| v.org;
    Request => (OrgId, u64), |v| (v.org, v.place);
    Profile => (UserId, OrgId), |v| (v.user, v.org);
    TeamProfile => TeamId, |v| v.team;
    Issuer => IssuerId, |v| v.id;
    IssuerPapers => IssuerId, |v| v.issuer;
    AccessToken => (Millis, String), |v| (v.expires_at, v.hash.clone());
}

/// Users and teams; one sequence, so that no number names both.
pub const ENTITY_IDS: Sequence = Sequence(0xF001, "entity");
/// Organizations.
pub const ORG_IDS: Sequence = Sequence(0xF002, "organization");
/// Projects.
pub const PROJECT_IDS: Sequence = Sequence(0xF003, "project");
/// Invitations.
pub const INVITE_IDS: Sequence = Sequence(0xF004, "invite");
/// Runs.
pub const RUN_IDS: Sequence = Sequence(0xF005, "run");
/// Custom roles.
pub const ROLE_IDS: Sequence = Sequence(0xF006, "role");

/// Held changes.
pub const HOLD_IDS: Sequence = Sequence(0xF007, "hold");

/// Requests of provisioning clients.
pub const REQUEST_IDS: Sequence = Sequence(0xF008, "provisioning_request");

/// Sign-ins that were begun.
pub const SIGN_IN_IDS: Sequence = Sequence(0xF009, "sign_in");

/// Issuers that are trusted.
pub const ISSUER_IDS: Sequence = Sequence(0xFF10, "issuer");

/// Mails.
pub const MAIL_IDS: Sequence = Sequence(0xF00A, "mail");

/// Organizations.
pub static ORGS: Table<Org> = Table::new(0x0001, "organizations", &[&ORG_BY_NAME]).counted_by(ORG_IDS, |o| o.id.0);
/// By folded name.
pub static ORG_BY_NAME: Unique<Org, String> =
    Unique::new(0x8001, "organization_by_name", |o, out| out.push(fold(&o.name)), Code::NameTaken);

/// People and service accounts.
pub static USERS: Table<User> = Table::new(
    0x0101,
    "users",
    &[
        &USER_BY_NAME,
        &USER_BY_EMAIL,
        &USERS_OF_ORG,
        &LESSER_SEATS,
        &ADMINS_OF_ORG,
        &SERVICES_OF_TEAM,
        &SERVICES_OF_ORG,
        &SERVICE_BY_SUBJECT,
        &PEOPLE_OF_ORG,
        &USERS_BY_FULL_NAME,
        &PEOPLE_BY_WORD,
        &PEOPLE_APART,
    ],
)
.referring(user_references)
.counted_by(ENTITY_IDS, |u| u.id.0);
/// The global namespace, shared with [`TEAM_BY_NAME`].
pub static USER_BY_NAME: Unique<User, String> = Unique::new(
    0x8101,
    "entity_by_name",
    |u, out| {
        if lives(u) {
            out.push(fold(&u.username))
        }
    },
    Code::NameTaken,
);
/// By any of the folded addresses.
pub static USER_BY_EMAIL: Unique<User, String> = Unique::new(
    0x8102,
    "user_by_email",
    |u, out| {
        if lives(u) {
            out.extend(u.emails.iter().map(|e| fold(&e.address)));
        }
    },
    Code::EmailTaken,
);
/// People of an organization by folded name; no service accounts, no tombstones.
pub static USERS_OF_ORG: Multi<User, (OrgId, String)> = Multi::new(0x8103, "users_of_organization", |u, out| {
    if lives(u) && !u.is_service() {
        out.extend(u.orgs.iter().map(|m| (m.org, fold(&u.username))));
    }
});
/// People whose Models seat or Weave access is not full: what seat counts are made from.
pub static LESSER_SEATS: Multi<User, (OrgId, u64)> = Multi::new(0x8106, "lesser_seats", |u: &User, out| {
    if lives(u) && !u.is_service() {
        for m in &u.orgs {
            let lesser = [(false, m.models), (true, m.weave)].into_iter().filter(|(_, seat)| *seat != Seat::Full);
            out.extend(lesser.map(|(weave, seat)| lesser_seat(m.org, weave, seat)));
        }
    }
})
.counted(0xC106);
/// Active people with the admin role: what the last-admin rule counts.
pub static ADMINS_OF_ORG: Multi<User, (OrgId,)> = Multi::new(0x8104, "admins_of_organization", |u, out| {
    out.extend(u.orgs.iter().filter(|m| u.is_active_admin(m.org)).map(|m| (m.org,)));
});
/// People of an organization from the oldest to the newest; no service accounts, no tombstones.
pub static PEOPLE_OF_ORG: Multi<User, (OrgId,)> = Multi::new(0x8107, "people_of_organization", |u: &User, out| {
    if lives(u) && !u.is_service() {
        out.extend(u.orgs.iter().map(|m| (m.org,)));
    }
})
.counted(0xC107);
/// People of an organization by [`full_name_key`], where they have a full name.
pub static USERS_BY_FULL_NAME: Multi<User, (OrgId, String)> = Multi::new(0x8108, "users_by_full_name", |u, out| {
    if lives(u) && !u.is_service() && !u.name.is_empty() {
        out.extend(u.orgs.iter().map(|m| (m.org, full_name_key(&u.name))));
    }
});
/// The key of a full name in [`USERS_BY_FULL_NAME`]: as much of the folded name as a key has room for. One letter may fold to
/// eighteen, so what is found has to be compared as a whole.
pub fn full_name_key(name: &str) -> String {
    let folded = fold(name);
    folded[..folded.floor_char_boundary(512)].to_owned()
}
/// People of an organization by their [`search_words`]; by their usernames [`USERS_OF_ORG`] finds them.
pub static PEOPLE_BY_WORD: Multi<User, (OrgId, String)> = Multi::new(0x9301, "people_by_word", |u, out| {
    if lives(u) && !u.is_service() {
        let words = search_words(u);
        out.extend(u.orgs.iter().flat_map(|m| words.iter().map(|word| (m.org, word.clone()))));
    }
});
/// The longest word of [`search_words`], in bytes.
const WORD_MAX: usize = 200;
/// What somebody is found by beside the username, in order: the part of addresses before the `@` and the words of the full name.
/// A word with which another one or the username begins is left out: whatever finds it finds that too. So an account whose
/// username was made from its address costs no row for that.
pub fn search_words(user: &User) -> Vec<String> {
    let addresses = user.emails.iter().map(|e| fold(&e.address));
    let local = addresses.filter_map(|a| a.rsplit_once('@').map(|(local, _)| local.to_owned()));
    let mut words: Vec<String> = local.chain(name::words(&user.name)).collect();
    words.iter_mut().for_each(|word| word.truncate(word.floor_char_boundary(WORD_MAX)));
    words.sort_unstable();
    words.dedup();
    let username = fold(&user.username);
    // In order, the words that begin with another one follow it.
    let begins_next = |at: usize| words.get(at + 1).is_some_and(|next| next.starts_with(&words[at]));
    let kept: Vec<bool> = (0..words.len()).map(|at| !begins_next(at) && !username.starts_with(&words[at])).collect();
    words.into_iter().zip(kept).filter_map(|(word, kept)| kept.then_some(word)).collect()
}
/// What sets people apart from the active members, who are most of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Apart {
    /// The organization role admin.
    Admin,
    /// The organization role viewer.
    Viewer,
    /// A deactivated account.
    Deactivated,
}
impl Apart {
    /// The number in the index.
    pub fn number(self) -> u64 {
        self as u64
    }
}
/// People of an organization by what sets them apart, from the oldest to the newest.
pub static PEOPLE_APART: Multi<User, (OrgId, u64)> = Multi::new(0x9302, "people_apart", |u, out| {
    if lives(u) && !u.is_service() {
        for m in &u.orgs {
            out.extend((m.role == OrgRole::Admin).then(|| (m.org, Apart::Admin.number())));
            out.extend((m.role == OrgRole::Viewer).then(|| (m.org, Apart::Viewer.number())));
            out.extend((u.status_in(m.org) == Status::Deactivated).then(|| (m.org, Apart::Deactivated.number())));
        }
    }
})
.counted(0xC302);
/// Service accounts of a team.
pub static SERVICES_OF_TEAM: Multi<User, (TeamId,)> = Multi::new(0x8105, "services_of_team", |u, out| {
    if lives(u) {
        out.extend(u.service_team().map(|team| (team,)));
    }
});
/// Service accounts of an organization itself, from the oldest to the newest; not those of its teams.
pub static SERVICES_OF_ORG: Multi<User, (OrgId,)> = Multi::new(0x8F01, "services_of_organization", |u: &User, out| {
    if lives(u) && u.is_org_service() {
        out.extend(u.orgs.iter().map(|m| (m.org,)));
    }
})
.counted(0xC301);
/// Service accounts by what the tokens of the organization's issuers call them, exactly.
pub static SERVICE_BY_SUBJECT: Unique<User, (OrgId, String)> = Unique::new(
    0x8F02,
    "service_by_subject",
    |u, out| {
        if let (Some(subject), true) = (u.service().and_then(|s| s.subject.as_ref()), lives(u)) {
            out.extend(u.orgs.iter().map(|m| (m.org, subject.clone())));
        }
    },
    Code::NameTaken,
);
/// Passwords, apart from users.
pub static PASSWORDS: Table<Password> =
    Table::new(0x0102, "passwords", &[]).referring(|p, out| out.push(Reference::to(&USERS, &p.user)));

/// Teams.
pub static TEAMS: Table<Team> =
    Table::new(0x0201, "teams", &[&TEAM_BY_NAME, &TEAMS_OF_ORG, &TEAMS_BY_AGE, &TEAMS_RECOMMENDED, &TEAMS_GIVING_ROLE])
        .referring(|t, out| {
            out.push(Reference::to(&ORGS, &t.org));
            out.extend(custom(t.default_role).map(|id| Reference::to(&ROLES, &id)));
        })
        .counted_by(ENTITY_IDS, |t| t.id.0);
/// The global namespace, shared with [`USER_BY_NAME`].
pub static TEAM_BY_NAME: Unique<Team, String> =
    Unique::new(0x8101, "entity_by_name", |t, out| out.push(fold(&t.name)), Code::NameTaken);
/// Teams of an organization by folded name.
pub static TEAMS_OF_ORG: Multi<Team, (OrgId, String)> =
    Multi::new(0x8201, "teams_of_organization", |t, out| out.push((t.org, fold(&t.name))));
/// Teams of an organization from the oldest to the newest.
pub static TEAMS_BY_AGE: Multi<Team, (OrgId,)> =
    Multi::new(0x8206, "teams_by_age", |t: &Team, out| out.push((t.org,))).counted(0xC206);
/// The teams of an organization that recommend themselves to newcomers.
pub static TEAMS_RECOMMENDED: Multi<Team, (OrgId,)> = Multi::new(0x900C, "teams_recommended", |t, out| {
    if t.recommended {
        out.push((t.org,));
    }
});
/// Teams that give a custom role to their newcomers.
pub static TEAMS_GIVING_ROLE: Multi<Team, (RoleId,)> =
    Multi::new(0x9201, "teams_giving_role", |t, out| out.extend(custom(t.default_role).map(|id| (id,))));
/// Who is in which team, with the role.
pub static MEMBERSHIPS: Table<Membership> =
    Table::new(0x0202, "memberships", &[&TEAMS_OF_USER, &ADMINS_OF_TEAM, &ROLE_HOLDERS, &TEAM_SIZES, &TEAM_ROLE_SIZES])
        .referring(|m, out| {
            out.extend([Reference::to(&TEAMS, &m.team), Reference::to(&USERS, &m.user)]);
            out.extend(custom(m.role).map(|id| Reference::to(&ROLES, &id)));
        });
/// The teams of a user.
pub static TEAMS_OF_USER: Multi<Membership, (UserId,)> =
    Multi::new(0x8202, "teams_of_user", |m, out| out.push((m.user,)));
/// The admins of a team.
pub static ADMINS_OF_TEAM: Multi<Membership, (TeamId,)> = Multi::new(0x8203, "admins_of_team", |m, out| {
    if m.role == TeamRole::Admin {
        out.push((m.team,));
    }
});
/// How many people (0) and service accounts (1) are in a team.
pub static TEAM_SIZES: Tally<Membership, (TeamId, u64)> =
    Tally::new(0xC303, "team_sizes", |m, out| out.push((m.team, u64::from(m.role == TeamRole::Service))));
/// Pending invitations, of teams and of the organization.
pub static INVITES: Table<Invite> = Table::new(
    0x0203,
    "invites",
    &[
        &INVITE_BY_EMAIL,
        &INVITES_OF_EMAIL,
        &ROLE_INVITES,
        &INVITE_TO_ORG,
        &INVITE_BY_TOKEN,
        &INVITES_OF_ORG,
        &INVITES_TO_TEAM,
        &INVITE_COUNTS,
    ],
)
.referring(|i, out| {
    out.extend([Reference::to(&ORGS, &i.org), Reference::to(&USERS, &i.by)]);
    out.extend(i.places().map(|team| Reference::to(&TEAMS, &team)));
    out.extend(custom(i.role).map(|id| Reference::to(&ROLES, &id)));
})
.counted_by(INVITE_IDS, |i| i.id.0);
/// One per team and address.
pub static INVITE_BY_EMAIL: Unique<Invite, (TeamId, String)> = Unique::new(
    0x8204,
    "invite_by_email",
    |i, out| out.extend(i.team.map(|team| (team, fold(&i.email)))),
    Code::AlreadyDone,
);
/// The invitations that wait for an address.
pub static INVITES_OF_EMAIL: Multi<Invite, (String,)> =
    Multi::new(0x8205, "invites_of_email", |i, out| out.push((fold(&i.email),)));
/// One of the organization per address.
pub static INVITE_TO_ORG: Unique<Invite, (OrgId, String)> = Unique::new(
    0x9000,
    "invite_to_organization",
    |i, out| {
        if i.team.is_none() {
            out.push((i.org, fold(&i.email)));
        }
    },
    Code::AlreadyDone,
);
/// By the hash of the link's secret.
pub static INVITE_BY_TOKEN: Unique<Invite, String> = Unique::new(
    0x9001,
    "invite_by_token",
    |i, out| {
        if !i.token.is_empty() {
            out.push(i.token.clone());
        }
    },
    Code::AlreadyDone,
);
/// By organization and folded address.
pub static INVITES_OF_ORG: Multi<Invite, (OrgId, String)> =
    Multi::new(0x9002, "invites_of_organization", |i, out| out.push((i.org, fold(&i.email))));
/// Those that lead to a team, whoever invites.
pub static INVITES_TO_TEAM: Multi<Invite, (TeamId,)> =
    Multi::new(0x9003, "invites_to_team", |i, out| out.extend(i.places().map(|team| (team,))));
/// How many wait in an organization.
pub static INVITE_COUNTS: Tally<Invite, (OrgId,)> = Tally::new(0xC304, "invite_counts", |i, out| out.push((i.org,)));
/// People who have to prove an address before they get an account.
pub static SIGN_UPS: Table<SignUp> = Table::scratch(0x1000, "sign_ups", &[&SIGN_UP_BY_TOKEN, &SIGN_UPS_BY_END]);
/// By the hash of the link's secret.
pub static SIGN_UP_BY_TOKEN: Unique<SignUp, String> =
    Unique::new(0x9004, "sign_up_by_token", |s, out| out.push(s.token.clone()), Code::AlreadyDone);
/// By their end, for sweeping.
pub static SIGN_UPS_BY_END: Multi<SignUp, (Millis,)> =
    Multi::new(0x9005, "sign_ups_by_end", |s, out| out.push((s.expires_at,)));
/// Domains that organizations claim.
pub static DOMAINS: Table<Domain> =
    Table::new(0x1001, "domains", &[&DOMAINS_OF_ORG, &DOMAINS_OF_TEAM]).referring(|d, out| {
        out.extend([Reference::to(&ORGS, &d.org), Reference::to(&USERS, &d.by)]);
        out.extend(d.default_team.map(|team| Reference::to(&TEAMS, &team)));
    });
/// By organization and name.
pub static DOMAINS_OF_ORG: Multi<Domain, (OrgId, String)> =
    Multi::new(0x9006, "domains_of_organization", |d, out| out.push((d.org, d.name.clone())));
/// Those whose newcomers join a team.
pub static DOMAINS_OF_TEAM: Multi<Domain, (TeamId,)> =
    Multi::new(0x9007, "domains_of_team", |d, out| out.extend(d.default_team.map(|team| (team,))));
/// Mail that is due or was sent.
pub static OUTBOX: Table<Mail> =
    Table::quiet(0x1002, "outbox", &[&OUTBOX_DUE, &OUTBOX_DONE, &OUTBOX_OF_ORG, &MAIL_OF_INVITE, &INVITING_MAIL])
        .referring(|m, out| out.push(Reference::to(&ORGS, &m.org)))
        .counted_by(MAIL_IDS, |m| m.id.0);
/// What waits, by when it is tried next.
pub static OUTBOX_DUE: Multi<Mail, (Millis,)> = Multi::new(0x9008, "outbox_due", |m, out| {
    if m.state == MailState::Waiting {
        out.push((m.at,));
    }
});
/// What is settled, by when, for sweeping.
pub static OUTBOX_DONE: Multi<Mail, (Millis,)> = Multi::new(0x9009, "outbox_done", |m, out| {
    if m.state != MailState::Waiting {
        out.push((m.at,));
    }
});
/// By organization, oldest first.
pub static OUTBOX_OF_ORG: Multi<Mail, (OrgId,)> =
    Multi::new(0x900A, "outbox_of_organization", |m, out| out.push((m.org,)));
/// The mails of an invitation, oldest first; it may be gone.
pub static MAIL_OF_INVITE: Multi<Mail, (InviteId,)> = Multi::new(0x900B, "mail_of_invite", |m, out| {
    if let Letter::Invitation(id) = m.letter {
        out.push((id,));
    }
});

/// The mails about invitations that an address gets from an organization, by when.
pub static INVITING_MAIL: Multi<Mail, (OrgId, String, Millis)> = Multi::new(0x900D, "inviting_mail", |m, out| {
    if let Letter::Invitation(_) = m.letter {
        out.push((m.org, fold(&m.to), m.created_at));
    }
});

/// Custom roles.
pub static ROLES: Table<CustomRole> = Table::new(0x0901, "roles", &[&ROLE_BY_NAME])
    .referring(|r, out| out.push(Reference::to(&ORGS, &r.org)))
    .counted_by(ROLE_IDS, |r| r.id.0);
/// One per organization and folded name.
pub static ROLE_BY_NAME: Unique<CustomRole, (OrgId, String)> =
    Unique::new(0x8901, "role_by_name", |r, out| out.push((r.org, fold(&r.name))), Code::NameTaken);
/// Who holds a custom role as team role.
pub static ROLE_HOLDERS: Multi<Membership, (RoleId,)> =
    Multi::new(0x8902, "role_holders", |m, out| out.extend(custom(m.role).map(|id| (id,))));
/// How many hold a custom role as team role.
pub static TEAM_ROLE_SIZES: Tally<Membership, (RoleId,)> =
    Tally::new(0xC305, "team_role_sizes", |m, out| out.extend(custom(m.role).map(|id| (id,))));
/// How many hold a custom role as project role.
pub static PROJECT_ROLE_SIZES: Tally<ProjectMember, (RoleId,)> =
    Tally::new(0xC306, "project_role_sizes", |m, out| out.extend(m.role.and_then(custom).map(|id| (id,))));
/// Who holds a custom role as project role.
pub static PROJECT_ROLE_HOLDERS: Multi<ProjectMember, (RoleId,)> =
    Multi::new(0x8903, "project_role_holders", |m, out| out.extend(m.role.and_then(custom).map(|id| (id,))));
/// The invitations that promise a custom role.
pub static ROLE_INVITES: Multi<Invite, (RoleId,)> =
    Multi::new(0x8904, "role_invites", |i, out| out.extend(custom(i.role).map(|id| (id,))));

/// Projects.
pub static PROJECTS: Table<Project> = Table::new(0x0301, "projects", &[&PROJECT_BY_NAME, &OPEN_PROJECTS])
    .referring(|p, out| {
        out.push(Reference::to(&ORGS, &p.org));
        out.push(match p.entity {
            Entity::Team(id) => Reference::to(&TEAMS, &id),
            Entity::Person(id) => Reference::to(&USERS, &id),
        });
    })
    .counted_by(PROJECT_IDS, |p| p.id.0);
/// One per entity and folded name.
pub static PROJECT_BY_NAME: Unique<Project, (u64, String)> =
    Unique::new(0x8301, "project_by_name", |p, out| out.push((p.entity.number(), fold(&p.name))), Code::NameTaken);
/// Projects that everyone in the organization can reach.
pub static OPEN_PROJECTS: Multi<Project, (OrgId, String)> = Multi::new(0x8302, "open_projects", |p, out| {
    if matches!(p.visibility, Visibility::Open | Visibility::Public) {
        out.push((p.org, fold(&p.name)));
    }
});
/// Invitations to restricted projects, and project roles.
pub static PROJECT_MEMBERS: Table<ProjectMember> =
    Table::new(0x0302, "project_members", &[&PROJECTS_OF_USER, &PROJECT_ROLE_HOLDERS, &PROJECT_ROLE_SIZES]).referring(
        |m, out| {
            out.extend([Reference::to(&PROJECTS, &m.project), Reference::to(&USERS, &m.user)]);
            out.extend(m.role.and_then(custom).map(|id| Reference::to(&ROLES, &id)));
        },
    );
/// The projects that know a user beyond the team role.
pub static PROJECTS_OF_USER: Multi<ProjectMember, (UserId,)> =
    Multi::new(0x8303, "projects_of_user", |m, out| out.push((m.user,)));

/// Runs. What a run reports comes too often for an event each; making, moving, stopping and deleting record theirs.
pub static RUNS: Table<Run> = Table::quiet(0x0801, "runs", &[&RUN_BY_NAME, &RUNS_OF_PROJECT])
    .referring(|r, out| out.extend([Reference::to(&PROJECTS, &r.project), Reference::to(&USERS, &r.creator)]))
    .counted_by(RUN_IDS, |r| r.id.0);
/// One per project and name; deleted ones keep theirs.
pub static RUN_BY_NAME: Unique<Run, (ProjectId, String)> =
    Unique::new(0x8801, "run_by_name", |r, out| out.push((r.project, r.name.clone())), Code::NameTaken);
/// The runs of a project that are not deleted, oldest first.
pub static RUNS_OF_PROJECT: Multi<Run, (ProjectId, Millis)> = Multi::new(0x8802, "runs_of_project", |r, out| {
    if r.deleted_at.is_none() {
        out.push((r.project, r.created_at));
    }
});
/// What changes while a run runs. Like all that follows it outlives its run until it is swept away.
pub static PROGRESS: Table<Progress> = Table::quiet(0x0802, "run_progress", &[]);
/// The lines of runs.
pub static RUN_LINES: Table<Chunk> = Table::quiet(0x0803, "run_lines", &[]);
/// Configurations, summaries, names of metrics.
pub static RUN_TEXTS: Table<TextPart> = Table::quiet(0x0804, "run_texts", &[]);
/// The files of runs; their bytes are beside the store.
pub static RUN_FILES: Table<RunFile> = Table::quiet(0x0805, "run_files", &[]);
/// What the runs of a project weigh.
pub static PROJECT_USAGE: Table<Usage> = Table::quiet(0x0806, "project_usage", &[]);
/// Runs whose project is gone.
pub static RUN_REMAINS: Table<Remains> = Table::quiet(0x0807, "run_remains", &[]);
/// Bytes on disk that no file has any more.
pub static BLOB_REMAINS: Table<BlobRemains> = Table::quiet(0x0808, "blob_remains", &[]);

/// API keys.
pub static API_KEYS: Table<ApiKey> =
    Table::new(0x0401, "api_keys", &[&KEYS_OF_USER]).referring(|k, out| out.push(Reference::to(&USERS, &k.owner)));
/// A user's keys, oldest first.
pub static KEYS_OF_USER: Multi<ApiKey, (UserId, Millis)> =
    Multi::new(0x8401, "keys_of_user", |k, out| out.push((k.owner, k.created_at)));
/// Last uses of keys.
pub static KEY_USES: Table<KeyUse> = Table::scratch(0x0402, "key_uses", &[]);

/// Browser sessions.
pub static SESSIONS: Table<Session> =
    Table::scratch(0x0501, "sessions", &[&SESSIONS_OF_USER, &SESSIONS_BY_END, &SESSIONS_OF_IDENTITY])
        .referring(|s, out| out.push(Reference::to(&USERS, &s.user)));
/// By the identity elsewhere that opened them: connection, then `sub` or `sid` and the id there.
pub static SESSIONS_OF_IDENTITY: Multi<Session, (String, String)> =
    Multi::new(0x8505, "sessions_of_identity", |s, out| {
        if let Some(identity) = &s.identity {
            out.push((identity.connection.clone(), format!("sub {}", identity.subject)));
            out.extend(identity.session.iter().map(|sid| (identity.connection.clone(), format!("sid {sid}"))));
        }
    });
/// A user's sessions, oldest first.
pub static SESSIONS_OF_USER: Multi<Session, (UserId, Millis)> =
    Multi::new(0x8501, "sessions_of_user", |s, out| out.push((s.user, s.created_at)));
/// Sessions by their end, for sweeping.
pub static SESSIONS_BY_END: Multi<Session, (Millis,)> =
    Multi::new(0x8502, "sessions_by_end", |s, out| out.push((s.expires_at,)));
/// Last uses of sessions.
pub static SESSION_USES: Table<SessionUse> = Table::scratch(0x0502, "session_uses", &[]);
/// How much accounts are used.
pub static ACTIVITY: Table<Activity> =
    Table::scratch(0x0504, "activity", &[]).referring(|a, out| out.push(Reference::to(&USERS, &a.user)));
/// The temporary password of the way back in, while that is open.
pub static RESTORES: Table<Restore> =
    Table::scratch(0x0506, "restores", &[]).referring(|r, out| out.push(Reference::to(&USERS, &r.user)));
/// Sign-ins at the company's provider that were begun.
pub static SIGN_INS: Table<SignIn> = Table::scratch(0x0505, "sign_ins", &[&SIGN_IN_BY_STATE, &SIGN_INS_BY_END]);
/// By the hash of their state.
pub static SIGN_IN_BY_STATE: Unique<SignIn, String> =
    Unique::new(0x8503, "sign_in_by_state", |s, out| out.push(s.state.clone()), Code::AlreadyDone);
/// By their end, for sweeping.
pub static SIGN_INS_BY_END: Multi<SignIn, (Millis,)> =
    Multi::new(0x8504, "sign_ins_by_end", |s, out| out.push((s.expires_at,)));
/// Tokens of others that count once.
pub static USED_TOKENS: Table<UsedToken> = Table::scratch(0x0507, "used_tokens", &[&USED_TOKENS_BY_END]);
/// By their end, for sweeping.
pub static USED_TOKENS_BY_END: Multi<UsedToken, (Millis,)> =
    Multi::new(0x8506, "used_tokens_by_end", |t, out| out.push((t.expires_at,)));
/// What sessions are ended with at the provider.
pub static SIGN_OUT_HINTS: Table<SignOutHint> = Table::scratch(0x0508, "sign_out_hints", &[]);
/// The setup code, while there is no user.
pub static SETUP_CODES: Table<SetupCode> = Table::scratch(0x0503, "setup_codes", &[]);

/// The audit log.
pub static EVENTS: Table<Event> =
    Table::quiet(0x0601, "events", &[&EVENTS_BY_ACTOR, &EVENTS_BY_TARGET, &EVENTS_BY_KIND, &EVENT_COUNTS])
        .referring(|e, out| out.push(Reference::to(&ORGS, &e.org)));
/// By who acted.
pub static EVENTS_BY_ACTOR: Multi<Event, (String,)> =
    Multi::new(0x8601, "events_by_actor", |e, out| out.push((e.actor.handle(),)));
/// By what it was done to.
pub static EVENTS_BY_TARGET: Multi<Event, (String,)> =
    Multi::new(0x8602, "events_by_target", |e, out| out.push((e.target.handle(),)));

/// How much happened day by day.
pub static DAY_COUNTS: Table<DayCounts> =
    Table::scratch(0x1201, "day_counts", &[]).referring(|d, out| out.push(Reference::to(&ORGS, &d.org)));
/// By organization and what kind they are of: the object of the action, and how it ended where that is another end than done.
pub static EVENTS_BY_KIND: Multi<Event, (OrgId, String)> = Multi::new(0x9303, "events_by_kind", |e, out| {
    out.push((e.org, e.object().to_owned()));
    out.extend((e.outcome != Outcome::Done).then(|| (e.org, e.outcome.as_str().to_owned())));
});
/// How many an organization has.
pub static EVENT_COUNTS: Tally<Event, (OrgId,)> = Tally::new(0xC309, "event_counts", |e, out| out.push((e.org,)));

/// Saved settings.
pub static SETTINGS: Table<SavedSetting> = Table::new(0x0701, "settings", &[]);

/// Secrets of the server's own.
pub static SECRETS: Table<SealedSecret> = Table::quiet(0x0A01, "secrets", &[]);

/// What a directory says of people beyond what this server acts on.
pub static PROFILES: Table<Profile> = Table::new(0x1101, "profiles", &[&PROFILE_BY_USER_NAME, &PROFILE_BY_EXTERNAL_ID])
    .referring(|p, out| out.extend([Reference::to(&USERS, &p.user), Reference::to(&ORGS, &p.org)]));
/// By the folded user name that a directory gave; of one person in all organizations.
pub static PROFILE_BY_USER_NAME: Multi<Profile, (String,)> = Multi::new(0x9101, "profile_by_user_name", |p, out| {
    out.extend(p.user_name.as_deref().map(|name| (fold(name),)));
});
/// By the directory's own id for the person, exactly.
pub static PROFILE_BY_EXTERNAL_ID: Unique<Profile, (OrgId, String)> = Unique::new(
    0x8B02,
    "profile_by_external_id",
    |p, out| out.extend(p.external_id.as_ref().map(|id| (p.org, id.clone()))),
    Code::NameTaken,
);

/// What a directory says of teams.
pub static TEAM_PROFILES: Table<TeamProfile> =
    Table::new(0x0B02, "team_profiles", &[&TEAM_BY_DISPLAY_NAME, &TEAM_BY_EXTERNAL_ID])
        .referring(|p, out| out.extend([Reference::to(&TEAMS, &p.team), Reference::to(&ORGS, &p.org)]));
/// By the folded name that the directory gave.
pub static TEAM_BY_DISPLAY_NAME: Unique<TeamProfile, (OrgId, String)> = Unique::new(
    0x8B03,
    "team_by_display_name",
    |p, out| out.extend(p.display_name.as_ref().map(|name| (p.org, fold(name)))),
    Code::NameTaken,
);
/// By the directory's own id for the team, exactly.
pub static TEAM_BY_EXTERNAL_ID: Unique<TeamProfile, (OrgId, String)> = Unique::new(
    0x8B04,
    "team_by_external_id",
    |p, out| out.extend(p.external_id.as_ref().map(|id| (p.org, id.clone()))),
    Code::NameTaken,
);
/// Whom identities elsewhere are here.
pub static IDENTITIES: Table<Identity> = Table::quiet(0x0E01, "identities", &[&IDENTITIES_OF_USER])
    .referring(|i, out| out.push(Reference::to(&USERS, &i.user)));
/// A user's identities elsewhere.
pub static IDENTITIES_OF_USER: Multi<Identity, (UserId,)> =
    Multi::new(0x8E01, "identities_of_user", |i, out| out.push((i.user,)));
/// Administrators whose password works also while people sign in through the company.
pub static BREAK_GLASS: Table<BreakGlass> =
    Table::new(0x0E02, "break_glass", &[]).referring(|b, out| out.push(Reference::to(&USERS, &b.user)));
/// Passkeys, by the id that their authenticator chose.
pub static PASSKEYS: Table<Passkey> =
    Table::quiet(0x0E10, "passkeys", &[&PASSKEYS_OF_USER]).referring(|p, out| out.push(Reference::to(&USERS, &p.user)));
/// A person's passkeys, oldest first.
pub static PASSKEYS_OF_USER: Multi<Passkey, (UserId, Millis)> =
    Multi::new(0x8E10, "passkeys_of_user", |p, out| out.push((p.user, p.created_at)));
/// Apps that show one-time codes.
pub static CODE_APPS: Table<CodeApp> =
    Table::quiet(0x0E11, "code_apps", &[]).referring(|c, out| out.push(Reference::to(&USERS, &c.user)));
/// Recovery codes that are left.
pub static RECOVERY_CODES: Table<RecoveryCodes> =
    Table::quiet(0x0E12, "recovery_codes", &[]).referring(|r, out| out.push(Reference::to(&USERS, &r.user)));
/// Identity providers that provision.
pub static CONNECTIONS: Table<Connection> =
    Table::new(0x0D01, "connections", &[&CONNECTIONS_OF_ORG]).referring(|c, out| {
        // Not to the key, which an admin may revoke by itself.
        out.extend([Reference::to(&USERS, &c.id), Reference::to(&ORGS, &c.org)]);
    });
/// One per organization and folded name.
pub static CONNECTIONS_OF_ORG: Unique<Connection, (OrgId, String)> =
    Unique::new(0x8D01, "connections_of_organization", |c, out| out.push((c.org, fold(&c.name))), Code::NameTaken);
/// What a connection manages. A mark outlives what it is on and the connection, and says nothing then.
pub static MANAGED: Table<Managed> = Table::quiet(0x1102, "managed", &[&MANAGED_BY, &MANAGED_COUNTS]);
/// By connection, people (0) before teams (1).
pub static MANAGED_BY: Multi<Managed, (UserId, u64)> =
    Multi::new(0x8D02, "managed_by", |m, out| out.push((m.by, u64::from(matches!(m.entity, Entity::Team(_))))));
/// How many people (0) and teams (1) a connection manages.
pub static MANAGED_COUNTS: Tally<Managed, (UserId, u64)> =
    Tally::new(0xC307, "managed_counts", |m, out| out.push((m.by, u64::from(matches!(m.entity, Entity::Team(_))))));
/// Local accounts that connections want.
pub static ADOPTIONS: Table<Adoption> = Table::quiet(0x0D03, "adoptions", &[&ADOPTIONS_WAITING]);
/// Those that nobody decided on, by the time of the first wish.
pub static ADOPTIONS_WAITING: Multi<Adoption, (OrgId, Millis)> = Multi::new(0x8D03, "adoptions_waiting", |a, out| {
    if a.refused_at.is_none() {
        out.push((a.org, a.first_at));
    }
});
/// Changes that the fuse holds back.
pub static HOLDS: Table<Hold> = Table::quiet(0x0D04, "holds", &[&HOLDS_OF_ORG, &HOLD_WAITING])
    .referring(|h, out| out.push(Reference::to(&ORGS, &h.org)))
    .counted_by(HOLD_IDS, |h| h.id.0);
/// By when they began.
pub static HOLDS_OF_ORG: Multi<Hold, (OrgId, Millis)> =
    Multi::new(0x8D04, "holds_of_organization", |h, out| out.push((h.org, h.opened_at)));
/// The one that waits.
pub static HOLD_WAITING: Unique<Hold, OrgId> = Unique::new(
    0x8D05,
    "hold_waiting",
    |h, out| {
        if h.state == HoldState::Waiting {
            out.push(h.org);
        }
    },
    Code::AlreadyDone,
);
/// Each loss that is or was held back.
pub static HELD_LOSSES: Table<HeldLoss> = Table::quiet(0x0D05, "held_losses", &[&HELD_LOSSES_OF_HOLD])
    .referring(|l, out| out.push(Reference::to(&HOLDS, &l.hold)));
/// By what they are decided with.
pub static HELD_LOSSES_OF_HOLD: Multi<HeldLoss, (HoldId,)> =
    Multi::new(0x8D06, "held_losses_of_hold", |l: &HeldLoss, out| out.push((l.hold,))).counted(0xC308);
/// When provisioning last took something from whom.
pub static LAST_LOSSES: Table<LastLoss> = Table::scratch(0x0D06, "last_losses", &[&LAST_LOSSES_BY_TIME]);
/// The oldest first, for sweeping.
pub static LAST_LOSSES_BY_TIME: Multi<LastLoss, (OrgId, Millis)> =
    Multi::new(0x8D07, "last_losses_by_time", |l, out| out.push((l.org, l.at)));
/// How many accounts lost something of late.
pub static FUSE_COUNTS: Table<FuseCount> = Table::scratch(0x0D07, "fuse_counts", &[]);
/// The last requests of provisioning.
pub static REQUESTS: Table<Request> = Table::scratch(0x0D08, "provisioning_requests", &[]);

/// Issuers of tokens that organizations trust.
pub static ISSUERS: Table<Issuer> = Table::new(0x0F10, "issuers", &[&ISSUER_OF_ORG, &ISSUERS_BY_URL])
    .referring(|i, out| out.push(Reference::to(&ORGS, &i.org)))
    .counted_by(ISSUER_IDS, |i| i.id.0);
/// One per organization and text, whatever slash it ends in.
pub static ISSUER_OF_ORG: Unique<Issuer, (OrgId, String)> = Unique::new(
    0x8F10,
    "issuer_of_organization",
    |i, out| out.push((i.org, Issuer::place(&i.url).to_owned())),
    Code::NameTaken,
);
/// Whoever trusts an issuer.
pub static ISSUERS_BY_URL: Multi<Issuer, (String,)> =
    Multi::new(0x8F11, "issuers_by_url", |i, out| out.push((Issuer::place(&i.url).to_owned(),)));
/// What was pasted for them.
pub static ISSUER_PAPERS: Table<IssuerPapers> =
    Table::new(0x0F11, "issuer_papers", &[]).referring(|p, out| out.push(Reference::to(&ISSUERS, &p.issuer)));
/// Access tokens, by their end and without any index: what is over is swept away from the front. They refer to nothing: whose
/// account or issuer is gone is seen when one is used.
pub static ACCESS_TOKENS: Table<AccessToken> = Table::scratch(0x0F12, "access_tokens", &[]);

/// The whole of it, for opening, `doctor` and the number test.
pub static SCHEMA: Schema = Schema {
    version: 1,
    tables: &[
        &ORGS,
        &USERS,
        &PASSWORDS,
        &TEAMS,
        &MEMBERSHIPS,
        &INVITES,
        &PROJECTS,
        &PROJECT_MEMBERS,
        &API_KEYS,
        &KEY_USES,
        &SESSIONS,
        &SESSION_USES,
        &SETUP_CODES,
        &ACTIVITY,
        &EVENTS,
        &DAY_COUNTS,
        &SETTINGS,
        &SECRETS,
        &RUNS,
        &ROLES,
        &PROGRESS,
        &RUN_LINES,
        &RUN_TEXTS,
        &RUN_FILES,
        &PROJECT_USAGE,
        &RUN_REMAINS,
        &BLOB_REMAINS,
        &CONNECTIONS,
        &MANAGED,
        &ADOPTIONS,
        &HOLDS,
        &HELD_LOSSES,
        &LAST_LOSSES,
        &FUSE_COUNTS,
        &REQUESTS,
        &PROFILES,
        &TEAM_PROFILES,
        &IDENTITIES,
        &BREAK_GLASS,
        &RESTORES,
        &PASSKEYS,
        &CODE_APPS,
        &RECOVERY_CODES,
        &SIGN_INS,
        &USED_TOKENS,
        &SIGN_OUT_HINTS,
        &ISSUERS,
        &ISSUER_PAPERS,
        &ACCESS_TOKENS,
        &SIGN_UPS,
        &DOMAINS,
        &OUTBOX,
    ],
    sequences: &[
        ENTITY_IDS,
        ORG_IDS,
        PROJECT_IDS,
        INVITE_IDS,
        RUN_IDS,
        ROLE_IDS,
        HOLD_IDS,
        REQUEST_IDS,
        SIGN_IN_IDS,
        ISSUER_IDS,
        MAIL_IDS,
    ],
};

/// The key in [`LESSER_SEATS`].
pub fn lesser_seat(org: OrgId, weave: bool, seat: Seat) -> (OrgId, u64) {
    (org, u64::from(weave) * 2 + u64::from(seat == Seat::None))
}

fn custom(role: TeamRole) -> Option<RoleId> {
    match role {
        TeamRole::Custom(id) => Some(id),
        _ => None,
    }
}

fn lives(user: &User) -> bool {
    user.status != Status::Deleted
}

fn user_references(user: &User, out: &mut Vec<Reference>) {
    out.extend(user.orgs.iter().map(|m| Reference::to(&ORGS, &m.org)));
    if lives(user) {
        out.extend(user.service_team().map(|team| Reference::to(&TEAMS, &team)));
    }
    out.extend(user.default_team.map(|team| Reference::to(&TEAMS, &team)));
}

super::key::key_newtypes!(
    OrgId(u64),
    UserId(u64),
    TeamId(u64),
    ProjectId(u64),
    InviteId(u64),
    MailId(u64),
    RunId(u64),
    RoleId(u64),
    HoldId(u64),
    IssuerId(u64)
);

impl KeyCode for EventId {
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.to_bytes().encode(out);
    }
    fn decode(input: &mut &[u8]) -> Option<Self> {
        <[u8; 16]>::decode(input).map(|bytes| EventId(ulid::Ulid::from_bytes(bytes)))
    }
}
