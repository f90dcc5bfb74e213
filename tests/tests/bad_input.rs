//! Bad logs are skipped and counted; a bad place gets a clear error with a code and a way out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::PathBuf;

use aimon_generator::{Generated, Plan, Prng, generate};
use aimon_tests::command::Said;
use aimon_tests::{Rig, files, report, sqlite};

fn rig(seed: u64) -> (Rig, Generated) {
    let rig = Rig::new();
    let mut plan = Plan::truth(seed);
    plan.days = 10;
    let made = generate(&plan, &rig.path("machines")).unwrap();
    rig.home_is(&made.machines[0].home);
    (rig, made)
}

fn project(rig: &Rig) -> PathBuf {
    let folder = rig.home().join(".claude/projects/-home-ada-bad");
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn garbage_is_skipped_and_everything_else_counts() {
    let (rig, made) = rig(60);
    let mut rng = Prng::of(&[60]);
    let folder = project(&rig);
    let noise: Vec<u8> = (0..200_000).map(|_| rng.next() as u8).collect();
    files::put(&folder.join("binary.jsonl"), &noise);
    files::put(&folder.join("empty.jsonl"), b"");
    files::put(&folder.join("zeros.jsonl"), &vec![0; 100_000]);
    files::put(&folder.join("newlines.jsonl"), &vec![b'\n'; 100_000]);
    files::put(&folder.join("deep.jsonl"), format!("{}\"usage\"", "[".repeat(200_000)).as_bytes());
    files::put(
        &folder.join("latin1.jsonl"),
        b"{\"type\":\"assistant\",\"message\":{\"id\":\"\xe9\xff\",\"usage\":{}}}\n",
    );
    files::put(
        &folder.join("utf16.jsonl"),
        &"{\"usage\":1}\n".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>(),
    );
    let odd = [
        r#"{"type":"assistant","message":{"usage":{"input_tokens":-5}}}"#,
        r#"{"type":"assistant","timestamp":"yesterday","message":{"id":"m1","model":"x","usage":{"input_tokens":5}},"requestId":"r1"}"#,
        r#"{"type":"assistant","timestamp":"2026-10-30T00:00:00Z","message":{"id":"m2","model":"x","usage":{"input_tokens":"5"}},"requestId":"r2"}"#,
        r#"{"type":"assistant","message":[]}"#,
        r#"{"type":"assistant","message":{"usage":null}}"#,
        r#"[]"#,
        r#""usage""#,
        r#"{"usage":"#,
    ];
    files::put(&folder.join("odd.jsonl"), odd.join("\n").as_bytes());
    for place in
        [".codex/sessions/2026/10/30/rollout-2026-10-30T00-00-00-bad.jsonl", ".gemini/tmp/x/chats/session-bad.json"]
    {
        files::put(&rig.home().join(place), &noise);
    }
    files::put(&rig.home().join(".codex/sessions/2026/10/30/rollout-2026-10-30T00-00-01-bad.jsonl.zst"), &noise);
    files::put(&rig.home().join(".local/share/opencode/opencode-broken.db"), &noise);
    files::put(&rig.home().join(".local/share/opencode/storage/message/ses_bad/msg_bad.json"), b"{\"tokens\":");
    rig.scan().expect_everywhere(&made.truth);
}

#[test]
fn a_line_of_many_megabytes_hides_no_other() {
    let (rig, made) = rig(61);
    let folder = project(&rig);
    let mut text = String::from("{\"type\":\"user\",\"message\":{\"content\":\"");
    text.push_str(&"0123456789abcdef".repeat(3 << 20));
    text.push_str("\"}}\n");
    text.push_str(r#"{"type":"assistant","timestamp":"2026-11-01T10:00:00.000Z","sessionId":"s","requestId":"r","message":{"id":"m","model":"big","usage":{"input_tokens":7,"output_tokens":3}}}"#);
    text.push('\n');
    files::put(&folder.join("huge.jsonl"), text.as_bytes());
    rig.scan();
    let cells = rig.cells("UTC");
    let big: Vec<_> = cells.iter().filter(|((_, _, model), _)| model == "big").collect();
    assert!(matches!(big.as_slice(), [(_, f)] if f.input == 7 && f.output == 3), "{big:?}");
    let rest = cells.iter().filter(|((_, _, model), _)| model != "big").count();
    assert_eq!(rest, report::truth(&made.truth, "UTC").len());
}

#[test]
fn folders_that_are_not_there_are_no_error() {
    let rig = Rig::new();
    let said = rig.run(&["scan"]).fine();
    assert!(!format!("{}{}", said.out, said.err).contains("error["));
    let said = rig.run(&["report", "daily", "--json"]).fine();
    assert!(report::days(&said.out).is_empty());
    rig.env("CLAUDE_CONFIG_DIR", "/no/such/folder,").env("CODEX_HOME", ",,").run(&["scan"]).fine();
}

#[cfg(unix)]
#[test]
fn links_to_nowhere_and_in_circles_are_survived() {
    use std::os::unix::fs::symlink;
    let (rig, made) = rig(62);
    let folder = project(&rig);
    symlink("/no/such/file.jsonl", folder.join("dangling.jsonl")).unwrap();
    symlink(&folder, folder.join("loop")).unwrap();
    symlink(rig.home().join(".claude"), folder.join("up")).unwrap();
    symlink(folder.join("a.jsonl"), folder.join("b.jsonl")).unwrap();
    symlink(folder.join("b.jsonl"), folder.join("a.jsonl")).unwrap();
    symlink("../sessions", rig.home().join(".codex/sessions/again")).unwrap();
    rig.scan().expect_everywhere(&made.truth);
}

#[cfg(unix)]
#[test]
fn an_unreadable_file_is_reported_and_read_once_it_can_be() {
    use std::os::unix::fs::PermissionsExt as _;
    let (rig, made) = rig(63);
    let victim = files::all(&rig.home().join(".claude/projects")).remove(0).0;
    let victim = rig.home().join(".claude/projects").join(victim);
    fs::set_permissions(&victim, fs::Permissions::from_mode(0o000)).unwrap();
    let said = rig.run(&["scan"]).fine();
    // The superuser reads it all the same.
    if fs::read(&victim).is_err() {
        assert!(format!("{}{}", said.out, said.err).contains("read"), "not a word about it: {}", said.err);
        fs::set_permissions(&victim, fs::Permissions::from_mode(0o644)).unwrap();
        rig.scan();
    }
    rig.expect(&made.truth, "UTC");
    fs::set_permissions(&victim, fs::Permissions::from_mode(0o644)).unwrap();
}

#[cfg(unix)]
#[test]
fn a_folder_in_the_place_of_a_log_and_a_pipe_are_survived() {
    let (rig, made) = rig(64);
    fs::create_dir(project(&rig).join("folder.jsonl")).unwrap();
    let pipe = project(&rig).join("pipe.jsonl");
    // Reading a pipe that nobody writes to would wait for ever.
    let made_pipe = std::process::Command::new("mkfifo").arg(&pipe).status().is_ok_and(|s| s.success());
    let mut scan = rig.command(&["scan"]).stdout(std::process::Stdio::null()).spawn().unwrap();
    for _ in 0..600 {
        if scan.try_wait().unwrap().is_some() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let stuck = scan.try_wait().unwrap().is_none();
    let _ = scan.kill();
    scan.wait().unwrap();
    assert!(!stuck, "the scan waits for the pipe ({made_pipe})");
    rig.expect(&made.truth, "UTC");
}

#[test]
fn a_home_that_is_a_file_is_refused() {
    let (rig, _) = rig(65);
    let file = rig.path("file");
    fs::write(&file, b"mine").unwrap();
    rig.aimon_is(&file);
    rig.run(&["scan"]).refused("home-not-writable", 4);
    rig.aimon_is(&file.join("below"));
    rig.run(&["scan"]).refused("home-not-writable", 4);
    assert_eq!(fs::read(&file).unwrap(), b"mine");
}

#[cfg(target_os = "linux")]
#[test]
fn a_read_only_home_is_refused_and_still_read() {
    let (rig, made) = rig(66);
    rig.scan();
    let Some(mount) = Mount::read_only(&rig.aimon_home()) else {
        return unprivileged(&rig);
    };
    rig.run(&["scan"]).refused("home-not-writable", 4);
    rig.expect(&made.truth, "UTC");
    drop(mount);
    // The same with no log beside the database: whoever closes it last tidies up.
    assert_eq!(sqlite::check(&rig.aimon_home()), ["ok"]);
    assert!(!rig.aimon_home().join("aimon.db-wal").exists());
    let mount = Mount::read_only(&rig.aimon_home());
    rig.run(&["scan"]).refused("home-not-writable", 4);
    rig.expect(&made.truth, "UTC");
    let said = rig.run(&["report"]).fine();
    assert!(said.err.contains("showing what was recorded before"), "{said:?}");
    drop(mount);
    rig.scan().expect(&made.truth, "UTC");
}

/// Where nothing may be mounted, permissions do (and where the superuser may mount nothing, nothing does).
#[cfg(target_os = "linux")]
fn unprivileged(rig: &Rig) {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |m| fs::set_permissions(rig.aimon_home(), fs::Permissions::from_mode(m)).unwrap();
    mode(0o500);
    let denied = fs::write(rig.aimon_home().join("probe"), b"").is_err();
    let empty = rig.path("empty");
    fs::create_dir(&empty).unwrap();
    let said = rig.run(&["scan"]);
    mode(0o700);
    if denied {
        said.refused("home-not-writable", 4);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_refused_and_loses_nothing() {
    let (rig, made) = rig(67);
    let small = rig.path("small");
    fs::create_dir(&small).unwrap();
    rig.aimon_is(&small);
    let Some(_mount) = Mount::small(&small) else {
        return limited(&rig, &made);
    };
    rig.run(&["scan"]).refused("disk-full", 4);
    // What was kept is sound, and with room the rest comes.
    assert!(sqlite::check(&small).iter().all(|c| c == "ok"));
    assert!(
        std::process::Command::new("mount").args(["-o", "remount,size=64m"]).arg(&small).status().unwrap().success()
    );
    rig.scan().expect_everywhere(&made.truth);
}

/// Where nothing may be mounted, a limit on the size of files does much the same.
#[cfg(target_os = "linux")]
fn limited(rig: &Rig, made: &Generated) {
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 64; exec \"$0\" \"$@\""]);
    let scan = rig.command(&["scan"]);
    command.arg(scan.get_program()).args(scan.get_args()).env_clear();
    command.envs(scan.get_envs().filter_map(|(k, v)| Some((k, v?))));
    let said = Said::by(&mut command);
    assert_eq!(said.code, Some(4), "{}", said.err);
    assert!(said.err.contains("error["), "{}", said.err);
    rig.scan().expect_everywhere(&made.truth);
}

#[test]
fn a_damaged_database_is_named_and_nothing_is_thrown_away() {
    let (rig, _) = rig(68);
    rig.scan();
    let databases = sqlite::databases(&rig.aimon_home());
    for path in &databases {
        settled(path);
        let mut bytes = fs::read(path).unwrap();
        let middle = bytes.len().min(4096);
        bytes[..middle].fill(0x5a);
        fs::write(path, &bytes).unwrap();
    }
    let said = rig.run(&["report", "daily", "--json", "--no-scan"]);
    said.refused("database-damaged", 5);
    rig.run(&["scan"]).refused("database-damaged", 5);
    for path in &databases {
        assert!(path.exists(), "{} is gone", path.display());
    }
}

#[test]
fn a_damaged_page_in_the_middle_never_panics() {
    let (rig, made) = rig(69);
    rig.scan();
    let mut rng = Prng::of(&[69]);
    let path = sqlite::databases(&rig.aimon_home()).remove(0);
    settled(&path);
    let whole = fs::read(&path).unwrap();
    for _ in 0..12 {
        let mut bytes = whole.clone();
        let at = rng.range(100, whole.len() as u64 - 600) as usize;
        bytes[at..at + 512].iter_mut().for_each(|b| *b = rng.next() as u8);
        fs::write(&path, &bytes).unwrap();
        forgotten(&path);
        for args in [&["report", "daily", "--json", "--no-scan"][..], &["doctor"], &["scan"]] {
            // The doctor's findings are its output.
            let said = rig.run(args);
            let told = said.err.contains("error[") || said.out.contains("Wants attention");
            assert!(said.code == Some(0) || told, "{args:?}: {said:?}");
        }
    }
    fs::write(&path, &whole).unwrap();
    forgotten(&path);
    rig.scan().expect(&made.truth, "UTC");
}

#[test]
fn a_damaged_segment_is_read_again_from_its_logs() {
    let (rig, made) = rig(72);
    rig.scan();
    let path = sqlite::databases(&rig.aimon_home()).remove(0);
    let damage = "UPDATE changes SET bytes = zeroblob(length(bytes)) WHERE seq IN (SELECT seq FROM changes ORDER BY day LIMIT 2)";
    sqlite::ask(&path, damage).unwrap();
    rig.run(&["doctor", "--rebuild"]);
    rig.scan().expect_everywhere(&made.truth);
    let doctor = rig.run(&["doctor"]);
    assert!(doctor.out.contains("quarantined"), "{}", doctor.out);
}

#[test]
fn a_newer_database_is_refused_and_left_alone() {
    let (rig, made) = rig(70);
    rig.scan();
    let path = sqlite::databases(&rig.aimon_home()).remove(0);
    let version = sqlite::ask(&path, "SELECT CAST(user_version AS TEXT) FROM pragma_user_version").unwrap();
    sqlite::ask(&path, "PRAGMA user_version = 999").unwrap();
    rig.run(&["scan"]).refused("database-newer", 5);
    rig.run(&["report", "--no-scan"]).refused("database-newer", 5);
    sqlite::ask(&path, &format!("PRAGMA user_version = {version}")).unwrap();
    rig.scan().expect(&made.truth, "UTC");
}

#[test]
fn a_clock_far_ahead_shows_nothing_and_expires_nothing() {
    let (rig, made) = rig(71);
    rig.scan();
    let far = ["report", "daily", "--json", "--no-scan", "--timezone", "UTC", "--as-of", "2040-01-01"];
    assert!(report::days(&rig.run(&far).fine().out).is_empty());
    rig.expect(&made.truth, "UTC");
}

/// What aimon trusts of the time is years old: the clock has jumped. It says so, and everything is still there.
#[test]
fn a_clock_that_jumped_is_told_and_expires_nothing() {
    let (rig, made) = rig(73);
    rig.scan();
    let path = sqlite::databases(&rig.aimon_home()).remove(0);
    // 2020-01-01, as eight bytes of milliseconds.
    sqlite::ask(&path, "UPDATE meta SET value = x'00e8665e6f010000' WHERE key = 'time'").unwrap();
    for args in [&["scan"][..], &["report", "--json"]] {
        let said = rig.run(args).fine();
        assert!(said.err.contains("doctor --trust-clock"), "{args:?}: {}", said.err);
    }
    assert!(rig.run(&["doctor"]).fine().out.contains("--trust-clock"));
    rig.expect(&made.truth, "UTC");
}

#[test]
fn nonsense_on_the_command_line_is_refused() {
    let rig = Rig::new();
    rig.run(&["report", "--timezone", "Mars/Olympus"]).refused("bad-timezone", 2);
    rig.run(&["report", "--since", "2026-10-02", "--until", "2026-10-01"]).refused("empty-range", 2);
    rig.env("AIMON_RETENTION_DAYS", "5").run(&["scan"]).refused("bad-retention", 2);
    rig.env("AIMON_RETENTION_DAYS", "many").run(&["scan"]).refused("bad-retention", 2);
    rig.env("AIMON_RETENTION_DAYS", "180");
    for args in
        [&["report", "--since", "yesterweek"][..], &["frobnicate"], &["report", "--json", "--csv"], &["scan", "--fast"]]
    {
        assert_eq!(rig.run(args).code, Some(2), "{args:?}");
    }
}

/// Moves what stands in the write-ahead log into the database itself.
fn settled(path: &std::path::Path) {
    sqlite::ask(path, "PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
}

/// Removes the write-ahead log, which belongs to another state of the database.
fn forgotten(path: &std::path::Path) {
    for side in ["-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{side}", path.display()));
    }
}

/// A mount that ends with the test.
#[cfg(target_os = "linux")]
struct Mount(PathBuf);

#[cfg(target_os = "linux")]
impl Mount {
    fn small(at: &std::path::Path) -> Option<Self> {
        Self::by(at, &["-t", "tmpfs", "-o", "size=256k", "tmpfs"])
    }

    fn read_only(at: &std::path::Path) -> Option<Self> {
        let mount = Self::by(at, &["--bind", at.to_str()?])?;
        let again = std::process::Command::new("mount").args(["-o", "remount,ro,bind"]).arg(at).status();
        again.is_ok_and(|s| s.success()).then_some(mount)
    }

    fn by(at: &std::path::Path, args: &[&str]) -> Option<Self> {
        let quiet = std::process::Stdio::null();
        let done = std::process::Command::new("mount").args(args).arg(at).stderr(quiet).status();
        done.is_ok_and(|s| s.success()).then(|| Self(at.to_owned()))
    }
}

#[cfg(target_os = "linux")]
impl Drop for Mount {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Who copies only the database has everything: no figure is in its log alone once a scan has ended.
#[test]
fn a_copy_of_the_one_file_is_whole() {
    let (rig, made) = rig(71);
    rig.scan();
    for beside in ["aimon.db-wal", "aimon.db-shm"] {
        let _ = fs::remove_file(rig.aimon_home().join(beside));
    }
    rig.expect(&made.truth, "UTC");
}
