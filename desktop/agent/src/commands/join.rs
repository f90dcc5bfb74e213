//! `aimon join`

use std::io::Read;
use std::time::Duration;

use aimon_core::crypto::SecretKeys;
use aimon_core::pairing::{Brings, Code, Joiner, PairingError, Request};
use aimon_core::settings::Path;
use aimon_core::sync::{Me, entry};
use aimon_ledger::frame::Code as Word;
use aimon_ledger::ids::WorkspaceId;
use aimon_ledger::signature::Purpose;
use aimon_ledger::statement::Statement;
use aimon_replica::link;
use aimon_replica::transport::{self, Address, Folder, Found, Http, Options};
use aimon_replica::{Enrolment, Replica};
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use crate::cli::JoinArgs;
use crate::error::{Error, Result};
use crate::place::Place;
use crate::render::number::count;
use crate::render::text::visible;
use crate::secrets::{Secrets, Surroundings};
use crate::workspace::concerns::Concerns;
use crate::workspace::mailbox::Joining;
use crate::workspace::{carried, entropy, machine_name, new_device, set, settings, touch};
use crate::{dates, output, paint, scan, view};

/// How long the other device may take to say yes.
const PATIENCE: Duration = Duration::from_secs(600);

/// What is said when it says no.
const DECLINED: &str = "the other device has declined; nothing was changed here";

/// How often it is looked whether it has.
const LOOK: Duration = Duration::from_secs(1);

/// Joins a workspace.
pub async fn run(args: &JoinArgs) -> Result<()> {
    let place = Place::here()?.needing_keys();
    if place.is_demo() && !args.made_up {
        return Err(Error::DemoApart(place.home));
    }
    // What can't be understood is said before the code is looked at.
    let elsewhere = args.relay.as_deref().map(Address::parse).transpose()?;
    let code = code(args)?;
    let code = Code::parse(&code).map_err(PairingError::from)?;
    let replica = Mutex::new(place.borrow().await?);
    // In its own workspace it would become a second device.
    if replica.lock().await.workspace().is_some_and(|workspace| workspace.0.starts_with(&code.workspace)) {
        return Err(aimon_replica::Error::InWorkspace(place.home.clone()).into());
    }
    // A code is spent by its first use: who can't be asked has to hear so before.
    if !args.yes && !output::can_ask() {
        return Err(Error::Unasked("somebody has to compare the six digits"));
    }
    let brings = brings(&replica, &place).await?;
    let mut replica = replica.into_inner();
    let me = Me { device: new_device()?, secret: SecretKeys::new(entropy()?) };
    let name = args.name.clone().unwrap_or_else(machine_name);
    let request = Request { device: me.device, keys: me.secret.public(), name: name.clone(), brings };
    let (joiner, post) = Joiner::new(&code.text(), request, entropy()?)?;
    let address = match elsewhere {
        Some(address) => address,
        None => Address::parse(&joiner.code().relay)?,
    };
    let mailbox = Joining::open(&address)?;
    let invitation = joiner.code().invitation;
    mailbox.request(&invitation, post).await?;
    // Whoever is quick to say no has said so before the answer was read.
    let read = |post: &[u8]| match joiner.is_declined(post) {
        true => Err(Error::Untaken(DECLINED)),
        false => Ok(joiner.answered(post)?),
    };
    let (answer, digits) = mailbox.answer(&invitation, read).await?;

    output::print(&format!(
        "Joining {}. This device brings {}.\nBoth devices show {}.\n",
        paint::bold(&visible(&answer.name)),
        said(&brings),
        paint::bold(&digits.to_string())
    ))?;
    if !args.yes {
        match output::ask("Does the other one show the same, and shall it be brought?") {
            Some(true) => {}
            Some(false) => {
                mailbox.decline(&invitation, joiner.decline(entropy()?)).await;
                return Err(Error::Untaken("nothing was joined, and nothing was changed here"));
            }
            None => return Err(Error::Unasked("somebody has to compare the six digits")),
        }
    }
    let has_declined = async || mailbox.answered(&invitation).await.is_some_and(|post| joiner.is_declined(&post));
    let statements = admitted(&address, answer.workspace, &me, has_declined).await?;

    let mut secrets = Secrets::open(&place.home, &Surroundings::real()?)?;
    secrets.put_next_seed(me.secret.seed())?;
    let (before, device) = (replica.device(), me.device);
    let into = Enrolment { device, secret: me.secret, statements, relay: Some(address.to_string()) };
    let brought = replica.join(into, dates::now()).await?;
    secrets.take_next_seed()?;
    carried::carry(&mut replica, before).await?;
    set(&mut replica, vec![(Path::DeviceName(device), Some(name))]).await?;
    if brought.left > 0 {
        output::note(&format!("{} could not be read, and stay behind", count(brought.left, "part")));
    }
    let replica = Mutex::new(replica);
    let done = touch::once(&replica).await;
    let mut replica = replica.into_inner();
    replica.settle().await;
    done?;
    let labels = place.labels(Some(replica.device()), &settings(&mut replica).await?);
    Concerns::of(&mut replica).await?.tell(&labels);
    output::print("The history is here: `aimon report`. `aimon up` keeps it in step.\n")
}

