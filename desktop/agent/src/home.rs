//! Where everything that aimon writes lies, and what the environment asks for.

use std::path::{Path, PathBuf};

use aimon_core::time::UtcMillis;
use aimon_replica::Options;
use etcetera::BaseStrategy;

use crate::error::{Error, Result};

/// The variable that names the folder.
pub const HOME: &str = "AIMON_HOME";
/// The replica's database in the folder: only ever asked whether it is there.
pub const DATABASE: &str = "aimon.db";
/// The variable that says how many days to keep; read at the first start.
pub const RETENTION: &str = "AIMON_RETENTION_DAYS";

/// `AIMON_HOME`, else the system's convention: `~/.local/share/aimon`,
/// `~/Library/Application Support/aimon`, `%APPDATA%\aimon`.
pub fn folder() -> Result<PathBuf> {
    if let Some(home) = std::env::var_os(HOME).filter(|v| !v.is_empty()) {
        return std::path::absolute(&home).map_err(|_| Error::NoHome);
    }
    let base = etcetera::base_strategy::choose_native_strategy().map_err(|_| Error::NoHome)?;
    Ok(base.data_dir().join("aimon"))
}

/// The demo's folder: beside the real one, never in it.
pub fn demo_folder() -> Result<PathBuf> {
    let home = folder()?;
    let name = home.file_name().map_or_else(|| "aimon".into(), |n| n.to_string_lossy().into_owned());
    // In a folder of the demo, `aimon demo` means that same folder.
    if crate::demo::is_demo(&home) {
        return Ok(home);
    }
    match home.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => Ok(parent.join(format!("{name}-demo"))),
        _ => Err(Error::NoHome),
    }
}

/// How the replica is opened.
pub fn options(now: UtcMillis) -> Result<Options> {
    let retention_days = match std::env::var_os(RETENTION).filter(|v| !v.is_empty()) {
        None => None,
        Some(text) => {
            let text = text.to_string_lossy();
            let days = text.trim().parse::<u64>().ok().filter(|d| aimon_core::retention::Retention::of(*d).is_some());
            Some(days.ok_or_else(|| Error::BadRetention(text.into_owned()))?)
        }
    };
    Ok(Options { now, retention_days })
}

/// Why nothing can be written to the folder, if so. Only writing something tells for certain: rights,
/// read-only disks and full ones all have their say.
pub fn unwritable(home: &Path) -> Option<aimon_replica::Error> {
    // A folder that is yet to be made is made in the nearest one that is there.
    let there = home.ancestors().find(|path| path.symlink_metadata().is_ok())?;
    if !there.is_dir() {
        let source =
            std::io::Error::new(std::io::ErrorKind::NotADirectory, format!("{} is no folder", there.display()));
        return Some(unusable(home, home, source));
    }
    let probe = there.join(format!(".aimon-{}.probe", std::process::id()));
    let written =
        std::fs::File::create_new(&probe).and_then(|mut file| std::io::Write::write_all(&mut file, &[b'?'; PROBE]));
    // Nothing is left of it, whatever became of it.
    let _ = std::fs::remove_file(&probe);
    written.err().map(|source| unusable(home, there, source))
}

/// As much as SQLite wants at once.
const PROBE: usize = 32 << 10;

/// A file in the folder that can't be written, in the words that every command has for that.
pub fn unusable(home: &Path, path: &Path, source: std::io::Error) -> aimon_replica::Error {
    match source.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            aimon_replica::Error::Full(home.to_owned())
        }
        _ => aimon_replica::Error::Home { path: path.to_owned(), source },
    }
}

/// Writes a file that only its owner may read; whole, or not at all. It is durable when this returns.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    use std::io::Write;
    let failed = |source| Error::Write { path: path.to_owned(), source };
    let part = path.with_extension("part");
    // What a crash has left may be somebody else's to read: rights are given where a file is made.
    match std::fs::remove_file(&part) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(failed(e)),
        _ => {}
    }
    let mut file = new_private(&part).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)?;
    drop(file);
    std::fs::rename(&part, path).map_err(failed)?;
    path.parent().map_or(Ok(()), sync_folder).map_err(failed)
}

/// Makes a file that only its owner may read, where there is none.
pub fn new_private(path: &Path) -> std::io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Makes durable which files a folder holds.
pub fn sync_folder(folder: &Path) -> std::io::Result<()> {
    // Windows keeps no such promise, and opens no folder.
    if cfg!(unix) { std::fs::File::open(folder)?.sync_all() } else { Ok(()) }
}
