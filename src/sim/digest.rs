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

/// Words of one change that are folded together; more go on in another fold.
const LINE: usize = 16;

/// By place in a fold: what a word is mixed with (successive values of splitmix64 from 0).
const KEYS: [u64; LINE] = keys();

const fn keys() -> [u64; LINE] {
    let mut keys = [0; LINE];
    let (mut state, mut i) = (0u64, 0);
    while i < LINE {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        keys[i] = z ^ (z >> 31);
        i += 1;
    }
    keys
}

/// 64 × 64 → 128-bit multiplication, folded.
#[inline]
fn folded(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// The words of one change. The multiplications of their pairs wait for none of each other; only the sum of a line waits for the line
/// before.
struct Line<'a> {
    digest: &'a mut Digest,
    sum: u64,
    /// The first of a pair.
    held: u64,
    len: usize,
}

impl Line<'_> {
    #[inline(always)]
    fn word(&mut self, word: u64) {
        if self.len == LINE {
            self.end();
        }
        if self.len.is_multiple_of(2) {
            self.held = word;
        } else {
            self.pair(word);
        }
        self.len += 1;
    }

    /// The second of a pair.
    #[inline(always)]
    fn pair(&mut self, word: u64) {
        let at = self.len | 1;
        self.sum = self.sum.wrapping_add(folded(self.held ^ KEYS[at - 1], word ^ KEYS[at]));
    }

    #[inline(always)]
    fn words(&mut self, words: &[u64]) {
        for &word in words {
            self.word(word);
        }
    }

    #[inline(always)]
    fn wide(&mut self, word: u128) {
        self.words(&[word as u64, (word >> 64) as u64]);
    }

    fn text(&mut self, text: &str) {
        self.word(text.len() as u64);
        text.bytes().for_each(|b| self.word(b.into()));
    }

    #[inline(always)]
    fn end(&mut self) {
        if !self.len.is_multiple_of(2) {
            self.pair(0);
        }
        self.digest.word(self.sum.wrapping_add(self.len as u64));
        (self.sum, self.len) = (0, 0);
    }
}

impl Digest {
    /// Mixes in one word.
    #[inline]
    pub fn word(&mut self, word: u64) {
        self.0 = folded(self.0 ^ word, 0xa076_1d64_78bd_642f).rotate_left(23) ^ word;
    }

    /// The digest so far.
    pub fn value(self) -> u64 {
        self.0
    }

