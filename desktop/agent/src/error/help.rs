//! What to do about an error.

use std::path::Path;

use super::Error;
use crate::accounts::keys;
use crate::render::text::quoted;

impl Error {
    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            Self::Replica(e) => e.help().to_owned(),
            Self::Transport(e) => e.help().to_owned(),
            Self::Link(e) => e.help().to_owned(),
            Self::Account(e) => e.help(),
            Self::Passphrase(e) => e.help().to_owned(),
            Self::Pairing(_) => {
                "nothing was changed here; `aimon pair` on the other device shows a new code".to_owned()
            }
            Self::Phrase(_) => "type the 24 words as they were shown, in their order".to_owned(),
            Self::Unasked(_) => "run it on a terminal, or with --yes (its help says what that means)".to_owned(),
            Self::Untyped { option, .. } => format!("run it on a terminal, or with {option}"),
            Self::Declined(_) => "run it again to go on after all".to_owned(),
            Self::Untaken(_) | Self::Late(_) => {
                "a code is used once: `aimon pair` on the device that is in the workspace shows a new one".to_owned()
            }
            Self::UnknownWorkspace(_) => "check the phrase and the relay's address; where both are right the relay was emptied: `--open` \
                                          begins the workspace there again, for other devices that still have the history to fill"
                .to_owned(),
            Self::NoRelay => "name one: `aimon workspace create --relay https://HOST`".to_owned(),
            Self::SyncRefused { .. } => "`aimon status` says what waits; the relay's owner can make room".to_owned(),
            Self::Incomplete(_) => {
                "run `aimon sync` on the device that it is of, or on any that has it, then here: what is damaged on the way is written anew. If it stays \
                 away, see `aimon doctor`"
                    .to_owned()
            }
            Self::DemoApart(_) => {
                "join with the folder of your own figures: without AIMON_HOME, or with AIMON_HOME set to it".to_owned()
            }
            Self::SecretStoreDamaged(_) => "delete the file. Where the folder `secrets` lies beside it, the keys are in there: run aimon with \
                                            AIMON_SECRET_STORE=file then. Else they can't be found in the keychain any more: `aimon workspace \
                                            leave --lose`, and join again"
                .to_owned(),
            Self::UnknownDevice(_) => "`aimon device list` names them".to_owned(),
            Self::NoMember(_) => "nothing has to be done: it can read nothing of this workspace".to_owned(),
            Self::BadDevice(_) => "`aimon device list` shows the devices, and as what each is shown".to_owned(),
            Self::AmbiguousDevice { .. } => "give more of its id, or all of it: `aimon device list`".to_owned(),
            Self::KeyStays { .. } => {
                "it goes on reading what is written from here on: run `aimon doctor`, and report it".to_owned()
            }
            Self::OwnDevice => "to take this device out, run `aimon workspace leave` here".to_owned(),
            Self::BadSetting(_) => "`aimon settings get` shows all of them".to_owned(),
            Self::NoHome => "set AIMON_HOME to a folder that is yours".to_owned(),
            Self::BadRetention(_) => {
                "set AIMON_RETENTION_DAYS to how many days to keep, 7 to 3650, or leave it out for 180".to_owned()
            }
            Self::BadZone(_) => {
                "use a name of the IANA database, such as Europe/Berlin, America/New_York or UTC".to_owned()
            }
            Self::UnnamedZone(_) => "set TZ or --timezone to a name, such as Europe/Berlin".to_owned(),
            Self::EmptyRange { .. } => "let --since be the earlier day and --until the later one".to_owned(),
            Self::BadTemplate { known, .. } => format!("these exist: {known}"),
            Self::BadPort(_) => "set AIMON_PORT to a number from 0 to 65535; 0 takes any free port".to_owned(),
            Self::Port { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
                "set AIMON_PORT to a port from 1024 on, or leave it out: any free one is taken then".to_owned()
            }
            Self::Port { .. } => "stop what listens there, or set AIMON_PORT to another port (0 takes any)".to_owned(),
            Self::BadPrices { .. } => "mend the file, or move it away to use the prices that aimon brings".to_owned(),
            Self::Ccusage { .. } => {
                "install it (`npm install -g ccusage`), or name its program: --ccusage PATH".to_owned()
            }
            Self::DemoAgainst(_) => "run it without AIMON_HOME, or with the folder of your own figures".to_owned(),
            Self::ExportNotEmpty(_) => "name a folder that does not exist yet: it is made".to_owned(),
            Self::Write { .. } => "name a place that you may write to, with room left".to_owned(),
            Self::NothingToExplain(_) => {
                "`aimon report` shows which days, models, sources and sessions there are".to_owned()
            }
            Self::AmbiguousSession { .. } => "give more of its id, or all of it".to_owned(),
            Self::NoSecretStore(_) => "set AIMON_SECRET_STORE=file to keep it in a file in AIMON_HOME that only you can \
                                       read, or start a keychain (on Linux a Secret Service, such as gnome-keyring)"
                .to_owned(),
            Self::Keychain(e) => e.help().to_owned(),
            Self::BadSecretStore(_) => {
                "set AIMON_SECRET_STORE to file or keychain, or leave it out to use the keychain if there is one".to_owned()
            }
            Self::SecretStoreDiffers { used, .. } => {
                format!("set AIMON_SECRET_STORE={used}, or leave it out; the choice is made once for each folder")
            }
            Self::SecretReadable(path) => readable(path),
            Self::SecretFile { .. } => "make the file readable and writable for you, or bring it back".to_owned(),
            Self::SecretDamaged(_) => {
                "try again; if it stays, `aimon workspace leave --lose` and join again: logs that are still there are read again"
                    .to_owned()
            }
            Self::SecretMissing { .. } => {
                "run aimon as the user, and on the machine, that it was set up for; where that is gone, `aimon workspace \
                 leave --lose` and join again: the other devices have what this one sent, and logs that are still there are read again"
                    .to_owned()
            }
            Self::Demo(_) => "free some space, or set AIMON_HOME to a folder whose parent is yours to write".to_owned(),
            Self::NoAnswer { .. } => {
                "wait for it to finish, or end it (Ctrl-C in its terminal) and try again".to_owned()
            }
            Self::Agent(problem) => problem.help.clone(),
            Self::BadParameter(_) => "the tool's input schema says what there is".to_owned(),
            Self::NotOptedIn(what) => format!("if it is wanted, start the server as `aimon mcp --with {what}`"),
            Self::NotMcp(_) => {
                "let a coding agent start it: `aimon mcp` speaks the Model Context Protocol on its standard input and output".to_owned()
            }
            Self::Usage(_) => "`aimon --help` lists the commands, `aimon COMMAND --help` their options".to_owned(),
            Self::Ended(_) | Self::Pipe => String::new(),
            Self::Output(_) => "check where the output goes: the disk may be full".to_owned(),
            Self::System { .. } => "try again; if it stays, report it with the text above".to_owned(),
        }
    }
}

/// What to do where others may have read a secret: what it opens has to be opened by another one then.
fn readable(path: &Path) -> String {
    let shut = format!("`chmod 600 {}` if nobody has read it", quoted(&path.display().to_string()));
    match keys::is_in(path) {
        true => format!("{shut}; else revoke that key at its provider, and `aimon account rekey` takes a new one"),
        false => format!(
            "{shut}; else `aimon workspace leave` and join again: another device that is in the workspace lets this one in \
             with new keys"
        ),
    }
}
