//! Where a relay is.

use std::fmt;
use std::path::{Path, PathBuf};

use reqwest::Url;

use super::Error;

/// The most bytes of an address, as it is shown: a code that invites a device has no room for more.
const MOST_BYTES: usize = 200;

/// The address of a relay.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Address {
    /// A server: `https://relay.example`, or `http://127.0.0.1:8787` on this machine.
    Relay(Origin),
    /// A folder that something else keeps in step: `file:///home/ada/Sync/aimon`.
    Folder(PathBuf),
}

/// Scheme, host and port of a relay: by this the relay knows itself, and a challenge names it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Origin(Url);

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    /// What is wrong with it; plain HTTP is for this machine only.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let bad = |why| Error::Address { text: text.to_owned(), why };
        let url = Url::parse(text).map_err(|_| bad("it is no URL"))?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err(bad("it has a `?` or a `#`"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            // It may hold a password: it is not repeated.
            return Err(Error::Address { text: "…".to_owned(), why: "a name or password has no place in it" });
        }
        let address = match url.scheme() {
            "https" | "http" if url.path() != "/" => return Err(bad("a relay has no path")),
            "http" if !is_loopback(&url) => return Err(Error::NotEncrypted(text.to_owned())),
            "https" | "http" => Self::Relay(Origin(url)),
            "file" => {
                let path = url.to_file_path().map_err(|()| bad("it is no folder of this machine"))?;
                // Nothing that is synced lies there.
                if path.parent().is_none() {
                    return Err(bad("it is the root of the file system"));
                }
                Self::Folder(path)
            }
            _ => return Err(bad("it begins with neither https:// nor file:///")),
        };
        if address.to_string().len() > MOST_BYTES {
            return Err(bad("it has over 200 bytes, each `%20` counting as three: no code could name it"));
        }
        Ok(address)
    }

    /// The address of a folder.
    ///
    /// # Errors
    /// The path is not absolute.
    pub fn folder(path: &Path) -> Result<Self, Error> {
        if path.is_absolute() {
            return Ok(Self::Folder(path.to_owned()));
        }
        Err(Error::Address { text: path.display().to_string(), why: "the path is not absolute" })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Relay(origin) => origin.fmt(f),
            Self::Folder(path) => match Url::from_file_path(path) {
                Ok(url) => url.fmt(f),
                Err(()) => path.display().fmt(f),
            },
        }
    }
}

impl Origin {
    /// As a challenge names it: `https://relay.example`, the port only where it is not the scheme's own.
    pub fn text(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// Whether it is this machine.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.0)
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.0.scheme() == "https"
    }

    pub(super) fn at(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(path);
        url
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

fn is_loopback(url: &Url) -> bool {
    // In brackets stands an IPv6 address.
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn addresses_that_can_be_used() {
        for (given, shown) in [
            ("https://relay.example", "https://relay.example"),
            ("https://Relay.Example:443/", "https://relay.example"),
            ("https://relay.example:8443", "https://relay.example:8443"),
            ("http://127.0.0.1:8787", "http://127.0.0.1:8787"),
            ("http://127.1.2.3", "http://127.1.2.3"),
            ("http://localhost:80/", "http://localhost"),
            ("http://[::1]:8787", "http://[::1]:8787"),
            #[cfg(unix)]
            ("file:///home/ada/Sync/ai%20mon", "file:///home/ada/Sync/ai%20mon"),
        ] {
            let address = Address::parse(given).unwrap();
            assert_eq!(address.to_string(), shown);
            assert_eq!(Address::parse(shown).unwrap(), address);
        }
    }

    #[test]
    fn addresses_that_cannot() {
        for (given, code) in [
            ("", "bad-relay-address"),
            ("relay.example", "bad-relay-address"),
            ("ftp://relay.example", "bad-relay-address"),
            ("wss://relay.example", "bad-relay-address"),
            ("https://relay.example/path", "bad-relay-address"),
            ("https://relay.example?token=x", "bad-relay-address"),
            ("https://relay.example#x", "bad-relay-address"),
            ("https://ada:secret@relay.example", "bad-relay-address"),
            ("file:///", "bad-relay-address"),
            #[cfg(unix)]
            ("file://server/share", "bad-relay-address"),
            ("http://relay.example", "relay-not-encrypted"),
            ("http://192.168.1.2:8787", "relay-not-encrypted"),
            ("http://127.0.0.1.example", "relay-not-encrypted"),
            ("http://localhost.example", "relay-not-encrypted"),
            ("http://0.0.0.0", "relay-not-encrypted"),
        ] {
            let e = Address::parse(given).unwrap_err();
            assert_eq!(e.code(), code, "{given}");
            assert!(!e.to_string().contains("secret") && !e.help().is_empty());
        }
    }

    #[test]
    fn an_address_fits_into_a_code() {
        let longest = format!("https://{}.example", "a".repeat(MOST_BYTES - "https://.example".len()));
        assert_eq!(Address::parse(&longest).unwrap().to_string().len(), MOST_BYTES);
        // As it is shown: a space in a folder's name takes three bytes.
        let folder = format!("file:///{}a", "a ".repeat(60));
        for longer in [longest.replace("https://", "https://a"), folder] {
            let e = Address::parse(&longer).unwrap_err();
            assert_eq!(e.code(), "bad-relay-address");
            assert!(cfg!(windows) || e.to_string().contains("over 200 bytes"), "{e}");
        }
        // What fits a code, core says.
        let keys = aimon_core::crypto::SecretKeys::of_seed([1; 32]).public();
        let code = |relay: &str| {
            let workspace = aimon_ledger::ids::WorkspaceId([1; 32]);
            aimon_core::pairing::Code::new(relay, [1; 16], [1; 32], &workspace, &keys)
        };
        assert!(code(&longest).is_ok() && code(&format!("{longest}a")).is_err());
    }
}
