//! A relay's HTTP calls: who it is, a token for a device, statements, invitations.

pub(super) mod call;
mod invitation;

use std::fmt;

use aimon_ledger::cbor;
use aimon_ledger::frame::{self, Frame};
use aimon_ledger::ids::{DeviceId, StatementId, WorkspaceId};
use aimon_ledger::signature::SIGNATURE_BYTES;
use aimon_ledger::statement::Statement;
use aimon_ledger::time::UtcMillis;
use minicbor::Decoder;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Client, Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{Address, CONNECT, Error, Options, Origin, tls};

/// Names the registration token, where a relay asks for one.
const REGISTRATION: &str = "aimon-registration";

/// The most bytes of an answer that is no batch of frames.
const MOST_ANSWER: usize = 1 << 20;

/// What a relay says of itself.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct About {
    /// The program.
    pub relay: String,
    /// Its version.
    pub version: String,
    /// The versions of the protocol that it speaks.
    pub protocol: Vec<u64>,
    /// By which addresses it knows itself.
    #[serde(default)]
    pub origins: Vec<String>,
    /// Who may open a workspace: `open`, or whoever has the `token`.
    #[serde(default)]
    pub registration: String,
}

/// What lets a device in, for some minutes.
#[derive(Clone)]
pub struct Token {
    text: SecretString,
    /// When it ends, by the relay's clock.
    pub expires: UtcMillis,
}

impl Token {
    /// The text, for whoever has to send it.
    pub(super) fn reveal(&self) -> &str {
        self.text.expose_secret()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("expires", &self.expires).finish_non_exhaustive()
    }
}

/// What became of statements that were posted.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Taken {
    /// How many were new to the relay.
    pub new: u64,
    /// The heads of what the relay holds now.
    pub heads: Vec<StatementId>,
}

/// A relay that is reached over HTTP. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Http {
    client: Client,
    origin: Origin,
}

impl Http {
    /// Prepares to reach a relay; nothing is sent yet.
    ///
    /// # Errors
    /// The address is a folder's, or the file of certificates can't be used.
    pub fn new(address: &Address, options: &Options) -> Result<Self, Error> {
        let Address::Relay(origin) = address else {
            return Err(Error::Address { text: address.to_string(), why: "it is a folder, which speaks no HTTP" });
        };
        let mut headers = HeaderMap::new();
        headers.insert(reqwest::header::ACCEPT, HeaderValue::from_static("application/cbor, application/json"));
        let mut builder = Client::builder()
            .user_agent(concat!("aimon/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .connect_timeout(CONNECT)
            // A relay moves nobody elsewhere: the challenge would name another one than was asked for.
            .redirect(reqwest::redirect::Policy::none())
            .tcp_nodelay(true);
        if origin.is_loopback() {
            builder = builder.no_proxy();
        }
        builder = builder
            .https_only(origin.is_encrypted())
            .tls_backend_preconfigured(tls::config(origin, options.ca_file.as_deref())?);
        let failed = |e: reqwest::Error| Error::Unreachable { relay: origin.text(), why: e.to_string() };
        Ok(Self { client: builder.build().map_err(failed)?, origin: origin.clone() })
    }

    /// The relay's scheme, host and port.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.origin.at(path))
    }

    /// Asks the relay who it is.
    ///
    /// # Errors
    /// It can't be reached, or what answers is no relay.
    pub async fn about(&self) -> Result<About, Error> {
        let answer = self.call(self.request(Method::GET, "/v1"), call::PROMPT, MOST_ANSWER).await?;
        serde_json::from_slice(&answer.body).map_err(|e| self.not_a_relay(format!("it does not say who it is ({e})")))
    }

    /// Lets a device in: signs the relay's challenge. `sign` gets the challenge's bytes and signs them for
    /// [`Purpose::Challenge`](aimon_ledger::signature::Purpose::Challenge) in that workspace.
    ///
    /// # Errors
    /// The challenge is not for this relay and device, and was not signed; or the relay refuses.
    pub async fn authenticate(
        &self,
        workspace: &WorkspaceId,
        device: &DeviceId,
        sign: impl Fn(&[u8]) -> [u8; SIGNATURE_BYTES],
    ) -> Result<Token, Error> {
        let origin = self.origin.text();
        let asked = cbor::write(|e| e.array(3)?.bytes(&workspace.0)?.bytes(&device.0)?.str(&origin)?.ok());
        let answer = self.call(self.post("/v1/challenge", asked), call::PROMPT, MOST_ANSWER).await?;
        let challenge = parse(&answer.body, 1, |d| Ok(d.bytes()?.to_vec()))?;
        checked(&challenge, &origin, device)?;

        let signature = sign(&challenge);
        let asked = cbor::write(|e| {
            e.array(4)?.bytes(&workspace.0)?.bytes(&device.0)?.bytes(&challenge)?.bytes(&signature)?.ok()
        });
        let answer = self.call(self.post("/v1/token", asked), call::PROMPT, MOST_ANSWER).await?;
        let (text, expires) = parse(&answer.body, 2, |d| Ok((d.str()?.to_owned(), UtcMillis(d.i64()?))))?;
        // It goes into a header, and into a list of sub-protocols.
        if !text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_')) || text.is_empty() {
            return Err(Error::Protocol("its token is no JWT".to_owned()));
        }
        Ok(Token { text: text.into(), expires })
    }

