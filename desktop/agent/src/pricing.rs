//! Prices: the table that aimon brings, with the user's own in front of it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use aimon_core::event::{ContextClass, Tier};
use aimon_core::history::CellKey;
use aimon_core::name::Name;
use aimon_core::prices::{PriceTable, Resolved};
use aimon_core::time::UtcDay;
use aimon_core::units::{PicoUsd, Tokens};

use crate::error::{Error, Result};

/// The variable that names a file of one's own prices.
pub const PRICES: &str = "AIMON_PRICES";

/// A table, and what was looked up in it.
#[derive(Debug)]
pub struct Pricing {
    table: PriceTable,
    found: Mutex<HashMap<Name, Option<Resolved>>>,
}

impl Pricing {
    /// The embedded table, with the prices of `AIMON_PRICES` in front.
    pub fn load() -> Result<Self> {
        let mut table = PriceTable::embedded();
        if let Some(path) = std::env::var_os(PRICES).filter(|p| !p.is_empty()).map(PathBuf::from) {
            let bad = |why: String| Error::BadPrices { path: path.clone(), why };
            let text = std::fs::read_to_string(&path).map_err(|e| bad(e.to_string()))?;
            table = table.with_overrides(&text).map_err(|e| bad(e.to_string()))?;
        }
        Ok(Self { table, found: Mutex::default() })
    }

    /// What a cell's tokens cost; `None` where nobody knows.
    pub fn cost(&self, key: &CellKey, day: UtcDay, tokens: &Tokens) -> Option<PicoUsd> {
        self.of(&key.model, day, tokens, key.tier, key.context)
    }

    /// What tokens of one model, day, tier and context class cost.
    pub fn of(&self, model: &Name, day: UtcDay, tokens: &Tokens, tier: Tier, class: ContextClass) -> Option<PicoUsd> {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if !found.contains_key(model) {
            found.insert(model.clone(), self.table.resolve(model));
        }
        let resolved = found.get(model)?.as_ref()?;
        Some(resolved.cost(day, tokens, tier, class).amount)
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
