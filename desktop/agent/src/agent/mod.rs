//! The running agent: what `aimon up` is made of, and how other commands talk to it.

pub mod client;
pub mod file;
