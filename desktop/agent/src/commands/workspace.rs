//! `aimon workspace`

use std::io::{BufRead, Read};

use aimon_core::crypto::{Phrase, SecretKeys};
use aimon_core::pairing::Brings;
use aimon_core::settings::Path;
use aimon_core::sync::{Me, SyncError, entry};
use aimon_core::time::UtcDay;
use aimon_ledger::frame::Code;
use aimon_ledger::ids::{DeviceId, WorkspaceId};
use aimon_ledger::membership::Membership;
use aimon_ledger::signature::Purpose;
use aimon_ledger::statement::Statement;
use aimon_replica::link::LinkError;
use aimon_replica::transport::{self, Address, Folder, Http, Options};
use aimon_replica::{Enrolment, Replica, Unsent, link};
use secrecy::SecretString;
use serde::Serialize;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::join::{brings, in_folder, said};
use crate::accounts::keys;
use crate::agent::client::Client;
use crate::agent::file::Removed;
use crate::cli::{CreateArgs, LeaveArgs, MoveArgs, RecoverArgs, ShowArgs, WorkspaceCommand};
use crate::error::{Error, Result};
use crate::place::Place;
use crate::render::json::pretty;
use crate::render::number::count;
use crate::render::status::WaitingJson;
use crate::render::text::visible;
use crate::secrets::{Secrets, Surroundings};
use crate::workspace::waiting::Waiting;
use crate::workspace::{begin, carried, entropy, machine_name, new_device, set, settings, touch};
use crate::{agent, dates, hidden, output, paint};

/// Does what is asked for.
pub async fn run(command: &WorkspaceCommand) -> Result<()> {
    match command {
        WorkspaceCommand::Create(args) => create(args).await,
        WorkspaceCommand::Show(args) => show(args).await,
        WorkspaceCommand::Move(args) => go_to(args).await,
        WorkspaceCommand::Recover(args) => recover(args).await,
        WorkspaceCommand::Leave(args) => leave(args).await,
    }
}

/// What `create --json` prints.
#[derive(Serialize)]
struct Created {
    workspace: String,
    device: String,
    relay: String,
    phrase: String,
}

async fn create(args: &CreateArgs) -> Result<()> {
    let place = Place::here()?;
    let address = Address::parse(&args.relay)?;
    let mut replica = place.borrow().await?;
    if replica.workspace().is_some() {
        return Err(aimon_replica::Error::InWorkspace(place.home.clone()).into());
    }
    let phrase = Phrase::new(entropy()?);
    let secret = SecretKeys::new(entropy()?);
    let device = replica.device();
    let statements = begin::begin(&phrase.keys(), device, secret.public(), replica.retention_days())?;
    let workspace = workspace_of(&statements)?;
    open_at(&address, workspace, &statements, registration(args.registration_stdin)?.as_ref()).await?;

    let mut secrets = Secrets::open(&place.home, &Surroundings::real()?)?;
    secrets.put_device_seed(secret.seed())?;
    // The phrase before anything that can fail: without it a workspace whose devices are lost is lost. One that nobody has seen a phrase
    // of is not begun.
    show_phrase(args, &phrase, (workspace, device), &address).map_err(|e| match e {
        Error::Pipe => Error::Output(std::io::ErrorKind::BrokenPipe.into()),
        e => e,
    })?;
    let into = Enrolment { device, secret, statements, relay: Some(address.to_string()) };
    replica.found(into, dates::now()).await?;
    let machine = machine_name();
    let name = args.name.clone().unwrap_or_else(|| format!("{machine}'s workspace"));
    set(&mut replica, vec![(Path::WorkspaceName, Some(name)), (Path::DeviceName(device), Some(machine))]).await?;
    let replica = Mutex::new(replica);
    let done = touch::once(&replica).await;
    replica.into_inner().settle().await;
    if let Err(e) = done {
        output::note(&format!("{e} ({}): the history waits here until `aimon sync` or `aimon up`", e.code()));
    }
    if args.json { Ok(()) } else { output::print("Next: `aimon pair` here, `aimon join` on the other device.\n") }
}

/// Shows the phrase; with `--json` all that a script asks for.
fn show_phrase(
    args: &CreateArgs,
    phrase: &Phrase,
    (workspace, device): (WorkspaceId, DeviceId),
    address: &Address,
) -> Result<()> {
    if !args.json {
        return output::print(&shown(phrase));
    }
    let words: Zeroizing<String> = Zeroizing::new(phrase.words().collect::<Vec<_>>().join(" "));
    output::print_plain(&pretty(&Created {
        workspace: workspace.to_string(),
        device: device.to_string(),
        relay: address.to_string(),
        phrase: words.to_string(),
    }))
}

