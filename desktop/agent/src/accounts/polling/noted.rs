//! What a round leaves behind for whoever looks later: another process, a person.

use std::collections::BTreeSet;

use aimon_core::accounts::AccountId;
use aimon_core::polling::Tries;
use aimon_core::time::UtcMillis;
use aimon_replica::Replica;

use super::{Polling, REST};
use crate::accounts::state::State;
use crate::accounts::unit::Unit;
use crate::error::Result;
use crate::note;

impl Polling {
    /// Something of an account was answered, so its key is one: what was refused a while ago is asked for again, once. Whether that is
    /// news.
    pub(super) fn note_working_key(&mut self, account: &AccountId, metric: &'static str, now: UtcMillis) -> bool {
        self.answered.entry(account.clone()).or_default().insert(metric, now);
        let before = self.state.clone();
        // What was asked for side by side with it is refused for good.
        let since = UtcMillis(now.0.saturating_sub(i64::try_from(REST.as_millis()).unwrap_or(i64::MAX)));
        for again in self.state.key_works(account.name(), since) {
            let is_it = |unit: &&mut Unit| unit.endpoint.account == *account && unit.metric().name == again;
            self.units.iter_mut().filter(is_it).for_each(Unit::hurry);
        }
        self.state != before
    }

    /// Notes how far back accounts are fetched, for whoever looks at figures that are not all there.
    pub(super) async fn note_past(
        &mut self,
        replica: &mut Replica,
        asked: &BTreeSet<AccountId>,
        now: UtcMillis,
    ) -> Result<()> {
        let (mut past, first) = (self.past.clone(), replica.first_day());
        for account in asked {
            let (done, of) = self.progress(now, first, account);
            past.set(account, self.begins(now, first, account).filter(|_| done < of));
        }
        if past != self.past {
            note::write(replica, &past).await?;
            self.past = past;
        }
        Ok(())
    }

    /// Whether something else of an account was answered since then, and was not refused itself meanwhile.
    pub(super) fn answers_elsewhere(&self, account: &AccountId, metric: &str, since: UtcMillis) -> bool {
        let is_refused =
            |of: &str| self.state.trouble(account.name(), of).is_some_and(|trouble| trouble.is_about_key());
        let all = self.answered.get(account).into_iter().flatten();
        all.into_iter().any(|(of, at)| *of != metric && *at >= since && !is_refused(of))
    }
}

/// Notes what became of a unit's tries. Whether that is another thing than before.
pub(super) fn noted(state: &mut State, unit: &Unit) -> bool {
    let tries: Tries = unit.track().tries();
    state.set_tries(unit.endpoint.account.name(), unit.metric().name, tries)
}
