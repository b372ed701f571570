//! A progress bar on stderr for work of more than a second, when stderr is a terminal.

#![expect(clippy::disallowed_types, reason = "a progress bar follows the wall clock; no result does")]

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::units::SimTime;

/// Progress of several runs over one span of simulated time.
pub(super) struct Progress {
    bar: ProgressBar,
    /// Simulated microseconds each run has come to.
    runs: Vec<AtomicU64>,
    begun: Instant,
}

/// Parts that the bar is divided into.
const PARTS: u64 = 1000;

impl Progress {
    /// `runs` runs that have not begun.
    pub(super) fn new(runs: usize) -> Self {
        let target =
            if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(PARTS), target);
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {percent:>3} %  {elapsed} (about {eta} left)") {
            bar.set_style(style);
        }
        Progress { bar, runs: (0..runs).map(|_| AtomicU64::new(0)).collect(), begun: Instant::now() }
    }

    /// Run `i` has come to `at` of `end`.
    pub(super) fn tick(&self, i: usize, at: SimTime, end: SimTime) {
        self.runs[i].store(at.0, Ordering::Relaxed);
        if self.begun.elapsed() < Duration::from_secs(1) {
            return;
        }
        let sum: u128 = self.runs.iter().map(|r| u128::from(r.load(Ordering::Relaxed))).sum();
        let whole = u128::from(end.0.max(1)) * self.runs.len() as u128;
        self.bar.set_position((sum * u128::from(PARTS) / whole) as u64);
    }

    /// Takes the bar away.
    pub(super) fn done(&self) {
        self.bar.finish_and_clear();
    }
}
