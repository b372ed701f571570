//! From a file as written to a scenario with nothing left to check.

use std::collections::BTreeSet;
use std::path::Path;

use super::band::{self, BandWorld};
use super::document::verbatim;
use super::file::{LoopSection, ScenarioFile};
use super::host_model::HostSection;
use super::hosts::Hosts;
use super::inflation::InflationSection;
use super::manifest::{self, Manifests};
use super::text::{At, Length, Share, Usage};
use super::{API_VERSION, Budgets, KIND, events, failures, hosts, inflation, jobs, outside, platform, runs};
use crate::cluster::{Bookings, Cluster, Request};
use crate::error::{Error, Result};
use crate::orchestrator::{Options, ParameterValue};
use crate::rng::Seed;
use crate::sim::{Loop, Setup};
use crate::units::{SimDuration, SimTime};
use crate::workload::{JobKind, Offered, UsageMode, Workload, WorkloadBuilder};

/// A scenario, checked: what its runs share, and what each of them is.
#[derive(Debug)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// The question it asks; may be empty.
    pub question: String,
    /// The world that orchestrators are put into.
    pub setup: Setup,
    /// Options of every run, names unique.
    pub runs: Vec<Options>,
    /// What was assumed, drawn or defaulted, and what looks wrong: one sentence each.
    pub notes: Vec<String>,
    /// The scenario with its defaults filled in, as YAML that gives the same runs from the same folder.
    pub resolved_yaml: String,
    /// Offered load.
    pub offered: Offered,
    /// The worlds of its band; empty without one.
    pub band: Vec<BandWorld>,
}

/// Peak share below which a load is called low.
const LOW_LOAD: f64 = 0.3;
/// The seed of a scenario that names none.
const DEFAULT_SEED: u64 = 1;

/// Reads and resolves the scenario at `path`; errors name it, or the file that it names.
pub fn load(path: &Path, budgets: &Budgets) -> Result<Scenario> {
    let file = super::read(path, budgets)?;
    resolve(&file, path.parent().unwrap_or(Path::new("")), budgets).map_err(|why| why.in_file(path))
}

