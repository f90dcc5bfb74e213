//! What whoever embeds a replica wants to find again on this device. It is no part of the history, and travels nowhere.

use crate::database::error;
use crate::{Error, Replica, meta};

/// How the keys begin under which notes stand.
const NOTE: &str = "note ";

impl Replica {
    /// What was noted under a key.
    ///
    /// # Errors
    /// The database's.
    pub async fn note(&mut self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        meta::get(&mut self.db, &format!("{NOTE}{key}")).await.map_err(|e| error(&self.home, e))
    }

    /// Notes something; `None` forgets it.
    ///
    /// # Errors
    /// The database's.
    pub async fn set_note(&mut self, key: &str, value: Option<&[u8]>) -> Result<(), Error> {
        let key = format!("{NOTE}{key}");
        let done = match value {
            Some(value) => meta::set(&mut self.db, &key, value).await,
            None => meta::unset(&mut self.db, &key).await,
        };
        done.map_err(|e| error(&self.home, e))
    }
}
