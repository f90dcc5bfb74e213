//! A structural JSON scanner over one line of bytes.
//!
//! Logs are long lines of which a collector wants a dozen small fields, so this neither builds a
//! tree nor allocates: it walks the line once, hands each field of the objects that the caller
//! enters to a closure, and steps over everything else.
//!
//! ```
//! use aimon_sources::json::Scanner;
//!
//! let line = br#"{"text":"\"usage\":9","usage":{"input_tokens":7}}"#;
//! let mut input = None;
//! let mut s = Scanner::new(line);
//! s.object(|s, key| match key {
//!     b"usage" => s.object(|s, key| match key {
//!         b"input_tokens" => Ok(input = s.value()?.u64()),
//!         _ => Ok(()),
//!     }).map(drop),
//!     _ => Ok(()),
//! })?;
//! s.end()?;
//! assert_eq!(input, Some(7));
//! # Ok::<(), aimon_sources::json::JsonError>(())
//! ```
//!
//! What it promises:
//!
//! * **Only the structural place counts.** A string that quotes a look-alike is a string.
//! * **A line is accepted when it closes**: after the last field call [`Scanner::end`].
//! * **What `serde_json` accepts has the same fields here**, escaped keys included. A key that
//!   comes twice reaches the closure twice; "the last one stands" is `serde_json`'s rule, so a
//!   closure assigns (and first clears what an earlier object of the same key had set).
//! * **What `serde_json` rejects is rejected**, with two exceptions that only make real logs readable:
//!   strings that nobody asked for are not checked inside (control characters, bad escapes, a
//!   lone surrogate that JavaScript wrote, bytes that are no UTF-8), and containers may be nested,
//!   and exponents be large, without limit. Steps over a value take no stack.

mod order;
mod scanner;
mod text;
mod value;

pub use order::KeyOrder;
pub use scanner::{JsonError, Scanner};
pub use value::{Kind, Value};

#[cfg(test)]
mod tests;
