//! Agents: what follows on machines from what is written in etcd.
//!
//! An agent reconciles every 5 s at a phase of its own, and when its watch fires, 1 s after a write. It loads and
//! starts what is scheduled on its machine and stops what is not. Here a decision is started when its watch fires (the
//! tick that may come within that second is left out), and a stale copy is stopped at the first tick after a machine is
//! heard again.

use super::{Fleet, TICK};
use crate::ids::{HostId, JobId};
use crate::orchestrator::{Action, Now, World};

impl Fleet {
    /// The agent of `host` starts `job` when it hears of it.
    pub(super) fn start_soon(&mut self, now: Now, world: &World, job: JobId, host: HostId, actions: &mut Vec<Action>) {
        if let Some(at) = self.start_when_read(now, world, job, host) {
            actions.push(Action::Start(job, host, at));
        }
    }

    /// `job` no longer belongs on `host`: its agent unloads it when it hears of that.
    pub(super) fn leave(&mut self, now: Now, world: &World, job: JobId, host: HostId, actions: &mut Vec<Action>) {
        if !self.presence[host.index()].there {
            actions.push(Action::GiveUp { job, host, evicted: false });
        }
        actions.push(Action::Cancel(job));
        if let Some(at) = self.stop_when_read(now, world, job, host) {
            actions.push(Action::Stop(job, host, at));
        }
    }

    /// An agent is heard again and compares what runs on its machine, `live`, with what should.
    pub(super) fn compares(
        &mut self,
        now: Now,
        world: &World,
        host: HostId,
        live: &[JobId],
        actions: &mut Vec<Action>,
    ) {
        let (missing, stale) = self.books.differences(host, live);
        for job in missing {
            self.start_soon(now, world, job, host, actions);
        }
        if !stale.is_empty() {
            let tick = self.rhythm(world, host, self.settings.agent_interval).at_or_after(now.at);
            actions.push(Action::Wake(tick, TICK | u64::from(host.0) << 40));
        }
        self.found_stale(host, stale);
    }
}
