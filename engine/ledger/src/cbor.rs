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
