//! Lives of tasks, to jobs.

use super::super::{Import, Samples};
use super::numbers::Numbers;
use super::rules::Rules;
use super::tasks::{Ask, NONE, Phase, Task, Tasks, event};
use super::{ORIGIN_US, place};
use crate::error::Result;
use crate::units::{Bytes, MilliCpu, SimDuration, SimTime};
use crate::workload::{Job, JobKind};

/// What is counted of the jobs.
#[derive(Default)]
struct Counts {
    cut_short: u64,
    failed: u64,
    again: u64,
    before: u64,
    open: u64,
    blank: u64,
    no_time: u64,
    services: u64,
    constrained_only: u64,
}

/// Why a task is left out, or how it ran: since when, and for how long if that is known.
enum Life {
    Out(&'static str),
    Ran { run_us: u64, lasts_us: Option<u64> },
}

/// What became of a task.
fn life(task: &Task, open: &str, sum: bool) -> Life {
    let mut task = *task;
    if task.arrival_us == NONE {
        return Life::Out("rows of tasks that were neither submitted nor scheduled");
    }
    if matches!(task.phase, Phase::Waiting | Phase::Running) {
        match open {
            "drop" => return Life::Out("rows of tasks whose end is not told (open=drop)"),
            "run" => {
                let run_us = if task.began_us == NONE { task.arrival_us } else { task.began_us };
                return Life::Ran { run_us, lasts_us: None };
            }
            _ if task.began_us != NONE => task.end(task.seen_us, event::OPEN, sum),
            _ => {}
        }
    }
    match task.run_us {
        NONE => Life::Out("rows of tasks that never ran"),
        run_us => Life::Ran { run_us, lasts_us: Some(task.lasted_us) },
    }
}

/// Adds all tasks, in the order of job and index.
pub(super) fn add(
    tasks: Tasks,
    mut numbers: Numbers,
    rules: &Rules,
    mut samples: Samples,
    import: &mut Import,
) -> Result<()> {
    let open = import.option("open").to_owned();
    let sum = import.option("attempts") == "sum";
    let drop_blank = import.option("requests") == "drop";
    let limits = import.option("limits") == "request";
    let services = import.option("services").to_owned();
    let mean = import.option("usage") == "mean";
    let is_service = |ask: &Ask| match services.as_str() {
        "class-3" => ask.class == 3,
        "priority-9" => ask.priority >= 9,
        _ => false,
    };
    let job_file = place(std::path::Path::new(super::TASK_EVENTS));
    let mut counts = Counts::default();
    numbers.seal();
    for number in numbers.in_order() {
        let Some(task) = tasks.all.get(number as usize).filter(|task| task.rows > 0) else {
            counts.constrained_only += 1;
            continue;
        };
        let ask = tasks.ask(task);
        let (run_us, lasts_us) = match life(task, &open, sum) {
            Life::Out(why) => {
                import.drop_rows(&job_file, why, u64::from(task.rows))?;
                continue;
            }
            Life::Ran { run_us, lasts_us } => (run_us, lasts_us),
        };
        if ask.is_blank() {
            if drop_blank {
                import.drop_rows(&job_file, "rows of tasks with blank requests (requests=drop)", task.rows.into())?;
                continue;
            }
            counts.blank += 1;
        }
        let amount = |amount: u64| if amount == NONE { 0 } else { amount as i64 };
        let (cpu, memory) = (MilliCpu(amount(ask.cpu)), Bytes(amount(ask.memory)));
        let (id, index) = numbers.name(number);
        let arrival = SimTime(task.arrival_us.saturating_sub(ORIGIN_US));
        let lasts = lasts_us.map(SimDuration);
        let mut job = Job::batch(format!("{id}-{index}"), arrival, SimDuration::ZERO, cpu, memory);
        job.app = id.to_string();
        job.duration = lasts;
        if lasts.is_none() || is_service(&ask) {
            job.spec.kind = JobKind::Service;
            counts.services += 1;
        }
        job.spec.priority = ask.priority.into();
        job.spec.apart = ask.apart;
        if limits {
            job.cpu_limit = Some(cpu).filter(|cpu| cpu.0 > 0);
            job.memory_limit = Some(memory).filter(|memory| memory.0 > 0);
        }
        rules.apply(number, &mut job);
        import.for_fleet(&mut job);
        let run_us = run_us.max(ORIGIN_US);
        job.usage = match mean {
            true => samples.mean(number, cpu.nano_cores(), memory),
            false => samples.steps(number, run_us, lasts, cpu.nano_cores(), memory),
        };
        match lasts_us {
            None => counts.open += 1,
            Some(0) => counts.no_time += 1,
            Some(_) => {}
        }
        if lasts_us.is_some() {
            counts.cut_short += u64::from(matches!(task.how, event::EVICT | event::KILL | event::LOST));
            counts.failed += u64::from(task.how == event::FAIL);
        }
        counts.again += u64::from(task.again);
        counts.before += u64::from(task.before);
        let ends = lasts_us.map_or(tasks.end_us, |lasts| run_us + lasts);
        import.report.span(task.arrival_us.max(ORIGIN_US), ends.max(ORIGIN_US));
        import.job_from(&job_file, job)?;
        import.used(task.rows.into());
    }
    if tasks.end_us > ORIGIN_US {
        import.builder().trace_end(SimTime(tasks.end_us - ORIGIN_US));
    }
    import.report.add_usage(samples.counts());
    say(&counts, sum, &open, import);
    Ok(())
}

fn say(counts: &Counts, sum: bool, open: &str, import: &mut Import) {
    let choices = &mut import.report.choices;
    choices.push(
        "a task arrives at its first SUBMIT, or at time 0 if it was there before; waiting is not replayed".into(),
    );
    choices.push(if sum {
        "a job lasts as all its task's runs together (attempts=sum); its usage is that from the first run on".into()
    } else {
        "a job lasts as its task's last run that ended with FINISH, or as its last run (attempts=last)".to_owned()
    });
    choices.push(
        "limits: the trace's request is also the most permitted, which it did not hold tasks to at all times".into(),
    );
    for (count, what) in [
        (counts.again, "tasks were submitted again after an end; they are one job each"),
        (counts.cut_short, "jobs last as a run that was cut short (EVICT, KILL, LOST): they would have run longer"),
        (counts.failed, "jobs last as a run that ended with FAIL"),
        (counts.before, "jobs ran before time 0: they have what remained of the run"),
    ] {
        if count > 0 {
            choices.push(format!("{count} {what}"));
        }
    }
    if counts.open > 0 {
        choices.push(format!("open={open}: {} jobs whose end is not told are services that run on", counts.open));
    }
    if counts.blank > 0 {
        choices.push(format!("requests=zero: {} jobs have blank requests and ask for nothing", counts.blank));
    }
    if counts.constrained_only > 0 {
        import.report.ignore("constraints of tasks without events", counts.constrained_only);
    }
    if counts.services > 0 {
        import.report.count("services", counts.services);
    }
    if counts.no_time > 0 {
        import.report.warnings.push(format!("{} jobs last 0 s", counts.no_time));
    }
}
