#![allow(clippy::unwrap_used)]

use jiff::civil::Weekday;
use proptest::prelude::*;

use super::*;
use crate::event::Event;
use crate::ids::DeviceId;

const A: DeviceId = DeviceId([1; 16]);
const B: DeviceId = DeviceId([2; 16]);
const C: DeviceId = DeviceId([3; 16]);
const D: DeviceId = DeviceId([4; 16]);

/// Records entries as a device would: in one batch.
fn record(settings: &mut Settings, entries: Vec<Setting>) {
    let batch = Batch::new(entries.into_iter().map(Event::Setting));
    settings.add(BatchHash::of(&batch.encode()), &batch);
}

fn set(settings: &mut Settings, path: Path, value: Option<&str>) {
    let entry = settings.entry(path, value.map(Name::from));
    record(settings, vec![entry]);
}

#[test]
fn what_was_set_last_stands_until_it_is_removed() {
    let mut settings = Settings::default();
    set(&mut settings, Path::Zone, Some("Europe/Berlin"));
    set(&mut settings, Path::WeekStart, Some("sunday"));
    set(&mut settings, Path::Zone, Some("Asia/Kathmandu"));
    assert_eq!(settings.zone().unwrap().iana_name(), Some("Asia/Kathmandu"));
    set(&mut settings, Path::Zone, None);
    assert_eq!(settings.zone(), None);
    assert_eq!(settings.week_start(), Some(Weekday::Sunday));
    assert_eq!(settings.all().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), ["week-start"]);
}

/// A device that has seen more wins over one that was away, whichever arrives first.
#[test]
fn who_has_seen_more_wins() {
    let mut here = Settings::default();
    set(&mut here, Path::Zone, Some("UTC"));
    let mut away = here.clone();
    set(&mut here, Path::WorkspaceName, Some("home"));
    set(&mut here, Path::Zone, Some("Europe/Berlin"));
    set(&mut away, Path::Zone, Some("Asia/Tokyo"));
    let (mut one, mut other) = (here.clone(), away.clone());
    one.merge(&away);
    other.merge(&here);
    assert_eq!(one, other);
    assert_eq!(
        one.value("zone").unwrap().as_str(),
        "Europe/Berlin",
        "its counter counts what it had seen of all paths"
    );
}

#[test]
fn the_last_counter_is_no_panic() {
    let mut settings = Settings::default();
    record(&mut settings, vec![Setting { path: "zone".into(), value: None, counter: u64::MAX }]);
    assert_eq!(settings.entry(Path::Zone, None).counter, u64::MAX);
}

#[test]
fn joining_changes_nothing_that_the_workspace_has_said() {
    let mut joiner = Settings::default();
    set(&mut joiner, Path::Zone, Some("Asia/Tokyo"));
    set(&mut joiner, Path::Zone, Some("Asia/Kathmandu"));
    set(&mut joiner, Path::WeekStart, Some("sunday"));
    set(&mut joiner, Path::DeviceName(A), Some("laptop"));
    set(&mut joiner, Path::WorkspaceName, Some("old"));
    set(&mut joiner, Path::WorkspaceName, None);
    let mut workspace = Settings::default();
    set(&mut workspace, Path::Zone, Some("Europe/Berlin"));
    set(&mut workspace, Path::WeekStart, None);

    let brought = joiner.brought();
    assert_eq!(brought.len(), 3, "what was removed is not brought");
    record(&mut workspace, brought);
    assert_eq!(workspace.value("zone").unwrap().as_str(), "Europe/Berlin");
    assert_eq!(workspace.week_start(), None, "a removed value is something that was said");
    assert_eq!(workspace.device_name(A), Some("laptop"));
    assert_eq!(workspace.workspace_name(), None);
}

