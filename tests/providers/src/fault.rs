//! What can go wrong between a server and whoever asks it.

use std::time::Duration;

use aimon_generator::Prng;

/// How a refusal says when to ask again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// `Retry-After: 30`
    Seconds(u64),
    /// `Retry-After: Tue, 01 Sep 2026 00:00:30 GMT`, so many seconds ahead of the clock.
    Date(u64),
    /// Not at all.
    Unsaid,
}

impl Wait {
    /// How long it is, in seconds.
    pub fn seconds(self) -> u64 {
        match self {
            Self::Seconds(seconds) | Self::Date(seconds) => seconds,
            Self::Unsaid => 0,
        }
    }
}

/// How the shape of an answer changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    /// The first figure's field has another name.
    Renamed,
    /// Numbers are strings.
    NumbersAsText,
    /// `has_more` is missing.
    NoHasMore,
    /// What comes first in its data comes last as well.
    Repeated,
}

/// Figures that nobody can have used or paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absurd {
    /// Below zero.
    Negative,
    /// 10³⁰.
    Vast,
    /// `NaN`, which is no JSON unless it is a string.
    NotANumber,
}

/// One thing that goes wrong with one answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 429, although nothing was overdone.
    TooMany(Wait),
    /// Another status: 500, 503, 529.
    Status(u16),
    /// The right answer, late, by real time.
    Slow(Duration),
    /// Half of the right answer, then the end of the connection.
    CutBody,
    /// The connection is reset instead of an answer.
    Reset,
    /// 200 with a page that asks to log in.
    CaptivePortal,
    /// A small compressed body that is a gigabyte of zeros.
    GzipBomb,
    /// A gigabyte, as it is.
    HugeBody,
    /// The right answer without its last bracket.
    BrokenJson,
    /// The right answer in another shape.
    Schema(Schema),
    /// The right answer with wrong figures.
    Figures(Absurd),
    /// The right answer in another currency, where it names one.
    Currency(String),
    /// The right page, which says that it is the next page as well.
    EndlessPages,
    /// `has_more` without saying where.
    LostNextPage,
    /// The right answer as `text/plain`.
    WrongType,
    /// To another address.
    Redirect(String),
    /// The key is revoked from here on.
    KeyRevoked,
    /// A refusal that repeats the key, in its words and in a header, as some gateways do.
    EchoedKey(u16),
    /// The right answer, in which names are so long: of models, keys and projects.
    LongNames(usize),
}

impl Fault {
    /// Any of those that pass by themselves: no key is revoked, and nothing leads elsewhere.
    pub fn any(rng: &mut Prng) -> Self {
        let wait = rng.range(1, 90);
        match rng.below(22) {
            0 => Self::TooMany(Wait::Seconds(wait)),
            1 => Self::TooMany(Wait::Date(wait)),
            2 => Self::TooMany(Wait::Unsaid),
            3 => Self::Status(500),
            4 => Self::Status(503),
            5 => Self::Slow(Duration::from_millis(wait)),
            6 => Self::CutBody,
            7 => Self::Reset,
            8 => Self::CaptivePortal,
            9 => Self::BrokenJson,
            10 => Self::Schema(Schema::Renamed),
            11 => Self::Schema(Schema::NumbersAsText),
            12 => Self::Schema(Schema::NoHasMore),
            13 => Self::Figures(Absurd::Negative),
            14 => Self::Figures(Absurd::Vast),
            15 => Self::Figures(Absurd::NotANumber),
            16 => Self::LostNextPage,
            17 => Self::EndlessPages,
            18 => Self::Currency("EUR".to_owned()),
            19 => Self::GzipBomb,
            20 => Self::HugeBody,
            _ => Self::WrongType,
        }
    }
}

/// Faults that wait for their request.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    queue: Vec<Queued>,
    random: Option<(Prng, u16, Vec<Fault>)>,
}

#[derive(Debug)]
struct Queued {
    path: String,
    fault: Fault,
    /// How often yet; for ever if it is none.
    left: Option<u32>,
}

impl Faults {
    pub(crate) fn queue(&mut self, path: &str, fault: Fault, times: Option<u32>) {
        if times != Some(0) {
            self.queue.push(Queued { path: path.to_owned(), fault, left: times });
        }
    }

    pub(crate) fn at_random(&mut self, seed: u64, per_mille: u16) {
        self.among(seed, per_mille, Vec::new());
    }

    /// Any of `faults`, or any at all if there are none.
    pub(crate) fn among(&mut self, seed: u64, per_mille: u16, faults: Vec<Fault>) {
        self.random = Some((Prng::of(&[seed, 0xfa17]), per_mille, faults));
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The fault of a request, which is then used up.
    pub(crate) fn next(&mut self, path: &str) -> Option<Fault> {
        if let Some(at) = self.queue.iter().position(|queued| queued.path == path) {
            let queued = self.queue.get_mut(at)?;
            let fault = queued.fault.clone();
            match &mut queued.left {
                Some(1) => drop(self.queue.remove(at)),
                Some(left) => *left -= 1,
                None => {}
            }
            return Some(fault);
        }
        let (rng, per_mille, among) = self.random.as_mut()?;
        if !rng.chance(*per_mille) {
            return None;
        }
        if among.is_empty() {
            return Some(Fault::any(rng));
        }
        among.get(rng.below(among.len() as u64) as usize).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_come_in_their_order_at_their_path() {
        let mut faults = Faults::default();
        faults.queue("/a", Fault::Reset, Some(2));
        faults.queue("/a", Fault::CutBody, None);
        faults.queue("/b", Fault::WrongType, Some(0));
        let a: Vec<_> = (0..4).filter_map(|_| faults.next("/a")).collect();
        assert_eq!(a, [Fault::Reset, Fault::Reset, Fault::CutBody, Fault::CutBody]);
        assert_eq!(faults.next("/b"), None);
        faults.clear();
        assert_eq!(faults.next("/a"), None);
    }

    #[test]
    fn random_faults_follow_from_the_seed() {
        let run = |seed| {
            let mut faults = Faults::default();
            faults.at_random(seed, 300);
            (0..1000).map(|_| faults.next("/a")).collect::<Vec<_>>()
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
        let some = run(3).iter().flatten().count();
        assert!((200..400).contains(&some), "{some}");
    }
}
