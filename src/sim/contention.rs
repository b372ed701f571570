//! CPU: what a host's jobs get of it.
//!
//! Contention is solved only where jobs could run more than the host has (or could until now); elsewhere only the attempts
//! that changed are looked at.

use super::change::Change;
use super::engine::Simulation;
use super::queue::Event;
use crate::host::cpu;
use crate::ids::HostId;
use crate::units::SimDuration;

/// Buffers that are used again and again.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    slots: Vec<u32>,
    claims: Vec<cpu::Claim>,
    received: Vec<u64>,
    order: Vec<u32>,
}

impl Simulation<'_> {
    pub(super) fn share_cpu(&mut self, host: HostId) {
        let mut s = std::mem::take(&mut self.scratch);
        let speeds = self.speeds(host);
        let h = &mut self.hosts[host.index()];
        let capacity = match self.setup.host_model.cpu.contention {
            true => self.setup.cluster.spec(host).cpu.nano_cores(),
            false => u64::MAX,
        };
        s.slots.clear();
        if h.speed_changed || h.contended {
            s.slots.extend_from_slice(&h.attempts);
            h.changed.clear();
        } else {
            s.slots.append(&mut h.changed);
        }
        for &slot in &s.slots {
            let a = &mut self.attempts[slot as usize];
            let able = speeds.able(a);
            a.changed |= able != a.cpu.able;
            h.cpu.able = h.cpu.able - a.cpu.able + able;
            a.cpu.able = able;
        }
        let contended = h.cpu.able > capacity;
        if contended && !h.contended && !h.speed_changed {
            s.slots.clear();
            s.slots.extend_from_slice(&h.attempts);
        }
        h.contended = contended;
        h.speed_changed = false;
        let attempts = &self.attempts;
        s.slots.sort_unstable_by_key(|&slot| attempts[slot as usize].serial);
        s.received.clear();
        if contended {
            s.claims.clear();
            s.claims.extend(s.slots.iter().map(|&slot| {
                let a = &attempts[slot as usize];
                cpu::Claim { cap: a.cpu.able, weight: a.weight }
            }));
            cpu::share(capacity, &s.claims, &mut s.received, &mut s.order);
        } else {
            s.received.extend(s.slots.iter().map(|&slot| attempts[slot as usize].cpu.able));
        }
        for i in 0..s.slots.len() {
            let speed = speeds.clock(&self.attempts[s.slots[i] as usize]);
            self.set_rate(s.slots[i], s.received[i], speed);
        }
        self.scratch = s;
        let h = &self.hosts[host.index()];
        self.emit(Change::HostLoad {
            host,
            cpu: h.cpu,
            memory: h.memory,
            cpu_request: h.cpu_request,
            memory_request: h.memory_request,
            attempts: h.attempts.len() as u32,
        });
    }

    /// `received` and `speed` are in force for the attempt from now on; its step's end is queued anew if it moved.
    fn set_rate(&mut self, slot: u32, received: u64, speed: u64) {
        let a = &self.attempts[slot as usize];
        if !a.changed && a.cpu.received == received && a.speed == speed {
            return;
        }
        self.settle(slot);
        let a = &mut self.attempts[slot as usize];
        let moved = a.reschedule || if a.step_by_work() { a.cpu.received != received } else { a.speed != speed };
        let h = &mut self.hosts[a.host.index()];
        h.cpu.received = h.cpu.received - a.cpu.received + received;
        a.cpu.received = received;
        a.speed = speed;
        a.changed = false;
        a.reschedule = false;
        let change = Change::Rate { job: a.job, attempt: a.number, host: a.host, cpu: a.cpu, memory: a.step.memory.0 };
        if moved {
            let epoch = &mut self.epochs[slot as usize];
            *epoch += 1;
            let epoch = *epoch;
            if let Some(us) = a.time_left() {
                let at = self.now + SimDuration(us);
                if at <= self.setup.end {
                    self.queue.push(at, Event::StepEnds { slot, epoch });
                }
            }
        }
        self.emit(change);
    }
}
