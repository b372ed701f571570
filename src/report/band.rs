//! The band as a table: for each scale and run what came of the lower bound, the scenario's own policy and the upper one.

use std::fmt::Write;

use super::figures::{Unit, number};
use super::text::shown;
use crate::experiment::{BandRow, Experiment};

/// What stands above the table.
pub const TITLE: &str = "How a host comes down: the band";
/// What stands below it.
pub const HELP: &str = "Each cell: under kill-only / under the scenario's own policy / under host-down. Per runaway: hosts \
                        taken down for memory, for each job that runs away; lost: declared lost by the control plane.";

/// Headings of the columns behind scale and run, in the order in which they are left out where it is too narrow, last first.
pub const HEADS: [&str; 6] = ["per runaway", "hosts down", "lost", "OOM kills", "bystanders", "CPU not served"];

/// A scale and run with its cells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// As in the scenario.
    pub scale: String,
    /// Hosts at this scale.
    pub hosts: String,
    /// Name of the run.
    pub run: String,
    /// One for each of [`HEADS`].
    pub cells: [String; 6],
}

fn cells(sides: &[BandRow]) -> [String; 6] {
    let each = |show: &dyn Fn(&BandRow) -> String| sides.iter().map(show).collect::<Vec<_>>().join(" / ");
    [
        each(&|row| row.down_per_runaway().map_or("-".into(), number)),
        each(&|row| row.hosts_down.to_string()),
        each(&|row| row.hosts_lost.to_string()),
        each(&|row| row.oom_kills.to_string()),
        each(&|row| row.bystanders_lost.to_string()),
        each(&|row| Unit::of_metric("cpu_unserved_share").show_value(&row.cpu_unserved, 1.0)),
    ]
}

/// The band of `experiment`, a line for each scale and run; empty where none was asked for.
pub fn lines(experiment: &Experiment) -> Vec<Line> {
    let same = |a: &BandRow, b: &BandRow| a.scale_milli == b.scale_milli && a.run == b.run;
    let of = |sides: &[BandRow]| Line {
        scale: number(f64::from(sides[0].scale_milli) / 1000.0),
        hosts: sides[0].hosts.to_string(),
        run: shown(&sides[0].run, 40),
        cells: cells(sides),
    };
    experiment.band.chunk_by(same).map(of).collect()
}

/// The band in a sentence: whether any host came down, and whether that hangs on the policy.
pub fn sentence(experiment: &Experiment) -> String {
    let sum = |name: &str| -> u64 {
        experiment.band.iter().filter(|row| row.side.name() == name).map(|row| row.hosts_down).sum()
    };
    let (lower, own, upper) = (sum("lower"), sum("default"), sum("upper"));
    let policy = experiment.band.iter().find(|row| row.side.name() == "default").map_or("", |row| row.policy);
    if own == 0 {
        return format!(
            "Under the scenario's own policy ({policy}) no host came down for memory in any run at any scale; under \
             host-down {upper} did"
        );
    }
    format!(
        "In all runs and scales {lower} hosts came down for memory under kill-only, {own} under {policy}, {upper} under host-down"
    )
}

/// The table as text of at most `width` columns, `bold` for the heading.
pub fn render(experiment: &Experiment, width: usize, bold: &dyn Fn(&str) -> String) -> String {
    let lines = lines(experiment);
    let mut out = String::new();
    if lines.is_empty() {
        return out;
    }
    let wide = |texts: &mut dyn Iterator<Item = &str>| texts.map(|t| t.chars().count()).max().unwrap_or(0);
    let scale = wide(&mut lines.iter().map(|l| l.scale.as_str()).chain(["scale"]));
    let hosts = wide(&mut lines.iter().map(|l| l.hosts.as_str()).chain(["hosts"]));
    let run = wide(&mut lines.iter().map(|l| l.run.as_str()));
    let column = |i: usize| wide(&mut lines.iter().map(|l| l.cells[i].as_str()).chain([HEADS[i]])) + 2;
    let (mut shown, mut used) = (0, scale + hosts + run + 4);
    while shown < HEADS.len() && (shown == 0 || used + column(shown) <= width) {
        used += column(shown);
        shown += 1;
    }
    let mut head = format!("{:>scale$}  {:>hosts$}  {:run$}", "scale", "hosts", "");
    for (i, title) in HEADS.iter().enumerate().take(shown) {
        let _ = write!(head, "{title:>w$}", w = column(i));
    }
    let _ = writeln!(out, "{}\n{}", bold(&head), "-".repeat(used));
    for line in &lines {
        let _ = write!(out, "{:>scale$}  {:>hosts$}  {:run$}", line.scale, line.hosts, line.run);
        for (i, cell) in line.cells.iter().enumerate().take(shown) {
            let _ = write!(out, "{cell:>w$}", w = column(i));
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn three_sides_stand_in_a_cell() {
        let mut experiment = fixture::bare();
        experiment.band = fixture::band(&["fleet", "kubernetes"]);
        let lines = lines(&experiment);
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[3].run, "kubernetes");
        assert_eq!(lines[3].cells[..3], ["0 / 1.5 / 3", "0 / 3 / 6", "0 / 1 / 2"]);
        let text = render(&experiment, 80, &str::to_owned);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert!(sentence(&experiment).contains("12 under thrash, 24 under host-down"));
        assert_eq!(render(&fixture::bare(), 80, &str::to_owned), "");
    }
}
