//! A file of published curves: `metric,policy,seed,0,1,…`, a row a curve, in the form of `curves.csv`.

use std::collections::{BTreeMap, BTreeSet};

use super::study::{Figure, mean_and_sd};
use crate::error::{Error, Result, unknown_name};
use crate::report::text::shown;
use crate::workload::inflation::Asked;

/// The largest column: demand arrived, in percent of the cluster.
const PERCENT_MAX: u32 = 1_000_000;
/// No share of a cluster or of its idle part is larger, per cent.
const VALUE_MAX: f64 = 1_000.0;
/// Most characters of a word that an error repeats.
const WORD_MAX: usize = 40;
const FORM: &str = "metric,policy,seed,0,1,2 and so on will do, as in curves.csv";

/// Place in [`Figure::ALL`], policy, seed.
type Key = (usize, String, u64);

/// Published curves by metric, policy and seed.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Expected {
    /// The columns, in the file's order.
    columns: Vec<u32>,
    /// Line and values (blank: none) of each curve.
    curves: BTreeMap<Key, (u64, Vec<Option<f64>>)>,
}

impl Expected {
    /// Reads `text`; its metrics are those of `of`, its policies among `policies`.
    ///
    /// Errors: with line and field, where a header, name, seed or number is not what it should be, or a curve stands twice.
    pub fn parse(text: &[u8], of: Asked, policies: &[String]) -> Result<Expected> {
        let mut expected = Expected::default();
        let mut fields: Option<usize> = None;
        let mut record = csv::StringRecord::new();
        // Line by line, so that blank lines are counted; no name or number holds a line break.
        for (bytes, line) in text.split(|byte| *byte == b'\n').zip(1..) {
            let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(bytes);
            match reader.read_record(&mut record) {
                Ok(true) => {}
                Ok(false) => continue,
                Err(_) => return Err(Error::input("is not UTF-8 text; a table in UTF-8 will do").at_line(line)),
            }
            let done = match fields {
                None => expected.header(&record).map(|()| fields = Some(record.len())),
                Some(fields) => expected.row(&record, fields, line, of, policies),
            };
            done.map_err(|why| why.at_line(line))?;
        }
        if expected.curves.is_empty() {
            return Err(Error::input(format!("there is no curve in it; {FORM}")));
        }
        Ok(expected)
    }

    fn header(&mut self, record: &csv::StringRecord) -> Result<()> {
        for (i, name) in ["metric", "policy", "seed"].into_iter().enumerate() {
            let found = record.get(i).unwrap_or_default().trim_start_matches('\u{feff}');
            if found != name {
                return Err(Error::input(format!("column {} is \"{found}\" and not {name}; {FORM}", i + 1)));
            }
        }
        let mut seen = BTreeSet::new();
        for name in record.iter().skip(3) {
            let percent = name.parse().ok().filter(|percent| *percent <= PERCENT_MAX).ok_or_else(|| {
                Error::input(format!("column \"{name}\" is not a whole per cent of demand arrived; {FORM}"))
            })?;
            if !seen.insert(percent) {
                return Err(Error::input(format!("column {percent} stands twice; once will do")));
            }
            self.columns.push(percent);
        }
        if self.columns.is_empty() {
            return Err(Error::input(format!("the header has no column of per cents; {FORM}")));
        }
        Ok(())
    }

    fn row(
        &mut self,
        record: &csv::StringRecord,
        fields: usize,
        line: u64,
        of: Asked,
        policies: &[String],
    ) -> Result<()> {
        if record.len() != fields {
            return Err(Error::input(format!("{} fields; the header has {fields}", record.len())));
        }
        let metrics: Vec<&str> = Figure::of(of).iter().map(|figure| figure.name(of)).collect();
        let metric = metrics
            .iter()
            .position(|name| *name == &record[0])
            .ok_or_else(|| Error::input(unknown_name("metric", &record[0], &metrics)).in_field("metric"))?;
        if !policies.iter().any(|policy| *policy == record[1]) {
            let names: Vec<&str> = policies.iter().map(String::as_str).collect();
            return Err(Error::input(unknown_name("policy", &record[1], &names)).in_field("policy"));
        }
        let seed: u64 = record[2].parse().map_err(|_| {
            Error::input(format!("\"{}\" is not a seed; a whole number will do", shown(&record[2], WORD_MAX)))
                .in_field("seed")
        })?;
        let mut values = Vec::with_capacity(self.columns.len());
        for (percent, text) in self.columns.iter().zip(record.iter().skip(3)) {
            values.push(match text.trim() {
                "" => None,
                text => Some(text.parse::<f64>().ok().filter(|x| (0.0..=VALUE_MAX).contains(x)).ok_or_else(|| {
                    let text = shown(text, WORD_MAX);
                    Error::input(format!("\"{text}\" is not a number; percent such as 94.91, or nothing, will do"))
                        .in_field(percent.to_string())
                })?),
            });
        }
        let key = (metric, record[1].to_owned(), seed);
        if let Some((first, _)) = self.curves.get(&key) {
            let what = format!("{} of {} under seed {seed} stands on line {first} already", &record[0], &record[1]);
            return Err(Error::input(format!("{what}; one row each will do")));
        }
        self.curves.insert(key, (line, values));
        Ok(())
    }

    fn place(figure: Figure) -> usize {
        Figure::ALL.iter().position(|f| *f == figure).expect("all figures are in the list")
    }

    /// The columns, in the file's order.
    pub fn columns(&self) -> &[u32] {
        &self.columns
    }

