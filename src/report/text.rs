//! Text from input on its way out: visible, of bounded length, harmless where it lands.

use crate::error::visible;
use crate::experiment::Experiment;
use crate::ids::{HostId, JobId};

/// A name on one line: control characters and bidirectional marks visible, line breaks too, characters that no XML
/// document may hold replaced, and at most `max` characters (`…` for the rest).
pub fn shown(name: &str, max: usize) -> String {
    let line: String = visible(name)
        .chars()
        .flat_map(|c| match c {
            '\n' => "\\u{a}".chars().collect(),
            '\u{fffe}' | '\u{ffff}' | '\u{feff}' => vec!['\u{fffd}'],
            c => vec![c],
        })
        .collect();
    if line.chars().count() <= max {
        return line;
    }
    line.chars().take(max.saturating_sub(1)).chain(['…']).collect()
}

/// A sentence from input in full: visible, on one line.
pub fn sentence(text: &str) -> String {
    shown(text.trim(), usize::MAX)
}

/// A CSV cell from input. Spreadsheets run a cell that begins with `=`, `+`, `-` or `@`, or with a tab or carriage
/// return before it; an apostrophe in front makes it text again.
pub fn cell(name: &str) -> String {
    let line = shown(name, usize::MAX);
    match name.chars().next() {
        Some(c) if matches!(c, '=' | '+' | '-' | '@') || c.is_control() => format!("'{line}"),
        _ => line,
    }
}

/// The name of `job`; its number if the experiment has no name for it.
pub fn job_name(experiment: &Experiment, job: JobId) -> String {
    experiment.job_names.get(job.index()).cloned().unwrap_or_else(|| format!("job#{}", job.0))
}

/// The name of `host`; its number if the experiment has no name for it.
pub fn host_name(experiment: &Experiment, host: HostId) -> String {
    experiment.host_names.get(host.index()).cloned().unwrap_or_else(|| format!("host#{}", host.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_a_spreadsheet_would_run_becomes_text() {
        for (name, expected) in [
            ("web-1", "web-1"),
            ("=cmd()", "'=cmd()"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@sum", "'@sum"),
            ("\t=1", "'\\u{9}=1"),
            ("a\nb", "a\\u{a}b"),
            ("\u{202e}gnp", "\\u{202e}gnp"),
            ("", ""),
        ] {
            assert_eq!(cell(name), expected, "{name:?}");
        }
    }

    #[test]
    fn a_long_name_is_cut_with_an_ellipsis() {
        assert_eq!(shown("abcdef", 6), "abcdef");
        assert_eq!(shown("abcdefg", 6), "abcde…");
    }
}
