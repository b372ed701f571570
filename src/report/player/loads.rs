//! The load of hosts and when they were over their line, as columns.

use serde::Serialize;

use super::columns::Column;
use crate::experiment::{Lack, Record};
use crate::units::SimTime;

/// Steps of load, host by host: how many, then for each the time since the one before and by how much CPU and memory
/// differ from it, in thousandths of the host.
#[derive(Default, Serialize)]
pub(super) struct Load {
    /// The unit of times: so many make up the run; 0: microseconds.
    stretches: usize,
    count: Column,
    at: Column,
    cpu: Column,
    memory: Column,
}

/// Thousandths of a host beyond which nobody asks how many.
const MOST: u64 = 1_000_000;

fn permille(part: u64, whole: f64) -> u64 {
    let whole = (whole.max(0.0) as u128).max(1);
    ((u128::from(part) * 1000 + whole / 2) / whole).min(MOST.into()) as u64
}

impl Load {
    /// Step by step, where the record has that.
    pub fn exact(record: &Record) -> Option<Self> {
        let steps = record.load.as_ref()?;
        let mut of_host: Vec<Vec<(u64, [u64; 2])>> = vec![Vec::new(); record.hosts.len()];
        for step in steps {
            let host = &record.hosts[step.host.index()];
            let cpu = permille(step.cpu_nano, host.cpu_capacity_cores * 1e9);
            let memory = permille(step.memory.max(0) as u64, host.memory_capacity_bytes);
            of_host[step.host.index()].push((step.at.0, [cpu, memory]));
        }
        let mut load = Load::default();
        for steps in &of_host {
            load.host(steps.iter().copied());
        }
        Some(load)
    }

    /// The highest of each `each` stretches of the record, which has a multiple of them.
    pub fn stretched(record: &Record, each: usize) -> Self {
        let count = record.edges.len().saturating_sub(1);
        let mut load = Load { stretches: (count / each).max(1), ..Load::default() };
        for host in &record.hosts {
            let highest = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max) as u64;
            load.host(host.buckets.chunks(each).enumerate().map(|(i, buckets)| {
                let cpu = highest(&mut buckets.iter().map(|b| b.cpu_demand_cores_max * 1e9));
                let memory = highest(&mut buckets.iter().map(|b| b.memory_used_bytes_max));
                let cpu = permille(cpu, host.cpu_capacity_cores * 1e9);
                (i as u64, [cpu, permille(memory, host.memory_capacity_bytes)])
            }));
        }
        load
    }

    /// Adds a host; steps that change nothing are none.
    fn host(&mut self, steps: impl Iterator<Item = (u64, [u64; 2])>) {
        let (mut last_at, mut last, mut count) = (0, [0, 0], 0);
        for (at, now) in steps {
            if now == last {
                continue;
            }
            self.at.push(at - last_at);
            self.cpu.push_signed(now[0] as i64 - last[0] as i64);
            self.memory.push_signed(now[1] as i64 - last[1] as i64);
            (last_at, last) = (at, now);
            count += 1;
        }
        self.count.push(count);
    }

    /// Its length in bytes.
    pub fn len(&self) -> usize {
        [&self.count, &self.at, &self.cpu, &self.memory].map(Column::len).iter().sum()
    }
}

/// When hosts were over their line, host by host: how many times, then for each what was lacking (0 CPU, 1 memory), since
/// when, counted from the one before, and for how long.
#[derive(Default, Serialize)]
pub(super) struct Over {
    count: Column,
    what: Column,
    from: Column,
    length: Column,
}

