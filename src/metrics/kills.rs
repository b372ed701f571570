//! Kills, evictions, hosts that came down.

use super::{Family, FamilyInfo, MetricInfo, Value, row, seconds};
use crate::orchestrator::Options;
use crate::sim::{Change, EndReason, Kind, Kinds, Observer, Setup};
use crate::units::SimTime;

pub(super) const INFO: FamilyInfo = FamilyInfo { rows: ROWS, build: |setup, _: &Options| Box::new(Kills::new(setup)) };

const ROWS: &[MetricInfo] = &[
    row("oom_kills", "attempts killed for memory, host OOM included"),
    row("oom_kills_limit", "of these, at the job's own limit"),
    row("oom_kills_host", "of these, because the host's memory was full"),
    row("evictions", "attempts evicted, all reasons"),
    row("evictions_node_pressure", "by the kubelet, for node pressure"),
    row("evictions_taint", "because the host was lost to the control plane"),
    row("evictions_api", "through the API (drains)"),
    row("evictions_preemption", "for a job of higher priority"),
    row("preemptions", "times that room could be made for a job by evicting others, as far as it was done or reported"),
    row("hosts_down", "times a host came down, failures of the scenario included"),
    row("hosts_down_memory", "of these, because memory ran out"),
    row("hosts_down_planned", "of these, for planned work: drains and upgrades"),
    row("hosts_lost", "times a control plane declared a host lost, down or only silent"),
    row("daemon_kills", "daemons of hosts that the kernel killed (dockerd, fleetd, etcd, kubelet, …)"),
    row("daemon_ends", "attempts that ended because the daemon they hung on was killed"),
    row("process_kills", "processes killed for memory whose job went on without them"),
    row("host_down_seconds", "time that hosts were down, summed over hosts"),
];

struct Kills {
    ended: [u64; EndReason::ALL.len()],
    taint: u64,
    preemptions: u64,
    downs: u64,
    memory_downs: u64,
    planned_downs: u64,
    lost: u64,
    daemons: u64,
    processes: u64,
    down_since: Vec<Option<u64>>,
    down_us: u128,
}

impl Kills {
    fn new(setup: &Setup) -> Self {
        Kills {
            ended: [0; EndReason::ALL.len()],
            taint: 0,
            preemptions: 0,
            downs: 0,
            memory_downs: 0,
            planned_downs: 0,
            lost: 0,
            daemons: 0,
            processes: 0,
            down_since: vec![None; setup.cluster.len()],
            down_us: 0,
        }
    }

    fn up(&mut self, host: usize, at: u64) {
        if let Some(since) = self.down_since[host].take() {
            self.down_us += u128::from(at - since);
        }
    }
}

impl Observer for Kills {
    fn wants(&self) -> Kinds {
        const WANTED: Kinds = Kinds::of(&[
            Kind::Ended,
            Kind::Repeats,
            Kind::AttemptGivenUp,
            Kind::Preempts,
            Kind::HostLost,
            Kind::DaemonDown,
            Kind::ProcessKilled,
            Kind::HostDown,
            Kind::HostUp,
            Kind::HostLeft,
            Kind::WindowBegins,
        ]);
        WANTED
    }

    fn change(&mut self, at: SimTime, change: &Change) {
        match *change {
            Change::Ended { why, .. } => self.ended[why as usize] += 1,
            Change::Repeats { why, times, .. } => self.ended[why as usize] += times,
            Change::AttemptGivenUp { evicted, .. } => self.taint += u64::from(evicted),
            Change::Preempts { .. } => self.preemptions += 1,
            Change::HostLost { lost, .. } => self.lost += u64::from(lost),
            Change::DaemonDown { .. } => self.daemons += 1,
            Change::ProcessKilled { .. } => self.processes += 1,
            Change::HostDown { host, cause } => {
                self.downs += 1;
                self.memory_downs += u64::from(cause == crate::sim::DownCause::Memory);
                self.planned_downs += u64::from(cause == crate::sim::DownCause::Planned);
                self.down_since[host.index()] = Some(at.0);
            }
            Change::HostUp { host } | Change::HostLeft { host } => self.up(host.index(), at.0),
            Change::WindowBegins => {
                let down_since = self.down_since.iter().map(|d| d.map(|_| at.0)).collect();
                *self = Kills {
                    ended: [0; EndReason::ALL.len()],
                    taint: 0,
                    preemptions: 0,
                    downs: 0,
                    memory_downs: 0,
                    planned_downs: 0,
                    lost: 0,
                    daemons: 0,
                    processes: 0,
                    down_since,
                    down_us: 0,
                };
            }
            _ => {}
        }
    }

    fn finish(&mut self, end: SimTime) {
        for host in 0..self.down_since.len() {
            self.up(host, end.0);
        }
    }
}

impl Family for Kills {
    fn values(&self) -> Vec<Value> {
        let n = |why: EndReason| self.ended[why as usize];
        let taint = self.taint + n(EndReason::EvictedTaint);
        let (pressure, api, preemption) =
            (n(EndReason::EvictedPressure), n(EndReason::EvictedApi), n(EndReason::EvictedPreemption));
        let mut values = [
            n(EndReason::OomLimit) + n(EndReason::OomHost),
            n(EndReason::OomLimit),
            n(EndReason::OomHost),
            pressure + taint + api + preemption,
            pressure,
            taint,
            api,
            preemption,
            self.preemptions,
            self.downs,
            self.memory_downs,
            self.planned_downs,
            self.lost,
            self.daemons,
            n(EndReason::DaemonDied),
            self.processes,
        ]
        .map(Value::Count)
        .to_vec();
        values.push(seconds(self.down_us));
        values
    }
}
