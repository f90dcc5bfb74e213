//! Transports: how frames get to a relay and back. The sync machine itself is the core's, and knows nothing of them.
//!
//! ```text
//! Address ──► https://…  ──► Http        challenge, token, statements, invitations
//!         │                    └► Connector ──► Connection   frames both ways: over a WebSocket, or in HTTPS requests
//!         └─► file:///…  ──► Folder      one file for each chunk and statement: a shared folder is a relay, too
//! ```
//!
//! What they say is `schema/protocol.md`, "HTTP" and "A folder as relay". Whoever calls decides when to try again: every
//! error says whether it is worth it ([`Error::is_passing`]), nothing here waits and repeats.
//!
//! ```no_run
//! # async fn example(sign: impl Fn(&[u8]) -> [u8; 64], hello: aimon_ledger::frame::Frame) -> Result<(), aimon_replica::transport::Error> {
//! use aimon_replica::transport::{Address, Connector, Http, Options};
//! # let (workspace, device) = (aimon_ledger::ids::WorkspaceId([0; 32]), aimon_ledger::ids::DeviceId([0; 16]));
//!
//! let http = Http::new(&Address::parse("https://relay.example")?, &Options::of_environment())?;
//! let token = http.authenticate(&workspace, &device, sign).await?;
//! let mut connection = Connector::new(http).connect(&token).await?;
//! connection.send(&hello)?;
//! while let Some(frame) = connection.recv().await? {
//!     // … to the sync machine; what it answers: connection.send(…)
//! }
//! # Ok(()) }
//! ```

mod address;
mod batch;
mod connection;
mod error;
mod folder;
mod relay;
mod socket;
mod tls;

use std::path::PathBuf;
use std::time::Duration;

pub use address::{Address, Origin};
pub use connection::{Connection, Connector, Over};
pub use error::Error;
pub use folder::{Folder, FolderLog, Found, Listing};
pub use relay::{About, Http, Taken, Token};

/// The variable that names a file with certificates to trust beside the system's: a relay's own, or its authority's.
pub const CA_FILE: &str = "AIMON_CA_FILE";

/// What a relay is reached with, beside its address.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Certificates (PEM) to trust beside the system's.
    pub ca_file: Option<PathBuf>,
}

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);

/// A client for HTTPS to anybody whom the system trusts, or `AIMON_CA_FILE` names: TLS 1.2 and 1.3, no redirects, with the proxies that
/// the environment names. On this machine (`is_local`) none of them is used.
///
/// # Errors
/// The file of certificates can't be used.
pub fn https(options: &Options, is_local: bool) -> Result<reqwest::Client, Error> {
    const WHOM: &str = "a provider";
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("aimon/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT)
        .redirect(reqwest::redirect::Policy::none())
        .tls_backend_preconfigured(tls::trusting(WHOM, options.ca_file.as_deref())?);
    if is_local {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|e| Error::Unreachable { relay: WHOM.to_owned(), why: e.to_string() })
}

impl Options {
    /// What the environment says. Proxies it names (`HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`) are used in any case, but not to
    /// reach this machine.
    pub fn of_environment() -> Self {
        Self { ca_file: std::env::var_os(CA_FILE).filter(|v| !v.is_empty()).map(PathBuf::from) }
    }
}
