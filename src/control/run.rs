//! Does what the shell asks, by `ops` like every other surface; the caller is the machine's owner, so the policy grants
//! it, the rules of the domain still hold, and the audit log names the shell.

use super::doctor;
use super::{Answer, IssuerRow, OrgRow, Request, SettingRow, Step};
use crate::app::App;
use crate::config::Config;
use crate::error::Result;
use crate::model::credential::KeyScope;
use crate::model::federation::Issuer;
use crate::model::role::OrgRole;
use crate::ops::credentials::{FreshKey, NewKey};
use crate::ops::issuers::Terms;
use crate::ops::orgs::NewOrg;
use crate::ops::users::NewUser;
use crate::ops::{self, Caller};
use crate::policy::Process;
use crate::store::Range;

/// Does one request on an open installation: the running server's, or one that the command line opened.
pub async fn run(app: &App, config: &Config, request: Request) -> Result<Answer> {
    let shell = Caller::process(Process::Shell);
    match request {
        Request::UserCreate { email, username, name, org_role, password, with_api_key, org } => {
            let role = org_role.as_deref().map(OrgRole::parse).transpose()?;
            let name = name.unwrap_or_default();
            let password_hash = match password {
                Some(password) => Some(app.new_password(&password, &[&email, &name]).await?),
                None => None,
            };
            let org = org.map(|name| app.store.read(|view| ops::orgs::by_name(view, &name))).transpose()?;
            let new = NewUser { email, username, name, role, password_hash, org, ..NewUser::default() };
            let fresh = if with_api_key { Some(FreshKey::draw(&app.random)?) } else { None };
            let for_answer = fresh.clone();
            let user = app
                .act(&shell, move |cx| {
                    let user = ops::users::create(cx, &new)?;
                    if let Some(fresh) = &fresh {
                        let key = NewKey { name: "made with the account".to_owned(), ..NewKey::default() };
                        ops::credentials::issue(cx, &user.username, &key, fresh)?;
                    }
                    Ok(user)
                })
                .await?;
            Ok(Answer::User {
                id: user.id.global(),
                email: user.email().unwrap_or_default().to_owned(),
                org_role: user.orgs.first().map_or(OrgRole::Member, |m| m.role).as_str().to_owned(),
                username: user.username,
                api_key: for_answer.map(|key| key.reveal().to_owned()),
            })
        }
        Request::UserSetPassword { user, password } => {
            let account = app.ask(&shell, |cx| ops::users::get(cx, &user))?;
            let own = [account.username.as_str(), account.name.as_str(), account.email().unwrap_or_default()];
            let hash = app.new_password(&password, &own).await?;
            app.act(&shell, move |cx| ops::users::set_password(cx, &user, &hash, None)).await?;
            done(format!("{} has a new password; all sessions of the account are over.", account.username))
        }
        Request::UserResetFactors { user } => {
            let user = app.act(&shell, move |cx| ops::factors::reset(cx, &user)).await?;
            done(format!("{} has no second factor; the password alone lets in.", user.username))
        }
        Request::UserDeactivate { user } => {
            let user = app.act(&shell, move |cx| ops::users::set_active(cx, &user, false)).await?;
            done(format!("{} is deactivated; sessions are over, keys and tokens open nothing.", user.username))
        }
        Request::UserReactivate { user } => {
            let user = app.act(&shell, move |cx| ops::users::set_active(cx, &user, true)).await?;
            done(format!("{} is active.", user.username))
        }
        Request::UserSetOrgRole { user, role, org } => {
            let role = OrgRole::parse(&role)?;
            let org = org.map(|name| app.store.read(|view| ops::orgs::by_name(view, &name))).transpose()?;
            let user = app.act(&shell, move |cx| ops::users::set_role_in(cx, &user, role, org)).await?;
            done(format!("{} is {} of the organization.", user.username, role.as_str()))
        }
        Request::OrgCreate { name, admin } => {
            let new = NewOrg { name, admin: Some(admin.clone()) };
            let org = app.act(&shell, move |cx| ops::orgs::create(cx, &new)).await?;
            let admin = app.ask(&shell, |cx| ops::users::get(cx, &admin))?.username;
            Ok(Answer::Org { id: org.id.global(), name: org.name, admin })
        }
        Request::OrgList => {
            let (mut rows, mut after) = (vec![], None);
            loop {
                let page = app.ask(&shell, |cx| ops::orgs::list(cx, Range::all().after(after.take())))?;
                rows.extend(page.items.into_iter().map(|l| OrgRow {
                    id: l.org.id.global(),
                    name: l.org.name,
                    people: l.people,
                    admins: l.admins,
                }));
                after = page.next;
                if after.is_none() {
                    return Ok(Answer::Orgs(rows));
                }
            }
        }
        Request::ApiKeyCreate { user, name, expires_in, read_only } => {
            let expires_at = expires_in.map(|span| app.clock.now().saturating_add(span));
            let scope = if read_only { KeyScope::ReadOnly } else { KeyScope::Full };
            let new = NewKey { name: name.unwrap_or_default(), expires_at, scope, ..NewKey::default() };
            let fresh = FreshKey::draw(&app.random)?;
            let for_answer = fresh.clone();
            let key = app.act(&shell, move |cx| ops::credentials::issue(cx, &user, &new, &fresh)).await?;
            Ok(Answer::Key { id: key.id, key: for_answer.reveal().to_owned() })
        }
        Request::Explain { subject, action, resource } => {
            let found = app.ask(&shell, |cx| ops::explain::explain(cx, &subject, &action, &resource))?;
            let chain = found.chain.into_iter().map(|r| Step { rule: r.rule, text: r.text }).collect();
            Ok(Answer::Decision { allowed: found.allowed, visible: found.visible, chain })
        }
        Request::IssuerAdd { url, jwks, ca, org } => {
            let terms = Terms {
                algorithms: crate::app::federation::algorithms(),
                pasted: jwks.is_some(),
                jwks,
                own_ca: ca.is_some(),
                ca,
                ..Terms::default()
            };
            let issuer = app.add_issuer(&shell, org.as_deref(), &url, terms).await?;
            let row = issuer_row(issuer);
            Ok(Answer::Issuer { id: row.id, issuer: row.issuer, keys: row.keys })
        }
        Request::IssuerList { org } => {
            let issuers = app.ask(&shell, |cx| ops::issuers::list(cx, org.as_deref()))?;
            Ok(Answer::Issuers(issuers.into_iter().map(issuer_row).collect()))
        }
        Request::IssuerRemove { url, org } => {
            let gone = app
                .act(&shell, move |cx| {
                    let issuer = ops::issuers::named_by(cx, org.as_deref(), &url)?;
                    ops::issuers::remove(cx, issuer.id)
                })
                .await?;
            done(format!("{} is not trusted any more; what its tokens were exchanged for is refused.", gone.url))
        }
        Request::Settings => {
            let settings = app.ask(&shell, |cx| ops::settings::list(cx))?;
            let rows = settings.into_iter().map(|r| SettingRow {
                key: r.setting.key.to_owned(),
                env: r.setting.env.first().map(|e| (*e).to_owned()).unwrap_or_default(),
                aliases: r.setting.env.iter().skip(1).map(|e| (*e).to_owned()).collect(),
                value: r.shown().to_owned(),
                source: r.source.as_str().to_owned(),
                shadowed: r.shadowed.clone().filter(|_| !r.setting.secret),
                doc: r.setting.doc.to_owned(),
            });
            Ok(Answer::Settings(rows.collect()))
        }
        Request::Doctor => doctor::examine(app, config).await,
    }
}

fn issuer_row(issuer: Issuer) -> IssuerRow {
    let keys = if issuer.pasted { "pasted" } else { "discovery" };
    IssuerRow {
        id: issuer.id.global(),
        issuer: issuer.url,
        keys: keys.to_owned(),
        algorithms: issuer.algorithms,
        audiences: issuer.audiences,
    }
}

fn done(message: String) -> Result<Answer> {
    Ok(Answer::Done { message })
}
