#![allow(clippy::unwrap_used)]

use super::super::failure::Unreadable;
use super::super::tests::{ask, metric, rows};
use super::*;

#[test]
fn a_question_is_grouped_by_what_its_kind_allows() {
    let request = |name| OpenAi.request(&metric(&OpenAi, name), &ask(3600, 0, 24), Some("page_2"));
    let completions = request("usage.completions");
    assert_eq!(completions.path, "organization/usage/completions");
    let query: Vec<String> = completions.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(
        query.join("&"),
        "start_time=1728000000&end_time=1728086400&bucket_width=1h&limit=24&group_by=batch&group_by=api_key_id&group_by=model\
         &group_by=project_id&group_by=service_tier&page=page_2"
    );
    let stores = request("usage.vector_stores");
    assert_eq!(stores.query.iter().filter(|(name, _)| *name == "group_by").count(), 1);
    assert!(OpenAi.metrics().iter().all(|metric| metric.dimensions.is_sorted()));
}

#[test]
fn cached_input_is_not_counted_twice_and_money_is_exact() {
    let body = r#"{"object":"page","data":[{"object":"bucket","start_time":1728000000,"end_time":1728003600,"results":[
        {"object":"organization.usage.completions.result","input_tokens":1000,"input_cached_tokens":400,
         "input_cache_write_tokens":100,"output_tokens":500,"num_model_requests":5,"project_id":"p","api_key_id":null,
         "model":"gpt-5","batch":true,"service_tier":"default"}]}],"has_more":false,"next_page":null}"#;
    let page = OpenAi.read(&metric(&OpenAi, "usage.completions"), &ask(3600, 0, 24), body.as_bytes()).unwrap();
    assert_eq!(
        rows(&page),
        [
            "true||gpt-5|p|default cache_read_tokens=400 cache_write_tokens=100 input_tokens=500 output_tokens=500 requests=5"
        ]
    );

    let costs = |value: &str, currency: &str| {
        let body = format!(
            r#"{{"data":[{{"start_time":1728000000,"end_time":1728086400,"results":[{{"amount":{{"value":{value},
            "currency":"{currency}"}},"line_item":"GPT-5, input","project_id":null}}]}}],"has_more":true,"next_page":"n"}}"#
        );
        OpenAi.read(&metric(&OpenAi, "costs"), &ask(86_400, 0, 1), body.as_bytes())
    };
    let page = costs("0.06130000000000000004", "usd").unwrap();
    assert_eq!(
        (rows(&page), page.next.as_deref()),
        (vec!["|GPT-5, input| cost_pusd=61300000000".to_owned()], Some("n"))
    );
    assert_eq!(rows(&costs("-1.5e-3", "eur").unwrap()), ["|GPT-5, input| cost_peur=-1500000000"]);
    assert!(matches!(costs("1e30", "usd"), Err(Unreadable::Absurd { .. })));
    assert!(matches!(costs("\"none\"", "usd"), Err(Unreadable::Shape(_))));
    assert!(matches!(costs("1", "dollars"), Err(Unreadable::Shape(_))));
}

#[test]
fn what_is_not_as_specified_is_no_answer() {
    let read = |body: &str| OpenAi.read(&metric(&OpenAi, "usage.embeddings"), &ask(60, 0, 60), body.as_bytes());
    let row = |count: &str| {
        format!(
            r#"{{"data":[{{"start_time":1728000000,"end_time":1728000060,"results":[{{"input_tokens":{count},
            "num_model_requests":1}}]}}],"has_more":false}}"#
        )
    };
    assert_eq!(read(&row("7")).unwrap().whole.len(), 1, "of its bucket all is said");
    for absurd in ["-1", "1e30", "1000000000000000000000000000000", "0.5"] {
        assert!(matches!(read(&row(absurd)), Err(Unreadable::Absurd { .. })), "{absurd}");
    }
    for other in ["\"7\"", "null", "[]"] {
        assert!(matches!(read(&row(other)), Err(Unreadable::Shape(_))), "{other}");
    }
    for body in ["", "<html>", "{}", r#"{"data":[]}"#, r#"{"data":[],"has_more":true}"#] {
        assert!(read(body).is_err(), "{body}");
    }
    assert!(read(&row("7").replace("1728000060", "1728003600")).is_err(), "a bucket of another width");
}

#[test]
fn only_admin_keys_are_taken() {
    assert!(OpenAi.check_key("sk-admin-1").is_ok());
    for other in ["sk-proj-1", "sk-svcacct-1", "sk-1", "sk-ant-admin01-1"] {
        assert!(OpenAi.check_key(other).unwrap_err().contains("sk-admin-"), "{other}");
    }
}
