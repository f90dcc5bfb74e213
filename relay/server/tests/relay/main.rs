//! The real program, on a port of its own, with devices that speak the protocol to it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod keeping;
mod limits;
mod process;
mod requests;
mod sessions;
mod strangers;
mod world;
