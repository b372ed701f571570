//! The answer in a sentence, from the numbers alone: what they say, whichever way it points.

use crate::experiment::{Experiment, RunResult};
use crate::report::figures::{percent, thousands};
use crate::report::text::shown;

/// Longest name in a sentence.
const NAME_MAX: usize = 40;
/// More runs than these are counted, not listed.
const LISTED_MAX: usize = 4;
/// Offered load below which little can go wrong under any orchestrator.
pub const LOW_LOAD_SHARE: f64 = 0.3;

/// A share that runs are compared by: what it is of, for sentences.
struct Compared {
    /// As in *left the largest share of the demanded CPU unserved*.
    most: &'static str,
    /// As in *All runs left the same share of the demanded CPU unserved*.
    same: &'static str,
}

const CPU: Compared = Compared {
    most: "left the largest share of the demanded CPU unserved",
    same: "All runs left the same share of the demanded CPU unserved",
};
const REQUESTS: Compared = Compared {
    most: "failed the largest share of requests from outside",
    same: "All runs failed the same share of requests from outside",
};

/// Where there is a platform, which run failed the largest and the smallest share of requests; then which left how much of the
/// demanded CPU unserved, and how many hosts came down.
pub fn answer(experiment: &Experiment) -> String {
    let shares = |of: &str| -> Vec<(&RunResult, f64)> {
        experiment.runs.iter().filter_map(|run| Some((run, metric(run, of)?))).collect()
    };
    let visitors = match shares("requests_failed_share").as_slice() {
        [] => String::new(),
        [(run, share)] => format!("Under {} {} of requests from outside failed. ", name(run), percent(*share)),
        measured => format!("{}. ", compared(measured, &REQUESTS)),
    };
    let measured = shares("cpu_unserved_share");
    let unserved = match measured.as_slice() {
        [] if experiment.runs.is_empty() => return "Nothing was run.".into(),
        [] => "No CPU was demanded, so none could be left unserved".into(),
        [(run, share)] => {
            format!("Under {} {} of the CPU that jobs demanded went unserved", name(run), percent(*share))
        }
        _ => compared(&measured, &CPU),
    };
    format!("{visitors}{}{unserved}; {}.", turned_away(experiment), fallen(experiment))
}

/// How many jobs never got a host, where that is all there is to tell runs apart: jobs that were given up demand nothing any more,
/// so that no CPU was left unserved. Empty elsewhere.
fn turned_away(experiment: &Experiment) -> String {
    let unserved = |run: &RunResult| metric(run, "cpu_unserved_share").unwrap_or(0.0);
    let measured: Vec<(&RunResult, f64)> =
        experiment.runs.iter().filter_map(|run| Some((run, metric(run, "jobs_never_placed")?))).collect();
    let Some(&first) = measured.first() else { return String::new() };
    // The first of equals, so that the order of the runs decides and nothing else.
    let most = measured.iter().fold(first, |best, run| if run.1 > best.1 { *run } else { best });
    let least = measured.iter().fold(first, |best, run| if run.1 < best.1 { *run } else { best });
    if most.1 == 0.0 || experiment.runs.iter().any(|run| unserved(run) > 0.0) {
        return String::new();
    }
    let all = thousands(metric(most.0, "jobs_submitted").unwrap_or(most.1));
    let never = format!("{} of {all} jobs never got a host", thousands(least.1));
    if most.1 == least.1 {
        return format!("{never}. ");
    }
    format!("{never} under {}, the fewest, and {} under {}, the most. ", name(least.0), thousands(most.1), name(most.0))
}

/// A warning if so little load was offered that the comparison says little, or if jobs ask for nothing, so that what
/// was offered does not tell; `None` otherwise.
pub fn load_warning(experiment: &Experiment) -> Option<String> {
    let o = &experiment.offered;
    let highest = [o.cpu_share, o.memory_share, o.gpu_share].into_iter().fold(0.0, f64::max);
    (highest < LOW_LOAD_SHARE).then(|| {
        if highest == 0.0 && o.jobs_peak > 0 {
            return "jobs request nothing, so the offered load, which is of requests, does not tell how full hosts get"
                .into();
        }
        format!(
            "at its peak the offered load is {} of the cluster: below 30 % hardly any host can be swamped, whoever \
             places the jobs (raise it with --load 0.7)",
            percent(highest)
        )
    })
}

fn compared(measured: &[(&RunResult, f64)], what: &Compared) -> String {
    // The first of equals, so that the order of the runs decides and nothing else.
    let most = measured.iter().fold(measured[0], |best, run| if run.1 > best.1 { *run } else { best });
    let least = measured.iter().fold(measured[0], |best, run| if run.1 < best.1 { *run } else { best });
    if percent(most.1) == percent(least.1) {
        return format!("{}, {}", what.same, percent(most.1));
    }
    let same = |share: f64| measured.iter().filter(move |run| percent(run.1) == percent(share)).map(|run| run.0);
    format!(
        "{} {} ({}), {} the smallest ({})",
        listed(same(most.1)),
        what.most,
        percent(most.1),
        listed(same(least.1)),
        percent(least.1)
    )
}

