//! The routes of invitations.

use std::time::Duration;

use aimon_ledger::ids::unhex;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::body::Unread;
use super::{Host, answer, member, wait_of};
use crate::auth::{InvitationId, Invitations, refusal};
use crate::relay::Refusal;

fn id_of(text: &str) -> Result<InvitationId, Refusal> {
    unhex(text).ok_or_else(|| refusal("unknown-invitation", "an invitation is 32 hexadecimal digits"))
}

/// Does something with the invitations, and wakes whoever waits.
fn change<H: Host, R>(host: &H, f: impl FnOnce(&mut Invitations) -> Result<R, Refusal>) -> Result<R, Refusal> {
    let done = host.auth(|auth| f(&mut auth.invitations))?;
    host.change();
    Ok(done)
}

/// Looks until there is something, or the wait is over: nothing, then.
async fn look<H: Host>(
    host: &H,
    wait: Duration,
    mut f: impl FnMut(&mut Invitations) -> Result<Option<Vec<u8>>, Refusal>,
) -> Result<Vec<u8>, Refusal> {
    let from = host.now();
    loop {
        let since = host.changes();
        if let Some(found) = host.auth(|auth| f(&mut auth.invitations))? {
            return Ok(found);
        }
        let waited = Duration::from_millis(host.now().0.saturating_sub(from.0).max(0).unsigned_abs());
        let Some(left) = wait.checked_sub(waited).filter(|left| !left.is_zero()) else { return Ok(Vec::new()) };
        host.changed(since, left).await;
    }
}

pub(super) async fn make<H: Host>(State(host): State<H>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    answer::of(async {
        let (id, who) = (id_of(&id)?, member(&host, &headers).await?);
        let now = host.now();
        change(&host, |all| all.make(id, who, now))?;
        Ok(Vec::new())
    })
    .await
}

pub(super) async fn request<H: Host>(State(host): State<H>, Path(id): Path<String>, asked: Unread) -> Response {
    answer::of(async {
        let (id, post) = (id_of(&id)?, asked.whole().await?.to_vec());
        let now = host.now();
        change(&host, |all| all.request(&id, post, now))?;
        Ok(Vec::new())
    })
    .await
}

pub(super) async fn decline<H: Host>(State(host): State<H>, Path(id): Path<String>, asked: Unread) -> Response {
    answer::of(async {
        let (id, post) = (id_of(&id)?, asked.whole().await?.to_vec());
        let now = host.now();
        change(&host, |all| all.decline(&id, post, now))?;
        Ok(Vec::new())
    })
    .await
}

pub(super) async fn requested<H: Host>(State(host): State<H>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    answer::of(async {
        let (id, who) = (id_of(&id)?, member(&host, &headers).await?);
        look(&host, wait_of(&headers), |all| all.requested(&id, &who, host.now())).await
    })
    .await
}

pub(super) async fn answer<H: Host>(State(host): State<H>, Path(id): Path<String>, asked: Unread) -> Response {
    answer::of(async {
        let (id, who) = (id_of(&id)?, member(&host, asked.headers()).await?);
        let post = asked.whole().await?.to_vec();
        let now = host.now();
        change(&host, |all| all.answer(&id, &who, post, now))?;
        Ok(Vec::new())
    })
    .await
}

pub(super) async fn answered<H: Host>(State(host): State<H>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    answer::of(async {
        let id = id_of(&id)?;
        look(&host, wait_of(&headers), |all| all.answered(&id, host.now())).await
    })
    .await
}

pub(super) async fn withdraw<H: Host>(State(host): State<H>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    answer::of(async {
        let (id, who, now) = (id_of(&id)?, member(&host, &headers).await?, host.now());
        change(&host, |all| all.withdraw(&id, &who, now))?;
        Ok(Vec::new())
    })
    .await
}