/// Checks `file` and makes hosts, jobs, failures and options of it. Files that it names are looked for in `folder`.
pub fn resolve(file: &ScenarioFile, folder: &Path, budgets: &Budgets) -> Result<Scenario> {
    let seed = Seed(file.seed.unwrap_or(DEFAULT_SEED));
    let mut notes = Vec::new();
    let mut manifests = manifest::read(file, folder, budgets)?;
    let configuration = manifests.configuration()?;
    let runs = runs::resolve(&file.orchestrators, folder, budgets, configuration.as_ref(), &mut notes)?;
    let mut hosts = hosts::expand(&file.cluster, folder, budgets, &mut notes)?;
    if file.cluster.nodes.is_none_or(|nodes| nodes.0) {
        manifests.add_hosts(&mut hosts, budgets)?;
    }
    let workload = workload(file, folder, budgets, seed, &mut hosts, &mut manifests, &mut notes)?;
    if let Some(from) = file.workload.trace.as_ref().and_then(|trace| trace.from) {
        notes.extend(hosts.begin_at(from.0));
    }
    notes.append(&mut manifests.notes);
    if hosts.specs.is_empty() && file.workload.trace.is_some() {
        let what =
            "the trace has no hosts; name some with --hosts 100:64,256Gi or --cluster, in a scenario under cluster";
        return Err(file.cluster.refuse(what));
    }
    let workload = match &file.workload.inflation {
        Some(section) => inflated(section, file, (workload, &mut hosts), (folder, budgets), seed, &mut notes)?,
        None => workload,
    };
    let cluster = cluster(&hosts, &workload).map_err(|why| file.cluster.place(why))?;
    let workload = match &file.workload.trace {
        Some(trace) if file.workload.inflation.is_none() => {
            let (workload, said) = outside::scaled(workload, &cluster, trace).map_err(|why| trace.place(why))?;
            notes.extend(said);
            workload
        }
        _ => workload,
    };

    let warm_up = file.warm_up.unwrap_or_default().0;
    let drain = file.drain.unwrap_or_default().0;
    let end = end(file, &workload, &mut notes)?;
    if u128::from(warm_up.0) + u128::from(drain.0) >= u128::from(end.0) {
        return Err(Error::input(format!("warm_up {warm_up} and drain {drain} leave nothing of a run of {end}")));
    }
    let (failures, said) = failures::resolve(&file.failures, folder, (&hosts, &cluster), seed, end, budgets)?;
    notes.extend(said);
    let (maintenance, said) = events::resolve(&file.events, &hosts, &cluster, end)?;
    notes.extend(said);
    let arrivals = arrivals(file)?;
    notes.push(match arrivals {
        Loop::Open => "arrivals are an open loop: each job comes at its own time, whatever happens to others".into(),
        Loop::Closed { users, think_time } => {
            format!("arrivals are a closed loop of {users} users who think {think_time}; arrival times are ignored")
        }
    });
    usage_note(&workload, &mut notes);
    let host_model = file.host.model()?;
    let etcd = match &file.etcd {
        Some(section) => {
            let (etcd, said) = section.setup(end).map_err(|why| section.place(why.in_field("etcd")))?;
            notes.extend(said);
            Some(etcd)
        }
        None => None,
    };
    let platform = platform::resolve(file, &workload, end)?;
    scaled_requests_fit(&workload, &runs)?;
    masters_leave_hosts(&cluster, &runs)?;
    let offered = outside::offered_load(&workload, &cluster);
    let highest = offered.shares()[usize::from(offered.highest())];
    if highest == 0.0 && offered.jobs_peak > 0 {
        notes.push(
            "jobs request nothing: the offered load, which is of requests, does not tell how full hosts get".into(),
        );
    } else if highest < LOW_LOAD {
        notes.push(format!(
            "the offered load is low: its peak is {:.1} % of the cluster, so that hardly anything can be swamped",
            highest * 100.0
        ));
    }
    notes.extend(too_big(&workload, &cluster));

    let setup = Setup {
        cluster,
        workload,
        host_model,
        failures,
        maintenance,
        etcd,
        platform,
        arrivals,
        warm_up: SimTime::ZERO + warm_up,
        end,
        drain,
        seed,
    };
    let apps: Vec<&str> = setup.workload.apps().iter().map(|app| app.name.as_str()).collect();
    let band = band::worlds(file, setup.end, &apps, folder, budgets)?;
    let resolved_yaml = written(file, &setup, &runs)?;
    Ok(Scenario {
        name: file.name.clone(),
        question: file.question.clone(),
        setup,
        runs,
        notes,
        resolved_yaml,
        offered,
        band,
    })
}

fn workload(
    file: &ScenarioFile,
    folder: &Path,
    budgets: &Budgets,
    seed: Seed,
    hosts: &mut Hosts,
    manifests: &mut Manifests,
    notes: &mut Vec<String>,
) -> Result<Workload> {
    let section = &file.workload;
    let (mut builder, mut source) = (WorkloadBuilder::new(), None);
    if let Some(trace) = &section.trace {
        let traced = outside::trace(trace, folder, budgets).map_err(|why| outside::placed(why, &trace.path))?;
        notes.extend(traced.notes);
        if hosts.specs.is_empty() {
            hosts.specs = traced.hosts;
            hosts.outages = traced.outages;
        }
        builder = traced.builder;
        source = Some(traced.file);
    }
    if let Some(generator) = &section.generator {
        if section.trace.is_some() {
            return Err(generator.refuse("jobs come from a trace or from a generator, not from both"));
        }
        let (generated, said) = outside::generated(generator, seed, budgets).map_err(|why| generator.place(why))?;
        notes.push(said);
        builder = generated;
    }
    let steps_left = jobs::add(section, folder, budgets, &mut builder, notes)?;
    manifests.add_jobs(hosts, budgets, steps_left, &mut builder)?;
    if let Some(section) = &file.platform {
        platform::add(section, hosts, &mut builder).map_err(|why| section.place(why.in_field("platform")))?;
    }
    if builder.is_empty() {
        return Err(section.refuse("the workload has no jobs; give apps, jobs, a trace, a generator or manifests"));
    }
    let usage = section.usage.as_ref().map_or(UsageMode::default(), |usage| usage.0);
    builder.finish(usage, seed).map_err(|why| match source {
        // With nothing inline, only the trace can be at fault.
        Some(file) if section.apps.is_empty() && section.jobs.is_empty() && manifests.is_empty() => why.in_file(file),
        _ => section.place(why),
    })
}

