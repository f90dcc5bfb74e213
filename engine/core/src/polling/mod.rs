//! When to ask a provider for what, and what of its answers is news. No clock and no socket in here: times and answers come in,
//! requests and events go out.
//!
//! ```text
//!                  now                         the history says what was heard already, by whichever device
//!  ◄── back-fill ──┤◄──── sliding window ────►│
//!   coarse, newest first    fine, asked again and again: recent buckets still change
//! ```
//!
//! * [`interval`]: how often, as the workspace's devices agree.
//! * [`metric`]: what can be asked, how often, and how finely.
//! * `size`: how large an answer may be.
//! * [`track`]: what one account's metric needs next. No locks and no leader: a device that sees in the history that another one has
//!   just asked has nothing to do.
//! * [`window`]: what was answered lately, so that only what is new is recorded.
//! * [`turn`]: when somebody may be asked who has invited nobody to.

pub mod interval;
pub mod metric;
mod size;
pub mod track;
pub mod turn;
pub mod window;

pub use interval::{Intervals, Rhythm};
pub use metric::{Kind, Metric, Width};
pub use size::fits;
pub use track::{Ask, Pause, Track, Tries};
pub use turn::Turn;
pub use window::Window;

#[cfg(test)]
mod tests;
