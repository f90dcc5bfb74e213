//! Bodies: read only once whoever sends one may send it.

use aimon_ledger::frame::{Code, Frame, FrameError, sequence};
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use minicbor::Decoder;

use crate::relay::Refusal;

/// A request with a body of which nothing was read yet.
pub(super) struct Unread(Request);

impl<S: Sync> FromRequest<S> for Unread {
    type Rejection = std::convert::Infallible;

    async fn from_request(request: Request, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(request))
    }
}

impl Unread {
    pub(super) fn headers(&self) -> &HeaderMap {
        self.0.headers()
    }

    /// Reads the body, up to the most bytes that its route takes.
    pub(super) async fn whole(self) -> Result<Bytes, Refusal> {
        Bytes::from_request(self.0, &()).await.map_err(|rejected| match rejected.status().as_u16() {
            413 => Refusal::new(Code::TooLarge, "the request's body is too long"),
            _ => Refusal::new(Code::Malformed, "the request's body was cut off"),
        })
    }

    /// Reads a body of frames.
    pub(super) async fn frames(self) -> Result<Vec<Frame>, Refusal> {
        sequence(&self.whole().await?).map_err(|error| match error {
            FrameError::TooLarge(_) => Refusal::new(Code::TooLarge, "a frame has at most 1,048,576 bytes"),
            FrameError::Malformed(why) => Refusal { code: Code::Malformed, text: why },
        })
    }

    /// Reads a body that is one array of `fields`.
    pub(super) async fn array<T>(
        self,
        fields: u64,
        read: impl FnOnce(&mut Decoder<'_>) -> Result<T, minicbor::decode::Error>,
    ) -> Result<T, Refusal> {
        let body = self.whole().await?;
        let mut d = Decoder::new(&body);
        let is_array = d.array().ok().flatten() == Some(fields);
        let value = read(&mut d).map_err(|_| malformed())?;
        if is_array && d.position() == body.len() { Ok(value) } else { Err(malformed()) }
    }
}

pub(super) fn malformed() -> Refusal {
    Refusal::new(Code::Malformed, "the request's body is not what schema/protocol.md says")
}
