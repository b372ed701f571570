//! A bar a run: one metric of a claim.

use crate::experiment::Experiment;
use crate::report::bars::{Bar, bars};
use crate::report::figures::Unit;

/// The figure of `metric`, titled by its summary.
pub(super) fn draw(experiment: &Experiment, metric: &str) -> String {
    let info = crate::metrics::metrics().find(|info| info.name == metric);
    let title = info.map_or(metric, |info| info.summary);
    let values: Vec<f64> = experiment
        .runs
        .iter()
        .map(|run| run.metric(metric).and_then(|value| value.number()).filter(|x| x.is_finite()).unwrap_or(0.0))
        .collect();
    let kind = Unit::of_metric(metric);
    let (divisor, unit) = kind.scale(values.iter().copied().fold(0.0, f64::max));
    let rows: Vec<Bar> = experiment
        .runs
        .iter()
        .zip(&values)
        .map(|(run, &value)| Bar { name: run.label.name.clone(), value, text: kind.show(value, divisor) })
        .collect();
    bars(title, unit, &rows)
}
