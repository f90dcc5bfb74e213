use std::path::PathBuf;

use aimon_core::sync::SyncError as S;
use aimon_replica::Error as R;
use aimon_replica::transport::Error as T;

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
        (R::Sync(S::TooLarge), exit::FAILURE),
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
        (T::Unreachable { relay: relay(), why: String::new() }, exit::FAILURE),
        (T::Ended, exit::FAILURE),
        (T::Tls { relay: relay(), why: String::new() }, exit::FAILURE),
        (T::NotARelay { address: relay(), why: String::new() }, exit::FAILURE),
        (T::Protocol(String::new()), exit::FAILURE),
        (T::Challenge(String::new()), exit::FAILURE),
        (T::NoFolder(path()), exit::FAILURE),
        (T::NotAFolder(path()), exit::FAILURE),
        (T::NewerFolder(path()), exit::FAILURE),
        (T::Folder { path: path(), source: io() }, exit::FAILURE),
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
        (Error::Keychain(String::new()), exit::FAILURE),
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
    ];
    for (e, code) in own {
        assert_eq!(e.exit(), code, "{e}");
        assert!(CODES.contains(&e.code()) && !e.help().is_empty(), "{e}");
    }
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
