//! Templates.

/// What `aimon status --help` says.
pub const HELP: &str = "";
