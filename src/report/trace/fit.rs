//! How like its source a generated trace is, as a table to read.

use super::aligned;
use crate::report::figures::{duration, number, percent};
use crate::workload::generator::{Fitted, Goodness};

/// What was seen in the source and how near the result comes.
pub fn text(fitted: &Fitted, found: &Goodness) -> String {
    let mut out = format!(
        "source: {} groups of jobs that arrive together, {} apart in the mean, coefficient of variation {}{}\n",
        fitted.groups,
        duration(fitted.between_groups_mean_s),
        number(fitted.between_groups_cv),
        fitted.hourly_dispersion.map_or(String::new(), |d| format!(
            "; hourly counts of jobs vary {} times as much as a Poisson process's",
            number(d)
        )),
    );
    match &fitted.day {
        Some(day) => {
            let (mut least, mut most) = (0, 0);
            for hour in 0..24 {
                least = if day[hour] < day[least] { hour } else { least };
                most = if day[hour] > day[most] { hour } else { most };
            }
            out.push_str(&format!(
                "daily curve: from {} of the mean in hour {least} to {} in hour {most}, counted from time 0\n",
                percent(day[least]),
                percent(day[most])
            ));
        }
        None => out.push_str("daily curve: none; the source has less than two days or 240 groups\n"),
    }
    if let Some([cpu, memory, length]) = fitted.log_normal {
        out.push_str(&format!(
            "log-normal fits (median, sigma): CPU {} cores, {}; memory {} GiB, {}; duration {}, {}\n",
            number(cpu.median),
            number(cpu.sigma),
            number(memory.median),
            number(memory.sigma),
            duration(length.median),
            number(length.sigma)
        ));
    }
    if fitted.after_ignored > 0 {
        out.push_str(&format!(
            "left out: {} jobs of the source wait for others; those made do not\n",
            fitted.after_ignored
        ));
    }
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<String>>();
    let mut rows = vec![words(&["source / generated", "p10", "p50", "p90", "p99", "mean", "KS"])];
    for row in &found.margins {
        let pair = |a: f64, b: f64| format!("{} / {}", number(a), number(b));
        let (s, m) = (&row.source, &row.made);
        rows.push(vec![
            row.name.to_owned(),
            pair(s.p10, m.p10),
            pair(s.p50, m.p50),
            pair(s.p90, m.p90),
            pair(s.p99, m.p99),
            pair(s.mean, m.mean),
            format!("{:.3}", row.ks),
        ]);
    }
    out.push('\n');
    out.push_str(&aligned(&rows));
    out.push_str("KS: largest difference of the shares below any value; 0 the same, 1 nothing in common\n");
    let or_dash = |value: Option<f64>| value.map_or("-".into(), number);
    for (head, pairs) in [("rank correlation (batch jobs)", &found.correlations), ("", &found.totals)] {
        let mut rows = vec![words(&[head, "source", "generated"])];
        rows.extend(pairs.iter().map(|p| vec![p.name.to_owned(), or_dash(p.source), or_dash(p.made)]));
        out.push('\n');
        out.push_str(&aligned(&rows));
    }
    out
}
