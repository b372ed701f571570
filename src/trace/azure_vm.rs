//! Azure's traces of virtual machines, 2017 (V1) and 2019 (V2): `vmtable`, and `vm_cpu_readings` in 125 or 195 parts.
//!
//! A VM is a service from its creation until it is deleted. What it asked for is what was sold: cores and memory, which
//! the trace of 2019 gives as buckets. How busy its CPU was is known every five minutes, its memory never; there are no
//! hosts, no limits and no priorities.

use std::path::Path;

use super::keys::Keys;
use super::option::{OPEN, UNCENSOR, USAGE, USAGE_STAT};
use super::{
    Column, FormatInfo, Import, OptionInfo, OptionValues, Reading, Row, Sample, Samples, Source, TableShape, parts,
};
use crate::error::{Error, Result};
use crate::units::{Bytes, MilliCpu, NANO_PER_CORE, SECOND_US, SimDuration, SimTime};
use crate::workload::{Job, UsageStep};

pub(super) const INFO: FormatInfo = FormatInfo {
    name: "azure-vm",
    summary: "Azure VM traces of 2017 and 2019: a folder with vmtable and the parts of vm_cpu_readings",
    options: &[
        OptionInfo {
            name: "open_cores",
            values: OptionValues::Cpu,
            default: "30",
            summary: "cores of a VM in the bucket \">24\" (2019; 30 as in its authors' notebook)",
        },
        OptionInfo {
            name: "open_memory",
            values: OptionValues::Memory,
            default: "70Gi",
            summary: "memory of a VM in the bucket \">64\" (2019; 70 as in its authors' notebook)",
        },
        OptionInfo {
            name: "memory_used",
            values: OptionValues::Count(0, 100),
            default: "100",
            summary: "memory in use, in percent of the VM's: the trace does not tell (100 is assumed)",
        },
        OptionInfo {
            name: "last",
            values: OptionValues::Count(0, 1 << 40),
            default: "2591700",
            summary: "time of the last reading in seconds: a VM deleted then, or later, is alive at the end",
        },
        OPEN,
        USAGE,
        USAGE_STAT,
        UNCENSOR,
    ],
    sniff: Some(|seen| seen.has_table(VMS) && seen.has_table(READINGS)),
    read: Some(read),
    ..FormatInfo::BASE
};

const VMS: &str = "vmtable";
const READINGS: &str = "vm_cpu_readings";
/// The trace samples every five minutes.
const STEP_US: u64 = 300 * SECOND_US;
/// Most cores of a VM; more is a damaged row.
const CORES_MAX: u64 = 1 << 20;

/// No header in the published files; copies have some.
const VM_SHAPE: TableShape = TableShape {
    number: 3,
    ..TableShape::of(&[
        "vm",
        "subscription",
        "deployment",
        "created",
        "deleted",
        "max cpu",
        "mean cpu",
        "p95 of max cpu",
        "category",
        "cores",
        "memory",
    ])
};
const READING_SHAPE: TableShape = TableShape::of(&["time", "vm", "min cpu", "max cpu", "mean cpu"]);

/// What readings have to know of a VM.
struct Vm {
    created_us: u64,
    lasts_us: Option<u64>,
    cores_milli: u64,
    memory_used: Bytes,
}

/// What is counted on the way.
#[derive(Default)]
struct Counts {
    older: u64,
    alive: u64,
    short: u64,
    open_cores: u64,
    open_memory: u64,
    strangers: u64,
}

fn read(source: &Source, import: &mut Import) -> Result<()> {
    let folder = Path::new(&source.path);
    if !folder.is_dir() {
        let what = "is no folder; name the folder with vmtable.csv and the parts of vm_cpu_readings";
        return Err(Error::input(what).in_file(folder));
    }
    let tables = parts::of_table(folder, VMS)?;
    if tables.is_empty() {
        return Err(Error::input("the folder has no vmtable.csv (or vmtable.csv.gz)").in_file(folder));
    }
    let usage = import.option("usage").to_owned();
    let mut counts = Counts::default();
    let (mut keys, mut vms) = (Keys::default(), Vec::new());
    for table in tables {
        read_vms(&parts::text(&table), import, &mut keys, &mut vms, &mut counts)?;
    }
    let readings = if usage == "steps" { parts::of_table(folder, READINGS)? } else { Vec::new() };
    if !readings.is_empty() {
        let mut samples = import.samples();
        for table in &readings {
            read_readings(&parts::text(table), import, &keys, &vms, &mut samples, &mut counts)?;
        }
        for (number, vm) in vms.iter().enumerate() {
            let lasts = vm.lasts_us.map(SimDuration);
            let request = vm.cores_milli * (NANO_PER_CORE / 1_000);
            let steps = samples.steps(number as u32, vm.created_us, lasts, request, vm.memory_used);
            import.builder().set_usage(number as u32, steps).map_err(|why| why.in_file(folder))?;
        }
        import.report.usage = Some(samples.counts().into());
    }
    say(import, &counts, &usage, !readings.is_empty());
    Ok(())
}

