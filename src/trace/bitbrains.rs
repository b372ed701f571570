//! The traces of Bitbrains' virtual machines (fastStorage and rnd of the Grid Workloads Archive): a file for each VM, a
//! row for each five minutes.
//!
//! A VM is a service from its first sample to its last; lifetimes as such are not in the trace. It asked for what was
//! provisioned. CPU is megahertz in use of those provisioned, which need not be of the same clock as any host here: a
//! core is a core.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::option::{UNCENSOR, USAGE, USAGE_STAT};
use super::{FormatInfo, Import, Place, Reading, Sample, Samples, Source, TableShape, parts};
use crate::error::{Error, Result};
use crate::units::{Bytes, MilliCpu, NANO_PER_CORE, NANO_PER_MILLI, SECOND_US, SimDuration, SimTime};
use crate::workload::Job;

pub(super) const INFO: FormatInfo = FormatInfo {
    name: "bitbrains",
    summary: "Bitbrains VM traces (fastStorage, rnd): the CSV file of one VM, or a folder with one for each",
    options: &[USAGE, USAGE_STAT, UNCENSOR],
    sniff: Some(|seen| {
        let line = seen.first_line();
        !seen.is_folder && line.starts_with("Timestamp [ms]") && line.contains("CPU capacity provisioned [MHZ]")
    }),
    read: Some(read),
    ..FormatInfo::BASE
};

const SHAPE: TableShape = TableShape {
    least: 7,
    delimiter: b';',
    ..TableShape::of(&[
        "Timestamp [ms]",
        "CPU cores",
        "CPU capacity provisioned [MHZ]",
        "CPU usage [MHZ]",
        "CPU usage [%]",
        "Memory capacity provisioned [KB]",
        "Memory usage [KB]",
        "Disk read throughput [KB/s]",
        "Disk write throughput [KB/s]",
        "Network received throughput [KB/s]",
        "Network transmitted throughput [KB/s]",
    ])
};

/// The trace samples every five minutes, give or take a second.
const STEP_US: u64 = 300 * SECOND_US;
/// A sample that is farther from the one before it leaves a gap.
const GAP_US: u64 = STEP_US * 3 / 2;
/// Most cores of a VM; more is a damaged row.
const CORES_MAX: u64 = 1 << 20;
/// Largest capacity, in hertz: 2^53.
const HERTZ_MAX: u64 = 1 << 53;

/// A VM as its files told it so far.
#[derive(Default)]
struct Vm {
    place: Place,
    cores: u64,
    memory: u64,
    /// Time, CPU in nano-cores, cores, memory in use and provisioned.
    samples: Vec<(u64, Option<u64>, u64, u64, u64)>,
    /// Rows that the VM was made of.
    rows: u64,
    /// Whether cores or memory changed on the way.
    resized: bool,
}

/// The files of `folder` and its sub-folders, a level down, by the name of their VM, in natural order of folders.
fn files(folder: &Path) -> Result<BTreeMap<Natural, Vec<PathBuf>>> {
    let mut found: BTreeMap<Natural, Vec<PathBuf>> = BTreeMap::new();
    let mut take = |path: PathBuf, name: &str| {
        if parts::stem(name) != name {
            found.entry(Natural(parts::stem(name).into())).or_default().push(path);
        }
    };
    for name in parts::names(folder)? {
        let path = folder.join(&name);
        if path.is_dir() {
            for inner in parts::names(&path)? {
                let file = path.join(&inner);
                if file.is_file() {
                    take(file, &inner);
                }
            }
        } else {
            take(path, &name);
        }
    }
    Ok(found)
}

/// A name in the order of people.
#[derive(PartialEq, Eq)]
struct Natural(String);

impl Ord for Natural {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        parts::natural(&self.0, &other.0)
    }
}

