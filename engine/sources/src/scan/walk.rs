//! Which files there are, and which of them changed.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex};

use super::mark::{Mark, Marks};
use super::summary::{Found, RootSeen, Summary};
use super::{Held, Job, mark};
use crate::collector::{Collector, Env, FileKind, Root};

/// What a stat says. Compared for equality only: a clock may have jumped either way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Stat {
    pub size: u64,
    /// Nanoseconds since the Unix epoch.
    pub mtime: i64,
    /// Tells a replaced file from one that was written on; 0 where the system has none.
    pub inode: u64,
    /// Stands for the stat of the write-ahead log beside a database.
    pub beside: u64,
}

impl Stat {
    pub(crate) fn of(meta: &Metadata) -> Self {
        Self { size: meta.len(), mtime: mtime(meta), inode: inode(meta), beside: 0 }
    }

    pub(super) fn with_wal(self, path: &Path) -> Self {
        let mut wal = path.as_os_str().to_owned();
        wal.push("-wal");
        let Ok(meta) = fs::metadata(&wal) else { return self };
        let bytes = [meta.len().to_le_bytes(), mtime(&meta).to_le_bytes()].concat();
        Self { beside: mark::fingerprint(&bytes), ..self }
    }
}

#[cfg(unix)]
fn mtime(meta: &Metadata) -> i64 {
    use std::os::unix::fs::MetadataExt;
    meta.mtime().saturating_mul(1_000_000_000).saturating_add(meta.mtime_nsec())
}

#[cfg(not(unix))]
fn mtime(meta: &Metadata) -> i64 {
    let Ok(time) = meta.modified() else { return 0 };
    let nanos = |d: std::time::Duration| i64::try_from(d.as_nanos()).unwrap_or(i64::MAX);
    match time.duration_since(std::time::UNIX_EPOCH) {
        Ok(after) => nanos(after),
        Err(before) => -nanos(before.duration()),
    }
}

#[cfg(unix)]
fn inode(meta: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(meta)
}

#[cfg(not(unix))]
fn inode(_: &Metadata) -> u64 {
    0
}

/// The bytes of a path, without loss: the key of a file's mark.
pub(crate) fn key(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}

/// Walks all roots of all collectors, counts what there is, and returns what is to be read, oldest
/// first, so that one day's events are committed near each other; and the digests of the marks of
/// which neither the file nor the key is known.
pub(super) fn changed<'a>(
    collectors: &[&'a dyn Collector],
    env: &Env,
    marks: &Marks,
    summary: &mut Summary,
) -> (Vec<Job<'a>>, Vec<(&'static str, u64)>) {
    let mut unnamed = Vec::new();
    let jobs = Mutex::new(Vec::new());
    let damaged = Mutex::new(Vec::new());
    let (files, unchanged) = (AtomicU64::new(0), AtomicU64::new(0));
    let seen: Vec<_> = std::iter::repeat_with(|| AtomicBool::new(false)).take(marks.len()).collect();
    for &collector in collectors {
        let source = collector.kind();
        each_file(collector, env, summary, &|root, found| {
            files.fetch_add(1, Relaxed);
            let known = marks.get(source, key(&found.path));
            if let Some(known) = known {
                if let Some(seen) = seen.get(known.number) {
                    seen.store(true, Relaxed);
                }
                if known.stamp == mark::stamp(found.kind, found.stat) {
                    unchanged.fetch_add(1, Relaxed);
                    return;
                }
            }
            let mark = match known {
                None => Held::None,
                Some(known) => match &known.whole {
                    None => Held::Asked,
                    Some((_, bytes)) => match Mark::from_bytes(bytes) {
                        Some(mark) if mark.is_damaged_still(found.kind, found.stat) => {
                            return push(&damaged, found.path);
                        }
                        Some(mark) => Held::Whole(mark),
                        None => Held::None,
                    },
                },
            };
            let Entry { path, relative, kind, stat } = found;
            push(&jobs, Job { collector, root: Arc::clone(root), path, relative, kind, stat, mark });
        });
        let is_seen = |number: usize| seen.get(number).is_some_and(|seen| seen.load(Relaxed));
        for (digest, known) in marks.all(source).filter(|(_, known)| !is_seen(known.number)) {
            match &known.whole {
                Some((key, _)) => summary.vanished.push((source, key.clone())),
                None => unnamed.push((source, digest)),
            }
        }
    }
    summary.files += files.into_inner();
    summary.unchanged += unchanged.into_inner();
    for path in sorted(damaged) {
        summary.unreadable.add(path, DAMAGED.to_owned());
    }
    summary.vanished.sort_unstable();
    let mut jobs = jobs.into_inner().unwrap_or_default();
    jobs.sort_by(|a, b| (a.stat.mtime, &a.path).cmp(&(b.stat.mtime, &b.path)));
    (jobs, unnamed)
}

