//! Alibaba's trace of serving recommendation models on GPUs and apart from them (2025): one table of instances.
//!
//! An instance is a service that lives from its creation for as long as it was on a node, so that its wait in the source
//! does not leak into the replay. There is no list of machines.

use super::{FormatInfo, Import, OptionInfo, OptionValues, Source, option};
use crate::error::Result;
use crate::units::{Bytes, MilliCpu, SECOND_US, SimDuration, SimTime};
use crate::workload::Job;

pub(super) const INFO: FormatInfo = FormatInfo {
    name: "alibaba-dlrm",
    summary: "Alibaba trace of disaggregated DLRM serving 2025: one table of instances, hosts from elsewhere",
    options: &[
        OptionInfo {
            name: "disk",
            values: OptionValues::OneOf(&["ignore", "request"]),
            default: "ignore",
            summary: "requests and limits of disk are ignored, or asked for as ephemeral storage, which hosts must have",
        },
        OptionInfo {
            name: "rdma",
            values: OptionValues::OneOf(&["ignore", "request"]),
            default: "ignore",
            summary: "per cents of a network card are ignored, or asked for as extended resource rdma-percent, which hosts must have",
        },
        option::OPEN,
    ],
    sniff: Some(|seen| seen.has_columns(&["instance_sn", "rdma_request", "max_instance_per_node"])),
    read: Some(read),
    ..FormatInfo::BASE
};

/// Most GPUs of an instance: a count beyond it is a damaged row.
const GPUS_MAX: u64 = 1_024;
/// Most of a resource that comes as a plain number, such as per cents.
const MOST: u64 = 1 << 40;
/// The extended resource of network cards.
const RDMA: &str = "rdma-percent";

#[derive(Default)]
struct Counts {
    before: u64,
    open: u64,
    unscheduled: u64,
    gpus: u64,
    apart: u64,
    capped: u64,
    lower_limits: u64,
}

fn read(source: &Source, import: &mut Import) -> Result<()> {
    let needed = "a table with instance_sn, cpu_request, creation_time and more is needed";
    let mut table = import.jobs_table(&source.path, needed)?;
    let (name, role, app) = (table.column("instance_sn")?, table.column("role")?, table.column("app_name")?);
    let (cpu, cpu_limit) = (table.column("cpu_request")?, table.column("cpu_limit")?);
    let (memory, memory_limit) = (table.column("memory_request")?, table.column("memory_limit")?);
    let (disk, disk_limit) = (table.column("disk_request")?, table.column("disk_limit")?);
    let (gpu, rdma) = (table.column("gpu_request")?, table.column("rdma_request")?);
    let cap = table.column("max_instance_per_node")?;
    let created = table.column("creation_time")?;
    let scheduled = table.column("scheduled_time")?;
    let deleted = table.column("deletion_time")?;
    let used = "instance_sn role app_name cpu_request cpu_limit gpu_request rdma_request memory_request memory_limit \
                disk_request disk_limit max_instance_per_node creation_time scheduled_time deletion_time";
    let ignored: Vec<String> = table.header().iter().filter(|h| !used.split(' ').any(|u| u == *h)).cloned().collect();
    let (with_disk, with_rdma) = (import.option("disk") == "request", import.option("rdma") == "request");
    let open = import.option(option::OPEN.name).to_owned();
    let mut counts = Counts::default();
    let (mut waiting, mut last_us): (Vec<(super::Place, Job)>, u64) = (Vec::new(), 0);
    while let Some(row) = table.next_row()? {
        import.job_row(&row)?;
        import.job_fits(import.report.jobs + waiting.len() as u64).map_err(|error| row.place(error))?;
        let time = |column| row.decimal_time_us(column, "seconds", SECOND_US);
        let (creation, start, end) = (time(created)?, time(scheduled)?, time(deleted)?);
        last_us = [creation, start, end].into_iter().flatten().fold(last_us, u64::max);
        let cores = |column| row.scaled(column, "cores", 1_000, MilliCpu::MOST.0 as u64);
        let gib = |column| row.scaled(column, "GiB", 1 << 30, 1 << 53);
        let request = MilliCpu(cores(cpu)?.unwrap_or(0) as i64);
        let asked = Bytes(gib(memory)?.unwrap_or(0) as i64);
        // A blank creation is one before the window; so is then the time on a node.
        let arrival = creation.unwrap_or(0);
        let since = start.unwrap_or(arrival);
        if end.is_some_and(|end| end < since) {
            import.drop_row(&row, "deletion_time is before scheduled_time or creation_time")?;
            continue;
        }
        if end.is_none() && open == "drop" {
            import.drop_row(&row, "not deleted in the window (open=drop)")?;
            continue;
        }
        let mut job = Job::service(row.text(name)?.trim(), SimTime(arrival), request, asked);
        job.app = row.text(app)?.trim().into();
        job.spec.process_type = row.text(role)?.trim().into();
        job.duration = end.map(|end| SimDuration(end - since));
        // A limit below the request cannot be; a limit of 0 or a blank is none.
        let limit = |limit: Option<u64>, least: i64, lower: &mut u64| {
            let limit = limit.filter(|limit| *limit > 0).map(|limit| limit as i64);
            *lower += u64::from(limit.is_some_and(|limit| limit < least));
            limit.filter(|limit| *limit >= least)
        };
        job.cpu_limit = limit(cores(cpu_limit)?, request.0, &mut counts.lower_limits).map(MilliCpu);
        job.memory_limit = limit(gib(memory_limit)?, asked.0, &mut counts.lower_limits).map(Bytes);
        let gpus = row.whole(gpu, "GPUs", GPUS_MAX)?;
        job.spec.gpus = vec![1_000; gpus as usize];
        let (disk, disk_limit) = (gib(disk)?.unwrap_or(0) as i64, gib(disk_limit)?);
        if with_disk {
            job.spec.ephemeral = Bytes(disk);
            job.spec.ephemeral_limit = limit(disk_limit, disk, &mut counts.lower_limits).map(Bytes);
        }
        let rdma = row.scaled(rdma, "per cent", 1, MOST)?.unwrap_or(0);
        if with_rdma && rdma > 0 {
            job.extended.insert(RDMA.into(), rdma as i64);
        }
        match row.signed(cap, "instances")? {
            None | Some(-1) => {}
            Some(1) => {
                job.spec.apart = true;
                counts.apart += 1;
            }
            Some(most) if most > 1 => counts.capped += 1,
            Some(_) => return Err(row.refuse(cap, "-1 for none, or 1 and more, will do")),
        }
        import.for_fleet(&mut job);
        counts.before += u64::from(creation.is_none());
        counts.unscheduled += u64::from(creation.is_some() && start.is_none());
        counts.gpus += u64::from(gpus > 0);
        counts.open += u64::from(end.is_none());
        if end.is_none() && open == "last-seen" {
            // What was last seen is known when all rows are.
            waiting.push((row.at(), job));
            import.used(1);
            continue;
        }
        import.report.span(arrival, end.unwrap_or(u64::MAX));
        import.job(&row, job)?;
    }
    for (place, mut job) in waiting {
        job.duration = Some(SimDuration(last_us.saturating_sub(job.arrival.0)));
        import.report.span(job.arrival.0, last_us);
        import.job_from(&place, job)?;
    }
    import.builder().trace_end(SimTime(last_us));
    say(&counts, &open, (with_disk, with_rdma), import);
    for column in ignored {
        import.report.ignore(&column, 0);
    }
    Ok(())
}

