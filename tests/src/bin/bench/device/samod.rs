//! The same samples brought to a new device by samod, as a list of maps.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::table::{Page, ratio};

/// Beside what it took here.
pub fn measure(days: i32, ours: Duration, page: &mut Page) {
    let name = "samod, a list of maps: the same number of samples, until all are added up";
    let Some(program) = std::env::var_os("AIMON_SAMOD").filter(|program| Path::new(program).is_file()) else {
        return page.row(&[name, "not installed"]);
    };
    let said = Command::new(program).arg(days.to_string()).output().ok().filter(|said| said.status.success());
    let said = said.and_then(|said| String::from_utf8(said.stdout).ok());
    let took = said.as_deref().and_then(|said| said.trim().rsplit(' ').next()?.parse::<u128>().ok());
    match took {
        Some(took) => {
            let part = ratio(ours.as_millis(), took);
            page.row(&[name, &format!("{took} ms; the first full report above takes {part}× of that")]);
        }
        None => page.row(&[name, "failed"]),
    }
}