/// The jobs that `section` draws from those of the window.
fn inflated(
    section: &At<InflationSection>,
    file: &ScenarioFile,
    (mut workload, hosts): (Workload, &mut Hosts),
    places: (&Path, &Budgets),
    seed: Seed,
    notes: &mut Vec<String>,
) -> Result<Workload> {
    if let Some(trace) = &file.workload.trace {
        let (cut, said) = outside::windowed(workload, trace).map_err(|why| trace.place(why))?;
        workload = cut;
        notes.extend(said);
    }
    inflation::resolve(section, file, (workload, hosts), places, seed, notes)
}

fn cluster(hosts: &Hosts, workload: &Workload) -> Result<Cluster> {
    let mut specs = hosts.specs.clone();
    // Jobs name resources by their place in the workload's list, so the cluster's list has to be the same one.
    // What no job asks for decides nothing.
    for spec in &mut specs {
        spec.extended.retain(|name, _| workload.resources().contains(name));
    }
    if specs.is_empty() {
        return Err(Error::input("the cluster has no hosts; give hosts, a file, a trace or Nodes in manifests"));
    }
    let cluster = Cluster::new(specs, workload.resources())?;
    assert_eq!(cluster.resources(), workload.resources(), "resources of hosts and jobs are numbered differently");
    Ok(cluster)
}

fn end(file: &ScenarioFile, workload: &Workload, notes: &mut Vec<String>) -> Result<SimTime> {
    if let Some(horizon) = &file.horizon {
        if horizon.0 == SimDuration::ZERO {
            return Err(horizon.refuse("a horizon of 0s leaves nothing to run").in_field("horizon"));
        }
        return Ok(SimTime::ZERO + horizon.0);
    }
    let end = workload.uncontended_end();
    if end == SimTime::ZERO {
        return Err(Error::input("nothing here ends (services that arrive at 0s); set horizon").in_field("horizon"));
    }
    if file.workload.inflation.is_some() {
        notes.push(format!("no horizon: every run ends at {end}, when one more job would have arrived"));
        return Ok(end);
    }
    let services = workload.ids().filter(|&job| workload.spec(job).kind == JobKind::Service).count();
    let and =
        if services > 0 { "; services count with their removal, or their arrival where none is told" } else { "" };
    notes.push(format!(
        "no horizon: every run ends at {end}, when the last job would end if each ran from its arrival uncontended{and}"
    ));
    Ok(end)
}

fn arrivals(file: &ScenarioFile) -> Result<Loop> {
    match file.workload.arrivals.unwrap_or_default() {
        LoopSection::Open => Ok(Loop::Open),
        LoopSection::Closed { users: 0, .. } => {
            Err(file.workload.refuse("a closed loop needs at least one user").in_field("loop"))
        }
        LoopSection::Closed { users, think_time } => Ok(Loop::Closed { users, think_time: think_time.0 }),
    }
}

fn usage_note(workload: &Workload, notes: &mut Vec<String>) {
    if !workload.has_modelled_usage() {
        return;
    }
    notes.push(match workload.usage() {
        UsageMode::Request => "jobs without a usage of their own use exactly what they request; then request-aware \
                               placement cannot overload a host, by construction"
            .into(),
        UsageMode::Share { cpu_milli, memory_milli } => format!(
            "jobs without a usage of their own use {} of their CPU and {} of their memory request",
            Share(cpu_milli),
            Share(memory_milli)
        ),
        UsageMode::Model(model) => {
            let model = &crate::workload::USAGE_MODELS[usize::from(model)];
            format!("jobs without a usage of their own use what model:{} draws: {}", model.name, model.summary)
        }
    });
}

/// Refuses a request factor that would make sums of requests leave 64 bits.
fn scaled_requests_fit(workload: &Workload, runs: &[Options]) -> Result<()> {
    let bytes: i128 = workload.ids().map(|job| i128::from(workload.memory_request(job).0)).sum();
    for run in runs {
        if let crate::orchestrator::RequestRule::Times(milli) = run.requests
            && bytes * i128::from(milli) / 1000 > 1 << 62
        {
            let what = format!("run \"{}\": requests {} add up to more than 2^62 bytes", run.name, run.requests);
            return Err(Error::input(what));
        }
    }
    Ok(())
}

