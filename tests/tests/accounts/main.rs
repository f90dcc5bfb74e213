//! Accounts: what `aimon` makes of what providers say, against servers that behave as the providers' specifications do and know the truth.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod address;
mod bad;
mod covered;
mod figures;
mod joining;
mod kill;
mod limits;
mod lost;
mod pauses;
mod rig;
mod roots;
mod told;
mod trouble;
mod two;
mod windows;
