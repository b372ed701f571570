//! One turn of the engine in the replay.
//!
//! Where no unit asks for anything, numbers alone decide: units of lost machines and new ones go, one by one, to the
//! machine with the fewest ([`Fleet::plain_turn`]). Otherwise, and while etcd fails, what etcd holds is kept as a
//! [`Registry`] and the turn is that of [`crate::fleet::kept`], or under `--plain` [`crate::fleet::engine::turn`] itself. All
//! give the same tasks; runs with every tick compare them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::Fleet;
use super::units::{Names, machine};
use crate::fleet::able_to_run::Able;
use crate::fleet::cluster_state::ClusterState;
use crate::fleet::engine::{Order, Plain, Steps, turn_by};
use crate::fleet::kept;
use crate::fleet::registry::Registry;
use crate::fleet::task::{Task, TaskKind};
use crate::fleet::unit::Unit;
use crate::ids::{HostId, JobId};
use crate::orchestrator::{Action, Books, Now, World};
use crate::rng::{Purpose, Stream};
use crate::units::SimTime;

/// Runs with every tick compare the two forms of a turn where there are at most so many jobs.
const COMPARED: usize = 300;

/// What etcd holds, by name, and the names.
pub(super) struct Etcd {
    pub registry: Registry,
    pub names: Names,
}

/// The engine's own steps, but the machine is picked by the run's placement among those that are able.
struct Picked<'p, 'w> {
    world: &'p World<'w>,
    books: RefCell<&'p mut Books>,
    names: &'p Names,
}

impl Steps for Picked<'_, '_> {
    fn decide<'a>(&self, state: &ClusterState<'a>, unit: &Unit) -> Option<&'a str> {
        let mut books = self.books.borrow_mut();
        for job in state.jobs() {
            let target = job.target.and_then(|target| self.world.cluster.find(target));
            rebind(&mut books, self.world, self.names.job(&job.unit.name), target);
        }
        let agents = self.agents(state);
        let able = |host: HostId| {
            let agent = agents.get(self.world.cluster.name(host));
            agent.is_some_and(|agent| !matches!(self.able_to_run(agent, unit), Able::No(_)))
        };
        let host = books.place_among(self.world, self.names.job(&unit.name), Some(&able))?;
        agents.get_key_value(self.world.cluster.name(host)).map(|(&id, _)| id)
    }
}

fn rebind(books: &mut Books, world: &World, job: JobId, host: Option<HostId>) {
    if books.host_of(job) != host {
        books.unbind(world, job);
        if let Some(host) = host {
            books.bind(world, job, host);
        }
    }
}

impl Fleet {
    /// What etcd holds, read from the books.
    pub(super) fn read_etcd(&mut self, world: &World) -> Etcd {
        let mut etcd = Etcd { registry: Registry::default(), names: Names::new(world.workload) };
        for host in world.cluster.ids().filter(|host| self.presence[host.index()].there) {
            etcd.registry.put_machine(machine(world, host));
        }
        for job in world.workload.ids().filter(|&job| self.pending.exists(job)) {
            let name = etcd.names.of(job);
            let Some(unit) = self.units.unit(world, job, name) else { continue };
            etcd.registry.put_unit(unit);
            if let Some(host) = self.books.host_of(job).filter(|_| self.units.home(job).is_none()) {
                etcd.registry.schedule(name, world.cluster.name(host));
            }
        }
        etcd
    }

    /// One turn, which takes no time.
    pub(super) fn turn(&mut self, now: Now, world: &World, actions: &mut Vec<Action>) {
        self.turn_begins(now);
        self.store.unsure = false;
        let lost = self.presence_runs_out(now, world, actions);
        let wrote = if self.etcd.is_some() {
            self.turn_by_name(now, world, actions)
        } else {
            self.plain_turn(now, world, &lost, actions)
        };
        if wrote {
            self.written(now, actions);
        }
        self.ask_next(now, world, actions);
    }

    /// What the next turn is wanted for.
    pub(super) fn ask_next(&mut self, now: Now, world: &World, actions: &mut Vec<Action>) {
        if let Some(next) = self.next_expiry(world) {
            self.ask_turn(now, next, actions);
        }
        if world.every_tick {
            self.ask_turn(now, now.at, actions);
        }
    }

