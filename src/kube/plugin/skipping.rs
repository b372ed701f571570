//! Plugins that keep their real places and skip: volumes, resource claims, declared features and binding. They act on
//! objects that this library does not read, and say Skip for every pod without them, as the real ones do.

use crate::kube::framework::{
    Cycle, CycleState, Diagnosis, Filter, FilterResult, Framework, NormalizeScore, Plugin, PluginInfo, Point,
    PostFilter, PostFilterOutcome, PreFilter, PreFilterOutcome, PreScore, Score, Status,
};
use crate::kube::plugin::{default_normalize, default_normalize_arithmetic};
use crate::kube::preemption::Nominator;
use crate::kube::snapshot::NodeInfo;

const fn skipping(name: &'static str, summary: &'static str, points: &'static [Point]) -> PluginInfo {
    PluginInfo { name, weight: None, summary, points, modelled: false, build: |_| Ok(Box::new(Skipping)) }
}

/// `volumerestrictions/volume_restrictions.go`.
pub const VOLUME_RESTRICTIONS: PluginInfo =
    skipping("VolumeRestrictions", "volumes that only one node may use; skips", &[Point::PreFilter, Point::Filter]);
/// `nodevolumelimits/csi.go`.
pub const NODE_VOLUME_LIMITS: PluginInfo =
    skipping("NodeVolumeLimits", "attachable volumes a node; skips", &[Point::PreFilter, Point::Filter]);
/// `volumebinding/volume_binding.go`.
pub const VOLUME_BINDING: PluginInfo = skipping(
    "VolumeBinding",
    "claims that are bound with the pod; skips",
    &[Point::PreFilter, Point::Filter, Point::Reserve, Point::PreBind, Point::PreScore, Point::Score],
);
/// `volumezone/volume_zone.go`.
pub const VOLUME_ZONE: PluginInfo =
    skipping("VolumeZone", "volumes that live in a zone; skips", &[Point::PreFilter, Point::Filter]);
/// `nodedeclaredfeatures/nodedeclaredfeatures.go`.
pub const NODE_DECLARED_FEATURES: PluginInfo =
    skipping("NodeDeclaredFeatures", "features a node declares; skips", &[Point::PreFilter, Point::Filter]);
/// `defaultbinder/default_binder.go`.
pub const DEFAULT_BINDER: PluginInfo =
    skipping("DefaultBinder", "writes the binding; nothing to decide", &[Point::Bind]);

/// `dynamicresources/dynamicresources.go`: skips its filter, scores 0 everywhere, and has its say in PostFilter.
pub const DYNAMIC_RESOURCES: PluginInfo = PluginInfo {
    name: "DynamicResources",
    weight: Some(2),
    summary: "resource claims; skips, scores 0, and finds no claim to deallocate",
    points: &[
        Point::PreEnqueue,
        Point::PreFilter,
        Point::Filter,
        Point::PostFilter,
        Point::Score,
        Point::Reserve,
        Point::PreBind,
    ],
    modelled: false,
    build: |_| Ok(Box::new(DynamicResources)),
};

/// A plugin that skips wherever it acts.
pub struct Skipping;

impl Plugin for Skipping {
    fn pre_filter(&self) -> Option<&dyn PreFilter> {
        Some(self)
    }
    fn filter(&self) -> Option<&dyn Filter> {
        Some(self)
    }
    fn pre_score(&self) -> Option<&dyn PreScore> {
        Some(self)
    }
    fn score(&self) -> Option<&dyn Score> {
        Some(self)
    }
}

impl PreFilter for Skipping {
    fn pre_filter(&self, _: &Cycle<'_>, _: &mut CycleState) -> PreFilterOutcome {
        PreFilterOutcome::Skip
    }
}

impl Filter for Skipping {
    fn filter(&self, _: &Cycle<'_>, _: &CycleState, _: &NodeInfo) -> FilterResult {
        Ok(())
    }
    fn remedy(&self, _: &Cycle<'_>, _: &CycleState, _: &NodeInfo) -> Option<String> {
        None
    }
}

impl PreScore for Skipping {
    fn pre_score(&self, _: &Cycle<'_>, _: &mut CycleState, _: &[&NodeInfo]) -> bool {
        false
    }
}

impl Score for Skipping {
    fn score(&self, _: &Cycle<'_>, _: &CycleState, _: &NodeInfo) -> Result<i64, Status> {
        Ok(0)
    }
    fn arithmetic(&self, _: &Cycle<'_>, _: &CycleState, _: &NodeInfo) -> String {
        "nothing to score = 0".into()
    }
}

/// See [`DYNAMIC_RESOURCES`].
pub struct DynamicResources;

/// PreFilter ran: PostFilter fails with "not found" otherwise.
#[derive(Clone)]
struct State;

impl Plugin for DynamicResources {
    fn pre_filter(&self) -> Option<&dyn PreFilter> {
        Some(self)
    }
    fn filter(&self) -> Option<&dyn Filter> {
        Some(self)
    }
    fn post_filter(&self) -> Option<&dyn PostFilter> {
        Some(self)
    }
    fn score(&self) -> Option<&dyn Score> {
        Some(self)
    }
}

impl PreFilter for DynamicResources {
    fn pre_filter(&self, _: &Cycle<'_>, state: &mut CycleState) -> PreFilterOutcome {
        state.write(State);
        PreFilterOutcome::Skip
    }
}

impl Filter for DynamicResources {
    fn filter(&self, _: &Cycle<'_>, _: &CycleState, _: &NodeInfo) -> FilterResult {
        Ok(())
    }
    fn remedy(&self, _: &Cycle<'_>, _: &CycleState, _: &NodeInfo) -> Option<String> {
        None
    }
}

impl PostFilter for DynamicResources {
    fn post_filter(
        &self,
        _: &Framework,
        _: &Cycle<'_>,
        state: &CycleState,
        _: &Nominator,
        _: &Diagnosis<'_>,
    ) -> PostFilterOutcome {
        // After a rejection by an earlier PreFilter its own never ran, its state is missing, and no preemption is
        // tried: recorded as the message "… pod affinity terms conflict. not found".
        if state.read::<State>().is_none() {
            return PostFilterOutcome::Error("not found".into());
        }
        let reasons = vec!["no new claims to deallocate".to_string()];
        PostFilterOutcome::Unschedulable { reasons, reset: false, tried: None }
    }
}

impl Score for DynamicResources {
    fn score(&self, _: &Cycle<'_>, _: &CycleState, _: &NodeInfo) -> Result<i64, Status> {
        Ok(0)
    }
    fn arithmetic(&self, _: &Cycle<'_>, _: &CycleState, _: &NodeInfo) -> String {
        "nothing to score = 0".into()
    }
    fn normalize(&self) -> Option<&dyn NormalizeScore> {
        Some(self)
    }
}

impl NormalizeScore for DynamicResources {
    fn normalize_score(&self, _: &CycleState, _: &[&NodeInfo], scores: &mut [i64]) {
        default_normalize(scores, false);
    }

    fn arithmetic(&self, _: &CycleState, _: &NodeInfo, raw: &[i64], score: i64) -> String {
        default_normalize_arithmetic(raw, score, false)
    }
}
