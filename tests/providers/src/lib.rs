//! Providers of usage and costs, on this machine: OpenAI, Anthropic, OpenRouter and the LiteLLM proxy; and the endpoints at which Claude
//! Code and Codex ask for the windows of a subscription.
//!
//! A [`Plan`] or a list of [`Call`]s says what was used: the [`Truth`]. A [`Server`] answers over it at the
//! instant that its [`Clock`] shows, as that provider's specification says, and refuses what it does not allow.
//! The truth can be asked as well, for any instant and grouping, so that whoever polls a server can be held to it.
//! Nothing here shares code with the product's pollers, so the two can only agree if both are right.
//!
//! Answers go wrong as answers of real servers do: a [`Fault`] is queued for a path, or comes at random from a
//! seed. Every request is kept, and what broke a documented limit is listed.
//!
//! `README.md` says where each fact was learned, and which could not be verified.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use aimon_providers::{Axis, Clock, Key, KeyKind, Org, Plan, Provider, Server, Truth};
//!
//! let start = 1_788_220_800_000; // 2026-09-01
//! let truth = Truth::generate(&Plan::of(Provider::OpenAi, 7, start, 3));
//! let clock = Clock::at(start + 3 * 86_400_000);
//! let admin = Key::new(KeyKind::Admin, "sk-admin-1");
//! let server = Server::start(Provider::OpenAi, Org::named("acme"), truth, vec![admin], clock.clone())?;
//!
//! println!("{}/v1/organization/costs?start_time=1788220800", server.url());
//! let models = server.truth().usage(clock.now(), start, clock.now(), &[Axis::Model]);
//! # assert!(!models.is_empty());
//! # Ok(())
//! # }
//! ```

mod anthropic;
mod base64;
mod clock;
mod fault;
mod json;
mod key;
mod litellm;
mod log;
mod money;
mod openai;
mod openrouter;
mod page;
mod query;
mod refusal;
mod server;
mod span;
mod subscription;
mod time;
mod truth;

pub use clock::Clock;
pub use fault::{Absurd, Fault, Schema, Wait};
pub use json::Json;
pub use key::{Key, KeyKind, Org};
pub use log::{Request, Violation};
pub use money::Money;
pub use server::{Habits, Provider, Server};
pub use subscription::Quota;
pub use time::{DAY, HOUR, MINUTE, Width};
pub use truth::{Axis, Call, Context, Group, Kind, Part, Plan, Sum, Tokens, Truth};
