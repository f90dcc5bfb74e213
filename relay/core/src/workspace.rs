//! What a relay knows of a workspace while somebody is there: its statements, and what they come to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aimon_ledger::frame::Code;
use aimon_ledger::ids::{StatementId, WorkspaceId};
use aimon_ledger::live::Rules;
use aimon_ledger::membership::Membership;
use aimon_ledger::statement::{Statement, StatementError, What};
use aimon_ledger::time::{UtcDay, UtcMillis};

use crate::check::View;
use crate::relay::SessionId;

/// A workspace in use.
pub(crate) struct Workspace {
    pub(crate) membership: Membership,
    pub(crate) view: Arc<View>,
    pub(crate) rules: Rules,
    pub(crate) sessions: BTreeSet<SessionId>,
    /// Each rotate's check value.
    checks: BTreeMap<StatementId, [u8; 8]>,
    /// How many bytes all statements have.
    pub(crate) statement_bytes: u64,
    /// How many there are.
    pub(crate) statement_count: u64,
}

impl Workspace {
    /// Begins with a genesis whose id is the workspace's.
    pub(crate) fn begin(id: WorkspaceId, genesis: Statement, until: UtcMillis) -> Result<Self, StatementError> {
        if genesis.id().0 != id.0 {
            return Err(StatementError::Elsewhere);
        }
        let bytes = genesis.bytes().len() as u64;
        let membership = Membership::begin(genesis)?;
        let standing = membership.standing();
        let rules = standing.rules(standing.retention.first_day(until.day()));
        let view = Arc::new(View::new(id, standing));
        let (sessions, checks) = (BTreeSet::new(), BTreeMap::new());
        Ok(Self { membership, view, rules, sessions, checks, statement_bytes: bytes, statement_count: 1 })
    }

    /// Reads what a storage holds. What it can't read takes only itself out, and what follows it.
    pub(crate) fn load(id: WorkspaceId, statements: Vec<Vec<u8>>, until: UtcMillis) -> Option<Self> {
        let mut statements = statements.into_iter();
        let genesis = Statement::parse(statements.next()?).ok()?;
        let mut workspace = Self::begin(id, genesis, until).ok()?;
        for bytes in statements {
            let taken = Statement::parse(bytes).and_then(|statement| workspace.insert(statement));
            if let Err(error) = taken {
                tracing::error!(workspace = %id, %error, "a statement that is held cannot be read");
            }
        }
        workspace.stand(until);
        Some(workspace)
    }

    /// Takes a statement in, and says whether it is new. [`Workspace::stand`] says what that comes to.
    pub(crate) fn insert(&mut self, statement: Statement) -> Result<bool, StatementError> {
        let check = match statement.body().what {
            What::Rotate { check, .. } => Some((statement.id(), check)),
            _ => None,
        };
        let bytes = statement.bytes().len() as u64;
        let is_new = self.membership.insert(statement)?;
        if is_new {
            self.checks.extend(check);
            self.statement_bytes += bytes;
            self.statement_count += 1;
        }
        Ok(is_new)
    }

    /// What the statements come to now. Gives back the rules from before.
    pub(crate) fn stand(&mut self, until: UtcMillis) -> Rules {
        let standing = self.membership.standing();
        let rules = standing.rules(standing.retention.first_day(until.day()));
        self.view = Arc::new(View::new(self.membership.workspace(), standing));
        std::mem::replace(&mut self.rules, rules)
    }

    /// The day goes on. Gives back the rules from before, if that changes any.
    pub(crate) fn advance(&mut self, until: UtcMillis) -> Option<Rules> {
        let first_day = self.first_day(until);
        if first_day == self.rules.first_day {
            return None;
        }
        let rules = Rules { first_day, ..self.rules.clone() };
        Some(std::mem::replace(&mut self.rules, rules))
    }

    fn first_day(&self, until: UtcMillis) -> UtcDay {
        self.view.standing.retention.first_day(until.day())
    }

    /// The check value of a rotate that is held.
    pub(crate) fn check_of(&self, rotate: &StatementId) -> Option<&[u8; 8]> {
        self.checks.get(rotate)
    }
}

/// The code under which a statement is refused.
pub(crate) fn code_of(error: &StatementError) -> Code {
    match error {
        StatementError::TooLarge(_) => Code::TooLarge,
        StatementError::Malformed(_) => Code::Malformed,
        StatementError::Signature => Code::Signature,
        StatementError::Missing(_) => Code::Missing,
        StatementError::Elsewhere => Code::UnknownWorkspace,
    }
}