impl PartialOrd for Natural {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

fn read(source: &Source, import: &mut Import) -> Result<()> {
    let path = Path::new(&source.path);
    import.jobs_are_in(&source.path);
    let files = if path.is_dir() {
        let files = files(path)?;
        if files.is_empty() {
            let what = "the folder and those in it have no .csv files; name the folder with one file for each VM";
            return Err(Error::input(what).in_file(path));
        }
        files
    } else {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        BTreeMap::from([(Natural(parts::stem(&name).into()), vec![path.to_path_buf()])])
    };
    let (mut vms, mut samples) = (Vec::new(), import.samples());
    let (mut several, mut no_capacity) = (0u64, 0u64);
    for (Natural(name), files) in files {
        import.job_fits(vms.len() as u64).map_err(|why| why.in_file(&files[0]))?;
        several += u64::from(files.len() > 1);
        let mut vm = Vm::default();
        for file in &files {
            read_vm(&parts::text(file), import, &mut vm, &mut no_capacity)?;
        }
        if vm.samples.is_empty() {
            import.report.count("VMs without a sample", 1);
            continue;
        }
        keep(vms.len() as u32, &mut vm, &mut samples);
        vms.push((name, vm));
    }
    // Times are those of the wall; the first sample of all is time 0.
    let spans: Vec<(u64, u64)> = (0..vms.len() as u32).filter_map(|number| samples.span(number)).collect();
    let origin_us = spans.iter().map(|span| span.0).min().unwrap_or(0);
    import.report.origin_us = origin_us;
    let how = import.option("usage").to_owned();
    let mut resized = 0;
    for (number, ((name, vm), (first, last))) in (0u32..).zip(vms.into_iter().zip(spans)) {
        let (cpu, memory) = (MilliCpu((vm.cores * 1_000) as i64), Bytes(vm.memory as i64));
        let mut job = Job::service(name.clone(), SimTime(first - origin_us), cpu, memory);
        // Nothing says which VMs replace each other.
        job.app = name;
        let lasts = SimDuration(last - first);
        job.duration = Some(lasts);
        job.usage = match how.as_str() {
            "steps" => samples.steps(number, first, Some(lasts), cpu.nano_cores(), memory),
            "mean" => samples.mean(number, cpu.nano_cores(), memory),
            _ => Vec::new(),
        };
        resized += u64::from(vm.resized);
        import.report.span(first, last);
        import.job_from(&vm.place, job)?;
        import.used(vm.rows);
    }
    if how != "none" {
        import.report.usage = Some(samples.counts().into());
    }
    let choices = &mut import.report.choices;
    choices.push(
        "a VM is a service of its own app from its first sample to its last; times are seconds of Unix time, whatever the \
         header says"
            .into(),
    );
    choices.push(
        "it requests the most that was provisioned of cores and memory; there are no limits; KB are 1024 bytes".into(),
    );
    choices.push(
        "CPU is MHz in use over MHz provisioned, of its cores; a sample holds until the next, 300 s at gaps".into(),
    );
    for (count, what) in [
        (several, "VMs have files in several folders, which are taken for one VM each"),
        (resized, "VMs changed in cores or memory: the most of each is requested"),
        (no_capacity, "samples have 0 MHz provisioned: their CPU is taken as requested"),
    ] {
        if count > 0 {
            choices.push(format!("{count} {what}"));
        }
    }
    for field in ["CPU usage [%]", "disk throughput", "network throughput"] {
        import.report.ignore(field, 0);
    }
    Ok(())
}

fn read_vm(path: &str, import: &mut Import, vm: &mut Vm, no_capacity: &mut u64) -> Result<()> {
    let mut table = import.fixed_table(path, &SHAPE)?;
    let column = |index| table.fixed_column(&SHAPE, index);
    let (time, cores, capacity, used) = (column(0), column(1), column(2), column(3));
    let (memory, memory_used) = (column(5), column(6));
    while let Some(row) = table.next_row()? {
        import.report.rows_read += 1;
        let Some(at) = row.decimal_time_us(time, "seconds", SECOND_US)? else {
            return Err(row.refuse(time, "blank; a sample needs its time"));
        };
        let needed = |value: Option<u64>, column| value.ok_or_else(|| row.refuse(column, "blank; a number is needed"));
        let cores_now = needed(row.scaled(cores, "cores", 1, CORES_MAX)?, cores)?;
        if cores_now == 0 {
            import.drop_row(&row, "0 cores: the VM was off")?;
            continue;
        }
        let capacity_hertz = needed(row.scaled(capacity, "MHz", 1_000_000, HERTZ_MAX)?, capacity)?;
        let used_hertz = row.scaled(used, "MHz", 1_000_000, HERTZ_MAX)?;
        let memory_now = needed(row.scaled(memory, "KB", 1 << 10, 1 << 53)?, memory)?;
        let memory_in_use = needed(row.scaled(memory_used, "KB", 1 << 10, 1 << 53)?, memory_used)?;
        let cpu_nano = match (used_hertz, capacity_hertz) {
            (Some(used), capacity) if capacity > 0 => {
                let nano = u128::from(used) * u128::from(cores_now * NANO_PER_CORE) / u128::from(capacity);
                Some(nano.min(1 << 53) as u64)
            }
            _ => {
                *no_capacity += 1;
                None
            }
        };
        import.usage_row(&row)?;
        if vm.samples.is_empty() {
            vm.place = row.at();
        }
        vm.resized |= !vm.samples.is_empty() && (vm.cores, vm.memory) != (cores_now, memory_now);
        vm.cores = vm.cores.max(cores_now);
        vm.memory = vm.memory.max(memory_now);
        vm.rows += 1;
        vm.samples.push((at, cpu_nano, cores_now, memory_in_use, memory_now));
    }
    Ok(())
}

/// Moves the samples of `vm` into `samples`, in order of time, each until the next one.
fn keep(number: u32, vm: &mut Vm, samples: &mut Samples) {
    let mut rows = std::mem::take(&mut vm.samples);
    rows.sort_unstable();
    for (i, &(start_us, cpu, cores, used, provisioned)) in rows.iter().enumerate() {
        let next = rows.get(i + 1).map_or(u64::MAX, |next| next.0);
        let end_us = if next - start_us <= GAP_US { next } else { start_us + STEP_US };
        let cpu = Reading { mean: cpu, max: None, limit: Some(cores * 1_000 * NANO_PER_MILLI) };
        let memory = Reading { mean: Some(used), max: None, limit: Some(provisioned) };
        samples.add(number, &Sample { start_us, end_us, cpu, memory, host_busy: false });
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Budgets, ImportReport, TraceArg, read_trace};
    use super::*;
    use crate::rng::Seed;
    use crate::workload::{JobKind, UsageMode, Workload};

    const HEAD: &str = "Timestamp [ms];\tCPU cores;\tCPU capacity provisioned [MHZ];\tCPU usage [MHZ];\tCPU usage [%];\t\
        Memory capacity provisioned [KB];\tMemory usage [KB];\tDisk read throughput [KB/s];\tDisk write throughput [KB/s];\t\
        Network received throughput [KB/s];\tNetwork transmitted throughput [KB/s]\n";

    fn import(name: &str, files: &[(&str, &str)], path: &str, how: &str) -> Result<(Workload, ImportReport)> {
        let folder = std::env::temp_dir().join(format!("plimsoll-bitbrains-{name}-{}", std::process::id()));
        for (file, text) in files {
            let file = folder.join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, format!("{HEAD}{text}")).unwrap();
        }
        let arg = TraceArg::parse(&format!("bitbrains:{}", folder.join(path).display())).unwrap();
        if !path.is_empty() {
            let look = TraceArg::parse(&folder.join(path).display().to_string()).unwrap();
            assert_eq!(look.format.name, "bitbrains");
        }
        let options = BTreeMap::from([("usage".to_owned(), how.to_owned())]);
        let got = read_trace(&arg, &options, &Budgets::default());
        std::fs::remove_dir_all(folder).unwrap();
        let (workload, _, report) = got?.finish(UsageMode::Request, Seed(1))?;
        Ok((workload, report))
    }

