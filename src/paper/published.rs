//! What is published of an experiment, as facts.

/// Columns in which means are published and compared: percent of the cluster's resource that has arrived as demand.
pub const COLUMNS: [u32; 7] = [80, 90, 95, 100, 110, 120, 130];
/// Columns in which the share of idle GPU that is fragmented is published as a mean (without its spread).
pub const FRAGMENT_COLUMNS: [u32; 8] = [0, 40, 60, 80, 90, 95, 100, 130];

/// Published figures of one policy, over ten seeds.
#[derive(Clone, Copy, Debug)]
pub struct Published {
    /// The policy, as the artefact calls it.
    pub policy: &'static str,
    /// Allocated, percent of the cluster: mean and standard deviation in each of [`COLUMNS`].
    pub allocated: [(f64, f64); 7],
    /// Fragmented, percent of what is idle: mean in each of [`FRAGMENT_COLUMNS`].
    pub fragmented: [f64; 8],
}

/// The default list of jobs, seeds 42 to 51. Source: `analysis_allo_discrete.csv` and `analysis_frag_ratio_discrete.csv`
/// of the artefact of the paper (hkust-adsl/kubernetes-scheduler-simulator), means and standard deviations (n - 1) over seeds.
pub const FGD_ATC23: &[Published] = &[
    Published {
        policy: "FGD",
        allocated: [
            (80.02, 0.02),
            (89.98, 0.05),
            (94.91, 0.06),
            (95.23, 0.11),
            (95.30, 0.10),
            (95.35, 0.10),
            (95.39, 0.08),
        ],
        fragmented: [13.92, 16.51, 19.90, 29.86, 49.97, 91.56, 99.07, 99.10],
    },
    Published {
        policy: "Random",
        allocated: [
            (78.66, 0.40),
            (85.02, 0.29),
            (85.72, 0.34),
            (86.30, 0.33),
            (86.88, 0.34),
            (87.28, 0.31),
            (87.47, 0.32),
        ],
        fragmented: [14.01, 24.89, 38.37, 74.64, 96.65, 97.67, 98.44, 99.18],
    },
    Published {
        policy: "DotProd",
        allocated: [
            (80.02, 0.02),
            (89.98, 0.05),
            (90.58, 0.19),
            (90.62, 0.19),
            (90.70, 0.20),
            (90.77, 0.20),
            (90.85, 0.20),
        ],
        fragmented: [14.12, 21.33, 28.57, 50.50, 94.18, 99.17, 99.19, 99.25],
    },
    Published {
        policy: "GpuClustering",
        allocated: [
            (80.02, 0.02),
            (89.98, 0.05),
            (91.61, 0.61),
            (91.65, 0.61),
            (91.73, 0.63),
            (91.80, 0.62),
            (91.88, 0.62),
        ],
        fragmented: [13.96, 21.67, 27.97, 46.86, 84.33, 98.36, 98.40, 98.47],
    },
    Published {
        policy: "GpuPacking",
        allocated: [
            (80.02, 0.02),
            (89.98, 0.05),
            (91.74, 0.53),
            (91.78, 0.53),
            (91.86, 0.55),
            (91.92, 0.55),
            (92.00, 0.54),
        ],
        fragmented: [13.96, 21.55, 27.80, 46.43, 83.60, 98.85, 98.88, 98.94],
    },
    Published {
        policy: "BestFit",
        allocated: [
            (80.02, 0.02),
            (89.99, 0.04),
            (92.82, 0.15),
            (92.86, 0.14),
            (92.94, 0.13),
            (93.00, 0.14),
            (93.08, 0.13),
        ],
        fragmented: [14.07, 19.47, 24.93, 41.49, 74.08, 98.81, 98.84, 98.92],
    },
];