    /// Columns and values of one curve, those that are there; `None`: the file does not have it.
    pub fn curve(&self, figure: Figure, policy: &str, seed: u64) -> Option<impl Iterator<Item = (u32, f64)> + '_> {
        let (_, values) = self.curves.get(&(Self::place(figure), policy.to_owned(), seed))?;
        Some(self.columns.iter().zip(values).filter_map(|(percent, value)| Some((*percent, (*value)?))))
    }

    /// Mean and standard deviation (n - 1) over the file's seeds, or those of `seeds`, in the column of `percent`, both
    /// rounded to 0.01 as published ones are; the second of fewer than two seeds is none.
    pub fn mean_and_sd(
        &self,
        figure: Figure,
        policy: &str,
        percent: u32,
        seeds: Option<&[u64]>,
    ) -> Option<(f64, Option<f64>)> {
        let column = self.columns.iter().position(|column| *column == percent)?;
        let wanted = |seed: &u64| seeds.is_none_or(|seeds| seeds.contains(seed));
        let of_policy = self
            .curves
            .iter()
            .filter(|((f, name, seed), _)| *f == Self::place(figure) && name == policy && wanted(seed));
        let values: Vec<f64> = of_policy.filter_map(|(_, (_, values))| values[column]).collect();
        let (mean, sd) = mean_and_sd(&values)?;
        Some((super::study::hundredths(mean), sd.map(super::study::hundredths)))
    }

    /// How many curves there are, and how many of them are of `policies` and `seeds` and have a value.
    pub fn counts(&self, policies: &[String], seeds: &[u64]) -> (usize, usize) {
        let asked = self.curves.iter().filter(|((_, policy, seed), (_, values))| {
            policies.contains(policy) && seeds.contains(seed) && values.iter().any(Option::is_some)
        });
        (self.curves.len(), asked.count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Expected> {
        Expected::parse(text.as_bytes(), Asked::Gpu, &["FGD".into(), "Random".into()])
    }

    #[test]
    fn curves_are_found_by_metric_policy_and_seed() {
        let text = "metric,policy,seed,0,50,100\ngpu_alloc_pct,FGD,1,1.5,,90\ngpu_alloc_pct,FGD,2,2.5,40,94\nfrag_ratio_pct,FGD,1,9,8,7\n";
        let expected = parse(text).unwrap();
        let curve: Vec<_> = expected.curve(Figure::Allocated, "FGD", 1).unwrap().collect();
        assert_eq!(curve, [(0, 1.5), (100, 90.0)]);
        assert!(expected.curve(Figure::Allocated, "FGD", 3).is_none());
        // 90 and 94: mean 92, deviations 2: squares 8 over 1, the root 2.83.
        assert_eq!(expected.mean_and_sd(Figure::Allocated, "FGD", 100, None), Some((92.0, Some(2.83))));
        assert_eq!(expected.mean_and_sd(Figure::Allocated, "FGD", 50, None), Some((40.0, None)));
        assert_eq!(expected.mean_and_sd(Figure::Allocated, "FGD", 7, None), None);
        assert_eq!(expected.mean_and_sd(Figure::Allocated, "FGD", 100, Some(&[2, 9])), Some((94.0, None)));
        assert_eq!(expected.counts(&["FGD".into()], &[2]), (3, 1));
        let blank = parse("metric,policy,seed,0\ngpu_alloc_pct,FGD,1,\n").unwrap();
        assert_eq!(blank.counts(&["FGD".into()], &[1]), (1, 0));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (text, wanted) in [
            ("", "no curve"),
            ("metric,policy,seed,0\n", "no curve"),
            ("metric,seed,policy,0\n", "line 1: column 2 is \"seed\" and not policy"),
            ("metric,policy,seed\n", "line 1: the header has no column"),
            ("metric,policy,seed,0,x\n", "line 1: column \"x\" is not a whole per cent"),
            ("metric,policy,seed,0,0\n", "line 1: column 0 stands twice"),
            (
                "metric,policy,seed,0\ngpu_aloc_pct,FGD,1,2\n",
                "line 2: metric: unknown metric \"gpu_aloc_pct\"; did you mean",
            ),
            ("metric,policy,seed,0\ngpu_alloc_pct,FDG,1,2\n", "line 2: policy: unknown policy \"FDG\""),
            ("metric,policy,seed,0\ngpu_alloc_pct,FGD,one,2\n", "line 2: seed: \"one\" is not a seed"),
            ("metric,policy,seed,0,7\ngpu_alloc_pct,FGD,1,2,x\n", "line 2: 7: \"x\" is not a number"),
            ("metric,policy,seed,0,7\ngpu_alloc_pct,FGD,1,2,NaN\n", "line 2: 7: \"NaN\" is not a number"),
            ("metric,policy,seed,0\ngpu_alloc_pct,FGD,1\n", "line 2: 3 fields; the header has 4"),
            (
                "metric,policy,seed,0\ngpu_alloc_pct,FGD,1,2\n\ngpu_alloc_pct,FGD,1,2\n",
                "line 4: gpu_alloc_pct of FGD under seed 1 stands on line 2 already",
            ),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.to_string().contains(wanted), "{text:?}: {error}");
            assert_eq!(error.exit_code(), 3);
        }
        let error = Expected::parse(b"metric,policy,seed,0\n\xff,FGD,1,2\n", Asked::Gpu, &[]).unwrap_err();
        assert!(error.to_string().contains("line 2: is not UTF-8"), "{error}");
    }
}
