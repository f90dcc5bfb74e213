//! [Codex](https://github.com/openai/codex): rollouts, one file of JSON lines a session. What is
//! odd about them stands in this folder's README.

mod decode;
mod fast;
mod fork;
mod line;
mod lineage;
mod paths;
pub(crate) mod stamp;
mod usage;
pub(crate) mod windows;

use std::path::Path;

use crate::collector::{CollectError, Collector, Decoder, Env, FileKind, LogFile, Root};

/// The agent's kind.
const KIND: &str = "codex";

/// Logs of Codex: the command line, the desktop app, and what embeds them.
pub struct Codex;

impl Collector for Codex {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn roots(&self, env: &Env) -> Vec<Root> {
        paths::roots(env)
    }

    fn accepts(&self, root: &Root, relative: &Path) -> Option<FileKind> {
        paths::accepts(root, relative)
    }

    fn decoder(&self, file: &LogFile<'_>, state: Option<&[u8]>) -> Result<Box<dyn Decoder>, CollectError> {
        Ok(Box::new(match state {
            Some(state) => decode::Rollout::resume(state)?,
            None => decode::Rollout::new(&paths::session_of(file.relative)),
        }))
    }
}

#[cfg(test)]
mod tests;
