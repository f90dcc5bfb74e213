#![no_main]
//! The JSON scanner against `serde_json`: it reads what that reads, and refuses what that refuses,
//! but for the two exceptions that its documentation makes.

use aimon_sources::json::{JsonError, Kind, Scanner};
use libfuzzer_sys::fuzz_target;
use serde_json::Value as Tree;

fuzz_target!(|input: &[u8]| {
    match serde_json::from_slice::<Tree>(input) {
        Ok(theirs) => {
            assert_eq!(read(input).as_ref(), Ok(&theirs));
            assert!(skips(input));
        }
        // `IgnoredAny` has neither a limit of depth nor a range of numbers.
        Err(_) => {
            let structure = plain(input).is_some_and(|p| serde_json::from_slice::<serde::de::IgnoredAny>(&p).is_ok());
            assert_eq!(skips(input), structure);
        }
    }
});

fn skips(bytes: &[u8]) -> bool {
    let mut s = Scanner::new(bytes);
    s.skip().and_then(|()| s.end()).is_ok()
}

fn read(bytes: &[u8]) -> Result<Tree, JsonError> {
    let mut s = Scanner::new(bytes);
    let tree = tree(&mut s)?;
    s.end()?;
    Ok(tree)
}

fn tree(s: &mut Scanner<'_>) -> Result<Tree, JsonError> {
    match s.kind()? {
        Kind::Object => {
            let mut map = serde_json::Map::new();
            s.object(|s, key| {
                let key = String::from_utf8(key.to_vec()).map_err(|_| JsonError::Unexpected(0))?;
                map.insert(key, tree(s)?);
                Ok(())
            })?;
            Ok(Tree::Object(map))
        }
        Kind::Array => {
            let mut list = Vec::new();
            s.array(|s| {
                list.push(tree(s)?);
                Ok(())
            })?;
            Ok(Tree::Array(list))
        }
        Kind::String => Ok(Tree::String(s.value()?.str().ok_or(JsonError::Unexpected(0))?.into_owned())),
        Kind::Null => Ok(s.value().map(|_| Tree::Null)?),
        Kind::Bool => Ok(Tree::Bool(s.value()?.bool().ok_or(JsonError::Unexpected(0))?)),
        Kind::Number => {
            let value = s.value()?;
            Ok(match value.u64() {
                Some(n) => n.into(),
                None => serde_json::from_slice(value.raw()).map_err(|_| JsonError::Unexpected(0))?,
            })
        }
    }
}

/// The input with the inside of every string made plain, by a walk that shares nothing with the
/// scanner; `None` where a string does not close.
fn plain(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut rest = bytes.iter();
    while let Some(b) = rest.next() {
        out.push(*b);
        if *b == b'"' {
            loop {
                match rest.next()? {
                    b'\\' => drop(rest.next()?),
                    b'"' => break,
                    _ => {}
                }
            }
            out.push(b'"');
        }
    }
    Some(out)
}
