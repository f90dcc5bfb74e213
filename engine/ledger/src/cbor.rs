//! CBOR as we write it: RFC 8949 §4.2.1, deterministic. What is read is held to the same rules, so that one
//! value has one spelling and one id.

use std::ops::Range;

use minicbor::decode::Error;
use minicbor::{Decoder, Encoder};

/// The error of writing to memory, which does not happen.
pub type Never = minicbor::encode::Error<core::convert::Infallible>;

/// Writes to memory.
pub fn write(encode: impl FnOnce(&mut Encoder<&mut Vec<u8>>) -> Result<(), Never>) -> Vec<u8> {
    let mut out = Vec::new();
    let done = encode(&mut Encoder::new(&mut out));
    debug_assert!(done.is_ok(), "only a wrong order of calls could fail");
    out
}

/// Reads a map with ascending integer keys: `field` gets each key that it knows and says whether it read
/// the value; what a newer version has put there is stepped over.
pub fn map<'b>(
    d: &mut Decoder<'b>,
    mut field: impl FnMut(u64, &mut Decoder<'b>) -> Result<bool, Error>,
) -> Result<(), Error> {
    let count = d.map()?.ok_or_else(|| Error::message("a map without a length"))?;
    let mut last = None;
    for _ in 0..count {
        let key = d.u64()?;
        if last.is_some_and(|last| last >= key) {
            return Err(Error::message("keys out of order"));
        }
        last = Some(key);
        if !field(key, d)? {
            d.skip()?;
        }
    }
    Ok(())
}

/// A byte string of a fixed length.
pub fn fixed<const N: usize>(d: &mut Decoder<'_>) -> Result<[u8; N], Error> {
    d.bytes()?.try_into().map_err(|_| Error::message("a byte string of another length"))
}

/// Whether these bytes are one value whose numbers and lengths are as short as they can be, all lengths stated. With keys that are
/// read in their order ([`map`]) that is the deterministic encoding, but for floats and for maps that a newer version has put in:
/// nothing of this version has the one, or looks into the other.
///
/// # Errors
/// Another spelling of the same, something behind it, or no CBOR at all.
pub fn deterministic(bytes: &[u8]) -> Result<(), Error> {
    let (mut at, mut left) = (0, 1_u64);
    while left > 0 {
        let head = Head::read(bytes.get(at..).unwrap_or_default())?;
        at += head.bytes;
        left -= 1;
        let inside = match head.major {
            BYTES | TEXT => {
                let length = usize::try_from(head.value).ok().filter(|length| *length <= bytes.len() - at);
                at += length.ok_or_else(Error::end_of_input)?;
                0
            }
            ARRAY => head.value,
            MAP => head.value.checked_mul(2).ok_or_else(Error::end_of_input)?,
            TAG => 1,
            _ => 0,
        };
        // Each value takes a byte at least.
        left = left.checked_add(inside).filter(|left| *left <= bytes.len() as u64).ok_or_else(Error::end_of_input)?;
    }
    if at == bytes.len() { Ok(()) } else { Err(Error::message("something behind it")) }
}

const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const TAG: u8 = 6;
const SIMPLE: u8 = 7;

/// What every value begins with: its major type, and a number, which is the value itself or how much follows.
struct Head {
    major: u8,
    value: u64,
    bytes: usize,
}

impl Head {
    fn read(bytes: &[u8]) -> Result<Self, Error> {
        let (first, rest) = bytes.split_first().ok_or_else(Error::end_of_input)?;
        let (major, short) = (first >> 5, first & 31);
        let width = match short {
            0..24 => return Ok(Self { major, value: u64::from(short), bytes: 1 }),
            24 => 1,
            25 => 2,
            26 => 4,
            27 => 8,
            _ => return Err(Error::message("a length that is not stated")),
        };
        let number = rest.get(..width).ok_or_else(Error::end_of_input)?;
        let value = number.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
        let least = match (major, width) {
            // Floats: their bits are no number.
            (SIMPLE, 2..) => 0,
            (SIMPLE, _) => 32,
            (_, 1) => 24,
            (_, width) => 1 << (4 * width),
        };
        if value < least {
            return Err(Error::message("a number with more bytes than it needs"));
        }
        Ok(Self { major, value, bytes: 1 + width })
    }
}

