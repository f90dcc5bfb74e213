#![allow(clippy::unwrap_used)]

use std::ops::RangeInclusive;

use proptest::prelude::*;

use super::*;
use crate::accounts::Joined;
use crate::batch::{Batch, Said};
use crate::event::{Answer, AnswerKey, Bucket, Clock, Event, Row};
use crate::history::answers::{settling_ms, standing};
use crate::history::{DayReadings, Heard};
use crate::time::{UtcDay, UtcMillis};

/// The first day that is kept.
const FIRST: UtcDay = UtcDay(20_000 - 179);

/// All days.
const ALL: RangeInclusive<UtcDay> = UtcDay(i32::MIN)..=UtcDay(i32::MAX);

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: UtcDay = UtcDay(20_000);

const USAGE: Metric = Metric {
    name: "usage.completions",
    dimensions: &["model"],
    every_s: 60,
    kind: Kind::Buckets {
        fine: Width { seconds: 60, most: 1440 },
        coarse: Width { seconds: 3600, most: 168 },
        keeps_days: 180,
        is_late: false,
    },
};

const COSTS: Metric = Metric {
    name: "costs",
    dimensions: &[],
    every_s: 1800,
    kind: Kind::Buckets {
        fine: Width { seconds: 86_400, most: 180 },
        coarse: Width { seconds: 86_400, most: 180 },
        keeps_days: 180,
        is_late: false,
    },
};

const CREDITS: Metric = Metric { name: "credits", dimensions: &[], every_s: 60, kind: Kind::Gauge };

fn at(ms: i64) -> UtcMillis {
    UtcMillis(DAY.start().0 + ms)
}

fn answer(metric: &Metric, start: UtcMillis, width: u32, observed: UtcMillis, n: i128) -> Answer {
    Answer {
        key: AnswerKey {
            account: "openai/org".into(),
            metric: metric.name.into(),
            dimensions: Vec::new(),
            bucket: Bucket { start, width },
        },
        observed,
        clock: Clock::Provider,
        rows: vec![Row { values: vec![], measures: [("input_tokens".into(), n)].into() }],
    }
}

/// A history of answers, and what each of its days has heard.
#[derive(Default)]
struct History {
    events: Vec<Event>,
}

impl History {
    fn heard(&self) -> Vec<Heard> {
        let mut days: std::collections::BTreeMap<UtcDay, Batch> = std::collections::BTreeMap::new();
        for event in &self.events {
            days.entry(event.day().unwrap()).or_default().push(event.clone());
        }
        let fold = |(day, batch): (UtcDay, Batch)| {
            DayReadings::fold(day, &[Said::decode(&batch.encode()).unwrap()], &settling_ms, &Joined::NONE).heard
        };
        days.into_iter().flat_map(fold).collect()
    }
}

/// Asks, and records what is new, as a device does.
struct Device {
    track: Track,
    window: Window,
    asked: u32,
}

impl Device {
    fn new(metric: Metric) -> Self {
        Self { track: Track::new(metric), window: Window::default(), asked: 0 }
    }

    /// What the provider says at `now`: of each bucket something that grows for a while.
    fn poll(&mut self, ask: &Ask, now: UtcMillis, history: &mut History) {
        self.asked += 1;
        let n = |start: UtcMillis| i128::from((now.0 - start.0).min(10 * MINUTE));
        let metric = *self.track.metric();
        let answers = ask.starts().map(|start| answer(&metric, start, ask.width, now, n(start))).collect();
        history.events.extend(self.window.news(answers));
        self.track.answered(ask, now, now);
        self.track.hear(ALL, &history.heard());
    }
}

