//! Keys: what a process reads of a workspace depends on them. Until they are given, reading goes by the derived tables, and by
//! what rests in clear.

use aimon_core::crypto::{Entropy, Keyring, SecretKeys};
use aimon_core::time::UtcMillis;
use aimon_ledger::statement::Recipient;

use crate::database::error;
use crate::derived::Tables;
use crate::{Error, Replica, statements};

/// 32 bytes from the operating system. Where it has none, nothing may be encrypted: a nonce that comes twice gives the content
/// away.
pub(crate) fn entropy() -> Entropy {
    let mut bytes = [0; 32];
    if let Err(e) = getrandom::fill(&mut bytes) {
        tracing::error!("the operating system gives no random bytes: {e}");
        std::process::abort();
    }
    Entropy::new(bytes)
}

impl Replica {
    /// Gives this device's keys: from here on chunks are read and, by a writer, written. What rests in clear becomes chunks.
    /// Without a workspace nothing changes.
    ///
    /// # Errors
    /// [`Error::OtherKeys`] if other keys were admitted under this device's id.
    pub async fn unlock(&mut self, secret: SecretKeys, now: UtcMillis) -> Result<(), Error> {
        if self.workspace.is_none() {
            return Ok(());
        }
        self.gather(&secret).await?;
        self.secret = Some(secret);
        if self.may_sync() {
            // What could not be made again now can.
            self.tables = Tables::Used;
            self.came(now).await?;
            self.follow().await?;
        }
        Ok(())
    }

    /// Whether there is a workspace, and its keys were not given.
    pub fn is_locked(&self) -> bool {
        self.workspace.is_some() && self.secret.is_none()
    }

    /// Whether the last reading could have shown more with keys that are not held: it showed what the derived tables hold, and
    /// what rests in clear.
    pub fn is_behind(&self) -> bool {
        self.behind
    }

    /// Whether the derived tables can be made by this process.
    pub(crate) fn may_fold(&self) -> bool {
        self.is_writer() && !self.is_locked()
    }

    /// The keys to fold with; `None` where they were not given.
    pub(crate) fn ring_to_fold(&self) -> Option<&Keyring> {
        (!self.is_locked()).then_some(&self.ring)
    }

    pub(crate) fn need_keys(&self) -> Result<(), Error> {
        if self.is_locked() { Err(Error::NoKeys(self.home.clone())) } else { Ok(()) }
    }

    /// Gathers the workspace's keys from the statements.
    async fn gather(&mut self, secret: &SecretKeys) -> Result<(), Error> {
        let Some(workspace) = self.workspace else { return Ok(()) };
        let home = self.home.clone();
        let all = statements::all(&mut self.db).await.map_err(|e| error(&home, e))?;
        let damaged = || Error::Damaged { path: home.clone(), detail: "the workspace's genesis is lost".to_owned() };
        let set = statements::membership(workspace, all).ok_or_else(damaged)?;
        let standing = set.standing();
        let revoked = standing.revoked.get(&self.device).map(|revoked| &revoked.keys);
        let admitted = standing.members.get(&self.device).or(revoked);
        if admitted.is_some_and(|keys| !keys.contains(&secret.public())) {
            return Err(Error::OtherKeys(home));
        }
        self.ring = Keyring::gather(&set, Recipient::Device(self.device), secret);
        Ok(())
    }
}
