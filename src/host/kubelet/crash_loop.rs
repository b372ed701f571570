//! `CrashLoopBackOff`: how long a container that ends again and again is kept waiting.

use crate::units::{SimDuration, SimTime};

/// An exit this long after the last restart begins the sequence anew. It is the same whatever the cap
/// (`kubelet/kubelet.go`, the back-off's `HasExpiredFunc`).
pub const FORGOTTEN_AFTER: SimDuration = SimDuration::from_secs(600);

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
    /// A container that was never restarted.
    pub const fn new(initial: SimDuration, most: SimDuration) -> Self {
        CrashLoop { initial, most, entry: None }
    }

    /// When a container that ended at `exit` starts again, if the kubelet looks at that very moment; counts as done.
    pub fn restart(&mut self, exit: SimTime) -> SimTime {
        match self.entry {
            Some((wait, last)) if SimDuration(exit.0.saturating_sub(last.0)) <= FORGOTTEN_AFTER => {
                let at = exit + wait;
                self.entry = Some(((wait + wait).min(self.most), at));
                at
            }
            _ => {
                self.entry = Some((self.initial, exit));
                exit
            }
        }
    }
}

impl Default for CrashLoop {
    fn default() -> Self {
        CrashLoop::new(SimDuration::from_secs(10), SimDuration::from_secs(300))
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
