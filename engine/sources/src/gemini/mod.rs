//! [Gemini CLI](https://github.com/google-gemini/gemini-cli): chats, one file of JSON lines a session
//! (in older versions one document). What is odd about them stands in this folder's README.

mod decode;
mod message;
mod paths;

use std::path::Path;

use crate::collector::{CollectError, Collector, Decoder, Env, FileKind, LogFile, Root};

/// The agent's kind.
const KIND: &str = "gemini";

/// Logs of Gemini CLI.
pub struct Gemini;

impl Collector for Gemini {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn roots(&self, env: &Env) -> Vec<Root> {
        paths::roots(env)
    }

    fn accepts(&self, root: &Root, relative: &Path) -> Option<FileKind> {
        paths::accepts(root, relative)
    }

    fn descends(&self, _root: &Root, relative: &Path) -> bool {
        paths::descends(relative)
    }

    fn decoder(&self, file: &LogFile<'_>, state: Option<&[u8]>) -> Result<Box<dyn Decoder>, CollectError> {
        let whole = file.kind == FileKind::Whole;
        Ok(Box::new(match state {
            Some(state) => decode::Chat::resume(state, whole)?,
            None => decode::Chat::new(&paths::session_of(file.relative), whole),
        }))
    }
}

#[cfg(test)]
mod tests;
