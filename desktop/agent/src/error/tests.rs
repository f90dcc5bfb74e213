use std::path::PathBuf;

use aimon_core::batch::TooLarge;
use aimon_core::sync::SyncError as S;
use aimon_replica::Error as R;
use aimon_replica::transport::Error as T;

use aimon_sources::provider::Failure;
use aimon_sources::provider::failure::Unreadable;
use aimon_sources::subscription::NoReading;

use super::*;

#[test]
fn exit_codes_say_whose_turn_it_is() {
    let io = || std::io::Error::from(std::io::ErrorKind::PermissionDenied);
    let path = || PathBuf::from("x");
    let replica = [
        (R::Locked(path()), exit::LOCKED),
        (R::Busy(path()), exit::LOCKED),
        (R::Home { path: path(), source: io() }, exit::NOT_WRITABLE),
        (R::Full(path()), exit::NOT_WRITABLE),
        (R::Newer { path: path(), found: 2, known: 1 }, exit::DATABASE),
        (R::Damaged { path: path(), detail: String::new() }, exit::DATABASE),
        (R::Older { path: path(), found: 1 }, exit::LOCKED),
        (R::NoKeys(path()), exit::FAILURE),
        (R::OtherKeys(path()), exit::FAILURE),
        (R::NoWorkspace(path()), exit::FAILURE),
        (R::InWorkspace(path()), exit::FAILURE),
        (R::Sync(S::NoKey), exit::FAILURE),
        (R::Sync(S::NotAMember), exit::FAILURE),
        (R::Sync(S::TooLarge(TooLarge(String::new()))), exit::FAILURE),
        (R::Sync(S::Recipient), exit::FAILURE),
        (R::Sync(S::Damaged(String::new())), exit::FAILURE),
        (R::Empty(path()), exit::FAILURE),
        (R::Retention(1), exit::USAGE),
        (R::Events(String::new()), exit::FAILURE),
    ];
    let relay = || "https://relay.example".to_owned();
    let transport = [
        (T::Address { text: relay(), why: "" }, exit::USAGE),
        (T::NotEncrypted(relay()), exit::USAGE),
        (T::CaFile { path: path(), why: String::new() }, exit::USAGE),
        (T::Unreachable { relay: relay(), why: String::new() }, exit::NOT_IN_STEP),
        (T::Ended, exit::NOT_IN_STEP),
        (T::Tls { relay: relay(), why: String::new() }, exit::NOT_IN_STEP),
        (T::NotARelay { address: relay(), why: String::new() }, exit::NOT_IN_STEP),
        (T::Protocol(String::new()), exit::FAILURE),
        (T::Challenge(String::new()), exit::FAILURE),
        (T::NoFolder(path()), exit::NOT_IN_STEP),
        (T::NotAFolder(path()), exit::NOT_IN_STEP),
        (T::NewerFolder(path()), exit::FAILURE),
        (T::DamagedFolder(path()), exit::NOT_IN_STEP),
        (T::Folder { path: path(), source: io() }, exit::NOT_IN_STEP),
    ];
    for (e, code) in transport {
        let e = Error::from(e);
        assert_eq!(e.exit(), code, "{e}");
        assert!(CODES.contains(&e.code()) && !e.help().is_empty(), "{e}");
    }
    for (e, code) in replica {
        let e = Error::from(e);
        assert_eq!(e.exit(), code, "{e}");
        assert!(CODES.contains(&e.code()) && !e.help().is_empty(), "{e}");
    }
    let own = [
        (Error::NoHome, exit::USAGE),
        (Error::BadZone(String::new()), exit::USAGE),
        (Error::UnnamedZone(String::new()), exit::USAGE),
        (Error::Write { path: path(), source: io() }, exit::NOT_WRITABLE),
        (Error::Output(std::io::ErrorKind::StorageFull.into()), exit::NOT_WRITABLE),
        (Error::Output(io()), exit::NOT_WRITABLE),
        (Error::NoAnswer { home: path(), why: String::new() }, exit::LOCKED),
        (Error::NoSecretStore(String::new()), exit::FAILURE),
        (KeychainError::Failed(String::new()).into(), exit::FAILURE),
        (PassphraseError::File { path: path(), why: String::new() }.into(), exit::USAGE),
        (Error::BadSecretStore(String::new()), exit::USAGE),
        (Error::SecretStoreDiffers { used: "file", asked: "keychain" }, exit::USAGE),
        (Error::SecretReadable(path()), exit::FAILURE),
        (Error::SecretFile { path: path(), source: io() }, exit::FAILURE),
        (Error::SecretDamaged(String::new()), exit::FAILURE),
        (Error::SecretMissing { home: path(), store: "file" }, exit::FAILURE),
        (Error::Demo(String::new()), exit::FAILURE),
        (Error::DemoAgainst(path()), exit::FAILURE),
        (Error::Port { port: 80, source: io() }, exit::FAILURE),
        (Error::UnknownWorkspace(relay()), exit::FAILURE),
        (Error::NoMember(String::new()), exit::FAILURE),
        (Error::KeyStays { device: String::new(), why: S::Recipient }, exit::FAILURE),
        (Error::BadDevice(String::new()), exit::USAGE),
        (Error::Incomplete(String::new()), exit::NOT_IN_STEP),
    ];
    for (e, code) in own {
        assert_eq!(e.exit(), code, "{e}");
        assert!(CODES.contains(&e.code()) && !e.help().is_empty(), "{e}");
    }
}

