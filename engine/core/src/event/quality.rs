/// How far a figure can be trusted, best first. No data is not a quality, and not 0 either.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Quality {
    /// The provider put it on a bill.
    Billed = 0,
    /// The provider metered it.
    Metered = 1,
    /// A local log says so.
    Log = 2,
    /// A local log says so, and that agent's version is known to write too little.
    Understated = 3,
    /// Something was assumed: a model that the log does not name, for example.
    Estimated = 4,
}

impl Quality {
    /// The stored number's meaning; a number from a newer version is the least trusted.
    pub fn from_u8(n: u8) -> Self {
        match n {
            0 => Self::Billed,
            1 => Self::Metered,
            2 => Self::Log,
            3 => Self::Understated,
            _ => Self::Estimated,
        }
    }

    /// The word that reports show.
    pub fn word(self) -> &'static str {
        match self {
            Self::Billed => "billed",
            Self::Metered => "metered",
            Self::Log => "log",
            Self::Understated => "understated",
            Self::Estimated => "estimated",
        }
    }
}
