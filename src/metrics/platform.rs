//! The platform: what visitors met, who was stuck for want of what, and how long changes took to arrive.
//!
//! Absent from runs whose setup has no platform. Requests are counted as rate × share × time; a share is what discovery says
//! visitors of an app meet at that moment.

use std::collections::{BTreeMap, BTreeSet};

use super::{Family, FamilyInfo, Integral, MetricInfo, Value, row, seconds, share};
use crate::discovery::component::component;
use crate::discovery::platform::Role;
use crate::discovery::{Reach, Stage};
use crate::ids::{AppId, HostId, JobId};
use crate::orchestrator::Options;
use crate::sim::{Change, Kind, Kinds, Observer, Setup};
use crate::units::SimTime;

pub(super) const INFO: FamilyInfo =
    FamilyInfo { rows: ROWS, build: |setup, _: &Options| Box::new(PlatformWatch::new(setup)) };

const ROWS: &[MetricInfo] = &[
    row("requests_failed_share", "failed over all requests from outside"),
    row("requests_502", "requests that were sent where nothing listens"),
    row("requests_503", "requests for which there was nobody to send them to, or no router to take them"),
    row("requests_504", "requests that were sent where nothing answers"),
    row("platform_availability", "share of time in which the platform was not down"),
    row("platform_down_seconds", "time in which more than half of all requests failed, or no router served"),
    row("deploys_down_seconds", "time in which no new version of an app could be deployed"),
    row("stuck_no_store_seconds", "time that components waited for the store, summed over containers"),
    row("stuck_no_config_seconds", "time that components waited for configuration, summed over containers"),
    row("stuck_no_peer_seconds", "time that components waited for a peer to start, summed over containers"),
    row("stuck_lost_peer_seconds", "time that components ran and looked for a peer where it was not, summed likewise"),
    row("unreachable_running_seconds", "time that containers of apps served and nobody was sent there, summed"),
    row("dead_listed_seconds", "time that addresses were in use behind which nothing served, summed"),
    row("ran_twice_seconds", "time that jobs had two live attempts or more, summed over jobs"),
    row(
        "config_propagation_seconds_mean",
        "from a change of configuration until the last container had it, mean of changes",
    ),
    row(
        "config_propagation_seconds_max",
        "the same of the change that took longest; at least the rest of the run if nobody took it up",
    ),
    row("app_failing_seconds_max", "longest time for which some requests of an app failed in a row"),
    row("dead_listed_seconds_max", "longest time for which an app had an address in use behind which nothing served"),
];

/// An app's figures: what its visitors met, and as a component how long its containers were in each stage.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct AppReach {
    /// Requests from outside; of them refused (502), for nobody (503), timed out (504).
    pub requests: [f64; 4],
    /// Container-seconds: ready, of those unlisted, and of dead addresses in use.
    pub containers: [f64; 3],
    /// Container-seconds in each stage, by [`Stage::ALL`].
    pub stages: [f64; 7],
    /// Longest time in a row with failing requests, and with a dead address in use, seconds.
    pub longest: [f64; 2],
}

/// A condition, since when it holds, and the longest that it held so far, microseconds.
#[derive(Clone, Copy, Default)]
struct Streak {
    since: Option<u64>,
    longest: u64,
}

impl Streak {
    fn set(&mut self, at: u64, on: bool) {
        if let Some(since) = self.since {
            self.longest = self.longest.max(at - since);
        }
        self.since = if on { self.since.or(Some(at)) } else { None };
    }

    /// What came before `at` no longer counts.
    fn reset(&mut self, at: u64) {
        self.longest = 0;
        self.since = self.since.map(|_| at);
    }
}

#[derive(Clone, Copy, Default)]
struct AppNow {
    reach: Option<Reach>,
    /// Shares: answered, refused, nobody, time-out.
    shares: [Integral; 4],
    containers: [Integral; 3],
    stages: [Integral; 7],
    failing: Streak,
    dead: Streak,
}

impl AppNow {
    fn integrals(&mut self) -> impl Iterator<Item = &mut Integral> {
        self.shares.iter_mut().chain(&mut self.containers).chain(&mut self.stages)
    }
}

/// Watches a platform.
pub struct PlatformWatch<'a> {
    setup: &'a Setup,
    apps: Vec<AppNow>,
    stages: BTreeMap<(JobId, HostId), Stage>,
    /// Routers that are ready, and whether the workload has any.
    routers: u32,
    has_routers: bool,
    router: Option<u8>,
    down: Integral,
    deploys_down: Integral,
    time: Integral,
    live: BTreeSet<(JobId, u32)>,
    twice: Integral,
    configured: Vec<Option<SimTime>>,
}

