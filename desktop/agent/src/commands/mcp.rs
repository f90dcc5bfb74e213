//! `aimon mcp`

use std::io::IsTerminal;

use crate::cli::McpArgs;
use crate::error::Result;
use crate::mcp::{self, Given};
use crate::output;

/// Answers an MCP client on standard input and output, until it is done.
pub async fn run(args: &McpArgs) -> Result<()> {
    if std::io::stdin().is_terminal() {
        output::note(
            "this waits for an MCP client on standard input; coding agents start it themselves (Ctrl-C ends it)",
        );
    }
    mcp::serve(Given::of(args)).await
}
