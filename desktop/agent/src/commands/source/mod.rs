//! `aimon source`

mod ask;
mod cover;
mod list;

use aimon_core::accounts::Covered;
use aimon_core::time::UtcDay;

use crate::cli::SourceCommand;
use crate::error::Result;
use crate::render::labels::Labels;
use crate::render::text::{name, quoted};
use crate::scan::roots::Roots;

/// A day before every kept one: from the beginning.
const BEGINNING: UtcDay = UtcDay(0);

/// Takes back what was said of who pays.
const NOBODY: &str = "nobody";

/// How a missing owner is written.
const UNSTATED: &str = "-";

/// Does what is asked for.
pub async fn run(command: &SourceCommand) -> Result<()> {
    match command {
        SourceCommand::Cover(args) => cover::run(args).await,
        SourceCommand::Ask(args) => ask::run(args).await,
        SourceCommand::List(args) => list::run(args).await,
    }
}

/// The command that takes back what was said of who pays for them.
fn to_take_back(covered: &Covered) -> String {
    let mut text = format!("aimon source cover {}", quoted(&covered.source));
    if let Some(device) = covered.device {
        text.push_str(&format!(" --device {device}"));
    }
    if let Some(owner) = &covered.owner {
        text.push_str(&format!(" --owner {}", if owner.is_empty() { UNSTATED.to_owned() } else { quoted(owner) }));
    }
    format!("`{text} --by {NOBODY}`")
}

/// Which calls, as people read it.
fn in_words(covered: &Covered, labels: &Labels, roots: &Roots) -> String {
    let mut text = name(&covered.source);
    match &covered.owner {
        Some(owner) if owner.is_empty() => text.push_str(" without an owner"),
        Some(owner) => match roots.path(owner) {
            Some(path) => text.push_str(&format!(" in {}", name(path))),
            None => text.push_str(&format!(" of {}", name(owner))),
        },
        None => {}
    }
    if let Some(device) = covered.device {
        text.push_str(&format!(" on {}", labels.device(&device.to_string())));
    }
    text
}
