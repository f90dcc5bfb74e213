//! Leaving nothing: after a purge, and after leaving a workspace.

use crate::database::error;
use crate::{Error, Replica};

impl Replica {
    /// Takes what was deleted, and what is quarantined, out of the files as well: the database is written anew, and its log is
    /// emptied.
    ///
    /// # Errors
    /// [`Error::Busy`] as long as another process reads the old log.
    pub async fn scrub(&mut self) -> Result<(), Error> {
        let home = self.home.clone();
        let fail = |e| error(&home, e);
        for sql in ["DELETE FROM quarantine", "VACUUM"] {
            sqlx::query(sql).execute(&mut self.db).await.map_err(fail)?;
        }
        let (busy, _, _): (i64, i64, i64) =
            sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut self.db).await.map_err(fail)?;
        if busy != 0 { Err(Error::Busy(home)) } else { Ok(()) }
    }
}