fn read_vms(
    path: &str,
    import: &mut Import,
    keys: &mut Keys<String>,
    vms: &mut Vec<Vm>,
    counts: &mut Counts,
) -> Result<()> {
    let mut table = import.fixed_table(path, &VM_SHAPE)?;
    let column = |index| table.fixed_column(&VM_SHAPE, index);
    let (name, subscription, deployment) = (column(0), column(1), column(2));
    let (created, deleted, mean, category) = (column(3), column(4), column(6), column(8));
    let (cores, memory) = (column(9), column(10));
    let (open_cores, open_memory) = (import.cpu_option("open_cores"), import.memory_option("open_memory"));
    let last_us = import.count_option("last").saturating_mul(SECOND_US);
    let used = import.count_option("memory_used");
    let open = import.option("open").to_owned();
    let by_mean = import.option("usage") == "mean";
    import.builder().trace_end(SimTime(last_us.saturating_add(STEP_US).min(crate::workload::LONGEST_US)));
    while let Some(row) = table.next_row()? {
        import.job_row(&row)?;
        let Some(created_us) = row.decimal_time_us(created, "seconds", SECOND_US)? else {
            import.drop_row(&row, "creation time is blank")?;
            continue;
        };
        let deleted_us = row.decimal_time_us(deleted, "seconds", SECOND_US)?;
        // A VM that was alive when the trace ended has the last reading, or nothing, for its deletion.
        let alive = deleted_us.is_none_or(|us| us >= last_us);
        if alive && open == "drop" {
            import.drop_row(&row, "alive at the end (open=drop)")?;
            continue;
        }
        let end_us = if alive { last_us.saturating_add(STEP_US) } else { deleted_us.unwrap_or(last_us) };
        let Some(lasts_us) = end_us.checked_sub(created_us) else {
            import.drop_row(&row, "deleted before it was created")?;
            continue;
        };
        // Times are those of readings: created and deleted at one reading is less than a step apart.
        let short = lasts_us == 0;
        let lasts_us = (!(alive && open == "run")).then_some(if short { STEP_US } else { lasts_us });
        let (cores_milli, any_cores) = bucket(&row, cores, "cores", 1_000, CORES_MAX * 1_000, open_cores.0 as u64)?;
        let (memory_bytes, any_memory) = bucket(&row, memory, "GiB", 1 << 30, 1 << 53, open_memory.0 as u64)?;
        let memory_bytes = Bytes(memory_bytes as i64);
        let memory_used = Bytes((i128::from(memory_bytes.0) * i128::from(used) / 100) as i64);
        let vm_name = row.text(name)?;
        if keys.number(vm_name.to_owned()) != vms.len() as u32 {
            return Err(row.refuse(name, format!("two VMs are named \"{vm_name}\"")));
        }
        let mut job = Job::service(vm_name, SimTime(created_us), MilliCpu(cores_milli as i64), memory_bytes);
        job.duration = lasts_us.map(SimDuration);
        job.spec.namespace = row.text(subscription)?.into();
        job.app = row.text(deployment)?.into();
        if by_mean {
            let nano = percent(&row, mean, cores_milli)?.unwrap_or(cores_milli * (NANO_PER_CORE / 1_000));
            job.usage = vec![UsageStep { length_us: u64::MAX, cpu_nano: nano, memory: memory_used, cache: Bytes(0) }];
        }
        counts.older += u64::from(created_us == 0);
        counts.alive += u64::from(alive);
        counts.short += u64::from(short);
        counts.open_cores += u64::from(any_cores);
        counts.open_memory += u64::from(any_memory);
        // "Unkown" is how the trace of 2017 writes it.
        let kind = match row.text(category)?.trim() {
            "Unkown" | "Unknown" | "" => "VMs of unknown category",
            "Interactive" => "VMs of category Interactive",
            "Delay-insensitive" => "VMs of category Delay-insensitive",
            _ => "VMs of another category",
        };
        import.report.count(kind, 1);
        import.report.span(created_us, end_us);
        vms.push(Vm { created_us, lasts_us, cores_milli, memory_used });
        import.job(&row, job)?;
    }
    Ok(())
}

