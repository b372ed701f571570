//! `plimsoll new`: a commented starter scenario.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::stdout;
use crate::error::{Error, Result};
use crate::scenario::starter_yaml;

/// Arguments of `new`.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// Write it to FILE; `-` is standard output
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Replace FILE if it is there
    #[arg(long)]
    force: bool,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Result<()> {
    if args.file.as_os_str() == "-" {
        return stdout::print(starter_yaml());
    }
    if args.file.exists() && !args.force {
        return Err(
            Error::usage("is there already; choose another name, or replace it with --force").in_file(&args.file)
        );
    }
    let failed = |error: std::io::Error| Error::failed(format!("cannot be written ({error})")).in_file(&args.file);
    let mut temporary = args.file.clone().into_os_string();
    temporary.push(format!(".plimsoll-tmp-{}", std::process::id()));
    std::fs::write(&temporary, starter_yaml()).map_err(failed)?;
    if let Err(error) = std::fs::rename(&temporary, &args.file) {
        let _ = std::fs::remove_file(&temporary);
        return Err(failed(error));
    }
    stdout::print(&format!(
        "wrote {file}; run it with: plimsoll run {file}\n",
        file = crate::error::visible(&args.file.to_string_lossy())
    ))
}
