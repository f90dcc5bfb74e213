//! LEB128 integers and the cursor that reads them. Every read is checked: bytes come from disks
//! and, later, from other machines.

use super::BatchError;

/// Appends `n`, seven bits a byte, lowest first.
pub(crate) fn put(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

/// Appends a signed number of up to 128 bits, zigzag-coded.
pub(crate) fn put_signed(out: &mut Vec<u8>, n: i128) {
    let mut z = ((n << 1) ^ (n >> 127)) as u128;
    while z >= 0x80 {
        out.push(z as u8 | 0x80);
        z >>= 7;
    }
    out.push(z as u8);
}

/// Zigzag of a wrapping difference: small for small steps either way.
pub(crate) fn zigzag(n: i64) -> u64 {
    ((n << 1) ^ (n >> 63)) as u64
}

/// The inverse of [`zigzag`].
pub(crate) fn unzigzag(z: u64) -> i64 {
    ((z >> 1) as i64) ^ -((z & 1) as i64)
}

/// A position in bytes.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.rest.len()
    }

    pub(crate) fn byte(&mut self) -> Result<u8, BatchError> {
        let (first, rest) = self.rest.split_first().ok_or(BatchError::Short)?;
        self.rest = rest;
        Ok(*first)
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Result<&'a [u8], BatchError> {
        if len > self.rest.len() {
            return Err(BatchError::Short);
        }
        let (head, rest) = self.rest.split_at(len);
        self.rest = rest;
        Ok(head)
    }

    pub(crate) fn varint(&mut self) -> Result<u64, BatchError> {
        // One byte is by far the most frequent length.
        if let Some((first, rest)) = self.rest.split_first()
            && *first < 0x80
        {
            self.rest = rest;
            return Ok(u64::from(*first));
        }
        let mut n = 0u64;
        for shift in (0..64).step_by(7) {
            let b = self.byte()?;
            let bits = u64::from(b & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(BatchError::Malformed("a number over 64 bits"));
            }
            n |= bits << shift;
            if b < 0x80 {
                return Ok(n);
            }
        }
        Err(BatchError::Malformed("a number over 64 bits"))
    }

    pub(crate) fn signed(&mut self) -> Result<i128, BatchError> {
        let mut z = 0u128;
        for shift in (0..128).step_by(7) {
            let b = self.byte()?;
            let bits = u128::from(b & 0x7f);
            if shift == 126 && bits > 3 {
                return Err(BatchError::Malformed("a number over 128 bits"));
            }
            z |= bits << shift;
            if b < 0x80 {
                return Ok(((z >> 1) as i128) ^ -((z & 1) as i128));
            }
        }
        Err(BatchError::Malformed("a number over 128 bits"))
    }

    /// A length or count; never more than the bytes that are left could hold at `least` bytes each
    /// (with 0: never more than a section may hold).
    pub(crate) fn len_of(&mut self, least: usize) -> Result<usize, BatchError> {
        let n = self.varint()?;
        let most = self.rest.len().checked_div(least).unwrap_or(super::MAX_ROWS);
        if n > most as u64 {
            return Err(BatchError::Short);
        }
        Ok(n as usize)
    }
}
