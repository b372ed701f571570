//! Events of tasks, to what each task's life adds up to.
//!
//! Rows of one moment come in any order, and tables may be unsorted within reason: rows wait in a buffer that is sorted
//! by time, and leave it in order. Nothing but some fifty bytes is kept of a task, however many rows it has.

use std::path::PathBuf;

use super::super::keys::Keys;
use super::super::parts::rows;
use super::super::{Column, Import, Row, TableShape};
use super::numbers::Numbers;
use super::{ORIGIN_US, moment};
use crate::error::{Error, Result};

const SHAPE: TableShape = TableShape::of(&[
    "time",
    "missing info",
    "job ID",
    "task index",
    "machine ID",
    "event type",
    "user",
    "scheduling class",
    "priority",
    "CPU request",
    "memory request",
    "disk space request",
    "different machines restriction",
]);

/// Rows that wait to be put in order: 24 bytes each.
const WAITING: usize = 1 << 22;
/// Most different combinations of requests, class and priority.
const ASKS_MAX: usize = 1 << 22;
/// No such moment, and a blank request.
pub(super) const NONE: u64 = u64::MAX;

/// What happens to a task, by the numbers of the trace. 7 and 8 change requests and nothing else.
pub(super) mod event {
    pub const SUBMIT: u8 = 0;
    pub const SCHEDULE: u8 = 1;
    pub const EVICT: u8 = 2;
    pub const FAIL: u8 = 3;
    pub const FINISH: u8 = 4;
    pub const KILL: u8 = 5;
    pub const LOST: u8 = 6;
    pub const UPDATE_PENDING: u8 = 7;
    pub const UPDATE_RUNNING: u8 = 8;
    /// Ours: no end is told.
    pub const OPEN: u8 = 9;
    pub const NAMES: [&str; 9] =
        ["SUBMIT", "SCHEDULE", "EVICT", "FAIL", "FINISH", "KILL", "LOST", "UPDATE_PENDING", "UPDATE_RUNNING"];
}

/// What a row says that a task asks for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(super) struct Ask {
    /// Milli-CPU; [`NONE`] where blank.
    pub cpu: u64,
    /// Bytes; [`NONE`] where blank.
    pub memory: u64,
    pub priority: u16,
    pub class: u8,
    /// Whether its machine may have no other task of its job.
    pub apart: bool,
}

impl Ask {
    /// Whether a request is blank.
    pub fn is_blank(&self) -> bool {
        self.cpu == NONE || self.memory == NONE
    }
}

/// Where a task is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// Not met.
    Unknown,
    /// Submitted.
    Waiting,
    /// On a machine.
    Running,
    /// Ended, perhaps to be submitted again.
    Ended,
}

/// A task so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Task {
    /// First SUBMIT.
    pub arrival_us: u64,
    /// When the run began that is not over.
    pub began_us: u64,
    /// When the run began that counts, perhaps before the window; with `attempts=sum` the first one. [`NONE`]: it never ran.
    pub run_us: u64,
    /// How long it lasted, or all together.
    pub lasted_us: u64,
    /// Its last row.
    pub seen_us: u64,
    /// Number of what it asks for.
    pub ask: u32,
    /// Its rows.
    pub rows: u32,
    pub phase: Phase,
    /// How the run ended that counts.
    pub how: u8,
    /// Whether it was submitted again.
    pub again: bool,
}

const _: () = assert!(size_of::<Task>() == 56);

const NEW: Task = Task {
    arrival_us: NONE,
    began_us: NONE,
    run_us: NONE,
    lasted_us: 0,
    seen_us: 0,
    ask: u32::MAX,
    rows: 0,
    phase: Phase::Unknown,
    how: event::OPEN,
    again: false,
};

impl Task {
    /// Ends the run that is not over.
    pub fn end(&mut self, at_us: u64, how: u8, sum: bool) {
        let began = self.began_us;
        let lasted = at_us.max(ORIGIN_US).saturating_sub(began.max(ORIGIN_US));
        if sum {
            self.run_us = self.run_us.min(began);
            self.lasted_us += lasted;
            self.how = how;
        } else if self.run_us == NONE || how == event::FINISH || self.how != event::FINISH {
            (self.run_us, self.lasted_us, self.how) = (began, lasted, how);
        }
        self.began_us = NONE;
    }
}

