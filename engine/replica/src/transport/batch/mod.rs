//! Frames in HTTPS requests, for networks that let no socket through.
//!
//! ```text
//! device   frames, session, wait ──►
//! relay                          ◄── frames: at once if there are any, else what comes within the wait
//! ```
//!
//! There is mostly one request on the way, which waits. A frame that is to go out does not wait for it: it goes in a second one,
//! upon which the relay ends the wait of the first. The second may overtake the first, so requests are counted: the relay takes
//! them up in this order, and answers are taken in it, too. An answer that is lost may have had frames in it, so the session is
//! over then, and the next one begins with a hello: nothing is asked for twice here.

use std::time::Duration;

use aimon_ledger::frame;
use aimon_ledger::ids::hex;
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use reqwest::Method;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep_until};

use super::connection::Ends;
use super::relay::call;
use super::{Error, Http, Token};

/// Names the session.
const SESSION: &str = "aimon-session";

/// Says the how-manieth request of the session it is, from 0.
const TURN: &str = "aimon-turn";

/// The most bytes of an answer: the relay's window of 4 MiB, and a frame that was begun within it.
const MOST_ANSWER: usize = 5 << 20;

/// How long nothing is asked for after an answer that came at once and was empty: something on the way may not let a relay wait.
const PAUSE: Duration = Duration::from_secs(1);

/// How many requests are on the way at once.
const REQUESTS: usize = 2;

/// A session with a relay.
pub(super) struct Session {
    http: Http,
    token: Token,
    /// 32 hexadecimal digits.
    id: String,
    turn: u64,
}

impl Session {
    pub(super) fn new(http: &Http, token: &Token) -> Result<Self, Error> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|e| http.unreachable(format!("no random bytes: {e}")))?;
        Ok(Self { http: http.clone(), token: token.clone(), id: hex(&random), turn: 0 })
    }

    /// The next request.
    fn exchange(&mut self, body: Vec<u8>) -> impl Future<Output = Result<Answered, Error>> + Send + use<> {
        let http = self.http.clone();
        let request = http.request(Method::POST, "/v1/frames").header(SESSION, &self.id).header(TURN, self.turn);
        self.turn += 1;
        let request = call::with_body(call::with_token(request, &self.token), body);
        let (request, within) = call::with_wait(request, call::LONGEST_WAIT);
        async move {
            let asked = Instant::now();
            let answer = http.call(request, within, MOST_ANSWER).await?;
            let frames = frame::sequence(&answer.body)?;
            let in_vain = frames.is_empty() && asked.elapsed() < PAUSE;
            Ok(Answered { frames, in_vain })
        }
    }
}

/// What a request has brought.
struct Answered {
    frames: Vec<frame::Frame>,
    /// Nothing, and without a wait.
    in_vain: bool,
}

/// What is to go out, as bodies of requests.
struct Queue {
    frames: UnboundedReceiver<Vec<u8>>,
    /// A frame that did not fit any more.
    held: Option<Vec<u8>>,
}

impl Queue {
    /// As many frames as a request takes, once there is one. Whoever stops waiting loses none.
    async fn body(&mut self) -> Option<Vec<u8>> {
        let mut body = match self.held.take() {
            Some(frame) => frame,
            None => self.frames.recv().await?,
        };
        while let Ok(frame) = self.frames.try_recv() {
            if body.len() + frame.len() > frame::MOST_BYTES {
                self.held = Some(frame);
                break;
            }
            body.extend_from_slice(&frame);
        }
        Some(body)
    }
}

/// Carries frames until the session ends, or nobody has any more to send.
pub(super) async fn carry(mut session: Session, ends: Ends) -> Result<(), Error> {
    let Ends { outgoing, incoming } = ends;
    let mut queue = Queue { frames: outgoing, held: None };
    let mut answers = FuturesOrdered::new();
    // The session begins with the device's hello.
    match queue.body().await {
        Some(hello) => answers.push_back(session.exchange(hello)),
        None => return Ok(()),
    }
    let (mut is_open, mut next_poll) = (true, Instant::now());
    // Before the relay has answered there is no session that a second request could be in.
    let mut most = 1;
    while is_open || !answers.is_empty() {
        tokio::select! {
            Some(answered) = answers.next() => {
                let answered = answered?;
                most = REQUESTS;
                for frame in answered.frames {
                    // While a connection is closed nobody listens, and what was sent still goes out.
                    let _ = incoming.send(Ok(frame)).await;
                }
                next_poll = Instant::now() + if answered.in_vain { PAUSE } else { Duration::ZERO };
            }
            body = queue.body(), if is_open && answers.len() < most => match body {
                Some(body) => answers.push_back(session.exchange(body)),
                None => is_open = false,
            },
            () = sleep_until(next_poll), if is_open && answers.is_empty() => {
                answers.push_back(session.exchange(Vec::new()));
            }
        }
    }
    Ok(())
}
