//! Setting up how people sign in through the company: OpenID Connect, LDAP, and what holds for both. A form is tested before
//! it is put in force, shows where each value comes from, and never shows a secret. The rules are in `ops::settings`.

use super::page::frame::Section;
use super::page::list::thousands;
use super::page::parts::{Choice, Link, Mark, Stamp};
use super::page::sign_in_settings::{Control, Copied, Hint, Input, Method, SignInSettings, SyncLines};
use super::visit::{Fields, Instance, Visit, redirect, to_sign_in};
use super::words;
use crate::config::settings::{Kind, Resolved, Settings, Source, mail, sso};
use crate::error::{Error, Kind as Trouble, Result};
use crate::http::reply;
use crate::model::identity::{Check, SyncReport};
use crate::ops;
use crate::ops::settings::Changes;
use crate::ops::sso::{Account, Arrival};
use actix_web::{HttpRequest, HttpResponse, web};

/// The page that gathers the methods.
pub const HOME: &str = "/console/settings/sign-in";

/// One form: its address, its words, and its settings with their labels.
pub(super) struct Form {
    name: &'static str,
    pub(super) address: &'static str,
    pub(super) title: &'static str,
    intro: &'static str,
    settings: &'static [(&'static str, &'static str)],
    bench: Option<(&'static str, &'static str)>,
}

const GENERAL: Form = Form {
    name: "sign-in",
    address: HOME,
    title: "Sign-in",
    intro: "How people sign in, and what holds for everybody who comes through the company.",
    settings: &[
        (sso::PROVISIONING_DISABLED, "Refuse people who have no account"),
        (sso::LINK_BY_EMAIL, "Link existing accounts by verified address"),
        (sso::BREAK_GLASS_DISABLED, "Refuse break-glass passwords too"),
        (sso::CA_FILE, "Certificate authorities for issuers"),
        (sso::ALLOW_LOOPBACK, "Allow issuers on this machine"),
        (crate::config::settings::SESSION_LENGTH, "Length of a session"),
    ],
    bench: None,
};

pub(super) const OIDC: Form = Form {
    name: "oidc",
    address: "/console/settings/oidc",
    title: "OpenID Connect",
    intro: "People sign in at the company's identity provider: Okta, Entra ID, Google, Keycloak, Auth0, Amazon Cognito or any other.",
    settings: &[
        (sso::OIDC_ENABLED, "Sign in with OpenID Connect"),
        (sso::OIDC_ISSUER, "Issuer"),
        (sso::OIDC_CLIENT_ID, "Client ID"),
        (sso::OIDC_METHOD, "Authentication method"),
        (sso::OIDC_CLIENT_SECRET, "Client secret"),
        (sso::OIDC_CLIENT_AUTH, "How the secret is sent"),
        (sso::OIDC_SCOPES, "Further scopes"),
        (sso::OIDC_GROUP_CLAIMS, "Teams follow the groups claim"),
        (sso::OIDC_IDENTIFIER_CLAIMS, "Names follow the provider"),
        (sso::OIDC_TRUST_EMAIL, "Trust addresses without email_verified"),
        (sso::OIDC_BACKCHANNEL_LOGOUT, "The provider may end sessions"),
        (sso::OIDC_LEEWAY, "Clock difference allowed"),
    ],
    bench: Some((
        "ID token",
        "As the provider issued it, for these settings. It is checked like at a sign-in, but for nonce and one-time use, and not kept.",
    )),
};

pub(super) const LDAP: Form = Form {
    name: "ldap",
    address: "/console/settings/ldap",
    title: "LDAP",
    intro: "People sign in with their password of the company's directory: OpenLDAP, Active Directory or any other.",
    settings: &[
        (sso::LDAP_LOGIN, "Enable LDAP authentication"),
        (sso::LDAP_ADDRESS, "Address"),
        (sso::LDAP_TLS, "Use StartTLS"),
        (sso::LDAP_CA_FILE, "Certificate authority"),
        (sso::LDAP_BASE_DN, "Base DN"),
        (sso::LDAP_BIND_DN, "Bind DN"),
        (sso::LDAP_BIND_PASSWORD, "Bind password"),
        (sso::LDAP_ATTRIBUTES, "Attributes"),
        (sso::LDAP_USER_FILTER, "User filter"),
        (sso::LDAP_GROUP_ALLOW_LIST, "Groups that may sign in"),
        (sso::LDAP_NESTED, "Nested groups"),
        (sso::LDAP_GROUP_SYNC, "Teams follow groups"),
        (sso::LDAP_GROUP_MAP, "Groups with another team name"),
        (sso::LDAP_SYNC_EVERY, "Sync in the background every"),
    ],
    bench: Some(("User name or address", "Somebody of the directory. No password is needed, and nothing is written.")),
};

