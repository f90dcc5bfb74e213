//! Logs that come and go: copied, shuffled, written piece by piece.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use aimon_generator::Prng;

/// A file below a folder: its path inside it, and its bytes.
pub type File = (PathBuf, Vec<u8>);

/// Every file below `dir`, by path.
pub fn all(dir: &Path) -> Vec<File> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push((path.strip_prefix(dir).unwrap().to_owned(), fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// Writes a file and the folders above it.
pub fn put(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Appends to a file that may not exist yet.
pub fn append(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::File::options().create(true).append(true).open(path).unwrap().write_all(bytes).unwrap();
}

/// Copies everything below `from` to `to`.
pub fn copy(from: &Path, to: &Path) {
    for (path, bytes) in all(from) {
        put(&to.join(path), &bytes);
    }
}

/// Gives a file any time of the last three years.
pub fn any_time(path: &Path, rng: &mut Prng) {
    let ago = Duration::from_secs(rng.below(3 * 365 * 86_400));
    let time = SystemTime::now() - ago;
    fs::File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
}

/// The same logs, growing: each step appends some bytes to some files, cut anywhere, inside lines
/// and letters too. What can't grow (databases, compressed files) comes whole.
pub struct Growing {
    left: Vec<(PathBuf, Vec<u8>, usize)>,
    rng: Prng,
}

impl Growing {
    /// All files below `from`, none of them written yet.
    pub fn of(from: &Path, seed: u64) -> Self {
        let left = all(from).into_iter().map(|(path, bytes)| (path, bytes, 0)).collect();
        Self { left, rng: Prng::of(&[seed, 0x67]) }
    }

    /// Appends to about one in `one_in` files; with 1, everything that is left.
    pub fn step(&mut self, to: &Path, one_in: u64) {
        let rng = &mut self.rng;
        rng.shuffle(&mut self.left);
        self.left.retain_mut(|(path, bytes, done)| {
            if rng.below(one_in) > 0 {
                return true;
            }
            let grows = path.extension().is_some_and(|e| e == "jsonl");
            let end = if one_in == 1 || !grows || rng.chance(300) {
                bytes.len()
            } else {
                *done + rng.below((bytes.len() - *done) as u64 + 1) as usize
            };
            append(&to.join(&*path), &bytes[*done..end]);
            *done = end;
            end < bytes.len()
        });
    }

    /// Whether every byte is written.
    pub fn is_done(&self) -> bool {
        self.left.is_empty()
    }
}
