//! The command line of what belongs to several devices: workspaces, pairing, devices, settings, purges.

use clap::{Args, Subcommand};

use crate::dates::Day;

/// `aimon workspace`
#[derive(Subcommand, Debug)]
pub enum WorkspaceCommand {
    /// Give this device's history a relay and a phrase, so that other devices can join
    Create(CreateArgs),
    /// Show the workspace, its relay and its devices
    Show(ShowArgs),
    /// Go on at another relay, or in a folder that was emptied: it is filled from here
    Move(MoveArgs),
    /// Come back into a workspace with its phrase
    Recover(RecoverArgs),
    /// Go on alone: the history stays, this device's keys go
    Leave(LeaveArgs),
}

/// `aimon workspace create`
#[derive(Args, Debug)]
pub struct CreateArgs {
    /// The relay: https://HOST, http://127.0.0.1:PORT, or file:///PATH for a shared folder
    #[arg(long, value_name = "ADDRESS")]
    pub relay: String,
    /// What the workspace is called on other devices
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Read the relay's registration token from the standard input
    #[arg(long)]
    pub registration_stdin: bool,
    /// Print one JSON object, the phrase in it
    #[arg(long)]
    pub json: bool,
}

/// `aimon workspace show`
#[derive(Args, Debug, Default)]
pub struct ShowArgs {
    /// Print one JSON object
    #[arg(long, short)]
    pub json: bool,
}

/// `aimon workspace move`
#[derive(Args, Debug)]
pub struct MoveArgs {
    /// The relay to go on at: https://HOST, http://127.0.0.1:PORT, or file:///PATH for a shared folder
    #[arg(long, value_name = "ADDRESS")]
    pub relay: String,
    /// Read the relay's registration token from the standard input
    #[arg(long)]
    pub registration_stdin: bool,
}

/// `aimon workspace recover`
#[derive(Args, Debug)]
pub struct RecoverArgs {
    /// The relay
    #[arg(long, value_name = "ADDRESS")]
    pub relay: String,
    /// Read the relay's registration token from the first line of the standard input, before the phrase
    #[arg(long)]
    pub registration_stdin: bool,
    /// Begin the workspace there again if the relay knows nothing of it: it was emptied, or is another one. Other devices that
    /// still have the history fill it
    #[arg(long)]
    pub open: bool,
    /// Don't ask before this device's history is brought along
    #[arg(long)]
    pub yes: bool,
    /// Bring the demo's made-up figures into the workspace
    #[arg(long, hide = true)]
    pub made_up: bool,
}

/// `aimon workspace leave`
#[derive(Args, Debug, Default)]
pub struct LeaveArgs {
    /// Leave also what can't be read because its keys are gone
    #[arg(long)]
    pub lose: bool,
    /// Don't ask
    #[arg(long)]
    pub yes: bool,
}

/// `aimon pair`
#[derive(Args, Debug, Default)]
pub struct PairArgs {
    /// Print one line, {"code": …}, at once, and one more when the other device is in
    #[arg(long)]
    pub json: bool,
    /// Take in whoever has the code, without comparing the six digits
    #[arg(long)]
    pub yes: bool,
}

/// `aimon join`
#[derive(Args, Debug)]
pub struct JoinArgs {
    /// The code, or - to read it from the standard input
    #[arg(value_name = "CODE")]
    pub code: String,
    /// Don't ask: trust whoever holds the code, and bring this device's history
    #[arg(long)]
    pub yes: bool,
    /// What this device is called on the others
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Where the relay is for this device, if not where the code says: another address of the same one, or file:///PATH where the shared
    /// folder lies at another path
    #[arg(long, value_name = "ADDRESS")]
    pub relay: Option<String>,
    /// Bring the demo's made-up figures into the workspace
    #[arg(long, hide = true)]
    pub made_up: bool,
}

/// `aimon sync`
#[derive(Args, Debug, Default)]
pub struct SyncArgs {
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// Send what is there already: take in nothing new
    #[arg(long)]
    pub no_scan: bool,
}

/// What `aimon purge --help` says.
pub(super) const PURGE: &str = "\
Remove data for good: here, on the relay and on all devices of the workspace.

