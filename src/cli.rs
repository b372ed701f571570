//! The command line: one file a command, and the only place that prints.
//!
//! Results go to stdout, progress and warnings to stderr. Exit codes: 0 done; 1 failed (could not finish, or a check
//! was not met); 2 usage; 3 input invalid or over a budget; 130 interrupted. A closed pipe is no error.

#![allow(clippy::disallowed_methods, reason = "the command line reads NO_COLOR, TERM and COLUMNS")]

mod attribute;
mod budgets;
mod check;
mod compare;
mod completions;
mod demo;
pub mod list;
mod man;
mod manifests;
mod needs;
mod new;
mod progress;
mod reproduce;
mod run;
mod schedule;
mod schema;
mod stdout;
mod trace;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Parser, Subcommand};

use crate::error::{Error, Result, visible};

/// Replays job traces against the schedulers of the fleet-to-Kubernetes story and shows which hosts were swamped.
///
/// Start with `plimsoll demo`. Then write a scenario with `plimsoll new FILE`, or replay a trace with
/// `plimsoll run --trace FORMAT:PATH`.
#[derive(Parser)]
#[command(name = "plimsoll", version, propagate_version = true, max_term_width = 100, subcommand_required = true)]
#[command(arg_required_else_help = true)]
#[command(after_help = "Exit codes: 0 done; 1 failed; 2 usage; 3 input invalid; 130 interrupted.\n\
NO_COLOR turns colours off. `-` is standard input or output.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show the swamped story in a few seconds, with a report in plimsoll-demo/
    Demo(demo::Args),
    /// Replay a scenario or a trace against orchestrators
    Run(Box<run::Args>),
    /// Say which ingredient of Kubernetes an improvement is due to
    Attribute(attribute::Args),
    /// Repeat a published experiment on its data, and set ours beside theirs
    Reproduce(reproduce::Args),
    /// Set two results directories side by side
    Compare(compare::Args),
    /// Check a scenario without running it, or a dump of a cluster against our decisions
    Check(check::Args),
    /// Say what must run or be mocked before a component of the platform is ready
    Needs(needs::Args),
    /// List what there is to choose from
    List(list::Args),
    /// Write a commented starter scenario
    New(new::Args),
    /// Print the JSON Schema of scenarios
    Schema(schema::Args),
    /// Convert, describe, sample, scale and generate traces
    Trace(trace::Args),
    /// Place the pods of Kubernetes manifests as kube-scheduler would, and say why
    Schedule(schedule::Args),
    /// Print what a shell completes
    Completions(completions::Args),
    /// Print a manual page
    Man(man::Args),
}

/// Set by Ctrl-C and SIGTERM.
static STOP: AtomicBool = AtomicBool::new(false);

/// Whether the user wants to stop.
fn stopping() -> bool {
    STOP.load(Ordering::Relaxed)
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to stdout with 0, misuse to stderr with 2; a closed pipe is no error.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    // The second signal ends the process at once.
    let _ = ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    });
    let done = match cli.command {
        Command::Demo(args) => demo::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Attribute(args) => attribute::run(&args),
        Command::Reproduce(args) => reproduce::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Needs(args) => needs::run(&args),
        Command::List(args) => list::run(&args),
        Command::New(args) => new::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Trace(args) => trace::run(&args),
        Command::Schedule(args) => schedule::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

/// Says on stderr what went wrong.
fn complain(error: &Error) {
    say("error", &error.to_string());
}

/// A warning on stderr.
fn warn(text: &str) {
    say("warning", &visible(text));
}

fn say(what: &str, text: &str) {
    use std::io::Write;
    let mut err = std::io::stderr();
    let (on, off) = match (color(&err), what) {
        (true, "error") => ("\u{1b}[1;31m", "\u{1b}[0m"),
        (true, _) => ("\u{1b}[1;33m", "\u{1b}[0m"),
        (false, _) => ("", ""),
    };
    // Nothing is left to do when stderr is closed.
    let _ = writeln!(err, "{on}{what}:{off} {text}");
}

/// Whether `stream` takes colours.
fn color(stream: &impl IsTerminal) -> bool {
    stream.is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// How tables are laid out on stdout: as wide as the terminal, else 100 columns.
fn style() -> crate::report::Style {
    let width = clap_width().unwrap_or(100).clamp(60, 200);
    crate::report::Style { color: color(&std::io::stdout()), width }
}

/// `COLUMNS`, if it is set to a number.
fn clap_width() -> Option<usize> {
    std::env::var("COLUMNS").ok()?.parse().ok()
}

/// Most threads that may be asked for: beyond it nothing gets faster, and a system may refuse them.
const THREADS_MAX: usize = 1_024;

/// Runs `work` on `threads` threads (0: one a core).
fn on_threads<T: Send>(threads: usize, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    if threads > THREADS_MAX {
        let what = format!("{threads} threads are more than {THREADS_MAX}; 0 is one a core");
        return Err(Error::usage(what).in_field("--threads"));
    }
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|error| Error::failed(format!("cannot start {threads} threads ({error})")))?;
    pool.install(work)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory;
        super::Cli::command().debug_assert();
    }
}