    /// Mixes in `change` at `at`: its number, then its fields in order of declaration.
    pub fn change(&mut self, at: SimTime, change: &Change) {
        let mut line = Line { digest: self, sum: 0, held: 0, len: 0 };
        line.word(at.0);
        match *change {
            Change::Arrived { job } => line.words(&[0, job.0.into()]),
            Change::Placed { job, host } => line.words(&[1, job.0.into(), host.0.into()]),
            Change::Started { job, attempt, host } => line.words(&[2, job.0.into(), attempt.into(), host.0.into()]),
            Change::Ended { job, attempt, host, why, served } => {
                line.words(&[3, job.0.into(), attempt.into(), host.0.into(), why as u64]);
                line.wide(served);
            }
            Change::Repeats { job, host, why, times, last_attempt } => {
                line.words(&[4, job.0.into(), host.0.into(), why as u64, times, last_attempt.into()]);
            }
            Change::Finished { job } => line.words(&[5, job.0.into()]),
            Change::Removed { job } => line.words(&[6, job.0.into()]),
            Change::GaveUp { job } => line.words(&[7, job.0.into()]),
            Change::Waits { job, why, cpu_nano, memory } => {
                line.words(&[8, job.0.into(), why as u64, cpu_nano, memory as u64]);
            }
            Change::Rate { job, attempt, host, cpu, memory } => {
                line.words(&[9, job.0.into(), attempt.into(), host.0.into(), memory as u64]);
                line.words(&cpu.figures());
            }
            Change::Remainder { job, attempt, host, cpu, remainder } => {
                line.words(&[10, job.0.into(), attempt.into(), host.0.into(), remainder]);
                line.words(&cpu.figures());
            }
            Change::AttemptGivenUp { job, host, evicted } => {
                line.words(&[11, job.0.into(), host.0.into(), evicted.into()]);
            }
            Change::Abandoned { job, amount } => {
                line.words(&[12, job.0.into()]);
                line.wide(amount);
            }
            Change::Valued { job, attempt, worth, amount } => {
                line.words(&[13, job.0.into(), attempt.into(), worth as u64]);
                line.wide(amount);
            }
            Change::HostLoad { host, cpu, memory, cpu_request, memory_request, attempts } => {
                line.words(&[14, host.0.into(), memory as u64, cpu_request as u64, memory_request as u64]);
                line.words(&cpu.figures());
                line.word(attempts.into());
            }
            Change::HostUp { host } => line.words(&[15, host.0.into()]),
            Change::HostDown { host, cause } => line.words(&[16, host.0.into(), cause as u64]),
            Change::HostLeft { host } => line.words(&[17, host.0.into()]),
            Change::Thrash { host, on } => line.words(&[18, host.0.into(), on.into()]),
            Change::Heartbeats { host, on } => line.words(&[19, host.0.into(), on.into()]),
            Change::HostLost { host, lost } => line.words(&[20, host.0.into(), lost.into()]),
            Change::Pressure { host, condition, on } => {
                line.words(&[21, host.0.into(), condition as u64, on.into()]);
            }
            Change::WindowBegins => line.word(22),
            Change::DaemonDown { host, daemon } => {
                line.words(&[27, host.0.into()]);
                line.text(daemon);
            }
            Change::DaemonUp { host, daemon } => {
                line.words(&[28, host.0.into()]);
                line.text(daemon);
            }
            Change::ProcessKilled { job, attempt, host, left } => {
                line.words(&[29, job.0.into(), attempt.into(), host.0.into(), left.into()]);
            }
            Change::CpuFelt { host, felt } => {
                line.words(&[40, host.0.into()]);
                line.words(&felt.figures());
            }
            Change::DaemonCpu { host, missing } => line.words(&[41, host.0.into(), missing]),
            Change::DaemonStarved { host, daemon, on } => line.words(&[42, host.0.into(), daemon.into(), on.into()]),
            Change::Store { level } => {
                line.words(&[43, level.reads.into(), level.writes.into(), level.read_us, level.write_us]);
                line.words(&[level.sigma_milli.into(), level.late_writes_count.into()]);
            }
            Change::Stage { job, host, stage } => line.words(&[44, job.0.into(), host.0.into(), stage as u64]),
            Change::Reach { app, reach } => {
                let Reach { ok, refused, nobody, timeout, ready, unlisted, dead_listed } = reach;
                line.words(&[45, app.0.into()]);
                line.words(&[ok, refused, nobody, timeout, ready, unlisted, dead_listed].map(u64::from));
            }
            Change::Deploys { possible } => line.words(&[46, possible.into()]),
            Change::Device { job, host, device } => line.words(&[49, job.0.into(), host.0.into(), device.into()]),
            Change::Configured { job, number } => line.words(&[47, job.0.into(), number.into()]),
            Change::Incident { what, host } => {
                line.words(&[48, what as u64, host.map_or(u64::MAX, |host| host.0.into())]);
            }
            Change::HeldBack { job } => line.words(&[23, job.0.into()]),
            Change::Maintenance { host, step } => line.words(&[25, host.0.into(), step as u64]),
            Change::FailureMissed { host } => line.words(&[26, host.0.into()]),
            Change::Preempts { job, host, victims, applied } => {
                line.words(&[24, job.0.into(), host.0.into(), victims.into(), applied.into()]);
            }
        }
        line.end();
    }
}
