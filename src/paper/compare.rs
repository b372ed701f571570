//! Ours beside theirs: curve by curve where both had the same arrivals, else mean beside mean.

use super::Expected;
use super::published::COLUMNS;
use super::study::{Curve, Figure, Study, hundredths};
use crate::workload::inflation::Asked;

/// How far a column may be from a published one, percentage points: published values are rounded to 0.01, and so is a sample.
pub const NEAR: f64 = 0.01;
/// What sums of floats may add to a difference.
const SLACK: f64 = 1e-9;
/// Standard deviations that a mean may be from a published one.
pub const SPREADS: f64 = 2.0;

/// What came of a comparison.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Every column of every curve is the published one, but for rounding.
    Reproduced,
    /// Every mean is within [`SPREADS`] published standard deviations of the published one.
    Agrees,
    /// The policy draws by chance, so curves cannot be compared; its means agree.
    AgreesByChance,
    /// The policy draws by chance, so curves cannot be compared, and there is no spread to judge its means by.
    ByChance,
    /// Neither is so.
    Differs,
    /// There is nothing published to compare with.
    Nothing,
}

impl Verdict {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Reproduced => "reproduced",
            Verdict::Agrees => "agrees",
            Verdict::AgreesByChance => "not comparable draw by draw; mean agrees",
            Verdict::ByChance => "not comparable draw by draw",
            Verdict::Differs => "differs",
            Verdict::Nothing => "nothing published",
        }
    }
}

/// One comparison: a curve at the column in which it is farthest off, or a mean in one column.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    /// The policy.
    pub policy: String,
    /// The seed; `None`: means over seeds.
    pub seed: Option<u64>,
    /// What is compared.
    pub figure: Figure,
    /// Columns compared.
    pub columns: usize,
    /// The column, in percent of demand arrived.
    pub percent: u32,
    /// Ours, rounded to 0.01; none: nothing of ours arrived in that column.
    pub ours: Option<f64>,
    /// Theirs.
    pub theirs: f64,
    /// What the difference may come to; `None`: nothing says.
    pub allowed: Option<f64>,
    /// What came of it.
    pub verdict: Verdict,
}

impl Row {
    /// Ours minus theirs, percentage points.
    pub fn difference(&self) -> Option<f64> {
        self.ours.map(|ours| ours - self.theirs)
    }

    /// How far off it is; a column that we lack is farther off than any.
    fn distance(&self) -> f64 {
        self.difference().map_or(f64::INFINITY, f64::abs)
    }

    fn is_near(&self) -> bool {
        self.allowed.is_some_and(|allowed| self.distance() <= allowed + SLACK)
    }
}

/// What came of one policy.
#[derive(Clone, PartialEq, Debug)]
pub struct Finding {
    /// The policy.
    pub policy: String,
    /// The verdict.
    pub verdict: Verdict,
    /// What it rests on.
    pub rows: Vec<Row>,
}

impl Finding {
    /// The row that is farthest off, among those of the verdict.
    pub fn worst(&self) -> Option<&Row> {
        let bad = |row: &&Row| row.verdict == Verdict::Differs;
        let rows: Vec<&Row> = match self.verdict {
            Verdict::Differs => self.rows.iter().filter(bad).collect(),
            _ => self.rows.iter().collect(),
        };
        // The first of equals.
        rows.into_iter().rev().max_by(|a, b| a.distance().total_cmp(&b.distance()))
    }
}

/// Compares each policy of `study`.
pub fn compare(study: &Study<'_>) -> Vec<Finding> {
    study.policies.iter().map(|policy| finding(study, policy)).collect()
}

fn finding(study: &Study<'_>, policy: &str) -> Finding {
    let by_chance = study.paper.by_chance.contains(&policy);
    let one_by_one = study.orders && study.expected.is_some();
    let rows: Vec<Row> = if one_by_one && !by_chance {
        study.of(policy).flat_map(|curve| curve_rows(study, curve)).collect()
    } else {
        mean_rows(study, policy)
    };
    let judged = rows.iter().filter(|row| row.verdict != Verdict::Nothing);
    let verdict = match judged.map(|row| row.verdict).max_by_key(|verdict| *verdict == Verdict::Differs) {
        Some(Verdict::Agrees) if one_by_one => Verdict::AgreesByChance,
        None if one_by_one && by_chance && study.of(policy).next().is_some() => Verdict::ByChance,
        None => Verdict::Nothing,
        Some(verdict) => verdict,
    };
    Finding { policy: policy.to_owned(), verdict, rows }
}

