//! Runs: what is run, side by side on threads, and what comes out.

mod result;

pub use result::{
    AppResult, Choice, EndRow, Experiment, HostTrack, LifeRow, Record, RunLabel, RunResult, TimelineBucket, TrackBucket,
};
