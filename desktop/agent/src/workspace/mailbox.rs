//! Where two devices that pair leave each other their posts: at a relay, or in a shared folder.

use std::time::Duration;

use aimon_core::pairing::{HOLDS_MS, PairingError};
use aimon_ledger::frame::Code;
use aimon_replica::link::{self, Identity};
use aimon_replica::transport::{self, Address, Folder, Http, Options, Token};
use tokio::time::Instant;

use crate::error::{Error, Result};

/// How long a relay is asked to wait for a post.
const WAIT: Duration = Duration::from_secs(20);

/// How often a folder is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// The inviting side.
pub enum Inviting {
    /// At a relay.
    Relay(Http, Token),
    /// In a folder.
    Folder(Folder),
}

/// The joining side.
pub enum Joining {
    /// At a relay.
    Relay(Http),
    /// In a folder.
    Folder(Folder),
}

impl Inviting {
    /// Opens the mailbox of an invitation.
    ///
    /// # Errors
    /// The relay can't be reached, or refuses.
    pub async fn open(address: &Address, who: &Identity, invitation: &[u8; 16]) -> Result<Self> {
        Ok(match address {
            Address::Folder(path) => {
                let folder = Folder::open(path)?;
                // Who was killed while pairing has withdrawn nothing.
                folder.tidy_invitations(std::time::SystemTime::now())?;
                Self::Folder(folder)
            }
            Address::Relay(_) => {
                let http = Http::new(address, &Options::of_environment())?;
                let token = link::enter(&http, who).await?;
                http.invite(invitation, &token).await?;
                Self::Relay(http, token)
            }
        })
    }

    /// Waits for the joiner's post, and takes what `read` makes of it.
    ///
    /// # Errors
    /// Ten minutes are over; the relay refuses; the post can't be read.
    pub async fn request<T>(&self, invitation: &[u8; 16], mut read: impl FnMut(&[u8]) -> Result<T>) -> Result<T> {
        let until = Instant::now() + Duration::from_millis(HOLDS_MS.unsigned_abs());
        let mut late = Error::Late("nobody came within ten minutes");
        while Instant::now() < until {
            let post = match self {
                Self::Relay(http, token) => match http.await_request(invitation, token, WAIT).await {
                    // By the relay's clock they are.
                    Err(transport::Error::Refused { code: Code::Other(word), .. }) if word == "invitation-expired" => {
                        break;
                    }
                    waited => waited?,
                },
                Self::Folder(folder) => folder.request(invitation)?,
            };
            match (post.map(|post| read(&post)), self) {
                (Some(Err(e @ Error::Pairing(PairingError::Stranger))), Self::Folder(_)) => late = arriving(e).await,
                (Some(done), _) => return done,
                (None, Self::Folder(_)) => tokio::time::sleep(LOOK).await,
                (None, Self::Relay(..)) => {}
            }
        }
        Err(late)
    }

    /// The joiner's post as it is now: it stays, unless the joiner says no.
    pub async fn requested(&self, invitation: &[u8; 16]) -> Option<Vec<u8>> {
        match self {
            Self::Relay(http, token) => http.await_request(invitation, token, Duration::ZERO).await.ok()?,
            Self::Folder(folder) => folder.request(invitation).ok()?,
        }
    }

    /// Leaves the answer.
    ///
    /// # Errors
    /// The relay can't be reached, or refuses.
    pub async fn answer(&self, invitation: &[u8; 16], post: Vec<u8>) -> Result<()> {
        match self {
            Self::Relay(http, token) => http.answer(invitation, token, post).await?,
            Self::Folder(folder) => folder.post_answer(invitation, &post)?,
        }
        Ok(())
    }

    /// Takes the invitation back.
    pub async fn withdraw(&self, invitation: &[u8; 16]) {
        let done = match self {
            Self::Relay(http, token) => http.withdraw(invitation, token).await,
            Self::Folder(folder) => folder.withdraw(invitation),
        };
        if let Err(e) = done {
            // It ends by itself.
            tracing::debug!("the invitation stays until its ten minutes are over: {e}");
        }
    }
}

impl Joining {
    /// Opens the mailbox that a code names.
    ///
    /// # Errors
    /// The address is none.
    pub fn open(address: &Address) -> Result<Self> {
        Ok(match address {
            Address::Folder(path) => Self::Folder(Folder::open(path)?),
            Address::Relay(_) => Self::Relay(Http::new(address, &Options::of_environment())?),
        })
    }

