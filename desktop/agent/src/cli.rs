//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::civil::Weekday;

use crate::dates::Day;

mod account;
mod project;
mod secrets;
mod workspace;

pub use account::*;
pub use project::*;
pub use secrets::*;
pub use workspace::*;

/// What your AI usage is, exactly, from the logs that your coding agents keep.
#[derive(Parser, Debug)]
#[command(name = "aimon", version, after_long_help = LONG_HELP)]
pub struct Cli {
    /// What to do; `status` if nothing is named.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What `aimon --help` says behind the options.
const LONG_HELP: &str = "\
Environment:
  AIMON_HOME            the folder for everything that aimon writes (else the system's convention)
  AIMON_RETENTION_DAYS  how many days are kept, 7 to 3650; read at the first start (else 180)
  AIMON_PORT            the port of `aimon up` on 127.0.0.1 (else any free one)
  AIMON_PRICES          a file of prices that go before those that aimon brings
  CLAUDE_CONFIG_DIR, CODEX_HOME, GEMINI_DATA_DIR, OPENCODE_DATA_DIR
                        where agents keep their logs, if not where they do by default
  AIMON_SECRET_STORE    keychain or file: where this device's key lies (else the keychain, if there is one)
  AIMON_PASSPHRASE_FILE a file with the passphrase of secrets in files, where nobody is at a terminal
  AIMON_CLAUDE_URL, AIMON_CODEX_URL
                        where `aimon source ask` asks, if not at the agents' own providers
  AIMON_CA_FILE         certificates (PEM) to trust beside the system's, for a relay of your own
  AIMON_LOG             debug, or more finely aimon_sources=debug: what happens, on stderr
  TZ                    the time zone, if not the system's nor that of `aimon settings`
  NO_COLOR              no colours

Exit codes:
  0  done
  1  failed
  2  the command line or the environment can't be understood
  3  another aimon holds the folder
  4  the folder can't be written to, or the disk is full
  5  the database is damaged, or a newer aimon wrote it
  6  not in step with the relay; nothing is lost

Every error has a stable code: error[code]. docs/errors.md lists them.";

/// The commands.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Take in what is new in the agents' logs
    Scan(ScanArgs),
    /// Show usage by day, week, month or session; takes in what is new first
    Report(ReportArgs),
    /// Show what a figure is made of, down to the lines of the logs
    Explain(ExplainArgs),
    /// Show today, 7 and 30 days, and the quota windows
    Status(StatusArgs),
    /// Show quota windows, who used them up, balances, and what keys may spend
    Windows(WindowsArgs),
    /// Show blocks of five hours, as ccusage does, with what the one that runs comes to
    Blocks(BlocksArgs),
    /// A status line for Claude Code; keeps the quota windows that it brings
    Statusline(StatuslineArgs),
    /// Watch the logs and serve the local HTTP API, until it is ended
    Up(UpArgs),
    /// What you pay for directly: add, list, rekey, rename, merge or remove an account of OpenAI, Anthropic, OpenRouter or LiteLLM
    Account {
        /// What to do with it
        #[command(subcommand)]
        command: AccountCommand,
    },
    /// Ask the providers for what is due, once; `aimon up` does it by itself
    Poll(PollArgs),
    /// The agents' logs: whose calls they have, who pays for them, and whose windows are asked for
    Source {
        /// What to do
        #[command(subcommand)]
        command: SourceCommand,
    },
    /// Begin, show, recover or leave a workspace: devices that share one history
    Workspace {
        /// What to do with it
        #[command(subcommand)]
        command: WorkspaceCommand,
    },
    /// Show a code by which another device joins this one's workspace
    Pair(PairArgs),
    /// Join another device's workspace with the code that it shows
    Join(JoinArgs),
    /// Take in what is new, push what waits and fetch what the others have, once
    Sync(SyncArgs),
    /// The workspace's devices: list, rename, archive, merge, revoke, vouch
    Device {
        /// What to do
        #[command(subcommand)]
        command: DeviceCommand,
    },
    /// Show or change what the workspace's devices agree on
    Settings {
        /// What to do
        #[command(subcommand)]
        command: SettingsCommand,
    },
    /// Which repositories calls belong to, where `aimon settings set projects on` has opted in
    Project {
        /// What to do
        #[command(subcommand)]
        command: ProjectCommand,
    },
    /// Where this device keeps its secrets: show it, put a passphrase on secrets in files
    Secrets {
        /// What to do
        #[command(subcommand)]
        command: SecretsCommand,
    },
    /// Remove data for good: here, on the relay and on all devices of the workspace
    #[command(long_about = workspace::PURGE)]
    Purge(PurgeArgs),
    /// Answer coding agents what they spend: an MCP server on standard input and output
    Mcp(McpArgs),
    /// Check everything: places looked at, database, clock, prices
    Doctor(DoctorArgs),
    /// Write the history to a folder
    Export(ExportArgs),
    /// Try it with made-up logs of three machines, in a data folder of its own
    Demo(DemoArgs),
    /// Print the completions for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

/// `aimon scan`
#[derive(Args, Debug, Default)]
pub struct ScanArgs {
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// What a row is about.
#[derive(ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PeriodArg {
    /// A row for each day
    #[default]
    Daily,
    /// A row for each week
    Weekly,
    /// A row for each month
    Monthly,
    /// A row for each session
    Session,
}

/// What rows are divided by.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByArg {
    /// The model
    Model,
    /// The agent that wrote the log
    Source,
    /// The device
    Device,
    /// The session
    Session,
    /// How far the figure can be trusted
    Quality,
    /// The price class
    Tier,
    /// Who pays: an account, a subscription, or who the log says
    Account,
    /// The provider's project or workspace; of a call from a log its repository, where opted in
    Project,
    /// Whose models they are
    Provider,
    /// The key that was used, by the provider's id for it
    Key,
}

/// Where costs come from.
#[derive(ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ModeArg {
    /// From the tokens and the table of prices
    #[default]
    Calculate,
    /// From what the log says a call cost; unknown where it does not
    Display,
    /// What the log says, where it does; else from the tokens
    Auto,
}

