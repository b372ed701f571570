//! A set of jobs: one bit a job.

use super::JobId;

/// Which jobs something is true of. An eighth of a byte for each job up to the last of them.
#[derive(Clone, Debug, Default)]
pub struct Bits {
    words: Vec<u64>,
}

impl Bits {
    /// Whether `job` is in it.
    #[inline]
    pub fn has(&self, job: JobId) -> bool {
        self.words.get(job.index() / 64).is_some_and(|word| word >> (job.0 % 64) & 1 == 1)
    }

    /// Puts `job` in; whether it was in it before.
    #[inline]
    pub fn set(&mut self, job: JobId) -> bool {
        let at = job.index() / 64;
        if at >= self.words.len() {
            self.words.resize(at + 1, 0);
        }
        let bit = 1 << (job.0 % 64);
        let was = self.words[at] & bit != 0;
        self.words[at] |= bit;
        was
    }

    /// Takes `job` out; whether it was in it.
    #[inline]
    pub fn clear(&mut self, job: JobId) -> bool {
        let was = self.has(job);
        if was {
            self.words[job.index() / 64] &= !(1 << (job.0 % 64));
        }
        was
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_in_from_when_it_is_set_until_it_is_cleared() {
        let mut bits = Bits::default();
        assert!(!bits.has(JobId(200)) && !bits.clear(JobId(200)));
        assert!(!bits.set(JobId(63)) && !bits.set(JobId(200)) && bits.set(JobId(200)));
        let inside: Vec<u32> = (0..300).filter(|&job| bits.has(JobId(job))).collect();
        assert_eq!(inside, [63, 200]);
        assert!(bits.clear(JobId(63)) && !bits.has(JobId(63)) && bits.has(JobId(200)));
    }
}