/// Where an error stands among all of them. A new one does not compile until it has a place here, and then is missed in [`every`].
fn place(e: &Error) -> usize {
    match e {
        Error::Replica(_) => 0,
        Error::Transport(_) => 1,
        Error::Link(_) => 2,
        Error::Pairing(_) => 3,
        Error::Phrase(_) => 4,
        Error::Unasked(_) => 5,
        Error::Declined(_) => 6,
        Error::Untaken(_) => 7,
        Error::UnknownWorkspace(_) => 8,
        Error::Late(_) => 9,
        Error::NoRelay => 10,
        Error::SyncRefused { .. } => 11,
        Error::UnknownDevice(_) => 12,
        Error::NoMember(_) => 13,
        Error::BadDevice(_) => 14,
        Error::AmbiguousDevice { .. } => 15,
        Error::OwnDevice => 16,
        Error::BadSetting(_) => 17,
        Error::NoHome => 18,
        Error::BadRetention(_) => 19,
        Error::BadZone(_) => 20,
        Error::UnnamedZone(_) => 21,
        Error::EmptyRange { .. } => 22,
        Error::BadTemplate { .. } => 23,
        Error::BadPort(_) => 24,
        Error::Port { .. } => 25,
        Error::BadPrices { .. } => 26,
        Error::Ccusage { .. } => 27,
        Error::DemoAgainst(_) => 28,
        Error::ExportNotEmpty(_) => 29,
        Error::Write { .. } => 30,
        Error::NothingToExplain(_) => 31,
        Error::AmbiguousSession { .. } => 32,
        Error::NoSecretStore(_) => 33,
        Error::Keychain(_) => 34,
        Error::BadSecretStore(_) => 35,
        Error::SecretStoreDiffers { .. } => 36,
        Error::SecretReadable(_) => 37,
        Error::SecretFile { .. } => 38,
        Error::SecretDamaged(_) => 39,
        Error::SecretMissing { .. } => 40,
        Error::Demo(_) => 41,
        Error::NoAnswer { .. } => 42,
        Error::Agent(_) => 43,
        Error::Usage(_) => 44,
        Error::Output(_) => 45,
        Error::System { .. } => 46,
        Error::KeyStays { .. } => 47,
        Error::Incomplete(_) => 48,
        Error::DemoApart(_) => 49,
        Error::SecretStoreDamaged(_) => 50,
        Error::Account(_) => 51,
        Error::BadParameter(_) => 52,
        Error::NotOptedIn(_) => 53,
        Error::NotMcp(_) => 54,
        Error::Passphrase(_) => 55,
        Error::Untyped { .. } => 56,
        // These two are never shown.
        Error::Ended(_) => 57,
        Error::Pipe => 58,
    }
}

/// How many of them are shown.
const SHOWN: usize = 57;

