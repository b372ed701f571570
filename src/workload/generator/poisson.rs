//! Independent jobs at a constant mean rate: the plainest load there is, with nothing daily and no bursts in it.

use std::fmt::Write;

use super::{GeneratorInfo, GeneratorParams, Shape, micros};
use crate::error::Result;
use crate::rng::{Purpose, Seed};
use crate::units::SimTime;
use crate::workload::{LikeJob, WorkloadBuilder};

pub(super) const INFO: GeneratorInfo = GeneratorInfo {
    name: "poisson",
    summary: "independent jobs at a constant mean rate, log-normal durations and CPU requests, memory by core",
    make,
};

fn make(params: &GeneratorParams, seed: Seed, builder: &mut WorkloadBuilder) -> Result<()> {
    let mut arrivals = seed.stream(Purpose::Arrival, 0);
    let app_name = if params.common_app { "poisson" } else { "" };
    let app = builder.app(app_name)?;
    let mut now_s = 0.0;
    let mut name = String::new();
    // The specs of a batch job and of a service, once there was one.
    let mut known = [None; 2];
    for i in 0..params.jobs {
        now_s += arrivals.exponential() / params.rate_per_second;
        let mut dice = seed.stream(Purpose::Shape, i);
        let shape = Shape::draw(params, &mut dice);
        let lasts = shape.lasts(params, &mut dice);
        name.clear();
        write!(name, "poisson-{i:07}").expect("a string takes all");
        let known = &mut known[usize::from(shape.service)];
        match *known {
            Some(spec) => {
                let like = LikeJob {
                    name: &name,
                    app,
                    arrival: SimTime(micros(now_s)),
                    duration: lasts,
                    cpu_request: shape.cpu,
                    memory_request: shape.memory,
                    cpu_limit: None,
                    memory_limit: None,
                };
                builder.push_like(&like, spec)?;
            }
            None => {
                let mut job = shape.job(name.clone(), micros(now_s), lasts);
                job.app = app_name.into();
                builder.push(job)?;
                *known = builder.last_spec();
            }
        }
    }
    Ok(())
}
