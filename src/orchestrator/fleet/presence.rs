//! Who is there and who leads: presence keys of machines, and the lease of the engine's leader.
//!
//! Every machine runs an engine; the one that holds the lease acts. It renews the lease in each turn; when it falls
//! silent the lease runs out five turns after its last one, and the machine that polls first from then on takes it.
//! Machines poll as often as turns come, each at a phase of its own (drawn: their timers are nobody's business). At
//! first the lowest that is up leads; a machine that starts while nobody does leads at once. A machine that is taken
//! out gives lease and presence back.

use super::{Fleet, LEASE, TURN};
use crate::ids::HostId;
use crate::orchestrator::{Action, Now, Periodic, World};
use crate::rng::Purpose;
use crate::units::{SimDuration, SimTime};

/// What etcd says of a machine, and what is on the way.
#[derive(Clone, Debug, Default)]
pub(super) struct Presence {
    /// Whether its key is there, as the engine last saw it.
    pub there: bool,
    /// Whether the machine runs and reaches others.
    pub heard: bool,
    /// When its key runs out, if nothing refreshes it any more.
    pub expires: Option<SimTime>,
    /// Whether it was declared lost.
    pub lost: bool,
    /// Since when it is heard.
    pub since: SimTime,
    /// What its heartbeats do while etcd fails them.
    pub beat: super::registry::Beat,
    /// How often they began to fail: what was asked for before is stale.
    pub beats: u32,
}

impl Presence {
    /// Whether its engine and agent work.
    pub(super) fn works(&self) -> bool {
        self.heard && !self.beat.stopped()
    }
}

/// Who leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Lead {
    /// No machine is there to.
    #[default]
    Nobody,
    /// This one.
    Leads(HostId),
    /// This one did, and its lease lasts until then.
    RunsOut(HostId, SimTime),
    /// This one will, from then on.
    Takes(HostId, SimTime),
}

impl Fleet {
    /// The key of `host` runs out then, if at all.
    pub(super) fn expire(&mut self, host: HostId, at: Option<SimTime>) {
        let old = std::mem::replace(&mut self.presence[host.index()].expires, at);
        if old != at {
            if let Some(old) = old {
                self.expiries.remove(&(old, host));
            }
            if let Some(at) = at {
                self.expiries.insert((at, host));
            }
        }
    }

    /// When the next key runs out.
    pub(super) fn next_expiry(&self, world: &World) -> Option<SimTime> {
        if world.plain {
            return self.presence.iter().filter_map(|p| p.expires).min();
        }
        self.expiries.first().map(|&(at, _)| at)
    }

    /// Machines whose keys have run out by `at`, in order of names.
    fn expired(&self, at: SimTime, world: &World) -> Vec<HostId> {
        if world.plain {
            let out = |host: &HostId| self.presence[host.index()].expires.is_some_and(|expires| expires <= at);
            return world.cluster.ids().filter(out).collect();
        }
        let mut out: Vec<HostId> =
            self.expiries.iter().take_while(|(expires, _)| *expires <= at).map(|&(_, host)| host).collect();
        out.sort_unstable();
        out
    }

    /// A machine's own rhythm: heartbeats and agent reconciles begin at a phase drawn per machine.
    pub(super) fn rhythm(&self, world: &World, host: HostId, period: SimDuration) -> Periodic {
        let phase = world.seed.stream(Purpose::Phase, host.0.into()).below(period.0.max(1));
        Periodic::new(SimTime(phase), period)
    }

    /// When a machine that does not lead looks at the lease.
    fn polls(&self, world: &World, host: HostId) -> Periodic {
        let mut stream = world.seed.stream(Purpose::Phase, host.0.into());
        stream.seek(16);
        Periodic::new(SimTime(stream.below(self.settings.interval.0)), self.settings.interval)
    }

    /// A machine's engine works from now on.
    pub(super) fn engine_starts(&mut self, now: Now, world: &World, host: HostId, actions: &mut Vec<Action>) {
        match self.lead {
            Lead::Nobody | Lead::Takes(..) => self.leads_from(now, host, now.at, actions),
            // It finds its own lease.
            Lead::RunsOut(holder, _) if holder == host => {
                let polls = self.polls(world, host).next(now);
                self.leads_from(now, host, polls, actions);
            }
            Lead::RunsOut(..) | Lead::Leads(_) => {}
        }
    }

    /// The last turn of this leader by `at`, idle ones included; those that were not run are counted back from the last
    /// that was.
    pub(super) fn tick_before(&self, at: SimTime) -> Option<SimTime> {
        let tick = self.turns.at_or_before(at).or_else(|| {
            let phase = self.turns.at_or_after(SimTime::ZERO);
            let back = phase.since(at).0.div_ceil(self.settings.interval.0) * self.settings.interval.0;
            phase.0.checked_sub(back).map(SimTime)
        });
        tick.filter(|tick| *tick >= self.led_from)
    }

