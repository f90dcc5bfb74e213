//! What can be asked: two gauges, and days that are over.

use aimon_core::polling::{Ask, Kind, Metric, Width};

use super::super::Request;

const DAYS: Width = Width { seconds: 86_400, most: 30 };

pub(super) const ALL: &[Metric] = &[
    Metric {
        name: "activity",
        dimensions: &["model", "upstream"],
        every_s: 1800,
        kind: Kind::Buckets { fine: DAYS, coarse: DAYS, keeps_days: 30, is_late: true },
    },
    Metric { name: "credits", dimensions: &[], every_s: 60, kind: Kind::Gauge },
    Metric { name: "key", dimensions: &[], every_s: 60, kind: Kind::Gauge },
];

pub(super) fn request(metric: &Metric, ask: &Ask, _page: Option<&str>) -> Request {
    let mut query = Vec::new();
    // Of one day only what is asked for comes; of several, all that is kept.
    if metric.name == "activity" && ask.starts().count() == 1 {
        query.push(("date", ask.from.day().to_string()));
    }
    Request { path: metric.name.to_owned(), query }
}
