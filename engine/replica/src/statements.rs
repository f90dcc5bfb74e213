//! The table of statements: the membership set, each behind those that it follows.

use aimon_ledger::ids::WorkspaceId;
use aimon_ledger::membership::Membership;
use aimon_ledger::statement::{Statement, What};
use sqlx::SqliteConnection;

/// Takes statements in; those that are held change nothing.
pub(crate) async fn insert(db: &mut SqliteConnection, statements: &[Statement]) -> Result<(), sqlx::Error> {
    for statement in statements {
        // One that is damaged comes again, under its own id.
        sqlx::query(
            "INSERT INTO statements (id, bytes) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET bytes = excluded.bytes",
        )
        .bind(statement.id().0.as_slice())
        .bind(statement.bytes())
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}

/// All statements that are what was written. What follows one that is not, comes from a relay again like that one.
pub(crate) async fn all(db: &mut SqliteConnection) -> Result<Vec<Statement>, sqlx::Error> {
    let rows: Vec<(Vec<u8>, Vec<u8>)> =
        sqlx::query_as("SELECT id, bytes FROM statements ORDER BY n").fetch_all(db).await?;
    let one = |(id, bytes): (Vec<u8>, Vec<u8>)| {
        let statement = Statement::parse(bytes).ok().filter(|statement| statement.id().0.as_slice() == id);
        if statement.is_none() {
            tracing::warn!("a damaged statement is left out");
        }
        statement
    };
    Ok(rows.into_iter().filter_map(one).collect())
}

/// What statements come to; `None` without a genesis that fits.
pub(crate) fn membership(workspace: WorkspaceId, statements: Vec<Statement>) -> Option<Membership> {
    let (genesis, rest): (Vec<_>, Vec<_>) =
        statements.into_iter().partition(|statement| matches!(statement.body().what, What::Genesis(_)));
    let genesis = genesis.into_iter().find(|genesis| genesis.id().0 == workspace.0)?;
    let mut set = Membership::begin(genesis).ok()?;
    // One that was damaged and came again stands behind those that follow it.
    let mut rest = rest;
    loop {
        let before = rest.len();
        rest.retain(|statement| set.insert(statement.clone()).is_err());
        if rest.is_empty() || rest.len() == before {
            break;
        }
    }
    if !rest.is_empty() {
        tracing::warn!(count = rest.len(), "statements are left out that nothing here leads to");
    }
    Some(set)
}

/// Forgets the set.
pub(crate) async fn clear(db: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM statements").execute(db).await.map(|_| ())
}
