//! Counts of what the server did, for `/metrics`. A leaf, so that the store and the use-cases can count where things
//! happen without knowing of HTTP; `http/metrics.rs` renders them. Counts only grow and are gone at a restart.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! meters {
    ($($name:ident $text:literal $doc:literal;)*) => {
        /// What is counted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Meter { $(#[doc = $doc] $name,)* }

        impl Meter {
            /// All of them.
            pub const ALL: &'static [Meter] = &[$(Meter::$name,)*];
            /// The metric's name, without prefix and suffix.
            pub fn as_str(self) -> &'static str { match self { $(Meter::$name => $text,)* } }
            /// One sentence.
            pub fn doc(self) -> &'static str { match self { $(Meter::$name => $doc,)* } }
        }

        static COUNTS: [AtomicU64; [$($text,)*].len()] = [const { AtomicU64::new(0) }; [$($text,)*].len()];
    };
}

meters! {
    DecisionsAllowed "decisions_allowed" "Actions that the policy allowed";
    DecisionsDenied  "decisions_denied"  "Actions that the policy denied";
    SignIns          "sign_ins"          "Passwords that were accepted";
    SignInsFailed    "sign_ins_failed"   "Sign-ins that were refused";
    TokensExchanged  "tokens_exchanged"  "Tokens of trusted issuers exchanged for access tokens";
    TokensRefused    "tokens_refused"    "Tokens that were to be exchanged and were refused";
    SessionsOpened   "sessions_opened"   "Browser sessions opened";
    StoreCommits     "store_commits"     "Transactions written to disk";
    StoreWrites      "store_writes"      "Changes in these transactions";
}

/// Counts one.
pub fn count(meter: Meter) {
    add(meter, 1);
}

/// Counts `n`.
pub fn add(meter: Meter, n: u64) {
    COUNTS[meter as usize].fetch_add(n, Ordering::Relaxed);
}

/// The count since the start.
pub fn read(meter: Meter) -> u64 {
    COUNTS[meter as usize].load(Ordering::Relaxed)
}
