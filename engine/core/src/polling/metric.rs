//! What a provider can be asked.

/// A width of buckets that a provider offers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Width {
    /// In seconds.
    pub seconds: u32,
    /// The most buckets of one request.
    pub most: u32,
}

/// How a metric is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A momentary value: a balance, a quota window.
    Gauge,
    /// Sums of spans of time.
    Buckets {
        /// In the sliding window.
        fine: Width,
        /// In the back-fill.
        coarse: Width,
        /// How far back the provider answers, in days.
        keeps_days: u32,
        /// Only of spans that are over: there is nothing about the present one.
        is_late: bool,
    },
}

/// A metric of a provider.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Metric {
    /// Its name: `usage.completions`, `costs`, `credits`.
    pub name: &'static str,
    /// Our names of the dimensions by which it is grouped, sorted. They are a part of what an answer answers.
    pub dimensions: &'static [&'static str],
    /// How often it is worth asking, in seconds.
    pub every_s: u32,
    /// How it is told.
    pub kind: Kind,
}

impl Metric {
    /// How long after a bucket's end it still changes, in milliseconds.
    pub fn settling_ms(&self) -> i64 {
        crate::history::answers::settling_ms(self.name)
    }
}
