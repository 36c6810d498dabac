//! What a person's return from the provider proves: a code is redeemed, an ID token is checked, and out of it comes who they
//! are. The ID token alone decides; the access token that may come with it is used once, for the claims that a provider tells
//! only at its UserInfo endpoint, and forgotten.

use super::id_token::Expected;
use super::{ClientAuth, Config, claims, id_token};
use crate::clock::Clock;
use crate::idp::Issuers;
use crate::idp::discovery::Metadata;
use crate::idp::fetch::{self, NoAnswer, check_url};
use crate::idp::jwt::{Claims, object};
use crate::idp::refusal::{Proven, Refusal, excerpt};
use crate::idp::trail::Trail;
use crate::model::identity::ExternalIdentity;
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreErrorResponseType, CoreGenderClaim, CoreIdToken, CoreJsonWebKey,
    CoreJsonWebKeySet, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreRevocableToken,
    CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AccessToken, AuthType, AuthorizationCode, Client, ClientId, ClientSecret, EmptyAdditionalClaims, EndpointNotSet,
    HttpRequest, IssuerUrl, OAuth2TokenResponse, PkceCodeVerifier, RedirectUrl, RefreshToken, RequestTokenError, Scope,
    StandardErrorResponse, TokenResponse, TokenUrl,
};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;
use ureq::http::Request;

/// What a person came back with.
pub enum Returned {
    /// A code and the verifier that belongs to it.
    Code(String, String),
    /// An ID token.
    IdToken(String),
}

/// Who it is, and the ID token as it came.
pub struct Proof {
    /// Who.
    pub identity: ExternalIdentity,
    /// The token, for telling the provider at sign-out whose session ends.
    pub id_token: String,
}

/// Checks what a person came back with; `nonce` is the one that was sent.
pub async fn prove(
    issuers: &Issuers,
    config: &Config,
    returned: Returned,
    nonce: &str,
    clock: &Clock,
) -> Proven<Proof> {
    let metadata = issuers.discovery.of(&issuers.fetcher, &config.rules, &config.issuer, clock.now()).await?;
    let (id_token, access_token) = match returned {
        Returned::IdToken(token) => (token, None),
        Returned::Code(code, verifier) => redeem(issuers, config, &metadata, code, verifier).await?,
    };
    let expected = Expected { nonce: Some(nonce), access_token: access_token.as_deref() };
    let mut trail = Trail::default();
    let mut found = id_token::check(issuers, config, &metadata, &id_token, expected, clock.now(), &mut trail).await?;
    if let (Some(token), Some(url), false) = (access_token, &metadata.user_info, found.0.contains_key("email")) {
        match user_info(issuers, config, url, &token, &found).await {
            Ok(more) => more.0.into_iter().for_each(|(name, value)| {
                found.0.entry(name).or_insert(value);
            }),
            // What the ID token says is enough to know who it is.
            Err(why) => tracing::warn!("the identity provider's UserInfo endpoint is passed over: {why}"),
        }
    }
    Ok(Proof { identity: claims::identity(config, &found)?, id_token })
}

/// The answer of a token endpoint, as far as anybody asks: no access token has to be in it.
#[derive(Clone, Serialize, Deserialize)]
struct Tokens {
    #[serde(default = "nothing")]
    access_token: AccessToken,
    #[serde(default = "bearer", skip_deserializing)]
    token_type: CoreTokenType,
    id_token: Option<String>,
}

fn nothing() -> AccessToken {
    AccessToken::new(String::new())
}

fn bearer() -> CoreTokenType {
    CoreTokenType::Bearer
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens(secret)")
    }
}

impl OAuth2TokenResponse for Tokens {
    type TokenType = CoreTokenType;
    fn access_token(&self) -> &AccessToken {
        &self.access_token
    }
    fn token_type(&self) -> &CoreTokenType {
        &self.token_type
    }
    fn expires_in(&self) -> Option<Duration> {
        None
    }
    fn refresh_token(&self) -> Option<&RefreshToken> {
        None
    }
    fn scopes(&self) -> Option<&Vec<Scope>> {
        None
    }
}

impl TokenResponse<EmptyAdditionalClaims, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>
    for Tokens
{
    fn id_token(&self) -> Option<&CoreIdToken> {
        // Read and checked in this project's own way, from the text.
        None
    }
}

type OurClient = Client<
    EmptyAdditionalClaims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
>;

/// How the client proves itself, by the connection's setting and the provider's metadata.
fn client_auth(config: &Config, metadata: &Metadata) -> AuthType {
    let lists = |name: &str| metadata.client_auth.iter().any(|one| one == name);
    match config.client_auth {
        ClientAuth::Basic => AuthType::BasicAuth,
        ClientAuth::Post => AuthType::RequestBody,
        ClientAuth::Auto if !lists("client_secret_basic") && lists("client_secret_post") => AuthType::RequestBody,
        ClientAuth::Auto => AuthType::BasicAuth,
    }
}

