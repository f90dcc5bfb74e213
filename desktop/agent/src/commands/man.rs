//! `aimon man`

use clap::CommandFactory;

use crate::cli::Cli;
use crate::error::{Error, Result};
use crate::output;

/// Prints the manual page, with every command in it.
pub fn run() -> Result<()> {
    let mut out = Vec::new();
    let command = Cli::command();
    let page = clap_mangen::Man::new(command.clone());
    page.render(&mut out).map_err(Error::Output)?;
    for sub in command.get_subcommands() {
        let name = format!("aimon {}", sub.get_name());
        let sub = clap_mangen::Man::new(sub.clone().bin_name(name));
        sub.render_synopsis_section(&mut out)
            .and_then(|()| sub.render_description_section(&mut out))
            .and_then(|()| sub.render_options_section(&mut out))
            .map_err(Error::Output)?;
    }
    output::print_plain(&out)
}