    /// Brings statements, each behind those that it follows. They carry their own proof, so no token is needed; a workspace that
    /// the relay does not know is opened by its genesis, where the relay's registration is open or the right token is given.
    ///
    /// # Errors
    /// The relay refuses: `registration-closed` among others.
    pub async fn post_statements(
        &self,
        workspace: &WorkspaceId,
        statements: &[Statement],
        registration: Option<&SecretString>,
    ) -> Result<Taken, Error> {
        let path = format!("/v1/workspaces/{workspace}/statements");
        let mut taken = Taken::default();
        let mut rest = statements;
        while !rest.is_empty() {
            let (now, left) = rest.split_at(as_one_frame(rest));
            rest = left;
            let frame = Frame::Statements(now.iter().map(|s| s.bytes().to_vec()).collect()).encode()?;
            let mut request = self.post(&path, frame);
            if let Some(token) = registration {
                let mut value = HeaderValue::from_str(token.expose_secret()).map_err(|_| {
                    refused("registration-closed", "the registration token has a character that no token has")
                })?;
                value.set_sensitive(true);
                request = request.header(REGISTRATION, value);
            }
            let answer = self.call(request, call::PROMPT, MOST_ANSWER).await?;
            let (new, heads) = parse(&answer.body, 2, |d| Ok((d.u64()?, d.bytes()?.to_vec())))?;
            let (heads, odd) = heads.as_chunks::<32>();
            if !odd.is_empty() {
                return Err(Error::Protocol("its heads are no ids".to_owned()));
            }
            taken = Taken { new: taken.new + new, heads: heads.iter().map(|id| StatementId(*id)).collect() };
        }
        Ok(taken)
    }

    fn post(&self, path: &str, body: Vec<u8>) -> RequestBuilder {
        call::with_body(self.request(Method::POST, path), body)
    }
}

/// How many of the first statements one frame holds.
fn as_one_frame(statements: &[Statement]) -> usize {
    let mut bytes = 0;
    let fit = |s: &&Statement| {
        // Beside each stands its length.
        bytes += s.bytes().len() + 9;
        bytes < frame::MOST_BYTES - 64
    };
    statements.iter().take_while(fit).count().max(1)
}

/// A challenge names the relay that is asked and the device that asks, or it is somebody else's.
fn checked(challenge: &[u8], origin: &str, device: &DeviceId) -> Result<(), Error> {
    let (for_origin, for_device) = parse(challenge, 4, |d| {
        let named = (d.str()?.to_owned(), DeviceId(cbor::fixed(d)?));
        cbor::fixed::<16>(d)?;
        d.i64()?;
        Ok(named)
    })?;
    if for_origin != origin {
        return Err(Error::Challenge(format!("it names `{for_origin}`, not `{origin}`")));
    }
    if for_device != *device {
        return Err(Error::Challenge("it names another device".to_owned()));
    }
    Ok(())
}

/// Reads a CBOR array of so many fields, and nothing behind it. A newer version may have put fields behind those that are
/// known.
fn parse<T>(
    bytes: &[u8],
    fields: u64,
    read: impl FnOnce(&mut Decoder<'_>) -> Result<T, minicbor::decode::Error>,
) -> Result<T, Error> {
    let mut d = Decoder::new(bytes);
    let whole = || {
        let count = d.array()?.ok_or_else(|| minicbor::decode::Error::message("an array without a length"))?;
        if count < fields {
            return Err(minicbor::decode::Error::message("too few fields"));
        }
        let value = read(&mut d)?;
        (fields..count).try_for_each(|_| d.skip())?;
        if d.position() == bytes.len() { Ok(value) } else { Err(minicbor::decode::Error::message("bytes behind it")) }
    };
    whole().map_err(|e| Error::Protocol(e.to_string()))
}

fn refused(code: &str, text: &str) -> Error {
    Error::Refused { code: frame::Code::of(code), text: text.to_owned() }
}
