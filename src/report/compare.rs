//! `compare`: two results directories side by side, from their `summary.json`.
//!
//! Runs are matched by name. Only metrics that differ are shown; the others are counted.

use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::error::{Error, Result};
use crate::report::figures::{Unit, number};
use crate::report::output::summary::SCHEMA_VERSION;
use crate::report::table::{Style, wrap};
use crate::report::text::shown;

/// Largest `summary.json` that is read: a hundred thousand runs have less.
const MAX_BYTES: u64 = 512 << 20;

/// A `summary.json`, as far as a comparison needs it.
#[derive(Deserialize, Debug)]
struct Summary {
    schema_version: u32,
    name: String,
    digest: String,
    runs: Vec<Run>,
}

#[derive(Deserialize, Debug)]
struct Run {
    name: String,
    digest: String,
    metrics: Metrics,
    #[serde(default)]
    lower_bounds: Vec<String>,
}

/// Metrics in the order of the file.
#[derive(Debug)]
struct Metrics(Vec<(String, Option<f64>)>);

impl<'de> Deserialize<'de> for Metrics {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Metrics;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of metrics, each a number or null")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metrics, A::Error> {
                let mut pairs: Vec<(String, Option<f64>)> = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, Option<f64>>()? {
                    if pairs.iter().any(|(seen, _)| *seen == name) {
                        return Err(serde::de::Error::custom(format!("metric \"{name}\" stands twice")));
                    }
                    pairs.push((name, value));
                }
                Ok(Metrics(pairs))
            }
        }
        d.deserialize_map(Pairs)
    }
}

impl Metrics {
    fn get(&self, name: &str) -> Option<Option<f64>> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| *value)
    }
}

/// What two results directories say of each other.
#[derive(Debug)]
pub struct Comparison {
    a: Summary,
    b: Summary,
    name_a: String,
    name_b: String,
}

/// Reads both directories.
pub fn compare(dir_a: &Path, dir_b: &Path) -> Result<Comparison> {
    let name = |dir: &Path| dir.display().to_string();
    Ok(Comparison { a: read(dir_a)?, b: read(dir_b)?, name_a: name(dir_a), name_b: name(dir_b) })
}

fn read(dir: &Path) -> Result<Summary> {
    let file = dir.join("summary.json");
    let unread = |error: std::io::Error| {
        Error::input(format!("cannot be read ({error}); compare wants directories that run -o wrote")).in_file(&file)
    };
    let mut text = String::new();
    File::open(&file).map_err(unread)?.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(unread)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(Error::input(format!("is larger than {MAX_BYTES} bytes, which no summary is")).in_file(&file));
    }
    parse(&text).map_err(|error| error.in_file(&file))
}

fn parse(text: &str) -> Result<Summary> {
    #[derive(Deserialize)]
    struct Version {
        schema_version: Option<u64>,
    }
    let at = |error: serde_json::Error| {
        // serde_json puts the place at the end of its text; ours goes in front.
        let mut message = error.to_string();
        if let Some(end) = message.rfind(" at line ") {
            message.truncate(end);
        }
        Error::input(message).at(error.line() as u64, error.column() as u64)
    };
    let version: Version = serde_json::from_str(text).map_err(at)?;
    match version.schema_version {
        Some(found) if found == u64::from(SCHEMA_VERSION) => {}
        Some(found) => {
            return Err(Error::input(format!("is {found}; this version of Plimsoll reads {SCHEMA_VERSION}"))
                .in_field("schema_version"));
        }
        None => return Err(Error::input("is missing; is this a summary of plimsoll?").in_field("schema_version")),
    }
    let summary: Summary = serde_json::from_str(text).map_err(at)?;
    assert_eq!(summary.schema_version, SCHEMA_VERSION, "read once, checked once");
    let digest = |field: String, text: &str| {
        let hex = text.len() == 16 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let bad = || Error::input(format!("\"{text}\" is not a digest (16 hexadecimal digits)")).in_field(field);
        if hex { Ok(()) } else { Err(bad()) }
    };
    digest("digest".into(), &summary.digest)?;
    for (i, run) in summary.runs.iter().enumerate() {
        digest(format!("runs[{i}].digest"), &run.digest)?;
        if summary.runs[..i].iter().any(|other| other.name == run.name) {
            return Err(Error::input(format!("\"{}\" stands twice", run.name)).in_field(format!("runs[{i}].name")));
        }
    }
    Ok(summary)
}

