//! What this device remembers for itself between one process and the next, beside the history: as JSON, each thing under a key.

use aimon_replica::Replica;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Result;

/// Something that is remembered as a whole.
pub trait Noted: Serialize + DeserializeOwned + Default {
    /// Where it is noted.
    const KEY: &'static str;
}

/// As it was noted; as new where nothing was, or another version noted it otherwise.
///
/// # Errors
/// The replica's.
pub async fn read<T: Noted>(replica: &mut Replica) -> Result<T> {
    let bytes = replica.note(T::KEY).await?;
    Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default())
}

/// Notes it.
///
/// # Errors
/// The replica's.
pub async fn write<T: Noted>(replica: &mut Replica, noted: &T) -> Result<()> {
    let bytes = serde_json::to_vec(noted).unwrap_or_default();
    Ok(replica.set_note(T::KEY, Some(&bytes)).await?)
}
