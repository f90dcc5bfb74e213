//! Who is logged in to Claude Code.

use std::path::{Path, PathBuf};

use aimon_core::ids::DeviceId;
use serde::Deserialize;

use crate::collector::Env;

/// A year of projects makes the file large that says so; larger ones are not worth the time.
const LONGEST: u64 = 4 << 20;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    oauth_account: Option<Oauth>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Oauth {
    account_uuid: Option<String>,
}

/// The account that is logged in to Claude Code, by its id; `claude-code` where nobody says.
pub fn account(env: &Env) -> String {
    let folder = named(env).or_else(|| env.home.clone());
    folder.and_then(|folder| read(&folder.join(".claude.json"))).unwrap_or_else(|| "claude-code".to_owned())
}

/// The folder that `CLAUDE_CONFIG_DIR` names, the first of several.
pub(crate) fn named(env: &Env) -> Option<PathBuf> {
    env.paths("CLAUDE_CONFIG_DIR").into_iter().next()
}

fn read(path: &Path) -> Option<String> {
    std::fs::metadata(path).ok().filter(|m| m.is_file() && m.len() <= LONGEST)?;
    let file: File = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    // Only an id is taken.
    file.oauth_account?.account_uuid.filter(|id| DeviceId::parse(id).is_some())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::collector::Os;

    #[test]
    fn the_account_is_who_is_logged_in() {
        let home = tempfile::tempdir().unwrap();
        let env = Env::at(home.path(), Os::Linux);
        assert_eq!(account(&env), "claude-code");
        let file = home.path().join(".claude.json");
        std::fs::write(
            &file,
            r#"{"projects":{},"oauthAccount":{"accountUuid":"0199a213-0000-7000-8000-000000000001"}}"#,
        )
        .unwrap();
        assert_eq!(account(&env), "0199a213-0000-7000-8000-000000000001");
        std::fs::write(&file, r#"{"oauthAccount":{"accountUuid":"sk-secret"}}"#).unwrap();
        assert_eq!(account(&env), "claude-code", "only an id is taken");
    }
}