impl<'a> PlatformWatch<'a> {
    /// Nothing seen yet.
    pub fn new(setup: &'a Setup) -> Self {
        let apps = setup.workload.apps().len();
        let router = component("router").map(|(place, _)| place);
        let role = |app| setup.platform.as_ref().map(|platform| platform.role(AppId::from_index(app)));
        let has_routers =
            (0..apps).any(|app| matches!(role(app), Some(Role::Component(place)) if Some(place) == router));
        let changes = setup.platform.as_ref().map_or(0, |platform| platform.changes.len());
        PlatformWatch {
            setup,
            apps: vec![AppNow::default(); apps],
            stages: BTreeMap::new(),
            routers: 0,
            has_routers,
            router,
            down: Integral::default(),
            deploys_down: Integral::default(),
            time: Integral { rate: 1, ..Integral::default() },
            live: BTreeSet::new(),
            twice: Integral::default(),
            configured: vec![None; changes],
        }
    }

    fn rate(&self, app: usize) -> u128 {
        let platform = self.setup.platform.as_ref();
        platform.and_then(|platform| platform.requests_milli.get(app)).map_or(0, |&rate| rate.into())
    }

    fn is_router(&self, app: AppId) -> bool {
        let role = self.setup.platform.as_ref().map(|platform| platform.role(app));
        matches!(role, Some(Role::Component(place)) if Some(place) == self.router)
    }

    /// Whether the platform is down may have changed.
    fn look(&mut self, at: u64) {
        let known = self.apps.iter().enumerate().filter_map(|(i, app)| Some((self.rate(i), app.reach?)));
        let (all, ok) =
            known.fold((0, 0), |(all, ok), (rate, reach)| (all + rate * 1_000_000, ok + rate * u128::from(reach.ok)));
        let down = all > 0 && ok * 2 < all || self.has_routers && self.routers == 0;
        self.down.set(at, down.into());
    }

    /// An attempt ended; one that failed as it started was never live.
    fn ended(&mut self, at: u64, job: JobId, attempt: u32) {
        if self.live.remove(&(job, attempt)) && self.live_attempts(job) == 1 {
            self.twice.replace(at, 1, 0);
        }
    }

    fn live_attempts(&self, job: JobId) -> usize {
        self.live.range((job, 0)..=(job, u32::MAX)).count()
    }

    /// Figures of all apps, in order of names; empty where the setup has no platform.
    pub fn apps(&self) -> Vec<AppReach> {
        if self.setup.platform.is_none() {
            return Vec::new();
        }
        let seconds = |sum: u128| sum as f64 / 1e6;
        let of = |(i, app): (usize, &AppNow)| {
            let rate = self.rate(i);
            // Thousandths of a request, millionths of them, microseconds.
            let requests = |sum: u128| (rate * sum) as f64 / 1e15;
            let all = app.shares.iter().map(|share| share.sum).sum();
            let [_, refused, nobody, timeout] = app.shares.map(|share| requests(share.sum));
            AppReach {
                requests: [requests(all), refused, nobody, timeout],
                containers: app.containers.map(|c| seconds(c.sum)),
                stages: app.stages.map(|stage| seconds(stage.sum)),
                longest: [app.failing, app.dead].map(|streak| seconds(streak.longest.into())),
            }
        };
        self.apps.iter().enumerate().map(of).collect()
    }
}

