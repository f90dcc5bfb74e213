//! What can be asked: usage of messages, and costs.

use aimon_core::polling::{Ask, Kind, Metric, Width};
use aimon_core::time::UtcMillis;

use super::super::Request;

pub(super) const ALL: &[Metric] = &[
    Metric {
        name: "usage.messages",
        dimensions: &["context", "key", "model", "project", "tier"],
        every_s: 60,
        kind: Kind::Buckets {
            fine: Width { seconds: 60, most: 1440 },
            coarse: Width { seconds: 3600, most: 168 },
            keeps_days: 180,
            is_late: false,
        },
    },
    Metric {
        name: "costs",
        dimensions: &["line", "project"],
        every_s: 1800,
        kind: Kind::Buckets {
            // On pages of 31: a question is counted once, however many pages it has.
            fine: Width { seconds: 86_400, most: 190 },
            coarse: Width { seconds: 86_400, most: 190 },
            keeps_days: 180,
            is_late: false,
        },
    },
];

/// A dimension's name in the API.
pub(super) fn field(dimension: &str) -> &'static str {
    match dimension {
        "context" => "context_window",
        "key" => "api_key_id",
        "line" => "description",
        "project" => "workspace_id",
        "tier" => "service_tier",
        _ => "model",
    }
}

pub(super) fn request(metric: &Metric, ask: &Ask, page: Option<&str>) -> Request {
    let (width, most) = match ask.width {
        60 => ("1m", 1440),
        3600 => ("1h", 168),
        _ => ("1d", 31),
    };
    let buckets = ask.starts().count().clamp(1, most);
    let mut query = vec![
        ("starting_at", instant(ask.from)),
        ("ending_at", instant(ask.to)),
        ("bucket_width", width.to_owned()),
        ("limit", buckets.to_string()),
    ];
    query.extend(metric.dimensions.iter().map(|dimension| ("group_by[]", field(dimension).to_owned())));
    query.extend(page.map(|page| ("page", page.to_owned())));
    let path =
        if metric.name == "costs" { "v1/organizations/cost_report" } else { "v1/organizations/usage_report/messages" };
    Request { path: path.to_owned(), query }
}

/// RFC 3339, to the second.
fn instant(at: UtcMillis) -> String {
    jiff::Timestamp::from_second(at.0.div_euclid(1000)).unwrap_or_default().to_string()
}
