//! By what calls are told apart.

use super::call::Call;

/// The values of a row, in the order of the axes that were asked for; none where a call has no value.
pub type Group = Vec<Option<String>>;

/// Something by which sums are split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Axis {
    /// What was called.
    Kind,
    /// The model, as the provider names it at that instant.
    Model,
    /// The key's id.
    Key,
    /// The project or workspace.
    Project,
    /// The user.
    User,
    /// The service tier.
    Tier,
    /// `true` for batches.
    Batch,
    /// `fast` or `standard`.
    Speed,
    /// The context class.
    Context,
    /// Where it was computed.
    Geo,
    /// Who serves the model behind a gateway.
    Upstream,
    /// The UTC day.
    Day,
    /// What a call is charged for: splits costs, and says nothing of calls.
    Part,
}

impl Axis {
    /// Where a call lies on it.
    pub fn of(self, call: &Call, now: i64) -> Option<String> {
        match self {
            Self::Kind => Some(call.kind.name().to_owned()),
            Self::Model => Some(call.model_at(now).to_owned()),
            Self::Key => call.key.clone(),
            Self::Project => call.project.clone(),
            Self::User => call.user.clone(),
            Self::Tier => Some(call.tier.clone()),
            Self::Batch => Some(call.batch.to_string()),
            Self::Speed => Some(if call.fast { "fast" } else { "standard" }.to_owned()),
            Self::Context => Some(call.context.name().to_owned()),
            Self::Geo => Some(call.geo.clone().unwrap_or_else(|| "not_available".to_owned())),
            Self::Upstream => Some(call.upstream.clone()),
            Self::Day => Some(crate::time::day(call.at)),
            Self::Part => None,
        }
    }
}