impl Over {
    /// Exact, but that it does not come back above its line for less than `gap`.
    pub fn new(record: &Record, gap: u64) -> Self {
        let mut of_host: Vec<Vec<(SimTime, Lack, SimTime)>> = vec![Vec::new(); record.hosts.len()];
        for row in &record.over {
            if let Some(rows) = of_host.get_mut(row.host.index()) {
                rows.push((row.from, row.lack, row.to));
            }
        }
        let mut over = Over::default();
        for rows in &mut of_host {
            rows.sort_unstable();
            let mut joined: Vec<(SimTime, Lack, SimTime)> = Vec::new();
            // The last row of each kind.
            let mut last = [None::<usize>; 2];
            for &(from, lack, to) in rows.iter() {
                let last = &mut last[lack as usize];
                match last.map(|i: usize| &mut joined[i]) {
                    Some(before) if from.0 - before.2.0 < gap || from == before.2 => before.2 = to,
                    _ => {
                        *last = Some(joined.len());
                        joined.push((from, lack, to));
                    }
                }
            }
            over.count.push(joined.len() as u64);
            let mut last_from = 0;
            for (from, lack, to) in joined {
                over.what.push(lack as u64);
                over.from.push(from.0 - last_from);
                over.length.push(to.0 - from.0);
                last_from = from.0;
            }
        }
        over
    }

    /// Its length in bytes.
    pub fn len(&self) -> usize {
        [&self.count, &self.what, &self.from, &self.length].map(Column::len).iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::{HostTrack, LoadStep, OverRow, TrackBucket};
    use crate::ids::HostId;

    fn record() -> Record {
        let bucket =
            |cpu: f64| TrackBucket { cpu_demand_cores_max: cpu, memory_used_bytes_max: 0.0, ..TrackBucket::default() };
        Record {
            edges: (0..=4).map(SimTime).collect(),
            hosts: vec![HostTrack {
                host: HostId(0),
                name: "a".into(),
                cpu_capacity_cores: 2.0,
                memory_capacity_bytes: 1000.0,
                buckets: [1.0, 3.0, 3.0, 0.0].map(bucket).into(),
            }],
            ..Record::default()
        }
    }

    fn json(value: &impl Serialize) -> serde_json::Value {
        serde_json::to_value(value).unwrap()
    }

    #[test]
    fn load_is_in_thousandths_and_only_where_it_changes() {
        // 1 of 2 cores is 500, 3 are 1500, then the same, then none: +500, +1000, -1500.
        let load = json(&Load::stretched(&record(), 1));
        assert_eq!([&load["count"], &load["at"]], ["D", "ABC"]);
        let mut column = Column::default();
        for difference in [500, 1000, -1500] {
            column.push_signed(difference);
        }
        assert_eq!(load["cpu"], json(&column));
        // The highest of two stretches: 1500, then 1500 again.
        let load = json(&Load::stretched(&record(), 2));
        assert_eq!([&load["stretches"], &load["count"]], [&json(&2), &json(&"B")]);
        let mut exact = record();
        assert!(Load::exact(&exact).is_none());
        let step = |at, cpu_nano| LoadStep { at: SimTime(at), host: HostId(0), cpu_nano, memory: 250 };
        exact.load = Some(vec![step(7, 1_000_000_000), step(9, 2_000_000_000)]);
        let load = json(&Load::exact(&exact).unwrap());
        assert_eq!([&load["stretches"], &load["at"]], [&json(&0), &json(&"HC")]);
    }

    #[test]
    fn short_times_below_the_line_are_joined_only_if_asked() {
        let mut record = record();
        let row = |lack, from, to| OverRow { host: HostId(0), lack, from: SimTime(from), to: SimTime(to) };
        record.over = vec![row(Lack::Cpu, 1, 3), row(Lack::Memory, 2, 9), row(Lack::Cpu, 5, 6)];
        let over = json(&Over::new(&record, 0));
        // Begins 1, 2, 5: differences 1, 1, 3; lengths 2, 7, 1.
        assert_eq!([&over["count"], &over["what"], &over["from"], &over["length"]], ["D", "ABA", "BBD", "CHB"]);
        let over = json(&Over::new(&record, 3));
        // CPU from 1 to 6.
        assert_eq!([&over["count"], &over["what"], &over["from"], &over["length"]], ["C", "AB", "BB", "FH"]);
    }
}
