//! Images: what a host pulls before it starts a container of them for the first time.
//!
//! Every image takes the same time; pulls fail never, so there is no back-off of pulls. A job of a manifest has its
//! containers' images, any other that of its app (jobs without an app share one). A host keeps what it pulled, reboots
//! included; a pull that a fall breaks off begins anew.

use std::collections::BTreeMap;

use super::engine::Simulation;
use super::queue::Event;
use crate::ids::{AppId, HostId, JobId};
use crate::units::{SimDuration, SimTime};

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Image {
    OfApp(AppId),
    Named(String),
}

/// Images of a host, and who waits for them.
#[derive(Clone, Debug, Default)]
pub(super) struct Images {
    /// When each image is there.
    there: BTreeMap<Image, SimTime>,
    /// When all pulls are done.
    idle: SimTime,
    /// Jobs that wait for their images, with the tickets of their starts.
    waiting: BTreeMap<JobId, u32>,
}

impl Simulation<'_> {
    /// Whether `job` must wait for images on `host`; it starts when they are there.
    pub(super) fn pulls_first(&mut self, job: JobId, host: HostId, ticket: u32) -> bool {
        let model = &self.setup.host_model.kubelet;
        if model.image_pull == SimDuration::ZERO {
            return false;
        }
        // The containers of a pod are started one after the other, each when its image is there.
        let mut ready = self.now;
        for image in self.images_of(job, host) {
            let images = &mut self.hosts[host.index()].images;
            ready = match images.there.get(&image) {
                Some(&at) => ready.max(at),
                None => {
                    let begins = if model.serialize_image_pulls { ready.max(images.idle) } else { ready };
                    let at = begins + model.image_pull;
                    images.there.insert(image, at);
                    images.idle = images.idle.max(at);
                    at
                }
            };
        }
        if ready == self.now {
            return false;
        }
        if self.hosts[host.index()].images.waiting.insert(job, ticket).is_none() {
            self.jobs[job.index()].pulls_more();
        }
        self.queue.push(ready, Event::Pulled { job, host, ticket });
        true
    }

    /// The images of `job` that its host's Node does not list.
    fn images_of(&self, job: JobId, host: HostId) -> Vec<Image> {
        let Some(template) = self.setup.workload.template(job) else {
            return vec![Image::OfApp(self.setup.workload.app(job))];
        };
        let node = self.setup.cluster.spec(host).node.as_ref();
        let listed =
            |name: &String| node.is_some_and(|node| node.images.iter().any(|image| image.names.contains(name)));
        template.images.iter().filter(|name| !listed(name)).cloned().map(Image::Named).collect()
    }

    /// The images of `job` are there, if it is still wanted.
    pub(super) fn pulled(&mut self, job: JobId, host: HostId, ticket: u32) {
        let waiting = &self.hosts[host.index()].images.waiting;
        if waiting.get(&job) == Some(&ticket) {
            self.forget_pull(job, host);
            if self.jobs[job.index()].ticket == ticket {
                self.start(job, host);
            }
            self.let_go(job);
        }
    }

    /// Jobs that wait for images on `host` and are still wanted.
    pub(super) fn pulling(&self, host: HostId) -> impl Iterator<Item = JobId> {
        let waiting = self.hosts[host.index()].images.waiting.iter();
        waiting.filter(|(job, ticket)| self.jobs[job.index()].ticket == **ticket).map(|(&job, _)| job)
    }

    /// `job` no longer waits for images on `host`; the pull goes on.
    pub(super) fn forget_pull(&mut self, job: JobId, host: HostId) {
        if self.hosts[host.index()].images.waiting.remove(&job).is_some() {
            self.jobs[job.index()].pulls_less();
        }
    }

    /// The host fell: pulls under way are lost, and nobody waits for them.
    pub(super) fn forget_pulls(&mut self, host: HostId) {
        let now = self.now;
        let images = &mut self.hosts[host.index()].images;
        images.there.retain(|_, at| *at <= now);
        images.idle = images.idle.min(now);
        for job in std::mem::take(&mut images.waiting).into_keys() {
            self.jobs[job.index()].pulls_less();
        }
    }
}
