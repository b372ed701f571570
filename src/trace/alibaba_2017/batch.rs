//! Tasks and their instances.

use std::path::PathBuf;

use super::super::keys::Keys;
use super::super::parts::rows;
use super::super::{Column, Import, Place, Reading, Row, Sample, Samples, TableShape};
use super::{run_us, seconds};
use crate::error::{Error, Result};
use crate::units::{Bytes, MilliCpu, NANO_PER_CORE, SimDuration, SimTime};
use crate::workload::Job;

const TASK_SHAPE: TableShape = TableShape::of(&[
    "task create time",
    "task end time",
    "job id",
    "task id",
    "number of instances",
    "status",
    "cpus per instance",
    "memory per instance",
]);
const INSTANCE_SHAPE: TableShape = TableShape::of(&[
    "start timestamp",
    "end timestamp",
    "job id",
    "task id",
    "machine id",
    "status",
    "sequence number",
    "total sequence number",
    "maximum cpu",
    "average cpu",
    "maximum memory",
    "average memory",
]);

/// What is known of a task: what its instances ask for, and its job.
#[derive(Clone, Copy)]
struct Task {
    job: u64,
    /// Milli-CPU and bytes of an instance; `None` without a plan.
    plan: Option<(u64, u64)>,
    /// Instances met so far in batch_instance.
    met: u32,
}

/// An instance, or the instances of a task, whose end is not told: it is only known at the end what was last seen.
struct Open {
    name: String,
    job: String,
    /// Instances: `None`: this one alone.
    instances: Option<u64>,
    from: i64,
    plan: (u64, u64),
    sample: Option<u32>,
    place: Place,
}

#[derive(Default)]
struct Counts {
    before: u64,
    failed: u64,
    running: u64,
    open: u64,
    declared: u64,
    tries: u64,
    nameless: u64,
    unplanned: u64,
}

struct Batch {
    counts: Counts,
    one: bool,
    drop_unplanned: bool,
    open: String,
    opens: Vec<Open>,
    /// Jobs that `opens` will make.
    open_jobs: u64,
    last: i64,
    memory: u64,
}

pub(super) fn read(tasks: &[PathBuf], instances: &[PathBuf], import: &mut Import) -> Result<()> {
    let mut batch = Batch {
        counts: Counts::default(),
        one: import.option("instances") == "one",
        drop_unplanned: import.option("unplanned") == "drop",
        open: import.option("open").to_owned(),
        opens: Vec::new(),
        open_jobs: 0,
        last: 0,
        memory: import.memory_option("memory").0 as u64,
    };
    let mut samples = import.samples();
    if instances.is_empty() {
        batch.tasks(tasks, import)?;
    } else {
        batch.instances(tasks, instances, &mut samples, import)?;
    }
    for open in std::mem::take(&mut batch.opens) {
        batch.add_open(open, &mut samples, import)?;
    }
    import.report.add_usage(samples.counts());
    batch.say(tasks.is_empty(), instances.is_empty(), import);
    Ok(())
}

/// How a row that counts ends.
enum End {
    /// Then.
    At(i64),
    /// It is not told.
    Open,
}

impl Batch {
    /// CPU in hundredths of a core, memory as a fraction; `None` where one is blank.
    fn plan(&self, row: &Row, columns: &[Column; 8]) -> Result<Option<(u64, u64)>> {
        let cpu = row.scaled(columns[6], "hundredths of a core", 10, MilliCpu::MOST.0 as u64)?;
        let memory = row.scaled(columns[7], "memory of the largest machine", self.memory, 1 << 53)?;
        Ok(cpu.zip(memory))
    }

