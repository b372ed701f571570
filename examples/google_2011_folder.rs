//! Writes a folder in the layout of Google's trace of 2011, of any size: `cargo run --release --example google_2011_folder
//! -- DIR JOBS ROUNDS WINDOWS`.
//!
//! Jobs have 1 to 10 tasks that arrive over 29 days; each task is submitted, scheduled and evicted ROUNDS times and then
//! finishes, and leaves WINDOWS rows of usage of five minutes. Many rounds make many rows of few jobs. Nothing of it is
//! from the real trace but the layout; seed and numbers are fixed, so that the same arguments give the same bytes.
#![allow(dead_code, reason = "a bench uses the writer alone")]

use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use plimsoll::rng::{Purpose, Seed, Stream};

/// Machines of the folder.
const MACHINES: u64 = 12_500;
/// The window of the trace in µs.
const FROM_US: u64 = 600_000_000;
const SPAN_US: u64 = 29 * 86_400_000_000;
const WINDOW_US: u64 = 300_000_000;
/// Rows of a part file.
const PART_ROWS: u64 = 4_000_000;

/// How much to write.
#[derive(Clone, Copy)]
pub struct Size {
    /// Jobs of one to ten tasks each.
    pub jobs: u64,
    /// Times that a task is evicted and submitted again.
    pub rounds: u64,
    /// Rows of usage of each task.
    pub windows: u64,
}

/// A table in parts.
struct Parts {
    folder: PathBuf,
    file: Option<BufWriter<File>>,
    rows: u64,
}

impl Parts {
    fn new(folder: &Path, table: &str) -> io::Result<Parts> {
        let folder = folder.join(table);
        std::fs::create_dir_all(&folder)?;
        Ok(Parts { folder, file: None, rows: 0 })
    }

    fn out(&mut self) -> io::Result<&mut BufWriter<File>> {
        if self.rows.is_multiple_of(PART_ROWS) {
            if let Some(mut last) = self.file.take() {
                last.flush()?;
            }
            let name = format!("part-{:05}.csv", self.rows / PART_ROWS);
            self.file = Some(BufWriter::with_capacity(1 << 20, File::create(self.folder.join(name))?));
        }
        self.rows += 1;
        Ok(self.file.as_mut().expect("just made"))
    }

    fn end(mut self) -> io::Result<u64> {
        if let Some(file) = &mut self.file {
            file.flush()?;
        }
        Ok(self.rows)
    }
}

/// A task that lives, the next thing that happens to it first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Next {
    /// Negated, so that the heap gives the earliest.
    minus_us: i64,
    job: u64,
    index: u64,
    /// Three of each round, and the last.
    event: u64,
}

/// What stays the same in the rows of a task.
fn tail(job: u64) -> String {
    let mut dice = Seed(1).stream(Purpose::Shape, job);
    let (class, priority) = (dice.below(4), dice.below(12));
    let (cpu, memory) = (dice.below(1000) + 1, dice.below(4000) + 1);
    let disk = dice.below(1000);
    format!(
        "user{:04}+/abcdefghijklmnopqrstuvwxyz0123456=,{class},{priority},0.{cpu:04},0.{memory:05},{disk}e-06,0",
        job % 900
    )
}

fn dice(job: u64, index: u64, event: u64) -> Stream {
    Seed(2).stream(Purpose::Shape, (job << 24) ^ (index << 16) ^ event)
}

