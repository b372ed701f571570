//! Seeded generators of workloads, for when there is no trace at hand.
//!
//! A generator is one file and one row. It draws from streams named by job, so that asking for more jobs keeps the
//! first ones. Distributions shape sizes and times here; all that comes out is integers.

mod like;
mod mix;
mod poisson;

pub use like::{Fitted, Goodness, GoodnessRow, LikeParams, Pair, Sizes, goodness, like};
pub use mix::{MixLimits, mix};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Job, WorkloadBuilder};
use crate::error::{Error, Result, unknown_name};
use crate::rng::{Seed, Stream};
use crate::units::{Bytes, MilliCpu, SECOND_US, SimDuration, SimTime};

/// A row of the table of generators.
#[derive(Debug)]
pub struct GeneratorInfo {
    /// Name in a scenario.
    pub name: &'static str,
    /// One line for `list` and the README.
    pub summary: &'static str,
    make: fn(&GeneratorParams, Seed, &mut WorkloadBuilder) -> Result<()>,
}

/// The generators.
pub const GENERATORS: &[GeneratorInfo] = &[mix::INFO, poisson::INFO];

/// What a generated workload is like. The defaults are section 6.3 of the notes on public traces, with a rate and a
/// number of jobs that a laptop replays in a second.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GeneratorParams {
    /// Number of jobs.
    pub jobs: u64,
    /// Mean arrivals in a second; for `mix` those of groups of tasks, without day and bursts.
    pub rate_per_second: f64,
    /// Median duration of batch jobs in seconds (log-normal).
    pub duration_median_s: f64,
    /// Sigma of the log-normal duration; 0: all the median.
    pub duration_sigma: f64,
    /// Shortest duration of batch jobs in seconds; shorter draws become this, or a microsecond.
    pub duration_min_s: f64,
    /// Longest duration of batch jobs in seconds; longer draws become this. `None`: a hundred years.
    pub duration_max_s: Option<f64>,
    /// CPU requests in cores, each as likely (one that stands here twice is twice as likely); empty: log-normal as below.
    pub cpu_choices_cores: Vec<f64>,
    /// Median CPU request in cores (log-normal).
    pub cpu_median_cores: f64,
    /// Sigma of the log-normal CPU request.
    pub cpu_sigma: f64,
    /// Most CPU a job requests, in cores; larger draws become this.
    pub cpu_max_cores: f64,
    /// Least memory request in GiB a core; uniform between this and the most.
    pub memory_gib_per_core_min: f64,
    /// Most memory request in GiB a core.
    pub memory_gib_per_core_max: f64,
    /// Memory requests in GiB a core, each as likely; empty: uniform as above.
    pub memory_gib_per_core_choices: Vec<f64>,
    /// Share of jobs that are services without end.
    pub service_share: f64,
    /// Whether all jobs of `poisson` are of one app, so that they replace each other; else none is of an app with a name. The
    /// groups of `mix` are apps either way.
    pub common_app: bool,
}

impl Default for GeneratorParams {
    fn default() -> Self {
        GeneratorParams {
            jobs: 1_000,
            rate_per_second: 0.2,
            duration_median_s: 300.0,
            duration_sigma: 1.9,
            duration_min_s: 0.0,
            duration_max_s: None,
            cpu_choices_cores: Vec::new(),
            cpu_median_cores: 0.5,
            cpu_sigma: 1.0,
            cpu_max_cores: 32.0,
            memory_gib_per_core_min: 1.0,
            memory_gib_per_core_max: 5.0,
            memory_gib_per_core_choices: Vec::new(),
            service_share: 0.02,
            common_app: true,
        }
    }
}

/// Most jobs of a generated workload.
const JOBS_MAX: u64 = 50_000_000;
/// Longest span of arrivals and longest job, in seconds: a hundred years.
const SECONDS_MAX: f64 = 100.0 * 365.0 * 86_400.0;

