//! What became of the questions, for whoever looks.

use aimon_core::settings::Asking;
use aimon_core::time::UtcMillis;
use aimon_replica::Replica;
use aimon_sources::subscription::subscriptions;
use serde::Serialize;
use utoipa::ToSchema;

use super::note::Note;
use crate::error::Result;
use crate::render::number::{ago, countdown};
use crate::{note, workspace};

/// A subscription whose windows this device asks for.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema, Debug)]
#[serde(rename_all = "camelCase")]
pub struct AskingJson {
    /// The source: `claude-code`, `codex`.
    pub source: String,
    /// When it was last asked; null if never.
    pub asked_at: Option<String>,
    /// What keeps it from being asked; null where nothing does.
    pub trouble: Option<AskingTroubleJson>,
    #[serde(skip)]
    asked: Option<UtcMillis>,
}

/// Why there is no reading.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema, Debug)]
#[serde(rename_all = "camelCase")]
pub struct AskingTroubleJson {
    /// A stable code.
    pub code: String,
    /// In words.
    pub text: String,
    /// Since when.
    pub since: String,
    /// When it is tried again.
    pub next: String,
    #[serde(skip)]
    times: (i64, i64),
}

/// Those that this device asks for.
///
/// # Errors
/// The replica's.
pub async fn of(replica: &mut Replica) -> Result<Vec<AskingJson>> {
    let device = replica.device();
    let asking = Asking::of(&workspace::settings(replica).await?);
    if !asking.does_any(device) {
        return Ok(Vec::new());
    }
    let note = note::read::<Note>(replica).await?;
    let one = |source: &str| {
        let held = note.of(source);
        let asked = held.turn().asked;
        AskingJson {
            source: source.to_owned(),
            asked_at: asked.map(|at| time(at.0)),
            trouble: held.trouble.map(|why| AskingTroubleJson {
                since: time(why.since),
                next: time(why.next),
                times: (why.since, why.next),
                code: why.code,
                text: why.text,
            }),
            asked,
        }
    };
    let sources = subscriptions().iter().map(|one| one.source());
    Ok(sources.filter(|source| asking.does(source, device)).map(one).collect())
}

impl AskingJson {
    /// What keeps it from being asked, in a line; `None` where nothing does.
    pub fn problem(&self, now: UtcMillis) -> Option<String> {
        let why = self.trouble.as_ref()?;
        let (since, next) = why.times;
        let since = ago(now.0.saturating_sub(since) / 1000);
        let next = match next.saturating_sub(now.0) {
            ..=0 => "now".to_owned(),
            ms => format!("in {}", countdown(ms / 1000)),
        };
        Some(format!(
            "{}'s windows are not asked for: {} ({}), since {since}; next try {next}",
            self.source, why.text, why.code
        ))
    }

    /// How it goes, in a line.
    pub fn line(&self, now: UtcMillis) -> String {
        self.problem(now).unwrap_or_else(|| {
            let asked = self.asked.map(|at| ago(now.0.saturating_sub(at.0) / 1000));
            format!(
                "{}'s windows are asked for here; last asked {}",
                self.source,
                asked.unwrap_or_else(|| "never".to_owned())
            )
        })
    }
}

fn time(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map(|at| at.to_string()).unwrap_or_default()
}