    /// Leaves the joiner's post.
    ///
    /// # Errors
    /// The invitation was used, or is over.
    pub async fn request(&self, invitation: &[u8; 16], post: Vec<u8>) -> Result<()> {
        match self {
            Self::Relay(http) => http.post_request(invitation, post).await?,
            Self::Folder(folder) => folder.post_request(invitation, &post)?,
        }
        Ok(())
    }

    /// Waits for the inviter's answer, and takes what `read` makes of it.
    ///
    /// # Errors
    /// It did not come in time; the relay refuses; the answer can't be read.
    pub async fn answer<T>(&self, invitation: &[u8; 16], mut read: impl FnMut(&[u8]) -> Result<T>) -> Result<T> {
        let until = Instant::now() + Duration::from_secs(120);
        let mut late = Error::Late("the other device does not answer: `aimon pair` has to be running there");
        while Instant::now() < until {
            let post = match self {
                Self::Relay(http) => http.await_answer(invitation, WAIT).await?,
                Self::Folder(folder) => folder.answer(invitation)?,
            };
            match (post.map(|post| read(&post)), self) {
                (Some(Err(e @ Error::Pairing(PairingError::Stranger))), Self::Folder(_)) => late = arriving(e).await,
                (Some(done), _) => return done,
                (None, Self::Folder(_)) => tokio::time::sleep(LOOK).await,
                (None, Self::Relay(_)) => {}
            }
        }
        Err(late)
    }
}

impl Joining {
    /// Says in the own post's place that somebody has said no. Where that does not get through, the other device takes in a device that
    /// never comes: it shows in `aimon device list`.
    pub async fn decline(&self, invitation: &[u8; 16], post: Vec<u8>) {
        let done = match self {
            Self::Relay(http) => http.decline(invitation, post).await,
            Self::Folder(folder) => folder.decline(invitation, &post),
        };
        if let Err(e) = done {
            tracing::debug!("the other device does not hear of it: {e}");
        }
    }

    /// The inviter's post as it is now. The first one stays in its place, in a folder as well, where it shows that the code is
    /// spent, unless the inviter says no.
    pub async fn answered(&self, invitation: &[u8; 16]) -> Option<Vec<u8>> {
        match self {
            Self::Relay(http) => http.await_answer(invitation, Duration::ZERO).await.ok()?,
            Self::Folder(folder) => folder.answer(invitation).ok()?,
        }
    }
}

/// A post in a folder that can't be read may be arriving: it is looked at again, and is somebody else's if it stays so.
async fn arriving(why: Error) -> Error {
    tracing::debug!("a post can't be read yet: {why}");
    tokio::time::sleep(LOOK).await;
    why
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// As whatever shares the folder brings them: by halves.
    #[tokio::test]
    async fn posts_that_are_arriving_are_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let address = Address::folder(dir.path()).unwrap();
        Folder::begin(dir.path()).unwrap();
        let (inviting, joining) =
            (Inviting::Folder(Folder::open(dir.path()).unwrap()), Joining::open(&address).unwrap());
        let posts = Folder::open(dir.path()).unwrap();
        let id = [7; 16];
        posts.post_request(&id, b"who").unwrap();
        posts.post_answer(&id, b"som").unwrap();
        let (mut looks, mut more) = (0, 0);
        let whole = |post: &[u8]| -> Result<usize> {
            if post.ends_with(b"body") { Ok(post.len()) } else { Err(PairingError::Stranger.into()) }
        };
        let rest = |name: &str, bytes: &[u8]| {
            let path = dir.path().join("invitations").join(format!("{}.{name}", "07".repeat(16)));
            std::fs::write(path, bytes).unwrap();
        };
        let request = inviting.request(&id, |post| {
            looks += 1;
            rest("request", b"whoeverbody");
            whole(post)
        });
        let answer = joining.answer(&id, |post| {
            more += 1;
            rest("answer", b"somebody");
            whole(post)
        });
        assert_eq!((request.await.unwrap(), answer.await.unwrap()), (11, 8));
        assert_eq!((looks, more), (2, 2));
        // What else is wrong with one stays so.
        let spent = inviting.request(&id, |_| Err::<(), _>(PairingError::Spent.into())).await;
        assert_eq!(spent.unwrap_err().code(), "pairing-failed");
    }
}
