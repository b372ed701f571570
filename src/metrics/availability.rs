//! Availability of apps: live time over time in the system, summed over the app's service jobs.

use super::{Family, FamilyInfo, MetricInfo, Value, row};
use crate::ids::{AppId, Bits};
use crate::orchestrator::Options;
use crate::sim::{Change, EndReason, Kind, Kinds, Observer, Setup, Waiting};
use crate::units::SimTime;
use crate::workload::JobKind;

pub(super) const INFO: FamilyInfo =
    FamilyInfo { rows: ROWS, build: |setup, _: &Options| Box::new(Availability::new(setup)) };

const ROWS: &[MetricInfo] = &[
    row("availability_mean", "live time over time in the system of all service jobs"),
    row("availability_worst_app", "the same of the app that fared worst"),
];

/// One app's figures.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct AppShare {
    /// Jobs that entered the system.
    pub jobs: u64,
    /// Kills, evictions and losses of its attempts.
    pub attempts_lost: u64,
    /// Time in the system, service jobs, summed over jobs, microseconds.
    pub inside_us: u128,
    /// Of that, time without a live attempt.
    pub waiting_us: u128,
}

/// Watches apps.
pub struct Availability<'a> {
    setup: &'a Setup,
    apps: Vec<AppShare>,
    /// Service jobs in the system now, and those without a live attempt, per app, and since when that is so.
    now: Vec<(u64, u64, u64)>,
    /// Service jobs without a live attempt.
    waiting: Bits,
}

impl<'a> Availability<'a> {
    /// Nothing seen yet.
    pub fn new(setup: &'a Setup) -> Self {
        let apps = setup.workload.apps().len();
        Availability {
            setup,
            apps: vec![AppShare::default(); apps],
            now: vec![(0, 0, 0); apps],
            waiting: Bits::default(),
        }
    }

    fn advance(&mut self, app: AppId, at: u64) {
        let (inside, waiting, since) = &mut self.now[app.index()];
        let dt = u128::from(at - *since);
        *since = at;
        self.apps[app.index()].inside_us += dt * u128::from(*inside);
        self.apps[app.index()].waiting_us += dt * u128::from(*waiting);
    }
}

impl Observer for Availability<'_> {
    fn wants(&self) -> Kinds {
        const WANTED: Kinds = Kinds::of(&[
            Kind::Arrived,
            Kind::Removed,
            Kind::GaveUp,
            Kind::Finished,
            Kind::Waits,
            Kind::Ended,
            Kind::Repeats,
            Kind::WindowBegins,
        ]);
        WANTED
    }

    fn change(&mut self, at: SimTime, change: &Change) {
        let w = &self.setup.workload;
        let service = |job| w.spec(job).kind == JobKind::Service;
        match *change {
            Change::Arrived { job } => {
                let app = w.app(job);
                self.apps[app.index()].jobs += 1;
                if service(job) {
                    self.advance(app, at.0);
                    self.now[app.index()].0 += 1;
                }
            }
            Change::Removed { job } | Change::GaveUp { job } | Change::Finished { job } if service(job) => {
                let app = w.app(job);
                self.advance(app, at.0);
                self.now[app.index()].0 -= 1;
            }
            Change::Waits { job, why, .. } if service(job) => {
                let waits = why != Waiting::No;
                let waited = if waits { self.waiting.set(job) } else { self.waiting.clear(job) };
                if waited != waits {
                    let app = w.app(job);
                    self.advance(app, at.0);
                    let waiting = &mut self.now[app.index()].1;
                    *waiting = if waits { *waiting + 1 } else { *waiting - 1 };
                }
            }
            Change::Ended { job, why, .. } => {
                let lost = why.is_oom()
                    || why.is_eviction()
                    || matches!(why, EndReason::HostDown | EndReason::HostLeft | EndReason::DaemonDied);
                self.apps[w.app(job).index()].attempts_lost += u64::from(lost);
            }
            Change::Repeats { job, why, times, .. } if why.is_oom() => {
                self.apps[w.app(job).index()].attempts_lost += times;
            }
            Change::WindowBegins => {
                for app in 0..self.apps.len() {
                    self.advance(AppId::from_index(app), at.0);
                    let jobs = self.apps[app].jobs;
                    self.apps[app] = AppShare { jobs, ..AppShare::default() };
                }
            }
            _ => {}
        }
    }

    fn finish(&mut self, end: SimTime) {
        for app in 0..self.apps.len() {
            self.advance(AppId::from_index(app), end.0);
        }
    }
}

impl AppShare {
    /// Live time over time in the system; `None` without service time.
    pub fn availability(&self) -> Option<f64> {
        (self.inside_us > 0).then(|| (self.inside_us - self.waiting_us) as f64 / self.inside_us as f64)
    }
}

impl Family for Availability<'_> {
    fn apps(&self) -> Option<&[AppShare]> {
        Some(&self.apps)
    }

    fn values(&self) -> Vec<Value> {
        let all = self.apps.iter().fold(AppShare::default(), |sum, app| AppShare {
            inside_us: sum.inside_us + app.inside_us,
            waiting_us: sum.waiting_us + app.waiting_us,
            ..sum
        });
        let value = |x: Option<f64>| x.map_or(Value::Undefined, Value::Amount);
        let worst = self.apps.iter().filter_map(AppShare::availability).min_by(f64::total_cmp);
        vec![value(all.availability()), value(worst)]
    }
}
