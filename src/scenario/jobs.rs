//! Apps and jobs as written to jobs one by one.

use std::collections::BTreeMap;
use std::path::Path;

use super::Budgets;
use super::file::{ControllerWord, JobSection, Ramp, UsageSection, WorkloadSection};
use super::hosts::{also_at, numbered};
use super::text::{At, Cpu, Memory};
use super::units::{self, UnitSays};
use crate::error::{Error, Result, did_you_mean};
use crate::trace::manifest::annotation;
use crate::units::{Bytes, SECOND_US, SimDuration, SimTime};
use crate::workload::{Controller, Job, JobKind, RestartPolicy, Spec, Unserved, UsageStep, WorkloadBuilder};

/// Adds the inline apps and jobs of `section` to `builder`; returns how many usage steps the budget has left.
pub(super) fn add(
    section: &WorkloadSection,
    folder: &Path,
    budgets: &Budgets,
    builder: &mut WorkloadBuilder,
    notes: &mut Vec<String>,
) -> Result<u64> {
    let wanted: u64 = section.apps.iter().map(|app| u64::from(app.replicas.unwrap_or(1))).sum();
    let wanted = wanted + section.jobs.len() as u64;
    if wanted > budgets.jobs {
        return Err(Error::budget("jobs", wanted, budgets.jobs, "--max-jobs"));
    }
    for job in &section.jobs {
        if job.replicas.is_some() || job.every.is_some() {
            return Err(job.refuse(format!("job \"{}\": replicas and every belong under apps", job.name)));
        }
    }
    for app in &section.apps {
        if app.app.is_some() {
            return Err(app.refuse(format!("app \"{}\": the key app belongs under jobs", app.name)));
        }
        if app.replicas == Some(0) {
            return Err(app.refuse(format!("app \"{}\": replicas is 0; leave the app out", app.name)));
        }
    }
    let names = Names::of(section)?;
    let mut steps_left = budgets.usage_steps;
    for (entry, is_app) in section.apps.iter().map(|a| (a, true)).chain(section.jobs.iter().map(|j| (j, false))) {
        let replicas = entry.replicas.unwrap_or(1);
        let usage = match &entry.usage {
            Some(usage) => usage_steps(usage, steps_left)
                .map_err(|why| usage.place(why.in_field(format!("{}.usage", entry.name))))?,
            None => Vec::new(),
        };
        let all = usage.len() as u64 * u64::from(replicas);
        steps_left = steps_left
            .checked_sub(all)
            .ok_or_else(|| Error::budget("usage steps", all, budgets.usage_steps, "--max-usage-steps"))?;
        let after = names.after(entry)?;
        let unit = units::read(entry, folder, budgets.yaml_bytes, builder, notes)?;
        for index in 0..replicas {
            let job = job(entry, is_app, (index, replicas), &usage, &after, unit)?;
            builder.push(job).map_err(|why| entry.place(why))?;
        }
    }
    Ok(steps_left)
}

/// Which names mean which jobs.
struct Names {
    /// Line of the entry that makes a job of that name.
    jobs: BTreeMap<String, u32>,
    /// Jobs of each app.
    apps: BTreeMap<String, Vec<String>>,
}

impl Names {
    fn of(section: &WorkloadSection) -> Result<Self> {
        let mut names = Names { jobs: BTreeMap::new(), apps: BTreeMap::new() };
        for entry in section.apps.iter().chain(&section.jobs) {
            let replicas = entry.replicas.unwrap_or(1);
            if entry.name.is_empty() {
                return Err(entry.refuse("a job has no name"));
            }
            for index in 0..replicas {
                let name = numbered(&entry.name, index, replicas);
                if let Some(line) = names.jobs.insert(name.clone(), entry.line) {
                    return Err(entry.refuse(format!("two jobs are named \"{name}\"{}", also_at(line))));
                }
                names.apps.entry(entry.app.as_ref().unwrap_or(&entry.name).clone()).or_default().push(name);
            }
        }
        Ok(names)
    }

    fn after(&self, entry: &JobSection) -> Result<Vec<String>> {
        let mut jobs = Vec::new();
        for wanted in &entry.after {
            if let Some(app) = self.apps.get(&wanted.value) {
                jobs.extend(app.iter().cloned());
            } else if self.jobs.contains_key(&wanted.value) {
                jobs.push(wanted.value.clone());
            } else {
                let known = self.apps.keys().chain(self.jobs.keys()).map(String::as_str);
                let hint = did_you_mean(wanted, known).map_or(String::new(), |n| format!("; did you mean \"{n}\"?"));
                let what =
                    format!("\"{}\" comes after \"{}\", which is neither a job nor an app", entry.name, **wanted);
                return Err(wanted.refuse(format!("{what}{hint}")));
            }
        }
        Ok(jobs)
    }
}

