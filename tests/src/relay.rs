//! A relay, run as whoever hosts one runs it.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::command::{Said, relay_binary, sealed};

/// A relay's process and its data folder. It keeps its port over a restart.
#[derive(Debug)]
pub struct Relay {
    data: PathBuf,
    port: u16,
    args: Vec<String>,
    log: String,
    child: Option<Child>,
}

impl Relay {
    /// Starts one on a free port of this machine.
    ///
    /// # Panics
    /// When it can't be started.
    pub fn start(data: &Path) -> Self {
        Self::with(data, &[], "warn")
    }

    /// As [`Relay::start`], with further options, and with a log as detailed as `log` says.
    pub fn with(data: &Path, args: &[&str], log: &str) -> Self {
        let args = args.iter().map(|&arg| arg.to_owned()).collect();
        // What it says is the address by which devices know it, which may be another one's.
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).unwrap().port();
        let mut relay = Self { data: data.to_owned(), port, args, log: log.to_owned(), child: None };
        relay.again();
        relay
    }

    /// Starts it again where it was.
    ///
    /// # Panics
    /// When it runs, or can't be started.
    pub fn again(&mut self) {
        assert!(self.child.is_none(), "it runs");
        let log = File::options().create(true).append(true).open(self.log()).unwrap();
        let mut command = self.command(&["serve", "--listen", &format!("127.0.0.1:{}", self.port)]);
        let mut child = command.args(&self.args).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        self.child = Some(child);
        assert!(line.starts_with("http"), "{}", self.said());
    }

    /// The address that devices are told, if nothing is in between.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process.
    ///
    /// # Panics
    /// When it does not run.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Its data folder.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The file of what it logs.
    pub fn log(&self) -> PathBuf {
        self.data.with_extension("log")
    }

    /// Runs another of its commands on the same folder.
    pub fn run(&self, args: &[&str]) -> Said {
        Said::by(&mut self.command(args))
    }

    /// `kill -9`, which is gone when this returns.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    fn command(&self, args: &[&str]) -> Command {
        let home = self.data.parent().unwrap();
        let mut command = sealed(&relay_binary(), home);
        command.env("AIMON_LOG", &self.log).arg("--data").arg(&self.data).args(args);
        command
    }

    fn said(&self) -> String {
        let mut text = String::new();
        let _ = File::open(self.log()).and_then(|mut file| file.read_to_string(&mut text));
        text
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.kill();
    }
}
