//! What every command asks, where [`Replica::health`] would read everything.

use crate::{Error, Replica, changes, database};

impl Replica {
    /// How many parts of segments are quarantined because they cannot be read.
    pub async fn quarantined(&mut self) -> Result<u64, Error> {
        let rows = changes::unreadable(&mut self.db).await.map_err(|e| database::error(&self.home, e))?;
        Ok(rows.len() as u64)
    }
}
