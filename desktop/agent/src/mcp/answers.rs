//! What the tools answer, as JSON Schema: the same description that the local API has of it.

use std::sync::Arc;

use rmcp::model::JsonObject;
use serde_json::Value;
use utoipa::OpenApi;

use super::sources::SourcesJson;
use crate::render::json::ReportJson;
use crate::render::status::StatusJson;
use crate::render::windows::WindowsJson;

/// Where OpenAPI keeps schemas, and where JSON Schema does.
const THERE: &str = "#/components/schemas/";
const HERE: &str = "#/$defs/";

#[derive(OpenApi)]
#[openapi(components(schemas(ReportJson, StatusJson, WindowsJson, SourcesJson)))]
struct Answers;

/// The schema of an answer, with all that it refers to; `None` for a name that there is none of.
pub fn schema(name: &str) -> Option<Arc<JsonObject>> {
    let text = Answers::openapi().to_json().ok()?.replace(THERE, HERE);
    let mut document: Value = serde_json::from_str(&text).ok()?;
    let all = document.pointer_mut("/components/schemas")?.as_object_mut()?;
    let mut schema = all.get(name)?.as_object()?.clone();
    let mut wanted = referred(all.get(name)?);
    let mut defs = JsonObject::new();
    while let Some(name) = wanted.pop() {
        if let Some(def) = all.remove(&name) {
            wanted.extend(referred(&def));
            defs.insert(name, def);
        }
    }
    if !defs.is_empty() {
        schema.insert("$defs".to_owned(), defs.into());
    }
    Some(Arc::new(schema))
}

/// The names that a schema refers to.
fn referred(schema: &Value) -> Vec<String> {
    match schema {
        Value::Object(map) => {
            let own = map.get("$ref").and_then(Value::as_str).and_then(|to| to.strip_prefix(HERE)).map(str::to_owned);
            own.into_iter().chain(map.values().flat_map(referred)).collect()
        }
        Value::Array(list) => list.iter().flat_map(referred).collect(),
        _ => Vec::new(),
    }
}
