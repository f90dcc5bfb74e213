#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;

use super::*;

fn pace() -> Pace {
    Pace {
        rescan: Duration::from_secs(600),
        unwatched: Duration::from_millis(200),
        missing: Duration::from_millis(200),
        quiet: Duration::from_millis(50),
        latest: Duration::from_millis(500),
    }
}

fn start(roots: &[&Path], pace: Pace) -> (Watch, Receiver<Tick>) {
    let (sender, receiver) = unbounded();
    let roots = roots.iter().map(|root| root.to_path_buf()).collect();
    let watch = Watch::start(roots, pace, move |tick| drop(sender.send(tick))).unwrap();
    (watch, receiver)
}

const SOON: Duration = Duration::from_secs(5);

#[test]
fn a_log_that_appears_makes_a_tick() {
    let home = tempfile::tempdir().unwrap();
    let (watch, ticks) = start(&[home.path()], pace());
    fs::write(home.path().join("a.jsonl"), "x").unwrap();
    assert_eq!(ticks.recv_timeout(SOON), Ok(Tick::Changed(vec![home.path().to_owned()])));
    assert_eq!(watch.notes(), Vec::<String>::new());
    // In a folder that was not there either.
    fs::create_dir_all(home.path().join("b/c")).unwrap();
    fs::write(home.path().join("b/c/d.jsonl"), "x").unwrap();
    assert!(ticks.recv_timeout(SOON).is_ok());
    drop(watch);
    assert!(ticks.try_iter().count() < 3);
    assert!(ticks.recv_timeout(SOON).is_err());
}

#[test]
fn a_root_that_appears_goes_and_comes_back_is_watched() {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().join("later/projects");
    let (_watch, ticks) = start(&[&root], pace());
    for round in 0..2 {
        fs::create_dir_all(&root).unwrap();
        assert_eq!(ticks.recv_timeout(SOON), Ok(Tick::Changed(vec![root.clone()])), "{round}");
        std::thread::sleep(Duration::from_millis(300));
        while ticks.try_recv().is_ok() {}
        fs::write(root.join("a.jsonl"), "x").unwrap();
        assert_eq!(ticks.recv_timeout(SOON), Ok(Tick::Changed(vec![root.clone()])), "{round}");
        fs::remove_dir_all(home.path().join("later")).unwrap();
        std::thread::sleep(Duration::from_millis(900));
        while ticks.try_recv().is_ok() {}
    }
}

#[test]
fn a_root_that_is_made_anew_at_once_is_watched() {
    let home = tempfile::tempdir().unwrap();
    let root = home.path().join("projects");
    fs::create_dir(&root).unwrap();
    let (_watch, ticks) = start(&[&root], pace());
    let rounds: [&dyn Fn(); 2] =
        [&|| fs::remove_dir_all(&root).unwrap(), &|| fs::rename(&root, home.path().join("old")).unwrap()];
    for (round, remove) in rounds.iter().enumerate() {
        remove();
        fs::create_dir(&root).unwrap();
        assert_eq!(ticks.recv_timeout(SOON), Ok(Tick::Changed(vec![root.clone()])), "{round}");
        std::thread::sleep(Duration::from_millis(700));
        while ticks.try_recv().is_ok() {}
        fs::write(root.join("a.jsonl"), "x").unwrap();
        assert_eq!(ticks.recv_timeout(SOON), Ok(Tick::Changed(vec![root.clone()])), "{round}");
        std::thread::sleep(Duration::from_millis(700));
        while ticks.try_recv().is_ok() {}
    }
    // The one that lies elsewhere now is nobody's concern.
    fs::write(home.path().join("old/b.jsonl"), "x").unwrap();
    assert!(ticks.recv_timeout(Duration::from_millis(600)).is_err());
}

#[test]
fn many_changes_make_few_ticks_and_reading_none() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("a"), "x").unwrap();
    let (_watch, ticks) = start(&[home.path()], pace());
    for n in 0..300 {
        fs::write(home.path().join(format!("{n}.jsonl")), "x").unwrap();
    }
    assert!(ticks.recv_timeout(SOON).is_ok());
    std::thread::sleep(Duration::from_millis(700));
    assert!(ticks.try_iter().count() <= 3);
    fs::read(home.path().join("a")).unwrap();
    assert!(ticks.recv_timeout(Duration::from_millis(400)).is_err());
}

#[test]
fn rescans_come_by_themselves() {
    let home = tempfile::tempdir().unwrap();
    let (_watch, ticks) = start(&[home.path()], Pace { rescan: Duration::from_millis(300), ..pace() });
    assert_eq!(ticks.recv_timeout(SOON), Ok(Tick::Rescan));
    assert_eq!(ticks.recv_timeout(SOON), Ok(Tick::Rescan));
}

#[test]
fn without_a_watcher_there_are_rescans_and_a_note() {
    let home = tempfile::tempdir().unwrap();
    let (sender, receiver) = unbounded();
    let notes = Arc::new(Mutex::new(Vec::new()));
    let mut watching = Watching::new(vec![home.path().to_owned()], pace(), sender, Arc::clone(&notes));
    watching.watcher = None;
    assert_eq!(watching.arm(), [home.path().to_owned()]);
    assert_eq!(watching.interval(), pace().unwatched);
    drop(receiver);
}
