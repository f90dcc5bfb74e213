//! Leaving nothing: after a purge, and after leaving a workspace.

use sqlx::Connection;

use crate::database::error;
use crate::{Error, Replica, home, meta};

/// Of how many purges the files were rid last.
const KEY: &str = "scrubbed";

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

    /// The same, if purges have been heard of since it was done last. Whether it was.
    ///
    /// # Errors
    /// [`Error::Busy`]: it is done the next time.
    pub async fn scrub_if_purged(&mut self) -> Result<bool, Error> {
        let purges = self.client().await?.standing().purges.len() as u64;
        let home = self.home.clone();
        let fail = |e| error(&home, e);
        let done = meta::get(&mut self.db, KEY).await.map_err(fail)?;
        if done.and_then(|n| n.try_into().ok()).map_or(0, u64::from_le_bytes) == purges {
            return Ok(false);
        }
        self.scrub().await?;
        self.transaction(async |db| meta::set(db, KEY, &purges.to_le_bytes()).await).await?;
        Ok(true)
    }

    /// Removes the whole replica from its folder: of a device that holds no event, and belongs to no workspace, nothing is left.
    ///
    /// # Errors
    /// What the folder refuses.
    pub async fn remove(self) -> Result<(), Error> {
        let Self { home: folder, db, lock, .. } = self;
        db.close().await.map_err(|e| error(&folder, e))?;
        let database = home::database(&folder);
        let beside = |end: &str| folder.join(format!("aimon.db{end}"));
        for path in [beside("-wal"), beside("-shm"), database, home::lock_file(&folder)] {
            match std::fs::remove_file(&path) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::Home { path, source });
                }
                _ => {}
            }
        }
        // Held to the end: nobody else begins in a folder that is half removed.
        drop(lock);
        Ok(())
    }
}