#[test]
fn merged_devices_are_shown_as_one_and_can_be_parted_again() {
    let mut settings = Settings::default();
    let same = |settings: &mut Settings, one, other: Option<DeviceId>| {
        set(settings, Path::DeviceSameAs(one), other.map(|d| d.to_string()).as_deref());
    };
    same(&mut settings, C, Some(B));
    same(&mut settings, B, Some(A));
    assert_eq!([A, B, C, D].map(|d| settings.shown_as(d)), [A, A, A, D]);
    same(&mut settings, B, None);
    assert_eq!([A, B, C, D].map(|d| settings.shown_as(d)), [A, B, B, D]);

    // Two devices merge the same pair the other way round, a third leads in: one name, the same from everywhere.
    same(&mut settings, B, Some(C));
    same(&mut settings, D, Some(C));
    assert_eq!([A, B, C, D].map(|d| settings.shown_as(d)), [A, B, B, B]);
    // What leads into a circle is no part of it, though its id is smaller.
    same(&mut settings, A, Some(D));
    assert_eq!(settings.shown_as(A), B);
    same(&mut settings, D, Some(D));
    assert_eq!(settings.shown_as(D), D);
}

#[test]
fn what_cannot_be_understood_counts_as_none() {
    let mut settings = Settings::default();
    set(&mut settings, Path::Zone, Some("Atlantis/Central"));
    set(&mut settings, Path::WeekStart, Some("someday"));
    set(&mut settings, Path::DeviceSameAs(A), Some("the old laptop"));
    set(&mut settings, Path::DeviceName(A), Some("\u{1b}[2Jlaptop"));
    set(&mut settings, Path::DeviceName(B), Some("  "));
    set(&mut settings, Path::DeviceName(C), Some(" Büro "));
    set(&mut settings, Path::DeviceArchived(C), Some("yes"));
    assert_eq!((settings.zone(), settings.week_start()), (None, None));
    assert_eq!(settings.shown_as(A), A);
    assert_eq!([A, B, C].map(|d| settings.device_name(d)), [None, None, Some("Büro")]);
    assert_eq!([A, B, C].map(|d| settings.is_archived(d)), [false, false, true]);
}

fn entries() -> impl Strategy<Value = Vec<Setting>> {
    let entry = ("[ab]", proptest::option::of("[xy]"), 0u64..3).prop_map(|(path, value, counter)| Setting {
        path: path.into(),
        value: value.map(Name::from),
        counter,
    });
    proptest::collection::vec(entry, 0..4)
}

proptest! {
    /// Order, repetition and grouping change nothing.
    #[test]
    fn settings_are_a_function_of_a_set(
        batches in proptest::collection::vec((0u8..3, entries()), 0..8),
        order in any::<proptest::sample::Index>(),
        cut in any::<proptest::sample::Index>(),
    ) {
        let batches: Vec<(BatchHash, Batch)> = batches
            .into_iter()
            .map(|(hash, entries)| (BatchHash([hash; 32]), Batch::new(entries.into_iter().map(Event::Setting))))
            .collect();
        let fold = |batches: &[&(BatchHash, Batch)]| {
            let mut settings = Settings::default();
            batches.iter().for_each(|(hash, batch)| settings.add(*hash, batch));
            settings
        };
        let all: Vec<&(BatchHash, Batch)> = batches.iter().collect();
        let whole = fold(&all);

        let mut turned: Vec<_> = all.iter().rev().copied().collect();
        if !turned.is_empty() {
            let by = order.index(turned.len());
            turned.rotate_left(by);
        }
        prop_assert_eq!(&fold(&turned), &whole);
        prop_assert_eq!(&fold(&[all.clone(), turned].concat()), &whole);

        let (left, right) = all.split_at(if all.is_empty() { 0 } else { cut.index(all.len()) });
        let (mut one, mut other) = (fold(left), fold(right));
        let right = other.clone();
        other.merge(&one);
        one.merge(&right);
        prop_assert_eq!(&one, &whole);
        prop_assert_eq!(&other, &whole);
        one.merge(&whole);
        prop_assert_eq!(&one, &whole);
    }
}
