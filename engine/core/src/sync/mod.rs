//! The client's side of sync: what a device does with what it hears, as values.

mod write;

pub use write::{Notice, Send, Step, Stored, Write};