#[test]
fn a_new_account_is_asked_for_the_present_first_and_then_for_the_past_backwards() {
    let (mut device, mut history) = (Device::new(USAGE), History::default());
    let now = at(14 * HOUR + 50 * MINUTE + 30_000);
    let first = DAY.plus(-179);
    let live = device.track.live(now, FIRST);
    assert_eq!((live.from, live.to, live.width), (at(13 * HOUR), at(14 * HOUR + 51 * MINUTE), 60));
    device.poll(&live, now, &mut history);
    let mut asks = Vec::new();
    while let Some(ask) = device.track.backfill(now, first) {
        device.poll(&ask, now, &mut history);
        asks.push(ask);
    }
    assert_eq!(asks.first().map(|ask| ask.to), Some(at(13 * HOUR)));
    assert_eq!(asks.last().map(|ask| ask.from), Some(first.start()));
    assert!(asks.windows(2).all(|two| two[1].to == two[0].from), "without a hole, and nothing twice");
    assert!(asks.iter().all(|ask| ask.starts().count() <= 168 && ask.is_backfill));
    let (done, all) = device.track.progress(now, first);
    assert_eq!(done, all);
    assert_eq!(device.track.begins(now, first), Some(first.start()));
    assert_eq!(device.track.backfill(at(15 * HOUR), first), None);
}

/// What one device asks for and another one has heard of is the same history: it goes on where the first one stopped.
#[test]
fn a_back_fill_is_gone_on_with_by_whoever_is_there() {
    let (mut one, mut history) = (Device::new(USAGE), History::default());
    let (now, first) = (at(10 * HOUR), DAY.plus(-29));
    let live = one.track.live(now, FIRST);
    one.poll(&live, now, &mut history);
    let ask = one.track.backfill(now, first).unwrap();
    one.poll(&ask, now, &mut history);
    let mut other = Device::new(USAGE);
    other.track.hear(ALL, &history.heard());
    assert_eq!(other.track.backfill(now, first).unwrap().to, ask.from);
    let due = other.track.due_at(now, 999);
    assert!(due > now, "somebody has just asked");
    assert!(one.track.due_at(now, 999) < due, "who asked last goes on");
    assert!(other.track.due_at(now, 0) < due, "and others don't all ask at once");
}

#[test]
fn a_night_is_made_up_for_by_the_minute_and_a_week_by_the_hour() {
    let (mut device, mut history) = (Device::new(USAGE), History::default());
    let first = DAY.plus(-1);
    for minute in 0..120 {
        let now = at(minute * MINUTE);
        let live = device.track.live(now, FIRST);
        device.poll(&live, now, &mut history);
    }
    while let Some(ask) = device.track.backfill(at(2 * HOUR), first) {
        device.poll(&ask, at(2 * HOUR), &mut history);
    }
    let morning = at(9 * HOUR);
    let live = device.track.live(morning, FIRST);
    assert_eq!((live.from, live.width), (at(0), 60), "from the hour that had not settled");
    device.poll(&live, morning, &mut history);
    assert_eq!(device.track.backfill(morning, first), None);
    let week = at(7 * 24 * HOUR);
    let live = device.track.live(week, FIRST);
    assert_eq!(live.from, at(7 * 24 * HOUR - 2 * HOUR));
    device.poll(&live, week, &mut history);
    let ask = device.track.backfill(week, first).unwrap();
    assert_eq!((ask.width, ask.to), (3600, live.from));
    device.poll(&ask, week, &mut history);
    assert_eq!(device.track.backfill(week, first), None);
}

/// What is heard of some days takes the place of what was known of them, and of no other.
#[test]
fn days_are_heard_of_one_by_one() {
    let heard = |from, to| Heard {
        account: "a".into(),
        metric: USAGE.name.into(),
        newest: at(0),
        settled: vec![(at(from * HOUR), at(to * HOUR))],
        coarse: Vec::new(),
    };
    let mut track = Track::new(USAGE);
    let days = |from: i32, to: i32| DAY.plus(from)..=DAY.plus(to);
    track.hear(ALL, [&heard(-48, 24)]);
    assert_eq!(track.progress(at(26 * HOUR), DAY.plus(-2)), (72 * HOUR, 72 * HOUR));
    track.hear(days(-1, -1), [&heard(-20, -10)]);
    assert_eq!(track.progress(at(26 * HOUR), DAY.plus(-2)), (58 * HOUR, 72 * HOUR));
    assert_eq!(track.begins(at(26 * HOUR), DAY.plus(-2)), Some(at(0)));
    track.hear(days(-1, -1), []);
    track.hear(days(0, 0), []);
    assert_eq!(track.progress(at(26 * HOUR), DAY.plus(-2)), (24 * HOUR, 72 * HOUR));
}

