//! Lending: a process that runs for long lets another one have the folder for a while.

use std::path::Path;

use crate::{Error, Options, Replica, home};

impl Replica {
    /// Lets another process write. Until [`Replica::take_back`] this one only reads.
    pub fn lend(&mut self) {
        self.lock = None;
    }

    /// Takes the folder back, as the other process has left it. Whoever subscribed stays subscribed; keys are to be given again.
    ///
    /// # Errors
    /// [`Error::Locked`] as long as the other one has it; those of [`Replica::open`].
    pub async fn take_back(&mut self, options: &Options) -> Result<(), Error> {
        let mut fresh = Self::open(&self.home, options).await?;
        std::mem::swap(&mut fresh.changed, &mut self.changed);
        // A talk with a relay that was begun before is over.
        fresh.session = self.session + 1;
        *self = fresh;
        self.changed.send_modify(|n| *n += 1);
        Ok(())
    }

    /// Whether some process has a folder to write.
    pub fn is_taken(home: &Path) -> bool {
        matches!(home::lock(home), Err(Error::Locked(_)))
    }
}
