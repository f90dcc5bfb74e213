//! `aimon device`

use aimon_core::ids::DeviceId;
use aimon_core::settings::Path;
use aimon_core::sync::Notice;
use aimon_core::time::UtcMillis;
use aimon_ledger::live::State;
use aimon_replica::Replica;
use serde::Serialize;
use tokio::sync::Mutex;

use crate::cli::{DeviceCommand, DeviceListArgs};
use crate::error::{Error, Result};
use crate::place::Place;
use crate::render::grid::{self, Grid, Head, Weight, within, words};
use crate::render::json::pretty;
use crate::render::labels::{Labels, short};
use crate::render::number::{ago, count};
use crate::render::status::{WaitingJson, WithheldJson};
use crate::render::text::{name as shown, visible, wrapped};
use crate::workspace::concerns::{Concerns, revoked};
use crate::workspace::devices::{self, Belongs, Device};
use crate::workspace::waiting::Waiting;
use crate::workspace::{need_member, set, settings, touch};
use crate::{dates, output, paint};

/// Does what is asked for.
pub async fn run(command: &DeviceCommand) -> Result<()> {
    let place = match command {
        DeviceCommand::List(_) => Place::here()?,
        _ => Place::here()?.needing_keys(),
    };
    let mut replica = place.borrow().await?;
    if !matches!(command, DeviceCommand::List(_)) {
        need_member(&mut replica).await?;
    }
    let known = devices::all(&mut replica).await?;
    let labels = place.labels(Some(replica.device()), &settings(&mut replica).await?);
    let find = |given: &str| devices::find(&known, given, &labels);
    let done = match command {
        DeviceCommand::List(args) => {
            let concerns = Concerns::of(&mut replica).await?;
            list(args, &known, &labels, &concerns, Waiting::of(&mut replica).await?)?;
            replica.settle().await;
            return Ok(());
        }
        DeviceCommand::Rename { device, name } => {
            let device = find(device)?;
            let name = name.trim();
            if name.is_empty() || name.chars().any(char::is_control) {
                return Err(Error::BadDevice(
                    "a device's name has at least one character, and none that is not shown".into(),
                ));
            }
            set(&mut replica, vec![(Path::DeviceName(device), Some(name.to_owned()))]).await?;
            format!("It is called {} now.\n", shown(name))
        }
        DeviceCommand::Archive { device, undo } => {
            let device = find(device)?;
            set(&mut replica, vec![(Path::DeviceArchived(device), (!undo).then(|| "yes".to_owned()))]).await?;
            let label = shown(&labels.stable(aimon_core::history::Dimension::Device, &device.to_string()));
            match undo {
                false => format!("{label} is archived. Its history stays.\n"),
                true => format!("{label} is not archived any more.\n"),
            }
        }
        DeviceCommand::Merge { device, into, .. } => {
            let device = find(device)?;
            let label = shown(&labels.device(&device.to_string()));
            match into {
                None => {
                    set(&mut replica, vec![(Path::DeviceSameAs(device), None)]).await?;
                    format!("{label} is shown as itself again.\n")
                }
                Some(into) => {
                    // What it is shown as, so that chains stay short; and never in a circle.
                    let named = find(into)?;
                    if named == device {
                        return Err(Error::BadDevice(format!("both are {label}: a device is one with itself already")));
                    }
                    let into = labels.shown(named);
                    if into == device {
                        return Err(Error::BadDevice(format!(
                            "{label} and the device that it is to be merged into are shown as one already"
                        )));
                    }
                    set(&mut replica, vec![(Path::DeviceSameAs(device), Some(into.to_string()))]).await?;
                    let into = shown(&labels.device(&into.to_string()));
                    format!("{label} is shown as {into} from now on. `--undo` shows it as itself again.\n")
                }
            }
        }
        DeviceCommand::Revoke { device, yes } => return revoke(replica, find(device)?, *yes, &labels).await,
        DeviceCommand::Vouch { device } => return vouch(replica, find(device)?, &labels).await,
    };
    replica.settle().await;
    output::print(&done)
}

/// What `list --json` prints.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    devices: Vec<DeviceJson>,
    /// What waits on this device; null without a workspace.
    waiting: Option<WaitingJson>,
    /// By device that was revoked, its chunks that are here and don't count; null where that can't be known.
    set_aside: Option<Vec<WithheldJson>>,
    /// By device, its chunks that it wrote before others that are here, and that are not; null where that can't be known.
    withheld: Option<Vec<WithheldJson>>,
    /// Whether this device was revoked, and has heard so.
    revoked: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeviceJson {
    id: String,
    name: Option<String>,
    this_device: bool,
    /// `member`, `revoked`, or `known` by what it wrote or by its name alone.
    standing: &'static str,
    archived: bool,
    same_as: Option<String>,
    last_heard: Option<String>,
    said: Option<SaidJson>,
}

