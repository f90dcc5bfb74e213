//! Which data folder a command works on, and where logs are looked for.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use aimon_core::crypto::SecretKeys;
use aimon_core::ids::DeviceId;
use aimon_core::settings::Settings;
use aimon_core::time::UtcMillis;
use aimon_replica::{Options, Replica};
use aimon_sources::collector::Env;

use secrecy::ExposeSecret;

use crate::agent::client::{Client, ClientError};
use crate::demo::Demo;
use crate::error::{Error, Result};
use crate::render::labels::Labels;
use crate::secrets::{Secrets, Surroundings};
use crate::{dates, home, output};

/// How long another command that holds the folder may take to finish.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// A data folder with its surroundings.
#[derive(Debug)]
pub struct Place {
    /// The folder.
    pub home: PathBuf,
    /// What time it is.
    pub now: UtcMillis,
    options: Options,
    demo: Option<Demo>,
    keys: Keys,
}

/// What happens where the device's keys can't be had in a workspace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Keys {
    /// It is said, and what can be done without them is done.
    Wanted,
    /// Nothing is done.
    Needed,
}

/// A machine whose logs are read.
#[derive(Debug)]
pub struct Machine {
    /// Where collectors look.
    pub env: Env,
    /// Who observed, if not this device.
    pub origin: Option<DeviceId>,
}

impl Place {
    /// `AIMON_HOME`, or where the system wants it.
    pub fn here() -> Result<Self> {
        Self::at(home::folder()?)
    }

    /// A folder; if it is a demo's, its made-up machines belong to it, and nothing of this one.
    pub fn at(home: PathBuf) -> Result<Self> {
        let now = dates::now();
        Ok(Self { options: home::options(now)?, demo: Demo::of(&home), home, now, keys: Keys::Wanted })
    }

    /// For what can't be done without the device's keys: where they can't be had, opening the replica ends with the reason.
    #[must_use]
    pub fn needing_keys(self) -> Self {
        Self { keys: Keys::Needed, ..self }
    }

    /// Whether the figures are made up.
    pub fn is_demo(&self) -> bool {
        self.demo.is_some()
    }

    /// Whose logs are read.
    pub fn machines(&self) -> Vec<Machine> {
        match &self.demo {
            Some(demo) => demo.machines(&self.home),
            None => vec![Machine { env: Env::of_process(), origin: None }],
        }
    }

    /// Names for people, as the settings have them; `here` is this device.
    pub fn labels(&self, here: Option<DeviceId>, settings: &Settings) -> Labels {
        let mut labels = Labels {
            demo: self.is_demo(),
            here: here.filter(|_| !self.is_demo()),
            devices: self.demo.as_ref().map(Demo::names).unwrap_or_default(),
            ..Labels::default()
        };
        labels.take_in(settings);
        labels
    }

    /// Opens the replica to write.
    pub async fn open(&self) -> Result<Replica> {
        let mut replica = Replica::open(&self.home, &self.options).await?;
        self.unlock(&mut replica).await?;
        Ok(replica)
    }

    /// Gives a replica in a workspace this device's keys. Where they can't be had now it works without: what is recorded rests in
    /// clear, and is shown; what other devices have written since is not.
    ///
    /// # Errors
    /// Why they can't be had, for [`Place::needing_keys`].
    pub async fn unlock(&self, replica: &mut Replica) -> Result<()> {
        use aimon_replica::Error as R;
        match self.give_keys(replica).await {
            // That has nothing to do with keys.
            Err(e @ Error::Replica(R::Damaged { .. } | R::Full(_) | R::Home { .. })) => Err(e),
            Err(e) if self.keys == Keys::Wanted => {
                output::note(&format!(
                    "{e} ({}): what other devices have written since the keys were last here is not shown, and nothing is sent \
                     until they are",
                    e.code()
                ));
                Ok(())
            }
            done => done,
        }
    }

    /// The same; where they can't be had, it is left to the caller to say so.
    ///
    /// # Errors
    /// Why they can't be had.
    pub async fn give_keys(&self, replica: &mut Replica) -> Result<()> {
        if !replica.is_locked() {
            return Ok(());
        }
        let store = Secrets::open(&self.home, &Surroundings::real()?)?;
        let now = dates::now();
        let seed = store.need_device_seed()?;
        match replica.unlock(SecretKeys::of_seed(*seed.expose_secret()), now).await {
            // A crash while joining: the keys of the new workspace had not been put in their place.
            Err(aimon_replica::Error::OtherKeys(home)) => match store.next_seed()? {
                Some(seed) => Ok(replica.unlock(SecretKeys::of_seed(*seed.expose_secret()), now).await?),
                None => Err(aimon_replica::Error::OtherKeys(home).into()),
            },
            done => Ok(done?),
        }
    }

    /// How the replica is opened.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Opens the replica to write. A running `aimon up` lends the folder for as long as this process has it.
    pub async fn borrow(&self) -> Result<Replica> {
        if let Some(replica) = self.try_open().await? {
            return Ok(replica);
        }
        if let Some(agent) = Client::find(&self.home).filter(Client::answers) {
            match agent.lend() {
                Ok(()) => {}
                Err(ClientError::Refused(problem)) => return Err(Error::Agent(problem)),
                Err(e) => return Err(Error::NoAnswer { home: self.home.clone(), why: e.to_string() }),
            }
        }
        self.open_patiently(PATIENCE).await
    }

    /// Opens the replica to read; `None` where there is nothing yet.
    pub async fn open_read(&self) -> Result<Option<Replica>> {
        match Replica::open_read(&self.home).await {
            Ok(mut replica) => {
                self.unlock(&mut replica).await?;
                Ok(Some(replica))
            }
            Err(aimon_replica::Error::Empty(_)) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// Opens the replica for somebody who only looks; `None` where there is nothing yet, and nothing is
    /// begun. Where it can be written, its derived tables are brought up to date on the way.
    pub async fn open_to_look(&self) -> Result<Option<Replica>> {
        use aimon_replica::Error as R;
        if self.home.join(home::DATABASE).exists() {
            match self.open().await {
                Ok(replica) => return Ok(Some(replica)),
                Err(Error::Replica(R::Locked(_) | R::Home { .. } | R::Full(_))) => {}
                Err(e) => return Err(e),
            }
        }
        self.open_read().await
    }

    /// Opens the replica to write; waits for another command to finish.
    pub async fn open_patiently(&self, patience: Duration) -> Result<Replica> {
        let end = Instant::now() + patience;
        loop {
            match self.open().await {
                Err(Error::Replica(aimon_replica::Error::Locked(_))) if Instant::now() < end => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                opened => return opened,
            }
        }
    }

    /// Opens the replica to write; `None` where another process writes.
    pub async fn try_open(&self) -> Result<Option<Replica>> {
        match self.open().await {
            Ok(replica) => Ok(Some(replica)),
            Err(Error::Replica(aimon_replica::Error::Locked(_))) => Ok(None),
            Err(e) => Err(e),
        }
    }
}
