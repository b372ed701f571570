//! The band of a scenario: `band:` as written, and the worlds that it stands for.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Budgets;
use super::file::ScenarioFile;
use super::resolve::resolve;
use super::text::{At, Length, Share};
use crate::error::{Result, unknown_name};
use crate::sim::Setup;
use crate::units::SimTime;

/// Every run once more under both bounds of how a host comes down (`kill-only` and `host-down`), and under the
/// scenario's own policy, on the cluster at several scales.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BandSection {
    /// Counts of host groups and replicas of apps times each of these, rounded, at least 1; default 1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scales: Vec<At<Share>>,
    /// Apps (of a single job without one, its name) whose jobs run away: hosts taken down are counted by them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runaway: Vec<At<String>>,
}

/// A world of the band.
#[derive(Clone, Debug)]
pub struct BandWorld {
    /// Hosts and replicas times this many thousandths.
    pub scale_milli: u32,
    /// The world.
    pub setup: Setup,
    /// Names of apps whose jobs run away.
    pub runaway: Vec<String>,
}

/// Largest scale: a thousandfold.
const MOST_SCALE: u32 = 1_000_000;

/// Checks `file.band` and makes its worlds, each of which ends at `end`. What does not stand in the scenario as groups
/// and apps (traces, manifests, single jobs) is the same at every scale.
pub(super) fn worlds(
    file: &ScenarioFile,
    end: SimTime,
    apps: &[&str],
    folder: &Path,
    budgets: &Budgets,
) -> Result<Vec<BandWorld>> {
    let Some(band) = &file.band else { return Ok(Vec::new()) };
    for name in &band.runaway {
        if !apps.contains(&name.value.as_str()) {
            return Err(name.refuse(unknown_name("app", name, apps)).in_field("band.runaway"));
        }
    }
    let one = [At::from(Share(1000))];
    let scales = if band.scales.is_empty() { &one[..] } else { &band.scales };
    let mut worlds: Vec<BandWorld> = Vec::with_capacity(scales.len());
    for scale in scales {
        let milli = scale.value.0;
        if milli == 0 || milli > MOST_SCALE {
            let what = format!("hosts times {} are none or too many; from 0.001 to 1000 will do", scale.value);
            return Err(scale.refuse(what).in_field("band.scales"));
        }
        if worlds.iter().any(|world| world.scale_milli == milli) {
            return Err(scale.refuse(format!("scale {} stands twice", scale.value)).in_field("band.scales"));
        }
        let setup = resolve(&scaled(file, milli, end), folder, budgets)
            .map_err(|why| why.in_field(format!("band, at scale {}", scale.value)))?
            .setup;
        worlds.push(BandWorld {
            scale_milli: milli,
            setup,
            runaway: band.runaway.iter().map(|n| n.value.clone()).collect(),
        });
    }
    Ok(worlds)
}

/// `file` without a band, its groups of hosts and its apps times `milli` thousandths.
fn scaled(file: &ScenarioFile, milli: u32, end: SimTime) -> ScenarioFile {
    let times = |count: Option<u32>| {
        let exact = u64::from(count.unwrap_or(1)) * u64::from(milli);
        Some(u32::try_from((exact + 500) / 1000).unwrap_or(u32::MAX).max(1))
    };
    let mut scaled = file.clone();
    scaled.band = None;
    scaled.horizon = Some(Length(end.since(SimTime::ZERO)).into());
    for group in &mut scaled.cluster.value.hosts {
        group.value.count = times(group.value.count.filter(|&count| count > 0));
    }
    for app in &mut scaled.workload.value.apps {
        app.value.replicas = times(app.value.replicas.filter(|&replicas| replicas > 0));
    }
    scaled
}