/// Why a damaged file is not read again.
pub(super) const DAMAGED: &str = "damaged, and unchanged since";

fn push<T>(all: &Mutex<Vec<T>>, one: T) {
    if let Ok(mut all) = all.lock() {
        all.push(one);
    }
}

fn sorted<T: Ord>(all: Mutex<Vec<T>>) -> Vec<T> {
    let mut all = all.into_inner().unwrap_or_default();
    all.sort_unstable();
    all
}

/// A log file that was found.
pub(crate) struct Entry {
    pub path: PathBuf,
    pub relative: PathBuf,
    pub kind: FileKind,
    pub stat: Stat,
}

/// Called for each file, on several threads, in no particular order.
type OnFile<'f> = dyn Fn(&Arc<Root>, Entry) + Sync + 'f;

/// Calls `on_file` for each of a collector's log files. A folder is entered once, by whatever
/// path it is met first; links are followed after everything that is no link, so that a file keeps
/// its own path where it has one.
pub(crate) fn each_file(collector: &dyn Collector, env: &Env, summary: &mut Summary, on_file: &OnFile<'_>) {
    let mut walked = Vec::new();
    for root in collector.roots(env) {
        let root = Arc::new(root);
        let found = match fs::canonicalize(&root.path).and_then(|real| Ok((fs::read_dir(&real)?, real))) {
            Err(error) if is_absent(&error) && !root.path.exists() => Found::Missing,
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => Found::Unreadable("not a folder".to_owned()),
            // With a folder above that may not be entered nobody knows what this is: the system's own words.
            Err(error) => Found::Unreadable(error.to_string()),
            Ok((_, real)) if is_walked(&walked, &real) => Found::Again,
            Ok((_, real)) => {
                let walk = Walk {
                    collector,
                    root: &root,
                    on_file,
                    files: AtomicU64::new(0),
                    unreadable: Mutex::default(),
                    links: Mutex::default(),
                };
                walk.all(real, &mut walked);
                for (path, reason) in sorted(walk.unreadable) {
                    summary.unreadable.add(path, reason);
                }
                Found::Files(walk.files.into_inner())
            }
        };
        if let Found::Unreadable(reason) = &found {
            summary.unreadable.add(root.path.clone(), reason.clone());
        }
        summary.roots.push(RootSeen { source: collector.kind(), path: root.path.clone(), why: root.why, found });
    }
}

struct Walk<'a> {
    collector: &'a dyn Collector,
    root: &'a Arc<Root>,
    on_file: &'a OnFile<'a>,
    files: AtomicU64,
    unreadable: Mutex<Vec<(PathBuf, String)>>,
    /// Links to folders, for later.
    links: Mutex<Vec<Folder>>,
}

/// A folder by the path that leads to it, by the one below the root, and by the real one.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Folder {
    path: PathBuf,
    relative: PathBuf,
    real: PathBuf,
}

/// Folders that wait, and how many are being read.
#[derive(Default)]
struct Queue {
    waiting: Vec<Folder>,
    busy: usize,
}

type Shared = (Mutex<Queue>, Condvar);

/// Held while a folder is read. Also when that panics, nobody waits for it for ever.
struct Busy<'a>(&'a Shared);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        if let Ok(mut queue) = self.0.0.lock() {
            queue.busy -= 1;
        }
        self.0.1.notify_all();
    }
}

/// With more folders waiting than this, other threads help: listing is the kernel's work, and it has
/// more than one core too.
const MANY: usize = 16;