impl GeneratorParams {
    /// Refuses what cannot be drawn, naming the field.
    pub fn check(&self) -> Result<()> {
        let refuse = |field: &str, found: String, will_do: &str| {
            Err(Error::input(format!("{found} will not do; {will_do} will")).in_field(field))
        };
        if self.jobs == 0 || self.jobs > JOBS_MAX {
            return refuse("jobs", self.jobs.to_string(), "1 to 50,000,000");
        }
        let over = |n: f64, least: f64| n.is_finite() && n > least;
        for (field, found, least_is_in, least, most, will_do) in [
            ("rate_per_second", self.rate_per_second, false, 0.0, 1e6, "above 0 and up to 1000000"),
            ("duration_median_s", self.duration_median_s, false, 0.0, 1e9, "above 0 and up to 1000000000"),
            ("duration_sigma", self.duration_sigma, true, 0.0, 10.0, "0 to 10"),
            ("cpu_median_cores", self.cpu_median_cores, false, 0.0, 10_000.0, "above 0 and up to 10000"),
            ("cpu_sigma", self.cpu_sigma, true, 0.0, 10.0, "0 to 10"),
            ("cpu_max_cores", self.cpu_max_cores, false, 0.0, 10_000.0, "above 0 and up to 10000"),
            ("memory_gib_per_core_min", self.memory_gib_per_core_min, true, 0.0, 100.0, "0 to 100"),
            ("memory_gib_per_core_max", self.memory_gib_per_core_max, true, 0.0, 100.0, "0 to 100"),
            ("service_share", self.service_share, true, 0.0, 1.0, "0 to 1"),
        ] {
            if !(over(found, least) || least_is_in && found == least) || found > most {
                return refuse(field, found.to_string(), will_do);
            }
        }
        if self.memory_gib_per_core_max < self.memory_gib_per_core_min {
            let least = format!("{} or more", self.memory_gib_per_core_min);
            return refuse("memory_gib_per_core_max", self.memory_gib_per_core_max.to_string(), &least);
        }
        if !(0.0..=1e9).contains(&self.duration_min_s) {
            return refuse("duration_min_s", self.duration_min_s.to_string(), "0 to 1000000000");
        }
        if let Some(most) = self.duration_max_s
            && !(most > 0.0 && (self.duration_min_s..=1e9).contains(&most))
        {
            let least = self.duration_min_s;
            let will_do = match least > 0.0 {
                true => format!("{least} to 1000000000"),
                false => "above 0 and up to 1000000000".into(),
            };
            return refuse("duration_max_s", most.to_string(), &will_do);
        }
        if let Some(gib) = self.memory_gib_per_core_choices.iter().find(|gib| !(0.0..=100.0).contains(*gib)) {
            return refuse("memory_gib_per_core_choices", gib.to_string(), "0 to 100");
        }
        if let Some(cores) = self.cpu_choices_cores.iter().find(|cores| !over(**cores, 0.0) || **cores > 10_000.0) {
            return refuse("cpu_choices_cores", cores.to_string(), "above 0 and up to 10000");
        }
        if self.jobs as f64 / self.rate_per_second > SECONDS_MAX {
            let years = "a rate at which the last job arrives within 100 years";
            return refuse("rate_per_second", self.rate_per_second.to_string(), years);
        }
        Ok(())
    }
}

/// Makes the jobs of generator `name`. The same parameters and seed give the same jobs on every machine.
///
/// Errors (input): an unknown name, a parameter that cannot be drawn.
pub fn generate(name: &str, params: &GeneratorParams, seed: Seed) -> Result<WorkloadBuilder> {
    let Some(info) = GENERATORS.iter().find(|info| info.name == name) else {
        let names: Vec<&str> = GENERATORS.iter().map(|info| info.name).collect();
        return Err(Error::input(unknown_name("generator", name, &names)));
    };
    params.check()?;
    let mut builder = WorkloadBuilder::new();
    (info.make)(params, seed, &mut builder)?;
    Ok(builder)
}

/// `seconds` in microseconds, truncated, at most a hundred years.
fn micros(seconds: f64) -> u64 {
    (seconds.min(SECONDS_MAX) * SECOND_US as f64) as u64
}

/// What tasks of one group have in common: whether they end, and what they request.
struct Shape {
    service: bool,
    cpu: MilliCpu,
    memory: Bytes,
}

impl Shape {
    /// Draws in this order, always all: kind, CPU, memory.
    fn draw(params: &GeneratorParams, dice: &mut Stream) -> Self {
        let service = dice.unit() < params.service_share;
        let cores = match params.cpu_choices_cores.as_slice() {
            [] => dice.log_normal(params.cpu_median_cores, params.cpu_sigma),
            choices => choices[dice.below(choices.len() as u64) as usize],
        };
        // At least a milli-CPU and a MiB; CPU to the nearest milli-CPU, memory down to whole MiB.
        let milli = ((cores.min(params.cpu_max_cores) * 1_000.0).round() as i64).max(1);
        let (least, most) = (params.memory_gib_per_core_min, params.memory_gib_per_core_max);
        let gib_per_core = match params.memory_gib_per_core_choices.as_slice() {
            [] => least + (most - least) * dice.unit(),
            choices => choices[dice.below(choices.len() as u64) as usize],
        };
        let mebibytes = ((milli as f64 / 1_000.0 * gib_per_core * 1_024.0) as i64).max(1);
        Shape { service, cpu: MilliCpu(milli), memory: Bytes::mib(mebibytes) }
    }

