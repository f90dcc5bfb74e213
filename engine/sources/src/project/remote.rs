//! A remote's URL, in the one form that all ways to write it have in common.

use std::fmt;

/// Eight bytes of BLAKE3 over a normalized remote.
pub type ProjectId = [u8; 8];

/// What the hash is for: no other hash of the same text is like it.
const CONTEXT: &str = "aimon 2026-11 project of a git remote";

/// The longest URL that is looked at.
const LONGEST: usize = 2048;

/// Hosts that don't tell upper from lower case in paths.
const CASELESS: [&str; 5] = ["github.com", "gitlab.com", "bitbucket.org", "codeberg.org", "dev.azure.com"];

/// A remote, without anything that says how it is reached: `github.com/owner/repository`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Remote {
    host: String,
    path: String,
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.path)
    }
}

impl Remote {
    /// Reads a URL, or `user@host:path`. `None` for what means something on one machine only, such as a folder.
    pub fn parse(url: &str) -> Option<Self> {
        let url = url.trim();
        if url.len() > LONGEST || url.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return None;
        }
        let (authority, path, port) = match url.split_once("://") {
            Some((scheme, rest)) => {
                let port = port_of(scheme)?;
                let rest = rest.split(['?', '#']).next().unwrap_or_default();
                let (authority, path) = rest.split_once('/')?;
                (authority, path, port)
            }
            None => {
                let (authority, path) = scp(url)?;
                (authority, path, "22")
            }
        };
        // Whoever asks, and with which password, is no part of what is asked for.
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let (host, given) = match host.rsplit_once(':') {
            // An IPv6 address has colons of its own, in brackets.
            Some((name, given)) if !given.contains(']') => (name, given),
            _ => (host, ""),
        };
        let mut host = host.trim_end_matches('.').to_ascii_lowercase();
        if host.is_empty() || (!given.is_empty() && !given.bytes().all(|b| b.is_ascii_digit())) {
            return None;
        }
        let mut path = clean(path)?;
        // Doors of their own for SSH, where the usual one is shut.
        let is_default = given.is_empty() || given == port;
        match (host.as_str(), is_default || given == "443") {
            ("ssh.github.com", true) => host = "github.com".to_owned(),
            ("altssh.gitlab.com", true) => host = "gitlab.com".to_owned(),
            ("altssh.bitbucket.org", true) => host = "bitbucket.org".to_owned(),
            ("ssh.dev.azure.com", true) => {
                host = "dev.azure.com".to_owned();
                path = path.strip_prefix("v3/").unwrap_or(&path).to_owned();
            }
            ("dev.azure.com", true) => path = path.replacen("/_git/", "/", 1),
            _ if !is_default => host = format!("{host}:{}", given.trim_start_matches('0')),
            _ => {}
        }
        if CASELESS.contains(&host.as_str()) {
            path = path.to_lowercase();
        }
        Some(Self { host, path })
    }

    /// By what events know it.
    pub fn id(&self) -> ProjectId {
        let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
        hasher.update(self.to_string().as_bytes());
        let mut id = [0; 8];
        id.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
        id
    }

    /// The last part of its path.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// The last two parts, for where another project has the same name.
    pub fn long_name(&self) -> &str {
        let mut parts = self.path.rmatch_indices('/').map(|(at, _)| at + 1);
        parts.nth(1).map_or(&self.path, |at| &self.path[at..])
    }
}

/// The port that need not be said. `None` for a scheme that reaches no other machine, or that nobody knows.
fn port_of(scheme: &str) -> Option<&'static str> {
    let scheme = scheme.to_ascii_lowercase();
    Some(match scheme.strip_prefix("git+").unwrap_or(&scheme) {
        "ssh" | "ssh+git" => "22",
        "http" => "80",
        "https" => "443",
        "git" => "9418",
        _ => return None,
    })
}

/// `host:path`, where git takes it so: the colon comes before any slash, and is not that of a drive.
fn scp(text: &str) -> Option<(&str, &str)> {
    let start = if text.contains('[') { text.find(']')? } else { 0 };
    let colon = start + text[start..].find(':')?;
    let (host, path) = (&text[..colon], &text[colon + 1..]);
    let is_drive = host.len() == 1;
    (!is_drive && !host.contains(['/', '\\'])).then_some((host, path))
}

/// A path without what can be left out: empty parts, `.git` at the end.
fn clean(path: &str) -> Option<String> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.contains(&"..") {
        return None;
    }
    let path = parts.join("/");
    let end = path.len().checked_sub(4).filter(|at| path.is_char_boundary(*at));
    let path = match end {
        Some(at) if path[at..].eq_ignore_ascii_case(".git") => path[..at].trim_end_matches('/').to_owned(),
        _ => path,
    };
    (!path.is_empty()).then_some(path)
}
