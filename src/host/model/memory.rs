//! What happens as memory runs out, and how a host comes down: the same rule for every orchestrator.

use super::{HostParameter, share, share_text, word};
use crate::error::{Error, Result};
use crate::host::near_oom;
use crate::units::{Bytes, SimDuration, parse_milli};

/// How a host behaves when memory runs out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum MemoryPolicy {
    /// Lower bound: the last megabytes slow nobody down; only the kernel's victim is lost.
    KillOnly,
    /// Default: in the last megabytes work on file pages waits for the disk, heartbeats are late, and a host that stays
    /// there is rebooted by an operator.
    #[default]
    Thrash,
    /// Upper bound: jobs that use more than they may bring the host down at once.
    HostDown,
}

impl MemoryPolicy {
    /// All policies, lower bound first.
    pub const ALL: [MemoryPolicy; 3] = [MemoryPolicy::KillOnly, MemoryPolicy::Thrash, MemoryPolicy::HostDown];

    /// The name in scenarios and outputs.
    pub const fn name(self) -> &'static str {
        match self {
            MemoryPolicy::KillOnly => "kill-only",
            MemoryPolicy::Thrash => "thrash",
            MemoryPolicy::HostDown => "host-down",
        }
    }

    fn parse(text: &str) -> Result<Self> {
        Ok(Self::ALL[word(text, &Self::ALL.map(Self::name))?])
    }
}

/// Where file pages come back from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Disk {
    /// A fault takes 1.2 ms.
    #[default]
    Ssd,
    /// A fault takes 22 ms.
    Hdd,
}

/// Whose rules the kernel kills by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Kernel {
    /// Of the orchestrator's time.
    #[default]
    ByEra,
    /// Linux 4.16 and before.
    Old,
    /// Linux 5.9 and later.
    New,
}

/// Whether a container dies whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OomGroup {
    /// Where the orchestrator's agents set `memory.oom.group`.
    #[default]
    ByEra,
    /// Everywhere, if the kernel knows it.
    On,
    /// Nowhere: one process dies.
    Off,
}

/// What the kernel does when the whole host is out of memory (`vm.panic_on_oom`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum PanicOnOom {
    /// It kills.
    #[default]
    Off,
    /// It panics, and reboots by itself.
    Reboot,
    /// It panics and hangs until an operator comes (`kernel.panic` 0).
    Hang,
}

/// Parameters of memory and of how a host comes down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MemoryModel {
    /// What happens when memory runs out.
    pub policy: MemoryPolicy,
    /// Memory of the system's own processes, daemons included.
    pub system_anon: Bytes,
    /// Least file pages that the host needs in memory to stay responsive.
    pub hot_file_min: Bytes,
    /// The same as a share of what jobs may use, in thousandths; the larger of both counts.
    pub hot_file_milli: u32,
    /// Least memory left at which the kernel kills.
    pub floor_min: Bytes,
    /// The same as a share of all memory, in thousandths; the larger of both counts.
    pub floor_milli: u32,
    /// The most that the share comes to.
    pub floor_max: Bytes,
    /// Where file pages come back from.
    pub disk: Disk,
    /// What a major fault takes; `None`: by disk.
    pub fault_time: Option<SimDuration>,
    /// How often jobs touch file pages for each second of their CPU, unless they say.
    pub file_touches: u32,
    /// Speed of pure computation near out of memory, in thousandths.
    pub compute_milli: u32,
    /// Windows of 128 KiB of its code that a daemon needs for a heartbeat.
    pub beat_windows: u32,
    /// How often each of them waits behind everybody else's faults.
    pub beat_turns: u32,
    /// How long file pages take to come back once there is room; `None`: by disk.
    pub recovery: Option<SimDuration>,
    /// How long jobs may use more than they should before an operator reboots the host.
    pub operator_reboot: SimDuration,
    /// How long a boot takes.
    pub boot: SimDuration,
    /// From the choice of a victim to its memory being free.
    pub kill_latency: SimDuration,
    /// More of it, for victims that are stuck.
    pub reaper_delay: SimDuration,
    /// Whose rules the kernel kills by.
    pub kernel: Kernel,
    /// Whether a container dies whole.
    pub oom_group: OomGroup,
    /// What daemons take of memory, times what their table says, in thousandths.
    pub daemon_milli: u32,
    /// How long a daemon that was killed takes to be back.
    pub daemon_restart: SimDuration,
    /// What the kernel does when the whole host is out of memory.
    pub panic_on_oom: PanicOnOom,
    /// How long after a panic the host reboots.
    pub panic_reboot: SimDuration,
    /// Swap.
    pub swap: Bytes,
    /// How fast swap is filled, bytes a second; `None`: by disk.
    pub swap_bandwidth: Option<Bytes>,
}

