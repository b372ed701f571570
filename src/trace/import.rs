//! What formats read into: jobs, hosts, outages and usage, held to budgets and counted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::machines::{MachineCounts, Machines};
use super::option::checked;
use super::outage::TraceOutage;
use super::overlay::Overlay;
use super::samples::{Sample, Samples, UsageRule};
use super::{
    Budgets, FORMATS, FormatInfo, ImportReport, Row, Table, TableShape, TraceArg, input, native, option, sniff,
};
use crate::cluster::HostSpec;
use crate::error::{Error, ErrorKind, Result};
use crate::fleet::options::Options as UnitOptions;
use crate::ids::SpecId;
use crate::rng::Seed;
use crate::units::{Bytes, MilliCpu};
use crate::workload::{Job, LikeJob, UsageMode, Workload, WorkloadBuilder};

/// Most distinct extended resources: hosts hold one amount for each.
const EXTENDED_NAMES_MAX: usize = 1_000;
/// Most outages for each host of the budget.
const OUTAGES_PER_HOST: u64 = 100;

/// A place in a file, kept for errors that are found later.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Place {
    /// The file as errors name it.
    pub file: PathBuf,
    /// The line, 1-based; 0: none.
    pub line: u64,
}

impl Place {
    /// `error` with this place.
    pub fn of(&self, error: Error) -> Error {
        let error = error.in_file(&self.file);
        if self.line == 0 { error } else { error.at_line(self.line) }
    }
}

/// What a format reads into.
#[derive(Debug)]
pub struct Import<'a> {
    /// The limits that hold.
    pub budgets: &'a Budgets,
    /// What is said of it; rows and totals are counted here by [`Import::job`], [`Import::drop_row`] and
    /// [`Import::host`].
    pub report: ImportReport,
    /// Usage that lies over jobs, of formats that read nothing else.
    pub overlay: Overlay,
    options: BTreeMap<&'static str, String>,
    /// Whether a row left out is an error.
    strict: bool,
    builder: WorkloadBuilder,
    hosts: Vec<HostSpec>,
    /// Names of `hosts`: a repeated one is refused at its line.
    host_names: BTreeSet<String>,
    outages: Vec<TraceOutage>,
    extended_names: BTreeSet<String>,
    /// Rows of usage so far.
    usage_rows: u64,
    /// Fleet's options given so far, by what they say, so that each is kept once.
    units: BTreeMap<String, u32>,
    /// The file that the jobs came from.
    job_file: PathBuf,
}

impl<'a> Import<'a> {
    pub(super) fn new(
        format: &FormatInfo,
        given: &BTreeMap<String, String>,
        budgets: &'a Budgets,
        strict: bool,
    ) -> Result<Self> {
        let mut options: BTreeMap<&'static str, String> =
            format.options.iter().map(|o| (o.name, o.default.to_owned())).collect();
        for (key, value) in given {
            let option = checked(format.name, format.options, key, value)?;
            options.insert(option.name, value.clone());
        }
        let rule = usage_rule(&options);
        let held = options.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        Ok(Import {
            budgets,
            report: ImportReport { format: format.name.into(), options: held, ..ImportReport::default() },
            overlay: Overlay::new(rule, budgets.max_usage_steps),
            options,
            strict,
            builder: WorkloadBuilder::new(),
            hosts: Vec::new(),
            host_names: BTreeSet::new(),
            outages: Vec::new(),
            extended_names: BTreeSet::new(),
            usage_rows: 0,
            units: BTreeMap::new(),
            job_file: PathBuf::new(),
        })
    }

    /// The value of an option of the format, given or by default. Panics for an option not in its table.
    pub fn option(&self, name: &str) -> &str {
        &self.options[name]
    }

    /// The value of an option that is an amount of CPU.
    pub fn cpu_option(&self, name: &str) -> MilliCpu {
        option::cpu(self.option(name)).expect("checked when it was given")
    }

    /// The value of an option that is an amount of memory.
    pub fn memory_option(&self, name: &str) -> Bytes {
        option::memory(self.option(name)).expect("checked when it was given")
    }

    /// The value of an option that is a whole number.
    pub fn count_option(&self, name: &str) -> u64 {
        self.option(name).parse().expect("checked when it was given")
    }

    /// Samples to fill, with the statistic and the factor that the options ask for; with `usage=mean` they are folded as
    /// they come.
    pub fn samples(&self) -> Samples {
        let rule = usage_rule(&self.options);
        let mean = self.options.get(option::USAGE.name).is_some_and(|usage| usage == "mean");
        if mean { Samples::means(rule) } else { Samples::new(rule) }
    }

