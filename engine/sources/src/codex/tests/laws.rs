//! What holds of any log.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// One step of an agent whose counter runs.
#[derive(Clone, Debug)]
enum Step {
    /// Agent, input, output.
    Call(usize, u64, u64),
    /// An agent's last line again.
    Again(usize),
    Model(u8),
    Tier(u8),
    Windows(u8),
    Noise(String),
    Turn(i64),
    Trigger,
    Ancestor,
    Exec(u64),
    LastAlone(u64),
    TotalAlone(u64),
    Pause,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..3_usize, 1..9_000_u64, 1..900_u64).prop_map(|(a, i, o)| Step::Call(a, i, o)),
        4 => (0..3_usize).prop_map(Step::Again),
        1 => any::<u8>().prop_map(Step::Model),
        1 => any::<u8>().prop_map(Step::Tier),
        2 => (0..4_u8).prop_map(Step::Windows),
        2 => r#"[a-z{}",:\\\[\]0-9 ]{0,40}"#.prop_map(Step::Noise),
        1 => (-50..50_i64).prop_map(Step::Turn),
        1 => Just(Step::Trigger),
        1 => Just(Step::Ancestor),
        1 => (1..9_u64).prop_map(Step::Exec),
        1 => (0..9_u64).prop_map(Step::LastAlone),
        1 => (0..9_000_u64).prop_map(Step::TotalAlone),
        2 => Just(Step::Pause),
    ]
}

/// What an agent's call used: no two agents' counters ever stand at the same.
fn used(agent: usize, input: u64, output: u64) -> Use {
    [Use(input, 0, output, 0), Use(input, input, output, 0), Use(input, input, output, output)][agent]
}