impl Comparison {
    /// Whether both directories hold the same runs with the same digests and metrics.
    pub fn is_equal(&self) -> bool {
        self.a.digest == self.b.digest
            && self.a.runs.len() == self.b.runs.len()
            && self
                .a
                .runs
                .iter()
                .all(|a| self.in_b(a).is_some_and(|b| a.digest == b.digest && differences(a, b).is_empty()))
    }

    fn in_b(&self, a: &Run) -> Option<&Run> {
        self.b.runs.iter().find(|b| b.name == a.name)
    }

    /// For a terminal.
    pub fn render(&self, style: &Style) -> String {
        let mut out = String::new();
        let width = style.width.max(60);
        let digests = if self.a.digest == self.b.digest { "digests equal" } else { "digests differ" };
        for (letter, dir, summary) in [("A", &self.name_a, &self.a), ("B", &self.name_b, &self.b)] {
            let text =
                format!("{} ({}), digest {}", shown(dir, 200), shown(&summary.name, 60), shown(&summary.digest, 16));
            wrap(&mut out, &format!("{letter}  "), &text, width);
        }
        let _ = writeln!(out, "{digests}");
        for a in &self.a.runs {
            let Some(b) = self.in_b(a) else { continue };
            let _ = write!(out, "\n{}", style.bold(&shown(&a.name, 60)));
            let differences = differences(a, b);
            let compared = a.metrics.0.iter().filter(|(name, _)| b.metrics.get(name).is_some()).count();
            let digests = if a.digest == b.digest { "same changes" } else { "other changes" };
            if differences.is_empty() {
                let _ = writeln!(out, ": {digests}, all {compared} metrics equal");
                continue;
            }
            let _ = writeln!(out, ": {digests}, {} of {compared} metrics differ", differences.len());
            rows(&mut out, &differences);
            for (letter, from, other) in [("A", a, b), ("B", b, a)] {
                let only: Vec<String> = from
                    .metrics
                    .0
                    .iter()
                    .filter(|(name, _)| other.metrics.get(name).is_none())
                    .map(|(name, _)| shown(name, 60))
                    .collect();
                if !only.is_empty() {
                    wrap(&mut out, "  ", &format!("only in {letter}: {}", only.join(", ")), width);
                }
            }
        }
        for (letter, from, other) in [("A", &self.a, &self.b), ("B", &self.b, &self.a)] {
            let only: Vec<String> = from
                .runs
                .iter()
                .filter(|run| other.runs.iter().all(|o| o.name != run.name))
                .map(|run| shown(&run.name, 60))
                .collect();
            if !only.is_empty() {
                wrap(&mut out, "", &format!("\nOnly in {letter}: {}", only.join(", ")), width);
            }
        }
        out
    }
}

/// A metric that differs.
struct Difference {
    metric: String,
    a: Option<f64>,
    b: Option<f64>,
    bound_a: bool,
    bound_b: bool,
}

fn differences(a: &Run, b: &Run) -> Vec<Difference> {
    let bound = |run: &Run, name: &str| run.lower_bounds.iter().any(|bound| bound == name);
    let pair = |(name, x): &(String, Option<f64>)| {
        let y = b.metrics.get(name)?;
        let (bound_a, bound_b) = (bound(a, name), bound(b, name));
        let differs = *x != y || bound_a != bound_b;
        differs.then(|| Difference { metric: name.clone(), a: *x, b: y, bound_a, bound_b })
    };
    a.metrics.0.iter().filter_map(pair).collect()
}

