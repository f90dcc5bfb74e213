//! What a statement says.

use std::ops::RangeInclusive;

use minicbor::Decoder;
use minicbor::decode::Error as CborError;

use super::StatementError;
use crate::cbor::{self, Never};
use crate::ids::{DeviceId, KeyId, StatementId};
use crate::retention::Retention;
use crate::time::{UtcDay, UtcMillis};

/// Who signs a statement.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Author {
    /// The key that comes from the phrase: its statements always stand.
    Phrase,
    /// A device: its statements stand as long as it is a member.
    Device(DeviceId),
}

/// A device's public keys.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Keys {
    /// Ed25519.
    pub signing: [u8; 32],
    /// X25519.
    pub agreement: [u8; 32],
}

/// For whom a key is wrapped.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Recipient {
    /// Whoever has the phrase.
    Phrase,
    /// A device.
    Device(DeviceId),
}

/// A workspace key, encrypted for one recipient (HPKE, RFC 9180): the encapsulated key and the ciphertext.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wrapped(pub [u8; Wrapped::BYTES]);

impl Wrapped {
    /// 32 encapsulated, 32 encrypted, 16 of the tag.
    pub const BYTES: usize = 80;
}

/// The first 16 bytes of a chunk's id, by which revokes and vouches list it.
pub type Listing = [u8; 16];

/// A statement's body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Body {
    /// The statements that it follows: the heads of what its author held; ascending. Only a genesis follows none.
    pub follows: Vec<StatementId>,
    /// Who signs it.
    pub author: Author,
    /// What it says.
    pub what: What,
}

/// What a statement says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// Begins a workspace. Its keys come from the phrase, and nothing else is in it: the phrase alone finds the workspace.
    Genesis(Keys),
    /// Takes a device in.
    Admit {
        /// Which.
        device: DeviceId,
        /// Its keys.
        keys: Keys,
        /// For it, the key of every rotate that no later one seals; ascending.
        wrapped: Vec<(KeyId, Wrapped)>,
    },
    /// Takes a device out. What it wrote counts as far as it is listed.
    Revoke {
        /// Which.
        device: DeviceId,
        /// Its chunks that count; ascending.
        listed: Vec<Listing>,
    },
    /// Says that more of a revoked device's chunks count: an honest device's queue.
    Vouch {
        /// Which.
        device: DeviceId,
        /// Its chunks that count as well; ascending.
        listed: Vec<Listing>,
    },
    /// Brings a new workspace key.
    Rotate {
        /// Tells a wrong key from the right one without a chunk to try.
        check: [u8; 8],
        /// The key, for each member and the phrase; ascending.
        wrapped: Vec<(Recipient, Wrapped)>,
        /// Under the new key, the keys of all rotates that it follows.
        sealed: Vec<u8>,
    },
    /// Gives a rotate's key to a member that it missed.
    Wrap {
        /// Which rotate's.
        key: KeyId,
        /// For whom.
        device: DeviceId,
        /// The key.
        wrapped: Wrapped,
    },
    /// Sets how many days are kept.
    Retain(Retention),
    /// Has data removed everywhere: chunks of reached segments that do not name it are void.
    Purge {
        /// Whose segments it reaches; all devices' if empty; ascending.
        devices: Vec<DeviceId>,
        /// The days that it reaches.
        days: RangeInclusive<UtcDay>,
        /// Events of the range that are dated up to here are not recorded again.
        instant: UtcMillis,
        /// The key that `detail` is encrypted under.
        key: KeyId,
        /// What exactly goes: account, source and range, encrypted.
        detail: Vec<u8>,
    },
    /// One that a newer version knows: held and passed on, without effect.
    Unknown(u64),
}

// The body's keys: part of the format.
const KIND: u64 = 1;
const FOLLOWS: u64 = 2;
const AUTHOR: u64 = 3;
const DEVICE: u64 = 4;
const SIGNING: u64 = 5;
const AGREEMENT: u64 = 6;
const LISTED: u64 = 7;
const CHECK: u64 = 8;
const WRAPPED: u64 = 9;
const SEALED: u64 = 10;
const KEY: u64 = 11;
const DAYS: u64 = 12;
const RANGE: u64 = 13;
const INSTANT: u64 = 14;
const DEVICES: u64 = 15;