    /// Opens a table of jobs with a header.
    pub fn jobs_table(&mut self, path: &str, needed: &str) -> Result<Table> {
        self.job_file = input::display_name(path);
        Table::open(path, &format!("no jobs: {needed}"), self.budgets)
    }

    /// Opens a table of hosts with a header.
    pub fn hosts_table(&self, path: &str, needed: &str) -> Result<Table> {
        Table::open(path, &format!("no hosts: {needed}"), self.budgets)
    }

    /// Opens a table whose columns have fixed places, with or without a header. An empty file has no rows.
    pub fn fixed_table(&mut self, path: &str, shape: &TableShape) -> Result<Table> {
        if self.job_file.as_os_str().is_empty() {
            self.job_file = input::display_name(path);
        }
        Table::fixed(path, shape, self.budgets)
    }

    /// The file that errors about jobs as a whole name.
    pub fn jobs_are_in(&mut self, path: &str) {
        self.job_file = input::display_name(path);
    }

    /// Counts a row of jobs, or of events of jobs, before it is looked at, and refuses one job too many.
    pub fn job_row(&mut self, row: &Row) -> Result<()> {
        self.report.rows_read += 1;
        self.job_fits(self.builder.len() as u64).map_err(|error| row.place(error))
    }

    /// Refuses one job more than the budget where there are `jobs` already: for readers that keep jobs of their own
    /// before they are added.
    pub fn job_fits(&self, jobs: u64) -> Result<()> {
        // A job's id is a u32 whatever the budget.
        let most = self.budgets.max_jobs.min(u64::from(u32::MAX) - 1);
        if jobs >= most { Err(Error::budget("jobs", most + 1, most, "--max-jobs")) } else { Ok(()) }
    }

    /// Adds the job that `row` describes, and counts the row as used.
    pub fn job(&mut self, row: &Row, job: Job) -> Result<()> {
        self.add(job).map_err(|error| row.place(error))?;
        self.report.rows_used += 1;
        Ok(())
    }

    /// Adds the job that `row` describes and whose spec was met before, and counts the row as used.
    pub fn job_like(&mut self, row: &Row, job: &LikeJob<'_>, spec: SpecId) -> Result<()> {
        self.builder.push_like(job, spec).map_err(|error| row.place(error))?;
        self.report.jobs += 1;
        self.report.rows_used += 1;
        Ok(())
    }

    /// Adds the job of a row whose spec was met before, and counts the row as read and used; `false`: it cannot be added, and
    /// nothing was done, so that who reads the row in full finds out why.
    pub(super) fn plain_job(&mut self, job: &LikeJob<'_>, spec: SpecId) -> bool {
        if self.job_fits(self.builder.len() as u64).is_err() || self.builder.push_like(job, spec).is_err() {
            return false;
        }
        self.report.rows_read += 1;
        self.report.jobs += 1;
        self.report.rows_used += 1;
        true
    }

    /// Adds a job that several rows describe; these are counted by [`Import::used`].
    pub fn job_from(&mut self, place: &Place, job: Job) -> Result<()> {
        self.add(job).map_err(|error| place.of(error))
    }

    /// Counts rows that were used.
    pub fn used(&mut self, rows: u64) {
        self.report.rows_used += rows;
    }

    fn add(&mut self, job: Job) -> Result<()> {
        self.job_fits(self.builder.len() as u64)?;
        self.extended(&job.extended)?;
        self.builder.push(job)?;
        self.report.jobs += 1;
        Ok(())
    }

    /// Counts a row of jobs that is left out; an error where every row has to be used.
    pub fn drop_row(&mut self, row: &Row, reason: &str) -> Result<()> {
        self.drop_rows(&row.at(), reason, 1)
    }

    /// Counts rows of jobs that are left out.
    pub fn drop_rows(&mut self, place: &Place, reason: &str, rows: u64) -> Result<()> {
        if self.strict {
            return Err(place.of(Error::input(format!("left out ({reason}), which --strict forbids"))));
        }
        match self.report.rows_dropped.get_mut(reason) {
            Some(count) => *count += rows,
            None => drop(self.report.rows_dropped.insert(reason.into(), rows)),
        }
        Ok(())
    }