/// Writes the folder; gives the rows of task_events and of task_usage.
pub fn write(folder: &Path, size: Size) -> io::Result<(u64, u64)> {
    std::fs::create_dir_all(folder)?;
    let mut machines = BufWriter::new(File::create(folder.join("machine_events.csv"))?);
    for machine in 0..MACHINES {
        let memory = ["0.2493", "0.4995", "0.749"][(machine % 3) as usize];
        writeln!(machines, "0,{machine},0,HofLGzk1Or=,0.5,{memory}")?;
    }
    machines.flush()?;
    let mut events = Parts::new(folder, "task_events")?;
    let mut live: BinaryHeap<Next> = BinaryHeap::new();
    let last = 3 * size.rounds + 2;
    let mut job = 0;
    loop {
        // Jobs that arrive before the next event of those that live.
        let arrives = FROM_US + SPAN_US / size.jobs.max(1) * job;
        if job < size.jobs && live.peek().is_none_or(|next| -next.minus_us as u64 > arrives) {
            let tasks = 1 + Seed(3).stream(Purpose::Shape, job).below(10);
            live.extend((0..tasks).map(|index| Next { minus_us: -(arrives as i64), job, index, event: 0 }));
            job += 1;
            continue;
        }
        let Some(next) = live.pop() else { break };
        let at = -next.minus_us as u64;
        let (kind, machine) = match (next.event, next.event % 3) {
            (event, _) if event == last => (4, true),
            (_, 0) => (0, false),
            (_, 1) => (1, true),
            _ => (2, true),
        };
        let mut dice = dice(next.job, next.index, next.event);
        let machine =
            if machine { (next.job * 31 + next.index).rem_euclid(MACHINES).to_string() } else { String::new() };
        let (id, index) = (6_000_000_000 + next.job, next.index);
        writeln!(events.out()?, "{at},,{id},{index},{machine},{kind},{}", tail(next.job))?;
        if next.event < last {
            let wait = 1_000_000 + dice.below(if next.event % 3 == 1 { 600_000_000 } else { 20_000_000 });
            live.push(Next { minus_us: -((at + wait) as i64), event: next.event + 1, ..next });
        }
    }
    let events = events.end()?;
    let usage = match size.windows {
        0 => 0,
        _ => write_usage(folder, size)?,
    };
    Ok((events, usage))
}

/// Usage of each task from its job's arrival on, in order of windows.
fn write_usage(folder: &Path, size: Size) -> io::Result<u64> {
    let mut usage = Parts::new(folder, "task_usage")?;
    let mut live: BinaryHeap<Next> = BinaryHeap::new();
    let mut job = 0;
    loop {
        let arrives = (FROM_US + SPAN_US / size.jobs.max(1) * job) / WINDOW_US * WINDOW_US;
        if job < size.jobs && live.peek().is_none_or(|next| -next.minus_us as u64 > arrives) {
            let tasks = 1 + Seed(3).stream(Purpose::Shape, job).below(10);
            live.extend((0..tasks).map(|index| Next { minus_us: -(arrives as i64), job, index, event: 0 }));
            job += 1;
            continue;
        }
        let Some(next) = live.pop() else { break };
        let at = -next.minus_us as u64;
        let mut dice = dice(next.job, next.index, next.event | 1 << 40);
        let machine = (next.job * 31 + next.index).rem_euclid(MACHINES);
        let (id, index, end) = (6_000_000_000 + next.job, next.index, at + WINDOW_US);
        let mut n = || dice.below(9_000) + 1;
        writeln!(
            usage.out()?,
            "{at},{end},{id},{index},{machine},0.0{:04},0.0{:04},0.1{:04},0.00{:04},0.00{:04},0.0{:04},{}e-07,0.000{:04},\
             0.{:04},0.00{:04},{}.2,0.00{:04},0,1,0.0{:04}",
            n(),
            n(),
            n(),
            n(),
            n(),
            n(),
            n(),
            n(),
            n(),
            n(),
            n() % 9,
            n(),
            n()
        )?;
        if next.event + 1 < size.windows {
            live.push(Next { minus_us: -(end as i64), event: next.event + 1, ..next });
        }
    }
    usage.end()
}

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize| arguments.get(i).and_then(|text| text.parse::<u64>().ok());
    let (Some(folder), Some(jobs), Some(rounds), Some(windows)) = (arguments.first(), number(1), number(2), number(3))
    else {
        eprintln!("usage: google_2011_folder DIR JOBS ROUNDS WINDOWS (whole numbers)");
        std::process::exit(2);
    };
    let (events, usage) = write(Path::new(folder), Size { jobs, rounds, windows })?;
    println!("{events} rows of task_events, {usage} rows of task_usage");
    Ok(())
}