    /// How long a job of this shape lasts, at least 1 µs; a service for ever, and nothing is drawn.
    fn lasts(&self, params: &GeneratorParams, dice: &mut Stream) -> Option<SimDuration> {
        if self.service {
            return None;
        }
        let drawn = dice.log_normal(params.duration_median_s, params.duration_sigma);
        let seconds = drawn.max(params.duration_min_s).min(params.duration_max_s.unwrap_or(SECONDS_MAX));
        Some(SimDuration(micros(seconds).max(1)))
    }

    /// A job of this shape that lasts so long.
    fn job(&self, name: String, arrival_us: u64, lasts: Option<SimDuration>) -> Job {
        match lasts {
            None => Job::service(name, SimTime(arrival_us), self.cpu, self.memory),
            Some(lasts) => Job::batch(name, SimTime(arrival_us), lasts, self.cpu, self.memory),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::{JobKind, UsageMode, Workload};

    fn made(name: &str, params: &GeneratorParams, seed: u64) -> Workload {
        generate(name, params, Seed(seed)).unwrap().finish(UsageMode::Request, Seed(seed)).unwrap()
    }

    fn told(w: &Workload, jobs: usize) -> Vec<String> {
        w.ids()
            .take(jobs)
            .map(|job| {
                format!(
                    "{} of {} at {} for {} wants {} and {} at {}",
                    w.name(job),
                    w.apps()[w.app(job).index()].name,
                    w.arrival(job),
                    w.duration(job).map_or("ever".into(), |d| d.to_string()),
                    w.cpu_request(job),
                    w.memory_request(job),
                    w.spec(job).priority
                )
            })
            .collect()
    }

    #[test]
    fn the_first_jobs_of_a_generator_do_not_move() {
        for (name, want) in [("mix", GOLDEN_MIX), ("poisson", GOLDEN_POISSON)] {
            assert_eq!(told(&made(name, &GeneratorParams::default(), 1), 3), want, "{name}");
        }
    }

    const GOLDEN_MIX: [&str; 3] = [
        "mix-0000000-000 of mix-0000000 at 10s485ms830us for 48m35s86ms515us wants 1170m and 2818Mi at 0",
        "mix-0000001-000 of mix-0000001 at 16s49ms665us for 10m8s954ms617us wants 198m and 498Mi at 0",
        "mix-0000002-000 of mix-0000002 at 38s676ms532us for 7h3m58s883ms412us wants 448m and 2272Mi at 100",
    ];
    const GOLDEN_POISSON: [&str; 3] = [
        "poisson-0000000 of poisson at 1s560ms500us for 7m9s880ms159us wants 1170m and 2818Mi at 0",
        "poisson-0000001 of poisson at 7s823ms973us for 1m8s57ms506us wants 198m and 498Mi at 0",
        "poisson-0000002 of poisson at 10s703ms299us for 44m36s601ms92us wants 448m and 2272Mi at 0",
    ];

    #[test]
    fn rows_have_their_own_names_and_say_what_they_are() {
        for (i, info) in GENERATORS.iter().enumerate() {
            assert!(!info.summary.is_empty());
            assert!(GENERATORS[..i].iter().all(|other| other.name != info.name));
        }
    }

    #[test]
    fn a_generator_makes_as_many_jobs_as_asked_and_keeps_the_first_ones() {
        for info in GENERATORS {
            let few = made(info.name, &GeneratorParams { jobs: 200, ..GeneratorParams::default() }, 7);
            let many = made(info.name, &GeneratorParams { jobs: 1_000, ..GeneratorParams::default() }, 7);
            assert_eq!((few.len(), many.len()), (200, 1_000), "{}", info.name);
            assert_eq!(told(&few, 150), told(&many, 150), "{}", info.name);
            assert_ne!(told(&few, 3), told(&made(info.name, &GeneratorParams::default(), 8), 3));
        }
    }

    #[test]
    fn rate_and_sizes_are_near_what_was_asked() {
        let params = GeneratorParams { jobs: 20_000, service_share: 0.1, ..GeneratorParams::default() };
        let w = made("poisson", &params, 3);
        // 20,000 arrivals at 0.2 a second take 100,000 s.
        let last = w.arrival(crate::ids::JobId(19_999)).as_secs_f64();
        assert!((last - 100_000.0).abs() < 3_000.0, "{last}");
        let services = w.ids().filter(|&job| w.spec(job).kind == JobKind::Service).count();
        assert!((1_850..2_150).contains(&services), "{services}");
        let mut cpu: Vec<i64> = w.ids().map(|job| w.cpu_request(job).0).collect();
        cpu.sort_unstable();
        assert!((cpu[10_000] - 500).abs() < 15, "{}", cpu[10_000]);
        assert!(cpu[19_999] <= 32_000);
        let choices = GeneratorParams { cpu_choices_cores: vec![0.25, 2.0], ..GeneratorParams::default() };
        let w = made("poisson", &choices, 3);
        assert!(w.ids().all(|job| [250, 2_000].contains(&w.cpu_request(job).0)));
    }

    #[test]
    fn choices_of_memory_bounds_of_durations_and_no_app_are_as_asked() {
        let params = GeneratorParams {
            jobs: 3_000,
            cpu_choices_cores: vec![0.5, 0.5, 0.5, 2.0],
            memory_gib_per_core_choices: vec![2.0, 6.0],
            duration_min_s: 100.0,
            duration_max_s: Some(1_000.0),
            service_share: 0.0,
            common_app: false,
            ..GeneratorParams::default()
        };
        let w = made("poisson", &params, 3);
        let count = |what: &dyn Fn(crate::ids::JobId) -> bool| w.ids().filter(|&job| what(job)).count();
        // Three of four draws; each memory for half; a third of the durations is cut at either end.
        assert!((2_150..2_350).contains(&count(&|job| w.cpu_request(job).0 == 500)));
        let per_core = |job| (w.memory_request(job).0 >> 20) * 1_000 / w.cpu_request(job).0;
        assert!((1_400..1_600).contains(&count(&|job| per_core(job) == 2_048)));
        assert_eq!(count(&|job| [2_048, 6_144].contains(&per_core(job))), 3_000);
        let lasts = |job| w.duration(job).unwrap().0;
        assert!(w.ids().all(|job| (100_000_000..=1_000_000_000).contains(&lasts(job))));
        assert!(count(&|job| lasts(job) == 100_000_000) > 700 && count(&|job| lasts(job) == 1_000_000_000) > 700);
        let apps: Vec<&str> = w.apps().iter().map(|app| app.name.as_str()).collect();
        assert_eq!((apps, w.kinds().len()), (vec![""], 4));
    }

    #[test]
    fn a_parameter_that_cannot_be_drawn_is_named() {
        let default = GeneratorParams::default;
        for (params, message) in [
            (GeneratorParams { jobs: 0, ..default() }, "jobs: 0 will not do; 1 to 50,000,000 will"),
            (
                GeneratorParams { rate_per_second: 0.0, ..default() },
                "rate_per_second: 0 will not do; above 0 and up to 1000000 will",
            ),
            (
                GeneratorParams { duration_sigma: f64::NAN, ..default() },
                "duration_sigma: NaN will not do; 0 to 10 will",
            ),
            (
                GeneratorParams { duration_median_s: f64::INFINITY, ..default() },
                "duration_median_s: inf will not do; above 0 and up to 1000000000 will",
            ),
            (GeneratorParams { service_share: 1.5, ..default() }, "service_share: 1.5 will not do; 0 to 1 will"),
            (
                GeneratorParams { memory_gib_per_core_min: 6.0, ..default() },
                "memory_gib_per_core_max: 5 will not do; 6 or more will",
            ),
            (
                GeneratorParams { duration_min_s: -1.0, ..default() },
                "duration_min_s: -1 will not do; 0 to 1000000000 will",
            ),
            (
                GeneratorParams { duration_max_s: Some(f64::NAN), ..default() },
                "duration_max_s: NaN will not do; above 0 and up to 1000000000 will",
            ),
            (
                GeneratorParams { duration_min_s: 5.0, duration_max_s: Some(4.0), ..default() },
                "duration_max_s: 4 will not do; 5 to 1000000000 will",
            ),
            (
                GeneratorParams { memory_gib_per_core_choices: vec![2.0, 101.0], ..default() },
                "memory_gib_per_core_choices: 101 will not do; 0 to 100 will",
            ),
            (
                GeneratorParams { cpu_choices_cores: vec![1.0, -1.0], ..default() },
                "cpu_choices_cores: -1 will not do; above 0 and up to 10000 will",
            ),
            (
                GeneratorParams { rate_per_second: 1e-9, ..default() },
                "rate_per_second: 0.000000001 will not do; a rate at which the last job arrives within 100 years will",
            ),
        ] {
            let error = generate("mix", &params, Seed(1)).unwrap_err();
            assert_eq!((error.to_string().as_str(), error.exit_code()), (message, 3));
        }
        let error = generate("poison", &default(), Seed(1)).unwrap_err();
        assert_eq!(error.to_string(), "unknown generator \"poison\"; did you mean \"poisson\"?");
    }
}
