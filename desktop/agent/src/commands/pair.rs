//! `aimon pair`

use std::fmt::Write;

use aimon_core::ids::DeviceId;
use aimon_core::pairing::Inviter;
use aimon_ledger::ids::WorkspaceId;
use aimon_replica::link::Identity;
use aimon_replica::transport::{Address, Folder, Http, Options};
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use serde::Serialize;

use super::join::said;
use crate::cli::PairArgs;
use crate::error::{Error, Result};
use crate::place::Place;
use crate::render::text::visible;
use crate::workspace::mailbox::Inviting;
use crate::workspace::touch::patiently;
use crate::workspace::{entropy, machine_name, settings};
use crate::{dates, output, paint};

/// A line of `--json`: the code at once, then who came.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    admitted: Option<String>,
}

/// Invites a device, and ends when it is admitted.
pub async fn run(args: &PairArgs) -> Result<()> {
    let place = Place::here()?.needing_keys();
    let (who, name, relay) = {
        let mut replica = place.borrow().await?;
        let who = replica.who().await?;
        let settings = settings(&mut replica).await?;
        let name = settings.value("workspace/name").map_or_else(machine_name, |name| name.to_string());
        (who, name, replica.relay().await?.ok_or(Error::NoRelay)?)
    };
    // Whoever joins would wait for an answer that nobody can give.
    if !args.yes && !output::can_ask() {
        return Err(Error::Unasked("somebody has to compare the six digits"));
    }
    let address = Address::parse(&relay)?;
    let own = (who.device, &who.secret.public());
    let mut inviter = Inviter::new(&relay, (who.workspace, &name), own, dates::now(), entropy()?)?;
    let invitation = inviter.code().invitation;
    let mailbox = patiently(Inviting::open(&address, &who, &invitation)).await?;
    show(&inviter, args)?;

    let done = invite(&mailbox, &mut inviter, &who, &address, &place, args).await;
    // Where it was answered, the answer stays until the other device has taken it, however late it looks.
    // So does a no.
    if done.as_ref().is_err_and(|e| !matches!(e, Error::Untaken(_))) {
        mailbox.withdraw(&invitation).await;
    }
    let (device, name) = done?;
    // Nobody reading is no reason to take the answer back: the device is in.
    if args.json {
        let line = Line { code: None, admitted: Some(device.to_string()) };
        return output::print_plain(&line_of(&line));
    }
    output::print(&format!("{} is in the workspace now.\n", visible(&name)))
}

/// Takes in whoever comes: its id and its name.
async fn invite(
    mailbox: &Inviting,
    inviter: &mut Inviter,
    who: &Identity,
    address: &Address,
    place: &Place,
    args: &PairArgs,
) -> Result<(DeviceId, String)> {
    let invitation = inviter.code().invitation;
    let read = |post: &[u8]| Ok(inviter.answer(post, dates::now(), &who.secret, entropy()?)?);
    let (request, digits, answer) = mailbox.request(&invitation, read).await?;
    mailbox.answer(&invitation, answer).await?;
    let brings = said(&request.brings);
    let asked = format!("{} wants to join, and brings {brings}.\nDoes it show {digits}?", visible(&request.name));
    if !args.yes {
        match output::ask(&asked) {
            Some(true) => {}
            Some(false) => {
                // Where this does not get through, it waits until its ten minutes are over.
                if let Err(e) = mailbox.answer(&invitation, inviter.decline(entropy()?)).await {
                    tracing::debug!("the other device does not hear of it: {e}");
                }
                return Err(Error::Untaken("the device was not taken in"));
            }
            None => return Err(Error::Unasked("somebody has to compare the six digits")),
        }
    }
    // Whoever sits there may have said no meanwhile: a device that never comes would stand in everybody's list.
    if mailbox.requested(&invitation).await.is_some_and(|post| inviter.is_declined(&post)) {
        mailbox.withdraw(&invitation).await;
        return Err(Error::Untaken("the other device has declined; nobody was taken in"));
    }
    let mut replica = place.borrow().await?;
    let now = dates::now();
    let (device, keys) = (request.device, request.keys);
    replica.step(now, |client| client.admit(device, keys)).await?;
    let who = replica.who().await?;
    replica.settle().await;
    drop(replica);
    tell(address, &who, who.workspace).await?;
    Ok((device, request.name))
}

/// The relay hears of the admit at once: the other device waits for it.
async fn tell(address: &Address, who: &Identity, workspace: WorkspaceId) -> Result<()> {
    match address {
        Address::Folder(path) => {
            let log = Folder::open(path)?.workspace(&workspace);
            log.put_statements(who.statements.iter().map(|statement| statement.bytes()))?;
        }
        Address::Relay(_) => {
            let http = Http::new(address, &Options::of_environment())?;
            http.post_statements(&workspace, &who.statements, None).await?;
        }
    }
    Ok(())
}

fn show(inviter: &Inviter, args: &PairArgs) -> Result<()> {
    let code = inviter.code().text();
    if args.json {
        return output::print_plain(&line_of(&Line { code: Some(&code), admitted: None }));
    }
    let mut text = String::new();
    // In upper case it is the same code, and a smaller picture.
    if let Ok(qr) = QrCode::new(code.to_ascii_uppercase().as_bytes()) {
        let picture = qr.render::<Dense1x2>().quiet_zone(true).build();
        // Writing to a text does not fail.
        let _ = writeln!(text, "{picture}");
    }
    let _ = writeln!(
        text,
        "On the other device, within ten minutes:\n\n  {}\n",
        paint::bold(&format!("aimon join {}", &*code))
    );
    output::print(&text)
}

fn line_of(line: &Line<'_>) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(line).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}