/// All tasks, by number.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    pub all: Vec<Task>,
    pub asks: Vec<Ask>,
    /// The last moment met, the end of the trace as far as the tables tell.
    pub end_us: u64,
    /// Changes of requests in a task's life; the last ones count.
    pub changes: u64,
}

impl Tasks {
    /// What `task` asks for.
    pub fn ask(&self, task: &Task) -> Ask {
        self.asks[task.ask as usize]
    }
}

/// A row that waits.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    at_us: u64,
    task: u32,
    ask: u32,
    kind: u8,
    /// Whether it names a machine.
    machine: bool,
}

/// What was odd.
#[derive(Default)]
struct Odd {
    /// Ends of tasks that had ended, or of which nothing was known; submissions of what was there.
    redundant: u64,
    /// Runs that began without a submission.
    unsubmitted: u64,
}

struct Reader {
    tasks: Tasks,
    odd: Odd,
    waiting: Vec<Waiting>,
    /// No row before this moment can be put in its place any more.
    gone_us: u64,
    ask_numbers: Keys<Ask>,
    /// What rows asked for lately, each at the one place that it leads to; its number is `u32::MAX` where there is none.
    recent: Vec<(Ask, u32)>,
    /// Rows that wait before the earlier half of them goes.
    most: usize,
    sum: bool,
}

pub(super) fn read(files: &[PathBuf], numbers: &mut Numbers, import: &mut Import) -> Result<Tasks> {
    read_with(files, numbers, import, WAITING)
}

/// Reads with so many rows that wait at most.
pub(super) fn read_with(files: &[PathBuf], numbers: &mut Numbers, import: &mut Import, most: usize) -> Result<Tasks> {
    let (cpu, memory) = (import.cpu_option("cpu"), import.memory_option("memory"));
    let mut reader = Reader {
        tasks: Tasks::default(),
        odd: Odd::default(),
        waiting: Vec::new(),
        gone_us: 0,
        ask_numbers: Keys::default(),
        recent: vec![(Ask { cpu: 0, memory: 0, priority: 0, class: 0, apart: false }, u32::MAX); 1 << RECENT_BITS],
        most: most.max(2),
        sum: import.option("attempts") == "sum",
    };
    let (mut missing, mut kinds, mut disk) = ([0u64; 3], [0u64; 9], 0u64);
    rows::<13>(files, &SHAPE, import, &mut |import, row, c: &[Column; 13]| {
        import.job_row(row)?;
        let (cpu_column, memory_column) = (c[9], c[10]);
        let at = moment(row, c[0])?;
        if !row.is_blank(c[1]) {
            missing[row.whole(c[1], "missing info", 2)? as usize] += 1;
        }
        let job = row.whole(c[2], "job numbers", u64::MAX)?;
        let index = row.whole(c[3], "task indices", u64::from(u32::MAX - 1))? as u32;
        let kind = row.whole(c[5], "event types", 8)? as u8;
        kinds[usize::from(kind)] += 1;
        let ask = Ask {
            cpu: row.scaled(cpu_column, "CPU of the largest machine", cpu.0 as u64, CPU_MOST)?.unwrap_or(NONE),
            memory: row
                .scaled(memory_column, "memory of the largest machine", memory.0 as u64, 1 << 53)?
                .unwrap_or(NONE),
            priority: row.whole(c[8], "priorities", 1_000)? as u16,
            class: row.whole(c[7], "scheduling classes", 3)? as u8,
            apart: !row.is_blank(c[12]) && row.whole(c[12], "different machines", 1)? == 1,
        };
        disk += u64::from(!row.is_blank(c[11]));
        let Some(at) = at else {
            return import.drop_row(row, "after the end of the trace (2^63-1)");
        };
        let task = numbers.task(job, index);
        if task as usize >= reader.tasks.all.len() {
            import.job_fits(numbers.tasks() - 1).map_err(|error| row.place(error))?;
        }
        let ask = reader.ask(ask, row)?;
        let machine = !row.is_blank(c[4]);
        reader.add(Waiting { at_us: at, task, ask, kind, machine }, row)
    })?;
    reader.release(0);
    let Reader { mut tasks, odd, .. } = reader;
    tasks.all.shrink_to_fit();

    let report = &mut import.report;
    for (name, count) in event::NAMES.iter().zip(kinds).filter(|(_, count)| *count > 0) {
        report.count(&format!("{name} events of tasks"), count);
    }
    for (kind, what) in [
        "rows with missing info 0 (a snapshot shows it, no record of it)",
        "rows with missing info 1 (a time that may be too late)",
        "rows with missing info 2 (no record of the creation)",
    ]
    .iter()
    .enumerate()
    {
        if missing[kind] > 0 {
            report.count(what, missing[kind]);
        }
    }
    for (count, what) in [
        (disk, "disk space request"),
        (odd.redundant, "events of tasks that change nothing, such as a second end"),
        (tasks.changes, "earlier requests of tasks whose requests changed: the last ones count"),
    ] {
        if count > 0 {
            report.ignore(what, count);
        }
    }
    report.ignore("user", 0);
    if odd.unsubmitted > 0 {
        report.choices.push(format!("{} runs began without a SUBMIT, which is taken for lost", odd.unsubmitted));
    }
    Ok(tasks)
}

