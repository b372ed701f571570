//! Shapes: jobs that ask for the same CPU and GPUs are of one shape; how many there are of each is what a workload is like.

use std::collections::BTreeMap;

use super::Workload;
use crate::units::MilliCpu;

/// What jobs of a kind ask for, and how many there are of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shape {
    /// CPU request, milli-CPU.
    pub cpu: MilliCpu,
    /// Thousandths wanted of each of several GPUs; empty: none.
    pub gpus: Vec<u16>,
    /// GPU models that will do; empty: any.
    pub gpu_models: Vec<String>,
    /// How many jobs are of this shape, at least 1.
    pub jobs: u64,
}

impl Workload {
    /// The shapes of the jobs, most frequent first, equals by CPU, GPUs and models, smallest first. Where jobs were drawn
    /// from a list ([`inflation`](super::inflation)), those of the list.
    pub fn shapes(&self) -> Vec<Shape> {
        self.drawn_from.clone().unwrap_or_else(|| self.own_shapes())
    }

    pub(super) fn own_shapes(&self) -> Vec<Shape> {
        let mut counts: BTreeMap<(MilliCpu, &[u16], &[String]), u64> = BTreeMap::new();
        for job in self.ids() {
            let spec = self.spec(job);
            *counts.entry((self.cpu_request(job), &spec.gpus, &spec.gpu_models)).or_insert(0) += 1;
        }
        let shape = |((cpu, gpus, models), jobs): ((MilliCpu, &[u16], &[String]), u64)| Shape {
            cpu,
            gpus: gpus.to_vec(),
            gpu_models: models.to_vec(),
            jobs,
        };
        let mut shapes: Vec<Shape> = counts.into_iter().map(shape).collect();
        // Stable: equals stay in the order of the map.
        shapes.sort_by_key(|shape| std::cmp::Reverse(shape.jobs));
        shapes
    }
}