impl Default for MemoryModel {
    fn default() -> Self {
        MemoryModel {
            policy: MemoryPolicy::Thrash,
            system_anon: Bytes::mib(400),
            hot_file_min: Bytes::mib(128),
            hot_file_milli: 20,
            floor_min: Bytes::mib(5),
            floor_milli: 10,
            floor_max: Bytes(67_584 << 10),
            disk: Disk::Ssd,
            fault_time: None,
            file_touches: near_oom::TOUCHES_PER_S as u32,
            compute_milli: (near_oom::COMPUTE_PPM / 1000) as u32,
            beat_windows: 64,
            beat_turns: 3,
            recovery: None,
            operator_reboot: SimDuration::from_secs(900),
            boot: SimDuration::from_secs(120),
            kill_latency: SimDuration(near_oom::KILL_US),
            reaper_delay: SimDuration::ZERO,
            kernel: Kernel::ByEra,
            oom_group: OomGroup::ByEra,
            daemon_milli: 1000,
            daemon_restart: SimDuration::from_secs(10),
            panic_on_oom: PanicOnOom::Off,
            panic_reboot: SimDuration::from_secs(10),
            swap: Bytes(0),
            swap_bandwidth: None,
        }
    }
}

impl MemoryModel {
    /// What a major fault takes, µs.
    pub fn fault_us(&self) -> u64 {
        match (self.fault_time, self.disk) {
            (Some(time), _) => time.0,
            (None, Disk::Ssd) => near_oom::FAULT_SSD_US,
            (None, Disk::Hdd) => near_oom::FAULT_HDD_US,
        }
    }

    /// How long `hot` bytes of file pages take to come back.
    pub fn recovery(&self, hot: i64) -> SimDuration {
        match (self.recovery, self.disk) {
            (Some(time), _) => time,
            (None, Disk::Ssd) => SimDuration(near_oom::RECOVERY_SSD_US),
            (None, Disk::Hdd) => SimDuration(near_oom::recovery_us(hot.max(0) as u64, self.fault_us())),
        }
    }

    /// How fast swap is filled, bytes a second.
    pub fn swap_bytes_per_s(&self) -> u64 {
        match (self.swap_bandwidth, self.disk) {
            (Some(bytes), _) => bytes.0.max(1) as u64,
            (None, Disk::Ssd) => 100 << 20,
            (None, Disk::Hdd) => 40 << 20,
        }
    }
}

/// What stands for "as the disk says".
const BY_DISK: &str = "by-disk";

fn by_disk<T>(text: &str, read: impl FnOnce(&str) -> Result<T>) -> Result<Option<T>> {
    if text == BY_DISK { Ok(None) } else { read(text).map(Some) }
}

fn by_disk_text(value: Option<impl ToString>) -> String {
    value.map_or_else(|| BY_DISK.into(), |v| v.to_string())
}

fn bytes(text: &str) -> Result<Bytes> {
    match Bytes::parse(text)? {
        Bytes(n) if n < 0 => Err(Error::input(format!("{text} is less than nothing"))),
        n => Ok(n),
    }
}

fn fault(text: &str) -> Result<SimDuration> {
    match SimDuration::parse(text)? {
        long if long > SimDuration::from_secs(60) => Err(Error::input(format!("{text} is longer than a minute"))),
        time => Ok(time),
    }
}

fn count(text: &str, most: u32) -> Result<u32> {
    text.parse()
        .ok()
        .filter(|&n| n <= most)
        .ok_or_else(|| Error::input(format!("\"{text}\" is no whole number from 0 to {most}")))
}

const DISKS: [&str; 2] = ["ssd", "hdd"];
const KERNELS: [&str; 3] = ["by-era", "old", "new"];
const GROUPS: [&str; 3] = ["by-era", "on", "off"];
const PANICS: [&str; 3] = ["off", "reboot", "hang"];
/// Most touches of file pages a second: one every ten nanoseconds, far beyond what can be.
const MOST_TOUCHES: u32 = 100_000_000;

