//! Hosts over time by CPU demand.

use super::ChartInfo;
use crate::report::draw::heat::{HeatMap, draw};

/// The row.
pub const CHART: ChartInfo = ChartInfo {
    name: "cpu_heat",
    file: "cpu_heat.svg",
    title: TITLE,
    summary: "Hosts over time: CPU demanded within quotas over capacity, mean of each stretch",
    belongs: |_| true,
    draw: |experiment| {
        draw(
            experiment,
            &HeatMap {
                title: TITLE,
                cell: "Colour is the mean CPU demanded within quotas over the host's CPU",
                load: |host, bucket| bucket.cpu_demand_cores / host.cpu_capacity_cores,
            },
        )
    },
};

const TITLE: &str = "CPU demand of each host over time";
