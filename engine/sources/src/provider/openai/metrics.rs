//! What can be asked: usage by kind, each grouped by what its specification allows, and costs.

use aimon_core::polling::{Ask, Kind, Metric, Width};

use super::super::Request;

const DAYS: Kind = Kind::Buckets {
    fine: Width { seconds: 86_400, most: 190 },
    coarse: Width { seconds: 86_400, most: 190 },
    keeps_days: 180,
    is_late: false,
};

const MINUTES: Kind = Kind::Buckets {
    fine: Width { seconds: 60, most: 1440 },
    coarse: Width { seconds: 3600, most: 168 },
    keeps_days: 180,
    is_late: false,
};

/// Of calls by the kinds of model that most people use least a glance now and then is enough.
const SELDOM_S: u32 = 300;

const fn usage(name: &'static str, dimensions: &'static [&'static str], every_s: u32) -> Metric {
    Metric { name, dimensions, every_s, kind: MINUTES }
}

pub(super) const ALL: &[Metric] = &[
    usage("usage.completions", &["batch", "key", "model", "project", "tier"], 60),
    usage("usage.embeddings", &["key", "model", "project"], SELDOM_S),
    usage("usage.moderations", &["key", "model", "project"], SELDOM_S),
    usage("usage.images", &["key", "model", "project", "size", "source"], SELDOM_S),
    usage("usage.audio_speeches", &["key", "model", "project"], SELDOM_S),
    usage("usage.audio_transcriptions", &["key", "model", "project"], SELDOM_S),
    usage("usage.vector_stores", &["project"], SELDOM_S),
    usage("usage.code_interpreter_sessions", &["project"], SELDOM_S),
    usage("usage.file_search_calls", &["key", "project", "store"], SELDOM_S),
    usage("usage.web_search_calls", &["context", "key", "model", "project"], SELDOM_S),
    Metric { name: "costs", dimensions: &["key", "line", "project"], every_s: 1800, kind: DAYS },
];

/// A dimension's name in the API.
pub(super) fn field(dimension: &str) -> &'static str {
    match dimension {
        "batch" => "batch",
        "context" => "context_level",
        "key" => "api_key_id",
        "line" => "line_item",
        "project" => "project_id",
        "size" => "size",
        "source" => "source",
        "store" => "vector_store_id",
        "tier" => "service_tier",
        _ => "model",
    }
}

pub(super) fn request(metric: &Metric, ask: &Ask, page: Option<&str>) -> Request {
    let path = match metric.name.strip_prefix("usage.") {
        Some(kind) => format!("organization/usage/{kind}"),
        None => "organization/costs".to_owned(),
    };
    let (width, most) = match ask.width {
        60 => ("1m", 1440),
        3600 => ("1h", 168),
        _ => ("1d", 180),
    };
    let buckets = ask.starts().count().clamp(1, most);
    let mut query = vec![
        ("start_time", ask.from.0.div_euclid(1000).to_string()),
        ("end_time", ask.to.0.div_euclid(1000).to_string()),
        ("bucket_width", width.to_owned()),
        ("limit", buckets.to_string()),
    ];
    query.extend(metric.dimensions.iter().map(|dimension| ("group_by", field(dimension).to_owned())));
    query.extend(page.map(|page| ("page", page.to_owned())));
    Request { path, query }
}
