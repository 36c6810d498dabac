//! The one error type and its code table. Transport-blind: `http/reply.rs` renders it for each surface.
//! `detail` and `hint` are for the person who asked and never hold a secret; `source` goes to the log only.

use std::borrow::Cow;
use std::fmt;

/// Shorthand used throughout the crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What family a code belongs to; each surface maps kinds, not codes, to its own status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The request is malformed or breaks a rule of the domain (400).
    Invalid,
    /// No credential, or one that is not accepted (401).
    Unauthenticated,
    /// The policy said no: 403, or 404 when the thing is hidden from the asker.
    Denied,
    /// There is no such thing (404).
    NotFound,
    /// It would clash with what is stored (409).
    Conflict,
    /// The version the request names is not the present one (412).
    Precondition,
    /// Over a bound on size (413).
    TooLarge,
    /// Over a bound on rate (429).
    TooMany,
    /// Cannot be served now, try again (503).
    Unavailable,
    /// Ours (500).
    Internal,
}

macro_rules! codes {
    ($($name:ident $text:literal $kind:ident $doc:literal;)*) => {
        /// Permanent, screaming names of what can go wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $(#[doc = $doc] $name,)* }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];
            /// The name as it stands in answers and logs.
            pub fn as_str(self) -> &'static str { match self { $(Code::$name => $text,)* } }
            /// The family, which surfaces map to a status.
            pub fn kind(self) -> Kind { match self { $(Code::$name => Kind::$kind,)* } }
            /// One sentence for the manual.
            pub fn doc(self) -> &'static str { match self { $(Code::$name => $doc,)* } }
        }
    };
}

codes! {
    InvalidRequest      "INVALID_REQUEST"      Invalid         "The request cannot be read or lacks something.";
    InvalidValue        "INVALID_VALUE"        Invalid         "A value breaks a rule; the message names which.";
    WeakPassword        "WEAK_PASSWORD"        Invalid         "The password is too easy to guess.";
    InvalidSyntax       "INVALID_SYNTAX"       Invalid         "The body is not well-formed, or not the message that is expected.";
    InvalidFilter       "INVALID_FILTER"       Invalid         "The filter cannot be read, or names what cannot be compared.";
    InvalidPath         "INVALID_PATH"         Invalid         "The path names no attribute.";
    NoTarget            "NO_TARGET"            Invalid         "The path matches nothing that could be changed.";
    Mutability          "MUTABILITY"           Invalid         "The attribute cannot be changed.";
    NotAMember          "NOT_A_MEMBER"         Invalid         "The person must belong to the team first.";
    LimitReached        "LIMIT_REACHED"        Invalid         "It would go over a limit of this server; the message names which.";
    InvalidGrant        "INVALID_GRANT"        Invalid         "The token that is to be exchanged proves nothing here; the message names the check that failed.";
    NotOffered          "NOT_OFFERED"          Invalid         "This server does not offer it.";
    Unauthenticated     "UNAUTHENTICATED"      Unauthenticated "The credential is missing, unknown, expired or revoked.";
    SignInFailed        "SIGN_IN_FAILED"       Unauthenticated "User name and password do not fit together.";
    Denied              "DENIED"               Denied          "The access rules refuse it; the message names the rule.";
    SyncHeld            "SYNC_HELD"            Denied          "The change takes something from too many accounts at once and waits for an administrator.";
    AdoptionPending     "ADOPTION_PENDING"     Denied          "The account is a local one; an administrator must hand it over first.";
    NotManaged          "NOT_MANAGED"          Denied          "It is managed by somebody else.";
    CsrfRefused         "CSRF_REFUSED"         Denied          "The form was not sent by a page of this server.";
    SetupRequired       "SETUP_REQUIRED"       Denied          "There is no user yet; the setup link or the shell makes the first.";
    SetupVoid           "SETUP_VOID"           Denied          "The setup link is used, expired or void.";
    InvitationVoid      "INVITATION_VOID"      Denied          "The invitation is used, withdrawn, expired, or more than its maker may give by now.";
    NotFound            "NOT_FOUND"            NotFound        "There is no such thing.";
    MethodNotAllowed    "METHOD_NOT_ALLOWED"   NotFound        "The path exists, but not with this method.";
    NameTaken           "NAME_TAKEN"           Conflict        "The name is in use.";
    EmailTaken          "EMAIL_TAKEN"          Conflict        "The e-mail address is in use.";
    AlreadyDone         "ALREADY_DONE"         Conflict        "It is so already.";
    LastAdmin           "LAST_ADMIN"           Conflict        "The last active administrator cannot be removed, deactivated or demoted.";
    SettingPinned       "SETTING_PINNED_BY_ENVIRONMENT" Conflict "The environment sets this value.";
    StaleVersion        "STALE_VERSION"        Precondition    "It was changed in the meantime.";
    TooLarge            "TOO_LARGE"            TooLarge        "The request is larger than the limit.";
    TooManyAttempts     "TOO_MANY_ATTEMPTS"    TooMany         "Too many attempts; the answer says when to try again.";
    Busy                "BUSY"                 Unavailable     "Too much work is waiting; try again shortly.";
    ProviderDown        "PROVIDER_DOWN"        Unavailable     "The company's identity provider or directory cannot be asked now.";
    StoreReadOnly       "STORE_READ_ONLY"      Unavailable     "The store cannot be written: disk full or read-only.";
    StoreForeign        "STORE_FOREIGN"        Internal        "The store file is not one of ours, damaged, or of a newer version.";
    StoreFailed         "STORE_FAILED"         Internal        "The store failed.";
    Misconfigured       "MISCONFIGURED"        Invalid         "The configuration contradicts itself or lacks something.";
    Internal            "INTERNAL"             Internal        "A defect of ours; the log has the request id.";
}

