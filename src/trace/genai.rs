//! Series of use such as those of Alibaba's GenAI serving trace of 2026: a value, a time and a container in each row.
//!
//! The containers of the source are nobody's here, so a series is dealt to whoever has no usage. Values are shares of a
//! limit, of memory unless the option says otherwise; what is not in the file is the job's request.

use super::keys::Keys;
use super::option::{UNCENSOR, USAGE_STAT};
use super::{FormatInfo, Import, OptionInfo, OptionValues, Reading, Sample, SeriesOwner, SeriesUnit, Source, Table};
use crate::error::{Error, Result};
use crate::units::SECOND_US;

pub(super) const INFO: FormatInfo = FormatInfo {
    name: "genai",
    summary: "series of use by container (Alibaba GenAI 2026): value, timestamp, container_ip; dealt to jobs",
    options: &[
        OptionInfo {
            name: "of",
            values: OptionValues::OneOf(&["memory", "cpu"]),
            default: "memory",
            summary: "what the values are shares of: the memory limit or the CPU limit of the job",
        },
        USAGE_STAT,
        UNCENSOR,
    ],
    read_usage: Some(read_usage),
    ..FormatInfo::BASE
};

/// Step of the source: each pod is sampled about every 57 seconds.
const STEP_US: u64 = 57 * SECOND_US;
/// A sample farther from the one before it than two steps and a half leaves a gap.
const GAP_US: u64 = STEP_US * 5 / 2;
/// The whole, in the overlay's billionths.
const WHOLE: u64 = 1_000_000_000;
/// Largest value: a thousand times the limit; more is no share.
const MOST: u64 = 1_000 * WHOLE;

