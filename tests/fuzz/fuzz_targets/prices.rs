#![no_main]
//! Names of models as logs write them, and a user's file of prices.

use aimon_core::event::{ContextClass, Tier};
use aimon_core::prices::PriceTable;
use aimon_core::time::UtcDay;
use aimon_core::units::Tokens;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    let (name, file) = input.split_once('\n').unwrap_or((input, ""));
    let table = PriceTable::embedded();
    let table = table.clone().with_overrides(file).unwrap_or(table);
    let tokens = Tokens::from_kinds([u64::MAX; 6]);
    for name in table.names().filter(|listed| file.contains(listed)).take(8).chain([name]) {
        for tier in (0..6).map(Tier::from_u8) {
            let cost = table.cost(name, UtcDay(20_500), &tokens, tier, ContextClass(3));
            assert!(cost.is_none_or(|cost| cost.amount.0 >= 0));
        }
    }
});
