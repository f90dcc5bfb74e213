//! Prices: the table that aimon brings, with the user's own in front of it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::PathBuf;

use aimon_core::event::{ContextClass, Tier};
use aimon_core::history::CellKey;
use aimon_core::name::Name;
use aimon_core::prices::{PriceTable, Resolved};
use aimon_core::time::UtcDay;
use aimon_core::units::{PicoUsd, Tokens};

use crate::error::{Error, Result};

/// The variable that names a file of one's own prices.
pub const PRICES: &str = "AIMON_PRICES";

/// A table of prices.
#[derive(Debug)]
pub struct Pricing {
    table: PriceTable,
}

impl Pricing {
    /// The embedded table, with the prices of `AIMON_PRICES` in front.
    pub fn load() -> Result<Self> {
        let mut table = PriceTable::embedded();
        if let Some(path) = std::env::var_os(PRICES).filter(|p| !p.is_empty()).map(PathBuf::from) {
            let bad = |why: String| Error::BadPrices { path: path.clone(), why };
            // A pipe may never end.
            if !std::fs::metadata(&path).map_err(|e| bad(e.to_string()))?.is_file() {
                return Err(bad("it is no file".to_owned()));
            }
            let text = std::fs::read_to_string(&path).map_err(|e| bad(e.to_string()))?;
            table = table.with_overrides(&text).map_err(|e| bad(e.to_string()))?;
        }
        Ok(Self { table })
    }

    /// Prices for a while: each model is looked up once.
    pub fn look_up(&self) -> LookUp<'_> {
        LookUp { table: &self.table, found: RefCell::default() }
    }

    /// How a model's price was found.
    pub fn resolve(&self, model: &str) -> Option<Resolved> {
        self.table.resolve(model)
    }

    /// The table itself.
    pub fn table(&self) -> &PriceTable {
        &self.table
    }
}

/// A table, and what was looked up in it so far.
#[derive(Debug)]
pub struct LookUp<'a> {
    table: &'a PriceTable,
    found: RefCell<Found>,
}

#[derive(Debug, Default)]
struct Found {
    prices: Vec<(Name, Option<Resolved>)>,
    at: HashMap<Name, usize>,
    last: usize,
}

impl Found {
    fn price(&mut self, model: &Name, table: &PriceTable) -> Option<&Resolved> {
        // Mostly it is the model of the call before.
        if self.prices.get(self.last).is_none_or(|(name, _)| !name.is_same(model) && name != model) {
            self.last = *self.at.entry(model.clone()).or_insert_with(|| {
                self.prices.push((model.clone(), table.resolve(model)));
                self.prices.len() - 1
            });
        }
        self.prices.get(self.last)?.1.as_ref()
    }
}

impl LookUp<'_> {
    /// What a cell's tokens cost; `None` where nobody knows.
    pub fn cost(&self, key: &CellKey, day: UtcDay, tokens: &Tokens) -> Option<PicoUsd> {
        self.of(&key.model, day, tokens, key.tier, key.context)
    }

    /// What tokens of one model, day, tier and context class cost.
    pub fn of(&self, model: &Name, day: UtcDay, tokens: &Tokens, tier: Tier, class: ContextClass) -> Option<PicoUsd> {
        let mut found = self.found.borrow_mut();
        Some(found.price(model, self.table)?.cost(day, tokens, tier, class).amount)
    }
}