/// Refuses a control plane that keeps every host for itself.
fn masters_leave_hosts(cluster: &Cluster, runs: &[Options]) -> Result<()> {
    for run in runs {
        if let Some(ParameterValue::Count(masters)) = run.parameters.get("masters")
            && *masters >= cluster.len() as u64
        {
            let (name, hosts) = (&run.name, cluster.len());
            return Err(Error::input(format!("run \"{name}\": masters {masters} leaves no host for jobs, of {hosts}")));
        }
    }
    Ok(())
}

/// A note for every distinct request that no host could hold even when empty, at most a few by name.
fn too_big(workload: &Workload, cluster: &Cluster) -> Vec<String> {
    const NAMED: usize = 3;
    // Hosts of one make differ in name only.
    let mut makes: Vec<crate::ids::HostId> = Vec::new();
    for host in cluster.ids() {
        let spec = cluster.spec(host);
        let same = |&other: &crate::ids::HostId| {
            let other = cluster.spec(other);
            (spec.cpu, spec.memory, spec.ephemeral, spec.gpus) == (other.cpu, other.memory, other.ephemeral, other.gpus)
                && (&spec.gpu_model, &spec.labels, &spec.extended) == (&other.gpu_model, &other.labels, &other.extended)
        };
        // Beyond so many makes, looking for equal ones costs more than it saves.
        if makes.len() >= 64 || !makes.iter().any(same) {
            makes.push(host);
        }
    }
    let largest = makes.iter().copied().max_by_key(|&host| (cluster.spec(host).memory, cluster.spec(host).cpu));
    let Some(largest) = largest.map(|host| cluster.spec(host)) else { return Vec::new() };
    let (mut notes, mut count, mut seen) = (Vec::new(), 0usize, BTreeSet::new());
    for job in workload.ids() {
        let spec = workload.spec(job);
        let request = Request {
            cpu: workload.cpu_request(job),
            memory: workload.memory_request(job),
            ephemeral: spec.ephemeral,
            gpus: &spec.gpus,
            gpu_models: &spec.gpu_models,
            extended: &spec.extended,
            selector: &spec.node_selector,
            constraints: &spec.constraints,
            tolerations: &spec.tolerations,
            ports: &spec.ports,
        };
        // The last make that held a job most often holds the next; most jobs are settled by one comparison.
        if makes.iter().any(|&host| Bookings::could_fit(cluster, &request, host)) {
            continue;
        }
        count += 1;
        if notes.len() < NAMED && seen.insert((request.cpu, request.memory, workload.app(job))) {
            notes.push(format!(
                "job \"{}\" asks for CPU {} and memory {} and what goes with them, more than any host has (the largest, \
                 \"{}\": {} and {}); placements that look at requests never place it",
                workload.name(job),
                request.cpu,
                request.memory,
                largest.name,
                largest.cpu,
                largest.memory
            ));
        }
    }
    if count > notes.len() {
        notes.push(format!("{count} jobs in all ask for more than any host has"));
    }
    notes
}

/// `file` with everything that was defaulted written out.
fn written(file: &ScenarioFile, setup: &Setup, options: &[Options]) -> Result<String> {
    let mut file = file.clone();
    file.api_version = API_VERSION.to_string().into();
    file.kind = KIND.to_string().into();
    file.seed = Some(setup.seed.0);
    file.warm_up = Some(Length(setup.warm_up.since(SimTime::ZERO)));
    file.drain = Some(Length(setup.drain));
    file.horizon = Some(Length(setup.end.since(SimTime::ZERO)).into());
    file.workload.value.usage = Some(Usage(setup.workload.usage()).into());
    file.workload.value.arrivals = Some(match setup.arrivals {
        Loop::Open => LoopSection::Open,
        Loop::Closed { users, think_time } => LoopSection::Closed { users, think_time: Length(think_time) },
    });
    if let Some(section) = &mut file.workload.value.inflation {
        section.value = section.value.written();
    }
    let entries = options.iter().zip(&file.orchestrators);
    file.orchestrators = entries.map(|(options, entry)| runs::written(options, entry).into()).collect();
    file.host = HostSection::written(&setup.host_model);
    if let (Some(section), Some(etcd)) = (&mut file.etcd, &setup.etcd) {
        section.value = section.value.written(etcd);
    }
    let text = serde_saphyr::to_string(&file)
        .map_err(|why| Error::failed(format!("the scenario cannot be written as YAML: {why}")))?;
    Ok(text + &verbatim(&file.documents))
}