/// One of each that is shown, and of each of those that come from elsewhere.
fn every() -> Vec<Error> {
    let io = || std::io::Error::from(std::io::ErrorKind::PermissionDenied);
    let (path, text) = (|| PathBuf::from("x"), String::new);
    let date = jiff::civil::Date::default();
    let replica = [
        R::Locked(path()),
        R::Home { path: path(), source: io() },
        R::Empty(path()),
        R::Newer { path: path(), found: 2, known: 1 },
        R::Older { path: path(), found: 1 },
        R::NoKeys(path()),
        R::NoWorkspace(path()),
        R::InWorkspace(path()),
        R::OtherKeys(path()),
        R::Damaged { path: path(), detail: text() },
        R::Full(path()),
        R::Busy(path()),
        R::Retention(1),
        R::Events(text()),
        R::Sync(S::NoKey),
        R::Sync(S::TooLarge(TooLarge(text()))),
        R::Sync(S::NotAMember),
        R::Sync(S::Oneself),
        R::Sync(S::Damaged(text())),
        R::Sync(S::Recipient),
        R::Sync(S::Statements(aimon_ledger::statement::StatementError::Signature)),
    ];
    let refused = |word: &str| T::Refused { code: aimon_ledger::frame::Code::of(word), text: text() };
    let words = "malformed too-large version wrong-key unknown-workspace not-a-member signature void expired missing quota rate \
                 unavailable wrong-origin bad-challenge challenge-spent registration-closed unknown-session \
                 invitation-spent unknown-invitation invitation-expired";
    let transport = [
        T::Address { text: text(), why: "" },
        T::NotEncrypted(text()),
        T::CaFile { path: path(), why: text() },
        T::Unreachable { relay: text(), why: text() },
        T::Tls { relay: text(), why: text() },
        T::NotARelay { address: text(), why: text() },
        T::Protocol(text()),
        T::Challenge(text()),
        T::Ended,
        T::NoFolder(path()),
        T::NotAFolder(path()),
        T::NewerFolder(path()),
        T::DamagedFolder(path()),
        T::Folder { path: path(), source: io() },
    ];
    let failures = [
        Failure::KeyRefused(text()),
        Failure::Forbidden(text()),
        Failure::RateLimited { retry_after_s: Some(7) },
        Failure::Down { status: 500, retry_after_s: None },
        Failure::Unreachable(text()),
        Failure::TimedOut,
        Failure::Unfinished { after_s: 120 },
        Failure::Refused { status: 400, text: text() },
        Failure::NotTheProvider(text()),
        Failure::Unreadable(Unreadable::Endless),
        Failure::Unreadable(Unreadable::Absurd { field: text(), value: text() }),
        Failure::TooLarge,
    ];
    let accounts = [
        AccountError::UnknownProvider(text()),
        AccountError::Unknown(text()),
        AccountError::Ambiguous { given: text(), found: text() },
        AccountError::BadKey(text()),
        AccountError::KeyMissing(text()),
        AccountError::AddressMissing(text()),
        AccountError::OtherAccount { found: text(), asked: text() },
        AccountError::BadUrl { text: text(), why: text() },
        AccountError::NeedsUrl("LiteLLM"),
        AccountError::Demo,
        AccountError::BadPayer(text()),
        AccountError::Itself(text()),
        AccountError::NeverOne { one: text(), other: text() },
        AccountError::BadName(text()),
        AccountError::UnknownSource(text()),
        AccountError::BadOwner(""),
        AccountError::UnknownOwner { given: text(), of: text(), known: vec![] },
        AccountError::NotYet(aimon_core::time::UtcDay(0)),
        AccountError::Unchecked { whom: text(), why: Failure::TimedOut },
        AccountError::UnknownSubscription(text()),
        AccountError::UnknownRoot { given: text(), of: text(), known: vec![text()] },
    ];
    let failed = failures.map(|failure| AccountError::Unheard { whom: text(), why: failure.into() });
    let readings = [
        NoReading::NoLogin { agent: "claude" },
        NoReading::Login { agent: "claude", why: text() },
        NoReading::NoSubscription { agent: "codex" },
        NoReading::Stale { agent: "claude" },
        NoReading::Scope { agent: "claude" },
        NoReading::Failed(Failure::RateLimited { retry_after_s: None }),
        NoReading::Failed(Failure::TooLarge),
    ];
    let readings = readings.map(|why| AccountError::NoReading { whom: text(), why });
    let own = [
        Error::Link(LinkError::Revoked),
        Error::Link(LinkError::Uneven),
        Error::Link(LinkError::Transport(T::Ended)),
        Error::Link(LinkError::Replica(R::Full(path()))),
        Error::Pairing(aimon_core::pairing::PairingError::Spent),
        Error::Phrase(aimon_core::crypto::PhraseError::Checksum),
        Error::Unasked(""),
        Error::Untyped { what: "", option: "--key-stdin" },
        Error::Declined(""),
        Error::Untaken(""),
        Error::UnknownWorkspace(text()),
        Error::Late(""),
        Error::NoRelay,
        Error::SyncRefused { count: 1, code: text() },
        Error::Incomplete(text()),
        Error::DemoApart(path()),
        Error::SecretStoreDamaged(path()),
        Error::UnknownDevice(text()),
        Error::NoMember(text()),
        Error::KeyStays { device: text(), why: S::Recipient },
        Error::BadDevice(text()),
        Error::AmbiguousDevice { given: text(), found: text() },
        Error::OwnDevice,
        Error::BadSetting(text()),
        Error::NoHome,
        Error::BadRetention(text()),
        Error::BadZone(text()),
        Error::UnnamedZone(text()),
        Error::EmptyRange { since: date, until: date },
        Error::BadTemplate { name: text(), known: text() },
        Error::BadPort(text()),
        Error::Port { port: 80, source: io() },
        Error::Port { port: 80, source: std::io::ErrorKind::AddrInUse.into() },
        Error::BadPrices { path: path(), why: text() },
        Error::Ccusage { path: path(), why: text() },
        Error::DemoAgainst(path()),
        Error::ExportNotEmpty(path()),
        Error::Write { path: path(), source: io() },
        Error::NothingToExplain(text()),
        Error::AmbiguousSession { given: text(), found: text() },
        Error::NoSecretStore(text()),
        KeychainError::Failed(text()).into(),
        KeychainError::Locked(text()).into(),
        PassphraseError::Needed.into(),
        PassphraseError::Wrong.into(),
        PassphraseError::File { path: path(), why: text() }.into(),
        PassphraseError::Unfit("").into(),
        PassphraseError::NotInFiles.into(),
        PassphraseError::Damaged(path()).into(),
        PassphraseError::Newer(path()).into(),
        Error::BadSecretStore(text()),
        Error::SecretStoreDiffers { used: "file", asked: "keychain" },
        Error::SecretReadable(path()),
        Error::SecretFile { path: path(), source: io() },
        Error::SecretDamaged(text()),
        Error::SecretMissing { home: path(), store: "file" },
        Error::Demo(text()),
        Error::NoAnswer { home: path(), why: text() },
        Error::Agent(Problem { code: "bad-reading".to_owned(), message: text(), help: "help".to_owned(), exit: 1 }),
        Error::BadParameter(text()),
        Error::NotOptedIn("project"),
        Error::NotMcp(text()),
        Error::Usage(text()),
        Error::Output(io()),
        Error::System { what: "", source: io() },
    ];
    let elsewhere = replica.into_iter().map(Error::from).chain(transport.into_iter().map(Error::from));
    let elsewhere = elsewhere.chain(accounts.into_iter().chain(failed).chain(readings).map(Error::from));
    elsewhere.chain(words.split_whitespace().map(|word| refused(word).into())).chain(own).collect()
}