/// `curve` beside the published one of its seed, a row a figure.
fn curve_rows(study: &Study<'_>, curve: &Curve) -> Vec<Row> {
    let Some(expected) = study.expected else { return Vec::new() };
    let row = |figure: Figure| {
        let mut columns = 0;
        let mut worst: Option<Row> = None;
        for (percent, theirs) in expected.curve(figure, &curve.policy, curve.seed)? {
            columns += 1;
            let ours = curve.at(figure, percent);
            let row = Row {
                policy: curve.policy.clone(),
                seed: Some(curve.seed),
                figure,
                columns,
                percent,
                ours,
                theirs,
                allowed: Some(NEAR),
                verdict: Verdict::Differs,
            };
            if worst.as_ref().is_none_or(|worst| row.distance() > worst.distance()) {
                worst = Some(row);
            }
        }
        let mut worst = worst?;
        worst.columns = columns;
        worst.verdict = if worst.is_near() { Verdict::Reproduced } else { Verdict::Differs };
        Some(worst)
    };
    study.figures().iter().filter_map(|figure| row(*figure)).collect()
}

/// Means of `policy` beside published ones, a row a figure and column.
fn mean_rows(study: &Study<'_>, policy: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    if study.of(policy).next().is_none() {
        return rows;
    }
    for figure in study.figures() {
        for (i, percent) in COLUMNS.into_iter().enumerate() {
            let Some((theirs, sd)) = published(study, policy, *figure, i) else { continue };
            let mut row = Row {
                policy: policy.to_owned(),
                seed: None,
                figure: *figure,
                columns: 1,
                percent,
                ours: study.mean(policy, *figure, percent),
                theirs,
                allowed: sd.map(|sd| hundredths(SPREADS * sd)),
                verdict: Verdict::Nothing,
            };
            if row.allowed.is_some() {
                row.verdict = if row.is_near() { Verdict::Agrees } else { Verdict::Differs };
            }
            rows.push(row);
        }
    }
    rows
}

/// The published mean of `figure` in column number `i` of [`COLUMNS`], and its spread where there is one: the file's, if
/// there is a file, else the built-in ones. Of curves that are compared one by one, over the same seeds as ours.
pub fn published(study: &Study<'_>, policy: &str, figure: Figure, i: usize) -> Option<(f64, Option<f64>)> {
    if let Some(expected) = study.expected {
        let same = study.orders && !study.paper.by_chance.contains(&policy);
        return expected.mean_and_sd(figure, policy, COLUMNS[i], same.then_some(study.seeds.as_slice()));
    }
    let known = study.paper.published.iter().find(|published| published.policy == policy)?;
    let (mean, sd) = known.allocated[i];
    (figure == Figure::Allocated).then_some((mean, Some(sd)))
}

/// Whether `expected` has a mean with a spread of any of `policies`, in a column in which means are compared.
pub fn has_spread(expected: &Expected, policies: &[String], of: Asked) -> bool {
    let known = |policy: &String, figure: Figure, percent: u32| {
        expected.mean_and_sd(figure, policy, percent, None).is_some_and(|(_, sd)| sd.is_some())
    };
    let anywhere = |policy: &String| {
        Figure::of(of).iter().any(|figure| COLUMNS.iter().any(|percent| known(policy, *figure, *percent)))
    };
    policies.iter().any(anywhere)
}