pub(super) const MAIL: Form = Form {
    name: "mail",
    address: "/console/settings/mail",
    title: "Mail server",
    intro: "How invitations reach people by mail. Without a mail server their links are shown to copy.",
    settings: &[
        (mail::SERVER, "Mail server"),
        (mail::TLS, "Encryption"),
        (mail::USER, "User name"),
        (mail::PASSWORD, "Password"),
        (mail::FROM, "Sender"),
        (mail::CA_FILE, "Certificate authority"),
        (mail::INVITATIONS_VALID, "Links of invitations are valid for"),
    ],
    bench: None,
};

pub(super) const SIGN_UP: Form = Form {
    name: "sign-up",
    address: "/console/settings/sign-up",
    title: "Signing up",
    intro: "Whether people with an address at a domain of the organization make their accounts by themselves, and whom others ask.",
    settings: &[
        (mail::SIGN_UP, "Signing up is open"),
        (mail::CONTACT, "Whom to ask"),
        (mail::DNS_SERVER, "DNS server"),
    ],
    bench: None,
};

const HINTS: &[Hint] = &[
    Hint {
        name: "Okta",
        text: "A single-page application with the grants Authorization Code and Implicit (hybrid). Issuer: https://COMPANY.okta.com. Sign-out redirect URI: the sign-out address above.",
    },
    Hint {
        name: "Entra ID",
        text: "A platform of type Web, with a client secret. Issuer: https://login.microsoftonline.com/TENANT/v2.0. Front-channel logout URL: the sign-out address above. Entra omits email_verified: trust its addresses only for a single tenant. With more than 200 groups its tokens name none; teams then stay as they are.",
    },
    Hint {
        name: "Amazon Cognito",
        text: "Issuer: https://cognito-idp.REGION.amazonaws.com/POOL, not the address of the hosted pages, although those are what the browser sees. Method: pkce. Allowed sign-out URL: the root of this server.",
    },
    Hint { name: "Google", text: "A Web client. Issuer: https://accounts.google.com. Google has no groups claim." },
    Hint {
        name: "Auth0",
        text: "A regular web application. The issuer ends with a slash: https://TENANT.auth0.com/. Groups need an action that adds the claim.",
    },
    Hint {
        name: "Keycloak",
        text: "A client with Standard Flow. Issuer: https://HOST/realms/REALM. Groups: a mapper of type Group Membership, claim name groups, without full path.",
    },
];

const DIRECTORIES: &[Hint] = &[
    Hint {
        name: "Active Directory",
        text: "Address: ldaps://HOST:636. Attributes: email=mail,group=memberOf. People sign in with sAMAccountName or address; nested groups are found by the directory's own rule.",
    },
    Hint {
        name: "OpenLDAP",
        text: "Address: ldap://HOST with StartTLS, or ldaps://HOST. Attributes: email=mail,group=memberOf with the memberOf overlay, else email=mail,group=gidNumber.",
    },
];

fn form_named(name: &str) -> Result<&'static Form> {
    [&GENERAL, &OIDC, &LDAP, &MAIL, &SIGN_UP]
        .into_iter()
        .find(|f| f.name == name)
        .ok_or_else(|| Error::not_found("There is no such page of settings."))
}

/// What a page shows beside the settings themselves.
#[derive(Default)]
struct Shown {
    checks: Vec<Check>,
    outcome: Vec<String>,
    problem: String,
}