    /// Counts a row of usage before it is stored, and refuses one too many.
    pub fn usage_row(&mut self, row: &Row) -> Result<()> {
        let most = self.budgets.max_usage_steps;
        if self.usage_rows >= most {
            return Err(row.place(Error::budget("usage steps", most + 1, most, "--max-usage-steps")));
        }
        self.usage_rows += 1;
        Ok(())
    }

    /// Adds a sample of the job that `samples` knows as `job`, within the budget if it is kept.
    pub fn sample(&mut self, row: &Row, samples: &mut Samples, job: u32, sample: &Sample) -> Result<()> {
        if !samples.folds() {
            self.usage_row(row)?;
        }
        samples.add(job, sample);
        Ok(())
    }

    /// Gives `job` what fleet understands of its rules: its node selector as `MachineMetadata`, and `Conflicts` with the
    /// others of its app where it is to be apart from them. Comparisons other than equality fleet cannot say.
    pub fn for_fleet(&mut self, job: &mut Job) {
        let mut unit = UnitOptions::default();
        for (key, value) in &job.spec.node_selector {
            unit.add_line("MachineMetadata", &format!("{key}={value}"));
        }
        if job.spec.apart && !job.app.is_empty() {
            unit.add_line("Conflicts", &format!("{}@*.service", job.app));
        }
        if unit == UnitOptions::default() {
            return;
        }
        let key = format!("{unit:?}");
        let number = match self.units.get(&key) {
            Some(number) => *number,
            None => {
                let number = self.builder.unit(std::sync::Arc::new(unit));
                self.units.insert(key, number);
                number
            }
        };
        job.spec.unit = Some(number);
    }

    /// The builder, for what jobs refer to by number.
    pub fn builder(&mut self) -> &mut WorkloadBuilder {
        &mut self.builder
    }

    /// Refuses one host too many before it is read.
    pub fn host_row(&self, row: &Row) -> Result<()> {
        self.host_fits(self.hosts.len() as u64).map_err(|error| row.place(error))
    }

    /// Refuses one host more than the budget where there are `hosts` already.
    pub fn host_fits(&self, hosts: u64) -> Result<()> {
        let most = self.budgets.max_hosts.min(u64::from(u32::MAX) - 1);
        if hosts >= most { Err(Error::budget("hosts", most + 1, most, "--max-hosts")) } else { Ok(()) }
    }

    /// Adds the host that `row` describes; its name is in column `name`.
    pub fn host(&mut self, row: &Row, name: &str, host: HostSpec) -> Result<()> {
        self.host_from(&row.at(), name, host)
    }

    /// Adds a host; errors about its name are at the field `name`.
    pub fn host_from(&mut self, place: &Place, name: &str, host: HostSpec) -> Result<()> {
        let refuse = |field: &str, what: String| Err(place.of(Error::input(what).in_field(field)));
        self.extended(&host.extended).map_err(|error| place.of(error))?;
        self.host_fits(self.hosts.len() as u64).map_err(|error| place.of(error))?;
        if host.name.is_empty() {
            return refuse(name, "a host needs a name".into());
        }
        if host.leaves.is_some_and(|leaves| leaves <= host.joins) {
            return refuse("leaves_us", "the host leaves before it joins".into());
        }
        if !self.host_names.insert(host.name.clone()) {
            return refuse(name, format!("two hosts are named \"{}\"", host.name));
        }
        self.hosts.push(host);
        self.report.hosts += 1;
        Ok(())
    }

    /// Whether a host of that name was added.
    pub fn has_host(&self, name: &str) -> bool {
        self.host_names.contains(name)
    }

    /// Adds all machines, with their outages; blank capacities become `cpu` and `memory`. What happened to them is
    /// counted and said.
    pub fn machines(
        &mut self,
        place: &Place,
        machines: Machines,
        origin_us: u64,
        cpu: Option<MilliCpu>,
        memory: Option<Bytes>,
    ) -> Result<()> {
        self.machines_with(place, machines, origin_us, (cpu, memory), &|_| Vec::new())
    }

    /// The same; `taints` gives each host's by its name.
    pub fn machines_with(
        &mut self,
        place: &Place,
        machines: Machines,
        origin_us: u64,
        (cpu, memory): (Option<MilliCpu>, Option<Bytes>),
        taints: &dyn Fn(&str) -> Vec<String>,
    ) -> Result<()> {
        let (hosts, outages, counts) = machines.hosts(origin_us, cpu, memory);
        for mut host in hosts {
            host.taints = taints(&host.name);
            self.host_from(place, "machine", host)?;
        }
        for outage in outages {
            self.outage(place, outage.into())?;
        }
        let MachineCounts { reboots, redundant, updates, no_capacity } = counts;
        if reboots > 0 {
            let said =
                format!("{reboots} times a machine was removed and added again: an outage, which takes its jobs down");
            self.report.choices.push(said);
        }
        for (count, what) in [
            (redundant, "events of machines that change nothing"),
            (updates, "changes of a machine's capacity: a host keeps its first"),
            (no_capacity, "machines without a capacity, left out"),
        ] {
            if count > 0 {
                self.report.ignore(what, count);
            }
        }
        Ok(())
    }