/// Places of recent requests are named by so many bits.
const RECENT_BITS: u32 = 12;
/// Most milli-CPU.
const CPU_MOST: u64 = crate::units::MilliCpu::MOST.0 as u64;

impl Reader {
    /// The number of what a row asks for.
    fn ask(&mut self, ask: Ask, row: &Row) -> Result<u32> {
        let rest = u64::from(ask.priority) << 8 | u64::from(ask.class) << 1 | u64::from(ask.apart);
        let mixed = (ask.cpu.rotate_left(40) ^ ask.memory).wrapping_add(rest << 20).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let place = (mixed >> (64 - RECENT_BITS)) as usize;
        if let (known, number) = self.recent[place]
            && number != u32::MAX
            && known == ask
        {
            return Ok(number);
        }
        let number = self.ask_numbers.number(ask);
        if number as usize == self.tasks.asks.len() {
            if self.tasks.asks.len() == ASKS_MAX {
                let what = format!("more than {ASKS_MAX} different combinations of requests, class and priority");
                return Err(row.place(Error::input(what)));
            }
            self.tasks.asks.push(ask);
        }
        self.recent[place] = (ask, number);
        Ok(number)
    }

    fn add(&mut self, event: Waiting, row: &Row) -> Result<()> {
        if event.at_us < self.gone_us {
            let what = format!(
                "rows are too far from the order of their times: this one is of {} µs, and {} rows of {} µs and later \
                 came before it; sort the table by its first column",
                event.at_us, self.most, self.gone_us
            );
            return Err(row.place(Error::input(what)));
        }
        self.waiting.push(event);
        if self.waiting.len() >= self.most {
            self.release(self.most / 2);
        }
        Ok(())
    }

    /// Sorts what waits and takes the earliest out, all but about `keep`.
    fn release(&mut self, keep: usize) {
        let asks = &self.tasks.asks;
        self.waiting.sort_by(|a, b| {
            (a.at_us, a.task, a.kind)
                .cmp(&(b.at_us, b.task, b.kind))
                .then_with(|| asks[a.ask as usize].cmp(&asks[b.ask as usize]))
                .then(a.machine.cmp(&b.machine))
        });
        // All of one task and moment goes together.
        let mut go = self.waiting.len() - keep.min(self.waiting.len());
        let same = |a: &Waiting, b: &Waiting| (a.at_us, a.task) == (b.at_us, b.task);
        while go > 0 && go < self.waiting.len() && same(&self.waiting[go - 1], &self.waiting[go]) {
            go += 1;
        }
        let waiting = std::mem::take(&mut self.waiting);
        for group in waiting[..go].chunk_by(same) {
            self.moment_of_task(group);
        }
        if let Some(last) = go.checked_sub(1) {
            self.gone_us = waiting[last].at_us;
            self.tasks.end_us = self.tasks.end_us.max(self.gone_us);
        }
        self.waiting = waiting;
        self.waiting.drain(..go);
    }