    fn told(w: &Workload) -> Vec<String> {
        let one = |job| {
            assert_eq!(w.spec(job).kind, JobKind::Service);
            let step = |s: &crate::workload::UsageStep| {
                let length = if s.length_us == u64::MAX { "…".into() } else { (s.length_us / SECOND_US).to_string() };
                format!(" {length}s:{}m/{}", s.cpu_nano / 1_000_000, s.memory.0 >> 10)
            };
            let steps: String = w.profile(job).iter().map(step).collect();
            let (at, life) = (w.arrival(job).as_secs_f64(), w.duration(job).unwrap().as_secs_f64());
            format!("{}@{at}+{life} {}/{}{steps}", w.name(job), w.cpu_request(job), w.memory_request(job).0 >> 10)
        };
        w.ids().map(one).collect()
    }

    /// 9: steps of 300, 301 and 600 s (a gap), off for one row, over its capacity, grown on the way, one time twice;
    /// not in order. 10: in two folders, one file `; ` and short rows. 11: never on.
    const FILES: [(&str, &str); 4] = [
        (
            "9.csv",
            "1601;\t2;\t2000;\t2120;\t106;\t2048.0;\t1024.0;\t0;\t0;\t0;\t0\n\
             1000;\t2;\t2000;\t1000;\t50;\t1024.0;\t512.5;\t0;\t0;\t0;\t0\n\
             1300;\t2;\t2000;\t500;\t25;\t1024.0;\t256;\t0;\t0;\t0;\t0\n\
             1300;\t2;\t2000;\t400;\t25;\t1024.0;\t256;\t0;\t0;\t0;\t0\n\
             2201;\t2;\t0;\t500;\t25;\t1024.0;\t256;\t0;\t0;\t0;\t0\n\
             2501;\t0;\t0;\t0;\t0;\t0;\t0;\t0;\t0;\t0;\t0\n",
        ),
        ("2013-9/10.csv", "1800; 1; 100; 20; 20; 64; 32\n"),
        ("2013-10/10.csv", "2100; 1; 100; 99; 20; 64; 63\n"),
        ("2013-10/11.csv", "2100; 0; 0; 0; 0; 0; 0\n"),
    ];

