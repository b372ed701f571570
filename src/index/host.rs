//! Hosts and requests as numbers: all that an index knows of them.

/// Largest amount that an index takes: what is multiplied by a hundred, or added up a few times, stays within 64 bits, and a
/// hundred times an amount is exact in a float where divisions by another one are compared.
pub const MOST: i64 = 1 << 46;

/// What a host has for jobs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Room {
    /// CPU in thousandths of a core.
    pub cpu: i64,
    /// Memory in bytes.
    pub memory: i64,
    /// Jobs at a time.
    pub jobs: i64,
}

/// What is booked on a host.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Booked {
    /// Sum of requests, thousandths of a core.
    pub cpu: i64,
    /// Sum of requests, bytes.
    pub memory: i64,
    /// The same with stand-ins for requests that are missing.
    pub non_zero_cpu: i64,
    /// The same with stand-ins for requests that are missing.
    pub non_zero_memory: i64,
    /// Number of jobs.
    pub jobs: i64,
}

/// What jobs of one kind ask for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Want {
    /// What must fit and is booked, thousandths of a core; 0 fits anywhere.
    pub cpu: i64,
    /// What must fit and is booked, bytes; 0 fits anywhere.
    pub memory: i64,
    /// What is booked with stand-ins for requests that are missing.
    pub non_zero_cpu: i64,
    /// What is booked with stand-ins for requests that are missing.
    pub non_zero_memory: i64,
    /// What a score of fullness counts.
    pub score_cpu: i64,
    /// What a score of fullness counts.
    pub score_memory: i64,
    /// What a score of balance counts.
    pub exact_cpu: i64,
    /// What a score of balance counts.
    pub exact_memory: i64,
}

/// A host as an index keeps it, in two lines of the cache.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub struct Host<N> {
    /// What a rule has worked out of it.
    pub note: N,
    /// What it has.
    pub room: Room,
    /// What is booked.
    pub booked: Booked,
    /// Which sort it is of: masks say where jobs may go by sorts.
    pub sort: u16,
}

impl Want {
    /// Requests that mean the same to everybody: none is missing.
    pub fn of(cpu: i64, memory: i64) -> Self {
        Want {
            cpu,
            memory,
            non_zero_cpu: cpu,
            non_zero_memory: memory,
            score_cpu: cpu,
            score_memory: memory,
            exact_cpu: cpu,
            exact_memory: memory,
        }
    }

    /// Whether scores of fullness count what must fit: no request is missing.
    pub fn counts_as_asked(&self) -> bool {
        self.score_cpu == self.cpu && self.score_memory == self.memory
    }

    /// Whether an index can count with all of it.
    pub fn is_regular(&self) -> bool {
        let sizes = [self.cpu, self.memory, self.non_zero_cpu, self.non_zero_memory];
        let scored = [self.score_cpu, self.score_memory, self.exact_cpu, self.exact_memory];
        sizes.iter().chain(&scored).all(|amount| (0..=MOST).contains(amount))
    }
}

impl Room {
    /// Whether an index can count with all of it.
    pub fn is_regular(&self) -> bool {
        [self.cpu, self.memory].iter().all(|amount| (0..=MOST).contains(amount))
    }
}

impl Booked {
    /// Whether an index can count with all of it.
    pub fn is_regular(&self) -> bool {
        let sums = [self.cpu, self.memory, self.non_zero_cpu, self.non_zero_memory];
        sums.iter().all(|amount| (0..=MOST).contains(amount))
    }

    /// One more job (`sign` 1), or one less (-1).
    pub fn shift(&mut self, want: &Want, sign: i64) {
        self.cpu += want.cpu * sign;
        self.memory += want.memory * sign;
        self.non_zero_cpu += want.non_zero_cpu * sign;
        self.non_zero_memory += want.non_zero_memory * sign;
        self.jobs += sign;
    }

    /// Whether one more job fits: a request of 0 always does.
    #[inline]
    pub fn holds(&self, room: &Room, want: &Want) -> bool {
        self.jobs < room.jobs
            && (want.cpu == 0 || want.cpu <= room.cpu - self.cpu)
            && (want.memory == 0 || want.memory <= room.memory - self.memory)
    }
}
