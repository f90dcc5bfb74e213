#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod laws;
mod overridden;
mod resolution;
mod table;
mod witness;

use super::*;
use crate::event::{ContextClass, Tier};
use crate::time::UtcDay;
use crate::units::Tokens;

fn day(text: &str) -> UtcDay {
    UtcDay::of(text.parse().unwrap())
}

/// A million of each kind, in dollars.
fn million(table: &PriceTable, model: &str, on: &str, tier: Tier, class: ContextClass) -> [String; 5] {
    let entry = table.resolve(model).unwrap().prices.at(day(on)).unwrap().clone();
    [Kind::Input, Kind::Output, Kind::CacheWrite5m, Kind::CacheWrite1h, Kind::CacheRead]
        .map(|kind| crate::units::PicoUsd(i128::from(entry.price(kind, tier, class).0.0) * 1_000_000).to_dollars())
}

const SMALL: ContextClass = ContextClass(0);