#[test]
fn costs_are_asked_for_until_they_are_settled() {
    let (mut device, mut history) = (Device::new(COSTS), History::default());
    let now = at(HOUR);
    let live = device.track.live(now, FIRST);
    assert_eq!((live.from, live.to), (FIRST.start(), DAY.plus(1).start()), "the past is one question with the present");
    device.poll(&live, now, &mut history);
    assert_eq!(device.track.backfill(now, FIRST), None);
    let live = device.track.live(at(2 * HOUR), FIRST);
    assert_eq!((live.from, live.to), (DAY.plus(-2).start(), DAY.plus(1).start()));
}

#[test]
fn what_is_late_is_asked_for_days_that_are_over() {
    let kind = Kind::Buckets {
        fine: Width { seconds: 86_400, most: 30 },
        coarse: Width { seconds: 86_400, most: 30 },
        keeps_days: 30,
        is_late: true,
    };
    let track = Track::new(Metric { name: "activity", dimensions: &[], every_s: 1800, kind });
    let live = track.live(at(HOUR), FIRST);
    assert_eq!((live.from, live.to), (DAY.plus(-30).start(), DAY.start()));
}

#[test]
fn failures_are_followed_by_longer_pauses() {
    let mut track = Track::new(USAGE);
    let now = at(0);
    assert!(track.due_at(now, 0) < now, "never asked");
    let mut pauses = Vec::new();
    for _ in 0..11 {
        track.failed(now, None, 0);
        pauses.push((track.due_at(now, 0).0 - now.0) / 1000);
    }
    assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 320, 640, 1280, 1800, 1800]);
    track.failed(now, Some(7200), 0);
    assert_eq!((track.due_at(now, 0).0 - now.0) / MINUTE, 120, "as long as the provider asks for");
    track.failed(now, Some(u64::MAX), 0);
    assert_eq!((track.due_at(now, 0).0 - now.0) / HOUR, 24);
    track.hurry();
    assert!(track.due_at(now, 0) < now);
    track.failed(now, None, 0);
    track.answered(&track.live(now, FIRST), now, now);
    assert_eq!(track.due_at(now, 0).0 - now.0, 63_000);
}

#[test]
fn what_a_provider_asks_for_is_kept_whoever_is_in_a_hurry_and_over_a_restart() {
    let mut track = Track::new(USAGE);
    let now = at(0);
    track.failed(now, None, 0);
    track.pause(now, at(HOUR));
    track.pause(now, at(30 * MINUTE));
    let mut later = Track::new(USAGE);
    later.recall(track.tries());
    for one in [&mut track, &mut later] {
        assert_eq!(one.due_at(now, 0), at(HOUR), "a shorter one shortens none");
        one.hurry();
        assert_eq!((one.due_at(now, 0), one.tries().failures), (at(HOUR), 0));
        // What was on its way already.
        one.answered(&one.live(now, FIRST), now, now);
        assert!(one.is_resting(at(HOUR - 1)) && !one.is_resting(at(HOUR)));
        one.answered(&one.live(at(HOUR), FIRST), at(HOUR), at(HOUR));
        assert_eq!(one.tries(), Tries::default());
    }
}

/// Ten accounts that were asked at once, or have failed at once, are not asked at once again.
#[test]
fn accounts_are_spread() {
    let due = |work: &dyn Fn(&mut Track, u16)| -> Vec<i64> {
        let one = |n: u16| {
            let (mut track, share) = (Track::new(USAGE), 111 * n);
            work(&mut track, share);
            track.due_at(at(0), share).0 - at(0).0
        };
        (0..10).map(one).collect()
    };
    let answered = due(&|track, _| track.answered(&track.live(at(0), FIRST), at(0), at(0)));
    assert!(answered.is_sorted() && answered[0] == 63_000 && (65_000..66_000).contains(&answered[9]), "{answered:?}");
    let failed = due(&|track, share| (0..7).for_each(|_| track.failed(at(0), None, share)));
    assert!(failed.windows(2).all(|two| two[1] - two[0] > 5_000), "{failed:?}");
    assert!(failed[0] == 320_000 && failed[9] <= 400_000, "{failed:?}");
}