fn page(
    app: &Instance,
    visit: &Visit,
    form: &'static Form,
    sent: Option<&Fields>,
    shown: Shown,
) -> Result<SignInSettings> {
    let all = app.ask(&visit.caller, |cx| {
        ops::settings::may_save(cx)?;
        ops::settings::list(cx)
    })?;
    let inputs = form.settings.iter().filter_map(|(key, label)| {
        let resolved = all.iter().find(|r| r.setting.key == *key)?;
        Some(input(resolved, label, sent))
    });
    let base = &app.base_url;
    let oidc = form.name == OIDC.name;
    let ldap = form.name == LDAP.name;
    let copied = if oidc {
        vec![
            Copied { label: "Redirect URI (sign-in, callback)", text: format!("{base}/oidc/callback") },
            Copied {
                label: "Sign-out address (front-channel logout, post-logout redirect)",
                text: format!("{base}/logout"),
            },
            Copied { label: "Back-channel logout", text: format!("{base}/oidc/backchannel-logout") },
        ]
    } else {
        vec![]
    };
    let hints = if oidc {
        HINTS
    } else if ldap {
        DIRECTORIES
    } else {
        &[]
    };
    Ok(SignInSettings {
        frame: visit.frame(form.title, Section::Settings).crumb("Settings", visit.settings()).crumb(form.title, ""),
        area: super::area::of(visit, form.address),
        title: form.title,
        intro: form.intro,
        action: form.address,
        methods: if form.name == GENERAL.name { methods(app, visit)? } else { vec![] },
        copied,
        hints: hints.iter().map(|h| Hint { name: h.name, text: h.text }).collect(),
        inputs: inputs.collect(),
        tested: form.bench.is_some() || form.name == MAIL.name,
        bench: form.bench,
        checks: shown.checks,
        outcome: shown.outcome,
        report: if ldap { app.directory_report().map(|report| sync_lines(&report, visit.now)) } else { None },
        problem: shown.problem,
    })
}

/// The last background sync in words.
fn sync_lines(report: &SyncReport, now: i64) -> SyncLines {
    let count = |n: usize, one: &str, many: &str| format!("{} {}", thousands(n), if n == 1 { one } else { many });
    let mut lines = vec![
        format!(
            "{} and {} in the directory",
            count(report.people, "person", "people"),
            count(report.groups, "group", "groups")
        ),
        format!(
            "{} here, {} changed",
            count(report.accounts, "active account", "active accounts"),
            thousands(report.changed)
        ),
        format!("{} began, {} ended", count(report.joined, "membership", "memberships"), thousands(report.left)),
    ];
    for (n, said) in [
        (report.deactivated, "deactivated, because their people are gone"),
        (report.held, "held back for approval on the page Provisioning"),
        (report.failed, "not brought up to date; the log says why"),
    ] {
        if n > 0 {
            lines.push(format!("{} {said}", count(n, "account", "accounts")));
        }
    }
    SyncLines { at: words::stamp(report.ended_at, now), lines, trouble: report.trouble.clone().unwrap_or_default() }
}

fn input(resolved: &Resolved, label: &'static str, sent: Option<&Fields>) -> Input {
    let setting = resolved.setting;
    let pinned = match &resolved.source {
        Source::Env(name) => name.clone(),
        _ => String::new(),
    };
    let sent = sent.filter(|_| pinned.is_empty());
    let text = sent.map_or(resolved.text.as_str(), |fields| fields.text(setting.key));
    let control = match setting.kind {
        _ if setting.secret => Control::Secret(!resolved.text.is_empty(), sent.is_some() && !text.is_empty()),
        Kind::Bool => {
            let stored = setting.kind.parse(&resolved.text) == setting.kind.parse("true");
            Control::Switch(sent.map_or(stored, |fields| fields.get(setting.key) == "on"))
        }
        Kind::OneOf(words) => Control::Select(
            words
                .iter()
                .map(|(word, _)| Choice {
                    value: (*word).to_owned(),
                    label: match *word {
                        "true" => "On",
                        "false" => "Off",
                        word => word,
                    }
                    .to_owned(),
                    chosen: setting.kind.parse(text) == setting.kind.parse(word),
                    ..Choice::default()
                })
                .collect(),
        ),
        _ => Control::Text(text.to_owned()),
    };
    Input {
        key: setting.key,
        label,
        help: setting.doc.replace('`', ""),
        caution: setting.caution,
        control,
        source: Mark::source(resolved.source.as_str()),
        pinned,
        shadowed: resolved.shadowed.is_some(),
        env: setting.env.first().copied().unwrap_or_default(),
    }
}

