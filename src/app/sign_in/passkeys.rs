//! The ceremonies of WebAuthn (Level 3) by the crate `webauthn_rp`: adding a passkey and proving one. What is sent and what
//! comes back is the standard's own JSON; discoverable credentials with user verification only, so that a passkey alone is
//! two factors. The origin is compared whole with the server's own address. The crate draws its challenges itself.

use crate::clock::Millis;
use crate::error::{Code, Error, Result};
use crate::model::factor::Passkey;
use crate::model::user::User;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use webauthn_rp::bin::{Decode, Encode};
use webauthn_rp::request::auth::AuthenticationVerificationOptions;
use webauthn_rp::request::register::{
    CredProtect, Nickname, PublicKeyCredentialUserEntity, RegistrationVerificationOptions, UserHandle16, Username,
};
use webauthn_rp::request::{AsciiDomain, PublicKeyCredentialDescriptor, RpId};
use webauthn_rp::response::auth::DiscoverableAuthentication16;
use webauthn_rp::response::register::{DynamicState, StaticState};
use webauthn_rp::response::{AuthTransports, CredentialId};
use webauthn_rp::{
    AuthenticatedCredential, DiscoverableAuthenticationServerState, DiscoverableCredentialRequestOptions,
    PublicKeyCredentialCreationOptions, Registration, RegistrationServerState,
};

/// The longest answer of an authenticator that is read, in bytes.
const ANSWER_MAX: usize = 16 * 1024;

/// What a started registration is checked against.
pub type Adding = RegistrationServerState<16>;
/// What a started proof is checked against.
pub type Proving = DiscoverableAuthenticationServerState;

/// Where passkeys of this server are valid.
pub struct Party {
    id: RpId,
    origin: String,
}

impl Party {
    /// By the origin used in links; `None` where browsers have no passkeys: at an address, or without TLS elsewhere than on
    /// the machine itself.
    pub fn of(base_url: &str) -> Option<Party> {
        let url = url::Url::parse(base_url).ok()?;
        let host = url.domain()?.to_owned();
        if url.scheme() != "https" && host != "localhost" && !host.ends_with(".localhost") {
            return None;
        }
        Some(Party { id: RpId::Domain(AsciiDomain::try_from(host).ok()?), origin: url.origin().ascii_serialization() })
    }

    /// Starts adding a passkey: what the browser is asked, and what its answer is checked against.
    pub fn add(&self, user: &User, handle: [u8; 16], known: &[Passkey]) -> Result<(String, Adding)> {
        let handle = handle_of(handle);
        let plain = || Username::try_from("account").map_err(Error::internal);
        let entity = PublicKeyCredentialUserEntity {
            name: Username::try_from(user.username.as_str()).or_else(|_| plain())?,
            id: &handle,
            display_name: Nickname::try_from(user.name.as_str()).ok(),
        };
        let known = known.iter().filter_map(|passkey| {
            let id = CredentialId::decode(URL_SAFE_NO_PAD.decode(&passkey.id).ok()?).ok()?;
            Some(PublicKeyCredentialDescriptor { id, transports: AuthTransports::decode(passkey.transports).ok()? })
        });
        let mut options = PublicKeyCredentialCreationOptions::passkey(&self.id, entity, known.collect());
        // Enforced by the browser, this extension shuts out every authenticator that does not know it. That the holder is
        // verified is checked here at each use instead.
        options.extensions.cred_protect = CredProtect::None;
        let (state, asked) = options.start_ceremony().map_err(Error::internal)?;
        Ok((serde_json::to_string(&asked).map_err(Error::internal)?, state))
    }

    /// The passkey that an answer to [`Party::add`] makes.
    ///
    /// # Errors
    /// [`Code::InvalidValue`] with what is wrong, for the person; which check failed, for the log.
    pub fn added(&self, state: Adding, answer: &str, user: &User, name: &str, now: Millis) -> Result<Passkey> {
        let refused = |why: String| {
            Error::invalid("The passkey was not added: the answer of the authenticator does not fit what was asked.")
                .hint("Try again, on the page at this server's own address.")
                .because(why)
        };
        let registration = bounded(answer)
            .and_then(|json| Registration::from_json_relaxed(json).map_err(|e| e.to_string()))
            .map_err(refused)?;
        let origins = [self.origin.as_str()];
        let options = RegistrationVerificationOptions::<&str, &str> {
            allowed_origins: &origins,
            error_on_unsolicited_extensions: false,
            ..RegistrationVerificationOptions::default()
        };
        let credential = state.verify(&self.id, &registration, &options).map_err(|e| refused(e.to_string()))?;
        let Ok(key) = credential.static_state().encode();
        let Ok(state) = credential.dynamic_state().encode();
        let Ok(transports) = credential.transports().encode();
        let Ok(handle) = credential.user_id().encode();
        Ok(Passkey {
            id: URL_SAFE_NO_PAD.encode(credential.id().as_ref()),
            user: user.id,
            handle,
            name: name.to_owned(),
            key: STANDARD.encode(key),
            state,
            transports,
            created_at: now,
            last_at: None,
        })
    }