/// The phrase, to be written down.
fn shown(phrase: &Phrase) -> String {
    let mut text =
        format!("\n{}\n\n", paint::bold("The phrase of your workspace. Write it down; it is shown only once."));
    for (n, word) in phrase.words().enumerate() {
        text.push_str(&format!("{:>4} {word:<12}{}", n + 1, if n % 4 == 3 { "\n" } else { "" }));
    }
    text + "\nIt brings you back in when all devices are lost (`aimon workspace recover`). Who has it reads everything.\n\n"
}

fn workspace_of(statements: &[Statement]) -> Result<WorkspaceId> {
    let genesis = statements.first().cloned();
    let genesis = genesis.ok_or_else(|| SyncError::Damaged("there is no genesis".to_owned()))?;
    Ok(Membership::begin(genesis).map_err(SyncError::from)?.workspace())
}

/// Opens the workspace at its relay.
async fn open_at(
    address: &Address,
    workspace: WorkspaceId,
    statements: &[Statement],
    registration: Option<&SecretString>,
) -> Result<()> {
    match address {
        Address::Folder(path) => {
            let log = Folder::begin(path)?.workspace(&workspace);
            log.put_statements(statements.iter().map(Statement::bytes))?;
        }
        Address::Relay(_) => {
            let http = Http::new(address, &Options::of_environment())?;
            http.about().await?;
            http.post_statements(&workspace, statements, registration).await?;
        }
    }
    Ok(())
}

/// The relay's registration token, if there is one: a line of the standard input.
fn registration(from_stdin: bool) -> Result<Option<SecretString>> {
    if !from_stdin {
        return Ok(None);
    }
    let mut line = Zeroizing::new(String::new());
    let failed = |source| Error::System { what: "cannot read the standard input", source };
    std::io::stdin().lock().take(4096).read_line(&mut line).map_err(failed)?;
    Ok(Some(line.trim().to_owned().into()))
}

/// What `show --json` prints.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    workspace: String,
    name: Option<String>,
    relay: Option<String>,
    device: String,
    devices: usize,
    retention_days: u32,
    waiting: WaitingJson,
    /// Whether this device belongs to it, as far as it or its relay knows.
    member: bool,
    /// The code of what is wrong between this device and its relay now; null where nothing is.
    trouble: Option<String>,
    /// The same in words, and what to do.
    #[serde(skip)]
    words: Option<String>,
}

async fn show(args: &ShowArgs) -> Result<()> {
    let place = Place::here()?.needing_keys();
    let mut replica = place.borrow().await?;
    let shown = state(&mut replica).await?;
    if args.json {
        return output::print_plain(&pretty(&shown));
    }
    let mut text = format!("{}\n\n", paint::bold(&visible(shown.name.as_deref().unwrap_or("A workspace"))));
    let mut line = |what: &str, value: &str| text.push_str(&format!("  {what:<10} {}\n", visible(value)));
    line("relay", shown.relay.as_deref().unwrap_or("none"));
    line("devices", &shown.devices.to_string());
    line("kept", &count(u64::from(shown.retention_days), "day"));
    let waiting = match (shown.waiting.chunks, &shown.waiting.reason) {
        (0, _) => "nothing".to_owned(),
        (n, None) => count(n, "chunk"),
        (n, Some(why)) => format!("{}, refused: {why}", count(n, "chunk")),
    };
    line("waiting", &waiting);
    line("id", &shown.workspace);
    if let Some(words) = &shown.words {
        text.push_str(&format!("\n{}\n", paint::warn(&visible(words))));
    }
    output::print(&text)
}

async fn state(replica: &mut Replica) -> Result<Shown> {
    let who = replica.who().await?;
    let name = settings(replica).await?.value("workspace/name").map(ToString::to_string);
    let relay = replica.relay().await?;
    let waiting = WaitingJson::of(&Waiting::of(replica).await?.unwrap_or_default());
    let trouble = touch::look(replica).await.err();
    let client = replica.client().await?;
    Ok(Shown {
        workspace: who.workspace.to_string(),
        name,
        relay,
        device: who.device.to_string(),
        devices: client.standing().members.len(),
        retention_days: client.standing().retention.days(),
        waiting,
        member: !matches!(trouble, Some(Error::Link(LinkError::Revoked))),
        words: trouble.as_ref().map(|e| format!("{e} ({}): {}.", e.code(), e.help())),
        trouble: trouble.map(|e| e.code().to_owned()),
    })
}