What is dated up to now goes, of the days and sources that are named. It is taken out of the files of this device, and the other \
devices and the relay follow as soon as they hear of it, however late that is. Logs are not touched, and nothing of what was \
purged comes back when they are read again. Settings and names of devices stay. It can't be undone.";

/// `aimon device`
#[derive(Subcommand, Debug)]
pub enum DeviceCommand {
    /// List the devices, when each was last heard, and what waits
    List(DeviceListArgs),
    /// Give a device another name, on all devices
    Rename {
        /// The device: its name, its id, how that begins, or the eight characters at its end, as tables show them
        device: String,
        /// Its new name
        name: String,
    },
    /// Put a device away that is not used any more: its history stays, and tables say that it is archived
    Archive {
        /// The device: its name, its id, how that begins, or the eight characters at its end, as tables show them
        device: String,
        /// Take it out again
        #[arg(long)]
        undo: bool,
    },
    /// Show a device under another one's name: two identities of one machine that was set up anew. No event is changed
    Merge {
        /// The identity that is shown under the other one
        device: String,
        /// The one under whose name and id both are shown; not needed with --undo
        #[arg(required_unless_present = "undo", conflicts_with = "undo")]
        into: Option<String>,
        /// Show it as itself again
        #[arg(long)]
        undo: bool,
    },
    /// Take a device out of the workspace: it reads nothing that is written from here on
    #[command(long_about = REVOKE)]
    Revoke {
        /// The device: its name, its id, how that begins, or the eight characters at its end, as tables show them
        device: String,
        /// Don't ask
        #[arg(long)]
        yes: bool,
    },
    /// Let count what a revoked device had written, and its revoke did not list: an honest device's queue
    Vouch {
        /// The device: its name, its id, how that begins, or the eight characters at its end, as tables show them
        device: String,
    },
}

/// What `aimon device revoke --help` says.
const REVOKE: &str = "\
Take a device out of the workspace: it reads nothing that is written from here on.

The workspace gets a new key, which that device is not given. What it wrote and this device holds is listed, and goes on counting; \
whatever else it sends is set aside, until somebody vouches for it (`aimon device vouch`). It can't be let in again under this id: \
it would have to pair anew. To take out the device that you sit at, run `aimon workspace leave` there.";

/// `aimon device list`
#[derive(Args, Debug, Default)]
pub struct DeviceListArgs {
    /// Print one JSON object
    #[arg(long, short)]
    pub json: bool,
}

/// `aimon settings`
#[derive(Subcommand, Debug)]
pub enum SettingsCommand {
    /// Show all settings, or the value of one
    Get {
        /// zone, week-start, retention, name (the workspace's), device-name (this device's), projects, poll-usage or poll-costs
        key: Option<String>,
        /// Print JSON
        #[arg(long, short)]
        json: bool,
    },
    /// Change a setting, on all devices of the workspace
    Set {
        /// zone: the time zone whose days are meant, such as Europe/Berlin; week-start: monday, …; retention: how many days are
        /// kept, 7 to 3650; name: the workspace's name; device-name: this device's; projects: on, to record which repository a call
        /// belongs to, or off; poll-usage and poll-costs: how often providers are asked for usage and for costs, such as 5m or 2h
        key: String,
        /// The value; `default` takes it away
        value: String,
        /// Don't ask before days are deleted that a lower retention does not keep
        #[arg(long)]
        yes: bool,
    },
}

/// `aimon purge`
#[derive(Args, Debug, Default)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true).args(["before", "source", "account", "all"]))]
pub struct PurgeArgs {
    /// Only days before this one, in UTC
    #[arg(long, value_name = "DAY")]
    pub before: Option<Day>,
    /// Only what this agent's logs tell of
    #[arg(long, value_name = "SOURCE")]
    pub source: Option<String>,
    /// Only what this account paid for, or what its provider said
    #[arg(long, value_name = "ACCOUNT")]
    pub account: Option<String>,
    /// Everything
    #[arg(long, conflicts_with_all = ["before", "source", "account"])]
    pub all: bool,
    /// Say what would go, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Don't ask
    #[arg(long)]
    pub yes: bool,
    /// Print one JSON object
    #[arg(long, short)]
    pub json: bool,
}
