//! `CrashLoopBackOff`: how long a container that ends again and again is kept waiting.

use crate::units::{SimDuration, SimTime};

/// An exit this long after the last restart begins the sequence anew. It is the same whatever the cap
/// (`kubelet/kubelet.go`, the back-off's `HasExpiredFunc`).
pub const FORGOTTEN_AFTER: SimDuration = SimDuration::from_secs(600);

/// First wait (`kubelet.go: initialCrashLoopBackOff`).
pub const INITIAL: SimDuration = SimDuration::from_secs(10);

/// The back-off of one container (client-go `flowcontrol.Backoff` as `kuberuntime_manager.go: doBackOff` asks it).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CrashLoop {
    /// First wait; 10 s by default.
    initial: SimDuration,
    /// Longest wait; 300 s by default.
    most: SimDuration,
    /// The wait after the next exit, and when the container was last restarted.
    entry: Option<(SimDuration, SimTime)>,
}

impl CrashLoop {
    /// A container that was never restarted. A cap below the first wait is the first wait (`newCrashLoopBackOff`).
    pub fn new(initial: SimDuration, most: SimDuration) -> Self {
        CrashLoop { initial: initial.min(most), most, entry: None }
    }

    /// When a container that ended at `exit` starts again, if the kubelet looks at that very moment; counts as done.
    pub fn restart(&mut self, exit: SimTime) -> SimTime {
        self.restart_late(exit, SimDuration::ZERO)
    }

    /// The same for a kubelet that looks `late` after the end, and after the wait.
    pub fn restart_late(&mut self, exit: SimTime, late: SimDuration) -> SimTime {
        let (wait, next) = match self.entry {
            Some((wait, last)) if SimDuration(exit.0.saturating_sub(last.0)) <= FORGOTTEN_AFTER => {
                (wait, (wait + wait).min(self.most))
            }
            _ => (SimDuration::ZERO, self.initial),
        };
        let at = exit + wait + late;
        self.entry = Some((next, at));
        at
    }

    /// The restart that was due last came at `at` instead: many like it were counted at once.
    pub fn restarted(&mut self, at: SimTime) {
        if let Some((_, last)) = &mut self.entry {
            *last = at;
        }
    }
}

impl Default for CrashLoop {
    fn default() -> Self {
        CrashLoop::new(INITIAL, SimDuration::from_secs(300))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_loop_waits_0_10_20_40_seconds_until_it_ran_more_than_ten_minutes() {
        let mut container = CrashLoop::default();
        let mut now = SimTime::ZERO;
        let runs = [1, 1, 1, 600, 1, 1, 1, 601, 1];
        let waits = runs.map(|run| {
            let exit = now + SimDuration::from_secs(run);
            now = container.restart(exit);
            now.since(exit).0 / 1_000_000
        });
        assert_eq!(waits, [0, 10, 20, 40, 80, 160, 300, 0, 10]);
    }
}
