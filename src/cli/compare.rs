//! `plimsoll compare`: two results directories side by side.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::{stdout, style};
use crate::error::Result;

/// Arguments of `compare`.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// The first results directory
    #[arg(value_name = "DIR_A")]
    a: PathBuf,
    /// The second one
    #[arg(value_name = "DIR_B")]
    b: PathBuf,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Result<()> {
    let comparison = crate::report::compare::compare(&args.a, &args.b)?;
    stdout::print(&comparison.render(&style()))
}
