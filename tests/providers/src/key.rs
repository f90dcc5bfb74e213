//! Who may ask: organizations and their keys.

use sha2::{Digest, Sha256};

/// An account at a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Org {
    /// Its id, as headers and answers state it.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it bought, in pico-dollars: OpenRouter's credits.
    pub credits: i128,
}

impl Org {
    /// An organization with this name; its id follows from it.
    pub fn named(name: &str) -> Self {
        Self { id: format!("org-{name}"), name: name.to_owned(), credits: 100_000_000_000_000 }
    }
}

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// Reads an organization's usage and costs; the master key of a LiteLLM proxy.
    Admin,
    /// Calls models, for somebody.
    Normal,
    /// Calls models, for nobody.
    ServiceAccount,
    /// Manages OpenRouter's keys, and reads its credits and activity.
    Management,
    /// Was one of the others.
    Revoked,
}

/// A key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// What it may do.
    pub kind: KeyKind,
    /// What a client sends.
    pub secret: String,
    /// How answers name it. OpenRouter and LiteLLM use the hash of the secret, others an id of their own.
    pub id: String,
    /// Whose it is.
    pub user: Option<String>,
    /// How much it may spend, in pico-dollars.
    pub limit: Option<i128>,
}

impl Key {
    /// A key that is named by its hash.
    pub fn new(kind: KeyKind, secret: &str) -> Self {
        Self { kind, secret: secret.to_owned(), id: Self::hash(secret), user: None, limit: None }
    }

    /// The same under another id.
    #[must_use]
    pub fn with_id(mut self, id: &str) -> Self {
        id.clone_into(&mut self.id);
        self
    }

    /// The same as somebody's.
    #[must_use]
    pub fn of_user(mut self, user: &str) -> Self {
        self.user = Some(user.to_owned());
        self
    }

    /// The same with a limit.
    #[must_use]
    pub fn limited(mut self, pico: i128) -> Self {
        self.limit = Some(pico);
        self
    }

    /// The SHA-256 of a secret, in hexadecimal.
    pub fn hash(secret: &str) -> String {
        Sha256::digest(secret.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Enough of the secret to know it again.
    pub(crate) fn label(&self) -> String {
        let head: String = self.secret.chars().take(12).collect();
        let tail: String = self.secret.chars().skip(self.secret.chars().count().saturating_sub(3)).collect();
        format!("{head}...{tail}")
    }
}
