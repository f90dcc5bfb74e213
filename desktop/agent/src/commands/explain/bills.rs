//! What accounts were billed, line by line, beside what their tokens would cost.

use std::collections::BTreeMap;

use aimon_core::history::{Bill, BillLine};
use aimon_core::name::Name;
use aimon_core::units::PicoUsd;
use serde::Serialize;

use crate::accounts::provider_of;
use crate::cli::RangeArgs;
use crate::paint;
use crate::render::grid::{self, Grid, Weight, figures, words};
use crate::render::json::Dollars;
use crate::render::labels::Labels;
use crate::render::number::{amounts, exact, money};
use crate::render::text::{cut, name, wrapped};

/// Whether bills belong to what was asked for: they know no device, no session and no model.
pub(super) fn belong(range: &RangeArgs, sessions: &[String]) -> bool {
    range.device.is_empty() && range.model.is_empty() && sessions.is_empty()
}

/// Those that are meant: of the sources that are given, where any are.
pub(super) fn meant(bills: Vec<Bill>, range: &RangeArgs) -> Vec<Bill> {
    let is_meant = |bill: &Bill| {
        let id = aimon_core::accounts::AccountId::parse(&bill.account);
        let provider = id.as_ref().map_or("", |id| id.provider());
        range.source.is_empty() || range.source.iter().any(|source| source == provider)
    };
    bills.into_iter().filter(is_meant).collect()
}

/// What was billed beyond what the tokens cost; in one currency alone can they be compared.
fn difference(line: &BillLine) -> Option<PicoUsd> {
    Some(PicoUsd(line.billed.get("usd")? - line.derived?.0))
}

/// Tables, one for each account.
pub(super) fn text(bills: &[Bill], labels: &Labels, width: usize) -> String {
    let mut text = String::new();
    for bill in bills {
        let label = labels.stable(aimon_core::history::Dimension::Account, &bill.account);
        let title =
            wrapped(&format!("What {} was billed, beside what its tokens cost · UTC days", name(&label)), 0, width);
        text.push_str(&format!("\n{}\n", paint::bold(title.trim_end())));
        let mut wide = Grid::new(&[
            words("Line"),
            figures("Tokens"),
            figures("Billed"),
            figures("By tokens"),
            figures("Difference"),
        ]);
        let mut narrow = Grid::new(&[words("Line"), figures("Billed"), figures("By tokens")]);
        let mut row =
            |weight: Weight, line: String, tokens: u64, billed: String, derived: String, difference: String| {
                let tokens = if tokens == 0 { String::new() } else { exact(tokens) };
                wide.row(weight, vec![line.clone(), tokens, billed.clone(), derived.clone(), difference]);
                narrow.row(weight, vec![cut(&line, width.saturating_sub(26).max(8)), billed, derived]);
            };
        for line in &bill.lines {
            let derived = match line.derived {
                Some(cost) => money(cost),
                None if line.tokens > 0 => "unknown".to_owned(),
                None => String::new(),
            };
            let difference = difference(line).map(signed).unwrap_or_default();
            row(Weight::Plain, name(&line.text), line.tokens, amounts(&line.billed), derived, difference);
        }
        let (sum, derived) = bill.sums();
        let difference = sum.get("usd").map(|usd| signed(PicoUsd(usd - derived.0))).unwrap_or_default();
        row(Weight::Sum, "Sum".to_owned(), 0, amounts(&sum), money(derived), difference);
        text.push_str(&grid::fit(width, [wide, narrow]));
    }
    text
}

fn signed(amount: PicoUsd) -> String {
    if amount.0 > 0 { format!("+{}", money(amount)) } else { money(amount) }
}

/// An account's bill.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BillJson {
    account: String,
    provider: Option<&'static str>,
    billed_cost: Option<Dollars>,
    /// What its tokens cost, as far as prices are known.
    total_cost: Dollars,
    lines: Vec<LineJson>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LineJson {
    line: String,
    tokens: u64,
    billed_cost: Option<Dollars>,
    /// In other currencies, as billed.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    billed_other: BTreeMap<String, Dollars>,
    total_cost: Option<Dollars>,
    difference: Option<Dollars>,
}

impl BillJson {
    pub(super) fn of(bill: &Bill) -> Self {
        let (billed, derived) = bill.sums();
        let usd = |billed: &BTreeMap<Name, i128>| billed.get("usd").map(|amount| Dollars(PicoUsd(*amount)));
        let other = |billed: &BTreeMap<Name, i128>| {
            let other = billed.iter().filter(|(currency, _)| currency.as_str() != "usd");
            other.map(|(currency, amount)| (currency.to_uppercase(), Dollars(PicoUsd(*amount)))).collect()
        };
        let provider = aimon_core::accounts::AccountId::parse(&bill.account).and_then(|id| provider_of(&id).ok());
        Self {
            account: bill.account.to_string(),
            provider: provider.map(|one| one.name()),
            billed_cost: usd(&billed),
            total_cost: Dollars(derived),
            lines: bill
                .lines
                .iter()
                .map(|line| LineJson {
                    line: line.text.clone(),
                    tokens: line.tokens,
                    billed_cost: usd(&line.billed),
                    billed_other: other(&line.billed),
                    total_cost: line.derived.map(Dollars),
                    difference: difference(line).map(Dollars),
                })
                .collect(),
        }
    }
}
