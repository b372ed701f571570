//! Tasks by number: the first met is 0.

use std::collections::BTreeMap;

use super::super::keys::Keys;

/// No task.
const NONE: u32 = u32::MAX;

/// Numbers of jobs and tasks. Tasks of a job are numbered from 0 in the trace, so that a list for each job finds them
/// at four bytes a task; indices far beyond those met stand apart.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    jobs: Keys<u64>,
    /// The trace's numbers of the jobs.
    ids: Vec<u64>,
    /// For each job, its tasks by index.
    tasks: Vec<Vec<u32>>,
    sparse: BTreeMap<(u32, u32), u32>,
    /// Job and index of each task.
    names: Vec<(u32, u32)>,
    recent: Recent,
}

/// Jobs asked for lately, each at the one place that its number leads to: of the jobs that are alive most are found here,
/// at a tenth of what a keyed hash costs.
#[derive(Debug)]
struct Recent(Vec<(u64, u32)>);

/// Places are named by so many bits.
const RECENT_BITS: u32 = 14;

impl Default for Recent {
    fn default() -> Self {
        Recent(vec![(0, NONE); 1 << RECENT_BITS])
    }
}

impl Recent {
    fn place(id: u64) -> usize {
        // Fibonacci hashing: 2^64 divided by the golden ratio, the highest bits.
        (id.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - RECENT_BITS)) as usize
    }

    fn get(&self, id: u64) -> Option<u32> {
        let (known, number) = *self.0.get(Self::place(id))?;
        (known == id && number != NONE).then_some(number)
    }

    fn set(&mut self, id: u64, number: u32) {
        self.0[Self::place(id)] = (id, number);
    }
}

impl Numbers {
    /// Jobs met.
    pub fn jobs(&self) -> u64 {
        self.ids.len() as u64
    }

    /// Tasks met.
    pub fn tasks(&self) -> u64 {
        self.names.len() as u64
    }

    /// The trace's job and index of `task`.
    pub fn name(&self, task: u32) -> (u64, u32) {
        let (job, index) = self.names[task as usize];
        (self.ids[job as usize], index)
    }

    /// The number of a job, new or not.
    pub fn job(&mut self, id: u64) -> u32 {
        if let Some(number) = self.recent.get(id) {
            return number;
        }
        let number = self.jobs.number(id);
        if number as usize == self.ids.len() {
            self.ids.push(id);
            self.tasks.push(Vec::new());
        }
        self.recent.set(id, number);
        number
    }

    /// The number of a task, new or not.
    pub fn task(&mut self, id: u64, index: u32) -> u32 {
        let job = self.job(id);
        if let Some(task) = self.find(job, index) {
            return task;
        }
        let task = self.names.len() as u32;
        self.names.push((job, index));
        let tasks = &mut self.tasks[job as usize];
        let at = index as usize;
        if at < tasks.len() {
            tasks[at] = task;
        } else if at <= 2 * tasks.len() + 8 {
            tasks.resize(at, NONE);
            tasks.push(task);
        } else {
            self.sparse.insert((job, index), task);
        }
        task
    }

    /// The number of a task that was met.
    pub fn get(&self, id: u64, index: u32) -> Option<u32> {
        let job = self.recent.get(id).or_else(|| self.jobs.get(&id))?;
        self.find(job, index)
    }

    fn find(&self, job: u32, index: u32) -> Option<u32> {
        match self.tasks[job as usize].get(index as usize) {
            Some(&task) if task != NONE => Some(task),
            _ if self.sparse.is_empty() => None,
            _ => self.sparse.get(&(job, index)).copied(),
        }
    }

    /// All tasks in the order of job and index.
    pub fn in_order(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.names.len() as u32).collect();
        order.sort_unstable_by_key(|&task| self.name(task));
        order
    }

    /// Gives back what only looking up needs.
    pub fn seal(&mut self) {
        self.jobs = Keys::default();
        self.tasks = Vec::new();
        self.sparse = BTreeMap::new();
        self.recent = Recent(Vec::new());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_are_found_whatever_order_and_gaps_they_come_with() {
        let mut numbers = Numbers::default();
        let all = [(7, 0), (7, 4_000_000_000), (9, 50), (9, 0), (9, 3), (9, 20), (7, 1), (9, 51), (9, 50), (9, 19)];
        let mut known: Vec<(u64, u32)> = Vec::new();
        for key in all {
            let number = numbers.task(key.0, key.1) as usize;
            if number == known.len() {
                known.push(key);
            }
            assert_eq!(known[number], key);
        }
        assert_eq!((numbers.tasks(), numbers.jobs()), (9, 2));
        for (number, key) in known.iter().enumerate() {
            assert_eq!(numbers.get(key.0, key.1), Some(number as u32));
            assert_eq!(numbers.name(number as u32), *key);
        }
        assert_eq!((numbers.get(7, 2), numbers.get(8, 0)), (None, None));
        let ordered: Vec<(u64, u32)> = numbers.in_order().iter().map(|&task| numbers.name(task)).collect();
        known.sort_unstable();
        assert_eq!(ordered, known);
    }
}
