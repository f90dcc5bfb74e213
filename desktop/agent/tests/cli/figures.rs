//! Scan, report, explain: the same figures everywhere.

use serde_json::{Value, json};

use crate::machine::Machine;

#[test]
fn a_scan_says_what_it_found_and_skipped() {
    let machine = Machine::with_logs();
    let scanned = machine.run(&["scan", "--json"]).json();
    let root = |source: &str| {
        scanned["roots"]
            .as_array()
            .unwrap()
            .iter()
            .find(|r| r["source"] == source && r["exists"] == true)
            .unwrap()
            .clone()
    };
    assert_eq!(root("claude-code")["files"], 1);
    assert_eq!(root("codex")["files"], 1);
    assert_eq!(
        (&scanned["filesSeen"], &scanned["filesRead"], &scanned["filesUnreadable"]),
        (&json!(2), &json!(2), &json!(0))
    );
    assert_eq!(scanned["linesSkipped"], json!({"broken": 1}));
    assert!(scanned["recordsNew"].as_u64().unwrap() >= 5);
    let again = machine.run(&["scan", "--json"]).json();
    assert_eq!((&again["filesUnchanged"], &again["recordsNew"]), (&json!(2), &json!(0)));
    let text = machine.run(&["scan"]).fine().out;
    assert!(text.contains("Nothing new in 2 files") && text.contains("not there"), "{text}");
}

#[test]
fn the_places_fit_a_narrow_terminal() {
    let machine = Machine::with_logs();
    let run = |command: &str, columns: &str| {
        let output = machine.command(&[command]).env("COLUMNS", columns).output().unwrap();
        crate::machine::Said::from(output).fine().out
    };
    let narrow = run("scan", "40");
    assert!(narrow.lines().all(|l| l.chars().count() <= 40), "{narrow}");
    let path = machine.home().join(".codex/archived_sessions").display().to_string();
    for command in ["scan", "doctor"] {
        // However narrow, all of the path is there.
        let text: String = run(command, "40").lines().map(str::trim).collect();
        assert!(text.contains(&path), "{text}");
        assert!(run(command, "200").contains(&path), "in one line");
    }
}

#[test]
fn a_daily_report_has_every_key_of_ccusage_and_exact_costs() {
    let machine = Machine::with_logs();
    let report = machine.json(&["report", "daily"]);
    let day = &report["daily"][0];
    assert_eq!(day["period"], "2026-11-20");
    let tokens =
        ["inputTokens", "outputTokens", "cacheCreationTokens", "cacheReadTokens", "totalTokens", "reasoningTokens"];
    let figures: Vec<u64> = tokens.iter().map(|k| day[k].as_u64().unwrap()).collect();
    assert_eq!(figures, [100, 350, 2000, 10_020, 12_470, 10]);
    assert_eq!(day["modelsUsed"], json!(["gpt-x", "model-a"]));
    let models = day["modelBreakdowns"].as_array().unwrap();
    assert_eq!(models[0]["modelName"], "model-a", "the most expensive first");
    for key in ["inputTokens", "outputTokens", "cacheCreationTokens", "cacheReadTokens", "cost"] {
        assert!(models.iter().all(|m| m.get(key).is_some()), "{key}");
    }
    // 20 × 1 + 300 × 10 + 2000 × 2 + 10,000 × 0.1 and 80 × 2 + 50 × 20 + 20 × 0.2, millionths of a dollar.
    let text = machine.run(&["report", "--json", "--as-of", "2026-11-24"]).fine().out;
    assert!(text.contains("\"cost\": 0.00802,\n"), "{text}");
    assert!(text.contains("\"cost\": 0.001164,\n"), "{text}");
    assert!(text.contains("\"totalCost\": 0.009184,\n"), "{text}");
    assert_eq!((&day["agent"], &day["metadata"]["agents"]), (&json!("all"), &json!(["claude", "codex"])));
    assert_eq!((&day["calls"], &day["quality"]), (&json!(3), &json!("log")));
}

#[test]
fn an_unknown_price_is_null_and_never_nothing() {
    let machine = Machine::with_logs();
    let report = machine.json(&["report"]);
    let day = &report["daily"][1];
    assert_eq!(
        (&day["period"], &day["totalCost"], &day["modelBreakdowns"][0]["cost"]),
        (&json!("2026-11-21"), &Value::Null, &Value::Null)
    );
    assert_eq!(day["modelBreakdowns"][0]["missingPricing"], true);
    assert_eq!(report["totals"]["unpricedModels"], json!(["nobody-knows"]));
    assert_eq!(report["totals"]["unpricedCalls"], 1);
    let table = machine.run(&["report", "--as-of", "2026-11-24"]).fine().out;
    assert!(table.contains("unknown price") && table.contains("their price is unknown: nobody-knows"), "{table}");
    assert!(!table.contains("$0.00 "), "{table}");
}