    /// Units of lost machines go, then all that are nowhere come, each to the machine with the fewest.
    fn plain_turn(&mut self, now: Now, world: &World, lost: &[HostId], actions: &mut Vec<Action>) -> bool {
        let compared = world.every_tick && world.workload.len() <= COMPARED && self.least(world);
        let before = compared.then(|| self.read_etcd(world));
        let mut wrote = false;
        for &host in lost {
            for job in self.engines_on(host) {
                actions.push(Action::GiveUp { job, host, evicted: false });
                actions.push(Action::Cancel(job));
                self.books.unbind(world, job);
                self.pending.waits(job);
                wrote = true;
            }
        }
        // What found no machine finds none until something is taken back or a machine comes.
        let (gains, vain) = (self.books.bookings.gains(), !world.plain && self.books.all_closed(world));
        let tried = !world.plain && gains == self.pending.gains;
        if before.is_none() && (vain || tried && !self.pending.has_untried()) {
            return wrote;
        }
        self.pending.gains = gains;
        let mut pending = self.pending.take(world);
        if self.settings.shuffled {
            shuffle(&mut pending, &mut world.seed.stream(Purpose::Visit, now.at.0));
        }
        let order = before.as_ref().map(|_| pending.iter().map(|waiting| waiting.job).collect::<Vec<JobId>>());
        pending.retain_mut(|waiting| {
            if tried && waiting.tried {
                return true;
            }
            let job = waiting.job;
            let Some(host) = self.books.place(world, job) else {
                waiting.tried = true;
                return true;
            };
            self.pending.held(job);
            actions.extend(self.books.placed(job, host));
            self.start_soon(now, world, job, host, actions);
            wrote = true;
            false
        });
        self.pending.hand_back(pending);
        if let (Some(etcd), Some(order)) = (before, order) {
            self.compare(world, etcd, &order);
        }
        wrote
    }

    /// Asserts that the library's turn ends as ours did.
    fn compare(&self, world: &World, etcd: Etcd, order: &[JobId]) {
        let listed: Vec<&str> = order.iter().map(|&job| etcd.names.of(job)).collect();
        let mut state = ClusterState::new(&etcd.registry, self.settings.version.rules());
        turn_by(&Plain, &mut state, Order::Listed { unscheduling: &[], scheduling: &listed });
        for job in state.jobs() {
            let ours = self.books.host_of(etcd.names.job(&job.unit.name)).map(|host| world.cluster.name(host));
            assert_eq!(ours, job.target, "unit {} by numbers and by fleet's engine", job.unit.name);
        }
    }

    /// The library's turn on what etcd holds.
    fn turn_by_name(&mut self, now: Now, world: &World, actions: &mut Vec<Action>) -> bool {
        let tasks = self.tasks(now.at, world, &BTreeSet::new());
        let wrote = !tasks.is_empty();
        self.apply(now, world, &tasks, actions);
        if wrote {
            // What was decided may let the next turn decide more: peers, for one.
            self.ask_turn(now, now.at, actions);
        }
        wrote
    }

    /// What a turn at `at` wants done if it does not see the units `missing`.
    pub(super) fn tasks(&mut self, at: SimTime, world: &World, missing: &BTreeSet<String>) -> Vec<Task> {
        let Some(etcd) = self.etcd.take() else { return Vec::new() };
        let mut state = ClusterState::without(&etcd.registry, self.settings.version.rules(), missing);
        let mut lists = [Vec::new(), Vec::new()];
        if self.settings.shuffled {
            let mut stream = world.seed.stream(Purpose::Visit, at.0);
            for list in &mut lists {
                list.extend(state.jobs().map(|job| job.unit.name.as_str()));
                shuffle(list, &mut stream);
            }
        }
        let order = Order::Listed { unscheduling: &lists[0], scheduling: &lists[1] };
        let turn = if self.least(world) && world.plain {
            turn_by(&Plain, &mut state, order)
        } else if self.least(world) {
            kept::turn(&mut state, order).0
        } else {
            let steps = Picked { world, books: RefCell::new(&mut self.books), names: &etcd.names };
            turn_by(&steps, &mut state, order)
        };
        drop(state);
        if !self.least(world) {
            for unit in etcd.registry.units().filter(|unit| !unit.requirements.global) {
                let target = etcd.registry.target(&unit.name).and_then(|machine| world.cluster.find(machine));
                rebind(&mut self.books, world, etcd.names.job(&unit.name), target);
            }
        }
        self.etcd = Some(etcd);
        turn.tasks
    }

