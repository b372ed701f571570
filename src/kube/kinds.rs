//! Pods that other pods cannot tell apart, counted as one kind.
//!
//! Spreading and affinity ask of every pod on every node whether a selector matches it. Replicas all give the same
//! answer, so that it is worked out once a kind and cycle. Not in kube-scheduler, and without a say in any decision.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::kube::object::pod::Pod;
use crate::kube::snapshot::NodeInfo;

/// A pod that was put on a node by itself, not by the cache: asked for itself.
pub(super) const NO_KIND: u32 = u32::MAX;

/// A pod in the order of what selectors see of it.
#[derive(Clone, Debug)]
struct Key(Arc<Pod>);

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |pod: &'_ Pod| (pod.deleting, pod.labels.len());
        key(&self.0)
            .cmp(&key(&other.0))
            .then_with(|| self.0.namespace.cmp(&other.0.namespace))
            .then_with(|| self.0.labels.cmp(&other.0.labels))
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Key {}

/// The kinds that the cache holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Kinds {
    /// Kinds by what selectors see; those of one entry differ in their own terms.
    ids: BTreeMap<Key, Vec<u32>>,
    /// By id: one pod of the kind, and how many there are. Ids of kinds without pods are given out again.
    kinds: Vec<(Key, usize)>,
    free: Vec<u32>,
}

impl Kinds {
    /// The kind of one more pod.
    pub(super) fn enter(&mut self, pod: &Arc<Pod>) -> u32 {
        let key = Key(Arc::clone(pod));
        let same = |kind: &&mut u32| {
            let other = &self.kinds[**kind as usize].0.0;
            other.affinity == pod.affinity && other.anti_affinity == pod.anti_affinity
        };
        if let Some(id) = self.ids.get_mut(&key).and_then(|ids| ids.iter_mut().find(same)).copied() {
            self.kinds[id as usize].1 += 1;
            return id;
        }
        let id = match self.free.pop() {
            Some(id) => {
                self.kinds[id as usize] = (key.clone(), 1);
                id
            }
            None => {
                self.kinds.push((key.clone(), 1));
                u32::try_from(self.kinds.len() - 1).expect("fewer than 2^32 kinds of pods")
            }
        };
        self.ids.entry(key).or_default().push(id);
        id
    }

    /// Whether there are no pods.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// One pod of the kind less.
    pub(super) fn leave(&mut self, id: u32) {
        let (key, count) = &mut self.kinds[id as usize];
        *count -= 1;
        if *count == 0 {
            let ids = self.ids.get_mut(key).expect("a kind with pods is listed");
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.ids.remove(key);
            }
            self.free.push(id);
        }
    }
}

/// Answers by kind, for one question in one cycle.
#[derive(Clone, Debug)]
pub struct Memo<T>(Vec<Option<T>>);

impl<T> Default for Memo<T> {
    fn default() -> Self {
        Memo(Vec::new())
    }
}

impl<T: Copy> Memo<T> {
    /// The answer for the `i`-th pod of a node: `ask` looks at nothing but namespace, labels, `deleting`, and the terms
    /// of affinity and anti-affinity of the pod.
    #[inline]
    pub fn get(&mut self, node: &NodeInfo, i: usize, ask: impl FnOnce(&Pod) -> T) -> T {
        let kind = node.kinds()[i];
        if kind == NO_KIND {
            return ask(&node.pods[i]);
        }
        let kind = kind as usize;
        if kind >= self.0.len() {
            self.0.resize(kind + 1, None);
        }
        *self.0[kind].get_or_insert_with(|| ask(&node.pods[i]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube::hint::tests::pod;

    #[test]
    fn a_kind_is_what_selectors_and_terms_see_and_its_id_is_given_out_again() {
        let mut kinds = Kinds::default();
        let of = |labels: &str, spec: &str| Arc::new(pod("p", labels, spec));
        let web = of("app: web", "");
        let a = kinds.enter(&web);
        assert_eq!(kinds.enter(&of("app: web", "nodeName: m")), a);
        let term = "{topologyKey: zone, labelSelector: {matchLabels: {app: web}}}";
        let shy =
            format!("affinity: {{podAntiAffinity: {{requiredDuringSchedulingIgnoredDuringExecution: [{term}]}}}}");
        let b = kinds.enter(&of("app: web", &shy));
        let c = kinds.enter(&Arc::new(Pod { deleting: true, ..(*web).clone() }));
        let d = kinds.enter(&Arc::new(Pod { namespace: "other".into(), ..(*web).clone() }));
        assert_eq!([a, b, c, d], [0, 1, 2, 3]);
        kinds.leave(b);
        assert_eq!(kinds.enter(&of("app: db", "")), b);
        kinds.leave(a);
        assert_eq!(kinds.enter(&web), a);
    }
}
