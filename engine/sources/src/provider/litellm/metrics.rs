//! What can be asked: activity by UTC day.

use aimon_core::polling::{Ask, Kind, Metric, Width};
use aimon_core::time::UtcMillis;

use super::super::Request;

const DAYS: Width = Width { seconds: 86_400, most: 190 };

pub(super) const ALL: &[Metric] = &[Metric {
    name: "activity",
    dimensions: &["key", "model"],
    every_s: 60,
    kind: Kind::Buckets { fine: DAYS, coarse: DAYS, keeps_days: 180, is_late: false },
}];

pub(super) fn request(_metric: &Metric, ask: &Ask, page: Option<&str>) -> Request {
    let last = UtcMillis(ask.to.0.saturating_sub(1)).day();
    let query = vec![
        ("start_date", ask.from.day().to_string()),
        ("end_date", last.to_string()),
        ("page", page.unwrap_or("1").to_owned()),
        ("page_size", "1000".to_owned()),
    ];
    Request { path: "user/daily/activity".to_owned(), query }
}