async fn recover(args: &RecoverArgs) -> Result<()> {
    let place = Place::here()?.needing_keys();
    if place.is_demo() && !args.made_up {
        return Err(Error::DemoApart(place.home));
    }
    let address = Address::parse(&args.relay)?;
    let registration = registration(args.registration_stdin)?;
    let phrase = Phrase::parse(&words()?)?.keys();
    let me = Me { device: new_device()?, secret: SecretKeys::new(entropy()?) };
    let genesis = aimon_core::crypto::genesis(&phrase).map_err(SyncError::from)?;
    let workspace = WorkspaceId(genesis.id().0);

    // All that can stop it comes before anything is said to the relay: a device that is admitted stays in everybody's list.
    let replica = Mutex::new(place.borrow().await?);
    let is_known = is_known(&address, workspace, &me, args.open).await?;
    if !is_known && !args.open {
        return Err(Error::UnknownWorkspace(address.to_string()));
    }
    let brings = brings(&replica, &place).await?;
    let mut replica = replica.into_inner();
    ask_to_bring(args, &brings, replica.workspace().is_some())?;
    let mut secrets = Secrets::open(&place.home, &Surroundings::real()?)?;

    let mut set_ = Membership::begin(genesis).map_err(SyncError::from)?;
    // The phrase lets this device in before anything else of the workspace is known here.
    begin::admit(&mut set_, &phrase, me.device, me.secret.public())?;
    let statements: Vec<Statement> = set_.statements().cloned().collect();
    open_at(&address, workspace, &statements, registration.as_ref()).await?;
    let heard = match &address {
        Address::Folder(path) => in_folder(path, workspace)?,
        Address::Relay(_) => {
            let http = Http::new(&address, &Options::of_environment())?;
            let sign = |challenge: &[u8]| me.secret.sign(Purpose::Challenge, &workspace, challenge);
            match http.authenticate(&workspace, &me.device, sign).await {
                Ok(token) => link::hear(&http, &token, workspace).await?,
                Err(transport::Error::Refused { code: Code::NotAMember, .. }) => {
                    return Err(SyncError::NotAMember.into());
                }
                Err(e) => return Err(e.into()),
            }
        }
    };
    // With all that is there, the phrase's keys are: it gives them to this device; where there are none it brings the first.
    let known = entry(&workspace, &me, heard).ok_or(SyncError::NotAMember)?;
    let mut rest = known.into_iter();
    let genesis = rest.next().ok_or_else(|| SyncError::Damaged("there is no genesis".to_owned()))?;
    let mut set_ = Membership::begin(genesis).map_err(SyncError::from)?;
    for statement in rest {
        set_.insert(statement).map_err(SyncError::from)?;
    }
    if set_.standing().rotate.is_none() {
        begin::rotate(&mut set_, &phrase)?;
    } else {
        begin::admit(&mut set_, &phrase, me.device, me.secret.public())?;
    }
    let statements: Vec<Statement> = set_.statements().cloned().collect();
    open_at(&address, workspace, &statements, registration.as_ref()).await?;

    secrets.put_next_seed(me.secret.seed())?;
    let (before, device) = (replica.device(), me.device);
    let into = Enrolment { device, secret: me.secret, statements, relay: Some(address.to_string()) };
    replica.join(into, dates::now()).await?;
    secrets.take_next_seed()?;
    carried::carry(&mut replica, before).await?;
    set(&mut replica, vec![(Path::DeviceName(device), Some(machine_name()))]).await?;
    let replica = Mutex::new(replica);
    let done = touch::once(&replica).await;
    replica.into_inner().settle().await;
    done?;
    output::print(if is_known {
        "Back in the workspace; what its relay holds is here. Other devices bring what only they have.\n"
    } else {
        "The workspace is begun there again. Other devices that still have its history fill it.\n"
    })
}

/// Whether a relay knows a workspace. Nothing is left there: whoever is no member is not let in, and hears why.
async fn is_known(address: &Address, workspace: WorkspaceId, me: &Me, or_opens: bool) -> Result<bool> {
    match address {
        Address::Folder(path) => match in_folder(path, workspace) {
            // It is laid out when the workspace is begun there.
            Err(Error::Transport(transport::Error::NotAFolder(_))) if or_opens => Ok(false),
            found => Ok(!found?.is_empty()),
        },
        Address::Relay(_) => {
            let http = Http::new(address, &Options::of_environment())?;
            http.about().await?;
            let sign = |challenge: &[u8]| me.secret.sign(Purpose::Challenge, &workspace, challenge);
            match http.authenticate(&workspace, &me.device, sign).await {
                Ok(_) | Err(transport::Error::Refused { code: Code::NotAMember, .. }) => Ok(true),
                Err(transport::Error::Refused { code: Code::UnknownWorkspace, .. }) => Ok(false),
                Err(e) => Err(e.into()),
            }
        }
    }
}

