//! Alibaba's GPU cluster trace of 2023 (openb): one list of nodes, one of pods, columns by name.
//!
//! A pod arrives at its creation and runs as long as it ran in the source cluster, from scheduling to deletion: the
//! wait there must not leak into the replay. `qos` is Alibaba's own class and is not used. Failed pods run as long as
//! recorded and finish like any other.

use std::path::Path;

use super::{FormatInfo, Import, OptionInfo, OptionValues, Source, parts};
use crate::cluster::HostSpec;
use crate::error::{Error, Result};
use crate::units::{Bytes, MilliCpu, SECOND_US, SimDuration, SimTime};
use crate::workload::Job;

pub(super) const INFO: FormatInfo = FormatInfo {
    name: "openb",
    summary: "Alibaba GPU cluster trace 2023: a folder with node and pod list, or NODES.csv,PODS.csv",
    options: &[OptionInfo {
        name: "pending",
        values: OptionValues::OneOf(&["run", "drop"]),
        default: "run",
        summary: "pods that were never scheduled run from creation to deletion, or are left out",
    }],
    sniff: Some(|seen| seen.names.iter().any(|name| parts::stem(name) == parts::stem(PODS)) && seen.is_folder),
    read: Some(read),
    read_hosts: Some(read_hosts),
    ..FormatInfo::BASE
};

const NODES: &str = "openb_node_list_all_node.csv";
const PODS: &str = "openb_pod_list_default.csv";
/// Most GPUs of a node or pod: a count beyond it is a damaged row, not a machine.
const GPUS_MAX: u64 = 1_024;
/// All pods are of one app: `qos` and the names say nothing of which replace each other.
const APP: &str = "openb";

/// `NODES.csv,PODS.csv` as two paths; `None` where there is no comma.
fn pair(source: &Source) -> Result<Option<(&str, &str)>> {
    let Some((nodes, pods)) = source.path.split_once(',') else { return Ok(None) };
    let (nodes, pods) = (nodes.trim(), pods.trim());
    if nodes.is_empty() || pods.is_empty() || (nodes == "-" && pods == "-") {
        let what = format!("\"{}\" is not NODES.csv,PODS.csv (only one of them may be -)", source.path);
        return Err(Error::usage(what));
    }
    Ok(Some((nodes, pods)))
}

/// The file `name` in `folder`, plain or gzip.
fn inside(folder: &Path, name: &str) -> Result<String> {
    let spellings = ["", ".gz", ".zst"].map(|packed| folder.join(format!("{name}{packed}")));
    match spellings.iter().find(|path| path.exists()) {
        Some(path) => Ok(path.to_string_lossy().into_owned()),
        None => Err(Error::input(format!(
            "the folder has no {name} (or {name}.gz); name the lists as openb:NODES.csv,PODS.csv"
        ))
        .in_file(folder)),
    }
}

fn read(source: &Source, import: &mut Import) -> Result<()> {
    if let Some((nodes, pods)) = pair(source)? {
        read_nodes(nodes, import)?;
        return read_pods(pods, import);
    }
    let folder = Path::new(&source.path);
    if !folder.is_dir() {
        let what = if folder.exists() {
            "is one file; name both lists as openb:NODES.csv,PODS.csv, or their folder"
        } else {
            "there is no such folder; name the folder with the two lists, or openb:NODES.csv,PODS.csv"
        };
        return Err(Error::input(what).in_file(folder));
    }
    let (nodes, pods) = (inside(folder, NODES)?, inside(folder, PODS)?);
    read_nodes(&nodes, import)?;
    read_pods(&pods, import)
}

fn read_hosts(source: &Source, import: &mut Import) -> Result<()> {
    let folder = Path::new(&source.path);
    match pair(source)? {
        Some((nodes, _)) => read_nodes(nodes, import),
        None if folder.is_dir() => read_nodes(&inside(folder, NODES)?, import),
        None => read_nodes(&source.path, import),
    }
}

