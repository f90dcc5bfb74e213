//! Derived bytes carry a checksum: a flipped bit would be another figure. What does not match is made again from the
//! events, which have checksums of their own.

/// How many bytes of BLAKE3 stand behind the content.
const SUM: usize = 8;

/// Derived bytes are not what was written.
#[derive(Debug, thiserror::Error)]
#[error("a derived table is damaged")]
pub(crate) struct Broken;

/// What is stored for `content` under a number.
pub(crate) fn seal(number: i64, mut content: Vec<u8>) -> Vec<u8> {
    let sum = sum(number, &content);
    content.extend(sum);
    content
}

/// The content that was stored under a number.
pub(crate) fn open(number: i64, stored: &[u8]) -> Result<&[u8], sqlx::Error> {
    let (content, end) = stored.split_at(stored.len().saturating_sub(SUM));
    if end == sum(number, content) { Ok(content) } else { Err(broken()) }
}

/// The error that says so.
pub(crate) fn broken() -> sqlx::Error {
    sqlx::Error::Decode(Box::new(Broken))
}

/// Whether an error says so.
pub(crate) fn is_broken(error: &crate::Error) -> bool {
    matches!(error, crate::Error::Database { source: sqlx::Error::Decode(e), .. } if e.is::<Broken>())
}

fn sum(number: i64, content: &[u8]) -> [u8; SUM] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&number.to_le_bytes()).update(content);
    let mut sum = [0; SUM];
    sum.copy_from_slice(&hasher.finalize().as_bytes()[..SUM]);
    sum
}