    #[test]
    fn vms_by_hand_become_the_services_they_should() {
        let (workload, report) = import("hand", &FILES, "", "steps").unwrap();
        assert_eq!(
            told(&workload),
            [
                "9@0+1501 2/2048 300s:1000m/512 301s:500m/256 600s:2120m/1024 …s:2000m/256",
                "10@800+600 1/64 300s:200m/32 …s:990m/63",
            ]
        );
        assert_eq!((report.rows_read, report.rows_used, report.jobs), (9, 7, 2));
        assert_eq!(report.rows_dropped, BTreeMap::from([("0 cores: the VM was off".to_owned(), 2)]));
        assert_eq!((report.origin_us, report.span_us), (1000 * SECOND_US, Some((1000 * SECOND_US, 2501 * SECOND_US))));
        let usage = report.usage.unwrap();
        assert_eq!((usage.samples, usage.gaps, usage.without_length), (6, 1, 1));
        assert_eq!((usage.cpu_censored, usage.memory_censored), (2, 1));
        let text = report.to_string();
        for said in [
            "1 VMs have files in several folders",
            "1 VMs changed in cores or memory",
            "1 samples have 0 MHz provisioned",
            "met: 1 VMs without a sample",
        ] {
            assert!(text.contains(said), "{said}\n{text}");
        }
        let (workload, _) = import("mean", &FILES, "2013-9/10.csv", "mean").unwrap();
        assert_eq!(told(&workload), ["10@0+300 1/64 …s:200m/32"]);
        let (workload, report) = import("none", &FILES, "9.csv", "none").unwrap();
        assert_eq!((told(&workload), report.usage), (vec!["9@0+1501 2/2048".to_owned()], None));
    }

    #[test]
    fn a_row_that_no_quirk_explains_is_an_error_with_its_place() {
        for (row, message) in [
            ("x;1;1;1;1;1;1\n", "1.csv:2: Timestamp [ms]: \"x\" is not a number of seconds"),
            (";1;1;1;1;1;1\n", "1.csv:2: Timestamp [ms]: blank; a sample needs its time"),
            ("1;-1;1;1;1;1;1\n", "1.csv:2: CPU cores: \"-1\" is negative; 0 or more cores will do"),
            ("1;1;1;1;1;;1\n", "1.csv:2: Memory capacity provisioned [KB]: blank; a number is needed"),
            ("1;1;1;1e300;1;1;1\n", "1.csv:2: CPU usage [MHZ]: \"1e300\" MHz is too large"),
            ("1;1;1;1\n", "1.csv:2: 4 columns where the header has 7 to 11"),
            ("1,1,1,1,1,1,1\n", "1.csv:2: 1 columns where the header has 7 to 11"),
        ] {
            let error = import("row", &[("1.csv", row)], "1.csv", "steps").unwrap_err().to_string();
            assert!(error.ends_with(message), "{error}");
        }
        let error = import("empty", &[("a/b/1.csv", "")], "", "steps").unwrap_err().to_string();
        assert!(error.ends_with("no .csv files; name the folder with one file for each VM"), "{error}");
    }
}
