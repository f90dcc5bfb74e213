#![allow(clippy::unwrap_used)]

use super::*;
use crate::batch::{Batch, BatchHash};
use crate::event::{Event, Setting};
use crate::name::Name;
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
    let entries = [(Path::Label.of(&id), "work".to_owned()), (Path::Key(A).of(&id), print.to_string())];
    let entries: Vec<(&str, &str)> = entries.iter().map(|(path, value)| (path.as_str(), value.as_str())).collect();
    let accounts = Accounts::of(&settings(&entries));
    let account = accounts.get(&id).unwrap();
    assert_eq!(account.label.as_deref(), Some("work"));
    assert_eq!(account.keys, BTreeMap::from([(A, print)]));
    let (other, named) = (AccountId::new("openai", "other").unwrap(), ("openai/org-4fT".to_owned()));
    let two = [(Path::Label.of(&id), "x".to_owned()), (Path::Label.of(&other), named.clone())];
    let two: Vec<(&str, &str)> = two.iter().map(|(path, value)| (path.as_str(), value.as_str())).collect();
    let two = Accounts::of(&settings(&two));
    assert_eq!(two.find(&named).iter().map(|one| &one.id).collect::<Vec<_>>(), [&id], "an id is nobody's name");
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
        ("coverage/codex/2026-11-02", "whoever"),
    ]));
    let on = |month, day| {
        let day = UtcDay::of(jiff::civil::date(2026, month, day));
        accounts.coverage().payer(&"codex".into(), A, None, day).cloned()
    };
    let account = Payer::Account(AccountId::new("openai", "org").unwrap());
    assert_eq!([on(9, 13), on(9, 14), on(9, 30)], [None, Some(account.clone()), Some(account)]);
    assert_eq!([on(10, 1), on(10, 31)], [Some(Payer::Subscription), Some(Payer::Subscription)]);
    assert_eq!([on(11, 1), on(12, 1)], [None, None], "it is not said any more");
    assert_eq!(accounts.coverage().payer(&"claude-code".into(), A, None, UtcDay(20_000)), None);
}

#[test]
fn accounts_are_joined_by_pairs_and_known_by_the_smallest() {
    let [a, b, c, d] = ["key-a", "key-b", "key-c", "key-d"].map(|id| AccountId::new("openrouter", id).unwrap());
    let entries = [
        Joined::entry(c.clone(), b.clone(), true),
        Joined::entry(b.clone(), a.clone(), true),
        Joined::entry(c.clone(), d.clone(), false),
        (Path::Label.of(&b), "team".to_owned()),
        (Path::Label.of(&a), "\u{7}".to_owned()),
        (Path::Label.of(&d), "other".to_owned()),
    ];
    let entries: Vec<(&str, &str)> = entries.iter().map(|(path, value)| (path.as_str(), value.as_str())).collect();
    let accounts = Accounts::of(&settings(&entries));
    let joined = accounts.joined();
    assert_eq!([&a, &b, &c, &d].map(|id| joined.payer(id)), [&a, &a, &a, &d]);
    assert_eq!(joined.payer_named("openrouter/key-c"), Some(a.name()));
    assert!(joined.is_apart(&a, &d) && joined.is_apart(&d, &b), "what holds of one of them holds of all");
    assert_eq!(accounts.label(&a), Some("team"));
    assert!(accounts.undecided().is_empty());
    assert_eq!(accounts.all().count(), 3, "that two are one makes no account");

    let labels: Vec<String> = [&a, &b, &d].iter().map(|id| Path::Label.of(id).to_string()).collect();
    let labels: Vec<(&str, &str)> = labels.iter().map(|path| (path.as_str(), "x")).collect();
    assert_eq!(Accounts::of(&settings(&labels)).undecided(), [(&a, &b), (&a, &d), (&b, &d)]);
    let other = AccountId::new("openai", "key-b").unwrap();
    let (path, value) = Joined::entry(a.clone(), other.clone(), true);
    assert_eq!(Joined::of(&settings(&[(&path, &value)])).payer(&a), &a, "providers are two payers");
}