const GENESIS: u64 = 0;
const ADMIT: u64 = 1;
const REVOKE: u64 = 2;
const VOUCH: u64 = 3;
const ROTATE: u64 = 4;
const WRAP: u64 = 5;
const RETAIN: u64 = 6;
const PURGE: u64 = 7;

impl Body {
    /// The body's bytes: what its author signs.
    ///
    /// # Errors
    /// A kind of a newer version can't be written, only passed on.
    pub fn encode(&self) -> Result<Vec<u8>, StatementError> {
        let mut fields = Fields::default();
        if !self.follows.is_empty() {
            fields.bytes(FOLLOWS, &self.follows.iter().flat_map(|id| id.0).collect::<Vec<_>>());
        }
        if let Author::Device(device) = self.author {
            fields.bytes(AUTHOR, &device.0);
        }
        let kind = match &self.what {
            What::Genesis(keys) => {
                fields.keys(keys);
                GENESIS
            }
            What::Admit { device, keys, wrapped } => {
                fields.bytes(DEVICE, &device.0);
                fields.keys(keys);
                fields.wrapped(wrapped.iter().map(|(key, wrapped)| (&key.0[..], wrapped)));
                ADMIT
            }
            What::Revoke { device, listed } => {
                fields.listed(device, listed);
                REVOKE
            }
            What::Vouch { device, listed } => {
                fields.listed(device, listed);
                VOUCH
            }
            What::Rotate { check, wrapped, sealed } => {
                fields.bytes(CHECK, check);
                fields.wrapped(wrapped.iter().map(|(recipient, wrapped)| match recipient {
                    Recipient::Phrase => (&[][..], wrapped),
                    Recipient::Device(device) => (&device.0[..], wrapped),
                }));
                fields.bytes(SEALED, sealed);
                ROTATE
            }
            What::Wrap { key, device, wrapped } => {
                fields.bytes(DEVICE, &device.0);
                fields.bytes(SEALED, &wrapped.0);
                fields.bytes(KEY, &key.0);
                WRAP
            }
            What::Retain(retention) => {
                fields.add(DAYS, |e| e.u32(retention.days())?.ok());
                RETAIN
            }
            What::Purge { devices, days, instant, key, detail } => {
                fields.bytes(SEALED, detail);
                fields.bytes(KEY, &key.0);
                fields.add(RANGE, |e| e.array(2)?.i32(days.start().0)?.i32(days.end().0)?.ok());
                fields.add(INSTANT, |e| e.i64(instant.0)?.ok());
                if !devices.is_empty() {
                    fields.bytes(DEVICES, &devices.iter().flat_map(|device| device.0).collect::<Vec<_>>());
                }
                PURGE
            }
            What::Unknown(kind) => {
                return Err(StatementError::Malformed(format!("statements of kind {kind} are a newer version's")));
            }
        };
        fields.add(KIND, |e| e.u64(kind)?.ok());
        Ok(fields.finish())
    }

    /// Reads what [`Body::encode`] wrote, in this version or a newer one.
    ///
    /// # Errors
    /// [`StatementError::Malformed`].
    pub fn decode(bytes: &[u8]) -> Result<Self, StatementError> {
        cbor::deterministic(bytes)?;
        let mut d = Decoder::new(bytes);
        let mut kind = None;
        let mut read = Read::default();
        cbor::map(&mut d, |field, d| {
            // Ascending keys: the kind is known before all that depends on it.
            match field {
                KIND => kind = Some(d.u64()?),
                _ => return read.field(kind, field, d),
            }
            Ok(true)
        })?;
        read.body(kind.ok_or_else(|| missing("kind"))?)
    }
}

/// Fields of a map, to be written in the order of their keys.
#[derive(Default)]
struct Fields(std::collections::BTreeMap<u64, Vec<u8>>);