    /// All instances of a task run as long as it does.
    fn tasks(&mut self, files: &[PathBuf], import: &mut Import) -> Result<()> {
        rows::<8>(files, &TASK_SHAPE, import, &mut |import, row, c| {
            import.job_row(row)?;
            let Some(from) = seconds(row, c[0])? else { return import.drop_row(row, "without a time of creation") };
            let to = seconds(row, c[1])?.unwrap_or(0);
            self.last = self.last.max(from).max(to);
            let job = row.whole(c[2], "job numbers", u64::MAX)?;
            let task = row.whole(c[3], "task numbers", u64::MAX)?;
            let instances = row.whole(c[4], "instances", 1 << 40)?;
            let plan = self.plan(row, c)?;
            match row.text(c[5])?.trim() {
                "Waiting" | "Ready" if plan.is_none() => {
                    return import.drop_row(row, "waiting, without a plan: it never ran");
                }
                "Waiting" | "Ready" => return import.drop_row(row, "waiting: it never ran"),
                "Running" => self.counts.running += u64::from(to > 0),
                "Failed" | "Cancelled" => self.counts.failed += 1,
                "Terminated" => {}
                other => {
                    let what = "Ready, Waiting, Running, Terminated, Failed or Cancelled will";
                    return Err(row.refuse(c[5], format!("\"{other}\" will not do; {what}")));
                }
            }
            if plan.is_none() && self.drop_unplanned {
                return import.drop_row(row, "without a plan (unplanned=drop)");
            }
            if instances == 0 {
                return import.drop_row(row, "no instances");
            }
            let end = match to {
                0 => End::Open,
                to if to < 0 && to >= from => return import.drop_row(row, "ended before the window"),
                to if to < from => return import.drop_row(row, "ends before it was created"),
                to => End::At(to),
            };
            self.counts.unplanned += u64::from(plan.is_none());
            self.counts.before += u64::from(from < 0);
            self.counts.declared += instances;
            let plan = plan.unwrap_or((0, 0));
            let many = if self.one { 1 } else { instances };
            // All of them or none: a task is not cut in half.
            let jobs = (import.report.jobs + self.open_jobs).saturating_add(many);
            if import.job_fits(jobs - 1).is_err() {
                let flag = "--max-jobs, or make one job of each task by --option instances=one";
                let what = "jobs, with all instances of this task,";
                return Err(row.place(Error::budget(what, jobs, import.budgets.max_jobs, flag)));
            }
            match end {
                End::Open if self.open == "drop" => {
                    return import.drop_row(row, "still running at the end of the trace (open=drop)");
                }
                End::Open => {
                    self.open_jobs += many;
                    self.opens.push(Open {
                        name: task.to_string(),
                        job: job.to_string(),
                        instances: Some(many),
                        from,
                        plan,
                        sample: None,
                        place: row.at(),
                    });
                }
                End::At(to) => {
                    let place = row.at();
                    let lasts = SimDuration(run_us(to) - run_us(from));
                    import.report.span(run_us(from), run_us(to));
                    for i in 0..many {
                        let made = batch_job(&format!("{task}-{i}"), &job.to_string(), from, Some(lasts), plan);
                        import.job_from(&place, made)?;
                    }
                }
            }
            import.used(1);
            Ok(())
        })?;
        Ok(())
    }

