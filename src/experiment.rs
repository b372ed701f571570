//! Runs: what is run, side by side on threads, and what comes out.

pub mod attribute;
mod band;
mod demand;
pub mod interval;
mod result;
mod run;
pub mod seeds;

pub use crate::metrics::{
    AppReach, EndRow, HostTrack, Lack, LifeRow, LoadStep, OverRow, Record, TimelineBucket, TrackBucket,
};
pub use band::{BandRow, Side, band_len, run_band};
pub use demand::{DemandRun, run_demand};
pub use interval::Interval;
pub use result::{AppResult, Choice, Experiment, JobSize, PartResult, RunLabel, RunResult};
pub use run::{RunFlags, digest_of, run_all, run_one};
pub use seeds::{Difference, SeedStudy, run_seeds};