#[test]
fn the_same_events_give_the_same_bytes() {
    let (one, two) = (Machine::with_logs(), Machine::with_logs());
    // Another machine, another order of commands, another data folder.
    two.run(&["scan"]).fine();
    two.run(&["report"]).fine();
    for zone in ["UTC", "America/Los_Angeles", "Asia/Kathmandu"] {
        for period in ["daily", "weekly", "monthly", "session"] {
            let args = ["report", period, "--json", "--timezone", zone, "--as-of", "2026-11-24", "--by", "source"];
            assert_eq!(one.run(&args).fine().out, two.run(&args).fine().out, "{zone} {period}");
        }
    }
    let text = one.run(&["report", "--json", "--as-of", "2026-11-24"]).fine().out;
    assert!(!text.contains(one.home().to_str().unwrap()), "no path in it");
}

#[test]
fn days_are_cut_in_the_zone_that_is_asked_for() {
    let machine = Machine::with_logs();
    let days = |zone: &str| {
        let report = machine.json(&["report", "--timezone", zone, "--source", "claude-code"]);
        let rows = report["daily"].as_array().unwrap().clone();
        rows.iter()
            .map(|r| (r["period"].as_str().unwrap().to_owned(), r["calls"].as_u64().unwrap()))
            .collect::<Vec<_>>()
    };
    let day = |d: &str, n: u64| (d.to_owned(), n);
    assert_eq!(days("UTC"), [day("2026-11-20", 2), day("2026-11-21", 1), day("2026-11-22", 1)]);
    // 18:30 UTC is 00:15 the next day.
    assert_eq!(days("Asia/Kathmandu"), [day("2026-11-20", 1), day("2026-11-21", 2), day("2026-11-22", 1)]);
}

#[test]
fn ranges_and_filters_narrow_it_down() {
    let machine = Machine::with_logs();
    let calls = |args: &[&str]| {
        let mut all = vec!["report"];
        all.extend(args);
        machine.json(&all)["totals"]["calls"].as_u64().unwrap()
    };
    assert_eq!(calls(&[]), 5);
    assert_eq!(calls(&["--since", "2026-11-21"]), 2);
    assert_eq!(calls(&["--since", "20261120", "--until", "20261120"]), 3);
    // With --as-of, `7d` and `yesterday` count from that day.
    assert_eq!(calls(&["--since", "3d"]), 1);
    assert_eq!(calls(&["--source", "codex"]), 1);
    assert_eq!(calls(&["--source", "codex", "--source", "claude-code"]), 5);
    assert_eq!(calls(&["--model", "model-a"]), 3);
    assert_eq!(calls(&["--device", "nobody"]), 0);
}

#[test]
fn what_is_not_kept_any_more_is_not_in_a_report() {
    let machine = Machine::with_logs();
    machine.run(&["scan"]).fine();
    // 180 days: the 20th of November is kept until the 18th of May.
    let calls =
        |day: &str| machine.run(&["report", "--json", "--as-of", day]).json()["totals"]["calls"].as_u64().unwrap();
    assert_eq!(calls("2027-05-18"), 5);
    assert_eq!(calls("2027-05-19"), 2);
    assert_eq!(calls("2028-01-01"), 0);
}

#[test]
fn weeks_months_and_sessions() {
    let machine = Machine::with_logs();
    let week = machine.json(&["report", "weekly"]);
    assert_eq!((&week["weekly"][0]["period"], &week["weekly"][0]["calls"]), (&json!("2026-11-16"), &json!(5)));
    let sunday = machine.json(&["report", "weekly", "--start-of-week", "sunday"]);
    assert_eq!(sunday["weekly"][1]["period"], "2026-11-22");
    assert_eq!(machine.json(&["report", "monthly"])["monthly"][0]["period"], "2026-11");
    let session = machine.json(&["report", "session"]);
    let rows = session["session"].as_array().unwrap();
    let row = rows.iter().find(|r| r["period"] == "session-1").unwrap();
    assert_eq!((&row["agent"], &row["metadata"]["lastActivity"]), (&json!("claude"), &json!("2026-11-22")));
}

#[test]
fn groups_divide_a_row() {
    let machine = Machine::with_logs();
    for by in ["model", "source", "device", "session", "quality", "tier", "account", "project"] {
        let report = machine.json(&["report", "monthly", "--by", by]);
        let groups = report["monthly"][0]["groups"].as_array().unwrap();
        let sum: u64 = groups.iter().map(|g| g["totalTokens"].as_u64().unwrap()).sum();
        assert_eq!(Some(sum), report["totals"]["totalTokens"].as_u64(), "{by}");
        assert!(groups.iter().all(|g| g["billedCost"].is_null() && g["requests"].is_u64() && g["label"] != ""), "{by}");
    }
    let table = machine.run(&["report", "--by", "source", "--as-of", "2026-11-24"]).fine().out;
    assert!(table.contains("claude-code") && table.contains("codex"), "{table}");
}