fn fallen(experiment: &Experiment) -> String {
    let down = |run: &&RunResult| metric(run, "hosts_down").unwrap_or(0.0);
    let hit: Vec<&RunResult> = experiment.runs.iter().filter(|run| down(run) > 0.0).collect();
    if hit.is_empty() {
        return "no host came down".into();
    }
    if hit.len() > LISTED_MAX {
        let most = hit.iter().fold(hit[0], |most, run| if down(run) > down(&most) { run } else { most });
        return format!(
            "hosts went down in {} of {} runs, most often under {} ({})",
            hit.len(),
            experiment.runs.len(),
            name(most),
            thousands(down(&most))
        );
    }
    let parts: Vec<String> = hit
        .iter()
        .enumerate()
        .map(|(i, run)| {
            let n = down(run);
            // Falls are counted, so one host may stand for several.
            let what = match (i, n == 1.0) {
                (0, true) => " host went down",
                (0, false) => " times a host went down",
                _ => "",
            };
            format!("{}{what} under {}", thousands(n), name(run))
        })
        .collect();
    let others = if hit.len() < experiment.runs.len() { ", none elsewhere" } else { "" };
    format!("{}{others}", joined(&parts))
}

fn listed<'a>(runs: impl Iterator<Item = &'a RunResult>) -> String {
    let names: Vec<String> = runs.map(name).collect();
    if names.len() > LISTED_MAX { format!("{} of the runs", names.len()) } else { joined(&names) }
}

fn joined(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn name(run: &RunResult) -> String {
    shown(&run.label.name, NAME_MAX)
}

fn metric(run: &RunResult, name: &str) -> Option<f64> {
    run.metric(name)?.number().filter(|x| x.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Value;
    use crate::report::fixture;

    fn check(runs: &[(&str, f64, u64)], expected: &str) {
        let mut experiment = fixture::without_runs();
        experiment.runs = runs
            .iter()
            .map(|&(name, share, down)| {
                let mut run = fixture::run(name);
                run.metrics = vec![("cpu_unserved_share", Value::Amount(share)), ("hosts_down", Value::Count(down))];
                run
            })
            .collect();
        assert_eq!(answer(&experiment), expected);
    }

    #[test]
    fn jobs_that_were_given_up_are_told_where_nothing_else_tells_runs_apart() {
        let told = |runs: &[(&str, f64, u64)]| {
            let mut experiment = fixture::without_runs();
            let run = |&(name, share, never): &(&str, f64, u64)| {
                let mut run = fixture::run(name);
                run.metrics = vec![
                    ("cpu_unserved_share", Value::Amount(share)),
                    ("jobs_submitted", Value::Count(10_835)),
                    ("jobs_never_placed", Value::Count(never)),
                ];
                run
            };
            experiment.runs = runs.iter().map(run).collect();
            answer(&experiment)
        };
        let rest = "All runs left the same share of the demanded CPU unserved, 0 %; no host came down.";
        let most_and_least = told(&[("a", 0.0, 2_600), ("b", 0.0, 2_842), ("c", 0.0, 2_508)]);
        assert_eq!(
            most_and_least,
            format!("2,508 of 10,835 jobs never got a host under c, the fewest, and 2,842 under b, the most. {rest}")
        );
        assert_eq!(told(&[("a", 0.0, 7), ("b", 0.0, 7)]), format!("7 of 10,835 jobs never got a host. {rest}"));
        assert_eq!(told(&[("a", 0.0, 0), ("b", 0.0, 0)]), rest);
        // Who waits is counted as not served, and that is told.
        assert!(told(&[("a", 0.1, 5), ("b", 0.0, 0)]).starts_with("a left the largest share"));
    }

    #[test]
    fn the_answer_says_what_the_numbers_say() {
        check(&[], "Nothing was run.");
        check(&[("chef", 0.1, 0)], "Under chef 10 % of the CPU that jobs demanded went unserved; no host came down.");
        check(
            &[("chef", 0.312, 3), ("fleet", 0.2, 1), ("kubernetes", 0.05, 0)],
            "chef left the largest share of the demanded CPU unserved (31.2 %), kubernetes the smallest (5 %); 3 times \
             a host went down under chef and 1 under fleet, none elsewhere.",
        );
        check(
            &[("chef", 0.1, 0), ("kubernetes", 0.4, 1)],
            "kubernetes left the largest share of the demanded CPU unserved (40 %), chef the smallest (10 %); 1 host \
             went down under kubernetes, none elsewhere.",
        );
        check(
            &[("chef", 0.0, 0), ("fleet", 0.0, 0)],
            "All runs left the same share of the demanded CPU unserved, 0 %; no host came down.",
        );
        check(
            &[("a", 0.1, 1), ("b", 0.2, 2), ("c", 0.2, 7), ("d", 0.2, 1), ("e", 0.2, 1), ("f", 0.2, 0)],
            "5 of the runs left the largest share of the demanded CPU unserved (20 %), a the smallest (10 %); hosts \
             went down in 5 of 6 runs, most often under c (7).",
        );
        check(&[("chef", f64::NAN, 0)], "No CPU was demanded, so none could be left unserved; no host came down.");
    }
}
