//! `platform.csv`: what happened to a platform, and why, in order.

use std::io::{self, Write};

use super::components::has_platform;
use super::{Form, OutputInfo, OutputKind, csv_writer};
use crate::experiment::Experiment;
use crate::report::text::{cell, host_name, job_name};
use crate::sim::{Change, EndReason};

/// The row.
pub const OUTPUT: OutputInfo = OutputInfo {
    file: "platform.csv",
    summary: "What happened to a platform, in order: faults and their causes, stages of components, what visitors met",
    kind: OutputKind::Csv,
    form: Form::If(has_platform, write),
};

fn write(experiment: &Experiment, out: &mut dyn Write) -> io::Result<()> {
    let mut csv = csv_writer(out);
    csv.write_record(["run", "at_us", "change", "app", "job", "host", "detail"])?;
    for run in &experiment.runs {
        let Some(record) = run.record.as_ref().filter(|_| !run.platform.is_empty()) else { continue };
        let name = cell(&run.label.name);
        for (at, change) in &record.life {
            let Some(row) = row(change) else { continue };
            let app = row.app.and_then(|app| run.platform.get(app.index()));
            csv.write_record([
                name.as_str(),
                &at.0.to_string(),
                row.change,
                &app.map(|part| cell(&part.app)).unwrap_or_default(),
                &row.job.map(|job| cell(&job_name(experiment, job))).unwrap_or_default(),
                &row.host.map(|host| cell(&host_name(experiment, host))).unwrap_or_default(),
                &row.detail,
            ])?;
        }
    }
    csv.flush()
}

#[derive(Default)]
struct Row {
    change: &'static str,
    app: Option<crate::ids::AppId>,
    job: Option<crate::ids::JobId>,
    host: Option<crate::ids::HostId>,
    detail: String,
}

fn row(change: &Change) -> Option<Row> {
    let none = Row::default();
    let word = |on: bool, yes: &str, no: &str| if on { yes.to_owned() } else { no.to_owned() };
    Some(match *change {
        Change::HostUp { host } => Row { change: "host-up", host: Some(host), ..none },
        Change::HostDown { host, cause } => {
            Row { change: "host-down", host: Some(host), detail: cause.name().into(), ..none }
        }
        Change::HostLeft { host } => Row { change: "host-left", host: Some(host), ..none },
        Change::Heartbeats { host, on } => {
            Row { change: "heartbeats", host: Some(host), detail: word(on, "on", "off"), ..none }
        }
        Change::HostLost { host, lost } => {
            Row { change: "host-lost", host: Some(host), detail: word(lost, "on", "off"), ..none }
        }
        Change::Ended { job, host, why, .. } if why != EndReason::Finished => {
            Row { change: "ended", job: Some(job), host: Some(host), detail: why.name().into(), ..none }
        }
        Change::Store { level } => {
            let (reads, writes) = (word(level.reads, "reads", "no reads"), word(level.writes, "writes", "no writes"));
            let detail = format!("{reads} of {} us, {writes} of {} us", level.read_us, level.write_us);
            Row { change: "store", detail, ..none }
        }
        Change::Stage { job, host, stage } => {
            Row { change: "stage", job: Some(job), host: Some(host), detail: stage.name().into(), ..none }
        }
        Change::Reach { app, reach } => {
            let shares = [("ok", reach.ok), ("502", reach.refused), ("503", reach.nobody), ("504", reach.timeout)];
            let shares = shares.map(|(what, share)| format!("{what} {share}")).join(" ");
            let detail =
                format!("{shares} ready {} unlisted {} dead {}", reach.ready, reach.unlisted, reach.dead_listed);
            Row { change: "reach", app: Some(app), detail, ..none }
        }
        Change::Deploys { possible } => {
            Row { change: "deploys", detail: word(possible, "possible", "impossible"), ..none }
        }
        Change::Configured { job, number } => {
            Row { change: "configured", job: Some(job), detail: format!("change {number}"), ..none }
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn a_change_of_what_visitors_meet_is_a_row() {
        let text = fixture::written(&OUTPUT, &fixture::plain());
        assert!(text.starts_with("run,at_us,change,app,job,host,detail\nchef,"), "{text}");
        let reach = "reach,web,,,ok 500000 502 0 503 0 504 500000 ready 1 unlisted 0 dead 1";
        assert!(text.contains(reach), "{text}");
    }
}
