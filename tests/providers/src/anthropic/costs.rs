//! `GET /v1/organizations/cost_report`

use std::collections::BTreeMap;

use super::{body, bucket, shown};
use crate::json::Json;
use crate::money::cents;
use crate::query::{Lists, Spec};
use crate::refusal::Refusal;
use crate::server::{Answer, Ask};
use crate::time::{DAY, Width};
use crate::truth::{Call, Part};

const SPEC: Spec = Spec {
    one: &["starting_at", "ending_at", "bucket_width", "limit", "page"],
    many: &["group_by"],
    lists: Lists::Brackets,
};

/// What a cost is for: what a description says, taken apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Item {
    model: Option<String>,
    part: Part,
    tier: Option<String>,
    context: Option<&'static str>,
    geo: Option<String>,
}

/// Answers with the days of a page. What is in the priority tier is billed otherwise, and not in it.
pub(super) fn answer(ask: &Ask<'_>) -> Result<Answer, Refusal> {
    let query = ask.read(SPEC)?;
    if query.one("bucket_width").is_some_and(|name| name != Width::Day.name()) {
        return Err(Refusal::bad("bucket_width", "bucket_width: Input should be '1d'"));
    }
    let grouped = query.among("group_by", &["workspace_id", "description"])?;
    let (by_workspace, by_item) = (grouped.contains(&"workspace_id"), grouped.contains(&"description"));
    let shown = shown(ask, &query, DAY, Width::Day.usual(), Width::Day.most())?;
    let known = ask.now - ask.habits.costs_behind;
    let buckets = shown.spans.shown.iter().map(|span| {
        let mut rows: BTreeMap<(Option<String>, Option<Item>), i128> = BTreeMap::new();
        let calls = ask.truth.known(known, span.start, span.end);
        for call in calls.filter(|call| call.tier != "priority") {
            for (part, cost, _) in call.parts() {
                let workspace = if by_workspace { call.project.clone() } else { None };
                *rows.entry((workspace, by_item.then(|| item(call, part, known)))).or_default() += cost;
            }
        }
        let results = rows.iter().map(|((workspace, item), cost)| result(workspace.as_deref(), item.as_ref(), *cost));
        bucket(span.start, span.end, results.collect())
    });
    Ok(Answer::paged(body(buckets.collect(), shown.next.as_deref()), shown.this))
}

fn item(call: &Call, part: Part, now: i64) -> Item {
    if matches!(part, Part::WebSearch | Part::Whole) {
        return Item { model: None, part, tier: None, context: None, geo: None };
    }
    Item {
        model: Some(call.model_at(now).to_owned()),
        part,
        tier: Some(call.tier.clone()),
        context: Some(call.context.name()),
        geo: Some(call.geo.clone().unwrap_or_else(|| "not_available".to_owned())),
    }
}

impl Item {
    fn description(&self) -> String {
        let model = match (&self.model, self.part) {
            (Some(model), _) => model,
            (None, Part::WebSearch) => return "Web Search Usage".to_owned(),
            (None, _) => return "Code Execution Usage".to_owned(),
        };
        let tokens = match self.part {
            Part::Uncached => "Input Tokens",
            Part::CacheRead => "Input Tokens, Cache Hit",
            Part::CacheWrite5m => "Input Tokens, Cache Write (5m)",
            Part::CacheWrite1h => "Input Tokens, Cache Write (1h)",
            _ => "Output Tokens",
        };
        format!("{model} Usage - {tokens}")
    }

    fn cost_type(&self) -> &'static str {
        match (&self.model, self.part) {
            (Some(_), _) => "tokens",
            (None, Part::WebSearch) => "web_search",
            (None, _) => "code_execution",
        }
    }

    fn token_type(&self) -> Option<&'static str> {
        match self.part {
            Part::Uncached => Some("uncached_input_tokens"),
            Part::CacheRead => Some("cache_read_input_tokens"),
            Part::CacheWrite5m => Some("cache_creation.ephemeral_5m_input_tokens"),
            Part::CacheWrite1h => Some("cache_creation.ephemeral_1h_input_tokens"),
            Part::Output => Some("output_tokens"),
            Part::WebSearch | Part::Whole => None,
        }
    }
}

fn result(workspace: Option<&str>, item: Option<&Item>, cost: i128) -> Json {
    let text = |value: Option<&str>| Json::text_or_null(value);
    Json::object([
        ("currency", "USD".into()),
        ("amount", cents(cost).into()),
        ("workspace_id", text(workspace)),
        ("description", item.map_or(Json::Null, |item| item.description().into())),
        ("cost_type", text(item.map(Item::cost_type))),
        ("context_window", text(item.and_then(|item| item.context))),
        ("model", text(item.and_then(|item| item.model.as_deref()))),
        ("service_tier", text(item.and_then(|item| item.tier.as_deref()))),
        ("token_type", text(item.and_then(Item::token_type))),
        ("inference_geo", text(item.and_then(|item| item.geo.as_deref()))),
    ])
}