    /// Starts a proof: what the browser is asked, and what its answer is checked against. It names no account.
    pub fn ask(&self) -> Result<(String, Proving)> {
        let (state, asked) =
            DiscoverableCredentialRequestOptions::passkey(&self.id).start_ceremony().map_err(Error::internal)?;
        Ok((serde_json::to_string(&asked).map_err(Error::internal)?, state))
    }

    /// Checks an answer to [`Party::ask`] by the passkey it names. Gives the passkey's state after it.
    ///
    /// # Errors
    /// Which check failed, for the audit log.
    pub fn proved(&self, state: Proving, answer: &Answer, passkey: &Passkey) -> std::result::Result<[u8; 7], String> {
        let damaged = || "The kept passkey cannot be read.".to_owned();
        let id = URL_SAFE_NO_PAD.decode(&passkey.id).map_err(|_| damaged())?;
        let key = STANDARD.decode(&passkey.key).map_err(|_| damaged())?;
        let handle = handle_of(passkey.handle);
        let mut credential = AuthenticatedCredential::new(
            CredentialId::<&[u8]>::decode(&id).map_err(|_| damaged())?,
            &handle,
            StaticState::decode(key.as_slice()).map_err(|_| damaged())?,
            DynamicState::decode(passkey.state).map_err(|_| damaged())?,
        )
        .map_err(|_| damaged())?;
        let origins = [self.origin.as_str()];
        let options = AuthenticationVerificationOptions::<&str, &str> {
            allowed_origins: &origins,
            error_on_unsolicited_extensions: false,
            ..AuthenticationVerificationOptions::default()
        };
        state.verify(&self.id, &answer.0, &mut credential, &options).map_err(|e| e.to_string())?;
        let Ok(state) = credential.dynamic_state().encode();
        Ok(state)
    }
}

/// What an authenticator answered to [`Party::ask`]; nothing of it is proved yet.
pub struct Answer(DiscoverableAuthentication16);

impl Answer {
    /// Reads it.
    ///
    /// # Errors
    /// What is wrong, for the audit log.
    pub fn read(json: &str) -> std::result::Result<Answer, String> {
        DiscoverableAuthentication16::from_json_relaxed(bounded(json)?).map(Answer).map_err(|e| e.to_string())
    }

    /// The id of the passkey that it is said to be by, base64url.
    pub fn passkey(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.raw_id().as_ref())
    }
}

fn bounded(json: &str) -> std::result::Result<&[u8], String> {
    if json.len() > ANSWER_MAX { Err("The answer is too long.".to_owned()) } else { Ok(json.as_bytes()) }
}

fn handle_of(bytes: [u8; 16]) -> UserHandle16 {
    let Ok(handle) = UserHandle16::decode(bytes);
    handle
}

/// What people are told where there are no passkeys.
pub fn not_here() -> Error {
    Error::new(Code::NotOffered, "Browsers offer passkeys only on pages with a host name and TLS.")
        .hint("Give the server a name with --base-url, and use one-time codes until then.")
}

#[cfg(test)]
mod tests {
    use super::{Answer, Party};

    #[test]
    fn passkeys_need_a_name_and_tls() {
        for fine in ["https://iam.example.com", "https://iam.example.com:8443", "http://localhost:8080"] {
            assert!(Party::of(fine).is_some(), "{fine}");
        }
        for bad in
            ["http://127.0.0.1:8080", "https://10.0.0.7", "http://iam.example.com", "https://[::1]:1", "nonsense"]
        {
            assert!(Party::of(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn answers_that_cannot_be_read_are_refused() {
        for bad in ["", "{}", "null", "[1", &"[".repeat(100_000), r#"{"id":"x","rawId":"x","type":"public-key"}"#] {
            assert!(Answer::read(bad).is_err());
        }
    }
}
