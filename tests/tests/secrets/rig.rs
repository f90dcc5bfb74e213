//! An account at a provider, and a search through all that was written.

use std::path::{Path, PathBuf};

use aimon_providers::{Clock, DAY, Key, KeyKind, Org, Plan, Provider, Server, Truth};
use aimon_tests::command::Said;
use aimon_tests::{Device, files};

/// What the provider takes: nothing else holds its middle.
pub const KEY: &str = "sk-admin-a-needle-in-all-that-is-written";

/// A provider that knows [`KEY`].
pub fn provider() -> Server {
    let now = i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
    let plan = Plan::of(Provider::OpenAi, 3, (now / DAY - 2) * DAY, 3);
    let keys = vec![Key::new(KeyKind::Admin, KEY)];
    Server::start(Provider::OpenAi, Org::named("acme"), Truth::generate(&plan), keys, Clock::at(now)).unwrap()
}

/// Adds the account.
pub fn add(device: &Device, server: &Server) -> Said {
    let base = format!("{}/v1", server.url().trim_end_matches('/'));
    device.tell(&["account", "add", "openai", "--base-url", &base, "--key-stdin", "--no-backfill"], KEY)
}

/// The files below some folders in which some bytes lie, as they are or in hexadecimal digits.
pub fn holding(folders: &[PathBuf], needle: &[u8]) -> Vec<PathBuf> {
    let hex: String = needle.iter().map(|b| format!("{b:02x}")).collect();
    let has = |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).any(|w| w == what);
    let all = folders.iter().flat_map(|folder| files::all(folder));
    let holds = |bytes: &[u8]| has(bytes, needle) || has(bytes, hex.as_bytes());
    all.filter(|(_, bytes)| holds(bytes)).map(|(path, _)| path).collect()
}

/// Runs every command that shows or writes something, at the loudest; gives all that was said, and the folder of what was exported.
pub fn everything(device: &Device) -> (String, PathBuf) {
    device.rig.env("AIMON_LOG", "trace").env("RUST_BACKTRACE", "full");
    let export = device.rig.path("export");
    let mut said = String::new();
    for args in [
        &["poll", "--force"][..],
        &["account", "list", "--json"],
        &["secrets", "show", "--json"],
        &["doctor", "--json"],
        &["doctor", "--rebuild"],
        &["status", "--json"],
        &["report", "daily", "--by", "key", "--json"],
        &["explain", "--json"],
        &["settings", "get", "--json"],
        &["workspace", "show", "--json"],
        &["sync"],
        &["no-such-command"],
        &["export", "--format", "jsonl", &export.join("lines").to_string_lossy()],
        &["export", "--format", "automerge", &export.join("documents").to_string_lossy()],
    ] {
        said += &format!("{:?}", device.tell(args, ""));
    }
    (said, export)
}

/// The folder of aimon's data.
pub fn home(device: &Device) -> PathBuf {
    device.rig.aimon_home()
}

/// A file that holds a passphrase as it should.
pub fn file(path: &Path, passphrase: &str) -> String {
    std::fs::write(path, passphrase).unwrap();
    #[cfg(unix)]
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    path.to_string_lossy().into_owned()
}