    /// Whether the run's placement is fleet's own.
    fn least(&self, world: &World) -> bool {
        world.options.placement == super::INFO.placement
            && world.options.tie_break == crate::orchestrator::TieBreak::First
    }

    /// The tasks are written, and agents hear of what they come to.
    pub(super) fn apply(&mut self, now: Now, world: &World, tasks: &[Task], actions: &mut Vec<Action>) {
        let Some(mut etcd) = self.etcd.take() else { return };
        let mut before: BTreeMap<JobId, Option<HostId>> = BTreeMap::new();
        for task in tasks {
            let (job, host) = (etcd.names.job(&task.unit), world.cluster.find(&task.machine));
            let known = etcd.registry.unit(&task.unit).is_some();
            if !known || !etcd.registry.apply(task) {
                continue;
            }
            before.entry(job).or_insert(self.books.host_of(job));
            match (task.kind, host) {
                (TaskKind::UnscheduleUnit, _) => rebind(&mut self.books, world, job, None),
                (TaskKind::AttemptScheduleUnit, Some(host)) => {
                    rebind(&mut self.books, world, job, Some(host));
                    actions.extend(self.books.placed(job, host));
                }
                (TaskKind::AttemptScheduleUnit, None) => {}
            }
        }
        for (job, old) in before {
            let new = self.books.host_of(job);
            match new {
                None => self.pending.waits(job),
                Some(_) => self.pending.held(job),
            }
            if new == old {
                continue;
            }
            if let Some(old) = old {
                self.leave(now, world, job, old, actions);
            }
            if let Some(new) = new {
                self.start_soon(now, world, job, new, actions);
            }
        }
        self.etcd = Some(etcd);
        self.see_globals(now, world, actions);
    }

    /// From 1.0.0 on a global unit stays off a machine that holds a unit it conflicts with, and its agent heeds that.
    pub(super) fn see_globals(&mut self, now: Now, world: &World, actions: &mut Vec<Action>) {
        if !self.units.globals_ask || !self.settings.version.rules().globals_heed_conflicts {
            return;
        }
        let Some(etcd) = self.etcd.take() else { return };
        let kept_off = self.kept_off.len();
        let mut changed = false;
        let agents = ClusterState::new(&etcd.registry, self.settings.version.rules()).agents();
        let globals: Vec<_> = self.units.globals().filter(|&(job, _)| self.pending.exists(job)).collect();
        for (job, home) in globals {
            let Some(host) = home else { continue };
            let Some(agent) = agents.get(world.cluster.name(host)) else { continue };
            if agent.units.contains_key(etcd.names.of(job)) {
                if self.kept_off.remove(&job) {
                    changed = true;
                    rebind(&mut self.books, world, job, Some(host));
                    self.start_soon(now, world, job, host, actions);
                }
            } else if self.kept_off.insert(job) {
                rebind(&mut self.books, world, job, None);
                self.leave(now, world, job, host, actions);
            }
        }
        drop(agents);
        self.etcd = Some(etcd);
        // Other placements than fleet's own look at the room that is left.
        if changed || self.kept_off.len() != kept_off {
            self.ask_turn(now, now.at, actions);
        }
    }

    /// The jobs on `host` that the engine put there.
    pub(super) fn engines_on(&self, host: HostId) -> Vec<JobId> {
        let mut jobs = self.books.on(host);
        jobs.retain(|&job| self.units.home(job).is_none());
        jobs
    }
}

/// Fisher and Yates, from the end.
fn shuffle<T>(items: &mut [T], stream: &mut Stream) {
    for last in (1..items.len()).rev() {
        items.swap(last, stream.below(last as u64 + 1) as usize);
    }
}
