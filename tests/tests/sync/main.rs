//! Devices that share one history: the real commands, the real relay.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod blind;
mod disposable;
mod history;
mod kill;
mod live;
mod revoked;
mod windows;
mod world;
mod wrong;
