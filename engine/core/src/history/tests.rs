#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
//! Laws of the fold.

mod answers;
mod identity;
mod report;
