//! Invitations in a shared folder: two files, while two devices pair.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use aimon_core::pairing::HOLDS_MS;
use aimon_ledger::frame::Code;
use aimon_ledger::ids::{hex, unhex};

use super::Folder;
use crate::transport::Error;

/// Where they lie: the joiner does not know the workspace yet.
pub(super) const FOLDER: &str = "invitations";

/// The most bytes of a post.
const MOST_POST: usize = 4096;

fn name(invitation: &[u8; 16], kind: &str) -> String {
    format!("{}.{kind}", hex(invitation))
}

fn path(invitation: &[u8; 16], kind: &str) -> PathBuf {
    Path::new(FOLDER).join(name(invitation, kind))
}

/// Whether a file's name is a post's.
fn is_post(name: &str) -> bool {
    let digits = name.strip_suffix(".request").or_else(|| name.strip_suffix(".answer"));
    digits.is_some_and(|digits| unhex::<16>(digits).is_some())
}

impl Folder {
    /// The joiner's post. The first one spends the invitation, as far as it has arrived here: two that were written on two
    /// machines at once become a conflict, and only one of them is answered.
    ///
    /// # Errors
    /// `invitation-spent`, or the folder can't be written.
    pub fn post_request(&self, invitation: &[u8; 16], post: &[u8]) -> Result<(), Error> {
        if self.request(invitation)?.is_some_and(|held| held != post) {
            let text = "somebody has used it already".to_owned();
            return Err(Error::Refused { code: Code::Other("invitation-spent".to_owned()), text });
        }
        self.post(invitation, "request", post)
    }

    /// That the joiner goes no further, in its post's place.
    ///
    /// # Errors
    /// The folder can't be written.
    pub fn decline(&self, invitation: &[u8; 16], post: &[u8]) -> Result<(), Error> {
        self.post(invitation, "request", post)
    }

    /// The joiner's post, once it has arrived. It may be arriving: one that can't be read is worth another look.
    ///
    /// # Errors
    /// The folder can't be read.
    pub fn request(&self, invitation: &[u8; 16]) -> Result<Option<Vec<u8>>, Error> {
        self.posted(invitation, "request")
    }

    /// The inviter's answer to it.
    ///
    /// # Errors
    /// The folder can't be written.
    pub fn post_answer(&self, invitation: &[u8; 16], post: &[u8]) -> Result<(), Error> {
        self.post(invitation, "answer", post)
    }

    /// The inviter's answer, once it has arrived.
    ///
    /// # Errors
    /// The folder can't be read.
    pub fn answer(&self, invitation: &[u8; 16]) -> Result<Option<Vec<u8>>, Error> {
        self.posted(invitation, "answer")
    }

    /// Removes both posts.
    ///
    /// # Errors
    /// The folder can't be written.
    pub fn withdraw(&self, invitation: &[u8; 16]) -> Result<(), Error> {
        self.files.remove(&path(invitation, "request"))?;
        self.files.remove(&path(invitation, "answer"))
    }

    /// Removes posts whose ten minutes were over at `now`: of whoever has died while pairing.
    ///
    /// # Errors
    /// The folder can't be written.
    pub fn tidy_invitations(&self, now: SystemTime) -> Result<(), Error> {
        let age = Duration::from_millis(HOLDS_MS.unsigned_abs());
        self.files.remove_old(Path::new(FOLDER), is_post, now, age)
    }

    fn post(&self, invitation: &[u8; 16], kind: &str, post: &[u8]) -> Result<(), Error> {
        self.files.make(Path::new(FOLDER))?;
        self.files.put(Path::new(FOLDER), &name(invitation, kind), post)?;
        self.files.sync(Path::new(FOLDER))
    }

    fn posted(&self, invitation: &[u8; 16], kind: &str) -> Result<Option<Vec<u8>>, Error> {
        let post = self.files.read(&path(invitation, kind), MOST_POST)?;
        Ok(post.filter(|post| !post.is_empty() && post.len() <= MOST_POST))
    }
}
