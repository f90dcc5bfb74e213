//! Invitations: where two devices that pair leave each other one post. Who makes one is a member; who comes by its id has a code.

use std::collections::BTreeMap;

use aimon_ledger::frame::Code;
use aimon_ledger::time::UtcMillis;

use super::{Who, refusal};
use crate::relay::Refusal;

/// How long an invitation holds, in milliseconds.
pub const INVITATION_MS: i64 = 10 * 60_000;

/// How long it is known after that, so that whoever comes late hears why.
const KNOWN_MS: i64 = 10 * 60_000;

/// The most bytes of a post.
pub const MOST_BYTES: usize = 4 * 1024;

/// How many one device may have open.
const MOST_EACH: usize = 8;

/// How many there may be.
const MOST: usize = 10_000;

/// 16 random bytes.
pub type InvitationId = [u8; 16];

/// The open invitations of a relay.
#[derive(Default, Debug)]
pub struct Invitations(BTreeMap<InvitationId, Invitation>);

#[derive(Debug)]
struct Invitation {
    by: Who,
    expires: UtcMillis,
    request: Option<Vec<u8>>,
    answer: Option<Vec<u8>>,
    /// That the joiner goes no further, in its post's place.
    declined: Option<Vec<u8>>,
}

impl Invitation {
    fn is_over(&self, now: UtcMillis) -> bool {
        self.expires <= now
    }
}

fn unknown() -> Refusal {
    refusal("unknown-invitation", "there is no such invitation, or it was taken back: ask for another code")
}

fn expired() -> Refusal {
    refusal("invitation-expired", "the code's ten minutes are over: ask for another one")
}

fn fits(post: &[u8]) -> Result<(), Refusal> {
    let large = Refusal::new(Code::TooLarge, "a post between two devices that pair has at most 4 KiB");
    if post.len() > MOST_BYTES { Err(large) } else { Ok(()) }
}

impl Invitations {
    /// Makes one. Its maker may say so again.
    ///
    /// # Errors
    /// `invitation-spent` if it is somebody else's or has a post, `invitation-expired`, `rate`.
    pub fn make(&mut self, id: InvitationId, by: Who, now: UtcMillis) -> Result<(), Refusal> {
        self.0.retain(|_, invitation| invitation.expires.0 + KNOWN_MS > now.0);
        if let Some(there) = self.0.get(&id) {
            return match there.by == by && there.request.is_none() {
                true if there.is_over(now) => Err(expired()),
                true => Ok(()),
                false => Err(spent()),
            };
        }
        let open = || self.0.values().filter(|invitation| !invitation.is_over(now));
        if open().count() >= MOST || open().filter(|invitation| invitation.by == by).count() >= MOST_EACH {
            return Err(Refusal::new(Code::Rate, "too many invitations are open: wait ten minutes"));
        }
        let expires = UtcMillis(now.0 + INVITATION_MS);
        self.0.insert(id, Invitation { by, expires, request: None, answer: None, declined: None });
        Ok(())
    }

    /// The joiner's post: the first one spends the invitation.
    ///
    /// # Errors
    /// `invitation-spent`, `invitation-expired`, `unknown-invitation`, `too-large`.
    pub fn request(&mut self, id: &InvitationId, post: Vec<u8>, now: UtcMillis) -> Result<(), Refusal> {
        fits(&post)?;
        let invitation = self.open(id, now)?;
        if invitation.request.is_some() {
            return Err(spent());
        }
        invitation.request = Some(post);
        Ok(())
    }

    /// That the joiner goes no further: it stands in its post's place from here on. Whoever has the code can say so, once the post was
    /// answered; all that it does is to end this invitation.
    ///
    /// # Errors
    /// `unknown-invitation`, also as long as there is no answer; `invitation-expired`, `too-large`.
    pub fn decline(&mut self, id: &InvitationId, post: Vec<u8>, now: UtcMillis) -> Result<(), Refusal> {
        fits(&post)?;
        let invitation = self.open(id, now)?;
        if invitation.answer.is_none() {
            return Err(unknown());
        }
        invitation.declined = Some(post);
        Ok(())
    }

    /// The joiner's post, for whoever made the invitation; `None` as long as there is none.
    ///
    /// # Errors
    /// `unknown-invitation`, `invitation-expired`.
    pub fn requested(&mut self, id: &InvitationId, by: &Who, now: UtcMillis) -> Result<Option<Vec<u8>>, Refusal> {
        let invitation = self.own(id, by, now)?;
        Ok(invitation.declined.as_ref().or(invitation.request.as_ref()).cloned())
    }

    /// The inviter's post.
    ///
    /// # Errors
    /// `unknown-invitation`, `invitation-expired`, `too-large`.
    pub fn answer(&mut self, id: &InvitationId, by: &Who, post: Vec<u8>, now: UtcMillis) -> Result<(), Refusal> {
        fits(&post)?;
        self.own(id, by, now)?.answer = Some(post);
        Ok(())
    }

    /// The inviter's post, for whoever has the code; `None` as long as there is none.
    ///
    /// # Errors
    /// `unknown-invitation`, `invitation-expired`.
    pub fn answered(&mut self, id: &InvitationId, now: UtcMillis) -> Result<Option<Vec<u8>>, Refusal> {
        Ok(self.open(id, now)?.answer.clone())
    }

    /// Takes an invitation back.
    ///
    /// # Errors
    /// `unknown-invitation`, `invitation-expired`.
    pub fn withdraw(&mut self, id: &InvitationId, by: &Who, now: UtcMillis) -> Result<(), Refusal> {
        self.own(id, by, now)?;
        self.0.remove(id);
        Ok(())
    }

    fn open(&mut self, id: &InvitationId, now: UtcMillis) -> Result<&mut Invitation, Refusal> {
        match self.0.get_mut(id) {
            Some(invitation) if invitation.is_over(now) => Err(expired()),
            Some(invitation) => Ok(invitation),
            None => Err(unknown()),
        }
    }

    /// Somebody else's is as good as none.
    fn own(&mut self, id: &InvitationId, by: &Who, now: UtcMillis) -> Result<&mut Invitation, Refusal> {
        match self.0.get(id) {
            Some(invitation) if invitation.by == *by => self.open(id, now),
            _ => Err(unknown()),
        }
    }
}

fn spent() -> Refusal {
    refusal("invitation-spent", "somebody has used this code already: if that was not you, ask for another one")
}