    /// Each instance runs as its own row says; its task says what it asks for.
    fn instances(
        &mut self,
        tasks: &[PathBuf],
        files: &[PathBuf],
        samples: &mut Samples,
        import: &mut Import,
    ) -> Result<()> {
        let (mut numbers, mut known): (Keys<u64>, Vec<Task>) = (Keys::default(), Vec::new());
        let count = rows::<8>(tasks, &TASK_SHAPE, import, &mut |import, row, c| {
            let job = row.whole(c[2], "job numbers", u64::MAX)?;
            let task = row.whole(c[3], "task numbers", u64::MAX)?;
            let plan = self.plan(row, c)?;
            import.job_fits(known.len() as u64).map_err(|error| row.place(error))?;
            if numbers.number(task) as usize == known.len() {
                known.push(Task { job, plan, met: 0 });
            } else {
                import.report.ignore("further rows of tasks in batch_task", 1);
            }
            Ok(())
        })?;
        if count > 0 {
            import.report.count("rows of batch_task", count);
        }
        let steps = import.option("usage");
        let (with_usage, mean) = (steps != "none", steps == "mean");
        let (mut sampled, mut nameless) = (0u32, 0u64);
        rows::<12>(files, &INSTANCE_SHAPE, import, &mut |import, row, c| {
            import.job_row(row)?;
            let (from, to) = (seconds(row, c[0])?.unwrap_or(0), seconds(row, c[1])?.unwrap_or(0));
            self.last = self.last.max(from).max(to);
            let status = row.text(c[5])?.trim();
            let states =
                ["Ready", "Waiting", "Running", "Terminated", "Failed", "Cancelled", "Interupted", "Interrupted"];
            if !states.contains(&status) {
                return Err(row.refuse(c[5], format!("\"{status}\" will not do; {} will", states.join(", "))));
            }
            let (sequence, total) = (row.signed(c[6], "tries")?, row.signed(c[7], "tries")?);
            if let (Some(sequence), Some(total)) = (sequence, total)
                && sequence < total
            {
                self.counts.tries += 1;
                return import.drop_row(row, "an earlier try of an instance: the last one counts");
            }
            if from == 0 {
                return import.drop_row(row, "the instance never began");
            }
            if to != 0 && to < from {
                return import.drop_row(row, "ends before it began");
            }
            if to < 0 {
                return import.drop_row(row, "ended before the window");
            }
            if self.open == "drop" && to == 0 {
                return import.drop_row(row, "still running at the end of the trace (open=drop)");
            }
            let task = match row.is_blank(c[3]) {
                true => None,
                false => Some(row.whole(c[3], "task numbers", u64::MAX)?),
            };
            let number = task.and_then(|task| numbers.get(&task));
            let plan = number.and_then(|number| known[number as usize].plan);
            if plan.is_none() && self.drop_unplanned {
                return import.drop_row(row, "without a plan (unplanned=drop)");
            }
            if self.one && number.is_some_and(|number| known[number as usize].met > 0) {
                return import.drop_row(row, "a further instance of its task (instances=one)");
            }
            self.counts.unplanned += u64::from(plan.is_none());
            self.counts.failed += u64::from(!matches!(status, "Terminated" | "Running" | "Ready" | "Waiting"));
            self.counts.before += u64::from(from < 0);
            let (name, job) = match (task, number) {
                (Some(task), Some(number)) => {
                    let known = &mut known[number as usize];
                    known.met += 1;
                    (format!("{task}-{}", known.met - 1), known.job.to_string())
                }
                _ => {
                    nameless += 1;
                    let job = if row.is_blank(c[2]) {
                        "unknown".to_owned()
                    } else {
                        row.whole(c[2], "job numbers", u64::MAX)?.to_string()
                    };
                    (format!("unknown-{}", nameless - 1), job)
                }
            };
            let cores = |at: usize| row.scaled(c[at], "cores", NANO_PER_CORE, 1 << 53);
            let share = |at: usize| row.scaled(c[at], "memory of the largest machine", self.memory, 1 << 53);
            let (most_cpu, mean_cpu, most_memory, mean_memory) = (cores(8)?, cores(9)?, share(10)?, share(11)?);
            let plan = plan.unwrap_or((0, 0));
            let lasts = SimDuration(run_us(to.max(from)) - run_us(from));
            let known_use = most_cpu.or(mean_cpu).or(most_memory).or(mean_memory).is_some();
            let sample = (with_usage && known_use).then_some(sampled);
            if let Some(number) = sample {
                sampled += 1;
                let window = Sample {
                    start_us: run_us(from),
                    end_us: if to == 0 { run_us(from) + 1 } else { run_us(to).max(run_us(from) + 1) },
                    cpu: Reading { mean: mean_cpu, max: most_cpu, limit: None },
                    memory: Reading { mean: mean_memory, max: most_memory, limit: None },
                    host_busy: false,
                };
                import.sample(row, samples, number, &window)?;
            }
            import.used(1);
            if to == 0 {
                let waiting = (import.report.jobs).saturating_add(self.opens.len() as u64);
                import.job_fits(waiting).map_err(|error| row.place(error))?;
                self.opens.push(Open { name, job, instances: None, from, plan, sample, place: row.at() });
                return Ok(());
            }
            import.report.span(run_us(from), run_us(to));
            let mut made = batch_job(&name, &job, from, Some(lasts), plan);
            if let Some(number) = sample {
                made.usage = used(samples, number, &made, mean);
            }
            import.job_from(&row.at(), made)
        })?;
        self.counts.nameless = nameless;
        Ok(())
    }