fn read_usage(source: &Source, import: &mut Import) -> Result<()> {
    let path = source.path.as_str();
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    if name.contains("gpu") {
        let what = "a series of GPUs: no model uses it; name the series of memory (pod_memory_util…)";
        return Err(Error::input(what).in_file(path));
    }
    let of_cpu = import.option("of") == "cpu";
    let mut table =
        Table::open(path, "no series: columns value, timestamp and container_ip are needed", import.budgets)?;
    // The order of columns differs between the files of the trace.
    let value = table.column("value")?;
    let time = match table.optional("timestamp_anon") {
        Some(column) => column,
        None => table.column("timestamp")?,
    };
    let container = table.column("container_ip")?;
    let mut names: Keys<String> = Keys::default();
    let mut series: Vec<(String, Vec<(u64, u64)>)> = Vec::new();
    while let Some(row) = table.next_row()? {
        import.report.rows_read += 1;
        let text = row.text(value)?.trim();
        if text.is_empty() || text.eq_ignore_ascii_case("nan") {
            import.drop_row(&row, "no value (blank or NaN)")?;
            continue;
        }
        let Some(share) = row.scaled(value, "of the limit", WHOLE, MOST)? else { continue };
        let Some(at) = row.decimal_time_us(time, "seconds", SECOND_US)? else {
            import.drop_row(&row, "timestamp is blank")?;
            continue;
        };
        let owner = row.text(container)?.trim();
        if owner.is_empty() {
            import.drop_row(&row, "container_ip is blank")?;
            continue;
        }
        import.usage_row(&row)?;
        let number = match names.get(owner) {
            Some(number) => number,
            None => {
                series.push((owner.to_owned(), Vec::new()));
                names.number(owner.to_owned())
            }
        };
        series[number as usize].1.push((at, share));
        import.used(1);
    }
    for (owner, mut samples) in series {
        samples.sort_unstable();
        let owner = SeriesOwner::Any(owner);
        for (i, &(start_us, share)) in samples.iter().enumerate() {
            let next = samples.get(i + 1).map_or(u64::MAX, |next| next.0);
            let end_us = if next - start_us <= GAP_US { next } else { start_us + STEP_US };
            let reading = Reading { mean: Some(share), max: None, limit: Some(WHOLE) };
            let (cpu, memory) = match of_cpu {
                true => (reading, Reading::default()),
                false => (Reading::default(), reading),
            };
            let sample = Sample { start_us, end_us, cpu, memory, host_busy: false };
            import.overlay.add(&owner, SeriesUnit::ShareOfLimit, &sample).map_err(|why| why.in_file(path))?;
        }
    }
    let (what, other) = if of_cpu { ("CPU", "memory") } else { ("memory", "CPU") };
    import.report.choices.push(format!(
        "values are shares of the job's {what} limit, else of its request; {other} is as requested; a value holds until \
         the next one, 57 s at the end and before a gap"
    ));
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::{Budgets, TraceArg, read_trace};
    use super::*;
    use crate::rng::Seed;
    use crate::workload::UsageMode;

    /// Seconds, milli-CPU and MiB.
    type Steps = Vec<(u64, u64, i64)>;

    /// Lays `text` over three jobs of 1,000 MiB and 2 cores, the first with a limit of 2,000 MiB; their steps.
    fn laid(name: &str, text: &str, options: &[(&str, &str)]) -> Result<(Vec<Steps>, String)> {
        let folder = std::env::temp_dir().join(format!("plimsoll-genai-{}", std::process::id())).join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let (mib, two) = (1_048_576_000u64, 2_097_152_000u64);
        let jobs = format!(
            "job,arrival_us,duration_us,cpu_request_milli,memory_request_bytes,memory_limit_bytes\n\
             a,0,1,2000,{mib},{two}\nb,0,1,2000,{mib},\nc,0,1,2000,{mib},\n"
        );
        std::fs::write(folder.join("jobs.csv"), jobs).unwrap();
        let file = folder.join(format!("{name}.csv"));
        std::fs::write(&file, text).unwrap();
        let budgets = Budgets::default();
        let arg = TraceArg::parse(&format!("native:{}", folder.join("jobs.csv").display())).unwrap();
        let mut imported = read_trace(&arg, &BTreeMap::new(), &budgets).unwrap();
        let options: BTreeMap<String, String> = options.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let over = TraceArg::parse(&format!("genai:{}", file.display())).unwrap();
        let done = imported.overlay(&over, &options, &budgets);
        std::fs::remove_dir_all(&folder).unwrap();
        done?;
        let (workload, _, report) = imported.finish(UsageMode::Request, Seed(1)).unwrap();
        let steps = |job| {
            let mib = |s: &crate::workload::UsageStep| s.memory.0 >> 20;
            workload.profile(job).iter().map(|s| (s.length_us / SECOND_US, s.cpu_nano / 1_000_000, mib(s))).collect()
        };
        Ok((workload.ids().map(steps).collect(), report.to_string()))
    }

    /// Two containers, not in order of time: the first with a gap, a share over 1 and one at the same moment as
    /// another; a value that is none.
    const BY_HAND: &str = "timestamp_anon,value,container_ip\n\
        157.0,0.5,y\n100.0,0.25,y\n100.0,0.1,z\n1000.0,1.5,y\n1000.0,1.25,y\n157.5,0.2,z\n200,NaN,z\n1,0.5,\n";
    const END: u64 = u64::MAX / SECOND_US;

    #[test]
    fn series_are_dealt_to_jobs_as_shares_of_their_limits() {
        let (steps, report) = laid("memory", BY_HAND, &[]).unwrap();
        // y to a (limit 2,000 MiB) and c; z to b. After 157 s y says nothing until 1000 s, where the later row counts.
        assert_eq!(steps[0], [(57, 2_000, 500), (843, 2_000, 1_000), (END, 2_000, 3_000)]);
        assert_eq!(steps[1], [(57, 2_000, 100), (END, 2_000, 200)]);
        assert_eq!(steps[2], [(57, 2_000, 250), (843, 2_000, 500), (END, 2_000, 1_500)]);
        for said in [
            "usage of 2 series of genai lies over 3 jobs",
            "1 × genai: no value (blank or NaN)",
            "1 × genai: container_ip is blank",
            "1 without length",
        ] {
            assert!(report.contains(said), "{said}\n{report}");
        }
        let (steps, _) = laid("cpu", &BY_HAND.replace("timestamp_anon", "timestamp"), &[("of", "cpu")]).unwrap();
        assert_eq!(steps[1], [(57, 200, 1_000), (END, 400, 1_000)]);
    }

    #[test]
    fn what_is_no_series_of_use_is_refused() {
        for (name, text, message) in [
            (
                "pod_gpu_duty",
                BY_HAND,
                "a series of GPUs: no model uses it; name the series of memory (pod_memory_util…)",
            ),
            ("none", "value,timestamp,container_ip\n", "no series of usage"),
            ("blank", "value,timestamp,container_ip\n1,2,\n", "no series of usage"),
            (
                "minus",
                "value,timestamp,container_ip\n-1,2,x\n",
                ":2: value: \"-1\" is negative; 0 or more of the limit will do",
            ),
            (
                "bytes",
                "value,timestamp,container_ip\n33879490560.0,2,x\n",
                ":2: value: \"33879490560.0\" of the limit is too large",
            ),
            (
                "head",
                "value,container_ip\n1,x\n",
                ":1: the header has no column \"timestamp\"; it has: value, container_ip",
            ),
        ] {
            let error = laid(name, text, &[]).unwrap_err();
            assert!(error.to_string().ends_with(message), "{error}");
            assert_eq!(error.exit_code(), 3);
        }
    }
}
