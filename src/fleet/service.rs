//! What is kept of a unit's `[Service]`: whether and when systemd restarts it, how long a start may take, and the limits of
//! its container. Defaults are systemd's own (systemd.service(5)).

use super::docker_run::DockerRun;
use super::time_span;
use crate::error::{Error, Result, unknown_name};
use crate::units::{SECOND_US, SimDuration};

/// After which ends of its process systemd starts a unit again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Restart {
    /// None.
    #[default]
    No,
    /// Exit code 0 and the signals of an orderly end.
    OnSuccess,
    /// Other exit codes, other signals (an OOM kill is one), time-outs.
    OnFailure,
    /// Other signals and time-outs, but no exit code.
    OnAbnormal,
    /// A missed watchdog alone.
    OnWatchdog,
    /// Other signals alone.
    OnAbort,
    /// All.
    Always,
}

impl Restart {
    const NAMES: [(&'static str, Restart); 7] = [
        ("no", Restart::No),
        ("on-success", Restart::OnSuccess),
        ("on-failure", Restart::OnFailure),
        ("on-abnormal", Restart::OnAbnormal),
        ("on-watchdog", Restart::OnWatchdog),
        ("on-abort", Restart::OnAbort),
        ("always", Restart::Always),
    ];

    /// Reads systemd's word.
    pub fn parse(text: &str) -> Result<Restart> {
        let known = Restart::NAMES.into_iter().find(|(name, _)| *name == text);
        let unknown = || Error::input(unknown_name("kind of restart", text, &Restart::NAMES.map(|(name, _)| name)));
        known.map(|(_, restart)| restart).ok_or_else(unknown)
    }
}

/// What is kept of `[Service]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Service {
    /// The container of the last `ExecStart=`.
    pub docker: DockerRun,
    /// When systemd restarts it.
    pub restart: Restart,
    /// How long it waits before that; 100 ms by default.
    pub restart_delay: SimDuration,
    /// After what time a start counts as failed; `None` is never. 90 s by default, never for `Type=oneshot`. A simple service
    /// has started when its process is there, so that this bounds `ExecStartPre=` (an image pull) and not the service.
    pub start_timeout: Option<SimDuration>,
}

impl Default for Service {
    fn default() -> Self {
        Service {
            docker: DockerRun::Absent,
            restart: Restart::No,
            restart_delay: SimDuration(SECOND_US / 10),
            start_timeout: Some(SimDuration::from_secs(90)),
        }
    }
}

impl Service {
    /// Takes one option, continuation lines joined; a later one takes the place of an earlier one, and an empty value that of
    /// all before (*assumed* for others than `ExecStart=`). Options of which nothing is kept are passed over.
    pub fn set(&mut self, name: &str, value: &str) -> Result<()> {
        let default = Service::default();
        match name {
            "ExecStart" => self.docker = DockerRun::read(value),
            "Restart" if value.is_empty() => self.restart = default.restart,
            "Restart" => self.restart = Restart::parse(value)?,
            "RestartSec" if value.is_empty() => self.restart_delay = default.restart_delay,
            // Never to be restarted is longer than any run.
            "RestartSec" => self.restart_delay = time_span::parse(value)?.unwrap_or(SimDuration(u64::MAX)),
            "TimeoutStartSec" | "TimeoutSec" if value.is_empty() => self.start_timeout = default.start_timeout,
            // 0 is no limit too.
            "TimeoutStartSec" | "TimeoutSec" => {
                self.start_timeout = time_span::parse(value)?.filter(|span| *span > SimDuration::ZERO);
            }
            _ => {}
        }
        Ok(())
    }
}