fn job(
    entry: &At<JobSection>,
    is_app: bool,
    (index, replicas): (u32, u32),
    usage: &[UsageStep],
    after: &[String],
    unit: UnitSays,
) -> Result<Job> {
    let requests = entry.requests.clone().unwrap_or_default();
    let limits = entry.limits.clone().unwrap_or_default();
    for (field, cpu) in [("requests.cpu", requests.cpu), ("limits.cpu", limits.cpu)] {
        too_much_cpu(cpu).map_err(|why| entry.place(why.in_field(format!("{}.{field}", entry.name))))?;
    }
    if entry.unserved == Some(Unserved::Drop) && entry.kind.unwrap_or_default() == JobKind::Batch {
        let what = "a batch job is an amount of work, which stretches; only a service drops what is not served";
        return Err(entry.refuse(what).in_field("unserved"));
    }
    if entry.threads == Some(0) {
        return Err(entry.refuse("no threads run nothing; leave threads out for any number").in_field("threads"));
    }
    if entry.processes == Some(0) {
        return Err(entry.refuse("a job is at least one process").in_field("processes"));
    }
    let every = entry.every.unwrap_or_default().0;
    let first = entry.arrival.unwrap_or_default().0;
    let app = if is_app { entry.name.clone() } else { entry.app.clone().unwrap_or_else(|| entry.name.clone()) };
    Ok(Job {
        name: numbered(&entry.name, index, replicas),
        app,
        arrival: SimTime(first.0.saturating_add(every.0.saturating_mul(index.into()))),
        duration: entry.duration.map(|d| d.0),
        cpu_request: requests.cpu.unwrap_or_default().0,
        memory_request: requests.memory.unwrap_or_default().0,
        cpu_limit: limits.cpu.map(|cpu| cpu.0),
        memory_limit: limits.memory.map(|memory| memory.0).or(unit.memory),
        spec: Spec {
            kind: entry.kind.unwrap_or_default(),
            restart: entry.restart.or(unit.restart).unwrap_or_default(),
            controller: controller(entry)?,
            priority: entry.priority.unwrap_or(0),
            namespace: entry.namespace.clone().unwrap_or_else(|| "default".into()),
            process_type: entry.process_type.clone().unwrap_or_default(),
            ephemeral: requests.ephemeral.unwrap_or_default().0,
            gpus: entry.gpus.clone(),
            gpu_models: entry.gpu_models.clone(),
            extended: Vec::new(),
            node_selector: entry.node_selector.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
            constraints: Vec::new(),
            apart: false,
            tolerations: entry.tolerations.clone(),
            ports: entry.ports.clone(),
            threads: entry.threads,
            unserved: entry.unserved.unwrap_or_default(),
            processes: entry.processes,
            ephemeral_limit: limits.ephemeral.map(|ephemeral| ephemeral.0),
            ephemeral_used: entry.usage.as_ref().and_then(|u| u.ephemeral).unwrap_or_default().0,
            file_touches: entry.file_touches,
            leak_touches: entry.leak_touches.unwrap_or(0),
            checkpoint: entry.checkpoint.unwrap_or(false),
            template: None,
            unit: unit.number,
        },
        extended: requests.extended.iter().map(|(name, count)| (name.clone(), count.0)).collect(),
        usage: usage.to_vec(),
        after: after.to_vec(),
    })
}

/// What stands behind the jobs of `entry`.
fn controller(entry: &At<JobSection>) -> Result<Controller> {
    let refuse = |what: &str| Err(entry.refuse(format!("{}: {what}", entry.name)));
    let word = entry.controller;
    if word != Some(ControllerWord::Job) && (entry.backoff_limit.is_some() || entry.pod_replacement_policy.is_some()) {
        return refuse("backoff_limit and pod_replacement_policy belong to controller: job");
    }
    let Some(word) = word else { return Ok(Controller::Unset) };
    let batch = entry.kind.unwrap_or_default() == JobKind::Batch;
    let never = entry.restart == Some(RestartPolicy::Never);
    match word {
        ControllerWord::None => Ok(Controller::Naked),
        ControllerWord::Job if !batch => {
            refuse("controller: job is for batch jobs; services have a replica-set or another")
        }
        ControllerWord::Job => Ok(Controller::Job {
            backoff_limit: entry.backoff_limit.unwrap_or(Controller::BACKOFF_LIMIT),
            replacement: entry.pod_replacement_policy.unwrap_or_default(),
            in_place: !never,
        }),
        _ if batch => refuse("this controller is for services; batch jobs have job, none, or say nothing"),
        _ if never => refuse("this controller starts its jobs again; restart: never belongs to job or none"),
        ControllerWord::ReplicaSet | ControllerWord::Deployment => Ok(Controller::ReplicaSet),
        ControllerWord::StatefulSet => Ok(Controller::StatefulSet),
        ControllerWord::DaemonSet => Ok(Controller::DaemonSet),
    }
}

