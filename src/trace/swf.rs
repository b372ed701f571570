//! The Standard Workload Format of the Parallel Workloads Archive, version 2.2: a line a job, 18 numbers each, −1 where
//! something is not known, and a header of comments.
//!
//! A job arrives when it was submitted and runs as long as it ran: the wait in the source's queue must not leak into
//! the replay. A line with status 2, 3 or 4 tells of a part of a job that has a line of its own, and does not count
//! beside it. Gangs are not modelled: the parts of a job that is cut into one-core jobs start when each finds its room.

mod header;

use super::keys::Keys;
use super::{Decimal, FormatInfo, Import, Lines, OptionInfo, OptionValues, Place, Source, parts};
use crate::error::{Error, Result};
use crate::units::{Bytes, MilliCpu, NANO_PER_CORE, SECOND_US, SimDuration, SimTime};
use crate::workload::{Job, UsageStep};
use header::Header;

pub(super) const INFO: FormatInfo = FormatInfo {
    name: "swf",
    summary: "Standard Workload Format of the Parallel Workloads Archive: one file, a line a job",
    options: &[
        OptionInfo {
            name: "procs",
            values: OptionValues::OneOf(&["together", "apart"]),
            default: "together",
            summary: "a job of N processors is one job of N cores, or N jobs of one core named ID-1 to ID-N",
        },
        OptionInfo {
            name: "hosts",
            values: OptionValues::OneOf(&["none", "header"]),
            default: "none",
            summary: "no hosts, or those of the header: MaxNodes nodes that share MaxProcs cores",
        },
        OptionInfo {
            name: "node_memory",
            values: OptionValues::Memory,
            default: "4Gi",
            summary: "memory of such a node for each of its cores (assumed)",
        },
        OptionInfo {
            name: "memory",
            values: OptionValues::Memory,
            default: "1Gi",
            summary: "memory request for each processor where field 10 does not know it (assumed)",
        },
        OptionInfo {
            name: "end",
            values: OptionValues::OneOf(&["run", "walltime"]),
            default: "run",
            summary: "jobs run as long as they ran, or as long as they asked for where field 9 knows it",
        },
        OptionInfo {
            name: "used",
            values: OptionValues::OneOf(&["mean", "none"]),
            default: "mean",
            summary: "use CPU time and memory of fields 6 and 7 where known, or leave usage to --usage",
        },
        OptionInfo {
            name: "partition",
            values: OptionValues::Count(0, u32::MAX as u64),
            default: "0",
            summary: "only the jobs of this partition (field 16), which grids use for sites; 0 is all",
        },
    ],
    sniff: Some(|seen| {
        let named = seen.names.first().is_some_and(|name| parts::stem(name).to_ascii_lowercase().ends_with(".swf"));
        named && !seen.is_folder
    }),
    read: Some(read),
    read_hosts: Some(read_hosts),
    ..FormatInfo::BASE
};

/// What the fields are called, in order.
const FIELDS: [&str; 18] = [
    "job number",
    "submit time",
    "wait time",
    "run time",
    "allocated processors",
    "average CPU time",
    "used memory",
    "requested processors",
    "requested time",
    "requested memory",
    "status",
    "user",
    "group",
    "executable",
    "queue",
    "partition",
    "preceding job",
    "think time",
];
/// Most processors of a job: 2^23 cores are the most that a job may ask for.
const PROCS_MAX: u64 = 1 << 23;
/// Largest number of a job, user, partition and the like.
const ID_MAX: u64 = 1 << 40;
/// Longest time in the file, 2^61 µs.
const TIME_MAX_US: u64 = crate::workload::LONGEST_US;

/// A line of the file.
struct Line {
    numbers: [Option<Decimal>; 18],
}