/// Who has asked knows what the history makes of the answer, and goes on as one that has heard of it.
#[test]
fn what_was_answered_need_not_be_heard_of() {
    let (mut device, mut history, mut deaf) = (Device::new(USAGE), History::default(), Track::new(USAGE));
    let (now, first) = (at(10 * HOUR + 30_000), DAY.plus(-29));
    let mut ask = Some(deaf.live(now, first));
    while let Some(one) = ask {
        device.poll(&one, now, &mut history);
        deaf.answered(&one, now, now);
        ask = deaf.backfill(now, first);
        assert_eq!(ask, device.track.backfill(now, first));
    }
    for later in [at(11 * HOUR), at(20 * HOUR), at(100 * HOUR)] {
        assert_eq!(deaf.live(later, first), device.track.live(later, first));
        assert_eq!(deaf.backfill(later, first), device.track.backfill(later, first));
        assert_eq!(deaf.progress(later, first), device.track.progress(later, first));
    }
}

/// What a device notes while its clock is a day ahead puts nothing off once that was set right.
#[test]
fn a_clock_that_was_set_back_leaves_no_pause() {
    let (now, ahead, first) = (at(10 * HOUR), at(34 * HOUR), DAY.plus(-1));
    let mut track = Track::new(USAGE);
    track.answered(&track.live(ahead, first), now, ahead);
    let ask = track.backfill(ahead, first).unwrap();
    // Nothing of it had settled by the provider's clock: that it was asked for is all that is known.
    track.answered(&ask, at(0), ahead);
    assert_eq!(track.due_at(now, 0).0 - now.0, 63_000, "what the provider's clock said stands");
    assert!(track.backfill(now, first).is_some_and(|again| again.to > ask.from), "nothing was asked for yet");
    track.failed(ahead, Some(600), 0);
    track.pause(ahead, at(36 * HOUR));
    assert!(track.is_resting(ahead) && !track.is_resting(now));
    assert_eq!(track.due_at(now, 0).0 - now.0, 63_000);
    track.failed(now, None, 0);
    assert!(track.is_resting(now) && track.is_resting(at(10 * HOUR - 1_000)), "a small step is no set clock");
    track.pause(now, at(11 * HOUR));
    assert_eq!(track.due_at(now, 0), at(11 * HOUR), "what was noted ahead hides no pause");
}

/// A provider whose clock is an hour behind: what is asked for never settles by it, and is not asked for again and again.
#[test]
fn a_clock_that_is_behind_makes_no_loop() {
    let (mut device, mut history) = (Device::new(USAGE), History::default());
    let (now, behind, first) = (at(10 * HOUR), at(8 * HOUR), DAY.plus(-1));
    let mut asks = 0;
    while let Some(ask) = device.track.backfill(now, first) {
        asks += 1;
        assert!(asks < 10);
        let answers = ask.starts().map(|start| answer(&USAGE, start, ask.width, behind, 1)).collect();
        history.events.extend(device.window.news(answers));
        device.track.answered(&ask, behind, now);
        device.track.hear(ALL, &history.heard());
    }
    assert!(device.track.backfill(at(12 * HOUR), first).is_some(), "but again, later");
}

#[test]
fn only_what_is_new_is_recorded() {
    let mut window = Window::default();
    let of = |minute: i64, seen: i64, n| answer(&USAGE, at(minute * MINUTE), 60, at(seen * MINUTE), n);
    let news = |window: &mut Window, answers: Vec<Answer>| -> Vec<&'static str> {
        let word = |event: &Event| if matches!(event, Event::Answer(_)) { "answer" } else { "note" };
        window.news(answers).iter().map(word).collect()
    };
    assert_eq!(news(&mut window, vec![of(0, 1, 5), of(1, 1, 0)]), ["answer", "answer"]);
    assert_eq!(news(&mut window, vec![of(0, 2, 5), of(1, 2, 7), of(2, 2, 0)]), ["answer", "answer"], "one has grown");
    assert_eq!(
        news(&mut window, vec![of(0, 61, 5), of(1, 61, 7), of(60, 61, 0)]),
        ["note", "answer"],
        "one has settled"
    );
    assert_eq!(
        news(&mut window, vec![of(0, 62, 5), of(1, 62, 7), of(60, 62, 0)]),
        ["note", "note"],
        "and the newest was seen"
    );
    assert!(news(&mut window, vec![of(0, 62, 5), of(60, 62, 0)]).is_empty(), "nothing is said twice");

    // Somebody else recorded it: a note of ours would name what lies elsewhere.
    let theirs = standing([of(0, 2, 5)], []).0.into_values();
    window.hear(theirs);
    assert_eq!(news(&mut window, vec![of(0, 61, 5), of(90, 61, 0)]), ["answer", "answer"]);
    // What this one's own clock says does not go before what the provider's says.
    let by_device = |seen| Answer { clock: Clock::Device, ..of(0, seen, 5) };
    assert!(news(&mut window, vec![by_device(99)]).is_empty());
}

