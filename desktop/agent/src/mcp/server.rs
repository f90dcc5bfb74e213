//! The server's side of the protocol.

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation, JsonObject, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

use super::asked::{self, ReportAsked, StatusAsked, WindowsAsked};
use super::{Given, sources, tools};
use crate::commands::{report, status, windows};
use crate::error::{Error, Result};
use crate::render::status::StatusJson;
use crate::render::windows::WindowsJson;

/// What clients tell their model beside the tools.
const INSTRUCTIONS: &str = "AI Monitor knows what coding agents and API accounts have used, over all of this person's machines: \
    tokens, calls, cost in US dollars, quota windows. `status` answers \"how much today, and how full are my windows\"; `usage_report` \
    answers everything by day, week, month or session; `windows` says who used a quota window up; `sources` says where the figures come from. Ask `usage_report` for few days \
    (`since`) where an answer should be short. A cost of null is unknown, not nothing.";

/// A tool that is called, and where its answer goes.
pub struct Question {
    name: String,
    arguments: JsonObject,
    reply: oneshot::Sender<CallToolResult>,
}

impl Question {
    /// Answers it. What can't be answered is said to whoever asked.
    pub async fn answer(self, given: Given) {
        let result = match answer(&self.name, self.arguments, given).await {
            Ok(value) => value,
            Err(e) => failed(&e),
        };
        // One who does not wait any more has cancelled.
        let _ = self.reply.send(result);
    }
}

async fn answer(name: &str, arguments: JsonObject, given: Given) -> Result<CallToolResult> {
    match name {
        tools::REPORT => told(&report::answer(&ReportAsked::args(arguments, given)?).await?.json()),
        tools::STATUS => {
            let (status, labels) = status::read(&StatusAsked::args(arguments, given)?).await?;
            let mut status = StatusJson::of(&status, &labels);
            if !given.keys {
                status.keys.clear();
            }
            told(&status)
        }
        tools::WINDOWS => {
            let WindowsAsked {} = asked::understood(arguments)?;
            let (limits, labels, now) = windows::read(given.no_scan).await?;
            let mut windows = WindowsJson::of(&limits, &labels, now);
            if !given.keys {
                windows.keys.clear();
            }
            told(&windows)
        }
        _ => told(&sources::read(asked::understood(arguments)?, given).await?),
    }
}

/// An answer: as text the exact digits, and the same as an object for whoever computes with it.
fn told<T: Serialize>(value: &T) -> Result<CallToolResult> {
    let failed = |e: serde_json::Error| Error::System { what: "the answer is no JSON", source: e.into() };
    let mut result = CallToolResult::success(vec![ContentBlock::text(serde_json::to_string(value).map_err(failed)?)]);
    result.structured_content = Some(serde_json::to_value(value).map_err(failed)?);
    Ok(result)
}

/// An error that the model reads: its code, what happened and what to do. As text only: an object would have to be an answer.
fn failed(e: &Error) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(format!("error[{}]: {e}\nhelp: {}", e.code(), e.help()))])
}

/// What answers a client.
pub struct Server {
    tools: Vec<Tool>,
    ask: mpsc::Sender<Question>,
}

impl Server {
    /// With the tools that are given.
    pub fn new(given: Given, ask: mpsc::Sender<Question>) -> Self {
        Self { tools: tools::all(given), ask }
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let this = Implementation::new("aimon", env!("CARGO_PKG_VERSION")).with_title("AI Monitor");
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(this)
            .with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.tools.clone()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let name = request.name.into_owned();
        if !self.tools.iter().any(|tool| tool.name == name) {
            return Err(ErrorData::invalid_params(format!("there is no tool `{name}`"), None));
        }
        let (reply, answer) = oneshot::channel();
        let question = Question { name, arguments: request.arguments.unwrap_or_default(), reply };
        let ended = || ErrorData::internal_error("aimon is ending", None);
        self.ask.send(question).await.map_err(|_| ended())?;
        Ok(answer.await.map_err(|_| ended())?.into())
    }
}
