//! Which project a call belongs to, where the workspace has opted in.

use std::collections::BTreeSet;
use std::sync::Arc;

use aimon_core::settings::Path;
use aimon_replica::Replica;
use aimon_sources::project::Projects;
use tokio::sync::Mutex;

use crate::error::Result;
use crate::place::Machine;
use crate::workspace;

/// What finds projects, if they are to be found. Logs that were made up, or are another machine's, name folders of nobody here.
///
/// # Errors
/// The settings can't be read.
pub(super) async fn wanted(replica: &mut Replica, machine: &Machine) -> Result<Option<Arc<Projects>>> {
    let is_wanted = machine.origin.is_none() && workspace::settings(replica).await?.finds_projects();
    Ok(is_wanted.then(|| Arc::new(Projects::new(machine.env.home.clone()))))
}

/// Gives a name to each project that was found and has none: the last part of its remote, and the one before it where another
/// one is called so.
///
/// # Errors
/// The settings can't be written.
pub(super) async fn name(replica: &Mutex<Replica>, projects: Option<&Projects>) -> Result<()> {
    let found = projects.map(Projects::found).unwrap_or_default();
    if found.is_empty() {
        return Ok(());
    }
    let mut replica = replica.lock().await;
    let settings = workspace::settings(&mut replica).await?;
    let known: BTreeSet<[u8; 8]> = settings.projects().map(|(id, _)| id).collect();
    let mut names: BTreeSet<String> = settings.projects().map(|(_, name)| name.to_owned()).collect();
    let mut entries = Vec::new();
    for (id, remote) in found.iter().filter(|(id, _)| !known.contains(*id)) {
        let is_free = names.insert(remote.name().to_owned());
        let name = if is_free { remote.name() } else { remote.long_name() };
        entries.push((Path::ProjectLabel(*id), Some(name.to_owned())));
    }
    if !entries.is_empty() {
        workspace::set(&mut replica, entries).await?;
    }
    Ok(())
}
