//! Runs, one after the other or side by side on threads; results in the order in which they were asked for.

use rayon::prelude::*;

use super::result::{AppResult, Choice, PartResult, RunLabel, RunResult};
use crate::discovery::component::COMPONENTS;
use crate::discovery::platform::Role;
use crate::error::{Error, Result};
use crate::ids::AppId;
use crate::ids::{HostId, JobId};
use crate::metrics::{AppReach, FAMILIES, Family, Recorder, Value};
use crate::orchestrator::{Explained, Options, orchestrator};
use crate::sim::{Change, Checker, Flags, Kind, Kinds, Observer, Setup, simulate};
use crate::units::SimTime;

/// How runs are made, beside what they are.
#[derive(Clone, Copy, Debug)]
pub struct RunFlags {
    /// Whether the checker watches, and a disagreement fails the run.
    pub check: bool,
    /// Whether a record for reports is kept.
    pub record: bool,
    /// Budget of changes kept in a record, per run.
    pub most_changes: u64,
    /// Budget of events, per run.
    pub most_events: u64,
    /// Run periodic work at every tick (a reference for tests).
    pub every_tick: bool,
    /// Take every decision by the plain scan of all hosts (slow, and the same decisions).
    pub plain: bool,
    /// A job whose decisions are explained.
    pub explain: Option<JobId>,
}

impl Default for RunFlags {
    fn default() -> Self {
        RunFlags {
            check: false,
            record: false,
            most_changes: 20_000_000,
            most_events: u64::MAX,
            every_tick: false,
            plain: false,
            explain: None,
        }
    }
}

/// Everybody who watches a run.
struct Watchers<'a> {
    families: Vec<Box<dyn Family + 'a>>,
    /// By kind of change, the places of the families that want it.
    told: [Vec<u8>; Kind::ALL.len()],
    recorder_wants: Kinds,
    recorder: Option<Recorder<'a>>,
    checker: Option<Checker<'a>>,
    explained: Vec<Explained>,
}

impl Observer for Watchers<'_> {
    fn wants(&self) -> Kinds {
        // Most changes are rates of single attempts, which only the checker reads.
        let families = self.families.iter().fold(Kinds::NONE, |kinds, family| kinds.with(family.wants()));
        let checker = if self.checker.is_some() { Kinds::ALL } else { Kinds::NONE };
        families.with(self.recorder_wants).with(checker)
    }

    fn change(&mut self, at: SimTime, change: &Change) {
        let kind = change.kind();
        for &family in &self.told[kind as usize] {
            self.families[usize::from(family)].change(at, change);
        }
        if let Some(recorder) = &mut self.recorder
            && self.recorder_wants.has(kind)
        {
            recorder.change(at, change);
        }
        if let Some(checker) = &mut self.checker {
            checker.change(at, change);
        }
    }

    fn look_ahead(&self, soon: &[(JobId, HostId)]) -> u64 {
        self.families.iter().fold(0, |sum, family| sum ^ family.look_ahead(soon))
    }

    fn explained(&mut self, explained: &Explained) {
        self.explained.push(explained.clone());
    }

    fn finish(&mut self, end: SimTime) {
        for family in &mut self.families {
            family.finish(end);
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.finish(end);
        }
        if let Some(checker) = &mut self.checker {
            checker.finish(end);
        }
    }
}