/// What happened, what to do, and (for the log only) the cause beneath.
pub struct Error {
    code: Code,
    detail: Cow<'static, str>,
    hint: Option<Cow<'static, str>>,
    visible: bool,
    retry_after: Option<u32>,
    asked: Option<Box<(String, String)>>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error with its sentence for the asker.
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Error { code, detail: detail.into(), hint: None, visible: true, retry_after: None, asked: None, source: None }
    }

    /// [`Code::InvalidValue`] with its sentence.
    pub fn invalid(detail: impl Into<Cow<'static, str>>) -> Self {
        Error::new(Code::InvalidValue, detail)
    }

    /// [`Code::NotFound`] with its sentence.
    pub fn not_found(detail: impl Into<Cow<'static, str>>) -> Self {
        Error::new(Code::NotFound, detail)
    }

    /// A defect of ours: the asker is told so without particulars, `detail` and the source go to the log.
    pub fn internal(detail: impl fmt::Display) -> Self {
        Error::new(
            Code::Internal,
            "Something went wrong on our side. The server's log has the details under the request id.",
        )
        .because(detail.to_string())
    }

    /// A refusal by policy. `visible` false makes it look like absence on every surface.
    pub fn denied(detail: impl Into<Cow<'static, str>>, visible: bool) -> Self {
        let mut e = Error::new(Code::Denied, detail);
        e.visible = visible;
        e
    }

    /// Adds what the person can do next.
    pub fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same words under another code, for a place where they mean another kind of trouble.
    pub fn coded(mut self, code: Code) -> Self {
        self.code = code;
        self
    }

    /// Adds the cause for the log.
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Adds the question that a denial answers, for whoever wants the whole reason: action and resource, as "why?" takes
    /// them.
    pub fn asked(mut self, action: &str, resource: String) -> Self {
        self.asked = Some(Box::new((action.to_owned(), resource)));
        self
    }

    /// Adds when to try again, in seconds.
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The question that a denial answers: action and resource.
    pub fn question(&self) -> Option<(&str, &str)> {
        self.asked.as_ref().map(|asked| (asked.0.as_str(), asked.1.as_str()))
    }

    /// The permanent code.
    pub fn code(&self) -> Code {
        self.code
    }
    /// The family; a hidden denial counts as [`Kind::NotFound`].
    pub fn kind(&self) -> Kind {
        if self.code == Code::Denied && !self.visible { Kind::NotFound } else { self.code.kind() }
    }
    /// The sentence for the asker.
    pub fn detail(&self) -> &str {
        &self.detail
    }
    /// What the asker can do next.
    pub fn next_step(&self) -> Option<&str> {
        self.hint.as_deref()
    }
    /// Seconds until a retry makes sense.
    pub fn retry_after_seconds(&self) -> Option<u32> {
        self.retry_after
    }
    /// The cause beneath, for the log only.
    pub fn cause(&self) -> Option<&(dyn std::error::Error + Send + Sync)> {
        self.source.as_deref()
    }
    /// Detail and hint as one text, as the command line and the wandb client show it.
    pub fn sentence(&self) -> String {
        match &self.hint {
            Some(hint) => format!("{} {hint}", self.detail),
            None => self.detail.to_string(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.detail)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.detail)?;
        if let Some(source) = &self.source {
            write!(f, " ({source})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|s| s as _)
    }
}
