//! Hosts over time by memory in use.

use super::ChartInfo;
use crate::report::draw::heat::{HeatMap, draw};

/// The row.
pub const CHART: ChartInfo = ChartInfo {
    name: "memory_heat",
    file: "memory_heat.svg",
    title: TITLE,
    summary: "Hosts over time: memory in use over capacity, highest of each stretch",
    belongs: |_| true,
    draw: |experiment| {
        draw(
            experiment,
            &HeatMap {
                title: TITLE,
                // Memory kills at its peak, so the peak is shown and not the mean.
                cell: "Colour is the highest memory in use over the host's memory",
                load: |host, bucket| bucket.memory_used_bytes_max / host.memory_capacity_bytes,
            },
        )
    },
};

const TITLE: &str = "Memory use of each host over time";
