//! Runs worlds from seeds on all processors, says how many of them what has come about in, and shrinks the first one that breaks.
//! Each sixteenth seed is a world with accounts, too.
//!
//! ```text
//! simulate 100000 0             so many, from a seed on
//! simulate 1000 0 BelieveCovered     with a planted fault
//! simulate 1000 0 accounts      worlds with accounts alone
//! ```

#![allow(clippy::print_stdout)]

use std::collections::BTreeSet;
use std::process::ExitCode;

use aimon_core::sync::Fault;
use aimon_simulator::{Broken, Faults, Happening, Plan, RelayFault, accounts, run, shrink, survey, watch};

/// What is run of each seed.
#[derive(Clone, Copy, PartialEq)]
enum What {
    /// Worlds of all kinds.
    All(Faults),
    /// Those with accounts.
    Accounts(Option<accounts::Fault>),
}

impl What {
    fn named(name: Option<&str>) -> Self {
        let is_meant = |text: String| name == Some(&text);
        if let Some(fault) = accounts::Fault::ALL.into_iter().find(|fault| is_meant(format!("{fault:?}"))) {
            return Self::Accounts(Some(fault));
        }
        let device = Fault::ALL.into_iter().find(|fault| is_meant(format!("{fault:?}")));
        let relay = (name == Some("AcknowledgeEarly")).then_some(RelayFault::AcknowledgeEarly);
        if name == Some("accounts") { Self::Accounts(None) } else { Self::All(Faults { device, relay }) }
    }

    /// Runs a seed's worlds; what has come about, in words.
    fn watch(self, seed: u64) -> Result<BTreeSet<String>, Broken> {
        let mut seen = BTreeSet::new();
        if let Self::All(faults) = self {
            seen.extend(watch(&Plan::of(seed), &faults)?.iter().map(|what| format!("{what:?}")));
        }
        let fault = if let Self::Accounts(fault) = self { fault } else { None };
        if self.has_accounts(seed) {
            seen.extend(accounts::watch(&accounts::Plan::of(seed), fault)?.iter().map(|what| format!("{what:?}")));
        }
        Ok(seen)
    }

    fn has_accounts(self, seed: u64) -> bool {
        match self {
            Self::All(faults) => seed.is_multiple_of(16) && faults.device.is_none() && faults.relay.is_none(),
            Self::Accounts(_) => true,
        }
    }

    /// Says what a broken seed is, as shortly as it can be.
    fn tell(self, seed: u64) {
        if let Self::All(faults) = self
            && let Err(why) = run(&Plan::of(seed), &faults)
        {
            let plan = shrink(&Plan::of(seed), &faults);
            println!("seed {seed}: {:?}, first {why:?}", run(&plan, &faults).err());
            println!("with {} devices, after", plan.devices);
            return plan.actions.iter().for_each(|action| println!("  {action:?}"));
        }
        let fault = if let Self::Accounts(fault) = self { fault } else { None };
        let plan = accounts::shrink(&accounts::Plan::of(seed), fault);
        println!("seed {seed}, with accounts: {:?}, after", accounts::watch(&plan, fault).err());
        plan.actions.iter().for_each(|action| println!("  {action:?}"));
    }
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let number = |text: Option<String>| text.and_then(|text| text.parse::<u64>().ok());
    let (count, from) = (number(arguments.next()).unwrap_or(1_000), number(arguments.next()).unwrap_or(0));
    let what = What::named(arguments.next().as_deref());
    let survey = survey(from..from + count, 1, |seed| what.watch(seed));
    match survey.broken {
        None => {
            println!("{count} worlds from seed {from} hold");
            let all = Happening::ALL.iter().map(|what| format!("{what:?}")).filter(|_| what != What::Accounts(None));
            for what in all.chain(accounts::Happening::ALL.iter().map(|what| format!("{what:?}"))) {
                println!("{:>6}  {what}", survey.seen.get(&what).copied().unwrap_or(0));
            }
            ExitCode::SUCCESS
        }
        Some(seed) => {
            what.tell(seed);
            ExitCode::FAILURE
        }
    }
}
