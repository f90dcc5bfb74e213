//! Claude Code. Its quirks are told in the README beside this file.

mod decode;
pub mod login;
mod paths;
#[cfg(test)]
mod tests;

use std::path::Path;

use crate::collector::{CollectError, Collector, Decoder, Env, FileKind, LogFile, Root};

/// The agent's kind, as records and reports name it.
pub const KIND: &str = "claude-code";

/// The collector.
#[derive(Clone, Copy, Debug)]
pub struct ClaudeCode;

impl Collector for ClaudeCode {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn roots(&self, env: &Env) -> Vec<Root> {
        paths::roots(env)
    }

    fn accepts(&self, root: &Root, relative: &Path) -> Option<FileKind> {
        paths::accepts(root, relative)
    }

    fn decoder(&self, _: &LogFile<'_>, state: Option<&[u8]>) -> Result<Box<dyn Decoder>, CollectError> {
        Ok(Box::new(decode::Lines::new(state)?))
    }
}
