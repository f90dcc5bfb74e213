//! [OpenCode](https://github.com/sst/opencode): a SQLite database, in older versions one JSON file a
//! message. What is odd about them stands in this folder's README.

mod cursor;
mod database;
mod decode;
mod message;
mod paths;

use std::path::Path;

use crate::collector::{CollectError, Collector, Decoder, Env, FileKind, LogFile, Out, Progress, Root};

/// The agent's kind.
const KIND: &str = "opencode";

/// Logs of OpenCode.
pub struct OpenCode;

impl Collector for OpenCode {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn roots(&self, env: &Env) -> Vec<Root> {
        paths::roots(env)
    }

    fn accepts(&self, _root: &Root, relative: &Path) -> Option<FileKind> {
        paths::accepts(relative)
    }

    fn descends(&self, _root: &Root, relative: &Path) -> bool {
        paths::descends(relative)
    }

    fn decoder(&self, file: &LogFile<'_>, _state: Option<&[u8]>) -> Result<Box<dyn Decoder>, CollectError> {
        Ok(Box::new(decode::File::new(&paths::session_of(file.relative))))
    }

    fn database(&self, file: &LogFile<'_>, state: Option<&[u8]>, out: &mut Out) -> Result<Progress, CollectError> {
        database::read(file.path, state, out)
    }
}

#[cfg(test)]
mod tests;
