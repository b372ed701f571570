//! `plimsoll schema`: the JSON Schema of scenarios.

use clap::Args as ClapArgs;

use super::stdout;
use crate::error::Result;

/// Arguments of `schema`.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {}

/// Runs the command.
pub(super) fn run(_args: &Args) -> Result<()> {
    stdout::print(&format!("{}\n", crate::scenario::schema_json().trim_end()))
}
