//! Invitations: two posts that a relay keeps for ten minutes, so that two devices find each other.

use std::time::Duration;

use aimon_ledger::ids::hex;
use reqwest::{Method, RequestBuilder, StatusCode};

use super::{Http, Token, call};
use crate::transport::Error;

/// The most bytes of a post; the relay takes no more.
const MOST_POST: usize = 4096;

fn path(invitation: &[u8; 16]) -> String {
    format!("/v1/invitations/{}", hex(invitation))
}

impl Http {
    /// Makes an invitation.
    ///
    /// # Errors
    /// The device is no member, among others.
    pub async fn invite(&self, invitation: &[u8; 16], token: &Token) -> Result<(), Error> {
        let request = call::with_token(self.request(Method::PUT, &path(invitation)), token);
        self.call(request, call::PROMPT, MOST_POST).await.map(drop)
    }

    /// The joiner's post, if it comes within `wait` (at most 25 s); asked by whoever invited.
    ///
    /// # Errors
    /// `invitation-expired` once its ten minutes are over.
    pub async fn await_request(
        &self,
        invitation: &[u8; 16],
        token: &Token,
        wait: Duration,
    ) -> Result<Option<Vec<u8>>, Error> {
        self.post_of(call::with_token(self.request(Method::GET, &path(invitation)), token), wait).await
    }

    /// Answers the joiner.
    ///
    /// # Errors
    /// The relay refuses.
    pub async fn answer(&self, invitation: &[u8; 16], token: &Token, post: Vec<u8>) -> Result<(), Error> {
        let request = self.request(Method::PUT, &format!("{}/answer", path(invitation)));
        self.call(call::with_body(call::with_token(request, token), post), call::PROMPT, MOST_POST).await.map(drop)
    }

    /// Withdraws an invitation: nobody can use it, or read what was posted, any more.
    ///
    /// # Errors
    /// The relay refuses.
    pub async fn withdraw(&self, invitation: &[u8; 16], token: &Token) -> Result<(), Error> {
        let request = call::with_token(self.request(Method::DELETE, &path(invitation)), token);
        self.call(request, call::PROMPT, MOST_POST).await.map(drop)
    }

    /// The joiner's post. The first one spends the invitation.
    ///
    /// # Errors
    /// `invitation-spent`, `invitation-expired`, `unknown-invitation`.
    pub async fn post_request(&self, invitation: &[u8; 16], post: Vec<u8>) -> Result<(), Error> {
        self.call(self.post(&path(invitation), post), call::PROMPT, MOST_POST).await.map(drop)
    }

    /// That the joiner goes no further, in its post's place. A relay of an earlier version knows no such call.
    ///
    /// # Errors
    /// `unknown-invitation` as long as there is no answer, `invitation-expired`.
    pub async fn decline(&self, invitation: &[u8; 16], post: Vec<u8>) -> Result<(), Error> {
        let request = self.post(&format!("{}/decline", path(invitation)), post);
        self.call(request, call::PROMPT, MOST_POST).await.map(drop)
    }

    /// The inviter's answer, if it comes within `wait` (at most 25 s).
    ///
    /// # Errors
    /// `unknown-invitation` once it is withdrawn, `invitation-expired`.
    pub async fn await_answer(&self, invitation: &[u8; 16], wait: Duration) -> Result<Option<Vec<u8>>, Error> {
        self.post_of(self.request(Method::GET, &format!("{}/answer", path(invitation))), wait).await
    }

    async fn post_of(&self, request: RequestBuilder, wait: Duration) -> Result<Option<Vec<u8>>, Error> {
        let (request, within) = call::with_wait(request, wait);
        let answer = self.call(request, within, MOST_POST).await?;
        Ok((answer.status != StatusCode::NO_CONTENT).then_some(answer.body))
    }
}
