//! Export: plain Automerge documents that any Automerge opens.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use aimon_core::segment;
use aimon_core::time::UtcDay;

use crate::{Error, Replica, changes, database};

impl Replica {
    /// Makes `dir` and writes one `.automerge` file per segment into it. Returns how many.
    ///
    /// # Errors
    /// [`Error::Home`] with the path that could not be written, [`Error::NoKeys`] in a workspace whose keys are not there.
    pub async fn export(&mut self, dir: &Path) -> Result<u64, Error> {
        self.need_keys()?;
        let home = self.home.clone();
        let fail = |e| database::error(&home, e);
        std::fs::create_dir_all(dir).map_err(|source| Error::Home { path: dir.to_owned(), source })?;
        let mut files = 0;
        for day in changes::days(&mut self.db, (UtcDay(i32::MIN), UtcDay(i32::MAX))).await.map_err(fail)? {
            let mut segments: BTreeMap<_, Vec<_>> = BTreeMap::new();
            for row in changes::of_day(&mut self.db, day).await.map_err(fail)? {
                // A row that cannot be read is no part of any document; `doctor` shows it.
                if let Ok(Some(content)) = row.content(&self.ring)
                    && let Ok(changes) = segment::changes(&content)
                {
                    segments.entry((row.place.device, row.place.part)).or_default().push(changes);
                }
            }
            for ((device, part), rows) in segments {
                let document = segment::whole(rows).map_err(|e| Error::Events(e.to_string()))?;
                let path = dir.join(format!("{day}_{device}_{part}.automerge"));
                write(&path, &document).map_err(|source| Error::Home { path: path.clone(), source })?;
                files += 1;
            }
        }
        Ok(files)
    }
}

/// Only for its owner to read: whoever wants to show it to others copies it.
fn write(path: &Path, document: &[u8]) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(document)
}
