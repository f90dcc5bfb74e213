//! `/metrics`: how things stand, for Prometheus.
//!
//! * `usage`: what was used today, by provider, model, source and device.
//! * `highest`: counters that don't fall within a day.
//! * `families`: names, types and helps.
//!
//! Counters are of today, in the agent's zone, and begin anew at midnight: the whole history would fall as days expire, and what was
//! counted since the start of a process would lose what came while it did not run. docs/metrics.md tells it to whoever scrapes.

mod families;
mod highest;
mod usage;

use aimon_core::time::UtcMillis;

use crate::accounts::state::State;
use crate::agent::state::Agent;
use crate::dates::Today;
use crate::error::Result;
use crate::note;
use crate::render::exposition::Exposition;
use crate::render::labels::Labels;
use crate::scan::RootScanned;
use crate::status::Status;
use crate::view::Held;

pub use highest::Highest;
use usage::Usage;

/// All that is shown.
struct Metrics {
    usage: Usage,
    status: Status,
    labels: Labels,
    /// When logs were last looked through, and what was found where.
    scanned: Option<(UtcMillis, Vec<RootScanned>)>,
    /// By account and metric: the code of what keeps this device from asking.
    troubles: Vec<(String, String, String)>,
}

/// Reads it, as text.
///
/// # Errors
/// The replica's.
pub async fn text(agent: &Agent) -> Result<String> {
    let settings = agent.settings().await?;
    let (zone, labels) = (agent.zone(&settings), agent.labels().await?);
    let status = agent.status(&zone, None).await?;
    let today = Today::of(None, status.now, &zone);
    let query = usage::query(&zone, today);
    let mut replica = agent.replica().lock().await;
    let held = Held::of(&mut replica, &query, today.utc).await?;
    let state = note::read::<State>(&mut replica).await?;
    drop(replica);
    let mut troubles = Vec::new();
    for account in held.accounts.all() {
        let name = account.id.name();
        troubles.extend(state.of(name).map(|(metric, why)| (name.to_string(), metric.clone(), why.code.clone())));
    }
    let mut usage = Usage::of(held, &query, today, agent.pricing(), &labels)?;
    agent.highest(|highest| highest.raise(today.local, &mut usage));
    let metrics = Metrics { usage, status, labels, scanned: agent.scanned(), troubles };
    let mut out = Exposition::default();
    families::write(&metrics, &mut out);
    Ok(out.text())
}