/// The first day of a week.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum WeekdayArg {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl From<WeekdayArg> for Weekday {
    fn from(day: WeekdayArg) -> Self {
        match day {
            WeekdayArg::Monday => Self::Monday,
            WeekdayArg::Tuesday => Self::Tuesday,
            WeekdayArg::Wednesday => Self::Wednesday,
            WeekdayArg::Thursday => Self::Thursday,
            WeekdayArg::Friday => Self::Friday,
            WeekdayArg::Saturday => Self::Saturday,
            WeekdayArg::Sunday => Self::Sunday,
        }
    }
}

/// Which calls.
#[derive(Args, Debug, Default, Clone)]
pub struct RangeArgs {
    /// First day: YYYY-MM-DD, YYYYMMDD, today, yesterday, or 7d for the last 7 days
    #[arg(long, short, value_name = "DAY")]
    pub since: Option<Day>,
    /// Last day, in the same forms
    #[arg(long, short, value_name = "DAY")]
    pub until: Option<Day>,
    /// The time zone whose days are meant, such as Europe/Berlin [default: the setting `zone`, else the system's]
    #[arg(long, short = 'z', value_name = "ZONE")]
    pub timezone: Option<String>,
    /// The day that counts as today: it decides which days are kept
    #[arg(long, value_name = "DATE")]
    pub as_of: Option<Day>,
    /// Only this agent; may be repeated
    #[arg(long, value_name = "SOURCE")]
    pub source: Vec<String>,
    /// Only this model, by its name or as tables show it; may be repeated
    #[arg(long, value_name = "MODEL")]
    pub model: Vec<String>,
    /// Only this device, by its name, its id, or how that begins or ends, with those merged into it; may be repeated
    #[arg(long, value_name = "DEVICE")]
    pub device: Vec<String>,
    /// Where costs come from
    #[arg(long, value_enum, default_value_t)]
    pub mode: ModeArg,
    /// Read what is there already: take in nothing new
    #[arg(long)]
    pub no_scan: bool,
}