impl Fields {
    fn add(&mut self, key: u64, value: impl FnOnce(&mut minicbor::Encoder<&mut Vec<u8>>) -> Result<(), Never>) {
        self.0.insert(key, cbor::write(value));
    }

    fn bytes(&mut self, key: u64, value: &[u8]) {
        self.add(key, |e| e.bytes(value)?.ok());
    }

    fn keys(&mut self, keys: &Keys) {
        self.bytes(SIGNING, &keys.signing);
        self.bytes(AGREEMENT, &keys.agreement);
    }

    fn listed(&mut self, device: &DeviceId, listed: &[Listing]) {
        self.bytes(DEVICE, &device.0);
        if !listed.is_empty() {
            self.bytes(LISTED, listed.as_flattened());
        }
    }

    fn wrapped<'w>(&mut self, all: impl ExactSizeIterator<Item = (&'w [u8], &'w Wrapped)>) {
        if all.len() == 0 {
            return;
        }
        self.add(WRAPPED, |e| {
            e.map(all.len() as u64)?;
            for (whose, wrapped) in all {
                e.bytes(whose)?.bytes(&wrapped.0)?;
            }
            Ok(())
        });
    }

    fn finish(self) -> Vec<u8> {
        let mut out = cbor::write(|e| e.map(self.0.len() as u64)?.ok());
        for (key, value) in self.0 {
            out.extend(cbor::write(|e| e.u64(key)?.ok()));
            out.extend(value);
        }
        out
    }
}

/// Fields as they were read.
#[derive(Default)]
struct Read {
    follows: Vec<StatementId>,
    author: Option<DeviceId>,
    device: Option<DeviceId>,
    signing: Option<[u8; 32]>,
    agreement: Option<[u8; 32]>,
    listed: Vec<Listing>,
    check: Option<[u8; 8]>,
    wrapped: Vec<(Vec<u8>, Wrapped)>,
    sealed: Option<Vec<u8>>,
    key: Option<KeyId>,
    days: Option<u32>,
    range: Option<RangeInclusive<UtcDay>>,
    instant: Option<UtcMillis>,
    devices: Vec<DeviceId>,
}

fn missing(what: &str) -> StatementError {
    StatementError::Malformed(format!("no {what} in the statement"))
}

