//! Independent jobs at a constant mean rate: the plainest load there is, with nothing daily and no bursts in it.

use super::{GeneratorInfo, GeneratorParams, Shape, micros};
use crate::error::Result;
use crate::rng::{Purpose, Seed};
use crate::workload::WorkloadBuilder;

pub(super) const INFO: GeneratorInfo = GeneratorInfo {
    name: "poisson",
    summary: "independent jobs at a constant mean rate, log-normal durations and CPU requests, memory by core",
    make,
};

fn make(params: &GeneratorParams, seed: Seed, builder: &mut WorkloadBuilder) -> Result<()> {
    let mut arrivals = seed.stream(Purpose::Arrival, 0);
    let mut now_s = 0.0;
    for i in 0..params.jobs {
        now_s += arrivals.exponential() / params.rate_per_second;
        let mut dice = seed.stream(Purpose::Shape, i);
        let shape = Shape::draw(params, &mut dice);
        let mut job = shape.job(format!("poisson-{i:07}"), micros(now_s), params, &mut dice);
        job.app = "poisson".into();
        builder.push(job)?;
    }
    Ok(())
}