fn read_nodes(path: &str, import: &mut Import) -> Result<()> {
    let mut table = import.hosts_table(path, "a node list with sn, cpu_milli, memory_mib, gpu, model is needed")?;
    let name = table.column("sn")?;
    let cpu = table.column("cpu_milli")?;
    let memory = table.column("memory_mib")?;
    let gpu = table.column("gpu")?;
    let model = table.column("model")?;
    while let Some(row) = table.next_row()? {
        import.host_row(&row)?;
        let (cpu_milli, memory_mib) = (row.amount(cpu, "milli-CPU")?, row.mebibytes(memory)?);
        if cpu_milli == 0 {
            return Err(row.refuse(cpu, "0 is too little; a host needs more"));
        }
        if memory_mib.0 == 0 {
            return Err(row.refuse(memory, "0 is too little; a host needs more"));
        }
        let mut host = HostSpec::new(row.text(name)?, MilliCpu(cpu_milli), memory_mib);
        host.gpus = row.number(gpu, row.text(gpu)?, "GPUs", GPUS_MAX, "1024")? as u16;
        host.gpu_model = row.text(model)?.trim().into();
        if !host.gpu_model.is_empty() {
            host.labels.insert("gpu-model".into(), host.gpu_model.clone());
        }
        import.host(&row, "sn", host)?;
    }
    Ok(())
}

fn read_pods(path: &str, import: &mut Import) -> Result<()> {
    let mut table = import.jobs_table(path, "a pod list with name, cpu_milli, creation_time and more is needed")?;
    let name = table.column("name")?;
    let cpu = table.column("cpu_milli")?;
    let memory = table.column("memory_mib")?;
    let gpu_count = table.column("num_gpu")?;
    let gpu_milli = table.column("gpu_milli")?;
    let created = table.column("creation_time")?;
    let deleted = table.column("deletion_time")?;
    let scheduled = table.column("scheduled_time")?;
    let gpu_spec = table.optional("gpu_spec");
    let phase = table.optional("pod_phase");
    let used =
        "name cpu_milli memory_mib num_gpu gpu_milli creation_time deletion_time scheduled_time gpu_spec pod_phase";
    let ignored: Vec<String> = table.header().iter().filter(|h| !used.split(' ').any(|u| u == *h)).cloned().collect();
    let drop_pending = import.option("pending") == "drop";
    let (mut pending, mut failed, mut no_memory, mut no_time, mut spec_without_gpu) = (0u64, 0u64, 0u64, 0u64, 0u64);
    while let Some(row) = table.next_row()? {
        import.job_row(&row)?;
        // A blank time is the trace's way to say "did not happen"; anything else that is no number is an error.
        let Some(arrival) = row.time_us(created, "seconds", SECOND_US)? else {
            import.drop_row(&row, "creation_time is blank")?;
            continue;
        };
        let Some(end) = row.time_us(deleted, "seconds", SECOND_US)? else {
            import.drop_row(&row, "deletion_time is blank")?;
            continue;
        };
        let start = row.time_us(scheduled, "seconds", SECOND_US)?;
        if start.is_none() && drop_pending {
            import.drop_row(&row, "never scheduled (pending=drop)")?;
            continue;
        }
        let Some(duration) = end.checked_sub(start.unwrap_or(arrival)) else {
            let why = match start {
                Some(_) => "deletion_time is before scheduled_time",
                None => "deletion_time is before creation_time",
            };
            import.drop_row(&row, why)?;
            continue;
        };
        let gpus = match row.number(gpu_count, row.text(gpu_count)?, "GPUs", GPUS_MAX, "1024")? {
            0 => Vec::new(),
            1 => match row.number(gpu_milli, row.text(gpu_milli)?, "thousandths of a GPU", 1_000, "1000")? {
                0 => return Err(row.refuse(gpu_milli, "0 thousandths of 1 GPU; 1 to 1000 will do")),
                share => vec![share as u16],
            },
            whole => vec![1_000; whole as usize],
        };
        let mut models: Vec<String> =
            row.optional(gpu_spec)?.split('|').map(str::trim).filter(|m| !m.is_empty()).map(String::from).collect();
        models.sort_unstable();
        models.dedup();
        let requested = row.mebibytes(memory)?;
        let mut job = Job::batch(
            row.text(name)?,
            SimTime(arrival),
            SimDuration(duration),
            MilliCpu(row.amount(cpu, "milli-CPU")?),
            requested,
        );
        job.app = APP.into();
        spec_without_gpu += u64::from(gpus.is_empty() && !models.is_empty());
        if !gpus.is_empty() {
            job.spec.gpu_models = models;
        }
        job.spec.gpus = gpus;
        pending += u64::from(start.is_none());
        failed += u64::from(row.optional(phase)? == "Failed");
        no_memory += u64::from(requested.0 == 0);
        no_time += u64::from(duration == 0);
        import.report.span(arrival, end);
        import.job(&row, job)?;
    }
    let choices = &mut import.report.choices;
    choices.push("a job arrives at creation_time and runs deletion_time − scheduled_time; all jobs are batch".into());
    choices.push(format!("all jobs are of one app, \"{APP}\": the trace does not say which replace each other"));
    choices.push(format!(
        "pending={}: {}",
        if drop_pending { "drop" } else { "run" },
        if drop_pending {
            "pods never scheduled are left out".into()
        } else {
            format!("{pending} pods never scheduled run deletion_time − creation_time")
        }
    ));
    choices.push("requests are as given, there are no limits; gpu_milli counts where num_gpu is 1".into());
    if failed > 0 {
        choices.push(format!("{failed} pods of phase Failed run their recorded time and finish like any other"));
    }
    for column in ignored {
        import.report.ignore(&column, 0);
    }
    for (count, what) in [
        (no_memory, "jobs request 0 MiB of memory"),
        (no_time, "jobs last 0 s"),
        (spec_without_gpu, "jobs name a GPU model but ask for no GPU; the model is ignored"),
    ] {
        if count > 0 {
            import.report.warnings.push(format!("{count} {what}"));
        }
    }
    Ok(())
}

