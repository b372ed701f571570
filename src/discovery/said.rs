//! What a discovery has said, so that it says only what changes; and the arithmetic of what visitors meet.

use std::collections::{BTreeMap, BTreeSet};

use super::component::{COMPONENTS, component};
use super::ground::{Answer, Ground};
use super::platform::Role;
use super::{Act, Reach, Stage, World};
use crate::ids::{AppId, HostId, JobId};

const ALL: u32 = 1_000_000;

/// All visitors find nobody.
pub(super) const NOBODY: Reach =
    Reach { ok: 0, refused: 0, nobody: ALL, timeout: 0, ready: 0, unlisted: 0, dead_listed: 0 };
/// All are answered.
pub(super) const ANSWERED: Reach = Reach { ok: ALL, nobody: 0, ..NOBODY };

/// How many addresses answer how.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Behind {
    pub serves: u32,
    pub refused: u32,
    pub silent: u32,
}

impl Behind {
    pub(super) fn count(answers: impl Iterator<Item = Answer>) -> Behind {
        answers.fold(Behind::default(), |mut behind, answer| {
            *match answer {
                Answer::Serves => &mut behind.serves,
                Answer::Refused => &mut behind.refused,
                Answer::Silent => &mut behind.silent,
            } += 1;
            behind
        })
    }

    /// Each connection goes to one of them, all alike, and there it stays.
    pub(super) fn one_try(self) -> Reach {
        let all = self.serves + self.refused + self.silent;
        if all == 0 {
            return NOBODY;
        }
        let share = |n: u32| (u64::from(n) * u64::from(ALL) / u64::from(all)) as u32;
        let (refused, timeout) = (share(self.refused), share(self.silent));
        Reach { ok: ALL - refused - timeout, refused, nobody: 0, timeout, ..NOBODY }
    }

    /// One that refuses sends the connection on to the next (nginx); one that is silent keeps it until the visitor gives up.
    pub(super) fn next_if_refused(self) -> Reach {
        let open = Behind { refused: 0, ..self };
        if open.serves + open.silent == 0 && self.refused > 0 { self.one_try() } else { open.one_try() }
    }
}

/// The mean over routers; none: nobody takes requests.
pub(super) fn mean(routers: &[Reach]) -> Reach {
    let n = routers.len() as u64;
    if n == 0 {
        return NOBODY;
    }
    let share = |of: fn(&Reach) -> u32| (routers.iter().map(|r| u64::from(of(r))).sum::<u64>() / n) as u32;
    let (refused, nobody, timeout) = (share(|r| r.refused), share(|r| r.nobody), share(|r| r.timeout));
    Reach { ok: ALL - refused - nobody - timeout, refused, nobody, timeout, ..NOBODY }
}

/// Who gets through `own` is answered only if its call gets through `call`, and else meets what the call met.
fn through(own: Reach, call: Reach) -> Reach {
    let share = |x: u32| (u64::from(own.ok) * u64::from(x) / u64::from(ALL)) as u32;
    let (refused, nobody, timeout) = (share(call.refused), share(call.nobody), share(call.timeout));
    Reach {
        ok: own.ok - refused - nobody - timeout,
        refused: own.refused + refused,
        nobody: own.nobody + nobody,
        timeout: own.timeout + timeout,
        ..own
    }
}

/// What was said last.
pub(super) struct Said {
    stages: BTreeMap<(JobId, HostId), Stage>,
    reaches: Vec<Option<Reach>>,
    deploys: Option<bool>,
    /// Apps whose visitors may meet something else than was said.
    touched: BTreeSet<AppId>,
    callers: Vec<Vec<AppId>>,
    /// Whether anybody asks for the app: apps of users, and components that get requests or calls.
    asked_for: Vec<bool>,
}

impl Said {
    pub(super) fn new(world: &World) -> Said {
        let platform = world.platform;
        let apps = world.workload.apps().len();
        let mut callers = vec![Vec::new(); apps];
        for (from, called) in platform.calls.iter().enumerate() {
            called.iter().for_each(|to| callers[to.index()].push(AppId::from_index(from)));
        }
        let asked_for = (0..apps).map(|app| {
            let component = matches!(platform.role(AppId::from_index(app)), Role::Component(_));
            !component || !callers[app].is_empty() || platform.requests_milli.get(app).is_some_and(|&rate| rate > 0)
        });
        let asked_for = asked_for.collect();
        Said {
            stages: BTreeMap::new(),
            reaches: vec![None; apps],
            deploys: None,
            touched: (0..apps).map(AppId::from_index).collect(),
            callers,
            asked_for,
        }
    }

    /// In whose place what was said is worked on.
    pub(super) fn nothing() -> Said {
        Said {
            stages: BTreeMap::new(),
            reaches: Vec::new(),
            deploys: None,
            touched: BTreeSet::new(),
            callers: Vec::new(),
            asked_for: Vec::new(),
        }
    }

