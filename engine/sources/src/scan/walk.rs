//! Which files there are, and which of them changed.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::mark::{Mark, Marks, Outcome};
use super::summary::{Found, RootSeen, Summary};
use super::{Job, mark};
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
/// first, so that one day's events are committed near each other.
pub(super) fn changed<'a>(
    collectors: &[&'a dyn Collector],
    env: &Env,
    marks: &Marks,
    summary: &mut Summary,
) -> Vec<Job<'a>> {
    let mut jobs = Vec::new();
    let mut seen = vec![false; marks.len()];
    for &collector in collectors {
        let source = collector.kind();
        each_file(collector, env, summary, &mut |root, found, summary| {
            summary.files += 1;
            let mark = marks.get(source, key(&found.path)).and_then(|(number, mark)| {
                if let Some(seen) = seen.get_mut(number) {
                    *seen = true;
                }
                Mark::from_bytes(mark)
            });
            match &mark {
                Some(mark) if mark.kind == found.kind && mark.stat == found.stat => match mark.outcome {
                    Outcome::Complete => return summary.unchanged += 1,
                    Outcome::Damaged => {
                        return summary.unreadable.add(found.path, "damaged, and unchanged since".to_owned());
                    }
                    Outcome::Partial => {}
                },
                _ => {}
            }
            let Entry { path, relative, kind, stat } = found;
            jobs.push(Job { collector, root: Arc::clone(root), path, relative, kind, stat, mark });
        });
        let vanished = marks.keys(source).filter(|(number, _)| !seen.get(*number).copied().unwrap_or_default());
        summary.vanished.extend(vanished.map(|(_, key)| (source, key.to_vec())));
    }
    jobs.sort_by(|a, b| (a.stat.mtime, &a.path).cmp(&(b.stat.mtime, &b.path)));
    jobs
}

/// A log file that was found.
pub(crate) struct Entry {
    pub path: PathBuf,
    pub relative: PathBuf,
    pub kind: FileKind,
    pub stat: Stat,
}

type OnFile<'f> = dyn FnMut(&Arc<Root>, Entry, &mut Summary) + 'f;

/// Calls `on_file` for each of a collector's log files. A folder is entered once, by whatever
/// path it is met first; links are followed after everything that is no link, so that a file keeps
/// its own path where it has one.
pub(crate) fn each_file(collector: &dyn Collector, env: &Env, summary: &mut Summary, on_file: &mut OnFile<'_>) {
    let mut walked = Vec::new();
    for root in collector.roots(env) {
        let root = Arc::new(root);
        let found = match fs::canonicalize(&root.path).and_then(|real| Ok((fs::read_dir(&real)?, real))) {
            Err(error) if is_absent(&error) && !root.path.exists() => Found::Missing,
            Err(error) => Found::Unreadable(if root.path.is_dir() { error.to_string() } else { "not a folder".to_owned() }),
            Ok((_, real)) if is_walked(&walked, &real) => Found::Again,
            Ok((entries, real)) => {
                let mut walk = Walk { collector, root: &root, walked: &mut walked, summary, on_file, files: 0 };
                walk.tree(real, entries);
                Found::Files(walk.files)
            }
        };
        if let Found::Unreadable(reason) = &found {
            summary.unreadable.add(root.path.clone(), reason.clone());
        }
        summary.roots.push(RootSeen { source: collector.kind(), path: root.path.clone(), why: root.why, found });
    }
}

struct Walk<'a, 'f> {
    collector: &'a dyn Collector,
    root: &'a Arc<Root>,
    /// Real paths of the trees that were walked: roots, and folders behind links. What is below one
    /// was reached, as a tree is walked without its links first.
    walked: &'a mut Vec<PathBuf>,
    summary: &'a mut Summary,
    on_file: &'a mut OnFile<'f>,
    files: u64,
}

/// A folder by the path that leads to it, by the one below the root, and by the real one.
struct Folder {
    path: PathBuf,
    relative: PathBuf,
    real: PathBuf,
}

impl Walk<'_, '_> {
    fn tree(&mut self, real: PathBuf, entries: fs::ReadDir) {
        let mut folders = Vec::new();
        let mut links = Vec::new();
        self.walked.push(real.clone());
        let top = Folder { path: self.root.path.clone(), relative: PathBuf::new(), real };
        self.folder(&top, entries, &mut folders, &mut links);
        loop {
            let folder = match folders.pop() {
                // A tree that a link led to may hold one that was walked.
                Some(folder) if self.walked.contains(&folder.real) => continue,
                Some(folder) => folder,
                None => match links.pop() {
                    Some(folder) if is_walked(self.walked, &folder.real) => continue,
                    Some(folder) => {
                        self.walked.push(folder.real.clone());
                        folder
                    }
                    None => return,
                },
            };
            match fs::read_dir(&folder.path) {
                Ok(entries) => self.folder(&folder, entries, &mut folders, &mut links),
                Err(error) if is_absent(&error) => {}
                Err(error) => self.summary.unreadable.add(folder.path, error.to_string()),
            }
        }
    }

    fn folder(
        &mut self,
        folder: &Folder,
        entries: fs::ReadDir,
        folders: &mut Vec<Folder>,
        links: &mut Vec<Folder>,
    ) {
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    self.summary.unreadable.add(folder.path.clone(), error.to_string());
                    return;
                }
            };
            let Ok(kind) = entry.file_type() else { continue };
            let name = entry.file_name();
            let relative = folder.relative.join(&name);
            if kind.is_dir() {
                if self.collector.descends(self.root, &relative) {
                    let real = folder.real.join(&name);
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
                        links.push(Folder { path, relative, real });
                    }
                } else if let Some(kind) = self.collector.accepts(self.root, &relative)
                    && meta.is_file()
                {
                    self.file(path, relative, kind, Ok(meta));
                }
            }
        }
    }

    fn file(&mut self, path: PathBuf, relative: PathBuf, kind: FileKind, meta: io::Result<Metadata>) {
        let stat = match meta {
            Ok(meta) => Stat::of(&meta),
            Err(error) if is_absent(&error) => return,
            Err(error) => return self.summary.unreadable.add(path, error.to_string()),
        };
        let stat = if kind == FileKind::Database { stat.with_wal(&path) } else { stat };
        self.files += 1;
        (self.on_file)(self.root, Entry { path, relative, kind, stat }, self.summary);
    }
}

fn is_walked(walked: &[PathBuf], real: &Path) -> bool {
    walked.iter().any(|tree| real.starts_with(tree))
}

/// Whether there is simply nothing, also because a part of the path is no folder.
pub(super) fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
