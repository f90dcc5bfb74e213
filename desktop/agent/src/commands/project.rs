//! `aimon project`

use aimon_core::settings::{Path, Settings};
use aimon_ledger::ids::hex;
use serde_json::json;

use crate::cli::{ProjectCommand, ProjectListArgs, ProjectRenameArgs};
use crate::error::{Error, Result};
use crate::output;
use crate::place::Place;
use crate::render::json::pretty;
use crate::render::text::visible;
use crate::workspace::{need_member, set, settings};

/// Does what is asked for.
pub async fn run(command: &ProjectCommand) -> Result<()> {
    match command {
        ProjectCommand::List(args) => list(args).await,
        ProjectCommand::Rename(args) => rename(args).await,
    }
}

async fn list(args: &ProjectListArgs) -> Result<()> {
    let settings = match Place::here()?.open_to_look().await? {
        Some(mut replica) => settings(&mut replica).await?,
        None => Settings::default(),
    };
    let is_on = settings.finds_projects();
    if args.json {
        let all: Vec<_> = settings.projects().map(|(id, name)| json!({ "project": hex(&id), "label": name })).collect();
        return output::print_plain(&pretty(&json!({ "on": is_on, "projects": all })));
    }
    let mut text = String::new();
    for (id, name) in settings.projects() {
        text.push_str(&format!("{}  {}\n", hex(&id), visible(name)));
    }
    text.push_str(match (is_on, text.is_empty()) {
        (false, _) => "Calls are recorded without their project: `aimon settings set projects on` changes that.\n",
        (true, true) => "No project yet: calls that are read from here on know theirs, where it has a git remote.\n",
        (true, false) => "`aimon report --by project` divides figures by them.\n",
    });
    output::print(&text)
}

async fn rename(args: &ProjectRenameArgs) -> Result<()> {
    let name = args.name.trim();
    if name.is_empty() || name.chars().any(char::is_control) || name.len() > 200 {
        return Err(Error::BadSetting("a project's name is one line of 1 to 200 bytes".to_owned()));
    }
    // Without the keys nobody knows what stands, so nothing that is set goes before it for certain.
    let mut replica = Place::here()?.needing_keys().borrow().await?;
    need_member(&mut replica).await?;
    let settings = settings(&mut replica).await?;
    let called: Vec<[u8; 8]> =
        settings.projects().filter(|(_, name)| *name == args.project).map(|(id, _)| id).collect();
    let begun = || settings.projects().map(|(id, _)| id).filter(|id| hex(id).starts_with(&args.project)).collect();
    let found = if called.is_empty() { begun() } else { called };
    let id = match found.as_slice() {
        [id] => *id,
        [] => {
            return Err(Error::BadSetting(format!(
                "`{}` is no project; `aimon project list` names them",
                args.project
            )));
        }
        _ => {
            return Err(Error::BadSetting(format!(
                "`{}` could be several projects: give more of its hash",
                args.project
            )));
        }
    };
    set(&mut replica, vec![(Path::ProjectLabel(id), Some(name.to_owned()))]).await?;
    replica.settle().await;
    output::print(&format!("{} is called {} now.\n", hex(&id), visible(name)))
}