/// What a device said last of itself.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SaidJson {
    at: String,
    waiting: u64,
    version: String,
}

impl DeviceJson {
    fn of(device: &Device) -> Self {
        Self {
            id: device.id.to_string(),
            name: device.name.clone(),
            this_device: device.is_here,
            standing: device.belongs.word(),
            archived: device.is_archived,
            same_as: device.same_as.map(|id| id.to_string()),
            last_heard: device.heard.map(time),
            said: device.said.as_ref().map(|said| SaidJson {
                at: time(UtcMillis(said.at)),
                waiting: said.waiting,
                version: said.version.clone(),
            }),
        }
    }
}

fn time(at: UtcMillis) -> String {
    jiff::Timestamp::from_millisecond(at.0).map(|time| time.to_string()).unwrap_or_default()
}

fn list(
    args: &DeviceListArgs,
    devices: &[Device],
    labels: &Labels,
    concerns: &Concerns,
    waiting: Option<Waiting>,
) -> Result<()> {
    if args.json {
        let waiting = waiting.as_ref().map(WaitingJson::of);
        return output::print_plain(&pretty(&Listed {
            devices: devices.iter().map(DeviceJson::of).collect(),
            waiting,
            set_aside: concerns.aside.as_ref().map(|all| WithheldJson::all(all, labels)),
            withheld: concerns.withheld.as_ref().map(|all| WithheldJson::all(all, labels)),
            revoked: concerns.is_revoked,
        }));
    }
    let now = dates::now();
    let rows: Vec<Row> = devices.iter().map(|device| Row::of(device, labels, now)).collect();
    let mut text = table(&rows, grid::width());
    let lines = concerns.missing(labels).into_iter().chain(concerns.set_aside(labels));
    for line in lines.chain(concerns.is_revoked.then(revoked)) {
        text.push_str(&format!("\n{}\n", paint::warn(&visible(&format!("{line}.")))));
    }
    if let Some(waiting) = waiting {
        let since = |at: UtcMillis| format!(", since {}", ago(now.0.saturating_sub(at.0) / 1000));
        let why = waiting.reason.as_deref().unwrap_or("not sent yet");
        text.push_str(&match waiting.chunks {
            0 => "\nNothing waits on this device.\n".to_owned(),
            n => format!(
                "\n{} waiting on this device{}: {}\n",
                count(n, "chunk"),
                waiting.since.map_or_else(String::new, since),
                shown(why)
            ),
        });
    }
    output::print(&text)
}

/// What is shown of a device.
struct Row {
    label: String,
    id: String,
    notes: String,
    heard: String,
    said: String,
}

impl Row {
    fn of(device: &Device, labels: &Labels, now: UtcMillis) -> Self {
        let id = device.id.to_string();
        let mut notes = Vec::new();
        if device.is_here {
            notes.push("this device".to_owned());
        }
        if device.belongs == Belongs::Revoked {
            notes.push("revoked".to_owned());
        }
        if device.is_archived {
            notes.push("archived".to_owned());
        }
        if let Some(same_as) = device.same_as {
            notes.push(format!("shown as {}", labels.device(&same_as.to_string())));
        }
        let heard = match device.heard {
            _ if device.is_here => "–".to_owned(),
            Some(at) => ago(now.0.saturating_sub(at.0) / 1000),
            None => "never".to_owned(),
        };
        let said = device.said.as_ref().filter(|_| !device.is_here);
        let said = said.map_or_else(String::new, |said| match said.waiting {
            0 => "nothing waited".to_owned(),
            n => format!("{} waited", count(n, "chunk")),
        });
        Self { label: shown(&labels.named(&id)), id, notes: shown(&notes.join(", ")), heard, said }
    }

    /// By which it can be named, and is told from the others: the end of its id.
    fn tag(&self) -> String {
        short(&self.id).to_owned()
    }
}