/// An amount of `unit`, each of `one`; a bucket without an end, such as `>24`, is `open`. Whether it was one.
fn bucket(row: &Row, column: Column, unit: &str, one: u64, most: u64, open: u64) -> Result<(u64, bool)> {
    let text = row.text(column)?.trim();
    if text.starts_with('>') {
        return Ok((open, true));
    }
    match row.scaled(column, unit, one, most)? {
        Some(0) => Err(row.refuse(column, format!("0 is too little; a VM has some {unit}"))),
        Some(amount) => Ok((amount, false)),
        None => Err(row.refuse(column, format!("blank; a number of {unit} is needed"))),
    }
}

/// A share in percent of so many thousandths of cores, in nano-cores.
fn percent(row: &Row, column: Column, cores_milli: u64) -> Result<Option<u64>> {
    row.scaled(column, "percent", cores_milli * (NANO_PER_CORE / 100_000), 1 << 53)
}

fn read_readings(
    path: &str,
    import: &mut Import,
    keys: &Keys<String>,
    vms: &[Vm],
    samples: &mut Samples,
    counts: &mut Counts,
) -> Result<()> {
    let mut table = import.fixed_table(path, &READING_SHAPE)?;
    let column = |index| table.fixed_column(&READING_SHAPE, index);
    let (time, name, max, mean) = (column(0), column(1), column(3), column(4));
    while let Some(row) = table.next_row()? {
        let Some(start_us) = row.decimal_time_us(time, "seconds", SECOND_US)? else {
            return Err(row.refuse(time, "blank; a reading needs its time"));
        };
        let Some(number) = keys.get(row.text(name)?) else {
            counts.strangers += 1;
            continue;
        };
        let cores_milli = vms[number as usize].cores_milli;
        let cpu = Reading {
            mean: percent(&row, mean, cores_milli)?,
            max: percent(&row, max, cores_milli)?,
            limit: Some(cores_milli * (NANO_PER_CORE / 1_000)),
        };
        let memory = Reading::default();
        let end_us = start_us + STEP_US;
        import.sample(&row, samples, number, &Sample { start_us, end_us, cpu, memory, host_busy: false })?;
    }
    Ok(())
}