fn rows(out: &mut String, differences: &[Difference]) {
    let mut table = vec![["metric", "A", "B", "B - A", "relative"].map(String::from)];
    for d in differences {
        let kind = Unit::of_metric(&d.metric);
        let (divisor, unit) = kind.scale(d.a.unwrap_or(0.0).abs().max(d.b.unwrap_or(0.0).abs()));
        let show = |x: Option<f64>, bound: bool| match x {
            Some(x) => format!("{}{}", if bound { ">" } else { "" }, kind.show(x, divisor)),
            None => "-".into(),
        };
        let (difference, relative) = match (d.a, d.b) {
            (Some(a), Some(b)) => {
                let sign = if b > a { "+" } else { "" };
                let relative =
                    if a == 0.0 { "-".into() } else { format!("{sign}{} %", number((b - a) / a.abs() * 100.0)) };
                let difference = match kind {
                    // A difference of percentages is in points; in percent it would read as relative.
                    Unit::Share => format!("{} pp", number((b - a) * 100.0)),
                    _ => kind.show(b - a, divisor),
                };
                (format!("{sign}{difference}"), relative)
            }
            _ => ("-".into(), "-".into()),
        };
        let metric = shown(&d.metric, 60);
        let label = if unit.is_empty() { metric } else { format!("{metric} [{unit}]") };
        table.push([label, show(d.a, d.bound_a), show(d.b, d.bound_b), difference, relative]);
    }
    let width = |column: usize| table.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [0, 1, 2, 3, 4].map(width);
    for row in &table {
        let _ = write!(out, "  {:w$}", row[0], w = widths[0]);
        for (cell, w) in row.iter().zip(widths).skip(1) {
            let _ = write!(out, "  {cell:>w$}");
        }
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::Experiment;
    use crate::metrics::Value;
    use crate::report::fixture;
    use crate::report::output::summary;

    fn comparison(a: &Experiment, b: &Experiment) -> Comparison {
        let read = |experiment| parse(&fixture::written(&summary::OUTPUT, experiment)).unwrap();
        Comparison { a: read(a), b: read(b), name_a: "before".into(), name_b: "after".into() }
    }

    #[test]
    fn the_same_results_are_equal() {
        let experiment = fixture::hostile();
        let comparison = comparison(&experiment, &experiment);
        assert!(comparison.is_equal());
        let text = comparison.render(&Style::default());
        assert!(text.contains("digests equal") && text.contains("chef: same changes, all 27 metrics equal"), "{text}");
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn what_differs_is_shown_and_what_has_no_partner_is_named() {
        let (a, mut b) = (fixture::bare(), fixture::bare());
        b.digest = 5;
        b.runs[0].digest = 5;
        for (name, value) in &mut b.runs[0].metrics {
            match *name {
                "cpu_unserved_share" => *value = Value::Amount(0.25),
                "hosts_down" => *value = Value::Count(4),
                "wait_seconds_p99" => *value = Value::Amount(11_100.0),
                _ => {}
            }
        }
        b.runs[2].label.name = "direct".into();
        let comparison = comparison(&a, &b);
        assert!(!comparison.is_equal());
        let text = comparison.render(&Style::default());
        assert_eq!(
            text,
            "A  before (deis-swamped), digest 00000000deadbeef\n\
             B  after (deis-swamped), digest 0000000000000005\n\
             digests differ\n\n\
             chef: other changes, 3 of 27 metrics differ\n  \
             metric                    A       B     B - A  relative\n  \
             cpu_unserved_share   31.2 %    25 %  -6.25 pp     -20 %\n  \
             hosts_down                3       4        +1   +33.3 %\n  \
             wait_seconds_p99    >3h 05m  3h 05m       0 s       0 %\n\n\
             fleet: same changes, all 27 metrics equal\n\n\
             Only in A: kubernetes\n\n\
             Only in B: direct\n",
            "as printed:\n{text}"
        );
    }

    #[test]
    fn a_broken_summary_is_refused_with_its_place() {
        let good = fixture::written(&summary::OUTPUT, &fixture::bare());
        for (from, to, expected) in [
            (
                "\"schema_version\": 1",
                "\"schema_version\": 2",
                "schema_version: is 2; this version of Plimsoll reads 1",
            ),
            ("\"schema_version\": 1,", "", "schema_version: is missing"),
            ("\"jobs_submitted\": 40", "\"jobs_submitted\": \"many\"", "invalid type: string \"many\""),
            ("\"jobs_submitted\"", "\"jobs_finished\"", "metric \"jobs_finished\" stands twice"),
            ("00000000deadbeef", "deadbeef", "digest: \"deadbeef\" is not a digest"),
            ("\"name\": \"fleet\"", "\"name\": \"chef\"", "runs[1].name: \"chef\" stands twice"),
            ("\"runs\": [", "\"runs\": [,", "line "),
        ] {
            assert!(good.contains(from), "{from}");
            let error = parse(&good.replacen(from, to, 1)).unwrap_err();
            assert!(error.to_string().contains(expected) && error.exit_code() == 3, "{error}");
        }
        let error = compare(Path::new("/nowhere/a"), Path::new("/nowhere/b")).unwrap_err();
        assert!(error.to_string().starts_with("/nowhere/a/summary.json: cannot be read"), "{error}");
    }
}