/// As much of it as fits: with the ids, with the tags that they end with, without what each said, and at last below each other.
fn table(rows: &[Row], width: usize) -> String {
    type Cells = fn(&Row) -> Vec<String>;
    let layouts: [(&[&'static str], Cells); 3] = [
        (&["Device", "Id", "", "Last heard", "Said of its queue"], |row| {
            vec![row.label.clone(), row.id.clone(), row.notes.clone(), row.heard.clone(), row.said.clone()]
        }),
        (&["Device", "Id", "", "Last heard", "Said of its queue"], |row| {
            vec![row.label.clone(), format!("…{}", row.tag()), row.notes.clone(), row.heard.clone(), row.said.clone()]
        }),
        (&["Device", "Id", "", "Last heard"], |row| {
            vec![row.label.clone(), format!("…{}", row.tag()), row.notes.clone(), row.heard.clone()]
        }),
    ];
    for (heads, cells) in layouts {
        let heads: Vec<Head> = heads.iter().copied().map(words).collect();
        let mut grid = Grid::new(&heads);
        rows.iter().for_each(|row| grid.row(Weight::Plain, cells(row)));
        if let Some(text) = within(width, &grid) {
            return text;
        }
    }
    let mut text = String::new();
    for row in rows {
        let heard = if row.heard == "–" { String::new() } else { format!("last heard: {}", row.heard) };
        let rest = [row.notes.clone(), heard, row.said.clone()];
        let rest: Vec<String> = rest.into_iter().filter(|part| !part.is_empty()).collect();
        text.push_str(&wrapped(&format!("{} …{}", row.label, row.tag()), 0, width));
        text.push_str(&wrapped(&rest.join(" · "), 2, width));
    }
    text
}

/// In touch, if there is a relay; says what became of it.
async fn tell(replica: Replica) -> Result<bool> {
    let replica = Mutex::new(replica);
    let done = touch::once(&replica).await;
    replica.into_inner().settle().await;
    if let Err(e) = &done {
        output::note(&format!(
            "{e} ({}): the others hear of it with the next `aimon sync`, or from `aimon up`",
            e.code()
        ));
    }
    Ok(done.is_ok())
}

async fn revoke(replica: Replica, device: DeviceId, yes: bool, labels: &Labels) -> Result<()> {
    if device == replica.device() {
        return Err(Error::OwnDevice);
    }
    let label = shown(&labels.device(&device.to_string()));
    let replica = Mutex::new(replica);
    {
        let mut replica = replica.lock().await;
        let standing = replica.client().await?.standing();
        if standing.revoked.contains_key(&device) {
            replica.settle().await;
            return output::print(&format!("{label} is out already.\n"));
        }
        if !standing.members.contains_key(&device) {
            return Err(Error::NoMember(label));
        }
    }
    if !yes {
        match output::ask(&format!(
            "Take {label} out of the workspace? The key is changed; it reads nothing that is written from here on, and \
             has to pair anew to come back."
        )) {
            Some(true) => {}
            Some(false) => return Err(Error::Declined("nobody was revoked")),
            None => return Err(Error::Unasked("a device that is revoked has to pair anew")),
        }
    }
    // What is listed is what is held: all that the relay has of it counts on.
    if let Err(e) = touch::once(&replica).await {
        output::note(&format!("{e} ({}): what only the relay holds of it does not count, until vouched for", e.code()));
    }
    let mut replica = replica.into_inner();
    let listed = live(&mut replica, device, State::Live).await?;
    let step = replica.step(dates::now(), |client| client.revoke(device)).await?;
    let key_stays = step.notices.into_iter().find_map(|notice| match notice {
        Notice::KeyStays(why) => Some(why),
        _ => None,
    });
    tell(replica).await?;
    if let Some(why) = key_stays {
        return Err(Error::KeyStays { device: label, why });
    }
    output::print(&format!(
        "{label} is out, and the workspace has a new key. {} of it {} on.\n",
        count(listed, "chunk"),
        if listed == 1 { "counts" } else { "count" }
    ))
}

async fn vouch(mut replica: Replica, device: DeviceId, labels: &Labels) -> Result<()> {
    let aside = live(&mut replica, device, State::SetAside).await?;
    let label = shown(&labels.device(&device.to_string()));
    if !replica.client().await?.standing().revoked.contains_key(&device) {
        replica.settle().await;
        return output::print(&format!("{label} is not revoked: all that it sends counts.\n"));
    }
    replica.step(dates::now(), |client| client.vouch_for(device)).await?;
    tell(replica).await?;
    if aside == 0 {
        return output::print(&format!(
            "Nothing of {label} is set aside here. What is held of it counts by this device's word as well.\n"
        ));
    }
    output::print(&format!("{} of {label} that had been set aside now count.\n", count(aside, "chunk")))
}

async fn live(replica: &mut Replica, device: DeviceId, wanted: State) -> Result<u64> {
    let log = replica.client().await?.log();
    Ok(log.all().filter(|(_, header, state)| header.place.device == device && *state == wanted).count() as u64)
}
