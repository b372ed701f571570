//! `plimsoll completions`: what a shell completes.

use clap::{Args as ClapArgs, CommandFactory};
use clap_complete::Shell;

use super::{Cli, stdout};
use crate::error::Result;

/// Arguments of `completions`.
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:\n  \
plimsoll completions bash > ~/.local/share/bash-completion/completions/plimsoll\n  \
plimsoll completions fish > ~/.config/fish/completions/plimsoll.fish")]
pub(super) struct Args {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Result<()> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "plimsoll", &mut text);
    stdout::write_with(|out| out.write_all(&text))
}