/// What a day of each minute would hold otherwise is tens of megabytes for ten accounts.
#[test]
fn what_has_settled_and_is_not_asked_for_again_is_forgotten() {
    let mut window = Window::default();
    let of = |minute: i64, seen: i64| answer(&USAGE, at(minute * MINUTE), 60, at(seen * MINUTE), 5);
    let mut most = 0;
    for now in 0..1440 {
        window.news((now - 130..=now).map(|minute| of(minute, now)).collect());
        most = most.max(window.len());
    }
    assert_eq!(most, 131);
    // A hole of some hours, of which nothing has settled, is asked for as one: what is held of it is known until then.
    window.news((1440..=1441).map(|minute| of(minute, 1441)).collect());
    assert_eq!(window.len(), 63, "an hour of it had not settled");
    assert_eq!(window.news(vec![of(1381, 1800), of(1441, 1800)]).len(), 2, "both have settled");
    assert!(window.news(vec![of(1381, 1800), of(1441, 1800)]).is_empty());
}

#[test]
fn a_gauge_is_noted_as_far_as_a_note_reaches() {
    let mut window = Window::default();
    let gauge = |minute: i64, n| answer(&CREDITS, at(minute * MINUTE), 0, at(minute * MINUTE), n);
    let mut said = |minute, n| match window.news(vec![gauge(minute, n)]).pop() {
        Some(Event::Answer(_)) => "answer",
        Some(_) => "note",
        None => "nothing",
    };
    let words: Vec<_> = [0, 1, 14, 15, 16, 17, 1439, 1440].into_iter().map(|minute| said(minute, 5)).collect();
    assert_eq!(words, ["answer", "note", "note", "note", "answer", "note", "answer", "answer"]);
    assert_eq!((said(1441, 6), said(1442, 5)), ("answer", "answer"));
}

proptest! {
    /// Whatever was heard, in whatever order: what is asked for is not known, hangs together, and fits a request.
    #[test]
    fn what_is_asked_for_is_what_is_missing(
        spans in proptest::collection::vec((0..60_i64, 1..30_i64), 0..12),
        now in 0..48_i64,
    ) {
        let heard = Heard {
            account: "a".into(),
            metric: USAGE.name.into(),
            newest: at(0),
            settled: crate::history::union(
                spans.iter().map(|(from, hours)| (at((from - 60) * HOUR), at((from - 60 + hours) * HOUR))).collect(),
            ),
            coarse: Vec::new(),
        };
        let mut track = Track::new(USAGE);
        track.hear(ALL, [&heard]);
        let (now, first) = (at(now * HOUR + 17), DAY.plus(-3));
        let is_known = |hour: i64| heard.settled.iter().any(|(a, b)| *a <= at(hour * HOUR) && *b > at(hour * HOUR));
        if let Some(ask) = track.backfill(now, first) {
            let hours: Vec<i64> = ask.starts().map(|start| (start.0 - DAY.start().0) / HOUR).collect();
            prop_assert!(hours.iter().all(|hour| !is_known(*hour)));
            prop_assert!(ask.from.day() >= first && ask.to.0 <= now.0 - 70 * MINUTE + HOUR);
            let last = (ask.to.0 - DAY.start().0) / HOUR;
            let end = (track.live(now, FIRST).from.0.min(now.0 - 70 * MINUTE) - DAY.start().0).div_euclid(HOUR);
            prop_assert!((last..end).all(is_known), "the newest first");
        } else {
            let (done, all) = track.progress(now, first);
            prop_assert_eq!(done, all);
        }
    }
}
