//! The independent options of an orchestrator, so that an effect can be laid at one of them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::kube::config::Effective;
use crate::units::{Bytes, MilliCpu, SimDuration};

/// Whether a job is killed at its own memory limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Enforcement {
    /// Limits are only words.
    None,
    /// The kernel kills a job that goes over its memory limit. A job without a limit has none.
    Limits,
}

/// How equal hosts are told apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TieBreak {
    /// The lowest name.
    #[default]
    First,
    /// The root of the heap that kube-scheduler v1.36.3 makes of the scores at parallelism 1 (`kubernetes` with a `kube-…`
    /// placement only).
    Heap,
    /// Count the equals, draw once from (seed, job, attempt), take that one in order of names.
    Random,
}

/// What the control plane reads as a job's request.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum RequestRule {
    /// As written. Where limits are enforced, a missing request takes the limit, as the Kubernetes API does.
    #[default]
    AsWritten,
    /// CPU and memory requests times this many thousandths; a limit below the new request is raised to it.
    Times(u32),
    /// No CPU or memory request at all; with limits as above.
    Absent,
}

impl RequestRule {
    /// The CPU request to use for one written as `request` with `limit` in force (`None`: no limit or not enforced).
    pub fn cpu(self, request: MilliCpu, limit: Option<MilliCpu>) -> MilliCpu {
        MilliCpu(self.amount(request.0, limit.map(|l| l.0)))
    }

    /// The memory request likewise.
    pub fn memory(self, request: Bytes, limit: Option<Bytes>) -> Bytes {
        Bytes(self.amount(request.0, limit.map(|l| l.0)))
    }

    fn amount(self, request: i64, limit: Option<i64>) -> i64 {
        match self {
            RequestRule::AsWritten if request == 0 => limit.unwrap_or(0),
            RequestRule::AsWritten => request,
            RequestRule::Times(milli) => {
                i64::try_from(i128::from(request) * i128::from(milli) / 1000).unwrap_or(i64::MAX / 4)
            }
            RequestRule::Absent => limit.unwrap_or(0),
        }
    }

    /// The limit in force beside the request that this rule makes.
    pub fn limit(self, request: i64, limit: Option<i64>) -> Option<i64> {
        limit.map(|l| l.max(self.amount(request, None)))
    }
}

impl fmt::Display for RequestRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RequestRule::AsWritten => f.write_str("as-written"),
            RequestRule::Times(milli) => write!(f, "x{}", f64::from(*milli) / 1000.0),
            RequestRule::Absent => f.write_str("absent"),
        }
    }
}

impl fmt::Display for Enforcement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Enforcement::None => "none",
            Enforcement::Limits => "limits",
        })
    }
}

impl fmt::Display for TieBreak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TieBreak::First => "first",
            TieBreak::Heap => "heap",
            TieBreak::Random => "random",
        })
    }
}

/// A value of an orchestrator's parameter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ParameterValue {
    /// A length of time.
    Duration(SimDuration),
    /// One of the words that the parameter knows.
    Word(String),
    /// Moments, e.g. of explicit operations.
    Times(Vec<SimDuration>),
    /// A count.
    Count(u64),
    /// So many hundredths.
    Percent(u64),
}

impl fmt::Display for ParameterValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ParameterValue::Duration(d) => d.fmt(f),
            ParameterValue::Word(w) => f.write_str(w),
            ParameterValue::Times(times) => {
                let texts: Vec<String> = times.iter().map(SimDuration::to_string).collect();
                f.write_str(&texts.join(","))
            }
            ParameterValue::Count(n) => n.fmt(f),
            ParameterValue::Percent(n) => write!(f, "{n}%"),
        }
    }
}

/// A parameter of one orchestrator: its default, where the default comes from, what it means.
#[derive(Clone, Copy, Debug)]
pub struct ParameterInfo {
    /// Key in `parameters:`.
    pub name: &'static str,
    /// Default as it would be written. The kind of value follows from it: a duration (`2s`), a word, a whole number, a
    /// percentage (`55%`), or times (empty).
    pub default: &'static str,
    /// Words that will do; empty for a duration or times.
    pub words: &'static [&'static str],
    /// One line: what it means.
    pub summary: &'static str,
    /// Where the default comes from, or the word *assumed*.
    pub source: &'static str,
    /// The range to sweep; empty where the default is the real system's.
    pub range: &'static str,
}

impl ParameterInfo {
    /// Among [`ParameterInfo::words`], stands for any duration.
    pub const A_DURATION: &str = "a duration such as 5ms";

    /// Reads `text` as a value of this parameter.
    pub fn parse(&self, text: &str) -> crate::error::Result<ParameterValue> {
        if self.words.contains(&Self::A_DURATION)
            && let Ok(duration) = SimDuration::parse(text)
        {
            return Ok(ParameterValue::Duration(duration));
        }
        if !self.words.is_empty() {
            return match self.words.iter().find(|w| **w == text && text != Self::A_DURATION) {
                Some(word) => Ok(ParameterValue::Word((*word).into())),
                None => {
                    Err(crate::error::Error::input(format!("\"{text}\" will not do; {} will", self.words.join(", "))))
                }
            };
        }
        let whole = |text: &str| text.parse::<u64>().ok();
        if whole(self.default).is_some() {
            let refused =
                || crate::error::Error::input(format!("\"{text}\" is not a whole number (try {})", self.default));
            return whole(text).map(ParameterValue::Count).ok_or_else(refused);
        }
        if self.default.ends_with('%') {
            let share = text.strip_suffix('%').and_then(whole).filter(|share| *share <= 100);
            let refused =
                || crate::error::Error::input(format!("\"{text}\" is not a percentage (try {})", self.default));
            return share.map(ParameterValue::Percent).ok_or_else(refused);
        }
        if self.default.is_empty() || self.default.contains(',') {
            let times = text.split(',').map(str::trim).filter(|t| !t.is_empty()).map(SimDuration::parse);
            return Ok(ParameterValue::Times(times.collect::<Result<_, _>>()?));
        }
        Ok(ParameterValue::Duration(SimDuration::parse(text)?))
    }
}

/// How one run's orchestrator is set.
#[derive(Clone, PartialEq, Debug)]
pub struct Options {
    /// Unique name of the run: the orchestrator's name in plain form, variants like `kubernetes-no-limits`.
    pub name: String,
    /// Row of the orchestrators table.
    pub orchestrator: &'static str,
    /// Row of the placements table.
    pub placement: &'static str,
    /// Memory limits.
    pub enforcement: Enforcement,
    /// Node-pressure eviction.
    pub eviction: bool,
    /// CPU quotas from limits (only with [`Enforcement::Limits`]).
    pub cpu_quota: bool,
    /// Choice among equals.
    pub tie_break: TieBreak,
    /// What requests are read as.
    pub requests: RequestRule,
    /// Parameters that differ from the defaults.
    pub parameters: BTreeMap<&'static str, ParameterValue>,
    /// A scheduler configuration of the user's own, in place of the placement's ready-made profile (`kubernetes` with a
    /// `kube-…` placement only).
    pub scheduler: Option<Arc<Effective>>,
}

impl Options {
    /// The defaults of orchestrator `info`.
    pub fn of(info: &'static super::OrchestratorInfo) -> Self {
        Options {
            name: info.name.into(),
            orchestrator: info.name,
            placement: info.placement,
            enforcement: info.enforcement,
            eviction: info.eviction,
            cpu_quota: info.cpu_quota,
            tie_break: TieBreak::First,
            requests: RequestRule::AsWritten,
            parameters: BTreeMap::new(),
            scheduler: None,
        }
    }
}
