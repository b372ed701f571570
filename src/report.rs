//! Reports: what an experiment looks like in files, on a terminal and in a browser.
//!
//! Every output of a results directory is one file in `output/` and one row of [`OUTPUTS`], every chart one file in
//! `chart/` and one row of [`CHARTS`] (a chart is an output by that row alone). Everything here takes an
//! [`Experiment`](crate::experiment::Experiment) and gives text; only [`dir`], `limited`, [`compare`] and [`trace::files`] touch files, and
//! nothing prints. No clock, host name, absolute path or thread count goes into any file.

pub mod answer;
pub mod attribution;
pub mod band;
pub mod bars;
pub mod chart;
pub mod compare;
pub mod curves;
pub mod dir;
mod draw;
pub mod export;
pub mod figures;
#[cfg(test)]
mod fixture;
mod inline;
pub mod kube;
mod limited;
pub mod output;
pub mod page;
pub mod player;
pub mod seeds;
pub mod store_latency;
pub mod table;
pub(crate) mod text;
pub mod trace;

pub use chart::{CHARTS, ChartInfo};
pub use dir::{
    DEFAULT_MAX_OUTPUT_BYTES, DirOptions, MARKER_FILE, MARKER_TEXT, Piece, check_dir, write_dir, write_files,
};
pub use export::{EXPORTS, ExportInfo, export};
pub use output::{OUTPUTS, OutputInfo, OutputKind};
pub use table::Style;
