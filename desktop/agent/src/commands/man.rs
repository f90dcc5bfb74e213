//! `aimon man`

use clap::CommandFactory;

use crate::cli::Cli;
use crate::error::{Error, Result};
use crate::output;

/// Prints the manual page: one, with a section for every command.
pub fn run() -> Result<()> {
    let mut out = Vec::new();
    let command = Cli::command();
    clap_mangen::Man::new(command.clone()).render(&mut out).map_err(Error::Output)?;
    for sub in command.get_subcommands() {
        let name = format!("aimon {}", sub.get_name());
        let man = clap_mangen::Man::new(sub.clone().bin_name(name.clone()));
        let mut section = Vec::new();
        man.render_synopsis_section(&mut section)
            .and_then(|()| man.render_description_section(&mut section))
            .and_then(|()| man.render_options_section(&mut section))
            .map_err(Error::Output)?;
        // Its headings stand one level lower than those of the page.
        let section = String::from_utf8_lossy(&section).replace(".SH ", ".SS ");
        out.extend_from_slice(format!(".SH \"{}\"\n{section}", name.to_uppercase()).as_bytes());
    }
    output::print_plain(&out)
}
