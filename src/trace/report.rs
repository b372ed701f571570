//! What an import read, used, left out and chose.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::samples::SampleCounts;
use crate::units::SimTime;

/// What a reader did: printed as text, written as JSON by `trace import --report`, and among the notes of a run. It says
/// nothing of where files lie, so that the same data gives the same report anywhere.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct ImportReport {
    /// Name of the format.
    pub format: String,
    /// Rows of jobs read, headers apart: those of tables that tell of jobs, or events of them.
    pub rows_read: u64,
    /// Rows of jobs that were used.
    pub rows_used: u64,
    /// Rows of jobs left out, by reason.
    pub rows_dropped: BTreeMap<String, u64>,
    /// Jobs made.
    pub jobs: u64,
    /// Hosts made.
    pub hosts: u64,
    /// Outages of hosts made.
    pub outages: u64,
    /// What else was met, counted: users, machines, rows of other tables.
    pub entities: BTreeMap<String, u64>,
    /// First arrival and last known end, in µs on the trace's own clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span_us: Option<(u64, u64)>,
    /// The moment of the trace's own clock that is time 0 of the run, in µs.
    pub origin_us: u64,
    /// What a unit of the source was taken for, as `CPU 1.0: 64 cores`.
    pub units: Vec<String>,
    /// Fields and events that are not used, with how often they said something; 0: not counted.
    pub fields_ignored: BTreeMap<String, u64>,
    /// The format's options as they held: by default or given.
    pub options: BTreeMap<String, String>,
    /// Samples of usage, and how many of them were censored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<UsageReport>,
    /// What the format leaves open and how it was read.
    pub choices: Vec<String>,
    /// What a reader of the results should know.
    pub warnings: Vec<String>,
}

/// Samples of usage, counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct UsageReport {
    /// Samples taken.
    pub samples: u64,
    /// Of these, with CPU at 95 % of its limit or more, or on a host that busy.
    pub cpu_censored: u64,
    /// Of these, with memory at 95 % of its limit or more.
    pub memory_censored: u64,
    /// Of these, on a host that was 95 % busy.
    pub on_busy_hosts: u64,
    /// Samples left out since their window has no length.
    pub without_length: u64,
    /// Samples that overlap the one before them; their beginning was cut.
    pub overlapping: u64,
    /// Gaps between samples, which keep the value before them.
    pub gaps: u64,
}

impl From<SampleCounts> for UsageReport {
    fn from(counts: SampleCounts) -> Self {
        UsageReport {
            samples: counts.taken,
            cpu_censored: counts.cpu_censored,
            memory_censored: counts.memory_censored,
            on_busy_hosts: counts.host_busy,
            without_length: counts.no_length,
            overlapping: counts.overlapping,
            gaps: counts.gaps,
        }
    }
}

impl ImportReport {
    /// Counts `more` uses of a field that decides nothing.
    pub fn ignore(&mut self, field: &str, more: u64) {
        add(&mut self.fields_ignored, field, more);
    }

    /// Counts `more` of what was met.
    pub fn count(&mut self, entity: &str, more: u64) {
        add(&mut self.entities, entity, more);
    }

    /// Counts samples of usage, if there were any.
    pub fn add_usage(&mut self, counts: SampleCounts) {
        if counts == SampleCounts::default() {
            return;
        }
        let more = UsageReport::from(counts);
        let usage = self.usage.get_or_insert_default();
        usage.samples += more.samples;
        usage.cpu_censored += more.cpu_censored;
        usage.memory_censored += more.memory_censored;
        usage.on_busy_hosts += more.on_busy_hosts;
        usage.without_length += more.without_length;
        usage.overlapping += more.overlapping;
        usage.gaps += more.gaps;
    }

    /// Takes first arrival and last end into the span.
    pub fn span(&mut self, from_us: u64, to_us: u64) {
        self.span_us = Some(match self.span_us {
            None => (from_us, to_us),
            Some((first, last)) => (first.min(from_us), last.max(to_us)),
        });
    }

    /// All that is to be said, sentence by sentence; the first is the summary.
    pub fn sentences(&self) -> Vec<String> {
        let ImportReport { format, rows_read, rows_used, jobs, hosts, .. } = self;
        let mut said = vec![format!("{format}: {rows_used} of {rows_read} rows used; {jobs} jobs, {hosts} hosts")];
        if self.outages > 0 {
            said.push(format!("{} outages of hosts", self.outages));
        }
        said.extend(self.rows_dropped.iter().map(|(reason, count)| format!("dropped: {count} × {reason}")));
        if !self.entities.is_empty() {
            let met: Vec<String> = self.entities.iter().map(|(what, count)| format!("{count} {what}")).collect();
            said.push(format!("met: {}", met.join(", ")));
        }
        if let Some((first, last)) = self.span_us {
            let at = |us: u64| if us == u64::MAX { "no known end".into() } else { SimTime(us).to_string() };
            let origin = SimTime(self.origin_us);
            said.push(format!("span: from {} to {} on its own clock; time 0 is {origin} there", at(first), at(last)));
        }
        said.extend(self.units.iter().map(|unit| format!("unit: {unit}")));
        if let Some(usage) = &self.usage {
            said.push(usage.sentence());
        }
        if !self.options.is_empty() {
            let held: Vec<String> = self.options.iter().map(|(name, value)| format!("{name}={value}")).collect();
            said.push(format!("options: {}", held.join(" ")));
        }
        said.extend(self.choices.iter().map(|choice| format!("choice: {choice}")));
        if !self.fields_ignored.is_empty() {
            let name = |(field, count): (&String, &u64)| {
                if *count == 0 { field.clone() } else { format!("{field} ({count})") }
            };
            let fields: Vec<String> = self.fields_ignored.iter().map(name).collect();
            said.push(format!("ignored: {}", fields.join(", ")));
        }
        said.extend(self.warnings.iter().map(|warning| format!("warning: {warning}")));
        said
    }
}

impl UsageReport {
    fn sentence(&self) -> String {
        let share = |n: u64| match self.samples {
            0 => "0 %".to_owned(),
            all => format!("{:.2} %", n as f64 / all as f64 * 100.0),
        };
        format!(
            "usage: {} samples; censored: CPU {} ({} of all samples on busy hosts), memory {}; {} without length, {} \
             overlapping, {} gaps filled",
            self.samples,
            share(self.cpu_censored),
            share(self.on_busy_hosts),
            share(self.memory_censored),
            self.without_length,
            self.overlapping,
            self.gaps
        )
    }
}

fn add(counts: &mut BTreeMap<String, u64>, key: &str, more: u64) {
    match counts.get_mut(key) {
        Some(count) => *count += more,
        None => drop(counts.insert(key.into(), more)),
    }
}

impl fmt::Display for ImportReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, sentence) in self.sentences().iter().enumerate() {
            writeln!(f, "{}{sentence}", if i == 0 { "" } else { "  " })?;
        }
        Ok(())
    }
}