impl Line {
    /// Reads 18 numbers; −1 is `None`. The fields that hold whole numbers are checked where they are used.
    fn parse(text: &str) -> Result<Line> {
        let mut numbers = [None; 18];
        let mut found = 0;
        for word in text.split_ascii_whitespace() {
            if found < 18 {
                let refuse = |what: &str| Error::input(format!("\"{word}\" {what}")).in_field(FIELDS[found]);
                let number = Decimal::parse(word).ok_or_else(|| refuse("is not a number (-1 where unknown)"))?;
                numbers[found] = match number.is_negative() {
                    false => Some(number),
                    true if word.parse::<f64>() == Ok(-1.0) => None,
                    true => return Err(refuse("is negative; 0 or more will do, and -1 where unknown")),
                };
            }
            found += 1;
        }
        if found != 18 {
            return Err(Error::input(format!("{found} numbers where a line has 18")));
        }
        Ok(Line { numbers })
    }

    /// Field `number` (1 to 18) times `one`, at most `most`.
    fn scaled(&self, number: usize, one: u64, most: u64) -> Result<Option<u64>> {
        let Some(value) = &self.numbers[number - 1] else { return Ok(None) };
        match value.times(one).filter(|n| *n <= most) {
            Some(n) => Ok(Some(n)),
            None => Err(Error::input("too large").in_field(FIELDS[number - 1])),
        }
    }

    /// Field `number` as microseconds.
    fn time_us(&self, number: usize) -> Result<Option<u64>> {
        self.scaled(number, SECOND_US, TIME_MAX_US)
    }

    /// Field `number` as a whole number.
    fn whole(&self, number: usize, most: u64) -> Result<Option<u64>> {
        let Some(n) = self.scaled(number, 1, most)? else { return Ok(None) };
        let millionths = self.scaled(number, 1_000_000, u64::MAX)?;
        if millionths != n.checked_mul(1_000_000) {
            return Err(Error::input("is not a whole number").in_field(FIELDS[number - 1]));
        }
        Ok(Some(n))
    }
}

/// What the options ask for.
struct Asked {
    apart: bool,
    walltime: bool,
    used: bool,
    memory: Bytes,
    partition: Option<u64>,
}

/// What a line says of a job.
struct Told {
    id: u64,
    arrival_us: u64,
    run_us: u64,
    procs: u64,
    /// Memory of one processor.
    memory: u64,
    /// Mean CPU of one processor in nano-cores.
    cpu_nano: Option<u64>,
    /// Memory in use by one processor.
    used: Option<u64>,
    app: String,
    /// The job that it comes after.
    after: Option<u64>,
    failed: bool,
    cancelled: bool,
    over_walltime: bool,
    memory_unknown: bool,
    thinks: bool,
}

/// Parts of a job that has no line of its own, as far as they are read.
struct Partial {
    place: Place,
    rows: u64,
    told: Told,
}

/// What is counted on the way.
#[derive(Default)]
struct Counts {
    failed: u64,
    cancelled: u64,
    over_walltime: u64,
    no_time: u64,
    no_memory: u64,
    largest: u64,
    think: u64,
    first_of_all: u64,
}

