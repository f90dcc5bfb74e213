//! Blocks of five hours.

use serde_json::json;

use crate::machine::Machine;

#[test]
fn blocks_and_what_lies_between_read_well() {
    let mut machine = Machine::with_logs();
    machine.env.push(("COLUMNS", "80".to_owned()));
    let said = machine.run(&["blocks", "--as-of", "2026-11-24", "--timezone", "UTC"]).fine().out;
    let expected = "\
Blocks of 5 hours · UTC

Begins            Time used            Models        Tokens     Cost
────────────────────────────────────────────────────────────────────
2026-11-20 10:00  0m                   model-a        6,110   <$0.01
2026-11-20 15:00  nothing for 3h 30m                      –        –
2026-11-20 18:00  30m                  model-a        6,210   <$0.01
2026-11-20 23:30  nothing for 10h 30m                     –        –
2026-11-21 10:00  0m                   nobody-knows   6,310  unknown
2026-11-21 15:00  nothing for 19h 00m                     –        –
2026-11-22 10:00  0m                   model-a        6,410   <$0.01

1 call is not in the cost, because its price is unknown
";
    assert_eq!(said, expected);
}

#[test]
fn the_block_that_runs_is_projected() {
    let mut machine = Machine::empty();
    let now = jiff::Timestamp::now().as_second();
    // Both in one hour, and that is not over: an hour ago at most.
    let hour = now / 3600 * 3600;
    let line = |n: i64, at: i64| {
        let time = jiff::Timestamp::from_second(at).unwrap();
        format!(
            r#"{{"type":"assistant","timestamp":"{time}","sessionId":"s","version":"2.1.100","requestId":"r{n}","message":{{"id":"m{n}","model":"model-a","usage":{{"input_tokens":0,"output_tokens":600000}}}}}}"#
        )
    };
    machine
        .write(".claude/projects/p/s.jsonl", &[line(1, hour - 3600), line(2, hour - 1800), String::new()].join("\n"));
    let json = machine.run(&["blocks", "--active", "--json", "--token-limit", "2400000"]).json();
    let block = &json["blocks"][0];
    assert_eq!(
        (&block["isActive"], &block["entries"], &block["totalTokens"]),
        (&json!(true), &json!(2), &json!(1_200_000))
    );
    assert_eq!(block["costUSD"], 12);
    assert_eq!(
        block["burnRate"],
        json!({"tokensPerMinute": 40_000, "tokensPerMinuteForIndicator": 40_000, "costPerHour": 24})
    );
    let minutes = block["projection"]["remainingMinutes"].as_u64().unwrap();
    assert!((180..=240).contains(&minutes), "{block}");
    assert_eq!(block["projection"]["totalTokens"], 1_200_000 + minutes * 40_000);
    assert_eq!(block["tokenLimitStatus"]["status"], "exceeds");
    machine.env.push(("COLUMNS", "40".to_owned()));
    let said = machine.run(&["blocks", "--active", "--timezone", "UTC"]).fine().out;
    assert!(
        said.contains("Used       1.2M tokens, $12.00")
            && said.contains("Pace       40.0K tokens a minute, $24.00 an hour"),
        "{said}"
    );
    let none = Machine::with_logs().run(&["blocks", "--active"]).fine().out;
    assert!(none.contains("No block is active"), "{none}");
}

#[test]
fn what_cannot_be_understood_is_said() {
    let machine = Machine::with_logs();
    let said = machine.run(&["blocks", "--token-limit", "many"]).failed(2, "bad-usage");
    assert!(said.err.contains("a number of tokens, or `max`"), "{said:?}");
    machine.run(&["blocks", "--session-length", "0"]).failed(2, "bad-usage");
}
