//! The first step of whatever a device says: reading it and checking signatures, which takes nearly all of the time. It needs
//! no storage, so that a server does it on other threads than the one that writes.

use std::collections::BTreeMap;

use aimon_ledger::chunk::{Chunk, ChunkError};
use aimon_ledger::frame::{Code, Frame, FrameError};
use aimon_ledger::ids::{ChunkId, DeviceId, WorkspaceId};
use aimon_ledger::membership::Standing;
use ed25519_dalek::VerifyingKey;

/// The most chunks of one push: more are not chunks at all, for those have a signature each.
const MOST_CHUNKS: usize = 8 * 1024;

/// What the statements of a workspace come to, made ready for checking chunks.
#[derive(Clone, Debug)]
pub struct View {
    /// Which workspace.
    pub workspace: WorkspaceId,
    /// What its statements come to.
    pub standing: Standing,
    keys: BTreeMap<DeviceId, Vec<VerifyingKey>>,
}

impl View {
    /// Makes keys ready.
    pub fn new(workspace: WorkspaceId, standing: Standing) -> Self {
        let authors = standing.members.keys().chain(standing.revoked.keys());
        let keys = authors.map(|device| (*device, standing.signing_keys(device))).collect();
        Self { workspace, standing, keys }
    }

    /// Whether a device is a member.
    pub fn is_member(&self, device: &DeviceId) -> bool {
        self.standing.members.contains_key(device)
    }

    /// The keys that a device may sign with, be it a member or a revoked one.
    pub fn keys(&self, device: &DeviceId) -> &[VerifyingKey] {
        self.keys.get(device).map_or(&[], Vec::as_slice)
    }

    /// Under which of its author's keys a chunk is signed.
    fn signer(&self, chunk: &Chunk) -> Option<VerifyingKey> {
        let mut keys = self.keys(&chunk.header().place.device).iter();
        keys.find(|key| chunk.verify(&self.workspace, key).is_ok()).copied()
    }
}

/// A frame that was read, its chunks' signatures checked.
#[derive(Clone, Debug)]
pub struct Checked(pub(crate) Input);

#[derive(Clone, Debug)]
pub(crate) enum Input {
    /// Bytes that are no frame.
    Broken(FrameError),
    /// Chunks.
    Push(Vec<Candidate>),
    /// Anything else.
    Frame(Frame),
}

/// A chunk that was pushed.
#[derive(Clone, Debug)]
pub(crate) enum Candidate {
    /// No chunk, or one that is refused unseen.
    Refused(ChunkId, Code),
    /// A chunk, and the key under which its signature holds; none may be for want of a statement that is still on its way.
    Chunk(Box<Chunk>, Option<VerifyingKey>),
}

impl Candidate {
    /// The chunk, if its author has signed it as the statements now stand.
    pub(crate) fn signed(self, view: &View) -> Result<Box<Chunk>, (ChunkId, Code)> {
        match self {
            Self::Refused(id, code) => Err((id, code)),
            Self::Chunk(chunk, signer) => {
                let keys = view.keys(&chunk.header().place.device);
                if keys.is_empty() {
                    return Err((chunk.id(), Code::NotAMember));
                }
                // Checked once, unless the statements have changed since.
                let is_signed = match signer {
                    Some(key) => keys.contains(&key) || view.signer(&chunk).is_some(),
                    None => view.signer(&chunk).is_some(),
                };
                if is_signed { Ok(chunk) } else { Err((chunk.id(), Code::Signature)) }
            }
        }
    }
}

/// Reads a frame's bytes and checks the signatures of what is pushed in it. `view` is what is known of the workspace at this
/// moment; what has changed when the frame is taken is checked again then.
pub fn check(bytes: &[u8], view: Option<&View>) -> Checked {
    match Frame::decode(bytes) {
        Ok(frame) => check_frame(frame, view),
        Err(error) => Checked(Input::Broken(error)),
    }
}

/// The same for a frame that was read.
pub fn check_frame(frame: Frame, view: Option<&View>) -> Checked {
    let Frame::Push(chunks) = frame else { return Checked(Input::Frame(frame)) };
    if chunks.len() > MOST_CHUNKS {
        return Checked(Input::Broken(FrameError::TooLarge(chunks.len())));
    }
    let candidate = |bytes: Vec<u8>| {
        let id = ChunkId::of(&bytes);
        match Chunk::parse(bytes) {
            Ok(chunk) => {
                let signer = view.and_then(|view| view.signer(&chunk));
                Candidate::Chunk(Box::new(chunk), signer)
            }
            Err(ChunkError::TooLarge(_)) => Candidate::Refused(id, Code::TooLarge),
            Err(_) => Candidate::Refused(id, Code::Malformed),
        }
    };
    Checked(Input::Push(chunks.into_iter().map(candidate).collect()))
}

impl Checked {
    /// How many chunks are pushed.
    pub fn chunks(&self) -> usize {
        match &self.0 {
            Input::Push(candidates) => candidates.len(),
            _ => 0,
        }
    }

    /// Refuses all that is pushed, before it is looked at any further: a device that pushes too fast.
    pub fn refuse(&mut self, code: &Code) {
        if let Input::Push(candidates) = &mut self.0 {
            for candidate in candidates {
                let id = match candidate {
                    Candidate::Refused(id, _) => *id,
                    Candidate::Chunk(chunk, _) => chunk.id(),
                };
                *candidate = Candidate::Refused(id, code.clone());
            }
        }
    }
}
