//! What coding agents are answered about their own spend, by the Model Context Protocol.
//!
//! The protocol is the official SDK's affair; what is told is what `aimon report --json`, `status --json`, `windows --json` and `source list` tell,
//! by the same code. Nothing is changed, and nothing is told that nobody has opted in to ([`Given`]).
//!
//! * `server`: the tools as the protocol knows them.
//! * `tools`: their names, and the schemas of what they can be asked.
//! * `asked`: what they were asked, understood.
//! * `answers`: the schemas of what they answer.
//! * `sources`: what the tool of that name answers.

mod answers;
mod asked;
mod server;
mod sources;
mod tools;

use rmcp::ServiceExt;
use rmcp::service::{QuitReason, ServerInitializeError};
use tokio::sync::mpsc;

use crate::cli::{McpArgs, WithArg};
use crate::error::{Error, Result};
use server::{Question, Server};

/// What a client is given beside figures.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Given {
    /// Usage by project.
    pub projects: bool,
    /// Usage by key: the provider's ids of keys.
    pub keys: bool,
    /// Only what is recorded already.
    pub no_scan: bool,
}

impl Given {
    /// As the command line says.
    pub fn of(args: &McpArgs) -> Self {
        let with = |what| args.with.contains(&what);
        Self { projects: with(WithArg::Project), keys: with(WithArg::Key), no_scan: args.no_scan }
    }
}

/// Serves on standard input and output, until the client closes them.
///
/// # Errors
/// `not-mcp` where whoever is there does not begin as a client does.
pub async fn serve(given: Given) -> Result<()> {
    // One question at a time: opening a replica is nothing that a task can be made of, and a second one would only wait for the lock.
    let (ask, mut asked) = mpsc::channel::<Question>(1);
    let serving = async move {
        let running = Server::new(given, ask).serve((tokio::io::stdin(), tokio::io::stdout())).await;
        match running {
            Ok(running) => Ok(running.waiting().await),
            Err(e) => Err(e),
        }
    };
    let answering = async {
        while let Some(question) = asked.recv().await {
            question.answer(given).await;
        }
    };
    match tokio::join!(serving, answering).0 {
        Ok(Ok(QuitReason::JoinError(e)) | Err(e)) => {
            Err(Error::System { what: "the server has failed", source: std::io::Error::other(e.to_string()) })
        }
        Ok(Ok(_)) => Ok(()),
        // Whoever started it has changed their mind.
        Err(ServerInitializeError::ConnectionClosed(_) | ServerInitializeError::Cancelled) => Ok(()),
        Err(ServerInitializeError::TransportError { .. }) => Err(Error::Pipe),
        Err(ServerInitializeError::ExpectedInitializeRequest(_)) => {
            Err(Error::NotMcp("what came first is no `initialize`".to_owned()))
        }
        Err(e) => Err(Error::NotMcp(e.to_string())),
    }
}