/// What this device holds goes to all others: that is asked, as it is where a device joins.
fn ask_to_bring(args: &RecoverArgs, brings: &Brings, is_in_another: bool) -> Result<()> {
    if args.yes || brings.records == 0 && !is_in_another {
        return Ok(());
    }
    let from = if is_in_another { " It leaves the workspace that it is in." } else { "" };
    let asked = format!("This device brings {}.{from} Shall it be brought into the recovered workspace?", said(brings));
    match output::ask(&asked) {
        Some(true) => Ok(()),
        Some(false) => Err(Error::Declined("nothing was recovered, and nothing was changed here")),
        None => Err(Error::Unasked("this device's history would be brought into the recovered workspace")),
    }
}

/// Goes on at another relay. It hears of the workspace first: where it can't be reached, or says no, nothing has changed.
async fn go_to(args: &MoveArgs) -> Result<()> {
    let place = Place::here()?.needing_keys();
    let address = Address::parse(&args.relay)?;
    let registration = registration(args.registration_stdin)?;
    let mut replica = place.borrow().await?;
    if replica.workspace().is_none() {
        return Err(aimon_replica::Error::NoWorkspace(place.home.clone()).into());
    }
    let who = replica.who().await?;
    open_at(&address, who.workspace, &who.statements, registration.as_ref()).await?;
    replica.set_relay(Some(&address.to_string())).await?;
    let replica = Mutex::new(replica);
    let done = touch::once(&replica).await;
    replica.into_inner().settle().await;
    done?;
    output::print(&format!(
        "This device's workspace is at {} now, with all that this device holds. Move the other devices, too.\n",
        visible(&address.to_string())
    ))
}

/// The phrase's words: asked for on a terminal, else from the standard input.
fn words() -> Result<Zeroizing<String>> {
    let is_all =
        |text: &str| text.split_whitespace().filter(|word| word.chars().any(char::is_alphabetic)).count() >= 24;
    hidden::lines("type the 24 words of the phrase, then Enter; they are not shown", is_all)
        .map_err(|source| Error::System { what: "cannot read the standard input", source })
}

async fn leave(args: &LeaveArgs) -> Result<()> {
    let place = if args.lose { Place::here()? } else { Place::here()?.needing_keys() };
    let mut replica = place.borrow().await?;
    if replica.workspace().is_none() {
        return Err(aimon_replica::Error::NoWorkspace(place.home.clone()).into());
    }
    if let Some(words) = unsent(&replica.unsent().await?) {
        output::note(&words);
    }
    if !args.yes {
        let asked = "Leave the workspace? The history stays here; other devices go on, and should revoke this one.";
        match output::ask(asked) {
            Some(true) => {}
            Some(false) => return Err(Error::Declined("nothing was left, and nothing was changed")),
            None => return Err(Error::Unasked("leaving takes this device's keys away")),
        }
    }
    let lost = out(&mut replica, &place, args.lose, true).await?;
    // A device that holds nothing leaves nothing.
    let is_bare = replica.days((UtcDay(i32::MIN), UtcDay(i32::MAX))).await?.is_empty();
    if is_bare && lost == 0 {
        replica.remove().await?;
        if Client::find(&place.home).is_none_or(|agent| !agent.answers()) {
            drop(Removed(agent::file::path(&place.home)));
        }
        return output::print("This device is in no workspace any more, and nothing is left in its folder.\n");
    }
    replica.settle().await;
    if lost > 0 {
        output::note(&format!(
            "{} could not be read and are gone; logs that are still there are read again",
            count(lost, "chunk")
        ));
    }
    output::print("This device is in no workspace any more.\n")
}

/// Takes a device out of its workspace, and its keys with that: how many chunks could not be read, and are gone. The keys of accounts
/// are no workspace's: where the history stays they can.
pub async fn out(replica: &mut Replica, place: &Place, lose: bool, keeps: bool) -> Result<u64> {
    let lost = replica.leave(lose).await?;
    if let Some(secrets) = Secrets::open_if_chosen(&place.home, &Surroundings::real()?)? {
        match keeps {
            true => secrets.remove_but(keys::is_label)?,
            false => secrets.remove_all()?,
        }
    }
    Ok(lost)
}

/// What nobody else has of this device, in words.
fn unsent(unsent: &Unsent) -> Option<String> {
    let Unsent { chunks, statements, purges } = *unsent;
    let mut what = Vec::new();
    if chunks > 0 {
        what.push(count(chunks, "chunk"));
    }
    if statements > purges {
        what.push(count(statements - purges, "statement"));
    }
    if purges > 0 {
        what.push(count(purges, "purge"));
    }
    let last = what.pop()?;
    let (all, is_one) = match what.is_empty() {
        true => (last, chunks + statements == 1),
        false => (format!("{} and {last}", what.join(", ")), false),
    };
    let were = if is_one { "was" } else { "were" };
    Some(format!(
        "{all} of this device {were} never sent: the others don't hear of it. `aimon sync` sends what can be sent"
    ))
}