    /// Adds an outage.
    pub fn outage(&mut self, place: &Place, outage: TraceOutage) -> Result<()> {
        let most = self.budgets.max_hosts.saturating_mul(OUTAGES_PER_HOST);
        if self.outages.len() as u64 >= most {
            return Err(place.of(Error::budget("outages", most + 1, most, "--max-hosts")));
        }
        self.outages.push(outage);
        self.report.outages += 1;
        Ok(())
    }

    fn extended(&mut self, amounts: &BTreeMap<String, i64>) -> Result<()> {
        for name in amounts.keys() {
            if !self.extended_names.contains(name) {
                if self.extended_names.len() == EXTENDED_NAMES_MAX {
                    let what = format!("more than {EXTENDED_NAMES_MAX} different extended resources");
                    return Err(Error::input(what).in_field("extended"));
                }
                self.extended_names.insert(name.clone());
            }
        }
        Ok(())
    }
}

fn usage_rule(options: &BTreeMap<&'static str, String>) -> UsageRule {
    let given = |option: &option::OptionInfo| options.get(option.name).map(String::as_str);
    let stat = given(&option::USAGE_STAT).unwrap_or(option::USAGE_STAT.default);
    let uncensor = given(&option::UNCENSOR).unwrap_or(option::UNCENSOR.default);
    UsageRule {
        cpu_max: stat == "max",
        memory_max: stat != "mean",
        uncensor_milli: option::factor(uncensor).unwrap_or(1_000),
    }
}

/// What was read: jobs not yet sorted, hosts, and what is to be said of them.
#[derive(Debug)]
pub struct Imported {
    /// The jobs; [`Imported::finish`] sorts and checks them.
    pub builder: WorkloadBuilder,
    /// The hosts; empty if the trace has none.
    pub hosts: Vec<HostSpec>,
    /// Their outages, in order.
    pub outages: Vec<TraceOutage>,
    /// What was read, left out and chosen.
    pub report: ImportReport,
    /// The file that the jobs came from.
    pub job_file: PathBuf,
}

impl Imported {
    /// Sorts the jobs; errors, such as a repeated name, name the file.
    pub fn finish(self, usage: UsageMode, seed: Seed) -> Result<(Workload, Vec<HostSpec>, ImportReport)> {
        let file = self.job_file;
        let workload = self.builder.finish(usage, seed).map_err(|error| error.in_file(file))?;
        Ok((workload, self.hosts, self.report))
    }

    /// Lays the series of `overlay`, as `FORMAT:PATH`, over the jobs without usage of their own.
    ///
    /// Errors: as for reading; no series at all.
    pub fn overlay(&mut self, overlay: &TraceArg, options: &BTreeMap<String, String>, budgets: &Budgets) -> Result<()> {
        let format = overlay.format;
        let mut import = Import::new(format, options, budgets, false)?;
        format.reader(format.read_usage, "usage")?(&overlay.source, &mut import)?;
        if import.overlay.is_empty() {
            return Err(Error::input("no series of usage").in_file(&overlay.source.path));
        }
        let series = import.overlay.len();
        let mut report = import.report;
        report.usage = Some(import.overlay.samples().counts().into());
        let done = import.overlay.apply(&mut self.builder).map_err(|error| error.in_file(&overlay.source.path))?;
        let said = &mut self.report;
        let usage = report.usage.expect("just set");
        said.choices.push(format!(
            "usage of {series} series of {} lies over {} jobs; {} jobs have none, {} series belong to no job",
            format.name, done.jobs, done.without, done.unmatched
        ));
        said.choices.extend(report.choices.into_iter().map(|choice| format!("{}: {choice}", format.name)));
        said.warnings.extend(report.warnings);
        for (reason, rows) in report.rows_dropped {
            *said.rows_dropped.entry(format!("{}: {reason}", format.name)).or_default() += rows;
        }
        for (field, count) in report.fields_ignored {
            said.ignore(&format!("{}: {field}", format.name), count);
        }
        said.usage = Some(usage);
        if done.jobs == 0 {
            said.warnings.push(format!("usage of {} reached no job: no name is the same", format.name));
        }
        Ok(())
    }
}