#[test]
fn what_is_said_of_an_owner_or_a_device_goes_before_what_is_said_of_all() {
    let day = UtcDay::of(jiff::civil::date(2026, 9, 14));
    let (source, b) = (Name::from("claude-code"), DeviceId([2; 16]));
    let of = |device, owner: Option<&str>| Covered { source: source.clone(), device, owner: owner.map(Name::from) };
    let said = [
        (of(None, None), "anthropic/all"),
        (of(Some(A), None), "anthropic/device"),
        (of(None, Some("me/work")), "anthropic/owner"),
        (of(Some(A), Some("me/work")), "anthropic/both"),
        (of(None, Some("")), "subscription"),
    ];
    let entries: Vec<(Name, &str)> = said.iter().map(|(of, payer)| (Coverage::path(of, day), *payer)).collect();
    let entries: Vec<(&str, &str)> = entries.iter().map(|(path, payer)| (path.as_str(), *payer)).collect();
    let coverage = Coverage::of(&settings(&entries));
    let payer = |device, owner: Option<&str>, day| {
        coverage.payer(&source, device, owner.map(Name::from).as_ref(), day).map(|payer| payer.text().to_owned())
    };
    let on = |device, owner| payer(device, owner, day).unwrap();
    assert_eq!(on(A, Some("me/work")), "anthropic/both");
    assert_eq!(on(b, Some("me/work")), "anthropic/owner");
    assert_eq!(on(A, Some("you")), "anthropic/device");
    assert_eq!(on(b, Some("you")), "anthropic/all");
    assert_eq!(on(A, None), "subscription", "an owner that is not stated is one, too");
    assert_eq!(payer(A, None, day.plus(-1)), None);
    assert_eq!(coverage.all().map(|(of, ..)| of.clone()).collect::<Vec<_>>().len(), said.len());
}

#[test]
fn what_is_said_of_a_root_holds_for_its_calls_alone() {
    let day = UtcDay::of(jiff::civil::date(2026, 9, 14));
    let (source, b) = (Name::from("claude-code"), DeviceId([2; 16]));
    let root = owner_of_root(A, &source, b"/home/me/.claude-work/projects");
    assert_eq!(root.as_str(), "root:42bf572503486e2c", "what is stored once is found again");
    let others = [(b, &b"/home/me/.claude-work/projects"[..]), (A, b"/home/me/.claude/projects")];
    assert!(others.iter().all(|(device, path)| owner_of_root(*device, &source, path) != root));
    assert_ne!(owner_of_root(A, "codex", b"/home/me/.claude-work/projects"), root);
    assert_eq!((stated(Some(&root)), stated(None), stated(Some(&source))), (None, None, Some(&source)));

    let path = |owner: Name| Coverage::path(&Covered { source: source.clone(), device: None, owner: Some(owner) }, day);
    let of_root = (path(root.clone()).to_string(), "anthropic/work");
    let of_unstated = (path(Name::default()).to_string(), "subscription");
    let payer = |said: &[&(String, &str)], owner: Option<&Name>| {
        let entries: Vec<(&str, &str)> = said.iter().map(|(path, payer)| (path.as_str(), *payer)).collect();
        let accounts = Accounts::of(&settings(&entries));
        accounts.coverage().payer(&source, A, owner, day).map(|payer| payer.text().to_owned())
    };
    let both = [&of_root, &of_unstated];
    assert_eq!(payer(&both, Some(&root)).as_deref(), Some("anthropic/work"));
    assert_eq!(payer(&both, None).as_deref(), Some("subscription"));
    assert_eq!(payer(&both, Some(&"me".into())), None);
    assert_eq!(payer(&[&of_unstated], Some(&root)).as_deref(), Some("subscription"), "its log states no owner");
}