/// Byte strings in an array: how chunks and statements are put together.
pub fn frame(parts: &[&[u8]]) -> Vec<u8> {
    // Chunks are put together in thousands: at once in as much memory as it takes.
    let mut out = Vec::with_capacity(parts.iter().map(|part| part.len() + MOST_PREFIX).sum::<usize>() + MOST_PREFIX);
    let mut e = Encoder::new(&mut out);
    let done = e.array(parts.len() as u64).and_then(|e| parts.iter().try_for_each(|part| e.bytes(part)?.ok()));
    debug_assert!(done.is_ok(), "only a wrong order of calls could fail");
    out
}

/// The most bytes that say what follows and how long it is.
const MOST_PREFIX: usize = 9;

/// How many bytes say a length, if it is said as shortly as it can be (RFC 8949 §4.2.1).
fn prefix(length: usize) -> usize {
    match length as u64 {
        0..=23 => 1,
        24..=0xff => 2,
        0x100..=0xffff => 3,
        0x1_0000..=0xffff_ffff => 5,
        _ => MOST_PREFIX,
    }
}

/// Where the parts of a [`frame`] lie. One spelling: lengths are as short as they can be, and nothing stands behind it.
///
/// # Errors
/// Bytes that are no frame of so many parts.
pub fn unframe<const N: usize>(bytes: &[u8]) -> Result<[Range<usize>; N], Error> {
    let mut d = Decoder::new(bytes);
    if d.array()? != Some(N as u64) {
        return Err(Error::message(format!("not an array of {N} parts")));
    }
    let mut at = prefix(N);
    let mut places = [const { 0..0 }; N];
    for place in &mut places {
        let length = d.bytes()?.len();
        at += prefix(length);
        *place = at..at + length;
        at += length;
    }
    // Any longer spelling of any length would end further back.
    if at == bytes.len() && d.position() == at {
        Ok(places)
    } else {
        Err(Error::message("not in the deterministic encoding"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_and_lengths_have_one_spelling() {
        for fine in [
            &[0x00][..],
            &[0x17],
            &[0x18, 24],
            &[0x19, 1, 0],
            &[0x1a, 0, 1, 0, 0],
            &[0x1b, 0, 0, 0, 1, 0, 0, 0, 0],
            &[0x38, 24],
            &[0x41, 7],
            &[0x61, b'a'],
            &[0x82, 1, 0x81, 2],
            &[0xa1, 1, 0xf6],
            &[0xc0, 1],
            &[0xf9, 0, 0],
            &[0xf8, 32],
            &[0x80],
        ] {
            deterministic(fine).unwrap_or_else(|e| panic!("{fine:x?}: {e}"));
        }
        for other in [
            &[][..],
            &[0x18, 23],
            &[0x19, 0, 255],
            &[0x1a, 0, 0, 255, 255],
            &[0x1b, 0, 0, 0, 0, 255, 255, 255, 255],
            &[0x38, 23],
            &[0x58, 1, 7],
            &[0x78, 1, b'a'],
            &[0x98, 1, 2],
            &[0x81, 0x18, 2],
            &[0xb8, 1, 1, 2],
            &[0xa1, 0x18, 1, 2],
            &[0xd8, 1, 2],
            &[0x5f, 0x41, 7, 0xff],
            &[0x9f, 1, 0xff],
            &[0xf8, 20],
            &[0x1c],
            &[0x42, 7],
            &[0x82, 1],
            &[0x00, 0x00],
            &[0x9b, 255, 255, 255, 255, 255, 255, 255, 255],
            &[0xbb, 255, 255, 255, 255, 255, 255, 255, 255],
            &[0x5b, 255, 255, 255, 255, 255, 255, 255, 255],
        ] {
            assert!(deterministic(other).is_err(), "{other:x?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_deterministic(n: u64, m: i64, bytes: Vec<u8>, text in "\\PC{0,40}") {
            let value = write(|e| {
                e.array(2)?.map(2)?.u64(1)?.u64(n)?.u64(2)?.i64(m)?;
                e.array(4)?.bytes(&bytes)?.str(&text)?.null()?.bool(true)?.ok()
            });
            prop_assert!(deterministic(&value).is_ok());
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = deterministic(&bytes);
        }
    }
}