/// Redeems a code for the ID token and, where there is one, the access token.
async fn redeem(
    issuers: &Issuers,
    config: &Config,
    metadata: &Metadata,
    code: String,
    verifier: String,
) -> Proven<(String, Option<String>)> {
    let settings = |why: &str| Refusal::settings("token_endpoint", why);
    let endpoint = metadata.token.clone().ok_or_else(|| settings("The provider names no 'token_endpoint'."))?;
    let url = check_url(&config.rules, &endpoint).map_err(|why| settings(&why.text))?;
    let issuer = IssuerUrl::new(metadata.issuer.clone()).map_err(|_| settings("The issuer is not an address."))?;
    let redirect = RedirectUrl::new(config.redirect_uri()).map_err(|_| settings("The base URL is not an address."))?;
    let mut client = OurClient::new(ClientId::new(config.client_id.clone()), issuer, CoreJsonWebKeySet::new(vec![]))
        .set_redirect_uri(redirect)
        .set_auth_type(client_auth(config, metadata));
    if let Some(secret) = &config.client_secret {
        client = client.set_client_secret(ClientSecret::new(secret.clone()));
    }
    let client = client.set_token_uri(TokenUrl::from_url(url.clone()));
    let outcome = issuers.fetcher.run(&config.rules, &url, move |agent| {
        let send = |request: HttpRequest| -> Result<_, NoAnswer> {
            let answer = fetch::exchange(agent, request)?;
            let mut response = ureq::http::Response::new(answer.body);
            *response.status_mut() = ureq::http::StatusCode::from_u16(answer.status)
                .map_err(|_| NoAnswer::passing("The answer has no status."))?;
            Ok(response)
        };
        let asked = client
            .exchange_code(AuthorizationCode::new(code))
            .set_pkce_verifier(PkceCodeVerifier::new(verifier))
            .request(&send);
        Ok(asked.map_err(|error| said_no(error)))
    });
    let tokens = outcome.await.map_err(|why| why.at("token_endpoint"))??;
    let id_token = tokens.id_token.clone().filter(|text| !text.is_empty());
    let id_token = id_token.ok_or_else(|| {
        settings("The provider's answer to the code has no ID token; is the scope openid allowed for this client?")
    })?;
    let access_token = Some(tokens.access_token.secret().clone()).filter(|text| !text.is_empty());
    Ok((id_token, access_token))
}

type Failed = RequestTokenError<NoAnswer, StandardErrorResponse<CoreErrorResponseType>>;

fn said_no(error: Failed) -> Refusal {
    match error {
        RequestTokenError::Request(why) => why.at("token_endpoint"),
        RequestTokenError::ServerResponse(said) => {
            let code = said.error().as_ref();
            let more = said.error_description().map(|text| format!(" ({})", excerpt(text, 200))).unwrap_or_default();
            let detail = format!("The provider did not take the code: {}{more}.", excerpt(code, 60));
            match code {
                "invalid_client" | "unauthorized_client" | "unsupported_grant_type" => {
                    Refusal::settings("token_endpoint", format!("{detail} Check client ID, secret and method."))
                }
                _ => Refusal::proof("token_endpoint", detail),
            }
        }
        // The body may hold tokens.
        RequestTokenError::Parse(..) => {
            Refusal::settings("token_endpoint", "The provider's answer to the code is not the JSON that is expected.")
        }
        RequestTokenError::Other(_) => {
            Refusal::unreachable("token_endpoint", "The provider's answer to the code is empty or of an unknown kind.")
        }
    }
}

/// The claims of the UserInfo endpoint, for the same person only (Core §5.3.2).
async fn user_info(
    issuers: &Issuers,
    config: &Config,
    url: &str,
    access_token: &str,
    proven: &Claims,
) -> Result<Claims, String> {
    let parsed = check_url(&config.rules, url).map_err(|why| why.text)?;
    let request = Request::get(parsed.as_str())
        .header("accept", "application/json")
        .header("authorization", format!("Bearer {access_token}"))
        .body(Vec::new())
        .map_err(|_| "The access token cannot stand in a header.".to_owned())?;
    let answer = issuers.fetcher.run(&config.rules, &parsed, move |agent| fetch::exchange(agent, request)).await;
    let answer = answer.map_err(|why| why.text)?;
    if answer.status != 200 {
        return Err(format!("It answers {}.", answer.status));
    }
    let mut claims = Claims(object(&answer.body, "answer")?);
    if claims.need_text("sub")? != proven.need_text("sub")? {
        return Err("It speaks of another person.".into());
    }
    // What an ID token is checked by stays its own.
    for own in ["iss", "aud", "azp", "exp", "iat", "nbf", "nonce", "at_hash", "sid"] {
        claims.0.remove(own);
    }
    Ok(claims)
}
