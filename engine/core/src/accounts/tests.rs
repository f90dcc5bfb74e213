#![allow(clippy::unwrap_used)]

use super::*;
use crate::batch::{Batch, BatchHash};
use crate::event::{Event, Setting};
use crate::time::UtcDay;

const A: DeviceId = DeviceId([1; 16]);

fn settings(entries: &[(&str, &str)]) -> Settings {
    let mut settings = Settings::default();
    let entry =
        |(path, value): &(&str, &str)| Setting { path: (*path).into(), value: Some((*value).into()), counter: 1 };
    let batch = Batch::new(entries.iter().map(entry).map(Event::Setting));
    settings.add(BatchHash::of(&batch.encode()), &batch);
    settings
}

#[test]
fn what_is_written_reads_back() {
    let id = AccountId::new("openai", "org-4fT").unwrap();
    let print = KeyPrint::of("openai", "sk-admin-1");
    let entries = [
        (Path::Label.of(&id), "work".to_owned()),
        (Path::Url.of(&id), "http://127.0.0.1:1/v1".to_owned()),
        (Path::Key(A).of(&id), print.to_string()),
    ];
    let entries: Vec<(&str, &str)> = entries.iter().map(|(path, value)| (path.as_str(), value.as_str())).collect();
    let accounts = Accounts::of(&settings(&entries));
    let account = accounts.get(&id).unwrap();
    assert_eq!(account.label.as_deref(), Some("work"));
    assert_eq!(account.url.as_deref(), Some("http://127.0.0.1:1/v1"));
    assert_eq!(account.keys, BTreeMap::from([(A, print)]));
    for text in ["work", "openai/org-4fT", "openai", "org-4"] {
        assert_eq!(accounts.find(text).len(), 1, "{text}");
    }
    assert_eq!((accounts.find("home").len(), accounts.find("").len()), (0, 0));
}

#[test]
fn what_nobody_can_mean_is_no_account() {
    let odd = [
        ("account/openai", "x"),
        ("account/openai/org", "x"),
        ("account//org/label", "x"),
        ("account/a b/c/label", "x"),
    ];
    assert_eq!(Accounts::of(&settings(&odd)), Accounts::default());
    let accounts = Accounts::of(&settings(&[
        ("account/openai/org/label", "\u{1b}[2J"),
        ("account/openai/org/key/nobody", "9f86d081884c7d65"),
        ("account/openai/org/later", "x"),
    ]));
    let account = accounts.all().next().unwrap();
    assert_eq!((&account.label, account.keys.len()), (&None, 0));
    assert_eq!(AccountId::new("openai", &"x".repeat(129)), None);
    assert_eq!(AccountId::parse("openai"), None);
}

#[test]
fn a_payer_pays_from_a_day_on() {
    let accounts = Accounts::of(&settings(&[
        ("coverage/codex/2026-09-14", "openai/org"),
        ("coverage/codex/2026-10-01", "subscription"),
        ("coverage/codex/someday", "subscription"),
        ("coverage/codex/2026-11-01", "nobody"),
    ]));
    let on = |month, day| accounts.coverage().payer("codex", UtcDay::of(jiff::civil::date(2026, month, day))).cloned();
    let account = Payer::Account(AccountId::new("openai", "org").unwrap());
    assert_eq!([on(9, 13), on(9, 14), on(9, 30)], [None, Some(account.clone()), Some(account)]);
    assert_eq!([on(10, 1), on(12, 1)], [Some(Payer::Subscription), Some(Payer::Subscription)]);
    assert_eq!(accounts.coverage().payer("claude-code", UtcDay(20_000)), None);
}