#[test]
fn every_error_has_a_code_that_is_listed_once_with_the_exit_code_that_the_docs_say() {
    let all = every();
    let places: BTreeSet<usize> = all.iter().map(place).collect();
    assert_eq!(places, (0..SHOWN).collect(), "one of each");
    let docs = include_str!("../../../../docs/errors.md");
    for e in &all {
        assert!(CODES.contains(&e.code()), "{} is not listed", e.code());
        assert!(!e.help().is_empty(), "{}", e.code());
        let is_own = !matches!(e, Error::Agent(_));
        let row = format!("| `{}` | {} |", e.code(), e.exit());
        assert!(!is_own || docs.contains(&row), "docs/errors.md has no row {row}");
    }
    let listed: BTreeSet<&str> = CODES.iter().copied().collect();
    assert_eq!(listed.len(), CODES.len(), "a code is listed twice");
    // What comes from the API alone, or from nothing that can be made here.
    let elsewhere =
        "database-error unauthorized bad-host bad-reading no-such-path no-such-method too-long timeout ending";
    let made: BTreeSet<&str> = all.iter().map(Error::code).chain(elsewhere.split(' ')).collect();
    assert_eq!(listed.difference(&made).collect::<Vec<_>>(), Vec::<&&str>::new(), "listed, and nobody's");
}

#[test]
fn a_port_that_may_not_be_opened_is_none_that_is_taken() {
    let of = |kind: std::io::ErrorKind| Error::Port { port: 80, source: kind.into() };
    let (denied, taken) = (of(std::io::ErrorKind::PermissionDenied), of(std::io::ErrorKind::AddrInUse));
    assert_eq!((denied.code(), taken.code()), ("port-not-allowed", "port-in-use"));
    assert!(denied.help().contains("1024") && taken.help().contains("another port"));
}

#[test]
fn what_the_agent_says_ends_a_command_as_it_would_have_itself() {
    let e = Error::from(R::Full(PathBuf::from("x")));
    let told = Error::Agent(Problem::from(&e));
    assert_eq!(
        (told.code(), told.exit(), told.to_string(), told.help()),
        (e.code(), e.exit(), e.to_string(), e.help())
    );
}

#[test]
fn who_has_read_a_key_that_others_may_read_is_told_whose_turn_it_is() {
    let of = |name: &str| Error::SecretReadable(PathBuf::from(format!("/home/me/secrets/{name}"))).help();
    assert!(of("key-0123").contains("aimon account rekey") && !of("key-0123").contains("workspace"));
    assert!(of("device").contains("aimon workspace leave") && !of("device").contains("rekey"));
}

#[test]
fn no_option_is_named_that_a_command_does_not_have() {
    let of = |option| Error::Untyped { what: "", option }.help();
    assert_eq!(of("--new-from FILE"), "run it on a terminal, or with --new-from FILE");
    assert!(!of("--key-stdin").contains("--yes"));
}
