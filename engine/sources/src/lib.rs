//! Sources: what coding agents log locally, read incrementally into events, and what providers say of an account.
//!
//! * [`collector`]: the two traits that an agent implements.
//! * [`json`]: a structural scanner for one line of JSON.
//! * [`scan`]: walks the roots and reads what is new, with bounded memory.
//! * [`watch`]: says when there may be something new.
//! * [`locate`]: finds the lines behind a record again.
//! * [`project`]: which repository a folder belongs to, as a hash that is the same on every machine.
//! * [`provider`]: what people pay for directly, asked over the provider's API.
//! * [`subscription`]: how full a subscription's windows are, asked with the login that its agent keeps here.
//!
//! An agent is added by adding a folder, its module below, and its line in [`collectors`].

pub mod claude_code;
pub mod codex;
pub mod collector;
mod env;
pub mod gemini;
pub mod json;
pub mod locate;
pub mod opencode;
mod out;
pub mod project;
pub mod provider;
mod repeats;
pub mod scan;
mod shape;
pub mod stamp;
pub mod subscription;
pub mod watch;
pub mod window;

use collector::Collector;

/// Every agent that is known.
pub fn collectors() -> &'static [&'static dyn Collector] {
    &[&claude_code::ClaudeCode, &codex::Codex, &gemini::Gemini, &opencode::OpenCode]
}
