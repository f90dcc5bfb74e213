//! The running agent: what `aimon up` is made of, and how other commands talk to it.
//!
//! * [`state`]: the replica, and who may use it when; [`server`]: connections; [`api`]: what they
//!   can ask; [`events`]: telling them of changes.
//! * [`metrics`]: how things stand, for Prometheus.
//! * [`work`]: watching, and doing what is due; [`agenda`]: what that is, and when.
//! * [`mod@file`]: `agent.json`, by which commands find it; [`client`]: how they ask.

pub mod agenda;
pub mod api;
pub mod client;
pub mod events;
pub mod file;
pub mod metrics;
pub mod server;
pub mod state;
pub mod work;