#[test]
fn what_is_understated_is_marked_everywhere() {
    let machine = Machine::with_logs();
    let report = machine.json(&["report"]);
    assert_eq!(report["daily"][2]["quality"], "understated");
    assert_eq!(report["totals"]["quality"], "understated");
    let table = machine.run(&["report", "--as-of", "2026-11-24"]).fine().out;
    assert!(table.contains("≥ at least: 1 call"), "{table}");
    let csv = machine.run(&["report", "--csv", "--as-of", "2026-11-24"]).fine().out;
    assert!(csv.contains("2026-11-22,10,400,0,1000,5000,6410,0.00651,,1,0,understated,,\r\n"), "{csv}");
}

#[test]
fn lines_of_json_are_the_rows_and_their_parts() {
    let machine = Machine::with_logs();
    let lines = |args: &[&str]| {
        let out = machine.run(&[&["report", "--as-of", "2026-11-24", "--jsonl"], args].concat()).fine().out;
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
    };
    for period in ["daily", "weekly", "monthly", "session"] {
        assert_eq!(Value::Array(lines(&[period])), machine.json(&["report", period])[period], "{period}");
    }
    let by = machine.json(&["report", "--by", "source"]);
    let parts = lines(&["--by", "source"]);
    let rows = by["daily"].as_array().unwrap().iter();
    let groups: Vec<(&Value, &Value)> =
        rows.flat_map(|row| row["groups"].as_array().unwrap().iter().map(|group| (&row["period"], group))).collect();
    assert_eq!(parts.len(), groups.len());
    for (part, (period, group)) in parts.iter().zip(groups) {
        assert_eq!(&part["period"], period);
        for key in ["group", "label", "inputTokens", "totalTokens", "totalCost", "quality"] {
            assert_eq!(part[key], group[key], "{key}");
        }
    }
    let models = lines(&["--breakdown"]);
    assert_eq!(models.len(), 4);
    assert_eq!((&models[0]["model"], &models[0]["totalCost"]), (&json!("gpt-x"), &json!(0.001_164)));
}

#[test]
fn a_table_as_people_see_it() {
    let machine = Machine::with_logs();
    let wide = machine.run(&["report", "--breakdown", "--as-of", "2026-11-24"]).fine().out;
    let expected = "\
Usage by day · UTC

Date        Models        Calls  Input  Output  Cache write  Cache read    Total           Cost
───────────────────────────────────────────────────────────────────────────────────────────────
2026-11-20                    3    100     350        2,000      10,020   12,470         <$0.01
            gpt-x             1     80      50            0          20      150         <$0.01
            model-a           2     20     300        2,000      10,000   12,320         <$0.01
2026-11-21                    1     10     300        1,000       5,000    6,310  unknown price
            nobody-knows      1     10     300        1,000       5,000    6,310  unknown price
2026-11-22                    1    ≥10    ≥400        1,000       5,000   ≥6,410         >$0.00
            model-a           1    ≥10    ≥400        1,000       5,000   ≥6,410         >$0.00
───────────────────────────────────────────────────────────────────────────────────────────────
Total                         5   ≥120  ≥1,050        4,000      20,020  ≥25,190         ≥$0.02

≥ at least: 1 call from a version of the agent that logs too little
≥ not in the cost, because their price is unknown: nobody-knows
";
    assert_eq!(wide, expected);
    let mut command = machine.command(&["report", "--as-of", "2026-11-24"]);
    let narrow = crate::machine::Said::from(command.env("COLUMNS", "40").output().unwrap()).fine().out;
    assert!(narrow.lines().filter(|l| !l.contains("≥ ")).all(|l| l.chars().count() <= 40), "{narrow}");
}

