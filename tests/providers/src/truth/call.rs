//! One call of a model, or one use of a tool that is billed as such.

use super::price;

/// What was called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A model that writes: counted in tokens.
    #[default]
    Completions,
    /// Counted in input tokens.
    Embeddings,
    /// Counted in input tokens.
    Moderations,
    /// Counted in images.
    Images,
    /// Counted in characters.
    AudioSpeeches,
    /// Counted in seconds.
    AudioTranscriptions,
    /// Counted in bytes.
    VectorStores,
    /// Counted in sessions.
    CodeInterpreterSessions,
    /// Counted in calls.
    FileSearchCalls,
    /// Counted in calls.
    WebSearchCalls,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Completions,
        Self::Embeddings,
        Self::Moderations,
        Self::Images,
        Self::AudioSpeeches,
        Self::AudioTranscriptions,
        Self::VectorStores,
        Self::CodeInterpreterSessions,
        Self::FileSearchCalls,
        Self::WebSearchCalls,
    ];

    /// As OpenAI's paths say it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Completions => "completions",
            Self::Embeddings => "embeddings",
            Self::Moderations => "moderations",
            Self::Images => "images",
            Self::AudioSpeeches => "audio_speeches",
            Self::AudioTranscriptions => "audio_transcriptions",
            Self::VectorStores => "vector_stores",
            Self::CodeInterpreterSessions => "code_interpreter_sessions",
            Self::FileSearchCalls => "file_search_calls",
            Self::WebSearchCalls => "web_search_calls",
        }
    }
}

/// How long the input was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Context {
    /// `0-200k`
    #[default]
    Short,
    /// `200k-1M`
    Long,
}

impl Context {
    /// As Anthropic says it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Short => "0-200k",
            Self::Long => "200k-1M",
        }
    }
}

/// Tokens by kind. Kinds don't overlap, except that `reasoning` is a part of `output`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tokens {
    /// Input, neither read from a cache nor written to one.
    pub uncached: u64,
    /// Input, read from a cache.
    pub cache_read: u64,
    /// Input, written to a cache for five minutes.
    pub cache_write_5m: u64,
    /// Input, written to a cache for an hour.
    pub cache_write_1h: u64,
    /// Output, with reasoning.
    pub output: u64,
    /// The part of the output that is reasoning.
    pub reasoning: u64,
}

impl Tokens {
    /// All input.
    pub fn input(&self) -> u64 {
        self.uncached + self.cache_read + self.cache_write()
    }

    /// Input that was written to a cache.
    pub fn cache_write(&self) -> u64 {
        self.cache_write_5m + self.cache_write_1h
    }

    fn add(&mut self, other: &Self) {
        self.uncached += other.uncached;
        self.cache_read += other.cache_read;
        self.cache_write_5m += other.cache_write_5m;
        self.cache_write_1h += other.cache_write_1h;
        self.output += other.output;
        self.reasoning += other.reasoning;
    }
}

/// One call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// When, in milliseconds since 1970, UTC.
    pub at: i64,
    /// What was called.
    pub kind: Kind,
    /// The model as the provider names it.
    pub model: String,
    /// The id of the key; none for calls from a provider's own website.
    pub key: Option<String>,
    /// OpenAI's project, Anthropic's and OpenRouter's workspace; none for the default one.
    pub project: Option<String>,
    /// Who called.
    pub user: Option<String>,
    /// The service tier as the provider names it.
    pub tier: String,
    /// Whether it was part of a batch.
    pub batch: bool,
    /// Whether it was answered in fast mode.
    pub fast: bool,
    /// How long the input was.
    pub context: Context,
    /// Where it was computed; none for models that don't say.
    pub geo: Option<String>,
    /// Who serves the model, where the provider is a gateway.
    pub upstream: String,
    /// Whether it was paid with the customer's own key at `upstream`.
    pub byok: bool,
    /// Its tokens.
    pub tokens: Tokens,
    /// How many images, characters, seconds, bytes, sessions or calls, for kinds that are counted so.
    pub amount: u64,
    /// Searches of the web that the model made.
    pub web_searches: u64,
    /// What it cost, in pico-dollars.
    pub cost: i128,
    /// From when on the provider knows of it, in milliseconds.
    pub visible_from: i64,
    /// From when on the provider says that it was another model, and which.
    pub moved: Option<(i64, String)>,
}

impl Call {
    /// A call at an instant that is known at once: the rest is for the caller to say.
    pub fn at(at: i64) -> Self {
        Self { at, visible_from: at, ..Self::default() }
    }

    /// Whether the provider knows of it.
    pub fn is_known(&self, now: i64) -> bool {
        self.at <= now && self.visible_from <= now
    }

    /// The model that the provider says it was.
    pub fn model_at(&self, now: i64) -> &str {
        match &self.moved {
            Some((from, model)) if *from <= now => model,
            _ => &self.model,
        }
    }

    /// What it is charged for: part, cost and quantity. The costs add up to the call's.
    pub fn parts(&self) -> Vec<(Part, i128, u64)> {
        price::parts(self)
    }
}

/// What a call is charged for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Fresh input.
    Uncached,
    /// Cached input.
    CacheRead,
    /// Input written to a cache for five minutes.
    CacheWrite5m,
    /// Input written to a cache for an hour.
    CacheWrite1h,
    /// Output.
    Output,
    /// Searches of the web.
    WebSearch,
    /// The whole of it, where it is not charged by tokens.
    Whole,
}

impl Part {
    /// A name for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Uncached => "uncached",
            Self::CacheRead => "cache_read",
            Self::CacheWrite5m => "cache_write_5m",
            Self::CacheWrite1h => "cache_write_1h",
            Self::Output => "output",
            Self::WebSearch => "web_search",
            Self::Whole => "whole",
        }
    }
}

/// Many calls together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// How many.
    pub calls: u64,
    /// Their tokens.
    pub tokens: Tokens,
    /// Their amounts, where kinds are counted so.
    pub amount: u64,
    /// Their searches.
    pub web_searches: u64,
    /// What they cost, in pico-dollars.
    pub cost: i128,
}

impl Sum {
    /// Counts a call.
    pub fn add(&mut self, call: &Call) {
        self.calls += 1;
        self.tokens.add(&call.tokens);
        self.amount += call.amount;
        self.web_searches += call.web_searches;
        self.cost += call.cost;
    }

    /// Counts what another counted.
    pub fn join(&mut self, other: &Self) {
        self.calls += other.calls;
        self.tokens.add(&other.tokens);
        self.amount += other.amount;
        self.web_searches += other.web_searches;
        self.cost += other.cost;
    }
}
