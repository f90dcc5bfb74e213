//! What is withheld: chunks that their author's next one names, and that are not here.
//!
//! Each chunk names the one that its device wrote before. So a relay that keeps one to itself is found out as soon as it delivers
//! anything that came after: it can hide a device's newest chunks, and nothing else.

use std::collections::BTreeSet;

use aimon_ledger::chunk::Place;
use aimon_ledger::frame::Want;
use aimon_ledger::ids::{DeviceId, Short};
use aimon_ledger::live::{Author, State};
use aimon_ledger::time::UtcDay;

use super::{Client, Fault};

/// A chunk that is known by its name alone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Withheld {
    /// Who wrote it.
    pub device: DeviceId,
    /// Its day.
    pub day: Option<UtcDay>,
    /// How its id begins.
    pub id: Short,
}

impl Client {
    /// The chunks that are named as the one that their author wrote before, and are neither held nor covered, nor need they be: a
    /// revoked device's that nobody lists are set aside, what a purge reaches may be void, and days pass.
    ///
    /// Of what a purge reaches nothing is said: whether a chunk that is not here obeys it can't be known.
    pub fn withheld(&self) -> BTreeSet<Withheld> {
        if self.want == Want::Summaries || self.has(Fault::OverlookWithheld) {
            return BTreeSet::new();
        }
        let mut here: BTreeSet<Withheld> = BTreeSet::new();
        let mut named: BTreeSet<Withheld> = BTreeSet::new();
        for (id, header, state) in self.log.all() {
            let Place { device, day, .. } = header.place;
            here.insert(Withheld { device, day, id: id.short() });
            // A snapshot that is set aside covers nothing; one that is covered goes on covering.
            if matches!(state, State::Live | State::Covered) {
                here.extend(header.covers.iter().map(|id| Withheld { device, day, id: *id }));
            }
            named.extend(header.previous.map(|before| Withheld { device, day: before.day, id: before.id }));
        }
        named.difference(&here).filter(|one| self.is_missed(one)).copied().collect()
    }

    /// Whether a chunk that is not here should be, as far as its name tells.
    fn is_missed(&self, one: &Withheld) -> bool {
        let rules = self.log.rules();
        let is_kept = one.day.is_none_or(|day| day >= rules.first_day && day >= self.wanted_from());
        let place = Place { device: one.device, day: one.day, part: 0 };
        let counts = match rules.authors.get(&one.device) {
            Some(Author::Member) => true,
            Some(Author::Revoked(listed)) => listed.iter().any(|listing| listing.starts_with(&one.id.0)),
            None => false,
        };
        is_kept && counts && !rules.purges.iter().any(|purge| purge.reaches(&place))
    }
}
