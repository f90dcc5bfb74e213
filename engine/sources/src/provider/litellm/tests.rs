#![allow(clippy::unwrap_used)]

use super::super::tests::{ask, metric, rows};
use super::*;

#[test]
fn a_day_is_read_by_model_and_key() {
    let metrics = r#"{"spend":0.0177072,"prompt_tokens":111,"completion_tokens":1711,"cache_read_input_tokens":11,
        "cache_creation_input_tokens":0,"total_tokens":1822,"successful_requests":9,"failed_requests":2,"api_requests":11}"#;
    let body = format!(
        r#"{{"results":[{{"date":"2024-10-04","metrics":{metrics},"breakdown":{{"models":{{
        "gpt-4o-mini":{{"metrics":{metrics},"metadata":{{}}}},
        "gpt-5":{{"metrics":{metrics},"metadata":{{}},"api_key_breakdown":{{"3126b6eaf1a2b3c4d5e6":{{"metrics":{metrics},
        "metadata":{{}}}}}}}}}},"providers":{{}},"api_keys":{{}}}}}}],
        "metadata":{{"total_spend":1,"page":1,"total_pages":2,"has_more":true}}}}"#
    );
    let activity = metric(&LiteLlm, "activity");
    let page = LiteLlm.read(&activity, &ask(86_400, 0, 1), body.as_bytes()).unwrap();
    let figures = "cache_read_tokens=11 cache_write_tokens=0 cost_pusd=17707200000 input_tokens=100 output_tokens=1711 requests=11";
    assert_eq!(rows(&page), [format!("|gpt-4o-mini {figures}"), format!("3126b6eaf1a2b3c4|gpt-5 {figures}")]);
    assert_eq!(page.next.as_deref(), Some("2"));
    let query = LiteLlm.request(&activity, &ask(86_400, 0, 3), page.next.as_deref()).query;
    let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(query.join("&"), "start_date=2024-10-04&end_date=2024-10-06&page=2&page_size=1000");
}

#[test]
fn what_an_older_proxy_answers_is_no_answer() {
    let read = |body: &[u8]| LiteLlm.read(&metric(&LiteLlm, "activity"), &ask(86_400, 0, 1), body);
    let endless = br#"{"results":[],"metadata":{"page":18446744073709551615,"has_more":true}}"#;
    for body in [&b"{}"[..], endless, br#"{"results":[]}"#, br#"[{"date":"2024-10-04","spend":1}]"#] {
        assert!(read(body).is_err());
    }
}