#[test]
fn a_figure_is_explained_by_parts_that_sum_to_it() {
    let machine = Machine::with_logs();
    let whole = machine.json(&["report", "--since", "2026-11-20", "--until", "2026-11-20"]);
    let explained = machine.json(&["explain", "2026-11-20", "--lines"]);
    for key in
        ["inputTokens", "outputTokens", "cacheCreationTokens", "cacheReadTokens", "totalTokens", "calls", "totalCost"]
    {
        assert_eq!(explained[key], whole["totals"][key], "{key}");
    }
    let parts = explained["parts"].as_array().unwrap();
    let sum: u64 = parts.iter().map(|p| p["totalTokens"].as_u64().unwrap()).sum();
    assert_eq!(Some(sum), explained["totalTokens"].as_u64());
    let part = parts.iter().find(|p| p["model"] == "model-a").unwrap();
    assert_eq!((&part["source"], &part["quality"], &part["calls"]), (&json!("claude-code"), &json!("log"), &json!(2)));
    assert_eq!(part["priceRule"], "model-a (your price)");
    let lines: Vec<u64> =
        part["lines"].as_array().unwrap().iter().map(|c| c["places"][0]["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [1, 2]);
    assert!(part["lines"][0]["places"][0]["file"].as_str().unwrap().ends_with("session-1.jsonl"));

    let text = machine.run(&["explain", "--session", "session-1", "--lines", "--as-of", "2026-11-24"]).fine().out;
    assert!(text.contains("session-1.jsonl:5") && text.contains("price unknown"), "{text}");
    std::fs::remove_dir_all(machine.home().join(".claude")).unwrap();
    let text = machine.run(&["explain", "2026-11-22", "--lines", "--as-of", "2026-11-24"]).fine().out;
    assert!(text.contains("its log is not on this machine"), "the figure stays, its line is gone: {text}");
}

#[test]
fn an_explanation_says_at_least_where_a_report_does() {
    let machine = Machine::with_logs();
    let text = machine.run(&["explain", "2026-11-22", "--lines"]).fine().out;
    let rows: Vec<&str> = text.lines().filter(|l| l.starts_with("model-a") || l.starts_with("Sum")).collect();
    assert_eq!(rows.len(), 2, "{text}");
    for row in rows {
        assert!(["≥10 ", "≥400 ", " 1,000 ", "≥6,410 ", ">$0.00"].iter().all(|f| row.contains(f)), "{text}");
    }
    assert!(text.contains("≥6,410 tokens"), "{text}");
}

#[test]
fn usage_stays_after_the_agent_deletes_its_logs() {
    let machine = Machine::with_logs();
    let before = machine.json(&["report"]);
    std::fs::remove_dir_all(machine.home().join(".claude")).unwrap();
    std::fs::remove_dir_all(machine.home().join(".codex")).unwrap();
    assert_eq!(machine.json(&["report"]), before);
}

#[test]
fn a_copy_on_another_day_is_left_out_of_both() {
    let machine = Machine::empty();
    let line = |day: u32, request: &str, side: bool, tokens: u64| {
        format!(
            "{{\"type\":\"assistant\",\"timestamp\":\"2026-11-{day}T12:00:00Z\",\"sessionId\":\"s\",\"version\":\"2.1.100\",\"requestId\":\"{request}\",\"isSidechain\":{side},\"message\":{{\"id\":\"m\",\"model\":\"model-a\",\"usage\":{{\"input_tokens\":{tokens},\"output_tokens\":0}}}}}}\n"
        )
    };
    machine.write(".claude/projects/p/side.jsonl", &line(20, "r1", true, 500));
    machine.write(".claude/projects/p/main.jsonl", &line(21, "r2", false, 30));
    machine.run(&["scan"]).fine();
    // Before any report has made the derived tables.
    let args = ["explain", "--since", "2026-11-01", "--no-scan", "--json", "--as-of", "2026-11-24"];
    let explained = machine.run(&args).json();
    let report = machine.json(&["report", "--no-scan"]);
    assert_eq!((&explained["inputTokens"], &report["totals"]["inputTokens"]), (&json!(30), &json!(30)));
    machine.run(&["explain", "2026-11-20"]).failed(1, "nothing-to-explain");
}

#[test]
fn an_explanation_fits_a_narrow_terminal_and_tells_its_parts_apart() {
    let machine = Machine::with_logs();
    for session in ["session-2", "session-3"] {
        let lines = crate::workspaces::line(session, 5, "2026-11-20T21:15:00.000Z", "model-a");
        machine.write(&format!(".claude/projects/p/{session}.jsonl"), &lines);
    }
    for columns in [40, 80] {
        let mut command = machine.command(&["explain", "2026-11-20", "--as-of", "2026-11-24"]);
        let said = crate::machine::Said::from(command.env("COLUMNS", columns.to_string()).output().unwrap()).fine();
        assert!(said.out.lines().all(|line| line.chars().count() <= columns), "{columns}: {}", said.out);
        for word in ["session-1", "session-2", "session-3", "10:00–18:30", "21:15", "Sum", "12,500"] {
            assert!(said.out.contains(word), "{columns}: {word}: {}", said.out);
        }
    }
    let mut command =
        machine.command(&["explain", "--since", "2026-11-20", "--source", "claude-code", "--as-of", "2026-11-24"]);
    let said = crate::machine::Said::from(command.env("COLUMNS", "80").output().unwrap()).fine().out;
    assert!(said.contains("11-20 10:00–18:30") && said.contains("11-22 10:00"), "{said}");
}