    /// Whether apps can be deployed, as last said.
    pub(super) fn can_deploy(&self) -> bool {
        self.deploys == Some(true)
    }

    pub(super) fn stage(&mut self, job: JobId, host: HostId, stage: Stage, acts: &mut Vec<Act>) {
        let old = match stage {
            Stage::Down => self.stages.remove(&(job, host)),
            _ => self.stages.insert((job, host), stage),
        };
        if old.unwrap_or_default() != stage {
            acts.push(Act::Stage(job, host, stage));
        }
    }

    /// The stage of a container, as last said.
    pub(super) fn stage_of(&self, job: JobId, host: HostId) -> Stage {
        self.stages.get(&(job, host)).copied().unwrap_or_default()
    }

    /// Visitors of `app`, and of apps that call it, may meet something else now.
    pub(super) fn touch(&mut self, app: AppId) {
        let mut left = vec![app];
        while let Some(app) = left.pop() {
            if self.touched.insert(app) {
                left.extend(&self.callers[app.index()]);
            }
        }
    }

    pub(super) fn touch_all(&mut self) {
        self.touched = (0..self.reaches.len()).map(AppId::from_index).collect();
    }

    /// Says what visitors of touched apps meet where that changed: `outside` is what those from outside meet of an app
    /// itself, `inside` what apps that call it do.
    pub(super) fn reaches(
        &mut self,
        world: &World,
        outside: impl Fn(AppId) -> Reach,
        inside: impl Fn(AppId) -> Reach,
        acts: &mut Vec<Act>,
    ) {
        for app in std::mem::take(&mut self.touched) {
            if !self.asked_for[app.index()] {
                continue;
            }
            let mut reach = outside(app);
            let mut seen = BTreeSet::from([app]);
            let calls = |app: AppId| world.platform.calls.get(app.index()).into_iter().flatten().copied();
            let mut left: Vec<AppId> = calls(app).collect();
            left.reverse();
            // A call within a call counts as one of the first.
            while let Some(called) = left.pop() {
                if seen.insert(called) {
                    reach = through(reach, inside(called));
                    let further: Vec<AppId> = calls(called).collect();
                    left.extend(further.into_iter().rev());
                }
            }
            if self.reaches[app.index()] != Some(reach) {
                self.reaches[app.index()] = Some(reach);
                acts.push(Act::Reach(app, reach));
            }
        }
    }

    /// Says whether apps can be deployed: all components that take part in that, as far as the workload has them, are
    /// ready somewhere, and `else_possible`.
    pub(super) fn deploys(&mut self, ground: &Ground, else_possible: bool, acts: &mut Vec<Act>) {
        let ready = |name: &&str| {
            let (index, _) = component(name).expect("a component of the table");
            !ground.plays(index)
                || ground
                    .of_component(index)
                    .any(|(job, host)| self.stage_of(job, host) == Stage::Ready && ground.hosts[host.index()].answers())
        };
        let possible = else_possible && DEPLOY.iter().all(ready);
        if self.deploys != Some(possible) {
            self.deploys = Some(possible);
            acts.push(Act::Deploys(possible));
        }
    }
}

/// The components that a deploy goes through: `git push` by way of a router to the builder, an image to the registry and
/// the store behind it, a release in the controller and its database.
const DEPLOY: &[&str] = &["router", "controller", "database", "registry", "builder", "store-gateway"];

/// The places in the table of the components that `component` needs and the workload has.
pub(super) fn needed(component: u8, ground: &Ground) -> Vec<u8> {
    let needs = COMPONENTS[component as usize].needs.iter();
    let places = needs.map(|name| super::component::component(name).expect("a component of the table").0);
    places.filter(|&place| ground.plays(place)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_and_a_refusal_is_not_the_end_where_somebody_else_is_there() {
        let behind = Behind { serves: 1, refused: 1, silent: 1 };
        let one = behind.one_try();
        assert_eq!((one.ok, one.refused, one.timeout), (333_334, 333_333, 333_333));
        let next = behind.next_if_refused();
        assert_eq!((next.ok, next.refused, next.timeout), (500_000, 0, 500_000));
        let dead = Behind { serves: 0, refused: 2, silent: 0 }.next_if_refused();
        assert_eq!((dead.ok, dead.refused), (0, ALL));
        assert_eq!(Behind::default().next_if_refused(), NOBODY);
        // Of two routers one knows nobody: half of all.
        let both = mean(&[ANSWERED, NOBODY]);
        assert_eq!((both.ok, both.nobody), (500_000, 500_000));
        assert_eq!(mean(&[]), NOBODY);
        // Half get in, of these half are answered.
        let called = through(both, Reach { ok: 500_000, timeout: 500_000, ..Reach::default() });
        assert_eq!((called.ok, called.nobody, called.timeout), (250_000, 500_000, 250_000));
    }
}