fn say(counts: &Counts, open: &str, (with_disk, with_rdma): (bool, bool), import: &mut Import) {
    let Counts { before, open: opens, unscheduled, gpus, apart, capped, lower_limits } = counts;
    let choices = &mut import.report.choices;
    choices.push(
        "an instance is a service from creation_time on, for deletion_time − scheduled_time; role is its process type"
            .into(),
    );
    choices.push("CPU in cores, memory and disk in GiB; limits as given, a GPU is whole".into());
    choices.push(format!("disk={}, rdma={}", word(with_disk), word(with_rdma)));
    for (count, what) in [
        (before, "instances were created before the window: they arrive at time 0 with what remained"),
        (unscheduled, "instances were never scheduled: they last from creation_time on"),
        (apart, "instances may not share a node with others of their app (max_instance_per_node 1)"),
    ] {
        if *count > 0 {
            choices.push(format!("{count} {what}"));
        }
    }
    if *opens > 0 {
        choices.push(format!("open={open}: {opens} instances are not deleted in the window"));
    }
    if *capped > 0 {
        import.report.ignore("max_instance_per_node above 1", *capped);
    }
    if *lower_limits > 0 {
        import.report.ignore("limits below their request", *lower_limits);
    }
    let warnings = &mut import.report.warnings;
    warnings.push("the trace has no machines: name hosts by --hosts or --cluster".into());
    if *gpus > 0 {
        warnings.push(format!("{gpus} jobs ask for GPUs: they wait for ever where no host has any"));
    }
}

