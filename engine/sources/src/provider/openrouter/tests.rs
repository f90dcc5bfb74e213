#![allow(clippy::unwrap_used)]

use super::super::tests::{ask, metric, now, rows};
use super::*;

#[test]
fn gauges_say_what_is_left() {
    let read = |name, body: &str| OpenRouter.read(&metric(&OpenRouter, name), &now(), body.as_bytes()).unwrap();
    let credits = read("credits", r#"{"data":{"total_credits":100.5,"total_usage":25.75}}"#);
    assert_eq!(rows(&credits), [" balance_pusd=74750000000000 bought_pusd=100500000000000 used_pusd=25750000000000"]);
    let key = read(
        "key",
        r#"{"data":{"label":"sk-or-v1-au7…890","usage":25.5,"usage_daily":1,"limit":null,"limit_remaining":null}}"#,
    );
    assert_eq!(rows(&key), [" used_pusd=25500000000000 used_today_pusd=1000000000000"]);
    assert!(OpenRouter.read(&metric(&OpenRouter, "credits"), &now(), br#"{"data":{}}"#).is_err());
}

#[test]
fn activity_is_of_the_days_that_were_asked_for() {
    let body = r#"{"data":[
        {"date":"2024-10-04","model":"openai/gpt-4.1","provider_name":"OpenAI","endpoint_id":"a","usage":0.015,
         "byok_usage_inference":0.012,"requests":5,"prompt_tokens":50,"completion_tokens":125,"reasoning_tokens":25},
        {"date":"2024-09-20","model":"openai/gpt-4.1","provider_name":"OpenAI","endpoint_id":"a","usage":9,"requests":5,
         "prompt_tokens":50,"completion_tokens":125}]}"#;
    let activity = metric(&OpenRouter, "activity");
    let page = OpenRouter.read(&activity, &ask(86_400, 0, 2), body.as_bytes()).unwrap();
    assert_eq!(
        rows(&page),
        ["openai/gpt-4.1|OpenAI byok_cost_pusd=12000000000 cost_pusd=15000000000 input_tokens=50 output_tokens=125 \
          reasoning_tokens=25 requests=5"]
    );
    assert_eq!(OpenRouter.request(&activity, &ask(86_400, 0, 1), None).query, [("date", "2024-10-04".to_owned())]);
    assert_eq!(OpenRouter.request(&activity, &ask(86_400, 0, 2), None).query, []);
}