/// `aimon report`
#[derive(Args, Debug, Default)]
pub struct ReportArgs {
    /// What a row is about
    #[arg(value_enum, default_value_t)]
    pub period: PeriodArg,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub range: RangeArgs,
    /// Divide each row
    #[arg(long, value_enum, value_name = "WHAT")]
    pub by: Option<ByArg>,
    /// Show each row's models
    #[arg(long, short, conflicts_with = "by")]
    pub breakdown: bool,
    /// The first day of a week [default: the setting `week-start`, else monday]
    #[arg(long, short = 'w', value_enum, value_name = "WEEKDAY")]
    pub start_of_week: Option<WeekdayArg>,
    /// Print JSON, with every key that ccusage prints
    #[arg(long, short)]
    pub json: bool,
    /// Print a JSON object for each row, one a line
    #[arg(long, conflicts_with = "json")]
    pub jsonl: bool,
    /// Print comma-separated values
    #[arg(long, conflicts_with_all = ["json", "jsonl"])]
    pub csv: bool,
    /// Nothing here is ever online; for scripts that were written for ccusage
    #[arg(long, short = 'O', hide = true)]
    pub offline: bool,
}

/// `aimon explain`
#[derive(Args, Debug, Default)]
pub struct ExplainArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub range: RangeArgs,
    /// The day: short for --since DAY --until DAY [default: today]
    #[arg(value_name = "DAY", conflicts_with_all = ["since", "until"])]
    pub day: Option<Day>,
    /// Only this session, by its id or how that begins; may be repeated
    #[arg(long, value_name = "SESSION")]
    pub session: Vec<String>,
    /// Name the file and the line behind each call, where the log still lies on this machine
    #[arg(long)]
    pub lines: bool,
    /// Print one JSON object
    #[arg(long, short)]
    pub json: bool,
}

/// `aimon status`
#[derive(Args, Debug, Default)]
pub struct StatusArgs {
    /// Print one JSON object
    #[arg(long, short)]
    pub json: bool,
    /// Print a line of your own, such as '{today.cost} · 5h {window.5h.used}'
    #[arg(long, short, value_name = "TEMPLATE", conflicts_with = "json", long_help = crate::render::template::HELP)]
    pub format: Option<String>,
    /// The time zone whose days are meant [default: the setting `zone`, else the system's]
    #[arg(long, short = 'z', value_name = "ZONE")]
    pub timezone: Option<String>,
    /// The day that counts as today
    #[arg(long, value_name = "DATE")]
    pub as_of: Option<Day>,
    /// Read what is there already: take in nothing new
    #[arg(long)]
    pub no_scan: bool,
}

/// By what a window's use is divided.
#[derive(ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SharesArg {
    /// The device
    #[default]
    Device,
    /// The device, and its sessions
    Session,
}

/// `aimon windows`
#[derive(Args, Debug, Default)]
pub struct WindowsArgs {
    /// Divide each window's use
    #[arg(long, value_enum, value_name = "WHAT", default_value_t)]
    pub by: SharesArg,
    /// Print one JSON object
    #[arg(long, short)]
    pub json: bool,
    /// Read what is there already: take in nothing new
    #[arg(long)]
    pub no_scan: bool,
}

/// How many tokens a block may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenLimit {
    /// So many.
    Tokens(u64),
    /// As many as the largest block before had.
    Max,
}

impl std::str::FromStr for TokenLimit {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "max" => Ok(Self::Max),
            _ => text.parse().ok().filter(|n| *n > 0).map(Self::Tokens).ok_or("a number of tokens, or `max`"),
        }
    }
}

