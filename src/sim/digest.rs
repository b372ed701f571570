//! A digest of all changes of a run: equal digests, equal runs.

use super::Change;
use crate::discovery::Reach;
use crate::units::SimTime;

/// 64 bits over the changes in order, each with its time. Not cryptographic: it tells runs apart, not forgers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Digest(0x9e37_79b9_7f4a_7c15)
    }
}

impl Digest {
    /// Mixes in one word: 64 × 64 → 128-bit multiplication, folded.
    pub fn word(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word) * 0xa076_1d64_78bd_642f_u128;
        self.0 = (product as u64 ^ (product >> 64) as u64).rotate_left(23) ^ word;
    }

    fn wide(&mut self, word: u128) {
        self.word(word as u64);
        self.word((word >> 64) as u64);
    }

    /// The digest so far.
    pub fn value(self) -> u64 {
        self.0
    }

    /// Mixes in `change` at `at`: its number, then its fields in order of declaration.
    pub fn change(&mut self, at: SimTime, change: &Change) {
        self.word(at.0);
        match *change {
            Change::Arrived { job } => self.words(&[0, job.0.into()]),
            Change::Placed { job, host } => self.words(&[1, job.0.into(), host.0.into()]),
            Change::Started { job, attempt, host } => self.words(&[2, job.0.into(), attempt.into(), host.0.into()]),
            Change::Ended { job, attempt, host, why, served } => {
                self.words(&[3, job.0.into(), attempt.into(), host.0.into(), why as u64]);
                self.wide(served);
            }
            Change::Repeats { job, host, why, times, last_attempt } => {
                self.words(&[4, job.0.into(), host.0.into(), why as u64, times, last_attempt.into()]);
            }
            Change::Finished { job } => self.words(&[5, job.0.into()]),
            Change::Removed { job } => self.words(&[6, job.0.into()]),
            Change::GaveUp { job } => self.words(&[7, job.0.into()]),
            Change::Waits { job, why, cpu_nano, memory } => {
                self.words(&[8, job.0.into(), why as u64, cpu_nano, memory as u64]);
            }
            Change::Rate { job, attempt, host, cpu, memory } => {
                self.words(&[9, job.0.into(), attempt.into(), host.0.into(), memory as u64]);
                self.words(&cpu.figures());
            }
            Change::Remainder { job, attempt, host, cpu, remainder } => {
                self.words(&[10, job.0.into(), attempt.into(), host.0.into(), remainder]);
                self.words(&cpu.figures());
            }
            Change::AttemptGivenUp { job, host, evicted } => {
                self.words(&[11, job.0.into(), host.0.into(), evicted.into()]);
            }
            Change::Abandoned { job, amount } => {
                self.words(&[12, job.0.into()]);
                self.wide(amount);
            }
            Change::Valued { job, attempt, worth, amount } => {
                self.words(&[13, job.0.into(), attempt.into(), worth as u64]);
                self.wide(amount);
            }
            Change::HostLoad { host, cpu, memory, cpu_request, memory_request, attempts } => {
                self.words(&[14, host.0.into(), memory as u64, cpu_request as u64, memory_request as u64]);
                self.words(&cpu.figures());
                self.word(attempts.into());
            }
            Change::HostUp { host } => self.words(&[15, host.0.into()]),
            Change::HostDown { host, cause } => self.words(&[16, host.0.into(), cause as u64]),
            Change::HostLeft { host } => self.words(&[17, host.0.into()]),
            Change::Thrash { host, on } => self.words(&[18, host.0.into(), on.into()]),
            Change::Heartbeats { host, on } => self.words(&[19, host.0.into(), on.into()]),
            Change::HostLost { host, lost } => self.words(&[20, host.0.into(), lost.into()]),
            Change::Pressure { host, condition, on } => {
                self.words(&[21, host.0.into(), condition as u64, on.into()]);
            }
            Change::WindowBegins => self.word(22),
            Change::DaemonDown { host, daemon } => {
                self.words(&[27, host.0.into()]);
                self.text(daemon);
            }
            Change::DaemonUp { host, daemon } => {
                self.words(&[28, host.0.into()]);
                self.text(daemon);
            }
            Change::ProcessKilled { job, attempt, host, left } => {
                self.words(&[29, job.0.into(), attempt.into(), host.0.into(), left.into()]);
            }
            Change::CpuFelt { host, felt } => {
                self.words(&[40, host.0.into()]);
                self.words(&felt.figures());
            }
            Change::DaemonCpu { host, missing } => self.words(&[41, host.0.into(), missing]),
            Change::DaemonStarved { host, daemon, on } => self.words(&[42, host.0.into(), daemon.into(), on.into()]),
            Change::Store { level } => {
                self.words(&[43, level.reads.into(), level.writes.into(), level.read_us, level.write_us]);
                self.words(&[level.sigma_milli.into(), level.late_writes_count.into()]);
            }
            Change::Stage { job, host, stage } => self.words(&[44, job.0.into(), host.0.into(), stage as u64]),
            Change::Reach { app, reach } => {
                let Reach { ok, refused, nobody, timeout, ready, unlisted, dead_listed } = reach;
                self.words(&[45, app.0.into()]);
                self.words(&[ok, refused, nobody, timeout, ready, unlisted, dead_listed].map(u64::from));
            }
            Change::Deploys { possible } => self.words(&[46, possible.into()]),
            Change::Device { job, host, device } => self.words(&[49, job.0.into(), host.0.into(), device.into()]),
            Change::Configured { job, number } => self.words(&[47, job.0.into(), number.into()]),
            Change::Incident { what, host } => {
                self.words(&[48, what as u64, host.map_or(u64::MAX, |host| host.0.into())]);
            }
            Change::HeldBack { job } => self.words(&[23, job.0.into()]),
            Change::Maintenance { host, step } => self.words(&[25, host.0.into(), step as u64]),
            Change::FailureMissed { host } => self.words(&[26, host.0.into()]),
            Change::Preempts { job, host, victims, applied } => {
                self.words(&[24, job.0.into(), host.0.into(), victims.into(), applied.into()]);
            }
        }
    }

    fn text(&mut self, text: &str) {
        self.word(text.len() as u64);
        text.bytes().for_each(|b| self.word(b.into()));
    }

    fn words(&mut self, words: &[u64]) {
        for &word in words {
            self.word(word);
        }
    }
}
