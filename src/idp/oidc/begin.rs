//! Sending a person to the provider: the address of its sign-in page with everything that ties the return to this request.
//! The secrets among it are kept by the caller until the return; nothing is kept here.

use super::{Config, Method};
use crate::clock::Millis;
use crate::crypto::Random;
use crate::idp::Issuers;
use crate::idp::refusal::{Proven, Refusal};
use openidconnect::core::{CoreAuthenticationFlow, CoreClient, CoreJsonWebKeySet};
use openidconnect::{
    AuthUrl, ClientId, CsrfToken, IssuerUrl, Nonce, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope,
};

/// Scopes that are always asked for, besides `openid`, which the crate adds.
const SCOPES: [&str; 2] = ["profile", "email"];

/// A sign-in that was begun.
#[derive(Clone)]
pub struct Begun {
    /// Where the person goes.
    pub url: String,
    /// What the return must carry.
    pub state: String,
    /// What the ID token must carry.
    pub nonce: String,
    /// What the code is redeemed with; none in the implicit flow.
    pub verifier: Option<String>,
}

/// Begins a sign-in.
pub async fn begin(issuers: &Issuers, config: &Config, random: &Random, now: Millis) -> Proven<Begun> {
    let metadata = issuers.discovery.of(&issuers.fetcher, &config.rules, &config.issuer, now).await?;
    let settings = |why: String| Refusal::settings("authorization", why);
    let endpoint = metadata.authorization.clone();
    let endpoint = endpoint.ok_or_else(|| settings("The provider names no 'authorization_endpoint'.".into()))?;
    let draw = || random.letters(43).map_err(|e| settings(e.detail().to_owned()));
    let (state, nonce) = (draw()?, draw()?);
    let verifier = if config.method == Method::Pkce { Some(draw()?) } else { None };
    let unusable = |what: &str| settings(format!("The {what} is not an address."));
    let client = CoreClient::new(
        ClientId::new(config.client_id.clone()),
        IssuerUrl::new(metadata.issuer.clone()).map_err(|_| unusable("issuer"))?,
        CoreJsonWebKeySet::new(vec![]),
    )
    .set_auth_uri(AuthUrl::new(endpoint).map_err(|_| unusable("authorization endpoint"))?)
    .set_redirect_uri(RedirectUrl::new(config.redirect_uri()).map_err(|_| unusable("base URL"))?);
    let flow = match config.method {
        Method::Pkce => CoreAuthenticationFlow::AuthorizationCode,
        Method::Implicit => CoreAuthenticationFlow::Implicit(false),
    };
    let (csrf, once) = (CsrfToken::new(state.clone()), Nonce::new(nonce.clone()));
    let own = config.scopes.iter().map(String::as_str).filter(|own| *own != "openid" && !SCOPES.contains(own));
    let mut request = client
        .authorize_url(flow, move || csrf, move || once)
        .add_scopes(SCOPES.into_iter().chain(own).map(|scope| Scope::new(scope.to_owned())));
    if let Some(verifier) = &verifier {
        let verifier = PkceCodeVerifier::new(verifier.clone());
        request = request.set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
    } else {
        request = request.add_extra_param("response_mode", "form_post");
    }
    let (url, _, _) = request.url();
    Ok(Begun { url: url.into(), state, nonce, verifier })
}
