//! What counts, without keys and without content.
//!
//! Replicas and relays hold *chunks* (encrypted, signed) and *statements* (signed). Which chunks count is a function of their
//! headers and of the statements alone, so that everybody decides alike, whoever can read them:
//!
//! * [`chunk`]: a chunk's header, its bytes, its id and its signature.
//! * [`statement`]: a statement's body, its bytes, its id and its signature.
//! * [`membership`]: what a set of statements comes to: members, keys, retention, purges.
//! * [`live`]: which chunks of a set count.
//! * [`log`]: an index of the chunks that are held, kept in step with what counts.
//! * [`frame`]: what a device and a relay say to each other.
//! * [`digest`]: the sums by which two sides find out what the other lacks.
//! * [`cbor`]: how all of these are spelt.
//! * [`ids`], [`time`], [`retention`]: what all layers name things by, and which days are kept.
//!
//! Nothing here opens a file, asks the time, draws a random number, or decrypts. It compiles for
//! `wasm32-unknown-unknown`.

pub mod cbor;
pub mod chunk;
pub mod digest;
pub mod frame;
pub mod ids;
pub mod live;
pub mod log;
pub mod membership;
pub mod retention;
pub mod signature;
pub mod statement;
pub mod time;
