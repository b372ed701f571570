//! `curves.csv` and `comparison.csv`.

use std::io::{self, Write};

use super::{Finding, Study};
use crate::report::output::csv_writer;

/// Curves in the form of the artefact: `metric,policy,seed`, then a column per whole per cent of demand arrived; blank where
/// nothing arrived.
pub fn curves(study: &Study<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut csv = csv_writer(out);
    let columns = study.columns();
    let mut record: Vec<String> = ["metric", "policy", "seed"].map(String::from).to_vec();
    record.extend(columns.iter().map(u32::to_string));
    csv.write_record(&record)?;
    for figure in study.figures() {
        for policy in &study.policies {
            for curve in study.of(policy) {
                record.clear();
                record.extend([figure.name(study.paper.of).to_owned(), policy.clone(), curve.seed.to_string()]);
                record.extend(columns.iter().map(|percent| amount(curve.at(*figure, *percent))));
                csv.write_record(&record)?;
            }
        }
    }
    csv.flush()
}

/// A row per comparison.
pub fn comparison(study: &Study<'_>, findings: &[Finding], out: &mut dyn Write) -> io::Result<()> {
    let mut csv = csv_writer(out);
    csv.write_record([
        "policy",
        "seed",
        "metric",
        "columns_compared",
        "arrived_pct",
        "ours_pct",
        "published_pct",
        "difference_pp",
        "allowed_pp",
        "verdict",
    ])?;
    for row in findings.iter().flat_map(|finding| &finding.rows) {
        csv.write_record([
            row.policy.as_str(),
            &row.seed.map_or("mean".to_owned(), |seed| seed.to_string()),
            row.figure.name(study.paper.of),
            &row.columns.to_string(),
            &row.percent.to_string(),
            &amount(row.ours),
            // A file may hold more decimals than are printed.
            &row.theirs.to_string(),
            &row.difference().map_or(String::new(), |d| format!("{d:.3}")),
            &amount(row.allowed),
            row.verdict.name(),
        ])?;
    }
    csv.flush()
}

fn amount(x: Option<f64>) -> String {
    x.map_or(String::new(), |x| format!("{x:.2}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paper::compare::tests::{curve, study};
    use crate::paper::{Expected, compare};

    #[test]
    fn our_curves_are_read_back_and_are_reproduced() {
        let ours = study(vec![curve("FGD", 7, &[(0, 0.5), (131, 93.756)])], None, true);
        let mut text = Vec::new();
        curves(&ours, &mut text).unwrap();
        let lines = String::from_utf8(text.clone()).unwrap();
        assert!(lines.starts_with("metric,policy,seed,0,1,2,"), "{lines}");
        assert!(lines.contains(",130,131\n") && lines.contains("\ngpu_alloc_pct,FGD,7,0.50,"), "{lines}");
        assert_eq!(lines.lines().count(), 4);
        let theirs = Expected::parse(&text, ours.paper.of, &ours.policies).unwrap();
        let ours = Study { expected: Some(&theirs), ..ours };
        let findings = compare(&ours);
        assert_eq!(findings[0].verdict.name(), "reproduced");
        let mut table = Vec::new();
        comparison(&ours, &findings, &mut table).unwrap();
        let table = String::from_utf8(table).unwrap();
        assert_eq!(table.lines().nth(1), Some("FGD,7,gpu_alloc_pct,2,0,0.50,0.5,0.000,0.01,reproduced"));
        assert_eq!(table.lines().count(), 4);
    }
}
