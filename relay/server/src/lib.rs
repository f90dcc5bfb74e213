//! `aimon-relay`: a relay as a program of its own. It stores and forwards what a workspace's devices encrypt, and can read
//! nothing of it.
//!
//! ```text
//!  socket, requests ── check ──▶ writer ──▶ SQLite          many tasks check signatures; one thread writes,
//!        ▲                         │                        and answers once it is durable
//!        └──────── said ───────────┘
//! ```
//!
//! * [`serve`]: listening, TLS, stopping.
//! * [`writer`]: the one thread that writes, with the relay's core.
//! * [`storage`]: its rows in SQLite.
//! * [`socket`], [`requests`]: a session over a WebSocket, and over HTTPS requests where sockets are blocked, in their [`turns`].
//! * [`limits`]: how much is taken from whom.
//! * [`folder`], [`keep`]: the data folder; backups and what else is done to it.

pub mod connection;
pub mod error;
pub mod folder;
pub mod host;
pub mod keep;
pub mod limits;
pub mod probes;
pub mod requests;
pub mod serve;
pub mod socket;
pub mod storage;
pub mod turns;
pub mod writer;