/// One run. `pulse` is called now and then with the simulated time; `false` interrupts.
///
/// Errors: interrupted; the clock is stuck; the checker disagrees; the ledger does not add up.
pub fn run_one(
    setup: &Setup,
    options: &Options,
    flags: RunFlags,
    pulse: &mut dyn FnMut(SimTime) -> bool,
) -> Result<RunResult> {
    let families: Vec<Box<dyn Family + '_>> = FAMILIES.iter().map(|family| (family.build)(setup, options)).collect();
    let recorder = flags.record.then(|| Recorder::new(setup, flags.most_changes));
    let wanting = |kind| (0..families.len() as u8).filter(|&i| families[usize::from(i)].wants().has(kind)).collect();
    let mut watchers = Watchers {
        told: std::array::from_fn(|kind| wanting(Kind::ALL[kind])),
        families,
        recorder_wants: recorder.as_ref().map_or(Kinds::NONE, |recorder| recorder.wants()),
        recorder,
        checker: flags.check.then(|| Checker::new(setup)),
        explained: Vec::new(),
    };
    let in_run = |error: Error| {
        if error.kind() == crate::error::ErrorKind::Failed {
            Error::failed(format!("run \"{}\": {}", options.name, error.message()))
        } else {
            error
        }
    };
    let digest = simulate(
        setup,
        options,
        &mut watchers,
        Flags {
            every_tick: flags.every_tick,
            plain: flags.plain,
            most_events: flags.most_events,
            explain: flags.explain,
            pulse,
        },
    )
    .map_err(in_run)?;
    if let Some(checker) = &watchers.checker {
        checker
            .verdict()
            .map_err(|wrong| Error::failed(format!("run \"{}\": the checker disagrees: {wrong}", options.name)))?;
    }
    let mut metrics: Vec<(&'static str, Value)> = Vec::new();
    for (info, family) in FAMILIES.iter().zip(&watchers.families) {
        let values = family.values();
        assert!(values.is_empty() || values.len() == info.rows.len(), "a family gives a value for each of its rows");
        metrics.extend(info.rows.iter().map(|row| row.name).zip(values));
    }
    let residual = metrics.iter().find(|(name, _)| *name == "ledger_residual_nano_core_us");
    if let Some((_, Value::Count(residual @ 1..))) = residual {
        return Err(Error::failed(format!("run \"{}\": the ledger is off by {residual} nano-core-µs", options.name)));
    }
    let apps = setup
        .workload
        .apps()
        .iter()
        .zip(watchers.families.iter().find_map(|family| family.apps()).unwrap_or_default())
        .map(|(app, share)| AppResult {
            name: app.name.clone(),
            jobs: share.jobs,
            availability: share.availability(),
            attempts_lost: share.attempts_lost,
        })
        .collect();
    Ok(RunResult {
        label: label(options, setup.seed.0),
        digest,
        metrics,
        apps,
        choices: choices(options),
        platform: platform_parts(setup, &watchers.families),
        record: watchers.recorder.map(Recorder::into_record).transpose()?,
        explained: watchers.explained,
    })
}

/// What became of the parts of a platform.
fn platform_parts(setup: &Setup, families: &[Box<dyn Family + '_>]) -> Vec<PartResult> {
    let reach = families.iter().find_map(|family| family.reach());
    let (Some(platform), Some(reach)) = (&setup.platform, reach) else { return Vec::new() };
    let parts = setup.workload.apps().iter().zip(reach).enumerate();
    let part = |(i, (app, reach)): (usize, (&crate::workload::App, AppReach))| PartResult {
        app: app.name.clone(),
        role: match platform.role(AppId::from_index(i)) {
            Role::App => "app",
            Role::Unannounced => "unannounced",
            Role::Component(place) => COMPONENTS[place as usize].name,
        },
        reach,
    };
    parts.map(part).collect()
}

/// All `runs` in the world of `setup`, on as many threads as the current rayon pool has; each its own result, in the
/// order of `runs` and the same on any number of threads.
pub fn run_all(
    setup: &Setup,
    runs: &[Options],
    flags: RunFlags,
    pulse: &(dyn Fn(usize, SimTime) -> bool + Sync),
) -> Vec<Result<RunResult>> {
    runs.par_iter().enumerate().map(|(i, options)| run_one(setup, options, flags, &mut |at| pulse(i, at))).collect()
}

/// One digest over the digests of `runs`, in their order.
pub fn digest_of(runs: &[RunResult]) -> u64 {
    let mut digest = crate::sim::Digest::default();
    for run in runs {
        digest.word(run.digest);
    }
    digest.value()
}

fn on_off(on: bool) -> String {
    if on { "on".into() } else { "off".into() }
}

fn label(options: &Options, seed: u64) -> RunLabel {
    RunLabel {
        name: options.name.clone(),
        orchestrator: options.orchestrator.into(),
        placement: options.placement.into(),
        enforcement: options.enforcement.to_string(),
        eviction: on_off(options.eviction),
        cpu_quota: on_off(options.cpu_quota),
        requests: options.requests.to_string(),
        tie_break: options.tie_break.to_string(),
        seed,
    }
}

fn choices(options: &Options) -> Vec<Choice> {
    let info = orchestrator(options.orchestrator).expect("options name an orchestrator of the table");
    let mut choices: Vec<Choice> = info
        .choices
        .iter()
        .map(|[what, taken, alternative]| Choice {
            what: (*what).into(),
            taken: (*taken).into(),
            alternative: (*alternative).into(),
        })
        .collect();
    if let Some(own) = &options.scheduler {
        choices.push(Choice {
            what: format!("{}: scheduler configuration", options.name),
            taken: format!("the user's own, profile {}", own.scheduler_name),
            alternative: format!("without scheduler_config: the ready-made profile of placement {}", options.placement),
        });
    }
    for (name, value) in &options.parameters {
        choices.push(Choice {
            what: format!("{}: {name}", options.name),
            taken: value.to_string(),
            alternative: info.parameter(options.discovery, name).map_or(String::new(), |p| {
                format!("default {}", if p.default.is_empty() { "none" } else { p.default })
            }),
        });
    }
    choices
}
