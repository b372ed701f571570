//! Parameters by name: what may be set, its default, where the default comes from.

use std::collections::BTreeMap;
use std::fmt;

use crate::units::SimDuration;

/// A value of a parameter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ParameterValue {
    /// A length of time.
    Duration(SimDuration),
    /// One of the words that the parameter knows.
    Word(String),
    /// Moments, e.g. of explicit operations.
    Times(Vec<SimDuration>),
    /// A count.
    Count(u64),
    /// So many hundredths.
    Percent(u64),
}

impl fmt::Display for ParameterValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ParameterValue::Duration(d) => d.fmt(f),
            ParameterValue::Word(w) => f.write_str(w),
            ParameterValue::Times(times) => {
                let texts: Vec<String> = times.iter().map(SimDuration::to_string).collect();
                f.write_str(&texts.join(","))
            }
            ParameterValue::Count(n) => n.fmt(f),
            ParameterValue::Percent(n) => write!(f, "{n}%"),
        }
    }
}

/// A parameter of an orchestrator or of a way of discovery: its default, where the default comes from, what it means.
#[derive(Clone, Copy, Debug)]
pub struct ParameterInfo {
    /// Key in `parameters:`.
    pub name: &'static str,
    /// Default as it would be written. The kind of value follows from it: a duration (`2s`), a word, a whole number, a
    /// percentage (`55%`), or times (empty).
    pub default: &'static str,
    /// Words that will do; empty for a duration or times.
    pub words: &'static [&'static str],
    /// One line: what it means.
    pub summary: &'static str,
    /// Where the default comes from, or the word *assumed*.
    pub source: &'static str,
    /// The range to sweep; empty where the default is the real system's.
    pub range: &'static str,
}

impl ParameterInfo {
    /// Among [`ParameterInfo::words`], stands for any duration.
    pub const A_DURATION: &str = "a duration such as 5ms";

    /// Reads `text` as a value of this parameter.
    pub fn parse(&self, text: &str) -> crate::error::Result<ParameterValue> {
        if self.words.contains(&Self::A_DURATION)
            && let Ok(duration) = SimDuration::parse(text)
        {
            return Ok(ParameterValue::Duration(duration));
        }
        if !self.words.is_empty() {
            return match self.words.iter().find(|w| **w == text && text != Self::A_DURATION) {
                Some(word) => Ok(ParameterValue::Word((*word).into())),
                None => {
                    Err(crate::error::Error::input(format!("\"{text}\" will not do; {} will", self.words.join(", "))))
                }
            };
        }
        let whole = |text: &str| text.parse::<u64>().ok();
        if whole(self.default).is_some() {
            let refused =
                || crate::error::Error::input(format!("\"{text}\" is not a whole number (try {})", self.default));
            return whole(text).map(ParameterValue::Count).ok_or_else(refused);
        }
        if self.default.ends_with('%') {
            let share = text.strip_suffix('%').and_then(whole).filter(|share| *share <= 100);
            let refused =
                || crate::error::Error::input(format!("\"{text}\" is not a percentage (try {})", self.default));
            return share.map(ParameterValue::Percent).ok_or_else(refused);
        }
        if self.default.is_empty() || self.default.contains(',') {
            let times = text.split(',').map(str::trim).filter(|t| !t.is_empty()).map(SimDuration::parse);
            return Ok(ParameterValue::Times(times.collect::<Result<_, _>>()?));
        }
        Ok(ParameterValue::Duration(SimDuration::parse(text)?))
    }
}

/// The parameters of one run that one table explains: as set, or by default. Asking for a name that is not in the table, or
/// as something it is not, is a mistake of the program.
#[derive(Clone, Copy, Debug)]
pub struct Parameters<'a> {
    table: &'static [ParameterInfo],
    set: &'a BTreeMap<&'static str, ParameterValue>,
}

impl<'a> Parameters<'a> {
    /// What `set` says of the parameters of `table`; it may say more.
    pub fn new(table: &'static [ParameterInfo], set: &'a BTreeMap<&'static str, ParameterValue>) -> Parameters<'a> {
        Parameters { table, set }
    }

    /// The parameter `name`.
    pub fn value(&self, name: &str) -> ParameterValue {
        let info = self.table.iter().find(|p| p.name == name).expect("a parameter in the table");
        match self.set.get(name) {
            Some(value) => value.clone(),
            None => info.parse(info.default).expect("defaults can be read"),
        }
    }

    /// A parameter that is a length of time.
    pub fn duration(&self, name: &str) -> SimDuration {
        match self.value(name) {
            ParameterValue::Duration(d) => d,
            other => panic!("parameter {name} is {other}, not a duration"),
        }
    }

    /// A parameter that is a length of time, or a word that stands for one that follows from something else: `None`.
    pub fn duration_or_word(&self, name: &str) -> Option<SimDuration> {
        match self.value(name) {
            ParameterValue::Duration(d) => Some(d),
            _ => None,
        }
    }

    /// A parameter that is a whole number or a percentage.
    pub fn number(&self, name: &str) -> u64 {
        match self.value(name) {
            ParameterValue::Count(n) | ParameterValue::Percent(n) => n,
            other => panic!("parameter {name} is {other}, not a number"),
        }
    }

    /// Whether a parameter that is a word is `word`.
    pub fn is(&self, name: &str, word: &str) -> bool {
        self.value(name) == ParameterValue::Word(word.into())
    }
}