fn too_much_cpu(cpu: Option<Cpu>) -> Result<()> {
    match cpu {
        Some(cpu) if cpu.0 > annotation::MOST_CPU => Err(Error::input(format!("{cpu} is over a million cores"))),
        _ => Ok(()),
    }
}

/// A stretch of usage; without `lasts` to the end.
fn step(lasts: Option<SimDuration>, cpu: Cpu, memory: Bytes) -> Result<UsageStep> {
    annotation::step(lasts, cpu.0, memory)
}

fn cached(step: UsageStep, cache: Option<Memory>) -> UsageStep {
    UsageStep { cache: cache.unwrap_or_default().0, ..step }
}

/// The steps that `usage` stands for, at most `most`.
fn usage_steps(usage: &UsageSection, most: u64) -> Result<Vec<UsageStep>> {
    let constant = usage.cpu.is_some() || usage.memory.is_some();
    if usage.cache.is_some() && !constant {
        return Err(Error::input("cache stands beside cpu and memory, or in each of the steps"));
    }
    match (constant, usage.steps.as_slice(), &usage.ramp) {
        (true, [], None) => match (usage.cpu, usage.memory) {
            (Some(cpu), Some(memory)) => Ok(vec![cached(step(None, cpu, memory.0)?, usage.cache)]),
            (None, _) => Err(Error::input("cpu is missing beside memory (0 is allowed)")),
            (_, None) => Err(Error::input("memory is missing beside cpu (0 is allowed)")),
        },
        (false, steps @ [_, ..], None) => {
            let last = steps.len() - 1;
            if let Some(open) = steps[..last].iter().position(|s| s.lasts.is_none()) {
                return Err(Error::input(format!("step {} has no for: and is not the last", open + 1)));
            }
            steps.iter().map(|s| Ok(cached(step(s.lasts.map(|d| d.0), s.cpu, s.memory.0)?, s.cache))).collect()
        }
        (false, [], Some(ramp)) => ramp_steps(ramp, most),
        // The workload's `usage` says the rest.
        (false, [], None) if usage.ephemeral.is_some() => Ok(Vec::new()),
        (false, [], None) => Err(Error::input("it is empty; give cpu and memory, or steps, or ramp")),
        _ => Err(Error::input("cpu and memory, steps, and ramp exclude each other")),
    }
}

fn ramp_steps(ramp: &Ramp, most: u64) -> Result<Vec<UsageStep>> {
    let length = ramp.step.map_or(SimDuration::from_secs(1), |s| s.0);
    // Bytes a second times microseconds, truncated to a byte a step.
    let growth = i128::from(ramp.rate.0.0) * i128::from(length.0) / i128::from(SECOND_US);
    let (from, until) = (ramp.from.0, ramp.until.0);
    if growth == 0 {
        return Err(Error::input("the ramp grows by less than a byte a step; raise rate or step"));
    }
    if until < from {
        return Err(Error::input(format!("the ramp's until ({until}) is below its from ({from})")));
    }
    let rise = i128::from(until.0 - from.0);
    let count = rise.div_euclid(growth) + i128::from(rise.rem_euclid(growth) != 0);
    if count >= i128::from(most) {
        return Err(Error::budget("usage steps", count + 1, most, "--max-usage-steps"));
    }
    let start = ramp.start.map_or(SimDuration::ZERO, |s| s.0);
    // A step holds what it begins with, so the first growth shows one step after `start`.
    let mut steps = vec![step(Some(start + length), ramp.cpu, from)?];
    for k in 1..=count {
        let memory = (i128::from(from.0) + k * growth).min(i128::from(until.0));
        steps.push(step(Some(length), ramp.cpu, Bytes(memory as i64))?);
    }
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use super::super::text::Length;
    use super::*;
    use crate::units::MilliCpu;

    #[test]
    fn a_ramp_waits_then_grows_in_steps_up_to_its_end() {
        let ramp = Ramp {
            cpu: Cpu(MilliCpu(100)),
            from: Memory(Bytes(200)),
            rate: Memory(Bytes(50)),
            until: Memory(Bytes(420)),
            step: Some(Length(SimDuration::from_secs(2))),
            start: Some(Length(SimDuration::from_secs(60))),
        };
        let steps = ramp_steps(&ramp, 100).unwrap();
        let shown: Vec<(u64, i64)> = steps.iter().map(|s| (s.length_us / SECOND_US, s.memory.0)).collect();
        // 200 until 60 s and one step more, then + 50 × 2 a step, the last one cut at 420.
        assert_eq!(shown, [(62, 200), (2, 300), (2, 400), (2, 420)]);
        assert_eq!(
            ramp_steps(&ramp, 3).unwrap_err().to_string(),
            "4 usage steps is over the budget of 3; raise it with --max-usage-steps"
        );
    }
}
