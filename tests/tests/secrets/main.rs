//! Where secrets lie: in a real keyring, or in files under a passphrase, and nowhere else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[cfg(target_os = "linux")]
mod keyring;
mod passphrase;
mod rig;
