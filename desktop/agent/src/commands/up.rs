//! `aimon up`

use std::sync::Arc;
use tokio::task::JoinHandle;

use crate::accounts::stay;
use crate::agent::api::{self, Shared};
use crate::agent::client::Client;
use crate::agent::file::{self, AgentFile, Removed, Token};
use crate::agent::server;
use crate::agent::state::Agent;
use crate::agent::work::Work;
use crate::cli::UpArgs;
use crate::error::{Error, Result};
use crate::place::Place;
use crate::pricing::Pricing;
use crate::render::grid;
use crate::render::status::show;
use crate::render::text::visible;
use crate::workspace::concerns::Concerns;
use crate::workspace::touch;
use crate::{dates, output, paint, subscriptions, view};

/// Runs until it is ended.
pub async fn run(args: &UpArgs) -> Result<()> {
    serve(Place::here()?, args.timezone.as_deref()).await
}

/// Watches a folder's logs and serves its API.
pub async fn serve(place: Place, zone: Option<&str>) -> Result<()> {
    let mut ended = Ended::new()?;
    tokio::select! {
        done = up(place, zone) => done,
        () = ended.wait() => Ok(()),
    }
}

async fn up(place: Place, zone: Option<&str>) -> Result<()> {
    let asked = zone.map(|name| dates::zone(Some(name))).transpose()?;
    let system = dates::zone(None)?;
    let pricing = Pricing::load()?;
    crate::secrets::open_to_stay(&place.home)?;
    let replica = match Client::find(&place.home).is_some_and(|c| c.answers()) {
        // A running agent is not over soon.
        true => place.open().await?,
        false => place.open_patiently(super::PATIENCE).await?,
    };
    let (listener, port) = server::listen().await?;
    let token = Token::draw()?;
    let home = place.home.clone();
    AgentFile { port, token: token.clone(), pid: std::process::id() }.write(&home)?;
    let _removed = (Removed(file::path(&home)), Removed(file::token_path(&home)));

    let work = Work::start(&place)?;
    let agent = Arc::new(Agent::new(place, replica, pricing, asked, system));
    let router = api::router(Shared { agent: Arc::clone(&agent), token, port });
    let _server = Running(tokio::spawn(server::serve(listener, router)));
    let _touch = Running(tokio::spawn(touch::stay(Arc::clone(&agent))));
    let _polling = Running(tokio::spawn(stay::stay(Arc::clone(&agent))));
    let _asking = Running(tokio::spawn(subscriptions::stay::stay(Arc::clone(&agent))));

    let url = format!("http://127.0.0.1:{port}");
    agent.scan(true).await?;
    let zone = agent.zone(&agent.settings().await?);
    let status = agent.status(&zone, None).await?;
    view::tell_quarantined(status.quarantined);
    let labels = agent.labels().await?;
    // That it was revoked is said by who hears it from the relay.
    Concerns { is_revoked: false, ..status.concerns.clone() }.tell(&labels);
    let mut text = show(&status, &labels, grid::width());
    for note in work.notes() {
        text.push_str(&format!("\n{}\n", paint::warn(&visible(&note))));
    }
    let token = paint::dim(&format!("(token: {})", visible(&file::path(&home).display().to_string())));
    text.push_str(&format!("\nWatching. API: {} {token}\nCtrl-C ends it.\n", paint::accent(&url)));
    output::print(&text)?;
    // Behind the table: nobody waits for it.
    agent.seal().await?;
    work.run(agent).await;
    Ok(())
}

/// A task that ends with whoever holds this.
struct Running<T>(JoinHandle<T>);

impl<T> Drop for Running<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The end, as the system announces it: Ctrl-C, or a request to terminate.
struct Ended {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Ended {
    #[cfg(unix)]
    fn new() -> Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| signal(kind).map_err(|source| Error::System { what: "cannot listen for signals", source });
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    #[cfg(unix)]
    async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    #[cfg(not(unix))]
    fn new() -> Result<Self> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    async fn wait(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