impl super::Row<'_> {
    /// Whole MiB as bytes, at most 2^53 bytes.
    fn mebibytes(&self, column: super::Column) -> Result<Bytes> {
        self.number(column, self.text(column)?, "MiB", 1 << 33, "2^33 MiB").map(|n| Bytes::mib(n as i64))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::{Budgets, Imported, TraceArg, native, read_hosts, read_trace};
    use super::*;
    use crate::rng::Seed;
    use crate::workload::UsageMode;

    const NODE_ROWS: &str = "sn,cpu_milli,memory_mib,gpu,model\nn0,32000,1024,0,\nn1,64000,2048,2,X9\n";
    const POD_HEAD: &str = "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time\n";

    fn import(name: &str, pods: &str, options: &[(&str, &str)]) -> Result<Imported> {
        let folder = std::env::temp_dir().join(format!("plimsoll-openb-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(NODES), NODE_ROWS).unwrap();
        std::fs::write(folder.join(PODS), format!("{POD_HEAD}{pods}")).unwrap();
        let path = format!("openb:{}", folder.display());
        let options: BTreeMap<String, String> = options.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let got = read_trace(&TraceArg::parse(&path).unwrap(), &options, &Budgets::default());
        assert_eq!(read_hosts(&path, &Budgets::default()).unwrap().len(), 2);
        std::fs::remove_dir_all(folder).unwrap();
        got
    }

    const PODS_BY_HAND: &str = "\
        p0,1000,64,1,460,,LS,Running,10,100,20\n\
        p1,2000,0,3,1000,X9|A|A,BE,Failed,11,11,11\n\
        p2,3000,64,0,0,,LS,Pending,12,42,\n\
        p3,1,1,0,0,,LS,Running,12,,13\n\
        p4,1,1,0,0,,LS,Running,12,12,13\n";

    #[test]
    fn pods_by_hand_become_the_jobs_they_should() {
        let imported = import("hand", PODS_BY_HAND, &[]).unwrap();
        assert_eq!((imported.report.rows_read, imported.report.rows_used, imported.report.jobs), (5, 3, 3));
        let dropped: Vec<(&str, u64)> =
            imported.report.rows_dropped.iter().map(|(reason, n)| (reason.as_str(), *n)).collect();
        assert_eq!(dropped, [("deletion_time is before scheduled_time", 1), ("deletion_time is blank", 1)]);
        assert_eq!(imported.report.warnings, ["1 jobs request 0 MiB of memory", "1 jobs last 0 s"]);
        assert_eq!(imported.report.fields_ignored, BTreeMap::from([("qos".to_string(), 0)]));
        let (workload, hosts, _) = imported.finish(UsageMode::Request, Seed(1)).unwrap();
        let files = native::write(&workload, &hosts).unwrap();
        // p0: 100 − 20 s; p2, never scheduled: 42 − 12 s. 64 MiB are 67,108,864 bytes.
        let want = "\
            p0,10000000,80000000,1000,67108864,openb,default,,batch,on-failure,0,,,,460,,,,,,,,,false\n\
            p1,11000000,0,2000,0,openb,default,,batch,on-failure,0,,,,1000;1000;1000,A|X9,,,,,,,,false\n\
            p2,12000000,30000000,3000,67108864,openb,default,,batch,on-failure,0,,,,,,,,,,,,,false\n";
        let jobs = String::from_utf8(files.jobs).unwrap();
        // Columns behind these are blank.
        let plain = |table: &str| -> String {
            table.lines().skip(1).map(|row| format!("{}\n", row.trim_end_matches(','))).collect()
        };
        assert_eq!(plain(&jobs), want);
        let want = "n0,32000,1073741824,0,,,,,0,,0\nn1,64000,2147483648,0,,gpu-model=X9,,,2,X9,0\n";
        let hosts = String::from_utf8(files.hosts).unwrap();
        assert_eq!(plain(&hosts), want);
    }

    #[test]
    fn pods_never_scheduled_can_be_left_out() {
        let imported = import("drop", PODS_BY_HAND, &[("pending", "drop")]).unwrap();
        assert_eq!(imported.report.jobs, 2);
        assert_eq!(imported.report.rows_dropped["never scheduled (pending=drop)"], 1);
    }

    #[test]
    fn a_row_that_no_quirk_explains_is_an_error_with_its_place() {
        for (name, row, message) in [
            ("neg", "p,-1,1,0,0,,LS,Running,1,2,1\n", "cpu_milli: \"-1\" is negative; 0 or more milli-CPU will do"),
            ("word", "p,1,1,0,0,,LS,Running,x,2,1\n", "creation_time: \"x\" is not a whole number of seconds"),
            ("gpu", "p,1,1,1,1001,,LS,Running,1,2,1\n", "gpu_milli: \"1001\" is too large; at most 1000 will do"),
            ("many", "p,1,1,99999,0,,LS,Running,1,2,1\n", "num_gpu: \"99999\" is too large; at most 1024 will do"),
            ("cols", "p,1,1\n", "3 columns where the header has 11"),
        ] {
            let error = import(name, row, &[]).unwrap_err().to_string();
            assert!(error.ends_with(&format!("{PODS}:2: {message}")), "{error}");
        }
        let error = import("none", "p,1,1,0,0,,LS,Running,1,,1\n", &[]).unwrap_err().to_string();
        assert!(error.ends_with(": no jobs: all rows were left out (1 × deletion_time is blank)"), "{error}");
    }
}
