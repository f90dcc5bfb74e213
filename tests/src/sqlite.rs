//! A look at the product's database from outside.

use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, Row as _, SqliteConnection};

/// The databases in a folder.
pub fn databases(home: &Path) -> Vec<PathBuf> {
    let files = crate::files::all(home).into_iter();
    files.filter(|(_, bytes)| bytes.starts_with(b"SQLite format 3\0")).map(|(path, _)| home.join(path)).collect()
}

/// What SQLite's own check says about each database in `home`; `ok` if all is well.
pub fn check(home: &Path) -> Vec<String> {
    databases(home).iter().map(|path| ask(path, "PRAGMA integrity_check").unwrap_or_else(|e| e)).collect()
}

/// The first column of the first row that `sql` answers.
///
/// # Errors
/// What SQLite says.
pub fn ask(path: &Path, sql: &str) -> Result<String, String> {
    let sql = sqlx::AssertSqlSafe(sql.to_owned());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime
        .block_on(async {
            let mut db = SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(path)).await?;
            let row = sqlx::raw_sql(sql).fetch_optional(&mut db).await?;
            let text = row.map(|row| row.try_get::<String, _>(0).unwrap_or_default()).unwrap_or_default();
            db.close().await?;
            Ok::<_, sqlx::Error>(text)
        })
        .map_err(|e| e.to_string())
}
