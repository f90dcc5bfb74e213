//! The batch's dictionary: every text once, referred to by its place.

use std::collections::HashMap;

use super::BatchError;
use super::varint::{Reader, put};
use crate::name::Name;

/// Collects names while sections are encoded.
#[derive(Default)]
pub(crate) struct Names {
    list: Vec<Name>,
    places: HashMap<Name, u64>,
    last: Option<(Name, u64)>,
}

impl Names {
    /// The place of `name`, from 0.
    pub(crate) fn place(&mut self, name: &Name) -> u64 {
        // Neighbouring rows mostly share the very same text.
        if let Some((last, place)) = &self.last
            && last.is_same(name)
        {
            return *place;
        }
        let next = self.list.len() as u64;
        let place = *self.places.entry(name.clone()).or_insert(next);
        if place == next {
            self.list.push(name.clone());
        }
        self.last = Some((name.clone(), place));
        place
    }

    /// 0 for `None`, else the place + 1.
    pub(crate) fn optional(&mut self, name: Option<&Name>) -> u64 {
        name.map_or(0, |n| self.place(n) + 1)
    }

    /// All names, by place.
    pub(crate) fn all(&self) -> &[Name] {
        &self.list
    }
}

/// Appends a text: twice its length, then its bytes; a UUID in lower-case hyphenated form is 1,
/// then its 16 bytes.
pub(crate) fn encode(text: &str, out: &mut Vec<u8>) {
    match uuid_bytes(text) {
        Some(bytes) => {
            put(out, 1);
            out.extend_from_slice(&bytes);
        }
        None => {
            put(out, (text.len() as u64) << 1);
            out.extend_from_slice(text.as_bytes());
        }
    }
}

/// Reads what [`encode`] wrote.
pub(crate) fn decode(r: &mut Reader<'_>) -> Result<Name, BatchError> {
    let head = r.varint()?;
    if head == 1 {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(r.bytes(16)?);
        let mut text = [0; 36];
        Ok(Name::from(&*uuid::Uuid::from_bytes(bytes).hyphenated().encode_lower(&mut text)))
    } else if head & 1 == 0 {
        let len = usize::try_from(head >> 1).map_err(|_| BatchError::Short)?;
        let text = std::str::from_utf8(r.bytes(len)?).map_err(|_| BatchError::Malformed("a name that is no UTF-8"))?;
        Ok(Name::from(text))
    } else {
        Err(BatchError::Malformed("an unknown form of name"))
    }
}

fn uuid_bytes(text: &str) -> Option<[u8; 16]> {
    if text.len() != 36 {
        return None;
    }
    let uuid = uuid::Uuid::try_parse(text).ok()?;
    let mut buffer = [0; 36];
    (uuid.hyphenated().encode_lower(&mut buffer) == text).then(|| *uuid.as_bytes())
}

/// The dictionary, read.
pub(crate) struct Dictionary(Vec<Name>);

impl Dictionary {
    pub(crate) fn new(list: Vec<Name>) -> Self {
        Self(list)
    }

    pub(crate) fn all(&self) -> &[Name] {
        &self.0
    }

    pub(crate) fn at(&self, place: u64) -> Result<&Name, BatchError> {
        usize::try_from(place).ok().and_then(|p| self.0.get(p)).ok_or(BatchError::Malformed("a name that is not there"))
    }

    pub(crate) fn optional(&self, place: u64) -> Result<Option<&Name>, BatchError> {
        if place == 0 { Ok(None) } else { self.at(place - 1).map(Some) }
    }
}
