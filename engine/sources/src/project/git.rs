//! From a folder to the URL of its repository's remote, as far as a few small files say it. git itself is not asked: it may not be
//! there, and would take longer than all else.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// More than any of these files has.
const MOST: u64 = 1 << 20;
/// How far it is looked upwards.
const DEEPEST: usize = 64;

/// The URL of the remote of the repository that a folder lies in: `origin`'s, else the only one there is. A folder that is gone
/// lies in none: what is above it may be another repository.
pub(super) fn remote(folder: &Path, short: &Abbreviations) -> Option<String> {
    // What leads to another machine is not followed because a log says so.
    if !folder.is_absolute() || folder.to_str().is_some_and(|text| text.starts_with(r"\\") || text.starts_with("//")) {
        return None;
    }
    if !folder.is_dir() {
        return None;
    }
    let config = folder.ancestors().take(DEEPEST).find_map(config_of)?;
    let entries = entries(&read(&config)?);
    let urls = || entries.iter().filter(|e| e.section == "remote" && e.key == "url");
    let of = |name: &str| urls().find(|e| e.of == name).map(|e| e.value.clone());
    let url = match of("origin") {
        Some(url) => url,
        None => {
            let first = urls().next()?;
            // Several remotes, of which none is the one.
            if urls().any(|e| e.of != first.of) {
                return None;
            }
            first.value.clone()
        }
    };
    Some(short.with(&entries).expand(&url))
}

/// The configuration of the repository whose work tree begins in this folder.
fn config_of(folder: &Path) -> Option<PathBuf> {
    let dot = folder.join(".git");
    let is = fs::metadata(&dot).ok()?;
    let dir = match is.is_dir() {
        true => dot,
        // A work tree or a submodule: the file says where the rest is.
        false => folder.join(first_line(&read(&dot)?)?.strip_prefix("gitdir:")?.trim()),
    };
    let common = match read(&dir.join("commondir")) {
        Some(text) => dir.join(first_line(&text)?),
        None => dir,
    };
    let config = common.join("config");
    config.is_file().then_some(config)
}

fn first_line(text: &str) -> Option<&str> {
    text.lines().next().map(str::trim).filter(|line| !line.is_empty())
}

/// A small regular file: nothing else is waited for.
fn read(path: &Path) -> Option<String> {
    if !fs::metadata(path).ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    fs::File::open(path).ok()?.take(MOST).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// How URLs are abbreviated: `url.<whole>.insteadOf = <short>`.
#[derive(Clone, Debug, Default)]
pub(super) struct Abbreviations(Vec<(String, String)>);

impl Abbreviations {
    /// What the user has set for all repositories.
    pub(super) fn of_home(home: Option<&Path>) -> Self {
        let files = home.map(|home| [home.join(".config/git/config"), home.join(".gitconfig")]);
        let texts = files.into_iter().flatten().filter_map(|path| read(&path));
        texts.fold(Self::default(), |all, text| all.with(&entries(&text)))
    }

    fn with(&self, entries: &[Entry]) -> Self {
        let more = entries.iter().filter(|e| e.section == "url" && e.key == "insteadof" && !e.value.is_empty());
        let mut all = self.0.clone();
        all.extend(more.map(|e| (e.value.clone(), e.of.clone())));
        Self(all)
    }

    /// The URL that is meant: the longest abbreviation that it begins with is replaced.
    pub(super) fn expand(&self, url: &str) -> String {
        let fits = self.0.iter().filter(|(short, _)| url.starts_with(short.as_str()));
        match fits.max_by_key(|(short, _)| short.len()) {
            Some((short, whole)) => format!("{whole}{}", &url[short.len()..]),
            None => url.to_owned(),
        }
    }
}

/// `[section "of"] key = value`.
#[derive(Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) section: String,
    pub(super) of: String,
    pub(super) key: String,
    pub(super) value: String,
}

/// The entries of a configuration file, in their order. What can't be understood is stepped over.
pub(super) fn entries(text: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    let (mut section, mut of) = (String::new(), String::new());
    let mut lines = text.trim_start_matches('\u{feff}').lines();
    while let Some(line) = lines.next() {
        let mut line = line.trim();
        if let Some(rest) = line.strip_prefix('[') {
            let Some((head, behind)) = header(rest) else { continue };
            (section, of) = head;
            line = behind.trim();
        }
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        let (key, value) = line.split_once('=').unwrap_or((line, ""));
        let mut whole = value.trim().to_owned();
        // A backslash at the end: the value goes on.
        while whole.ends_with('\\') && !whole.ends_with(r"\\") {
            whole.pop();
            match lines.next() {
                Some(more) => whole.push_str(more),
                None => break,
            }
        }
        let key = key.trim().to_ascii_lowercase();
        entries.push(Entry { section: section.clone(), of: of.clone(), key, value: plain(&whole) });
    }
    entries
}

/// `section "of"]` or `section]`, and what stands behind it.
fn header(text: &str) -> Option<((String, String), &str)> {
    let name = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '.'))?;
    let (section, rest) = text.split_at(name);
    let section = section.to_ascii_lowercase();
    let rest = rest.trim_start();
    if let Some(behind) = rest.strip_prefix(']') {
        // The old way to write it.
        let (section, of) = section.split_once('.').map_or((section.as_str(), ""), |parts| parts);
        return Some(((section.to_owned(), of.to_owned()), behind));
    }
    let mut of = String::new();
    let mut chars = rest.strip_prefix('"')?.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                let behind = rest[at + 2..].trim_start().strip_prefix(']')?;
                return Some(((section, of), behind));
            }
            '\\' => of.push(chars.next()?.1),
            c => of.push(c),
        }
    }
    None
}

/// A value without its quotes, escapes and comment.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut is_quoted = false;
    // Blanks at the end are no part of it, unless they are quoted.
    let mut end = 0;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => is_quoted = !is_quoted,
            '#' | ';' if !is_quoted => break,
            '\\' => match chars.next() {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some('b') => {}
                Some(c) => out.push(c),
                None => break,
            },
            c => out.push(c),
        }
        if is_quoted || !c.is_whitespace() {
            end = out.len();
        }
    }
    out.truncate(end);
    out
}
