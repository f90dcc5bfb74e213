//! `aimon completions`

use clap::CommandFactory;

use crate::cli::Cli;
use crate::error::Result;
use crate::output;

/// Prints the completions for a shell.
pub fn run(shell: clap_complete::Shell) -> Result<()> {
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "aimon", &mut out);
    output::print_plain(&out)
}