fn say(import: &mut Import, counts: &Counts, usage: &str, had_readings: bool) {
    let last = import.option("last").to_owned();
    let open = import.option("open").to_owned();
    let memory_used = import.option("memory_used").to_owned();
    let choices = &mut import.report.choices;
    choices.push(
        "a VM is a service from its creation until it is deleted; it requests its cores and memory, without limits"
            .into(),
    );
    choices.push("the subscription is the namespace, the deployment the app".into());
    choices.push(match (usage, had_readings) {
        ("steps", true) => format!(
            "CPU is the share of the VM's cores that each reading of 5 minutes from its time on says; memory in use is \
             {memory_used} % of the VM's"
        ),
        ("steps", false) => "no vm_cpu_readings: usage is as --usage says".into(),
        ("mean", _) => {
            format!(
                "CPU is the mean that vmtable says of the VM's whole life; memory in use is {memory_used} % of the VM's"
            )
        }
        _ => "usage is as --usage says (usage=none)".into(),
    });
    let ends = match open.as_str() {
        "run" => "run on without an end",
        _ => "end with the last reading",
    };
    for (count, said) in [
        (counts.older, "VMs are older than the trace (created 0): they arrive at its beginning".to_owned()),
        (counts.alive, format!("VMs are alive at the last reading ({last} s) and {ends}")),
        (
            counts.short,
            "VMs were deleted at the reading they were created at: they live for one of 5 minutes".to_owned(),
        ),
        (counts.open_cores, format!("VMs are in the open bucket of cores: {} each", import.option("open_cores"))),
        (counts.open_memory, format!("VMs are in the open bucket of memory: {} each", import.option("open_memory"))),
    ] {
        if count > 0 {
            import.report.choices.push(format!("{count} {said}"));
        }
    }
    if counts.strangers > 0 {
        import.report.ignore("readings of VMs that vmtable does not have", counts.strangers);
    }
    for field in ["max cpu and p95 of max cpu of vmtable", "min cpu of readings", "category"] {
        import.report.ignore(field, 0);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::{Budgets, ImportReport, TraceArg, read_trace};
    use super::*;
    use crate::rng::Seed;
    use crate::workload::{JobKind, UsageMode, Workload};

    /// Writes the files, imports their folder and gives jobs and report.
    fn import(name: &str, files: &[(&str, &str)], options: &[(&str, &str)]) -> Result<(Workload, ImportReport)> {
        let folder = std::env::temp_dir().join(format!("plimsoll-azure-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        for (file, text) in files {
            std::fs::write(folder.join(file), text).unwrap();
        }
        let options: BTreeMap<String, String> = options.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let arg = TraceArg::parse(&format!("azure-vm:{}", folder.display())).unwrap();
        if files.len() > 1 {
            assert_eq!(TraceArg::parse(&folder.display().to_string()).unwrap().format.name, "azure-vm");
        }
        let got = read_trace(&arg, &options, &Budgets::default());
        std::fs::remove_dir_all(folder).unwrap();
        let (workload, _, report) = got?.finish(UsageMode::Request, Seed(1))?;
        Ok((workload, report))
    }

    /// `name@arrival+life cores/MiB namespace/app [steps]`.
    fn told(w: &Workload) -> Vec<String> {
        let one = |job| {
            assert_eq!(w.spec(job).kind, JobKind::Service);
            let life = w.duration(job).map_or("…".into(), |d| d.as_secs_f64().to_string());
            let step = |s: &UsageStep| {
                let length = if s.length_us == u64::MAX { "…".into() } else { (s.length_us / SECOND_US).to_string() };
                format!(" {length}s:{}m/{}", s.cpu_nano / 1_000_000, s.memory.0 >> 20)
            };
            let steps: String = w.profile(job).iter().map(step).collect();
            format!(
                "{}@{}+{life} {}/{} {}/{}{steps}",
                w.name(job),
                w.arrival(job).as_secs_f64(),
                w.cpu_request(job),
                w.memory_request(job).0 >> 20,
                w.spec(job).namespace,
                w.apps()[w.app(job).index()].name
            )
        };
        w.ids().map(one).collect()
    }

    /// a: older than the trace and alive; b: of the 2019 layout, both buckets open; c: lives less than a reading; d:
    /// ends before it begins; e: no creation.
    const VMS_BY_HAND: &str = "\
        a,s1,d1,0,2591700,99.5,25.0,40,Unkown,1,1.75\n\
        b,s1,d2,600,1800,99,50,90,Interactive,>24,>64\n\
        c,s2,d3,900,900,10,10,10,Delay-insensitive,2,4\n\
        d,s2,d3,900,600,10,10,10,Unknown,2,4\n\
        e,s2,d3,,600,10,10,10,,2,4\n";
    /// Parts 10 and 9: the later holds earlier times of a. b has a gap at 900, x is nowhere.
    const LATER: &str = "600,a,1,99,10\n300,a,1,97,95\n600,b,1,2,3\n1200,b,1,2,6\n0,x,1,1,1\n";
    const EARLIER: &str = "timestamp,vm id,min cpu,max cpu,avg cpu\n0,a,1,80,20.5\n";
    const FILES: [(&str, &str); 3] = [
        ("vmtable.csv", VMS_BY_HAND),
        ("vm_cpu_readings-file-9-of-125.csv", EARLIER),
        ("vm_cpu_readings-file-10-of-125.csv", LATER),
    ];

    #[test]
    fn vms_by_hand_become_the_services_they_should() {
        let (workload, report) = import("hand", &FILES, &[]).unwrap();
        let want = [
            "a@0+… 1/1792 s1/d1 300s:205m/1792 300s:950m/1792 …s:100m/1792",
            // 3 % and 6 % of 30 cores; the gap goes on with the reading before it.
            "b@600+1200 30/71680 s1/d2 600s:900m/71680 …s:1800m/71680",
            "c@900+300 2/4096 s2/d3",
        ];
        assert_eq!(told(&workload), want);
        assert_eq!(workload.trace_end(), Some(SimTime(2_592_000 * SECOND_US)));
        let dropped: Vec<(&str, u64)> = report.rows_dropped.iter().map(|(why, n)| (why.as_str(), *n)).collect();
        assert_eq!(dropped, [("creation time is blank", 1), ("deleted before it was created", 1)]);
        let usage = report.usage.unwrap();
        assert_eq!((usage.samples, usage.cpu_censored, usage.gaps), (5, 1, 1));
        assert_eq!(report.fields_ignored["readings of VMs that vmtable does not have"], 1);
        assert_eq!(report.entities["VMs of unknown category"], 1);
        let text = report.to_string();
        for said in [
            "1 VMs are older than the trace",
            "1 VMs are alive at the last reading (2591700 s) and run on",
            "1 VMs were deleted at the reading they were created at",
            "1 VMs are in the open bucket of cores: 30 each",
            "1 VMs are in the open bucket of memory: 70Gi each",
        ] {
            assert!(text.contains(said), "{said}\n{text}");
        }
    }

    #[test]
    fn options_change_what_they_say() {
        let first = |options: &[(&str, &str)]| told(&import("options", &FILES, options).unwrap().0).remove(0);
        assert_eq!(first(&[("usage", "none")]), "a@0+… 1/1792 s1/d1");
        assert_eq!(first(&[("usage", "mean"), ("memory_used", "50")]), "a@0+… 1/1792 s1/d1 …s:250m/896");
        assert_eq!(first(&[("usage-stat", "max")]), "a@0+… 1/1792 s1/d1 300s:800m/1792 300s:970m/1792 …s:990m/1792");
        assert_eq!(first(&[("open", "last-seen"), ("usage", "none")]), "a@0+2592000 1/1792 s1/d1");
        assert_eq!(first(&[("open", "drop"), ("usage", "none"), ("open_cores", "28")]), "b@600+1200 28/71680 s1/d2");
        // With an earlier last reading b is alive, too.
        let (workload, _) = import("last", &FILES, &[("last", "1800"), ("usage", "none")]).unwrap();
        assert_eq!(told(&workload)[1], "b@600+… 30/71680 s1/d2");
        let (_, report) = import("bare", &FILES[..1], &[]).unwrap();
        assert!(report.to_string().contains("no vm_cpu_readings: usage is as --usage says"));
    }

    #[test]
    fn a_row_that_no_quirk_explains_is_an_error_with_its_place() {
        for (file, row, message) in [
            (0, "a,s,d,0,5,1,1,1,x,0,1\n", "vmtable.csv:2: cores: 0 is too little; a VM has some cores"),
            (0, "a,s,d,0,5,1,1,1,x,1,\n", "vmtable.csv:2: memory: blank; a number of GiB is needed"),
            (0, "a,s,d,x,5,1,1,1,x,1,1\n", "vmtable.csv:2: created: \"x\" is not a number of seconds"),
            (0, "a,s,d,0,-5,1,1,1,x,1,1\n", "vmtable.csv:2: deleted: \"-5\" is negative; 0 or more seconds will do"),
            (0, "z,s,d,0,5,1,1,1,x,1,1\n", "vmtable.csv:2: vm: two VMs are named \"z\""),
            (0, "a,s,d,0,5\n", "vmtable.csv:2: 5 columns where a row has 11"),
            (1, "0,z,1,1,-1\n", "vm_cpu_readings.csv:2: mean cpu: \"-1\" is negative; 0 or more percent will do"),
            (1, ",z,1,1,1\n", "vm_cpu_readings.csv:2: time: blank; a reading needs its time"),
            (1, "0,z,1,1,1e18\n", "vm_cpu_readings.csv:2: mean cpu: \"1e18\" percent is too large"),
        ] {
            let mut texts = ["z,s,d,0,5,1,1,1,x,1,1\n".to_owned(), "0,z,1,1,1\n".to_owned()];
            texts[file].push_str(row);
            let files = [("vmtable.csv", texts[0].as_str()), ("vm_cpu_readings.csv", texts[1].as_str())];
            let error = import("row", &files, &[]).unwrap_err().to_string();
            assert!(error.ends_with(message), "{error}");
        }
        let error = import("folder", &[("x.csv", "")], &[]).unwrap_err().to_string();
        assert!(error.ends_with("the folder has no vmtable.csv (or vmtable.csv.gz)"), "{error}");
    }
}
