//! Providers: what people pay for directly, asked over the provider's API. What to ask when is the core's
//! ([`aimon_core::polling`]); a provider is how a question reads as a request, and a reply as rows.
//!
//! * [`failure`]: what can go wrong, each a state that a user can see.
//! * [`field`]: figures in replies, exactly.
//! * [`poll`]: one question, page by page, to the end.
//! * [`http`]: requests over HTTPS; what a page may be.
//! * `veil`: a key that was sent is in nothing that comes back.
//! * one folder for each provider: `mod` (who it is, its keys), `metrics` (what can be asked, and how), `read` (replies), `README`.
//!
//! A provider is added by adding a folder, its module below, and its line in [`providers`].

pub mod anthropic;
pub mod failure;
pub mod field;
pub mod http;
pub mod litellm;
pub mod openai;
pub mod openrouter;
pub mod poll;
#[cfg(test)]
mod tests;
mod veil;

use aimon_core::event::{Bucket, Row};
use aimon_core::polling::{Ask, Metric};
use secrecy::SecretString;

pub use failure::{Failure, Unreadable};

/// Every provider that is known.
pub fn providers() -> &'static [&'static dyn Provider] {
    &[&openai::OpenAi, &anthropic::Anthropic, &openrouter::OpenRouter, &litellm::LiteLlm]
}

/// The provider of a name.
pub fn provider(name: &str) -> Option<&'static dyn Provider> {
    providers().iter().copied().find(|one| one.name() == name)
}

/// A `GET` below the base address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// The path behind the base address, without a slash at its front.
    pub path: String,
    /// The query.
    pub query: Vec<(&'static str, String)>,
}

impl Request {
    /// Without a query.
    pub fn of(path: &str) -> Self {
        Self { path: path.to_owned(), query: Vec::new() }
    }
}

/// One page of a reply.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Page {
    /// Rows, and the bucket that each is in. A gauge's have the default bucket.
    pub rows: Vec<(Bucket, Row)>,
    /// Buckets of which it says all there is, of a provider that divides none between its pages: one that comes again is no more of it.
    pub whole: Vec<Bucket>,
    /// What asks for the next page.
    pub next: Option<String>,
}

/// Who a key belongs to.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Identity {
    /// The provider's id for the payer; `None` where it says none: then a hash of the key stands for it.
    pub id: Option<String>,
    /// What the provider calls it.
    pub label: Option<String>,
}

/// A provider. A value of a unit type in a static: add a folder, its `pub mod`, and a line in [`providers`].
pub trait Provider: Sync {
    /// Its name in accounts' ids and on the command line: `openai`.
    fn name(&self) -> &'static str;

    /// As people write it: `OpenAI`.
    fn title(&self) -> &'static str;

    /// Its base address, as its SDK takes it, without a slash at the end; `None` where everybody has one of their own.
    fn url(&self) -> Option<&'static str>;

    /// Whether a key can be one that may ask, by its looks.
    ///
    /// # Errors
    /// What key is needed, and where it is made: a half-sentence.
    fn check_key(&self, key: &str) -> Result<(), &'static str>;

    /// The headers that a request needs.
    fn headers(&self, key: &SecretString) -> Vec<(&'static str, SecretString)>;

    /// How many questions of one account may be on their way at once.
    fn at_once(&self) -> usize {
        1
    }

    /// What can be asked.
    fn metrics(&self) -> &'static [Metric];

    /// What says who a key belongs to, and so whether it may ask.
    fn whoami(&self) -> Request;

    /// The headers of a reply, in lower case, that say who the payer is.
    fn identity_header(&self) -> Option<&'static str> {
        None
    }

    /// Reads the reply to [`Provider::whoami`].
    ///
    /// # Errors
    /// It is something else.
    fn identity(&self, body: &[u8]) -> Result<Identity, Unreadable>;

    /// A question as a request; `page` is what the page before said of the next one.
    fn request(&self, metric: &Metric, ask: &Ask, page: Option<&str>) -> Request;

    /// Reads a page of a reply.
    ///
    /// # Errors
    /// It is something else than was specified, or nothing that anybody can mean.
    fn read(&self, metric: &Metric, ask: &Ask, body: &[u8]) -> Result<Page, Unreadable>;
}

/// Whether a text can be a key at all: printable, without blanks, and not absurdly long.
pub fn is_key(text: &str) -> bool {
    (8..=1024).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}
