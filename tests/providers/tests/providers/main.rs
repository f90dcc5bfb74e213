//! The servers, asked over sockets: what they refuse, what they sum up, when it shows, and how it goes wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod client;
mod faults;
mod late;
mod limits;
mod refusals;
mod rig;
mod shapes;
mod sums;
