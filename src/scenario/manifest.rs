//! Kubernetes manifests as the hosts and jobs of a scenario.
//!
//! Manifests stand beside the scenario in its own file or in files that it names. What becomes of Nodes, of pods and of what
//! makes pods is `trace::manifest`'s, which dumps of clusters share. Errors are given the line of the object or field that
//! they speak of ([`source`]).
//!
//! Not here: pods that run already. A scenario places every pod itself, so a bound one is refused unless something in the
//! manifests makes it anew.

mod source;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use super::Budgets;
use super::file::ScenarioFile;
use super::hosts::Hosts;
use super::text::At;
use crate::error::{Error, Result};
use crate::kube::config::Effective;
use crate::kube::framework::World;
use crate::kube::object::Objects;
use crate::trace::manifest::job::{self, Room};
use crate::trace::manifest::{group, host, label, labelled, listed};
use crate::workload::WorkloadBuilder;
use source::Source;

/// Everything that the manifests of a scenario hold.
#[derive(Debug, Default)]
pub(super) struct Manifests {
    sources: Vec<Source>,
    objects: Objects,
    /// What they gave, were taken for, or did not say.
    pub notes: Vec<String>,
}

/// Reads the manifests of `file`.
pub(super) fn read(file: &ScenarioFile, folder: &Path, budgets: &Budgets) -> Result<Manifests> {
    let mut all = Manifests::default();
    let inline = (!file.documents.is_empty()).then(|| Ok(Source::inline(&file.documents, budgets)));
    for source in inline.into_iter().chain(file.manifests.iter().map(|path| Source::open(path, folder, budgets))) {
        let source = source?;
        source.read_into(&mut all.objects)?;
        all.sources.push(source);
    }
    all.refuse_twins().map_err(|why| all.place(why))?;
    Ok(all)
}

/// Reads the scheduler configuration at `path`, a run's own.
pub(super) fn read_configuration(path: &At<String>, folder: &Path, budgets: &Budgets) -> Result<Effective> {
    let source = Source::open(path, folder, budgets)?;
    source.read_configuration()
}

const CONFIGURATION: &str = "KubeSchedulerConfiguration";

impl Manifests {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// The scheduler configuration for runs that have none of their own.
    pub fn configuration(&self) -> Result<Option<Arc<Effective>>> {
        let Some(value) = &self.objects.configuration else { return Ok(None) };
        let effective = Effective::read(value).map_err(|why| self.place(labelled(why, CONFIGURATION)))?;
        Ok(Some(Arc::new(effective)))
    }

    /// Adds the Nodes to `hosts`.
    pub fn add_hosts(&mut self, hosts: &mut Hosts, budgets: &Budgets) -> Result<()> {
        let wanted = (hosts.specs.len() + self.objects.nodes.len()) as u64;
        if wanted > budgets.hosts {
            return Err(Error::budget("hosts", wanted, budgets.hosts, "--max-hosts"));
        }
        for node in &self.objects.nodes {
            let spec = host::of(node).map_err(|why| self.place(labelled(why, &label("Node", "", &node.name))))?;
            hosts.specs.push(spec);
        }
        let full = self.objects.nodes.iter().filter(|node| node.allocatable.pods <= 0).count();
        if full > 0 {
            self.notes.push(format!(
                "manifests: {full} of {} nodes say pods: 0 or nothing in status.allocatable, so that they take none, as in \
                 Kubernetes; write pods: 110",
                self.objects.nodes.len()
            ));
        }
        Ok(())
    }

    /// Adds the jobs of pods and of what makes pods to `builder`, at most `most_steps` usage steps; `hosts` are all there
    /// are, for DaemonSets.
    pub fn add_jobs(
        &mut self,
        hosts: &mut Hosts,
        budgets: &Budgets,
        most_steps: u64,
        builder: &mut WorkloadBuilder,
    ) -> Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        let mut found = group::find(&mut self.objects).map_err(|why| self.place(why))?;
        group::resolve_priorities(&mut found.groups, &self.objects).map_err(|why| self.place(why))?;
        self.notes.append(&mut found.notes);
        let before = builder.len();
        let room = Room { jobs: budgets.jobs, steps: most_steps, all_steps: budgets.usage_steps };
        let mut maker = job::Maker::new(&found.groups, &mut hosts.specs, room, builder);
        for group in &found.groups {
            maker.add(group).map_err(|why| self.place(labelled(why, &group.label())))?;
        }
        self.notes.append(&mut maker.notes());
        let (nodes, jobs) = (self.objects.nodes.len(), builder.len() - before);
        let (pods, controllers) = (self.objects.pods.len(), self.objects.controllers.len() - found.added);
        self.notes.insert(
            0,
            format!("manifests: {nodes} nodes; {pods} pods and {controllers} objects that make pods gave {jobs} jobs"),
        );
        self.note_ignored();
        builder.objects(Arc::new(World::of(&self.objects)));
        Ok(())
    }

    /// Gives `error` file and line of what it speaks of.
    fn place(&self, error: Error) -> Error {
        match self.sources.iter().find(|source| source.speaks_of(error.message())) {
            Some(source) => source.place(error),
            None => error,
        }
    }

    /// Nodes and pods are told apart as they are read; what makes pods is here.
    fn refuse_twins(&self) -> Result<()> {
        let mut seen = BTreeSet::new();
        for controller in &self.objects.controllers {
            let (kind, meta) = (controller.kind, &controller.meta);
            if !seen.insert((kind, &meta.namespace, &meta.name)) {
                let why = Error::input(format!("a {} of this name has been read before", kind.name()));
                let label = label(kind.name(), &meta.namespace, &meta.name);
                return Err(labelled(why.in_field("metadata.name"), &label));
            }
        }
        Ok(())
    }

    /// One note for everything that is in the manifests and decides nothing.
    fn note_ignored(&mut self) {
        let Objects { ignored, ignored_kinds, .. } = &self.objects;
        let parts = [("fields", &ignored.0), ("objects of other kinds", ignored_kinds)];
        let said: Vec<String> =
            parts.iter().filter(|(_, counts)| !counts.is_empty()).map(|(what, counts)| listed(what, counts)).collect();
        if !said.is_empty() {
            self.notes.push(format!("manifests: not used here: {}", said.join("; ")));
        }
    }
}
