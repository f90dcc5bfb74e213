//! The command line of projects.

use clap::{Args, Subcommand};

/// `aimon project`
#[derive(Subcommand, Debug)]
pub enum ProjectCommand {
    /// Show the projects that calls were recorded with, and what they are called
    List(ProjectListArgs),
    /// Call a project something, on all devices of the workspace
    Rename(ProjectRenameArgs),
}

/// `aimon project list`
#[derive(Args, Debug, Default)]
pub struct ProjectListArgs {
    /// Print one JSON object
    #[arg(long, short)]
    pub json: bool,
}

/// `aimon project rename`
#[derive(Args, Debug)]
pub struct ProjectRenameArgs {
    /// The project: its name, its hash, or how that begins
    pub project: String,
    /// What you call it
    pub name: String,
}
