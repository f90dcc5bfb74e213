//! A right answer becomes a wrong one.

use super::Answer;
use crate::fault::{Absurd, Fault, Schema};
use crate::json::Json;

/// Fields of figures, the first of which is renamed.
const FIGURES: [&str; 20] = [
    "utilization",
    "used_percent",
    "amount",
    "input_tokens",
    "uncached_input_tokens",
    "images",
    "characters",
    "seconds",
    "usage_bytes",
    "num_sessions",
    "num_requests",
    "total_credits",
    "usage",
    "prompt_tokens",
    "spend",
    "value",
    "output_tokens",
    "completion_tokens",
    "total_usage",
    "num_model_requests",
];

/// Fields of names.
const NAMES: [&str; 6] = ["model", "project_id", "api_key_id", "workspace_id", "provider_name", "line_item"];

/// Numbers that count nothing.
const NO_FIGURES: [&str; 8] =
    ["start_time", "end_time", "page", "total_pages", "code", "api_key_limit", "total_api_keys", "rate_limit"];

/// Does to an answer what a fault does to bodies; others leave it as it is.
pub(super) fn spoil(answer: &mut Answer, fault: &Fault) {
    let body = &mut answer.body;
    match fault {
        Fault::Schema(Schema::Renamed) => {
            if let Some(name) = FIGURES.into_iter().find(|name| has(body, name)) {
                each(body, &mut |member, _| {
                    if member == name {
                        member.push_str("_v2");
                    }
                });
            }
        }
        Fault::Schema(Schema::NumbersAsText) => each(body, &mut |_, value| {
            if let Json::Number(number) = value {
                *value = Json::Text(std::mem::take(number));
            }
        }),
        Fault::Schema(Schema::NoHasMore) => remove(body, "has_more"),
        Fault::Schema(Schema::Repeated) => each(body, &mut |name, value| {
            if let ("data", Json::List(items)) = (name.as_str(), value) {
                items.extend(items.first().cloned());
            }
        }),
        Fault::Figures(absurd) => figures(body, *absurd),
        Fault::Currency(currency) => each(body, &mut |name, value| {
            if name == "currency" {
                *value = Json::Text(currency.clone());
            }
        }),
        Fault::EndlessPages => {
            let this = answer.this.clone();
            each(body, &mut |name, value| match (name.as_str(), &this) {
                ("has_more", Some(_)) => *value = Json::Bool(true),
                ("next_page", Some(this)) => *value = Json::Text(this.clone()),
                ("total_pages", Some(_)) => *value = Json::from(1_000_000_u64),
                _ => {}
            });
        }
        Fault::LongNames(length) => each(body, &mut |name, value| {
            if let Json::Text(text) = value
                && NAMES.contains(&name.as_str())
            {
                // What differs still does.
                *text = format!("{text:x>length$}");
            }
        }),
        Fault::LostNextPage => each(body, &mut |name, value| match name.as_str() {
            "has_more" => *value = Json::Bool(true),
            "next_page" => *value = Json::Null,
            _ => {}
        }),
        _ => {}
    }
}

fn figures(json: &mut Json, absurd: Absurd) {
    each(json, &mut |name, value| {
        if NO_FIGURES.contains(&name.as_str()) {
            return;
        }
        let wrong = |right: &str| match absurd {
            Absurd::Negative => format!("-{}", right.trim_start_matches('-')),
            Absurd::Vast => format!("1{}", "0".repeat(30)),
            Absurd::NotANumber => "NaN".to_owned(),
        };
        match value {
            Json::Number(number) => *number = wrong(number),
            Json::Text(text) if name == "amount" || name == "value" => *text = wrong(text),
            _ => {}
        }
    });
}

/// Visits every member of every object in it.
fn each(json: &mut Json, visit: &mut impl FnMut(&mut String, &mut Json)) {
    match json {
        Json::List(items) => items.iter_mut().for_each(|item| each(item, visit)),
        Json::Object(members) => {
            for (name, value) in members {
                visit(name, value);
                each(value, visit);
            }
        }
        _ => {}
    }
}

fn has(json: &Json, name: &str) -> bool {
    match json {
        Json::List(items) => items.iter().any(|item| has(item, name)),
        Json::Object(members) => members.iter().any(|(member, value)| member == name || has(value, name)),
        _ => false,
    }
}

fn remove(json: &mut Json, name: &str) {
    match json {
        Json::List(items) => items.iter_mut().for_each(|item| remove(item, name)),
        Json::Object(members) => {
            members.retain(|(member, _)| member != name);
            members.iter_mut().for_each(|(_, value)| remove(value, name));
        }
        _ => {}
    }
}
