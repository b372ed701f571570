//! `plimsoll man`: manual pages.

use clap::{Args as ClapArgs, Command, CommandFactory};

use super::{Cli, stdout};
use crate::error::{Error, Result, unknown_name};

/// Arguments of `man`.
#[derive(ClapArgs, Debug)]
#[command(
    after_help = "Examples:\n  plimsoll man | man -l -\n  plimsoll man run > plimsoll-run.1\n  plimsoll man trace scale | man -l -"
)]
pub(super) struct Args {
    /// The command whose page it is; none: that of plimsoll itself
    #[arg(value_name = "COMMAND", num_args = 0..)]
    command: Vec<String>,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Result<()> {
    let mut root = Cli::command();
    // Full names, which pages go by.
    root.build();
    let mut command: &Command = &root;
    for word in &args.command {
        let found = command.get_subcommands().find(|sub| sub.get_name() == word);
        command = found.ok_or_else(|| {
            let names: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
            Error::usage(unknown_name("command", word, &names))
        })?;
    }
    let mut page = Vec::new();
    let done = clap_mangen::Man::new(command.clone()).render(&mut page);
    done.map_err(|error| Error::failed(format!("the page cannot be made ({error})")))?;
    stdout::write_with(|out| out.write_all(&page))
}