    /// All rows of one task at one moment: in whatever order they make sense.
    fn moment_of_task(&mut self, group: &[Waiting]) {
        let (number, at) = (group[0].task as usize, group[0].at_us);
        if self.tasks.all.len() <= number {
            self.tasks.all.resize(number + 1, NEW);
        }
        let Tasks { all, asks, changes, .. } = &mut self.tasks;
        let task = &mut all[number];
        task.seen_us = at;
        task.rows = task.rows.saturating_add(group.len() as u32);
        let mut take = |task: &mut Task, event: &Waiting| {
            if task.ask == u32::MAX {
                task.ask = event.ask;
            } else if task.ask != event.ask && !asks[event.ask as usize].is_blank() {
                *changes += u64::from(!asks[task.ask as usize].is_blank());
                task.ask = event.ask;
            }
            step(task, event, self.sum, &mut self.odd);
        };
        if let [event] = group {
            return take(task, event);
        }
        // Of one kind there may be any number; they differ in nothing that counts but the last one's requests.
        let (mut left, mut of_kind) = ([0u64; 9], [group[0]; 9]);
        for event in group {
            let kind = usize::from(event.kind);
            let machine = event.machine || (left[kind] > 0 && of_kind[kind].machine);
            left[kind] += 1;
            of_kind[kind] = Waiting { machine, ..*event };
        }
        loop {
            let kinds = || (0..9usize).filter(|&kind| left[kind] > 0);
            let Some(kind) = kinds().find(|&kind| fits(task.phase, kind as u8)).or_else(|| kinds().next()) else {
                break;
            };
            left[kind] -= 1;
            take(task, &of_kind[kind]);
        }
    }
}

/// Whether an event makes sense at that point of a life. A run begins before it ends; what ended is submitted before it
/// runs.
fn fits(phase: Phase, kind: u8) -> bool {
    use event::*;
    match phase {
        Phase::Unknown | Phase::Ended => kind == SUBMIT,
        Phase::Waiting => matches!(kind, SCHEDULE | UPDATE_PENDING) || (EVICT..=LOST).contains(&kind),
        Phase::Running => (EVICT..=LOST).contains(&kind) || kind == UPDATE_RUNNING,
    }
}

fn step(task: &mut Task, event: &Waiting, sum: bool, odd: &mut Odd) {
    let at = event.at_us;
    match (event.kind, task.phase) {
        (event::SUBMIT, Phase::Unknown | Phase::Ended) => {
            task.again |= task.phase == Phase::Ended;
            task.arrival_us = task.arrival_us.min(at);
            // A submission with a machine is of a task that was on it when the trace began; a SCHEDULE says it better.
            task.began_us = if event.machine { at } else { NONE };
            task.phase = Phase::Waiting;
        }
        (event::SCHEDULE, Phase::Unknown | Phase::Waiting | Phase::Ended) => {
            if task.phase != Phase::Waiting {
                odd.unsubmitted += 1;
                task.again |= task.phase == Phase::Ended;
                task.arrival_us = task.arrival_us.min(at);
            }
            task.began_us = at;
            task.phase = Phase::Running;
        }
        (event::EVICT..=event::LOST, Phase::Running | Phase::Waiting) => {
            if task.began_us != NONE {
                task.end(at, event.kind, sum);
            }
            task.phase = Phase::Ended;
        }
        (event::EVICT..=event::LOST, Phase::Unknown) => {
            odd.redundant += 1;
            task.phase = Phase::Ended;
        }
        (event::UPDATE_PENDING | event::UPDATE_RUNNING, _) => {}
        _ => odd.redundant += 1,
    }
}
