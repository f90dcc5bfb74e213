//! Identifiers, each a type of its own.

use std::fmt;

/// An enrolled installation: a UUIDv7.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(pub [u8; 16]);

impl DeviceId {
    /// Makes an id from milliseconds since the Unix epoch and ten random bytes (RFC 9562, §5.7).
    pub fn new(unix_ms: u64, random: [u8; 10]) -> Self {
        Self(*uuid::Builder::from_unix_timestamp_millis(unix_ms, &random).as_uuid().as_bytes())
    }

    /// Reads the hyphenated form that [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        uuid::Uuid::try_parse(text).ok().map(|u| Self(*u.as_bytes()))
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        uuid::Uuid::from_bytes(self.0).hyphenated().fmt(f)
    }
}

impl fmt::Debug for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceId({self})")
    }
}

/// Eight random bytes that a process draws at its first write: the Automerge actor of what it
/// writes. Two clones of one device are two writers, so their changes never collide.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct WriterId(pub [u8; 8]);

/// Declares a 32-byte id that is the BLAKE3 hash of what it names.
macro_rules! hash_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 32]);

        impl $name {
            /// The id of these bytes.
            pub fn of(bytes: &[u8]) -> Self {
                Self(*blake3::hash(bytes).as_bytes())
            }

            /// The first four bytes, by which headers name it.
            pub fn short(&self) -> Short {
                let [a, b, c, d, ..] = self.0;
                Short([a, b, c, d])
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
    };
}

hash_id! {
    /// A chunk, as it travels.
    ChunkId
}
hash_id! {
    /// A statement, as it travels.
    StatementId
}
hash_id! {
    /// A workspace: the id of its genesis.
    WorkspaceId
}

/// The first four bytes of an id: enough to name one of a segment's few hundred, and an author whose new
/// chunk would match another by chance draws another nonce.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Short(pub [u8; 4]);

/// Which key a chunk is encrypted under: the first eight bytes of the id of the rotate that brought it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct KeyId(pub [u8; 8]);