fn word(with: bool) -> &'static str {
    if with { "request" } else { "ignore" }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::{Budgets, Imported, TraceArg, read_trace};
    use super::*;
    use crate::rng::Seed;
    use crate::workload::{JobKind, UsageMode};

    const HEAD: &str = "instance_sn,role,app_name,cpu_request,cpu_limit,gpu_request,gpu_limit,rdma_request,rdma_limit,memory_request,\
        memory_limit,disk_request,disk_limit,max_instance_per_node,creation_time,scheduled_time,deletion_time\n";

    fn import(name: &str, rows: &str, options: &[(&str, &str)]) -> Result<Imported> {
        let file = std::env::temp_dir().join(format!("plimsoll-dlrm-{name}-{}.csv", std::process::id()));
        std::fs::write(&file, format!("{HEAD}{rows}")).unwrap();
        let options: BTreeMap<String, String> = options.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        // The columns alone tell the format.
        let arg = TraceArg::parse(&file.to_string_lossy()).unwrap();
        assert_eq!(arg.format.name, "alibaba-dlrm");
        let got = read_trace(&arg, &options, &Budgets::default());
        std::fs::remove_file(file).unwrap();
        got
    }

    const ROWS: &str = "\
        i0,HN,a,12,12,1,1,25,25,120.0,120.0,640.0,800.0,8,,,100.0\n\
        i1,CN,b,64,128,0,0,0,0,0.5,1.0,10,20,1,10.5,12.0,112.0\n\
        i2,CN,b,1.5,1,0,0,0,0,1,0,0,0,-1,20,30,\n\
        i3,HN,c,8,8,2,2,50,50,40,40,80,100,-1,40,,90\n\
        i4,HN,c,8,8,2,2,50,50,40,40,80,100,-1,40,60,50\n";

    #[test]
    fn instances_by_hand_become_the_services_they_should() {
        let imported = import("hand", ROWS, &[]).unwrap();
        let report = imported.report.clone();
        assert_eq!((report.rows_read, report.rows_used, report.jobs), (5, 4, 4));
        assert_eq!(report.rows_dropped["deletion_time is before scheduled_time or creation_time"], 1);
        assert_eq!(report.fields_ignored["max_instance_per_node above 1"], 1);
        assert_eq!(report.fields_ignored["limits below their request"], 1);
        assert_eq!(report.warnings[1], "2 jobs ask for GPUs: they wait for ever where no host has any");
        let (workload, _, _) = imported.finish(UsageMode::Request, Seed(1)).unwrap();
        let told: Vec<String> = workload
            .ids()
            .map(|job| {
                let spec = workload.spec(job);
                assert_eq!(spec.kind, JobKind::Service);
                let seconds = |us: u64| us as f64 / 1e6;
                format!(
                    "{} {} {:?} {}m {:?} {} {} {} {:?} {} {}",
                    workload.name(job),
                    seconds(workload.arrival(job).0),
                    workload.duration(job).map(|d| seconds(d.0)),
                    workload.cpu_request(job).0,
                    workload.cpu_limit(job).map(|l| l.0),
                    workload.memory_request(job).0 >> 20,
                    workload.memory_limit(job).map_or(0, |l| l.0 >> 20),
                    spec.process_type,
                    spec.gpus,
                    spec.apart,
                    spec.ephemeral.0
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                "i0 0 Some(100.0) 12000m Some(12000) 122880 122880 HN [1000] false 0",
                "i1 10.5 Some(100.0) 64000m Some(128000) 512 1024 CN [] true 0",
                "i2 20 None 1500m None 1024 0 CN [] false 0",
                "i3 40 Some(50.0) 8000m Some(8000) 40960 40960 HN [1000, 1000] false 0"
            ]
        );
    }

    #[test]
    fn disk_cards_and_open_ends_are_as_the_options_say() {
        let options = [("disk", "request"), ("rdma", "request"), ("open", "last-seen")];
        let (workload, _, _) = import("options", ROWS, &options).unwrap().finish(UsageMode::Request, Seed(1)).unwrap();
        let spec = |name: &str| workload.spec(workload.find(name).unwrap());
        assert_eq!(spec("i0").ephemeral, Bytes::gib(640));
        assert_eq!(spec("i0").ephemeral_limit, Some(Bytes::gib(800)));
        assert_eq!(workload.resources(), [RDMA]);
        assert_eq!(spec("i3").extended[0].1, 50);
        // The last moment of the table is 112 s; i2 came at 20 s.
        assert_eq!(workload.duration(workload.find("i2").unwrap()), Some(SimDuration::from_secs(92)));
        let report = import("drop", ROWS, &[("open", "drop")]).unwrap().report;
        assert_eq!((report.jobs, report.rows_dropped["not deleted in the window (open=drop)"]), (3, 1));
    }

    #[test]
    fn damage_has_its_place() {
        for (row, message) in [
            ("i,HN,a,x,1,0,0,0,0,1,1,1,1,-1,,,\n", "cpu_request: \"x\" is not a number of cores"),
            ("i,HN,a,1,1,0,0,0,0,-1,1,1,1,-1,,,\n", "memory_request: \"-1\" is negative; 0 or more GiB will do"),
            ("i,HN,a,1,1,0,0,0,0,1,1,1,1,0,,,\n", "max_instance_per_node: -1 for none, or 1 and more, will do"),
            ("i,HN,a,1,1,5000,0,0,0,1,1,1,1,-1,,,\n", "gpu_request: \"5000\" is too large; at most 1024 will do"),
            ("i,HN,a,1\n", "4 columns where the header has 17"),
        ] {
            let error = import("damage", row, &[]).unwrap_err().to_string();
            assert!(error.ends_with(&format!(".csv:2: {message}")), "{error}");
        }
    }
}