fn read(source: &Source, import: &mut Import) -> Result<()> {
    let path = source.path.as_str();
    import.jobs_are_in(path);
    let asked = Asked {
        apart: import.option("procs") == "apart",
        walltime: import.option("end") == "walltime",
        used: import.option("used") == "mean",
        memory: import.memory_option("memory"),
        partition: Some(import.count_option("partition")).filter(|p| *p > 0),
    };
    let mut lines = Lines::open(path, import.budgets)?;
    let mut place = lines.at();
    let mut header = Header::default();
    let mut jobs = Jobs { asked, counts: Counts::default(), known: Keys::default(), procs: Vec::new(), edges: 0 };
    let mut partials: Vec<Partial> = Vec::new();
    let mut partial_numbers: Keys<u64> = Keys::default();
    let (mut users, mut partitions): (Keys<u64>, Keys<u64>) = Default::default();
    loop {
        let parsed = match lines.next_line()? {
            None => break,
            Some(text) => {
                let text = text.trim();
                match text.strip_prefix(';') {
                    Some(comment) => {
                        header.comment(comment);
                        continue;
                    }
                    None if text.is_empty() => continue,
                    None => Line::parse(text),
                }
            }
        };
        place.line = lines.line();
        let line = parsed.map_err(|why| place.of(why))?;
        import.report.rows_read += 1;
        import.job_fits(import.report.jobs).map_err(|why| place.of(why))?;
        let status = line.whole(11, 5).map_err(|_| {
            let what = "is none of 0 to 5 (-1 where unknown)";
            place.of(Error::input(what).in_field(FIELDS[10]))
        })?;
        let told = match jobs.told(&line, status).map_err(|why| place.of(why))? {
            Ok(told) => told,
            Err(reason) => {
                import.drop_rows(&place, reason, 1)?;
                continue;
            }
        };
        if !matches!(status, Some(2..=4)) {
            jobs.add(import, &place, told, 1)?;
            // Only of lines that become jobs, so that there are no more of them than jobs.
            for (field, keys) in [(12, &mut users), (16, &mut partitions)] {
                if let Some(number) = line.whole(field, ID_MAX).map_err(|why| place.of(why))? {
                    keys.number(number);
                }
            }
            continue;
        }
        match partial_numbers.get(&told.id) {
            Some(number) => partials[number as usize].take(told),
            None => {
                import.job_fits(partials.len() as u64).map_err(|why| place.of(why))?;
                partial_numbers.number(told.id);
                partials.push(Partial { place: place.clone(), rows: 1, told });
            }
        }
    }
    let mut whole_parts = 0;
    for Partial { place, rows, told } in partials {
        if jobs.known.get(&told.id).is_some() {
            import.drop_rows(&place, "a part of a job that has a line of its own (status 2, 3 or 4)", rows)?;
            continue;
        }
        whole_parts += 1;
        jobs.add(import, &place, told, rows)?;
    }
    import.report.count("users", users.len() as u64);
    import.report.count("partitions", partitions.len() as u64);
    if import.option("hosts") == "header" {
        header.hosts(path, import)?;
    }
    jobs.say(import, &header, whole_parts);
    header.say(import);
    Ok(())
}

impl Partial {
    /// Joins another part of the job: it ran the time of all, from the first.
    fn take(&mut self, other: Told) {
        let told = &mut self.told;
        self.rows += 1;
        // Work is CPU × time, so means are weighted by the time of their part.
        let work = |told: &Told| told.cpu_nano.map(|nano| u128::from(nano) * u128::from(told.run_us));
        let run_us = told.run_us.saturating_add(other.run_us).min(TIME_MAX_US);
        told.cpu_nano = match (work(told), work(&other)) {
            (Some(a), Some(b)) if run_us > 0 => u64::try_from((a + b) / u128::from(run_us)).ok(),
            _ => None,
        };
        told.run_us = run_us;
        told.arrival_us = told.arrival_us.min(other.arrival_us);
        told.used = told.used.max(other.used);
        told.procs = told.procs.max(other.procs);
        told.memory = told.memory.max(other.memory);
    }
}

/// Jobs as they are made.
struct Jobs {
    asked: Asked,
    counts: Counts,
    /// Job numbers that were used, and for each its processors.
    known: Keys<u64>,
    procs: Vec<u32>,
    /// How often a job waits for another.
    edges: u64,
}