fn write(steps: &[Step], more: &str) -> Log {
    let mut log = Log::default().meta(0, OWN, more);
    let mut agents = [(Use(0, 0, 0, 0), Use(0, 0, 0, 0)); 3];
    let mut ms = 0;
    for step in steps {
        ms += 100;
        log = match step {
            Step::Call(a, i, o) => {
                let (total, last) = &mut agents[*a];
                *last = used(*a, *i, *o);
                *total = Use(total.0 + last.0, total.1 + last.1, total.2 + last.2, total.3 + last.3);
                log.count(ms, *total, *last)
            }
            Step::Again(a) => log.count(ms, agents[*a].0, agents[*a].1),
            Step::Model(n) => log.model(ms, &format!("m{n}")),
            Step::Tier(n) => {
                let tier = ["fast", "flex", "default"][usize::from(*n) % 3];
                log.event(ms, "thread_settings_applied", &format!(r#","thread_settings":{{"service_tier":"{tier}"}}"#))
            }
            Step::Windows(n) => log.event(
                ms,
                "token_count",
                &format!(
                    r#","info":null,"rate_limits":{{"primary":{{"used_percent":{n}.5,"resets_in_seconds":{n}}}}}"#
                ),
            ),
            Step::Noise(text) => log.raw(text.clone()),
            Step::Turn(s) => log.event(ms, "task_started", &format!(r#","started_at":{}"#, T / 1000 + s)),
            Step::Trigger => log.at(ms, "inter_agent_communication_metadata", r#"{"trigger_turn":true}"#),
            Step::Ancestor => log.meta(ms, PARENT, ""),
            Step::Exec(n) => {
                log.raw(format!(r#"{{"type":"turn.completed","timestamp":{},"usage":{{"input_tokens":{n}}}}}"#, T + ms))
            }
            Step::LastAlone(n) => log.count(ms, None, Use(*n, 0, *n, 0)),
            Step::TotalAlone(n) => log.count(ms, Use(*n, 0, *n, 0), None),
            Step::Pause => {
                ms += 5000;
                log
            }
        };
    }
    log
}

fn header() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just(format!(r#","forked_from_id":"{PARENT}""#)),
        Just(r#","source":{"subagent":{"thread_spawn":{}}}"#.to_owned()),
    ]
}

proptest! {
    #[test]
    fn reading_in_pieces_gives_what_reading_at_once_gives(
        steps in prop::collection::vec(step(), 0..40), more in header(), cuts in prop::collection::vec(any::<Index>(), 0..6),
    ) {
        let log = write(&steps, &more);
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(log.0.len() + 1)).collect();
        cuts.extend([0, log.0.len()]);
        cuts.sort_unstable();
        let mut out = Out::new();
        let mut state: Option<Vec<u8>> = None;
        for piece in cuts.windows(2) {
            let mut decoder = match &state {
                None => Rollout::new("run"),
                Some(state) => Rollout::resume(state).unwrap(),
            };
            decoder.lines(log.0[piece[0]..piece[1]].join("\n").as_bytes(), &mut out);
            decoder.finish(&mut out);
            state = Some(decoder.state());
        }
        prop_assert_eq!(Seen::new(out), log.read());
    }

    #[test]
    fn agents_that_take_turns_count_each_call_once(calls in prop::collection::vec((0..3_usize, 1..9_000_u64, 1..900_u64, 0..3_usize), 1..60)) {
        let mut steps = Vec::new();
        let mut seen = [false; 3];
        for (agent, input, output, again) in calls {
            steps.push(Step::Call(agent, input, output));
            seen[agent] = true;
            // Whoever has spoken may repeat itself at any time.
            steps.extend(seen[again].then_some(Step::Again(again)));
        }
        let truth = steps.iter().filter_map(|s| match s {
            Step::Call(a, i, o) => Some(used(*a, *i, *o).tokens()),
            _ => None,
        });
        let read = write(&steps, "").read();
        prop_assert_eq!(read.records.iter().map(|r| r.tokens).collect::<Vec<_>>(), truth.collect::<Vec<_>>());
    }

    #[test]
    fn lines_that_are_written_again_add_nothing(
        calls in prop::collection::vec((0..3_usize, 1..9_000_u64, 1..900_u64), 1..30),
        again in prop::collection::vec((any::<Index>(), any::<Index>()), 0..20),
    ) {
        let steps: Vec<_> = calls.into_iter().map(|(a, i, o)| Step::Call(a, i, o)).collect();
        let log = write(&steps, "");
        let once = log.read();
        let mut twice = log;
        for (which, later) in again {
            let which = which.index(twice.0.len());
            let later = which + later.index(twice.0.len() - which);
            let line = twice.0[which].clone();
            twice.0.insert(later + 1, line);
        }
        prop_assert_eq!(twice.read().records, once.records);
    }

    #[test]
    fn an_inherited_history_adds_nothing(
        parents in prop::collection::vec((0..3_usize, 1..9_000_u64, 1..900_u64), 0..20),
        own in prop::collection::vec((1..9_000_u64, 1..900_u64), 0..20),
        dated in any::<bool>(),
    ) {
        let parents: Vec<_> = parents.into_iter().map(|(a, i, o)| Step::Call(a, i, o)).collect();
        let mut log = write(&parents, &format!(r#","forked_from_id":"{PARENT}""#));
        let mut ms = 100 * (parents.len() as i64 + 1);
        if dated {
            log = log.event(ms, "task_started", &format!(r#","started_at":{}"#, (T + ms) / 1000));
        } else {
            ms += 2000;
        }
        // The child goes on from wherever its parent's first agent was.
        let mut total = parents.iter().fold(Use(0, 0, 0, 0), |t, step| match step {
            Step::Call(0, i, o) => Use(t.0 + i, 0, t.2 + o, 0),
            _ => t,
        });
        for (i, o) in &own {
            total = Use(total.0 + i, total.1, total.2 + o, total.3);
            log = log.count(ms, total, Use(*i, 0, *o, 0));
            ms += 10;
        }
        let read = log.read();
        prop_assert_eq!(read.records.iter().map(|r| r.tokens).collect::<Vec<_>>(), own.iter().map(|(i, o)| Use(*i, 0, *o, 0).tokens()).collect::<Vec<_>>());
    }

    #[test]
    fn the_fast_way_says_what_the_structural_one_says(
        which in 0..8_usize, numbers in any::<[u32; 5]>(), at in any::<Index>(), with in prop::option::of(r#"[0-9{}",:a-z\\\[ -]"#), cut in any::<bool>(),
    ) {
        let [i, c, w, o, r] = numbers;
        let windows = r#"{"limit_id":"codex","primary":{"used_percent":1.0}}"#;
        let write = if w % 2 == 0 { String::new() } else { format!(r#""cache_write_input_tokens":{w},"#) };
        let usage = format!(r#"{{"input_tokens":{i},"cached_input_tokens":{c},{write}"output_tokens":{o},"reasoning_output_tokens":{r},"total_tokens":{i}}}"#);
        let info = format!(r#""info":{{"total_token_usage":{usage},"last_token_usage":{usage},"model_context_window":{c}}}"#);
        let tail = match which {
            0 => format!(r#""type":"event_msg","payload":{{"type":"token_count",{info},"rate_limits":{windows}}}}}"#),
            1 => format!(r#""type":"event_msg","payload":{{"type":"token_count",{info},"rate_limits":null}}}}"#),
            2 => format!(r#""ordinal":{o},"type":"event_msg","payload":{{"type":"token_count",{info},"rate_limits":{windows}}}}}"#),
            3 => r#""type":"event_msg","payload":{"type":"token_count","info":null,"rate_limits":null}}"#.to_owned(),
            4 => r#""type":"event_msg","payload":{"type":"agent_message","message":"x"}}"#.to_owned(),
            5 => r#""type":"event_msg","payload":{"type":"task_started","started_at":5}}"#.to_owned(),
            6 => r#""type":"response_item","payload":{"type":"message"}}"#.to_owned(),
            _ => r#""ordinal":7,"type":"turn_context","payload":{"model":"m"}}"#.to_owned(),
        };
        let mut line = format!(r#"{{"timestamp":"2026-05-12T08:00:00.{:03}Z",{tail}"#, w % 1000).into_bytes();
        let at = at.index(line.len());
        match &with {
            Some(byte) if cut => line[at] = byte.as_bytes()[0],
            Some(byte) => line.insert(at, byte.as_bytes()[0]),
            None if cut => line.truncate(at),
            None => {}
        }
        let slow = super::super::line::read(&line);
        let fast = super::super::fast::read(&line, windows.as_bytes());
        let text = String::from_utf8_lossy(&line);
        match fast {
            super::super::fast::Fast::Nothing => prop_assert_eq!(slow, Ok(None), "{}", text),
            super::super::fast::Fast::Count(fast) => match slow {
                Ok(Some(super::super::line::Line::Count(mut slow))) => {
                    slow.windows = None;
                    prop_assert_eq!(fast, slow, "{}", text);
                }
                other => prop_assert!(false, "{:?} {}", other, text),
            },
            super::super::fast::Fast::Other => prop_assert!(with.is_some() || cut || matches!(which, 5 | 7), "{}", text),
        }
    }

    #[test]
    fn any_bytes_do_no_harm(lines in prop::collection::vec(".{0,200}", 0..10), cut in any::<Index>()) {
        let text = lines.join("\n");
        let _ = Seen::of(&text);
        let log = Log::session().model(1, "m").count(2, Use(10, 3, 5, 1), Use(10, 3, 5, 1)).0.join("\n");
        let half = &log.as_bytes()[..cut.index(log.len())];
        let mut out = Out::new();
        Rollout::new("run").lines(half, &mut out);
        prop_assert!(out.events.is_empty());
    }
}