/// `aimon blocks`
#[derive(Args, Debug)]
pub struct BlocksArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub range: RangeArgs,
    /// Only the block that runs, at length
    #[arg(long, short)]
    pub active: bool,
    /// Only the blocks of the last three days
    #[arg(long, short)]
    pub recent: bool,
    /// Show how much of so many tokens each block is: a number, or max for the largest block before
    #[arg(long, short, value_name = "TOKENS")]
    pub token_limit: Option<TokenLimit>,
    /// How long a block is, in hours
    #[arg(long, short = 'n', value_name = "HOURS", default_value_t = 5, value_parser = clap::value_parser!(i64).range(1..=168))]
    pub session_length: i64,
    /// Print one JSON object, with every key that ccusage prints
    #[arg(long, short)]
    pub json: bool,
    /// Nothing here is ever online; for scripts that were written for ccusage
    #[arg(long, short = 'O', hide = true)]
    pub offline: bool,
}

/// `aimon statusline`
#[derive(Args, Debug, Default)]
pub struct StatuslineArgs {
    /// Run this command with the same input, and print what it prints, unchanged
    #[arg(long, value_name = "COMMAND")]
    pub wrap: Option<String>,
    /// The time zone whose day is meant [default: the setting `zone`, else the system's]
    #[arg(long, short = 'z', value_name = "ZONE")]
    pub timezone: Option<String>,
}

/// `aimon up`
#[derive(Args, Debug, Default)]
pub struct UpArgs {
    /// The time zone whose days are meant [default: the setting `zone`, else the system's]
    #[arg(long, short = 'z', value_name = "ZONE")]
    pub timezone: Option<String>,
}

/// `aimon mcp`
#[derive(Args, Debug, Default)]
pub struct McpArgs {
    /// Also tell usage by this; else neither projects nor keys are given to an agent
    #[arg(long, value_enum, value_name = "WHAT", value_delimiter = ',')]
    pub with: Vec<WithArg>,
    /// Read what is there already: take in nothing new
    #[arg(long)]
    pub no_scan: bool,
}

/// What agents are told only where somebody says so.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum WithArg {
    /// Usage by project: the provider's projects or workspaces, and repositories where opted in
    Project,
    /// Usage by key: the providers' ids of keys, never a key itself
    Key,
}

/// `aimon doctor`
#[derive(Args, Debug, Default)]
pub struct DoctorArgs {
    /// Throw the derived tables away and make them again from the events
    #[arg(long)]
    pub rebuild: bool,
    /// Take the clock as right, after it has jumped ahead by days
    #[arg(long)]
    pub trust_clock: bool,
    /// Print one JSON object
    #[arg(long, short)]
    pub json: bool,
    /// Compare with another program's figures, and list each cell that differs
    #[arg(long, value_enum, value_name = "PROGRAM", conflicts_with_all = ["rebuild", "trust_clock"])]
    pub against: Option<AgainstArg>,
    /// Where ccusage is, if not in PATH
    #[arg(long, value_name = "PATH", requires = "against")]
    pub ccusage: Option<PathBuf>,
    /// The time zone whose days are compared [default: the system's]
    #[arg(long, short = 'z', value_name = "ZONE")]
    pub timezone: Option<String>,
}

/// Whom to compare with.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgainstArg {
    /// ccusage, run offline
    Ccusage,
}

/// `aimon export`
#[derive(Args, Debug)]
pub struct ExportArgs {
    /// In which form
    #[arg(long, value_enum)]
    pub format: ExportFormat,
    /// Where to; made if it is not there
    pub dir: PathBuf,
}

/// Forms of an export.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// records.jsonl and answers.jsonl: what stands, an object a line
    Jsonl,
    /// One Automerge document for each segment: everything, as it is kept
    Automerge,
}

/// `aimon demo`
#[derive(Args, Debug, Default)]
pub struct DemoArgs {
    /// Watch and serve the demo, as `aimon up` does
    #[arg(long)]
    pub up: bool,
    /// Print the report as JSON
    #[arg(long, conflicts_with = "up")]
    pub json: bool,
    /// The time zone whose days are meant [default: the system's]
    #[arg(long, short = 'z', value_name = "ZONE")]
    pub timezone: Option<String>,
}
