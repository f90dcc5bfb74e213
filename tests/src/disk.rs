//! A disk that loses power, and with it what was written and not synced.
//!
//! `fault/unsynced.c` is preloaded into every command of a [`Rig`] and keeps a second folder beside the one
//! that is written to: what was synced, and nothing else. [`Disk::lose_power`] puts that in the first one's place.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use aimon_generator::Prng;

use crate::{Rig, files};

const LAYER: &str = include_str!("../fault/unsynced.c");
/// What is left of a copy that a kill cut short.
const PART: &str = "part~";
/// What a disk writes at once.
const BLOCK: usize = 4096;

/// How much of what was not synced reaches the disk all the same.
#[derive(Clone, Copy, Debug)]
pub enum Loss {
    /// Nothing.
    All,
    /// Of each file all or nothing.
    Files,
    /// Of each file any blocks.
    Blocks,
}

impl Loss {
    /// Each of them.
    pub const EACH: [Self; 3] = [Self::All, Self::Files, Self::Blocks];
}

/// The disk below a rig's data folder.
#[derive(Debug)]
pub struct Disk {
    live: PathBuf,
    synced: PathBuf,
}

impl Disk {
    /// From here on, `rig`'s commands write to this disk, under the fault layer.
    ///
    /// # Panics
    /// Without a C compiler, which building SQLite needs too.
    pub fn below(rig: &Rig) -> Self {
        // The layer compares paths as the system tells them.
        let folder = |name: &str| {
            let folder = rig.path(name);
            fs::create_dir_all(&folder).unwrap();
            folder.canonicalize().unwrap()
        };
        let disk = Self { live: folder("live"), synced: folder("synced") };
        let (source, library) = (rig.path("unsynced.c"), rig.path("unsynced.so"));
        fs::write(&source, LAYER).unwrap();
        let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
        let mut cc = Command::new(&compiler);
        cc.args(["-shared", "-fPIC", "-O1", "-o"]).args([&library, &source]).arg("-ldl");
        let said = cc.output().unwrap_or_else(|e| panic!("the fault layer needs a C compiler ({compiler}): {e}"));
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        rig.env("LD_PRELOAD", library.to_str().unwrap());
        rig.env("AIMON_FAULT_LIVE", disk.live.to_str().unwrap());
        rig.env("AIMON_FAULT_SHADOW", disk.synced.to_str().unwrap());
        rig.aimon_is(&disk.live.join("aimon"));
        disk
    }

    /// Throws everything away: a new disk.
    pub fn wipe(&self) {
        for folder in [&self.live, &self.synced] {
            fs::remove_dir_all(folder).unwrap();
            fs::create_dir(folder).unwrap();
        }
    }

    /// The power goes and comes back.
    pub fn lose_power(&self, loss: Loss, rng: &mut Prng) {
        let (written, synced) = (held(&self.live), held(&self.synced));
        self.wipe();
        let paths: BTreeSet<&PathBuf> = written.iter().chain(&synced).map(|(path, _)| path).collect();
        for path in paths {
            // SQLite's index of the log is memory shared by processes: none is left.
            if path.to_string_lossy().ends_with("-shm") {
                continue;
            }
            let of = |files: &[files::File]| files.iter().find(|(p, _)| p == path).map(|(_, bytes)| bytes.clone());
            let (new, old) = (of(&written), of(&synced));
            let found = match loss {
                Loss::All => old,
                Loss::Files => {
                    if rng.below(2) == 0 {
                        new
                    } else {
                        old
                    }
                }
                Loss::Blocks if rng.below(2) == 0 => mixed(new, old.as_deref(), rng),
                Loss::Blocks => mixed(old, new.as_deref(), rng),
            };
            if let Some(bytes) = found {
                for folder in [&self.live, &self.synced] {
                    files::put(&folder.join(path), &bytes);
                }
            }
        }
    }

    /// Whether anything was ever synced: the layer is in the way, and sees the command's calls.
    pub fn has_synced(&self) -> bool {
        !held(&self.synced).is_empty()
    }
}

fn held(folder: &Path) -> Vec<files::File> {
    let mut files = files::all(folder);
    files.retain(|(path, _)| path.extension().is_none_or(|e| !e.to_string_lossy().ends_with(PART)));
    files
}

/// A file with some blocks of another state of it.
fn mixed(file: Option<Vec<u8>>, other: Option<&[u8]>, rng: &mut Prng) -> Option<Vec<u8>> {
    let mut bytes = file?;
    let other = other.unwrap_or_default();
    for (at, block) in bytes.chunks_mut(BLOCK).enumerate() {
        if rng.below(2) == 0 {
            // A block that was never written holds zeros.
            let theirs = other.get(at * BLOCK..).unwrap_or_default();
            for (i, byte) in block.iter_mut().enumerate() {
                *byte = theirs.get(i).copied().unwrap_or(0);
            }
        }
    }
    Some(bytes)
}
