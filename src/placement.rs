//! Placements: the rule that picks one host for one job.

/// A row of the table of placements.
#[derive(Debug)]
pub struct PlacementInfo {
    /// Name everywhere.
    pub name: &'static str,
    /// One line for `list`, `--help` and the README.
    pub summary: &'static str,
    /// Whether it only takes hosts whose free requests hold the job.
    pub looks_at_requests: bool,
}

macro_rules! row {
    ($name:literal) => {
        PlacementInfo { name: $name, summary: "", looks_at_requests: false }
    };
}
/// The placements.
pub const PLACEMENTS: &[PlacementInfo] = &[
    row!("first-fit"),
    row!("best-fit"),
    row!("worst-fit"),
    row!("round-robin"),
    row!("random"),
    row!("least-jobs"),
    row!("least-of-type"),
    row!("kube-default"),
];

/// The placement of that name.
pub fn placement(name: &str) -> Option<&'static PlacementInfo> {
    PLACEMENTS.iter().find(|p| p.name == name)
}
