//! What every command asks, where [`Replica::health`] would read everything.

use crate::{Error, Replica, database};

impl Replica {
    /// How many parts of segments are quarantined because they cannot be read.
    pub async fn quarantined(&mut self) -> Result<u64, Error> {
        let count: Result<i64, _> = sqlx::query_scalar("SELECT COUNT(*) FROM quarantine").fetch_one(&mut self.db).await;
        count.map(i64::unsigned_abs).map_err(|e| database::error(&self.home, e))
    }
}