impl Jobs {
    /// What a line says, or why it is left out.
    fn told(&self, line: &Line, status: Option<u64>) -> Result<Result<Told, &'static str>> {
        let number = |field, most| line.whole(field, most);
        let Some(id) = number(1, ID_MAX)? else {
            return Err(Error::input("-1; a job needs its number").in_field(FIELDS[0]));
        };
        if self.asked.partition.is_some() && number(16, ID_MAX)? != self.asked.partition {
            return Ok(Err("of another partition"));
        }
        let Some(arrival_us) = line.time_us(2)? else { return Ok(Err("submit time unknown")) };
        let (ran, walltime) = (line.time_us(4)?, line.time_us(9)?.filter(|us| *us > 0));
        if status == Some(5) && ran.unwrap_or(0) == 0 {
            return Ok(Err("cancelled before it started (status 5)"));
        }
        let run_us = match (ran, walltime) {
            // Parts say how long each of them ran; what was asked for is of them all.
            (_, Some(walltime)) if self.asked.walltime && !matches!(status, Some(2..=4)) => walltime,
            (Some(ran), _) => ran,
            (None, _) => return Ok(Err("run time unknown")),
        };
        let procs = number(8, PROCS_MAX)?.filter(|n| *n > 0).or(number(5, PROCS_MAX)?.filter(|n| *n > 0));
        let Some(procs) = procs else { return Ok(Err("number of processors unknown")) };
        // 2^53 bytes are the most of a job, so of all of its processors.
        let most = (1u64 << 53) / procs;
        let kib = |field| line.scaled(field, 1 << 10, most);
        let asked_memory = kib(10)?.filter(|n| *n > 0);
        let used = kib(7)?.filter(|n| *n > 0);
        let cpu_nano = match (line.time_us(6)?, ran) {
            (Some(cpu_us), Some(ran)) if ran > 0 => {
                let nano = u128::from(cpu_us) * u128::from(NANO_PER_CORE) / u128::from(ran);
                Some(nano.min(u128::from((1u64 << 53) / procs)) as u64)
            }
            _ => None,
        };
        let app = match (number(14, ID_MAX)?, number(12, ID_MAX)?) {
            (Some(executable), _) => format!("app-{executable}"),
            (None, Some(user)) => format!("user-{user}"),
            (None, None) => "swf".into(),
        };
        let memory = asked_memory.unwrap_or((self.asked.memory.0 as u64).min(most));
        let after = number(17, ID_MAX)?.filter(|n| *n > 0);
        Ok(Ok(Told {
            id,
            arrival_us,
            run_us,
            procs,
            memory,
            cpu_nano,
            used,
            app,
            after,
            failed: status == Some(0),
            cancelled: status == Some(5),
            over_walltime: ran.zip(walltime).is_some_and(|(ran, walltime)| ran > walltime),
            memory_unknown: asked_memory.is_none(),
            thinks: line.time_us(18)?.is_some_and(|us| us > 0),
        }))
    }

    /// Adds the jobs of `told`, which `rows` lines describe.
    fn add(&mut self, import: &mut Import, place: &Place, told: Told, rows: u64) -> Result<()> {
        if self.known.get(&told.id).is_some() {
            let what = format!("two jobs have the number {}", told.id);
            return Err(place.of(Error::input(what).in_field(FIELDS[0])));
        }
        // Only a job that was read before counts, so that none waits for itself by way of others.
        let before = told.after.and_then(|id| self.known.get(&id)).map(|number| self.procs[number as usize]);
        if told.after.is_some() && before.is_none() {
            import.report.ignore("preceding jobs (field 17) that do not stand before the job", 1);
        }
        let first: Vec<String> = match (told.after, before) {
            (Some(id), Some(procs)) if self.asked.apart => (1..=procs).map(|k| format!("{id}-{k}")).collect(),
            (Some(id), Some(_)) => vec![id.to_string()],
            _ => Vec::new(),
        };
        let counts = &mut self.counts;
        counts.failed += u64::from(told.failed);
        counts.cancelled += u64::from(told.cancelled);
        counts.over_walltime += u64::from(told.over_walltime);
        counts.no_time += u64::from(told.run_us == 0);
        counts.no_memory += u64::from(told.memory_unknown);
        counts.largest = counts.largest.max(told.procs);
        counts.think += u64::from(told.thinks);
        counts.first_of_all += u64::from(!first.is_empty());
        let (copies, procs) = if self.asked.apart { (told.procs, 1) } else { (1, told.procs) };
        self.edges += copies.saturating_mul(first.len() as u64);
        let most = import.budgets.max_jobs;
        if self.edges > most {
            let error = Error::budget("waits of jobs for other jobs", self.edges, most, "--max-jobs");
            return Err(place.of(error));
        }
        for copy in 1..=copies {
            let name = if self.asked.apart { format!("{}-{copy}", told.id) } else { told.id.to_string() };
            let memory = Bytes((told.memory * procs) as i64);
            let cpu = MilliCpu(1_000 * procs as i64);
            let mut job = Job::batch(name, SimTime(told.arrival_us), SimDuration(told.run_us), cpu, memory);
            job.app.clone_from(&told.app);
            job.after.clone_from(&first);
            if self.asked.used && (told.cpu_nano.is_some() || told.used.is_some()) {
                job.usage = vec![UsageStep {
                    length_us: u64::MAX,
                    cpu_nano: told.cpu_nano.map_or(cpu.nano_cores(), |nano| nano * procs),
                    memory: told.used.map_or(memory, |used| Bytes((used * procs) as i64)),
                    cache: Bytes(0),
                }];
            }
            import.job_from(place, job)?;
        }
        self.known.number(told.id);
        self.procs.push(told.procs as u32);
        import.report.span(told.arrival_us, told.arrival_us.saturating_add(told.run_us));
        import.used(rows);
        Ok(())
    }

    fn say(&self, import: &mut Import, header: &Header, whole_parts: u64) {
        let Jobs { asked, counts, .. } = self;
        let choices = &mut import.report.choices;
        let runs = if asked.walltime { "the time it asked for (field 9), else its run time" } else { "its run time" };
        choices.push(format!("a job arrives at its submit time and runs {runs}; waits of the source are not used"));
        choices.push(
            "processors are field 8, else field 5; all jobs are batch, an app is an executable, else a user".into(),
        );
        choices.push(if asked.apart {
            "a job of N processors is N jobs of one core, which need not start together".into()
        } else {
            "a job of N processors is one job of N cores on one host".into()
        });
        for (count, what) in [
            (counts.no_memory, "jobs do not say what memory they want: the option memory, for each processor"),
            (counts.failed, "failed jobs (status 0) run their recorded time and finish like any other"),
            (counts.cancelled, "jobs cancelled while they ran (status 5) run their recorded time"),
            (counts.first_of_all, "jobs wait for the job of field 17 to finish"),
            (whole_parts, "jobs have lines of parts (status 2, 3 or 4) only: one job each, of all of its parts' time"),
        ] {
            if count > 0 {
                choices.push(format!("{count} {what}"));
            }
        }
        let widest = header.widest_node();
        let warnings = &mut import.report.warnings;
        for (count, what) in
            [(counts.no_time, "jobs last 0 s"), (counts.over_walltime, "jobs ran longer than they asked for (field 9)")]
        {
            if count > 0 {
                warnings.push(format!("{count} {what}"));
            }
        }
        if !asked.apart && counts.largest > widest.unwrap_or(1) {
            let node = widest.map_or(String::new(), |cores| format!(", and a node of the header has {cores}"));
            warnings.push(format!(
                "the largest job has {} processors{node}: where no host has as many cores it fits nowhere; \
                 procs=apart cuts it into jobs of one core",
                counts.largest
            ));
        }
        let report = &mut import.report;
        for field in ["group", "queue"] {
            report.ignore(field, 0);
        }
        if asked.partition.is_none() {
            report.ignore("partition", 0);
        }
        report.ignore("wait time", 0);
        if counts.think > 0 {
            report.ignore("think time", counts.think);
        }
    }
}

fn read_hosts(source: &Source, import: &mut Import) -> Result<()> {
    let mut lines = Lines::open(&source.path, import.budgets)?;
    let mut header = Header::default();
    while let Some(text) = lines.next_line()? {
        if let Some(comment) = text.trim().strip_prefix(';') {
            header.comment(comment);
        }
    }
    header.hosts(&source.path, import)
}

#[cfg(test)]
mod tests;