/// The code: from the command line, where it is worth nothing once it was used, or from the standard input.
fn code(args: &JoinArgs) -> Result<Zeroizing<String>> {
    if args.code != "-" {
        return Ok(Zeroizing::new(args.code.clone()));
    }
    let mut code = Zeroizing::new(String::new());
    let source = |source| Error::System { what: "cannot read the standard input", source };
    std::io::stdin().take(4096).read_to_string(&mut code).map_err(source)?;
    // A line of `aimon pair --json` is as good.
    if let Ok(serde_json::Value::Object(line)) = serde_json::from_str(code.trim())
        && let Some(serde_json::Value::String(inside)) = line.get("code")
    {
        return Ok(Zeroizing::new(inside.clone()));
    }
    Ok(code)
}

/// What this device would bring into a workspace: all that its logs hold by now, which is what they hold after a first scan.
///
/// # Errors
/// The logs or the replica can't be read.
pub async fn brings(replica: &Mutex<Replica>, place: &Place) -> Result<Brings> {
    view::tell_left_out(&scan::scan(replica, place, true).await?);
    let mut replica = replica.lock().await;
    let health = replica.health().await?;
    let days = match health.days {
        Some(days) => replica.days(days).await?.len() as u64,
        None => 0,
    };
    Ok(Brings { records: health.records, days })
}

/// The same in words.
pub fn said(brings: &Brings) -> String {
    format!("{} of {}", count(brings.records, "record"), count(brings.days, "day"))
}

/// Waits until the other device has said yes; gives the workspace's statements.
async fn admitted(
    address: &Address,
    workspace: WorkspaceId,
    me: &Me,
    has_declined: impl AsyncFn() -> bool,
) -> Result<Vec<Statement>> {
    let until = tokio::time::Instant::now() + PATIENCE;
    loop {
        let heard = match address {
            Address::Folder(path) => in_folder(path, workspace)?,
            Address::Relay(_) => {
                let http = Http::new(address, &Options::of_environment())?;
                let sign = |challenge: &[u8]| me.secret.sign(Purpose::Challenge, &workspace, challenge);
                match http.authenticate(&workspace, &me.device, sign).await {
                    Ok(token) => link::hear(&http, &token, workspace).await?,
                    Err(transport::Error::Refused { code: Word::NotAMember | Word::UnknownWorkspace, .. }) => {
                        Vec::new()
                    }
                    Err(e) => return Err(e.into()),
                }
            }
        };
        if let Some(statements) = entry(&workspace, me, heard) {
            return Ok(statements);
        }
        if has_declined().await {
            return Err(Error::Untaken(DECLINED));
        }
        if tokio::time::Instant::now() > until {
            return Err(Error::Late("the other device has not said yes within ten minutes"));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The statements that lie in a shared folder.
pub fn in_folder(path: &std::path::Path, workspace: WorkspaceId) -> Result<Vec<Statement>> {
    let log = Folder::open(path)?.workspace(&workspace);
    let mut heard = Vec::new();
    for id in log.list()?.statements {
        if let Found::Whole(bytes) = log.statement(&id)? {
            heard.extend(Statement::parse(bytes).ok());
        }
    }
    Ok(heard)
}
