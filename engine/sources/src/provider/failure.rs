//! What can go wrong when a provider is asked. Each is a state: it stands beside the last good figures, with their age.

use std::fmt;

/// Why a question has no answer.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Failure {
    /// 401: the key is wrong, revoked or expired.
    #[error("the provider refuses the key{}", said(.0))]
    KeyRefused(String),
    /// 403: the key is of the wrong kind, or lacks a permission.
    #[error("the key may not ask for this{}", said(.0))]
    Forbidden(String),
    /// 429.
    #[error("the provider asks for a pause{}", pause(*.retry_after_s))]
    RateLimited {
        /// Seconds, where it says how long.
        retry_after_s: Option<u64>,
    },
    /// 5xx.
    #[error("the provider has trouble (HTTP {status})")]
    Down {
        /// The status.
        status: u16,
        /// Seconds, where it says how long.
        retry_after_s: Option<u64>,
    },
    /// Nothing answers there.
    #[error("the provider can't be reached: {0}")]
    Unreachable(String),
    /// It took too long, or stopped in the middle.
    #[error("the provider did not answer in time")]
    TimedOut,
    /// It goes on answering, page by page or byte by byte, and comes to no end.
    #[error("the provider's answer had no end after {}", duration(*.after_s))]
    Unfinished {
        /// Seconds.
        after_s: u64,
    },
    /// 400, 404, …: it does not understand the question.
    #[error("the provider does not take the question (HTTP {status}){}", said(.text))]
    Refused {
        /// The status.
        status: u16,
        /// What it says.
        text: String,
    },
    /// A page of a captive portal, or of a proxy.
    #[error("a login page or a proxy answered in the provider's place ({0})")]
    NotTheProvider(String),
    /// The reply is not as it was specified.
    #[error("the reply can't be read: {0}")]
    Unreadable(#[from] Unreadable),
    /// The reply is larger than any can be.
    #[error("the reply is too large")]
    TooLarge,
}

/// What about a reply can't be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unreadable {
    /// It is no JSON, or lacks something.
    #[error("{0}")]
    Shape(String),
    /// A figure that nobody can mean.
    #[error("{field} is {value}, which can't be right")]
    Absurd {
        /// Which one.
        field: String,
        /// As it stands there, shortened.
        value: String,
    },
    /// Pages go on for ever.
    #[error("its pages have no end")]
    Endless,
}

impl From<serde_json::Error> for Unreadable {
    fn from(e: serde_json::Error) -> Self {
        // It may quote what it found.
        Self::Shape(shortened(e))
    }
}

impl Failure {
    /// A stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::KeyRefused(_) => "key-refused",
            Self::Forbidden(_) => "key-forbidden",
            Self::RateLimited { .. } => "provider-busy",
            Self::Down { .. } => "provider-down",
            Self::Unreachable(_) => "provider-unreachable",
            Self::TimedOut | Self::Unfinished { .. } => "provider-timeout",
            Self::Refused { .. } => "provider-refused",
            Self::NotTheProvider(_) => "not-the-provider",
            Self::Unreadable(Unreadable::Absurd { .. }) => "figure-absurd",
            Self::Unreadable(_) => "reply-unreadable",
            Self::TooLarge => "reply-too-large",
        }
    }

    /// How long the provider asks to be left alone, in seconds.
    pub fn retry_after_s(&self) -> Option<u64> {
        match self {
            Self::RateLimited { retry_after_s } | Self::Down { retry_after_s, .. } => *retry_after_s,
            // A key does not get better by itself within minutes.
            Self::KeyRefused(_) | Self::Forbidden(_) => Some(15 * 60),
            _ => None,
        }
    }

    /// Whether the provider wants to be left alone.
    pub fn is_pause(&self) -> bool {
        matches!(self, Self::RateLimited { .. } | Self::Down { retry_after_s: Some(_), .. })
    }

    /// Whether trying again soon may help.
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::RateLimited { .. }
                | Self::Down { .. }
                | Self::Unreachable(_)
                | Self::TimedOut
                | Self::Unfinished { .. }
        )
    }
}

fn said(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

fn pause(seconds: Option<u64>) -> String {
    seconds.map(|s| format!(" of {}", duration(s))).unwrap_or_default()
}

/// How long something lasts, as people say it: never less than it is. Servers name any number of seconds.
pub fn duration(seconds: u64) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds.div_ceil(MINUTE)),
        7_200..172_800 => format!("{} h", seconds.div_ceil(HOUR)),
        172_800..2_592_000 => format!("{} days", seconds.div_ceil(DAY)),
        _ => "more than a month".to_owned(),
    }
}

/// A value as it may be shown: what a server writes may be long, and hold anything.
pub(crate) fn shortened(text: impl fmt::Display) -> String {
    let text = text.to_string();
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(120).collect();
    clean.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_reads_well_however_long_it_is() {
        let said = |seconds| Failure::RateLimited { retry_after_s: seconds }.to_string();
        assert_eq!(said(None), "the provider asks for a pause");
        for (seconds, text) in [
            (1, "1 s"),
            (119, "119 s"),
            (120, "2 min"),
            (3_601, "61 min"),
            (10_800, "3 h"),
            (86_401, "25 h"),
            (172_800, "2 days"),
            (2_592_000, "more than a month"),
            (u64::MAX, "more than a month"),
        ] {
            assert_eq!(said(Some(seconds)), format!("the provider asks for a pause of {text}"));
        }
    }
}