impl Read {
    fn field(&mut self, kind: Option<u64>, field: u64, d: &mut Decoder<'_>) -> Result<bool, CborError> {
        match field {
            FOLLOWS => self.follows = ascending(d)?.into_iter().map(StatementId).collect(),
            AUTHOR => self.author = Some(DeviceId(cbor::fixed(d)?)),
            // What a newer kind means by the other keys is its own affair.
            _ if kind.is_none_or(|kind| kind > PURGE) => return Ok(false),
            DEVICE => self.device = Some(DeviceId(cbor::fixed(d)?)),
            SIGNING => self.signing = Some(cbor::fixed(d)?),
            AGREEMENT => self.agreement = Some(cbor::fixed(d)?),
            LISTED => self.listed = ascending(d)?,
            CHECK => self.check = Some(cbor::fixed(d)?),
            WRAPPED => self.wrapped = read_wrapped(d)?,
            SEALED => self.sealed = Some(d.bytes()?.to_vec()),
            KEY => self.key = Some(KeyId(cbor::fixed(d)?)),
            DAYS => self.days = Some(d.u32()?),
            RANGE => {
                if d.array()? != Some(2) {
                    return Err(CborError::message("a range is two days"));
                }
                self.range = Some(UtcDay(d.i32()?)..=UtcDay(d.i32()?));
            }
            INSTANT => self.instant = Some(UtcMillis(d.i64()?)),
            DEVICES => self.devices = ascending(d)?.into_iter().map(DeviceId).collect(),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn body(self, kind: u64) -> Result<Body, StatementError> {
        let keys = || -> Result<Keys, StatementError> {
            Ok(Keys {
                signing: self.signing.ok_or_else(|| missing("signing key"))?,
                agreement: self.agreement.ok_or_else(|| missing("agreement key"))?,
            })
        };
        let device = self.device.ok_or_else(|| missing("device"));
        let key = self.key.ok_or_else(|| missing("key"));
        let malformed = |what: &str| StatementError::Malformed(what.to_owned());
        if (kind == GENESIS) != self.follows.is_empty() {
            return Err(malformed("a genesis follows nothing, every other statement something"));
        }
        if kind == GENESIS && self.author.is_some() {
            return Err(malformed("a genesis is the phrase's"));
        }
        let what = match kind {
            GENESIS => What::Genesis(keys()?),
            ADMIT => {
                let key = |(whose, wrapped): (Vec<u8>, Wrapped)| {
                    let key = whose.try_into().map_err(|_| malformed("a key's id has eight bytes"))?;
                    Ok((KeyId(key), wrapped))
                };
                let (device, keys) = (device?, keys()?);
                What::Admit {
                    device,
                    keys,
                    wrapped: self.wrapped.into_iter().map(key).collect::<Result<_, StatementError>>()?,
                }
            }
            REVOKE => What::Revoke { device: device?, listed: self.listed },
            VOUCH => What::Vouch { device: device?, listed: self.listed },
            ROTATE => {
                let recipient = |(whose, wrapped): (Vec<u8>, Wrapped)| match <[u8; 16]>::try_from(whose) {
                    Ok(device) => Ok((Recipient::Device(DeviceId(device)), wrapped)),
                    Err(whose) if whose.is_empty() => Ok((Recipient::Phrase, wrapped)),
                    Err(_) => Err(malformed("a device's id has 16 bytes")),
                };
                What::Rotate {
                    check: self.check.ok_or_else(|| missing("check value"))?,
                    wrapped: self.wrapped.into_iter().map(recipient).collect::<Result<_, StatementError>>()?,
                    sealed: self.sealed.ok_or_else(|| missing("sealed keys"))?,
                }
            }
            WRAP => {
                let wrapped = self.sealed.and_then(|bytes| bytes.try_into().ok());
                What::Wrap {
                    key: key?,
                    device: device?,
                    wrapped: Wrapped(wrapped.ok_or_else(|| missing("wrapped key"))?),
                }
            }
            RETAIN => {
                let days = self.days.and_then(|days| Retention::of(u64::from(days)));
                What::Retain(days.ok_or_else(|| malformed("7 to 3,650 days can be kept"))?)
            }
            PURGE => What::Purge {
                devices: self.devices,
                days: self.range.ok_or_else(|| missing("range"))?,
                instant: self.instant.ok_or_else(|| missing("instant"))?,
                key: key?,
                detail: self.sealed.ok_or_else(|| missing("detail"))?,
            },
            kind => What::Unknown(kind),
        };
        let author = self.author.map_or(Author::Phrase, Author::Device);
        Ok(Body { follows: self.follows, author, what })
    }
}

/// One or more ids in a row, ascending, none twice.
fn ascending<const N: usize>(d: &mut Decoder<'_>) -> Result<Vec<[u8; N]>, CborError> {
    let (all, rest) = d.bytes()?.as_chunks::<N>();
    if !rest.is_empty() || all.is_empty() || !all.is_sorted_by(|a, b| a < b) {
        return Err(CborError::message("one or more ids of a fixed length, ascending"));
    }
    Ok(all.to_vec())
}

/// Wrapped keys by whose they are; ascending as deterministic CBOR has it: shorter first.
fn read_wrapped(d: &mut Decoder<'_>) -> Result<Vec<(Vec<u8>, Wrapped)>, CborError> {
    let count = d.map()?.ok_or_else(|| CborError::message("a map without a length"))?;
    let mut all: Vec<(Vec<u8>, Wrapped)> = Vec::new();
    for _ in 0..count {
        let whose = d.bytes()?.to_vec();
        if all.last().is_some_and(|(last, _)| (last.len(), last) >= (whose.len(), &whose)) {
            return Err(CborError::message("keys out of order"));
        }
        all.push((whose, Wrapped(cbor::fixed(d)?)));
    }
    if all.is_empty() { Err(CborError::message("an empty map is left out")) } else { Ok(all) }
}
