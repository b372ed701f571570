//! Options of a format: `--option KEY=VALUE`, each with a default that is printed.

use crate::error::{Error, Result, unknown_name};
use crate::units::{Bytes, MilliCpu};

use super::decimal::Decimal;

/// An option of a format.
#[derive(Debug)]
pub struct OptionInfo {
    /// The key.
    pub name: &'static str,
    /// The values that will do.
    pub values: OptionValues,
    /// What holds when the option is not given: one of `values`.
    pub default: &'static str,
    /// One line for `list` and the page on traces.
    pub summary: &'static str,
}

/// What an option takes.
#[derive(Clone, Copy, Debug)]
pub enum OptionValues {
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// An amount of CPU, as `64` or `500m`; more than 0.
    Cpu,
    /// An amount of memory, as `256Gi`; more than 0.
    Memory,
    /// `none`, or `x` and a factor from 1 to 1,000, as `x1.5`.
    Factor,
    /// A whole number within these bounds.
    Count(u64, u64),
}

impl OptionValues {
    /// What will do, in words.
    pub fn described(&self) -> String {
        match self {
            OptionValues::OneOf(words) => words.join(" or "),
            OptionValues::Cpu => "an amount of CPU such as 64 or 500m".into(),
            OptionValues::Memory => "an amount of memory such as 256Gi".into(),
            OptionValues::Factor => "none, or a factor such as x1.5 (1 to 1000)".into(),
            OptionValues::Count(least, most) => format!("a whole number from {least} to {most}"),
        }
    }

    /// Whether `text` will do.
    pub fn takes(&self, text: &str) -> bool {
        match self {
            OptionValues::OneOf(words) => words.contains(&text),
            OptionValues::Cpu => cpu(text).is_some(),
            OptionValues::Memory => memory(text).is_some(),
            OptionValues::Factor => text == "none" || factor(text).is_some(),
            OptionValues::Count(least, most) => text.parse().is_ok_and(|n: u64| (*least..=*most).contains(&n)),
        }
    }
}

/// More than nothing and no more than a host may have.
pub(super) fn cpu(text: &str) -> Option<MilliCpu> {
    MilliCpu::parse(text).ok().filter(|cpu| cpu.0 > 0 && *cpu <= MilliCpu::MOST)
}

/// More than nothing and at most 2^53 bytes.
pub(super) fn memory(text: &str) -> Option<Bytes> {
    Bytes::parse(text).ok().filter(|bytes| bytes.0 > 0 && bytes.0 <= 1 << 53)
}

/// Thousandths of the factor that `xK` names.
pub(super) fn factor(text: &str) -> Option<u64> {
    let milli = Decimal::parse(text.strip_prefix('x')?)?.times(1_000)?;
    (1_000..=1_000_000).contains(&milli).then_some(milli)
}

/// Refuses an option that `known` does not have, or a value that it does not take.
pub(super) fn checked<'a>(format: &str, known: &'a [OptionInfo], key: &str, value: &str) -> Result<&'a OptionInfo> {
    let Some(option) = known.iter().find(|o| o.name == key) else {
        let names: Vec<&str> = known.iter().map(|o| o.name).collect();
        let what = format!("option of trace format {format}");
        return Err(Error::usage(if names.is_empty() {
            format!("unknown {what} \"{key}\"; it has none")
        } else {
            unknown_name(&what, key, &names)
        }));
    };
    if option.values.takes(value) {
        return Ok(option);
    }
    let what = format!("\"{value}\" will not do; {} will", option.values.described());
    Err(Error::usage(what).in_field(format!("--option {key}")))
}

/// Jobs whose end the source does not tell.
pub(super) const OPEN: OptionInfo = OptionInfo {
    name: "open",
    values: OptionValues::OneOf(&["run", "last-seen", "drop"]),
    default: "run",
    summary: "jobs whose end the source does not tell run on as services, end when they were last seen, or are left out",
};

/// Which statistic of a sample counts as usage.
pub(super) const USAGE_STAT: OptionInfo = OptionInfo {
    name: "usage-stat",
    values: OptionValues::OneOf(&["mixed", "mean", "max"]),
    default: "mixed",
    summary: "of each sample of usage count CPU's mean and memory's maximum (mixed), the means, or the maxima",
};

/// What becomes of samples that ran into a limit.
pub(super) const UNCENSOR: OptionInfo = OptionInfo {
    name: "uncensor",
    values: OptionValues::Factor,
    default: "none",
    summary: "usage at 95 % of its limit or more, or on a host that busy, may have wanted more: count it so many times",
};

/// Whether usage of the source is read.
pub(super) const USAGE: OptionInfo = OptionInfo {
    name: "usage",
    values: OptionValues::OneOf(&["steps", "mean", "none"]),
    default: "steps",
    summary: "usage of the source step by step, as one mean for each job (less memory), or not read",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_take_what_they_say() {
        for (values, good, bad) in [
            (OptionValues::OneOf(&["a", "b"]), &["a"][..], &["c", ""][..]),
            (OptionValues::Cpu, &["64", "500m"], &["0", "-1", "x", "99999999999"]),
            (OptionValues::Memory, &["256Gi", "1"], &["0", "1Ei", "-4Gi"]),
            (OptionValues::Factor, &["none", "x1", "x1.5", "x1000"], &["1.5", "x0.5", "x1001", "x", "xx", "x-1"]),
            (OptionValues::Count(1, 9), &["1", "9"], &["0", "10", "1.5"]),
        ] {
            good.iter().for_each(|text| assert!(values.takes(text), "{text}"));
            bad.iter().for_each(|text| assert!(!values.takes(text), "{text}"));
        }
        assert_eq!(factor("x1.5"), Some(1_500));
    }

    #[test]
    fn shared_options_have_defaults_that_they_take() {
        for option in [&OPEN, &USAGE_STAT, &UNCENSOR, &USAGE] {
            assert!(option.values.takes(option.default), "{}", option.name);
        }
    }
}
