use super::Quality;
use crate::ids::DeviceId;
use crate::name::Name;
use crate::time::UtcMillis;
use crate::units::{PicoUsd, Tokens};

/// Eight bytes of BLAKE3 over the agent's kind and the message's id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MessageId(pub [u8; 8]);

impl MessageId {
    /// `source` is the agent's kind (`claude-code`); `parts` is what identifies the message there.
    /// Each part is preceded by its length, so that no two lists of parts read alike.
    pub fn of(source: &str, parts: &[&[u8]]) -> Self {
        let mut out = [0; 8];
        hash(source, parts, &mut out);
        Self(out)
    }
}

/// Two bytes of BLAKE3 over the request's id; where there is none, over the session's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RequestId(pub [u8; 2]);

impl RequestId {
    /// As [`MessageId::of`].
    pub fn of(source: &str, parts: &[&[u8]]) -> Self {
        let mut out = [0; 2];
        hash(source, parts, &mut out);
        Self(out)
    }
}

fn hash(source: &str, parts: &[&[u8]], out: &mut [u8]) {
    let all = || std::iter::once(source.as_bytes()).chain(parts.iter().copied());
    // Ids are short, and every line of a log is hashed: one call over a small buffer costs much less
    // than a hasher that is fed piece by piece.
    let mut small = [0; 192];
    let length: usize = all().map(|part| 8 + part.len()).sum();
    let hash = match small.get_mut(..length) {
        Some(bytes) => {
            let mut rest = &mut *bytes;
            for part in all() {
                let (this, next) = rest.split_at_mut(8 + part.len());
                this[..8].copy_from_slice(&(part.len() as u64).to_le_bytes());
                this[8..].copy_from_slice(part);
                rest = next;
            }
            blake3::hash(bytes)
        }
        None => {
            let mut hasher = blake3::Hasher::new();
            for part in all() {
                hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
            }
            hasher.finalize()
        }
    };
    out.copy_from_slice(&hash.as_bytes()[..out.len()]);
}

/// What the log states about the price class of a call.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[repr(u8)]
pub enum Tier {
    /// The list price.
    #[default]
    Standard = 0,
    /// A faster variant of the model at another price.
    Fast = 1,
    /// Priority processing.
    Priority = 2,
    /// Flexible processing.
    Flex = 3,
    /// Batch processing.
    Batch = 4,
    /// One that a newer version knows.
    Unknown = 255,
}

impl Tier {
    /// The stored number's meaning.
    pub fn from_u8(n: u8) -> Self {
        match n {
            0 => Self::Standard,
            1 => Self::Fast,
            2 => Self::Priority,
            3 => Self::Flex,
            4 => Self::Batch,
            _ => Self::Unknown,
        }
    }

    /// The word that reports show.
    pub fn word(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Fast => "fast",
            Self::Priority => "priority",
            Self::Flex => "flex",
            Self::Batch => "batch",
            Self::Unknown => "unknown",
        }
    }
}

/// The size class of one call's prompt. Long-context prices depend on the single call, so the
/// class is kept when calls are summed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ContextClass(pub u8);

impl ContextClass {
    /// Thresholds, in prompt tokens, that price tables use.
    pub const THRESHOLDS: [u64; 6] = [100_000, 128_000, 200_000, 256_000, 272_000, 512_000];

    /// The class of a prompt: how many thresholds it is above.
    pub fn of(prompt: u64) -> Self {
        Self(Self::THRESHOLDS.iter().filter(|t| prompt > **t).count() as u8)
    }

    /// Whether every prompt of this class is above `threshold`.
    pub fn is_above(self, threshold: u64) -> bool {
        self.above().is_some_and(|t| t >= threshold)
    }

    /// The highest threshold that every prompt of this class is above, if there is one.
    pub fn above(self) -> Option<u64> {
        usize::from(self.0).checked_sub(1).and_then(|n| Self::THRESHOLDS.get(n)).copied()
    }
}

/// One model call seen in a local log. Additive; a copied log counts once, which the fold decides.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Record {
    /// The agent's kind: `claude-code`, `codex`, `gemini`, `opencode`.
    pub source: Name,
    /// Which message.
    pub message: MessageId,
    /// Which of the message's requests.
    pub request: RequestId,
    /// Whether the line is a copy that drops where a main copy is held: a side question's, or what an answer said before
    /// its end.
    pub sidechain: bool,
    /// When the call ended, by the log.
    pub time: UtcMillis,
    /// The model as the log names it.
    pub model: Name,
    /// The session as the log names it.
    pub session: Name,
    /// What was used.
    pub tokens: Tokens,
    /// Web searches that the provider ran for the call.
    pub web_searches: u64,
    /// The price class.
    pub tier: Tier,
    /// How far the figure can be trusted.
    pub quality: Quality,
    /// Who paid, where the log states it.
    pub payer: Option<Name>,
    /// What the log itself says the call cost; kept beside the derived cost, never mixed with it.
    pub stated_cost: Option<PicoUsd>,
    /// The project's hash, where the user opted in.
    pub project: Option<[u8; 8]>,
    /// Who observed it, where the batch's own device only passed it on.
    pub origin: Option<DeviceId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_does_not_depend_on_how_it_was_hashed() {
        for length in [0, 1, 100, 165, 166, 167, 168, 1000] {
            let part = vec![b'x'; length];
            let mut hasher = blake3::Hasher::new();
            for part in [&b"claude-code"[..], &part] {
                hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
            }
            assert_eq!(MessageId::of("claude-code", &[&part]).0, hasher.finalize().as_bytes()[..8]);
        }
        assert_ne!(MessageId::of("a", &[b"bc", b"d"]), MessageId::of("a", &[b"b", b"cd"]));
    }
}