impl Observer for PlatformWatch<'_> {
    fn wants(&self) -> Kinds {
        const WANTED: Kinds = Kinds::of(&[
            Kind::Reach,
            Kind::Stage,
            Kind::Deploys,
            Kind::Configured,
            Kind::Started,
            Kind::Ended,
            Kind::WindowBegins,
        ]);
        if self.setup.platform.is_some() { WANTED } else { Kinds::NONE }
    }

    fn change(&mut self, at: SimTime, change: &Change) {
        if self.setup.platform.is_none() {
            return;
        }
        let at = at.0;
        match *change {
            Change::Reach { app, reach } => {
                let asked = self.rate(app.index()) > 0;
                let now = &mut self.apps[app.index()];
                now.reach = Some(reach);
                let shares = [reach.ok, reach.refused, reach.nobody, reach.timeout];
                let containers = [reach.ready, reach.unlisted, reach.dead_listed];
                now.shares.iter_mut().zip(shares).for_each(|(sum, share)| sum.set(at, share.into()));
                now.containers.iter_mut().zip(containers).for_each(|(sum, n)| sum.set(at, n.into()));
                now.failing.set(at, asked && reach.ok < 1_000_000);
                now.dead.set(at, reach.dead_listed > 0);
                self.look(at);
            }
            Change::Stage { job, host, stage } => {
                let app = self.setup.workload.app(job);
                let old = self.stages.insert((job, host), stage).unwrap_or_default();
                let now = &mut self.apps[app.index()];
                if old != Stage::Down {
                    now.stages[old as usize].replace(at, 1, 0);
                }
                if stage != Stage::Down {
                    now.stages[stage as usize].replace(at, 0, 1);
                }
                if self.is_router(app) {
                    self.routers += u32::from(stage == Stage::Ready);
                    self.routers -= u32::from(old == Stage::Ready);
                    self.look(at);
                }
            }
            Change::Deploys { possible } => self.deploys_down.set(at, (!possible).into()),
            Change::Configured { number, .. } => self.configured[number as usize] = Some(SimTime(at)),
            Change::Started { job, attempt, .. } => {
                self.live.insert((job, attempt));
                if self.live_attempts(job) == 2 {
                    self.twice.replace(at, 0, 1);
                }
            }
            Change::Ended { job, attempt, .. } => self.ended(at, job, attempt),
            Change::WindowBegins => {
                for app in &mut self.apps {
                    app.integrals().for_each(|integral| integral.reset(at));
                    app.failing.reset(at);
                    app.dead.reset(at);
                }
                for integral in [&mut self.down, &mut self.deploys_down, &mut self.time, &mut self.twice] {
                    integral.reset(at);
                }
                if at == 0 {
                    self.look(at);
                }
            }
            _ => {}
        }
    }

    fn finish(&mut self, end: SimTime) {
        for app in &mut self.apps {
            app.integrals().for_each(|integral| integral.advance(end.0));
            app.failing.set(end.0, true);
            app.dead.set(end.0, true);
        }
        for integral in [&mut self.down, &mut self.deploys_down, &mut self.time, &mut self.twice] {
            integral.advance(end.0);
        }
    }
}

impl Family for PlatformWatch<'_> {
    fn reach(&self) -> Option<Vec<AppReach>> {
        Some(self.apps())
    }

    fn values(&self) -> Vec<Value> {
        let Some(platform) = &self.setup.platform else { return Vec::new() };
        let apps = self.apps();
        let sum = |of: fn(&AppReach) -> f64| apps.iter().map(of).sum::<f64>();
        let most = |of: fn(&AppReach) -> f64| Value::Amount(apps.iter().map(of).fold(0.0, f64::max));
        let [all, refused, nobody, timeout] =
            [sum(|a| a.requests[0]), sum(|a| a.requests[1]), sum(|a| a.requests[2]), sum(|a| a.requests[3])];
        let failed = if all > 0.0 { Value::Amount((refused + nobody + timeout) / all) } else { Value::Undefined };
        let stage = |stage: Stage| {
            let us = self.apps.iter().map(|app| app.stages[stage as usize].sum).sum();
            seconds(us)
        };
        let took: Vec<f64> = platform
            .changes
            .iter()
            .zip(&self.configured)
            .filter_map(|(change, done)| Some((*done)?.since(change.at).as_secs_f64()))
            .collect();
        let mean = if took.is_empty() {
            Value::Undefined
        } else {
            Value::Amount(took.iter().sum::<f64>() / took.len() as f64)
        };
        let longest = took.iter().copied().reduce(f64::max);
        // A change that no container had taken up by the end takes at least until then.
        let open = platform.changes.iter().zip(&self.configured).filter(|(_, done)| done.is_none());
        let waited = open.map(|(change, _)| self.setup.end.since(change.at.min(self.setup.end)).as_secs_f64());
        let longest = match waited.reduce(f64::max) {
            Some(waited) => Value::AtLeast(waited.max(longest.unwrap_or(0.0))),
            None => longest.map_or(Value::Undefined, Value::Amount),
        };
        vec![
            failed,
            Value::Amount(refused),
            Value::Amount(nobody),
            Value::Amount(timeout),
            share(self.time.sum - self.down.sum, self.time.sum),
            seconds(self.down.sum),
            seconds(self.deploys_down.sum),
            stage(Stage::NoStore),
            stage(Stage::NoConfig),
            stage(Stage::NoPeer),
            stage(Stage::LostPeer),
            Value::Amount(sum(|a| a.containers[1])),
            Value::Amount(sum(|a| a.containers[2])),
            seconds(self.twice.sum),
            mean,
            longest,
            most(|a| a.longest[0]),
            most(|a| a.longest[1]),
        ]
    }
}