/// Hosts and outages alone.
#[derive(Debug)]
pub struct ImportedHosts {
    /// The hosts.
    pub hosts: Vec<HostSpec>,
    /// Their outages, in order.
    pub outages: Vec<TraceOutage>,
    /// What was read, left out and chosen.
    pub report: ImportReport,
}

/// Reads a trace; with `strict` a row left out is an error. Unknown options and values are usage errors; a trace without
/// a job is an input error.
pub fn read_trace_as(
    arg: &TraceArg,
    options: &BTreeMap<String, String>,
    budgets: &Budgets,
    strict: bool,
) -> Result<Imported> {
    let mut import = Import::new(arg.format, options, budgets, strict)?;
    sniff::refuse_strangers(&arg.source.path)?;
    arg.format.reader(arg.format.read, "jobs")?(&arg.source, &mut import)?;
    if import.builder.is_empty() {
        let dropped: u64 = import.report.rows_dropped.values().sum();
        let why = match dropped {
            0 => "no jobs: there is no row below the header".into(),
            _ => {
                let reasons: Vec<String> =
                    import.report.rows_dropped.iter().map(|(reason, count)| format!("{count} × {reason}")).collect();
                format!("no jobs: all rows were left out ({})", reasons.join(", "))
            }
        };
        return Err(Error::input(why).in_file(import.job_file));
    }
    let Import { builder, hosts, mut outages, report, job_file, .. } = import;
    outages.sort();
    Ok(Imported { builder, hosts, outages, report, job_file })
}

/// Reads a trace, leaving out and counting what cannot be used.
pub fn read_trace(arg: &TraceArg, options: &BTreeMap<String, String>, budgets: &Budgets) -> Result<Imported> {
    read_trace_as(arg, options, budgets, false)
}

/// Reads outages alone, as `FORMAT:PATH`; times count from the beginning of the run.
pub fn read_outages(arg: &TraceArg, options: &BTreeMap<String, String>, budgets: &Budgets) -> Result<ImportedHosts> {
    let mut import = Import::new(arg.format, options, budgets, false)?;
    arg.format.reader(arg.format.read_outages, "outages")?(&arg.source, &mut import)?;
    if import.outages.is_empty() {
        return Err(Error::input("no outages: there is no row").in_file(&arg.source.path));
    }
    Ok(ImportedHosts { hosts: import.hosts, outages: import.outages, report: import.report })
}

/// Reads hosts and their outages (`--cluster`): from `FORMAT:PATH`, or from a native hosts table at a plain path.
pub fn read_cluster(text: &str, options: &BTreeMap<String, String>, budgets: &Budgets) -> Result<ImportedHosts> {
    // A plain path may hold a colon; it is FORMAT:PATH if what stands before the first one is a format's name, or
    // could be one misspelt: a name, not a path, of a file that is not there.
    let plain = text.split_once(':').is_none_or(|(name, _)| {
        let known = FORMATS.iter().any(|f| f.name == name);
        let a_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        !known && (!a_name || Path::new(text).exists())
    });
    let (mut import, file);
    if plain {
        import = Import::new(&native::INFO, &BTreeMap::new(), budgets, false)?;
        native::read_hosts_table(text, &mut import)?;
        file = text;
    } else {
        let arg = TraceArg::parse(text)?;
        import = Import::new(arg.format, options, budgets, false)?;
        sniff::refuse_strangers(&arg.source.path)?;
        arg.format.reader(arg.format.read_hosts, "hosts")?(&arg.source, &mut import)?;
        file = &text[arg.format.name.len() + 1..];
    }
    if import.hosts.is_empty() {
        return Err(Error::input("no hosts: there is no row below the header").in_file(file));
    }
    let Import { hosts, mut outages, report, .. } = import;
    outages.sort();
    Ok(ImportedHosts { hosts, outages, report })
}

/// The hosts of [`read_cluster`] alone.
pub fn read_hosts(text: &str, budgets: &Budgets) -> Result<Vec<HostSpec>> {
    read_cluster(text, &BTreeMap::new(), budgets).map(|read| read.hosts)
}

/// What is wrong usage on a command line is wrong input in a file.
pub fn as_input(why: Error) -> Error {
    if why.kind() == ErrorKind::Usage { Error::input(why.message()) } else { why }
}
