//! The charts: one row and one file each. A chart is text (SVG), the same bytes every time.

use crate::experiment::Experiment;

pub mod cpu_heat;
pub mod kills;
pub mod memory_heat;
pub mod overload;
pub mod store_latency;
pub mod unserved;

/// A chart.
#[derive(Clone, Copy)]
pub struct ChartInfo {
    /// Its name.
    pub name: &'static str,
    /// Its file in a results directory.
    pub file: &'static str,
    /// Its title in the report.
    pub title: &'static str,
    /// What it shows, in one line.
    pub summary: &'static str,
    /// Whether it belongs to an experiment; it is left out of others.
    pub belongs: fn(&Experiment) -> bool,
    /// Draws it; never panics, whatever the experiment lacks.
    pub draw: fn(&Experiment) -> String,
}

/// All charts, in reading order.
pub const CHARTS: &[ChartInfo] =
    &[unserved::CHART, overload::CHART, cpu_heat::CHART, memory_heat::CHART, kills::CHART, store_latency::CHART];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn charts_are_well_formed_whatever_the_names_and_whatever_is_missing() {
        for experiment in
            [fixture::plain(), fixture::hostile(), fixture::bare(), fixture::without_runs(), fixture::without_time()]
        {
            for chart in CHARTS {
                let text = (chart.draw)(&experiment);
                fixture::check_xml(&text);
                assert!(text.starts_with("<svg ") && text.contains("role=\"img\"") && text.contains("<title>"));
                assert!(!text.contains("<img") && !text.contains("NaN") && text.len() < 400_000, "{}", chart.name);
            }
        }
    }

    #[test]
    fn every_chart_has_a_file_of_its_name() {
        for (i, chart) in CHARTS.iter().enumerate() {
            assert_eq!(chart.file, format!("{}.svg", chart.name));
            assert!(CHARTS[..i].iter().all(|other| other.name != chart.name));
        }
    }

    #[test]
    fn many_hosts_share_rows_and_the_picture_stays_small() {
        let experiment = fixture::many();
        let text = (cpu_heat::CHART.draw)(&experiment);
        assert!(text.contains("700 hosts share rows, up to 12 a row"));
        assert!(text.len() < 400_000, "{}", text.len());
    }
}
