//! `cargo xtask run --two`: two devices and a relay on one machine, with the demo's logs.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::process::{Problem, Result, line};
use crate::run;
use crate::workspace::{Workspace, text};

/// A program that ends with whoever holds this.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One of the two.
struct Device {
    aimon: PathBuf,
    name: &'static str,
    home: PathBuf,
    /// The machine whose logs it reads.
    machine: PathBuf,
}

impl Device {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.aimon);
        command.args(arguments).env("AIMON_HOME", &self.home).env("HOME", &self.machine);
        command.env("USERPROFILE", &self.machine).env("AIMON_SECRET_STORE", "file");
        for own in ["CLAUDE_CONFIG_DIR", "CODEX_HOME", "GEMINI_DATA_DIR", "OPENCODE_DATA_DIR", "XDG_DATA_HOME"] {
            command.env_remove(own);
        }
        command
    }

    /// Runs a command to its end; what it prints is shown.
    fn show(&self, arguments: &[&str]) -> Result<()> {
        println!("\n{}$ aimon {}", self.name, arguments.join(" "));
        let mut command = self.command(arguments);
        let status = command.stdin(Stdio::null()).status()?;
        if status.success() { Ok(()) } else { Err(Problem::new(format!("`{}` failed ({status})", line(&command)))) }
    }

    fn output(&self, arguments: &[&str]) -> Result<Vec<u8>> {
        let mut command = self.command(arguments);
        let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        Err(Problem::new(format!("`{}` failed ({})", line(&command), output.status)))
    }

    fn up(&self) -> Result<Running> {
        let mut command = self.command(&["up"]);
        Ok(Running(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?))
    }
}

/// Begins anew each time: two empty homes, an empty relay.
pub fn run(workspace: &Workspace) -> Result<ExitCode> {
    run::build(workspace, &["aimon", "aimon-relay"])?;
    let aimon = workspace.program("release", "aimon");
    let folder = workspace.target.join("two");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let machines = machines(&aimon, &folder)?;
    let (Some(first), Some(second)) = (machines.first(), machines.get(1)) else {
        return Err(Problem::new("the demo has fewer than two machines"));
    };
    let device = |name: &'static str, machine: &Path| Device {
        aimon: aimon.clone(),
        name,
        home: folder.join(name),
        machine: machine.to_path_buf(),
    };
    let (laptop, desktop) = (device("laptop", first), device("desktop", second));

    let (_relay, address) = relay(workspace, &folder.join("relay"))?;
    println!("server$ aimon-relay serve --data … --listen 127.0.0.1:0\n{address}");
    laptop.show(&["scan"])?;
    desktop.show(&["scan"])?;
    laptop.show(&["workspace", "create", "--relay", &address, "--name", "Two devices"])?;
    pair(&laptop, &desktop)?;
    laptop.show(&["sync"])?;
    let (laptop_up, desktop_up) = (laptop.up()?, desktop.up()?);
    thread::sleep(Duration::from_secs(2));
    laptop.show(&["report", "monthly", "--by", "device"])?;
    let report = |device: &Device| device.output(&["report", "--json", "--no-scan", "--timezone", "UTC"]);
    let same = report(&laptop)? == report(&desktop)?;
    println!(
        "\nBoth reports are {}. Both devices stay in touch, until Ctrl-C:\n",
        if same { "the same, byte for byte" } else { "DIFFERENT" }
    );
    for device in [&laptop, &desktop] {
        println!("  {:<8} AIMON_HOME='{}' AIMON_SECRET_STORE=file aimon report", device.name, device.home.display());
        println!("  {:<8} its logs: {}", "", device.machine.display());
    }
    let mut running = laptop_up;
    let status = running.0.wait()?;
    drop(desktop_up);
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The homes of the demo's machines.
fn machines(aimon: &Path, folder: &Path) -> Result<Vec<PathBuf>> {
    let mut demo = Command::new(aimon);
    let status = demo.args(["demo", "--json"]).env("AIMON_HOME", folder.join("logs")).stdout(Stdio::null()).status()?;
    if !status.success() {
        return Err(Problem::new(format!("`{}` failed ({status})", line(&demo))));
    }
    let mut machines: Vec<PathBuf> = fs::read_dir(folder.join("logs-demo").join("machines"))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .collect();
    machines.sort();
    Ok(machines)
}

/// Starts a relay on a free port; its first line says where.
fn relay(workspace: &Workspace, data: &Path) -> Result<(Running, String)> {
    let mut command = Command::new(workspace.program("release", "aimon-relay"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data);
    let mut running = Running(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?);
    let out = running.0.stdout.take().ok_or_else(|| Problem::new("the relay has no output"))?;
    let mut first = String::new();
    BufReader::new(out).read_line(&mut first)?;
    match first.trim() {
        "" => Err(Problem::new(format!("`{}` said nothing", line(&command)))),
        address => Ok((running, address.to_owned())),
    }
}

/// One shows a code, the other one joins with it.
fn pair(laptop: &Device, desktop: &Device) -> Result<()> {
    println!("\nlaptop$ aimon pair");
    let mut command = laptop.command(&["pair", "--json", "--yes"]);
    let mut inviting = Running(command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?);
    let out = inviting.0.stdout.take().ok_or_else(|| Problem::new("`aimon pair` has no output"))?;
    let mut first = String::new();
    BufReader::new(out).read_line(&mut first)?;
    let said: Value = serde_json::from_str(&first)
        .map_err(|error| Problem::new(format!("`{}` said no code: {error}", line(&command))))?;
    let code = text(&said["code"]).to_owned();
    println!("{code}\n\ndesktop$ aimon join -");
    let mut command = desktop.command(&["join", "-", "--yes", "--made-up", "--name", desktop.name]);
    let mut joining = command.stdin(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = joining.stdin.take() {
        writeln!(stdin, "{code}")?;
    }
    let status = joining.wait()?;
    inviting.0.wait()?;
    if status.success() { Ok(()) } else { Err(Problem::new(format!("`{}` failed ({status})", line(&command)))) }
}