    fn add_open(&mut self, open: Open, samples: &mut Samples, import: &mut Import) -> Result<()> {
        self.counts.open += open.instances.unwrap_or(1);
        let lasts = match self.open.as_str() {
            "last-seen" => Some(SimDuration(run_us(self.last) - run_us(open.from))),
            _ => None,
        };
        import.report.span(run_us(open.from), run_us(self.last));
        let mean = import.option("usage") == "mean";
        for i in 0..open.instances.unwrap_or(1) {
            let name = if open.instances.is_some() { format!("{}-{i}", open.name) } else { open.name.clone() };
            let mut made = batch_job(&name, &open.job, open.from, lasts, open.plan);
            if let Some(number) = open.sample {
                made.usage = used(samples, number, &made, mean);
            }
            import.job_from(&open.place, made)?;
        }
        Ok(())
    }

    fn say(&self, no_tasks: bool, no_instances: bool, import: &mut Import) {
        let Counts { before, failed, running, open, declared, tries, nameless, unplanned } = self.counts;
        let choices = &mut import.report.choices;
        if no_tasks && no_instances {
            choices.push("there is no batch_task: all jobs are containers".into());
            return;
        }
        choices.push(match (no_instances, self.one) {
            (true, false) => {
                "each instance arrives at its task's creation and runs until the task's end, which is as long as \
                              its task took: there is no batch_instance, which would say how long each ran"
                    .into()
            }
            (true, true) => format!("instances=one: one job for each task; its tasks declare {declared} instances"),
            (false, _) => {
                "an instance arrives when it began in the source and lasts as its last try did; its task says \
                           what it asks for; instances of a task are numbered in the order of their rows"
                    .to_owned()
            }
        });
        for (count, what) in [
            (before, "rows began before the window: they arrive at time 0 with what remained"),
            (failed, "rows of failed, cancelled or interrupted work run as long as recorded and finish like any other"),
            (running, "rows are Running and have an end: they end then"),
            (tries, "rows are earlier tries of instances"),
            (nameless, "instances belong to no task that batch_task has"),
            (unplanned, "rows without a plan ask for nothing (unplanned=zero)"),
        ] {
            if count > 0 {
                choices.push(format!("{count} {what}"));
            }
        }
        if open > 0 {
            choices.push(format!("open={}: {open} jobs whose end is not told", self.open));
        }
    }
}

/// A job that runs from `from` on; a service where no end is known.
fn batch_job(name: &str, app: &str, from: i64, lasts: Option<SimDuration>, plan: (u64, u64)) -> Job {
    let (cpu, memory) = (MilliCpu(plan.0 as i64), Bytes(plan.1 as i64));
    let mut job = match lasts {
        Some(lasts) => Job::batch(name, SimTime(run_us(from)), lasts, cpu, memory),
        None => Job::service(name, SimTime(run_us(from)), cpu, memory),
    };
    job.app = app.into();
    job
}

/// What the one sample of an instance makes of its usage.
fn used(samples: &mut Samples, number: u32, job: &Job, mean: bool) -> Vec<crate::workload::UsageStep> {
    let (cpu, memory) = (job.cpu_request.nano_cores(), job.memory_request);
    if mean {
        return samples.mean(number, cpu, memory);
    }
    samples.steps(number, job.arrival.0, None, cpu, memory)
}
