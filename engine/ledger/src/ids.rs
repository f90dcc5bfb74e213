//! Identifiers, each a type of its own.

use std::fmt::{self, Write};

/// Bytes as hexadecimal digits, in lower case: the one spelling in which ids stand in addresses and file names.
pub fn hex(bytes: &[u8]) -> String {
    let mut digits = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a text does not fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

/// Reads what [`hex`] has written of so many bytes, and no other spelling.
pub fn unhex<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let (pairs, []) = digits.as_bytes().as_chunks::<2>() else { return None };
    let pairs: &[[u8; 2]; N] = pairs.try_into().ok()?;
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = value(*high)? << 4 | value(*low)?;
    }
    Some(bytes)
}

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
                f.write_str(&hex(&self.0))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_one_spelling() {
        let bytes = [0x00, 0x0f, 0xab];
        assert_eq!(hex(&bytes), "000fab");
        assert_eq!(unhex("000fab"), Some(bytes));
        for other in ["", "000fa", "000fab0", "000fab00", "000FAB", "000fa ", "+00fab", "000fag", "000fä"] {
            assert_eq!(unhex::<3>(other), None, "{other}");
        }
        assert_eq!(ChunkId([0xab; 32]).to_string(), "ab".repeat(32));
    }
}