pub(super) const PARAMETERS: &[HostParameter] = &[
    HostParameter {
        name: "memory_policy",
        summary: "what happens when memory runs out: kill-only, thrash or host-down",
        source: "assumed; the outer two are the bounds",
        range: "kill-only, thrash, host-down",
        get: |m| m.memory.policy.name().into(),
        set: |m, text| {
            m.memory.policy = MemoryPolicy::parse(text)?;
            Ok(())
        },
    },
    HostParameter {
        name: "system_anon",
        summary: "memory of the system's own processes, daemons included, beside what jobs may use",
        source: "assumed",
        range: "100Mi to 1Gi",
        get: |m| m.memory.system_anon.to_string(),
        set: |m, text| {
            m.memory.system_anon = bytes(text)?;
            Ok(())
        },
    },
    HostParameter {
        name: "hot_file_min",
        summary: "least file pages that the host needs to stay responsive",
        source: "assumed",
        range: "64Mi to 512Mi",
        get: |m| m.memory.hot_file_min.to_string(),
        set: |m, text| {
            m.memory.hot_file_min = bytes(text)?;
            Ok(())
        },
    },
    HostParameter {
        name: "hot_file_share",
        summary: "the same as a share of what jobs may use; the larger counts",
        source: "assumed",
        range: "0.005 to 0.05",
        get: |m| share_text(m.memory.hot_file_milli),
        set: |m, text| {
            m.memory.hot_file_milli = share(text)?;
            Ok(())
        },
    },
    HostParameter {
        name: "operator_reboot",
        summary: "how long jobs use more than they may before an operator reboots the host",
        source: "assumed",
        range: "5m to 1h",
        get: |m| m.memory.operator_reboot.to_string(),
        set: |m, text| {
            m.memory.operator_reboot = SimDuration::parse(text)?;
            Ok(())
        },
    },
    HostParameter {
        name: "boot",
        summary: "how long a boot takes",
        source: "assumed",
        range: "30s to 5m",
        get: |m| m.memory.boot.to_string(),
        set: |m, text| {
            m.memory.boot = SimDuration::parse(text)?;
            Ok(())
        },
    },
    HostParameter {
        name: "floor_min",
        summary: "least memory left at which the kernel kills",
        source: "measured on Linux 6.1, 6.12 and 6.18 (4 to 5 MiB of 470)",
        range: "0 to 64Mi",
        get: |m| m.memory.floor_min.to_string(),
        set: |m, text| {
            m.memory.floor_min = bytes(text)?;
            Ok(())
        },
    },
    HostParameter {
        name: "floor_share",
        summary: "the same as a share of all memory; the larger counts",
        source: "measured on Linux 6.1, 6.12 and 6.18",
        range: "0.005 to 0.03",
        get: |m| share_text(m.memory.floor_milli),
        set: |m, text| {
            m.memory.floor_milli = share(text)?;
            Ok(())
        },
    },
    HostParameter {
        name: "floor_max",
        summary: "the most that the share comes to, as watermarks do not grow with large memories",
        source: "assumed: Linux's min_free_kbytes with huge pages on x86-64; the share was measured at 470 MiB",
        range: "16Mi to 256Mi",
        get: |m| m.memory.floor_max.to_string(),
        set: |m, text| {
            m.memory.floor_max = bytes(text)?;
            Ok(())
        },
    },
    HostParameter {
        name: "disk",
        summary: "where file pages come back from: ssd or hdd",
        source: "assumed",
        range: "ssd, hdd",
        get: |m| DISKS[m.memory.disk as usize].into(),
        set: |m, text| {
            m.memory.disk = [Disk::Ssd, Disk::Hdd][word(text, &DISKS)?];
            Ok(())
        },
    },
    HostParameter {
        name: "fault_time",
        summary: "what a major fault takes; by-disk is 1.2ms on an SSD, 22ms on a hard disk",
        source: "measured on Linux 6.1, 6.12 and 6.18",
        range: "300us to 5ms SSD, 15ms to 40ms hard disk, to 300ms throttled cloud volume",
        get: |m| by_disk_text(m.memory.fault_time),
        set: |m, text| {
            m.memory.fault_time = by_disk(text, fault)?;
            Ok(())
        },
    },
    HostParameter {
        name: "file_touches",
        summary: "touches of file pages by a job for each second of its CPU, unless it says; 0 is pure computation",
        source: "assumed; both ends measured",
        range: "0 to 250000",
        get: |m| m.memory.file_touches.to_string(),
        set: |m, text| {
            m.memory.file_touches = count(text, MOST_TOUCHES)?;
            Ok(())
        },
    },
    HostParameter {
        name: "compute_speed",
        summary: "speed of pure computation near out of memory, as a share",
        source: "measured on Linux 6.1, 6.12 and 6.18",
        range: "0.5 to 1",
        get: |m| share_text(m.memory.compute_milli),
        set: |m, text| {
            m.memory.compute_milli = share(text)?;
            Ok(())
        },
    },
    HostParameter {
        name: "beat_windows",
        summary: "windows of 128 KiB of its code that a daemon needs for a heartbeat",
        source: "assumed from measured delays",
        range: "32 to 256",
        get: |m| m.memory.beat_windows.to_string(),
        set: |m, text| {
            m.memory.beat_windows = count(text, 1_000_000)?;
            Ok(())
        },
    },
    HostParameter {
        name: "beat_turns",
        summary: "how often each window waits behind the faults of all others",
        source: "assumed from measured delays",
        range: "1 to 8",
        get: |m| m.memory.beat_turns.to_string(),
        set: |m, text| {
            m.memory.beat_turns = count(text, 1_000)?;
            Ok(())
        },
    },
    HostParameter {
        name: "recovery",
        summary: "how long file pages take to come back; by-disk is 600ms on an SSD, a fault each 128 KiB on a hard disk",
        source: "measured on Linux 6.1, 6.12 and 6.18",
        range: "200ms to 6s",
        get: |m| by_disk_text(m.memory.recovery),
        set: |m, text| {
            m.memory.recovery = by_disk(text, SimDuration::parse)?;
            Ok(())
        },
    },
    HostParameter {
        name: "kill_latency",
        summary: "from the choice of a victim to its memory being free",
        source: "measured on Linux 6.1, 6.12 and 6.18",
        range: "100ms to 1200ms",
        get: |m| m.memory.kill_latency.to_string(),
        set: |m, text| {
            m.memory.kill_latency = SimDuration::parse(text)?;
            Ok(())
        },
    },
    HostParameter {
        name: "reaper_delay",
        summary: "more of it, for victims that are stuck",
        source: "measured on Linux 6.1, 6.12 and 6.18: none seen",
        range: "0s to 2s",
        get: |m| m.memory.reaper_delay.to_string(),
        set: |m, text| {
            m.memory.reaper_delay = SimDuration::parse(text)?;
            Ok(())
        },
    },
    HostParameter {
        name: "kernel",
        summary: "whose rules the kernel kills by: by-era (old for chef and fleet), old (Linux 4.16), new (5.9)",
        source: "mm/oom_kill.c of both",
        range: "by-era, old, new",
        get: |m| KERNELS[m.memory.kernel as usize].into(),
        set: |m, text| {
            m.memory.kernel = [Kernel::ByEra, Kernel::Old, Kernel::New][word(text, &KERNELS)?];
            Ok(())
        },
    },
    HostParameter {
        name: "oom_group",
        summary: "whether a container dies whole: by-era (kubernetes on cgroup v2), on, off",
        source: "kubelet v1.36.3 singleProcessOOMKill",
        range: "by-era, on, off",
        get: |m| GROUPS[m.memory.oom_group as usize].into(),
        set: |m, text| {
            m.memory.oom_group = [OomGroup::ByEra, OomGroup::On, OomGroup::Off][word(text, &GROUPS)?];
            Ok(())
        },
    },
    HostParameter {
        name: "daemon_memory",
        summary: "what daemons take of memory, times the table of daemons",
        source: "assumed",
        range: "0.5 to 5",
        get: |m| share_text(m.memory.daemon_milli),
        set: |m, text| {
            m.memory.daemon_milli = parse_milli(text, "factor")?;
            Ok(())
        },
    },
    HostParameter {
        name: "daemon_restart",
        summary: "how long a daemon that was killed takes to be back",
        source: "assumed",
        range: "1s to 60s",
        get: |m| m.memory.daemon_restart.to_string(),
        set: |m, text| {
            m.memory.daemon_restart = SimDuration::parse(text)?;
            Ok(())
        },
    },
    HostParameter {
        name: "panic_on_oom",
        summary: "whether the kernel panics instead of killing when the whole host is full: off, reboot, hang",
        source: "kubelet v1.36.3 sets vm.panic_on_oom=0",
        range: "",
        get: |m| PANICS[m.memory.panic_on_oom as usize].into(),
        set: |m, text| {
            m.memory.panic_on_oom = [PanicOnOom::Off, PanicOnOom::Reboot, PanicOnOom::Hang][word(text, &PANICS)?];
            Ok(())
        },
    },
    HostParameter {
        name: "panic_reboot",
        summary: "how long after a panic the host reboots",
        source: "kubelet v1.36.3 sets kernel.panic=10",
        range: "",
        get: |m| m.memory.panic_reboot.to_string(),
        set: |m, text| {
            m.memory.panic_reboot = SimDuration::parse(text)?;
            Ok(())
        },
    },
    HostParameter {
        name: "swap",
        summary: "swap, filled by cold memory before the kernel kills",
        source: "none: kubelet v1.36.3 failSwapOn, CoreOS",
        range: "",
        get: |m| m.memory.swap.to_string(),
        set: |m, text| {
            m.memory.swap = bytes(text)?;
            Ok(())
        },
    },
    HostParameter {
        name: "swap_bandwidth",
        summary: "how fast swap is filled, bytes a second; by-disk is 100Mi on an SSD, 40Mi on a hard disk",
        source: "assumed",
        range: "20Mi to 1Gi",
        get: |m| by_disk_text(m.memory.swap_bandwidth),
        set: |m, text| {
            m.memory.swap_bandwidth = by_disk(text, bytes)?;
            Ok(())
        },
    },
];