/// Each way of signing in with its state, last success and last failure.
fn methods(app: &Instance, visit: &Visit) -> Result<Vec<Method>> {
    let settings = app.settings.current();
    let (oidc, ldap) = (settings.oidc(), settings.ldap());
    let local = if settings.sign_in().restore {
        "Open, with a temporary password as the way back in"
    } else if settings.is_sso_on() {
        "Administrators marked break-glass only"
    } else {
        "Everybody who has one"
    };
    let seen = app.ask(&visit.caller, |cx| ops::sso::last_sign_ins(cx))?;
    let of = |name: &'static str, text: String, on: bool, form: Option<&Form>, ways: &[&str]| {
        let (mut succeeded, mut failed, mut why) = (None, None, String::new());
        for way in &seen {
            if !ways.contains(&way.method.as_str()) {
                continue;
            }
            succeeded = succeeded.max(way.succeeded_at);
            if way.failed_at > failed {
                (failed, why) = (way.failed_at, way.failure.clone());
            }
        }
        let stamp = |at: Option<i64>| at.map_or_else(|| Stamp::never("never"), |at| words::stamp(at, visit.now));
        Method {
            name,
            text,
            state: Mark::switched(on),
            link: Link { label: name.to_owned(), href: form.map_or(String::new(), |f| f.address.to_owned()) },
            succeeded: stamp(succeeded),
            failed: stamp(failed),
            why,
        }
    };
    let at = |address: &str| if address.is_empty() { "Not set up".to_owned() } else { address.to_owned() };
    Ok(vec![
        of("OpenID Connect", at(&oidc.issuer), oidc.enabled, Some(&OIDC), &["oidc"]),
        of("LDAP", at(&ldap.address), ldap.login, Some(&LDAP), &["ldap"]),
        of("Password", local.to_owned(), true, None, &["password", "break-glass", "restore", "setup"]),
    ])
}

/// `GET /console/settings/{form}`.
pub async fn show(app: Instance, request: HttpRequest, form: web::Path<String>) -> Result<HttpResponse> {
    let Some(visit) = Visit::open(&app, &request)? else { return Ok(to_sign_in(&request)) };
    visit.html(&page(&app, &visit, form_named(&form)?, None, Shown::default())?)
}

/// `GET /system-admin`: where the documents' System Settings were.
pub async fn system_admin() -> HttpResponse {
    redirect(HOME)
}

/// `POST /console/settings/{form}`: tests, saves, or tries somebody on the bench.
pub async fn save(
    app: Instance,
    request: HttpRequest,
    form: web::Path<String>,
    body: web::Bytes,
) -> Result<HttpResponse> {
    let fields = Fields::parse(&body);
    let Some(visit) = Visit::posted(&app, &request, &fields)? else { return Ok(to_sign_in(&request)) };
    let form = form_named(&form)?;
    let again = |shown: Shown, error: &Error| visit.again(&page(&app, &visit, form, Some(&fields), shown)?, error);
    if fields.get("do") == "bench" {
        let (checks, outcome) = bench(&app, &visit, form, fields.text("sample")).await?;
        return visit.html(&page(&app, &visit, form, None, Shown { checks, outcome, problem: String::new() })?);
    }
    let all = app.ask(&visit.caller, |cx| {
        ops::settings::may_save(cx)?;
        ops::settings::list(cx)
    })?;
    let changes = changes(form, &all, &fields);
    let would = match app.would_be(&visit.caller, changes.clone()) {
        Ok(would) => would,
        Err(error) if error.kind() == Trouble::Denied || !reply::status(&error).is_client_error() => return Err(error),
        Err(error) => return again(Shown { problem: error.sentence(), ..Shown::default() }, &error),
    };
    let checks = test(&app, &visit, form, &would, fields.get("do") == "test").await?;
    if fields.get("do") == "test" {
        return visit.html(&page(&app, &visit, form, Some(&fields), Shown { checks, ..Shown::default() })?);
    }
    let failed = checks.iter().find(|c| !c.passed);
    if let Some(failed) = failed {
        let error = Error::invalid(format!("{} failed: {}", failed.name, failed.detail))
            .hint("Nothing was saved. Correct it and try again.");
        let problem = error.sentence();
        return again(Shown { checks, problem, ..Shown::default() }, &error);
    }
    match app.save_settings(&visit.caller, changes).await {
        Ok(()) => visit.done(form.address, format!("The settings of {} are saved.", form.title)),
        Err(error) if reply::status(&error).is_client_error() => {
            again(Shown { problem: error.sentence(), ..Shown::default() }, &error)
        }
        Err(error) => Err(error),
    }
}

