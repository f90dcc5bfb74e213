#![allow(clippy::unwrap_used)]

use super::super::failure::Unreadable;
use super::super::tests::{ask, metric, rows};
use super::*;

#[test]
fn a_question_is_in_their_words() {
    let request = Anthropic.request(&metric(&Anthropic, "usage.messages"), &ask(60, 0, 60), None);
    assert_eq!(request.path, "v1/organizations/usage_report/messages");
    let query: Vec<String> = request.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(
        query.join("&"),
        "starting_at=2024-10-04T00:00:00Z&ending_at=2024-10-04T01:00:00Z&bucket_width=1m&limit=60&group_by[]=context_window\
         &group_by[]=api_key_id&group_by[]=model&group_by[]=workspace_id&group_by[]=service_tier"
    );
    assert!(Anthropic.metrics().iter().all(|metric| metric.dimensions.is_sorted()));
}

#[test]
fn replies_read_as_rows() {
    let body = r#"{"data":[{"starting_at":"2024-10-04T00:00:00Z","ending_at":"2024-10-04T00:01:00Z","results":[
        {"uncached_input_tokens":1500,"cache_creation":{"ephemeral_1h_input_tokens":1000,"ephemeral_5m_input_tokens":500},
         "cache_read_input_tokens":200,"output_tokens":500,"server_tool_use":{"web_search_requests":10},"api_key_id":"apikey_1",
         "workspace_id":null,"model":"claude-sonnet-4-20250514","service_tier":"standard","context_window":"0-200k"}]}],
        "has_more":false,"next_page":null}"#;
    let page = Anthropic.read(&metric(&Anthropic, "usage.messages"), &ask(60, 0, 60), body.as_bytes()).unwrap();
    assert_eq!(
        rows(&page),
        [
            "0-200k|apikey_1|claude-sonnet-4-20250514||standard cache_read_tokens=200 cache_write_1h_tokens=1000 cache_write_tokens=500 \
          input_tokens=1500 output_tokens=500 web_searches=10"
        ]
    );
    let body = r#"{"data":[{"starting_at":"2024-10-04T00:00:00Z","ending_at":"2024-10-05T00:00:00Z","results":[
        {"currency":"USD","amount":"123.78912","workspace_id":"wrkspc_1","description":"Claude Sonnet 4 Usage - Input Tokens",
         "cost_type":"tokens"}]}],"has_more":true,"next_page":"page_2"}"#;
    let page = Anthropic.read(&metric(&Anthropic, "costs"), &ask(86_400, 0, 1), body.as_bytes()).unwrap();
    assert_eq!(rows(&page), ["Claude Sonnet 4 Usage - Input Tokens|wrkspc_1 cost_pusd=1237891200000"]);
    assert_eq!(page.next.as_deref(), Some("page_2"));
    assert!(matches!(
        Anthropic.read(&metric(&Anthropic, "costs"), &ask(86_400, 0, 1), body.replace("123.78912", "1e99").as_bytes()),
        Err(Unreadable::Absurd { .. })
    ));
}

#[test]
fn the_organization_is_the_payer() {
    let body = br#"{"id":"12345678-1234-5678-1234-567812345678","name":"Acme","type":"organization"}"#;
    let identity = Anthropic.identity(body).unwrap();
    assert_eq!(identity.id.as_deref(), Some("12345678-1234-5678-1234-567812345678"));
    assert_eq!(identity.label.as_deref(), Some("Acme"));
    assert!(Anthropic.identity(b"{}").is_err());
    assert!(Anthropic.check_key("sk-ant-admin01-x").is_ok());
    assert!(Anthropic.check_key("sk-ant-api03-x").unwrap_err().contains("admin key"));
}
