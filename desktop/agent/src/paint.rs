//! Colours and weights: two weights, one accent, and red for errors.

use clap::builder::styling::{AnsiColor, Style};

/// Heavier.
pub fn bold(text: &str) -> String {
    with(Style::new().bold(), text)
}

/// Quieter.
pub fn dim(text: &str) -> String {
    with(Style::new().dimmed(), text)
}

/// The accent.
pub fn accent(text: &str) -> String {
    with(Style::new().fg_color(Some(AnsiColor::Cyan.into())), text)
}

/// Something that wants attention.
pub fn warn(text: &str) -> String {
    with(Style::new().fg_color(Some(AnsiColor::Yellow.into())), text)
}

/// Something that is wrong.
pub fn error(text: &str) -> String {
    with(Style::new().bold().fg_color(Some(AnsiColor::Red.into())), text)
}

fn with(style: Style, text: &str) -> String {
    format!("{}{text}{}", style.render(), style.render_reset())
}