/// What is compared with what, in a sentence.
pub fn basis(study: &Study<'_>) -> &'static str {
    match (study.orders, study.expected.is_some()) {
        (true, true) => {
            "Arrivals and ties are in the published orders: every column that the file has of a curve is compared, and may differ by 0.01 percentage points."
        }
        (true, false) if study.paper.published.is_empty() => "Arrivals and ties are in the orders of the files.",
        (true, false) => {
            "Arrivals and ties are in the published orders; means over seeds are compared with built-in published means, and may differ by two published standard deviations."
        }
        (false, true) => {
            "Arrivals and ties are drawn by our own seeds; means over seeds are compared with means over the seeds of the file, and may differ by two of the file's standard deviations."
        }
        (false, false) if study.paper.published.is_empty() => "Arrivals and ties are drawn by our own seeds.",
        (false, false) => {
            "Arrivals and ties are drawn by our own seeds; means over seeds are compared with published means, and may differ by two published standard deviations."
        }
    }
}

/// All verdicts, a sentence each.
pub fn summary(findings: &[Finding]) -> Vec<String> {
    if findings.iter().all(|finding| finding.verdict == Verdict::Nothing) {
        return vec!["Nothing is published to compare with.".into()];
    }
    let kinds = [
        (Verdict::Differs, "Differs"),
        (Verdict::Reproduced, "Reproduced"),
        (Verdict::Agrees, "Agrees"),
        (Verdict::AgreesByChance, "Not comparable draw by draw, mean agrees"),
        (Verdict::ByChance, "Not comparable draw by draw"),
        (Verdict::Nothing, "Nothing published of"),
    ];
    let sentence = |(verdict, word): (Verdict, &str)| {
        let names: Vec<&str> =
            findings.iter().filter(|finding| finding.verdict == verdict).map(|f| f.policy.as_str()).collect();
        (!names.is_empty()).then(|| format!("{word}: {}.", names.join(", ")))
    };
    kinds.into_iter().filter_map(sentence).collect()
}

/// Who holds most and who least when as much has been asked for as there is, in a sentence; `None` with fewer than two
/// policies there.
pub fn answer(study: &Study<'_>) -> Option<String> {
    const ALL: u32 = 100;
    let mean = |policy: &String| Some((policy.clone(), study.mean(policy, Figure::Allocated, ALL)?));
    let mut means: Vec<(String, f64)> = study.policies.iter().filter_map(mean).collect();
    // Stable: of equals the first in the scenario's order leads.
    means.sort_by(|a, b| b.1.total_cmp(&a.1));
    let [(most, high), .., (least, low)] = means.as_slice() else { return None };
    Some(format!(
        "When as much has been asked for as the cluster has, {most} holds most of it, {high:.2} %, and {least} least, {low:.2} %."
    ))
}

/// What differs most, for an error; `None`: nothing does.
pub fn complaint(study: &Study<'_>, findings: &[Finding]) -> Option<String> {
    let differing: Vec<&Finding> = findings.iter().filter(|f| f.verdict == Verdict::Differs).collect();
    let worst: Vec<String> = differing
        .iter()
        .filter_map(|f| f.worst())
        .map(|row| format!("{} differs: {}", row.policy, place(study, row)))
        .collect();
    (!worst.is_empty()).then(|| worst.join("; "))
}

/// Where a row was seen, and by how much it differs.
pub fn place(study: &Study<'_>, row: &Row) -> String {
    let seed = row.seed.map_or("mean over seeds".to_owned(), |seed| format!("seed {seed}"));
    let ours = row.ours.map_or("none".to_owned(), |ours| format!("{ours:.2}"));
    let difference = row.difference().map_or(String::new(), |d| format!(", {}", short(format!("{d:+.3}"))));
    let name = row.figure.name(study.paper.of);
    let theirs = short(format!("{:.3}", row.theirs));
    format!("{seed}, {name} at {} %: ours {ours}, published {theirs}{difference}", row.percent)
}

/// Three decimals, or two where the third is 0.
fn short(number: String) -> String {
    number.strip_suffix('0').map(str::to_owned).unwrap_or(number)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::metrics::DemandColumn;
    use crate::paper::PAPERS;

    pub(in crate::paper) fn curve(policy: &str, seed: u64, columns: &[(u32, f64)]) -> Curve {
        let column = |(arrived_percent, allocated_percent): &(u32, f64)| DemandColumn {
            arrived_percent: *arrived_percent,
            samples: 1,
            allocated_percent: *allocated_percent,
            fragmented_of_idle_percent: Some(50.0),
            fragmented_percent: Some(10.0),
        };
        let columns = columns.iter().map(column).collect();
        Curve { policy: policy.into(), seed, digest: seed, arrived: 10, placed: 9, columns }
    }

    pub(in crate::paper) fn study<'a>(curves: Vec<Curve>, expected: Option<&'a Expected>, orders: bool) -> Study<'a> {
        let mut policies: Vec<String> = curves.iter().map(|curve| curve.policy.clone()).collect();
        policies.dedup();
        policies.sort();
        policies.dedup();
        let seeds: std::collections::BTreeSet<u64> = curves.iter().map(|curve| curve.seed).collect();
        let seeds = seeds.into_iter().collect();
        let (notes, command) = (Vec::new(), "plimsoll reproduce fgd-atc23".into());
        Study { paper: &PAPERS[0], policies, seeds, curves, orders, expected, notes, command }
    }

    fn expected(text: &str) -> Expected {
        let policies = ["FGD".into(), "Random".into(), "BestFit".into()];
        Expected::parse(text.as_bytes(), PAPERS[0].of, &policies).unwrap()
    }

    #[test]
    fn a_curve_is_reproduced_within_a_hundredth_and_not_beyond() {
        let theirs = expected("metric,policy,seed,80,90,100\ngpu_alloc_pct,FGD,42,80,90,95\n");
        for (at_90, percent, verdict) in [
            (90.0, 80, Verdict::Reproduced),
            (90.01, 90, Verdict::Reproduced),
            (89.99, 90, Verdict::Reproduced),
            // Ours is rounded before it is compared.
            (90.014, 90, Verdict::Reproduced),
            (90.016, 90, Verdict::Differs),
            (89.98, 90, Verdict::Differs),
        ] {
            let ours = vec![curve("FGD", 42, &[(80, 80.0), (90, at_90), (100, 95.0)])];
            let study = study(ours, Some(&theirs), true);
            let finding = &compare(&study)[0];
            assert_eq!((finding.verdict, finding.rows.len()), (verdict, 1), "{at_90}");
            assert_eq!((finding.rows[0].percent, finding.rows[0].columns), (percent, 3), "{at_90}");
            assert_eq!(complaint(&study, &compare(&study)).is_some(), verdict == Verdict::Differs);
        }
    }

    #[test]
    fn a_column_that_we_lack_differs_and_is_named() {
        let theirs = expected("metric,policy,seed,80,90\ngpu_alloc_pct,FGD,42,80,90\nfrag_ratio_pct,FGD,42,50,50\n");
        let ours = study(vec![curve("FGD", 42, &[(80, 80.0)])], Some(&theirs), true);
        let findings = compare(&ours);
        let told = complaint(&ours, &findings).unwrap();
        assert_eq!(told, "FGD differs: seed 42, gpu_alloc_pct at 90 %: ours none, published 90.00");
    }

    #[test]
    fn a_mean_agrees_within_two_published_spreads() {
        // Published at 130 %: 95.39 (0.08), so 95.23 to 95.55.
        for (at_130, verdict) in
            [(95.23, Verdict::Agrees), (95.55, Verdict::Agrees), (95.22, Verdict::Differs), (95.56, Verdict::Differs)]
        {
            let columns =
                [(80, 80.02), (90, 89.98), (95, 94.91), (100, 95.23), (110, 95.3), (120, 95.35), (130, at_130)];
            let study = study(vec![curve("FGD", 1, &columns)], None, false);
            let findings = compare(&study);
            assert_eq!(findings[0].verdict, verdict, "{at_130}");
            assert_eq!(findings[0].rows.len(), 7);
        }
    }

    #[test]
    fn a_policy_of_chance_is_judged_by_its_mean() {
        let text = "metric,policy,seed,80\ngpu_alloc_pct,Random,42,70\ngpu_alloc_pct,Random,43,72\n";
        let theirs = expected(text);
        // Mean 71, spread 1.41, twice that 2.82.
        for (ours, verdict) in [(73.8, Verdict::AgreesByChance), (73.9, Verdict::Differs)] {
            let study = study(vec![curve("Random", 42, &[(80, ours)])], Some(&theirs), true);
            assert_eq!(compare(&study)[0].verdict, verdict);
        }
        let one = expected("metric,policy,seed,80\ngpu_alloc_pct,Random,42,70\n");
        let study = study(vec![curve("Random", 42, &[(80, 1.0)])], Some(&one), true);
        assert_eq!(compare(&study)[0].verdict, Verdict::ByChance);
    }

    #[test]
    fn what_the_file_lacks_is_no_difference() {
        let theirs = expected("metric,policy,seed,80\ngpu_alloc_pct,BestFit,42,80\n");
        let study = study(vec![curve("FGD", 42, &[(80, 1.0)])], Some(&theirs), true);
        let findings = compare(&study);
        assert_eq!(findings[0].verdict, Verdict::Nothing);
        assert_eq!(summary(&findings), ["Nothing is published to compare with."]);
    }
}
