//! What crosses AI Monitor's crates: the real command on generated logs.
//!
//! A test reads like what a user does: lay down some logs ([`Rig`]), `scan`, ask for a report in
//! some zone, compare with the generator's truth.
//!
//! ```no_run
//! use aimon_generator::{Plan, generate};
//! use aimon_tests::Rig;
//!
//! let rig = Rig::new();
//! let made = generate(&Plan::truth(1), rig.logs()).unwrap();
//! rig.home_is(&made.machines[0].home).scan();
//! rig.expect(&made.truth, "Asia/Kathmandu");
//! ```
// A test harness panics where a test fails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod bench {
    //! What `cargo xtask bench` measures inside a process.
    pub mod author;
    pub mod least;
    pub mod segment;
}
pub mod command;
mod device;
#[cfg(target_os = "linux")]
pub mod disk;
pub mod files;
pub mod proxy;
mod relay;
pub mod report;
mod rig;
pub mod sqlite;
pub mod up;

pub use device::{Created, Device, folder_address, pair};
pub use relay::Relay;
pub use rig::Rig;