impl Walk<'_> {
    /// `walked` holds the real paths of trees that were walked: roots, and folders behind links. What is
    /// below one was reached, as a tree is walked without its links first.
    fn all(&self, real: PathBuf, walked: &mut Vec<PathBuf>) {
        walked.push(real.clone());
        self.tree(Folder { path: self.root.path.clone(), relative: PathBuf::new(), real }, walked);
        loop {
            let mut links = self.links.lock().map(|mut links| std::mem::take(&mut *links)).unwrap_or_default();
            if links.is_empty() {
                return;
            }
            links.sort_unstable();
            for folder in links {
                if !is_walked(walked, &folder.real) {
                    walked.push(folder.real.clone());
                    self.tree(folder, walked);
                }
            }
        }
    }

    fn tree(&self, top: Folder, walked: &[PathBuf]) {
        let mut waiting = vec![top];
        while let Some(folder) = waiting.pop() {
            self.folder(&folder, walked, &mut waiting);
            if waiting.len() > MANY {
                let shared = (Mutex::new(Queue { waiting, busy: 0 }), Condvar::new());
                let threads = std::thread::available_parallelism().map_or(1, usize::from).min(4);
                std::thread::scope(|scope| {
                    for _ in 1..threads {
                        scope.spawn(|| self.help(&shared, walked));
                    }
                    self.help(&shared, walked);
                });
                return;
            }
        }
    }

    fn help(&self, shared: &Shared, walked: &[PathBuf]) {
        let mut found = Vec::new();
        let Ok(mut queue) = shared.0.lock() else { return };
        loop {
            let Some(folder) = queue.waiting.pop() else {
                if queue.busy == 0 {
                    return;
                }
                match shared.1.wait(queue) {
                    Ok(again) => queue = again,
                    Err(_) => return,
                }
                continue;
            };
            queue.busy += 1;
            drop(queue);
            let busy = Busy(shared);
            self.folder(&folder, walked, &mut found);
            match shared.0.lock() {
                Ok(mut queue) => queue.waiting.append(&mut found),
                Err(_) => return,
            }
            drop(busy);
            match shared.0.lock() {
                Ok(again) => queue = again,
                Err(_) => return,
            }
        }
    }

    fn folder(&self, folder: &Folder, walked: &[PathBuf], folders: &mut Vec<Folder>) {
        let entries = match fs::read_dir(&folder.path) {
            Ok(entries) => entries,
            Err(error) if is_absent(&error) => return,
            Err(error) => return push(&self.unreadable, (folder.path.clone(), error.to_string())),
        };
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => return push(&self.unreadable, (folder.path.clone(), error.to_string())),
            };
            let Ok(kind) = entry.file_type() else { continue };
            let name = entry.file_name();
            let relative = folder.relative.join(&name);
            if kind.is_dir() {
                let real = folder.real.join(&name);
                // A tree that a link led to may hold one that was walked.
                if self.collector.descends(self.root, &relative) && !walked.contains(&real) {
                    folders.push(Folder { path: folder.path.join(&name), relative, real });
                }
            } else if kind.is_file() {
                if let Some(kind) = self.collector.accepts(self.root, &relative) {
                    self.file(folder.path.join(&name), relative, kind, entry.metadata());
                }
            } else if kind.is_symlink() {
                let path = folder.path.join(&name);
                // A link that leads nowhere is as good as no file.
                let Ok(meta) = fs::metadata(&path) else { continue };
                if meta.is_dir() {
                    if self.collector.descends(self.root, &relative)
                        && let Ok(real) = fs::canonicalize(&path)
                    {
                        push(&self.links, Folder { path, relative, real });
                    }
                } else if let Some(kind) = self.collector.accepts(self.root, &relative)
                    && meta.is_file()
                {
                    self.file(path, relative, kind, Ok(meta));
                }
            }
        }
    }

    fn file(&self, path: PathBuf, relative: PathBuf, kind: FileKind, meta: io::Result<Metadata>) {
        let stat = match meta {
            Ok(meta) => Stat::of(&meta),
            Err(error) if is_absent(&error) => return,
            Err(error) => return push(&self.unreadable, (path, error.to_string())),
        };
        let stat = if kind == FileKind::Database { stat.with_wal(&path) } else { stat };
        self.files.fetch_add(1, Relaxed);
        (self.on_file)(self.root, Entry { path, relative, kind, stat });
    }
}

fn is_walked(walked: &[PathBuf], real: &Path) -> bool {
    walked.iter().any(|tree| real.starts_with(tree))
}

/// Whether there is simply nothing, also because a part of the path is no folder.
pub(super) fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
