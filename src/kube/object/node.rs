//! Node objects.

use crate::error::Result;
use crate::kube::object::meta::Meta;
use crate::kube::object::read::{At, Ignored};
use crate::kube::object::resources::Resources;
use crate::kube::object::selector::Labels;

/// What a taint does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// New pods stay away.
    NoSchedule,
    /// New pods rather stay away.
    PreferNoSchedule,
    /// Running pods leave as well.
    NoExecute,
}

impl Effect {
    /// Reads the API's spelling.
    pub fn read(at: &At<'_>) -> Result<Self> {
        match at.text()? {
            "NoSchedule" => Ok(Effect::NoSchedule),
            "PreferNoSchedule" => Ok(Effect::PreferNoSchedule),
            "NoExecute" => Ok(Effect::NoExecute),
            other => Err(at.error(crate::error::unknown_name(
                "effect",
                other,
                &["NoSchedule", "PreferNoSchedule", "NoExecute"],
            ))),
        }
    }
}

/// A taint of a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Taint {
    /// Key.
    pub key: String,
    /// Value; may be empty.
    pub value: String,
    /// Effect.
    pub effect: Effect,
}

/// An image that a node reports.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NodeImage {
    /// All its names.
    pub names: Vec<String>,
    /// Size in bytes.
    pub size_bytes: i64,
}

/// A node, validated.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Node {
    /// Name.
    pub name: String,
    /// Labels.
    pub labels: Labels,
    /// Taints, in order.
    pub taints: Vec<Taint>,
    /// `spec.unschedulable`: cordoned.
    pub unschedulable: bool,
    /// What may be requested.
    pub allocatable: Resources,
    /// Images on it.
    pub images: Vec<NodeImage>,
    /// GPU devices, for plugins that share them out. Not of the API.
    pub gpus: u16,
    /// Annotations of this program's own, `plimsoll/…`.
    pub annotations: Labels,
    /// What the condition Ready says, if it is there. The scheduler goes by the taint that follows from it.
    pub ready: Option<bool>,
}

impl Node {
    /// Reads a Node object. Allocatable defaults to capacity (`SetDefaults_NodeStatus`).
    pub fn read(at: &At<'_>, ignored: &mut Ignored) -> Result<Node> {
        let mut fields = at.object()?;
        fields.skip(&["apiVersion", "kind"]);
        let meta = Meta::take(&mut fields)?;
        let mut node = Node { name: meta.name, labels: meta.labels, annotations: meta.annotations, ..Node::default() };
        if let Some(spec) = fields.get("spec") {
            let mut spec = spec.object()?;
            node.unschedulable = spec.get("unschedulable").map(|u| u.boolean()).transpose()?.unwrap_or(false);
            if let Some(taints) = spec.get("taints") {
                for taint in taints.list()? {
                    let mut fields = taint.object()?;
                    fields.skip(&["timeAdded"]);
                    node.taints.push(Taint {
                        key: fields.need("key")?.text()?.to_string(),
                        value: fields.text("value")?.unwrap_or_default().to_string(),
                        effect: Effect::read(&fields.need("effect")?)?,
                    });
                    fields.finish("Node", ignored);
                }
            }
            spec.skip(&["podCIDR", "podCIDRs", "providerID", "externalID", "configSource"]);
            spec.finish("Node", ignored);
        }
        if let Some(status) = fields.get("status") {
            let mut status = status.object()?;
            let capacity = status.get("capacity");
            let allocatable = status.get("allocatable").or(capacity);
            if let Some(list) = allocatable {
                let mut list = list.resources()?;
                list.values_mut().for_each(|q| *q = q.rounded_to_milli());
                node.allocatable = Resources::of(&list);
            }
            for condition in status.get("conditions").map(|c| c.list()).transpose()?.unwrap_or_default() {
                let mut fields = condition.object()?;
                if fields.text("type")? == Some("Ready") {
                    node.ready = Some(fields.text("status")? == Some("True"));
                }
            }
            if let Some(images) = status.get("images") {
                for image in images.list()? {
                    let mut fields = image.object()?;
                    node.images.push(NodeImage {
                        names: fields.get("names").map(|n| n.text_list()).transpose()?.unwrap_or_default(),
                        size_bytes: fields.get("sizeBytes").map(|n| n.integer()).transpose()?.unwrap_or(0),
                    });
                    fields.finish("Node", ignored);
                }
            }
        }
        fields.finish("Node", ignored);
        Ok(node)
    }

    /// The zone key by which the cache deals nodes out: `GetZoneKey` (`component-helpers/node/topology` v0.36.3).
    /// The old labels win where they are there.
    pub fn zone_key(&self) -> String {
        let label = |old: &str, new: &str| {
            self.labels.get(old).or_else(|| self.labels.get(new)).map(String::as_str).unwrap_or_default()
        };
        let zone = label("failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/zone");
        let region = label("failure-domain.beta.kubernetes.io/region", "topology.kubernetes.io/region");
        if zone.is_empty() && region.is_empty() { String::new() } else { format!("{region}:\0:{zone}") }
    }
}

/// What a pod puts up with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Toleration {
    /// Key; empty tolerates every key.
    pub key: String,
    /// How the value is compared.
    pub operator: TolerationOperator,
    /// Value for `Equal`.
    pub value: String,
    /// Effect; `None` tolerates every effect.
    pub effect: Option<Effect>,
    /// How long a `NoExecute` taint is tolerated; `None`: for ever.
    pub seconds: Option<i64>,
}

/// How a toleration compares values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TolerationOperator {
    /// The values are equal (the default).
    Equal,
    /// Any value.
    Exists,
    /// Numeric comparison, behind a feature gate that is off in 1.36: never tolerates.
    Comparison,
}

impl Toleration {
    /// Reads a toleration.
    pub fn read(at: &At<'_>, ignored: &mut Ignored) -> Result<Self> {
        let mut fields = at.object()?;
        let operator = match fields.get("operator") {
            None => TolerationOperator::Equal,
            Some(at) => match at.text()? {
                "" | "Equal" => TolerationOperator::Equal,
                "Exists" => TolerationOperator::Exists,
                "Gt" | "Lt" => TolerationOperator::Comparison,
                other => {
                    return Err(at.error(crate::error::unknown_name("operator", other, &["Equal", "Exists"])));
                }
            },
        };
        let key = fields.text("key")?.unwrap_or_default().to_string();
        if key.is_empty() && operator != TolerationOperator::Exists {
            return Err(at.error("a toleration without a key needs the operator Exists"));
        }
        let value = fields.get("value");
        if let Some(value) = value.filter(|value| operator == TolerationOperator::Exists && value.value != "") {
            return Err(value.error("a toleration with the operator Exists takes no value"));
        }
        let toleration = Toleration {
            key,
            operator,
            value: fields.text("value")?.unwrap_or_default().to_string(),
            effect: fields.get("effect").filter(|e| e.value != "").map(|e| Effect::read(&e)).transpose()?,
            seconds: fields.get("tolerationSeconds").map(|s| s.integer()).transpose()?,
        };
        fields.finish("Pod", ignored);
        Ok(toleration)
    }

    /// `Toleration.ToleratesTaint` (`api/core/v1/toleration.go` v0.36.3) with the comparison operators off.
    pub fn tolerates(&self, taint: &Taint) -> bool {
        if self.effect.is_some_and(|effect| effect != taint.effect) {
            return false;
        }
        if !self.key.is_empty() && self.key != taint.key {
            return false;
        }
        match self.operator {
            TolerationOperator::Equal => self.value == taint.value,
            TolerationOperator::Exists => true,
            TolerationOperator::Comparison => false,
        }
    }
}
