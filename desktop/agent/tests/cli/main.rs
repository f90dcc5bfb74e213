#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
//! The command as its users run it: the real binary, on logs of its own.

mod agent;
mod blocks;
mod devices;
mod errors;
mod figures;
mod foreign;
mod machine;
mod mcp;
mod metrics;
mod others;
mod pairing;
mod purge;
mod recover;
mod settings;
mod statusline;
mod trouble;
mod windows;
mod workspaces;