    fn leads_from(&mut self, now: Now, host: HostId, at: SimTime, actions: &mut Vec<Action>) {
        self.lead = Lead::Leads(host);
        self.store.unsure = true;
        self.turns = Periodic::new(at, self.settings.interval);
        self.led_from = at;
        // Its first turn comes whether or not there is anything to do.
        self.asked = None;
        let first = self.turns.next(now);
        self.ask_turn(now, first, actions);
    }

    /// A machine's engine works no more. `gives_back`: it purges its lease.
    pub(super) fn engine_ends(
        &mut self,
        now: Now,
        world: &World,
        host: HostId,
        gives_back: bool,
        actions: &mut Vec<Action>,
    ) {
        match self.lead {
            Lead::Leads(holder) if holder == host => {
                self.asked = None;
                self.fires = None;
                if gives_back {
                    self.elect(now, world, actions);
                    return;
                }
                // A turn at this very instant has passed or is not to come.
                let last = if now.late { now.at } else { SimTime(now.at.0.saturating_sub(1)) };
                let by_turns = if self.store.unwell { None } else { self.tick_before(last) };
                let renewed = by_turns.or(self.renewed).unwrap_or(now.at);
                self.renewed = Some(renewed);
                let until = (renewed + self.settings.lease).max(now.at);
                self.lead = Lead::RunsOut(host, until);
                actions.push(Action::Wake(until, LEASE));
            }
            Lead::RunsOut(holder, _) if holder == host && gives_back => self.elect(now, world, actions),
            Lead::Takes(next, _) if next == host => self.elect(now, world, actions),
            _ => {}
        }
    }

    /// A lease may have run out.
    pub(super) fn lease_runs_out(&mut self, now: Now, world: &World, actions: &mut Vec<Action>) {
        if matches!(self.lead, Lead::RunsOut(_, until) if until <= now.at) && self.keys_expire() {
            self.elect(now, world, actions);
        }
    }

    /// The first machine that polls takes the lease.
    pub(super) fn elect(&mut self, now: Now, world: &World, actions: &mut Vec<Action>) {
        let hosts = world.cluster.ids().filter(|host| self.presence[host.index()].works());
        let first = hosts.map(|host| (self.polls(world, host).next(now), host)).min();
        self.lead = match first {
            Some((at, host)) => {
                actions.push(Action::Wake(at, TURN));
                Lead::Takes(host, at)
            }
            None => Lead::Nobody,
        };
    }

    /// A turn begins: the lease is renewed, the timer starts anew.
    pub(super) fn turn_begins(&mut self, now: Now) {
        if let Lead::Takes(host, _) = self.lead {
            self.lead = Lead::Leads(host);
            self.led_from = now.at;
            self.store.unsure = true;
        }
        self.turns = Periodic::new(now.at, self.settings.interval);
        self.turns.ran(now.at);
        self.last_turn = Some(now.at);
        self.asked = None;
    }

    /// Machines whose presence has run out are lost; returns them.
    pub(super) fn presence_runs_out(&mut self, now: Now, world: &World, actions: &mut Vec<Action>) -> Vec<HostId> {
        if !self.keys_expire() {
            return Vec::new();
        }
        let lost = self.expired(now.at, world);
        for &host in &lost {
            self.expire(host, None);
            let presence = &mut self.presence[host.index()];
            presence.there = false;
            presence.lost = true;
            self.books.bookings.set_open(host, false);
            actions.push(Action::Lost(host, true));
            if let Some(etcd) = &mut self.etcd {
                etcd.registry.remove_machine(world.cluster.name(host));
            }
        }
        lost
    }

    /// A machine announces itself.
    pub(super) fn announces(&mut self, now: Now, world: &World, host: HostId, actions: &mut Vec<Action>) {
        self.expire(host, None);
        let presence = &mut self.presence[host.index()];
        presence.there = true;
        self.books.bookings.set_open(host, true);
        if std::mem::replace(&mut presence.lost, false) {
            actions.push(Action::Lost(host, false));
        }
        if let Some(etcd) = &mut self.etcd {
            etcd.registry.put_machine(super::units::machine(world, host));
        }
        self.ask_if_needed(now, actions);
    }

    /// A machine fell silent: its key lasts from its last heartbeat.
    pub(super) fn falls_silent(&mut self, now: Now, world: &World, host: HostId, actions: &mut Vec<Action>) {
        let last = self.last_beat(now, world, host);
        let expires = last + self.settings.agent_ttl;
        let presence = &mut self.presence[host.index()];
        presence.heard = false;
        // One that was lost already has no key.
        if presence.there {
            self.expire(host, Some(expires));
        }
        self.ask_turn(now, expires, actions);
    }
}