/// What a form changes. A value that equals the default is not kept; an empty secret stays what it is.
fn changes(form: &Form, all: &[Resolved], fields: &Fields) -> Changes {
    let mut out = vec![];
    for (key, _) in form.settings {
        let Some(resolved) = all.iter().find(|r| r.setting.key == *key) else { continue };
        let setting = resolved.setting;
        if matches!(resolved.source, Source::Env(_)) {
            continue;
        }
        let text = match setting.kind {
            _ if setting.secret => {
                let typed = fields.get(setting.key);
                if fields.get(&format!("clear {key}")) == "on" {
                    out.push((setting.key, None));
                } else if !typed.is_empty() {
                    out.push((setting.key, Some(typed.to_owned())));
                }
                continue;
            }
            Kind::Bool => if fields.get(setting.key) == "on" { "true" } else { "false" }.to_owned(),
            _ => fields.text(setting.key).to_owned(),
        };
        let is_default = text.is_empty() || setting.kind.parse(&text) == setting.kind.parse(setting.default);
        out.push((setting.key, (!is_default).then_some(text)));
    }
    out
}

/// The live test of what a form would put in force; for mail only where it was asked for, since it sends one. Nothing where nothing is named to connect to.
async fn test(app: &Instance, visit: &Visit, form: &Form, would: &Settings, wanted: bool) -> Result<Vec<Check>> {
    if form.name == MAIL.name && wanted {
        return app.test_mail(&visit.caller, would.mail()).await;
    }
    if form.name == OIDC.name && !would.oidc().issuer.is_empty() {
        return app.test_company(&visit.caller, would.oidc()).await;
    }
    if form.name == LDAP.name && !would.ldap().address.is_empty() {
        return app.check_directory(&visit.caller, would.ldap()).await;
    }
    Ok(vec![])
}

/// Somebody on the test bench: the checks, and what signing in would lead to.
async fn bench(app: &Instance, visit: &Visit, form: &Form, sample: &str) -> Result<(Vec<Check>, Vec<String>)> {
    app.ask(&visit.caller, |cx| ops::settings::may_save(cx))?;
    let settings = app.settings.current();
    let (checks, identity) = if form.name == OIDC.name {
        app.examine_id_token(&visit.caller, settings.oidc(), sample).await?
    } else {
        app.look_up_in_directory(&visit.caller, settings.ldap(), sample).await?
    };
    let Some(identity) = identity else { return Ok((checks, vec![])) };
    let lines = match app.rehearse_sign_in(&visit.caller, identity).await {
        Ok(arrival) => in_words(&arrival),
        Err(error) if reply::status(&error).is_client_error() => {
            vec![format!("The sign-in is refused. {}", error.sentence())]
        }
        Err(error) => return Err(error),
    };
    Ok((checks, lines))
}

fn in_words(arrival: &Arrival) -> Vec<String> {
    let name = &arrival.user.username;
    let mut lines = vec![match arrival.account {
        Account::Known => format!("It is the account {name}, by its link."),
        Account::Linked => format!("It is the account {name}, by its address; the link is made then."),
        Account::Made => format!("The account {name} is made, as a member of the organization."),
    }];
    lines.extend(arrival.joined.iter().map(|team| format!("{name} joins the team {team}.")));
    lines.extend(arrival.left.iter().map(|team| format!("{name} leaves the team {team}.")));
    lines.extend(arrival.notes.iter().cloned());
    lines
}
