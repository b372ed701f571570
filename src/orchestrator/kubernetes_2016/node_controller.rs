//! The node controller of 2016: from a kubelet's last status to Unknown, to the deletion of its pods.
//!
//! `pkg/controller/node/nodecontroller.go: monitorNodeStatus`, `rate_limited_queue.go` (v1.2.4, v1.3.0). The controller goes
//! by its own clock: a heartbeat counts from the pass that saw it as new. Its passes take a little time each, so that the
//! eighth after that one is just over 40 s late, and finds the node silent for too long. There are no zones and no limit by
//! fraction; v1.3.0 evicts nobody while no node at all is Ready. While the store takes no writes no status is posted and no
//! pass is made; the clock goes on.
//!
//! Departures: a node that is heard again, or joins, posts its status at once; a pass is what makes it Ready again (the
//! real kubelet writes that itself). `node-startup-grace-period` is for nodes that never posted, which are not here.

use std::collections::BTreeSet;

use super::INFO;
use crate::ids::HostId;
use crate::kube::y2016::Version;
use crate::orchestrator::{Now, Periodic, World};
use crate::rng::Purpose;
use crate::units::{SimDuration, SimTime};

/// How a node stands with the controller.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Status {
    Ready,
    /// No heartbeat within the grace.
    Unknown,
    /// Its pods are to be deleted, or are.
    Evicted,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    there: bool,
    /// Whether anything is heard of it.
    heard: bool,
    posts: Periodic,
    /// From when on it posts in its rhythm.
    since: SimTime,
    /// The last post outside of that, or before.
    last_post: SimTime,
    /// The heartbeat that the controller saw last, and the pass that saw it first (`probeTimestamp`).
    saved: SimTime,
    probe: SimTime,
    status: Status,
}

/// What a pass decides about a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Decision {
    Unknown(HostId),
    Ready(HostId),
}

/// Tokens that come at whole intervals from the start of the process (`juju/ratelimit`).
#[derive(Clone, Copy, Debug)]
struct Bucket {
    interval: SimDuration,
    most: u64,
    tokens: u64,
    tick: u64,
}

impl Bucket {
    fn new(interval: SimDuration, most: u64) -> Self {
        Bucket { interval: SimDuration(interval.0.max(1)), most, tokens: most, tick: 0 }
    }

    fn take(&mut self, now: SimTime) -> bool {
        let tick = now.0 / self.interval.0;
        self.tokens = self.most.min(self.tokens.saturating_add(tick - self.tick));
        self.tick = tick;
        let any = self.tokens > 0;
        self.tokens -= u64::from(any);
        any
    }

    /// All tokens are gone but one that comes at this moment.
    fn keep_newest(&mut self, now: SimTime) {
        let tick = now.0 / self.interval.0;
        let comes_now = now.0.is_multiple_of(self.interval.0) && self.tick < tick;
        (self.tokens, self.tick) = (0, tick - u64::from(comes_now));
    }

    /// The first whole interval at or after `at`, and after `now`.
    fn comes(&self, now: SimTime, at: SimTime) -> SimTime {
        let whole = |t: u64| t.saturating_mul(self.interval.0);
        SimTime(whole(at.0.div_ceil(self.interval.0)).max(whole(now.0 / self.interval.0 + 1)))
    }
}

pub(super) struct NodeController {
    version: Version,
    nodes: Vec<Node>,
    monitor: Periodic,
    period: SimDuration,
    post_period: SimDuration,
    grace: SimDuration,
    eviction_timeout: SimDuration,
    /// How long a post of a status takes.
    latency: SimDuration,
    frozen: bool,
    /// When the API last began to take writes.
    resumed: SimTime,
    /// Until when posts may come irregularly.
    irregular: SimTime,
    /// No node is Ready: nobody is evicted (v1.3.0, `networkSegmentationMode`).
    segmented: bool,
    /// Nodes whose pods are to be deleted, by when that was decided.
    evictions: BTreeSet<(SimTime, HostId)>,
    eviction_tokens: Bucket,
    /// Nodes whose pods were told to end, by when the last grace is over.
    terminations: BTreeSet<(SimTime, HostId)>,
    termination_tokens: Bucket,
    /// Whether there have been such nodes since it was last asked, so that every token has been taken as it came.
    terminator_looks: bool,
}

impl NodeController {
    pub fn new(world: &World, version: Version) -> Self {
        let d = |name| INFO.duration(world.options, name);
        let period = d("status_period");
        let node = |host: HostId| {
            let phase = world.seed.stream(Purpose::Phase, host.0.into()).below(period.0.max(1));
            Node {
                there: false,
                heard: false,
                posts: Periodic::new(SimTime(phase), period),
                since: SimTime::ZERO,
                last_post: SimTime::ZERO,
                saved: SimTime::ZERO,
                probe: SimTime::ZERO,
                status: Status::Ready,
            }
        };
        let bucket = Bucket::new(d("deletion_interval"), INFO.number(world.options, "deletion_burst"));
        NodeController {
            version,
            nodes: world.cluster.ids().map(node).collect(),
            monitor: Periodic::new(SimTime::ZERO, d("monitor_period")),
            period: SimDuration(d("monitor_period").0.max(1)),
            post_period: period,
            grace: d("monitor_grace"),
            eviction_timeout: d("pod_eviction_timeout"),
            latency: SimDuration::ZERO,
            frozen: false,
            resumed: SimTime::ZERO,
            irregular: SimTime::ZERO,
            segmented: false,
            evictions: BTreeSet::new(),
            eviction_tokens: bucket,
            terminations: BTreeSet::new(),
            termination_tokens: bucket,
            terminator_looks: false,
        }
    }

    /// Whether `host` has a Node object.
    pub fn is_there(&self, host: HostId) -> bool {
        self.nodes[host.index()].there
    }

    /// Whether anything is heard of `host`.
    pub fn is_heard(&self, host: HostId) -> bool {
        self.nodes[host.index()].heard
    }

    /// Whether `host` is Ready as far as the controller knows.
    pub fn is_ready(&self, host: HostId) -> bool {
        self.nodes[host.index()].status == Status::Ready
    }

    /// The heartbeat of a node that a pass at `at` finds.
    fn heartbeat(&self, node: &Node, at: SimTime) -> SimTime {
        let posted = SimTime(at.0.saturating_sub(self.latency.0));
        let in_rhythm = node.heard && !self.frozen && at.0 >= self.latency.0;
        let post = node.posts.at_or_before(posted).filter(|post| in_rhythm && *post >= node.since);
        let last = if node.last_post <= at { node.last_post } else { node.saved };
        post.map_or(last, |post| post.max(last))
    }

    /// Brings what is known of a node up to the pass at `pass`. Whether there is a new heartbeat.
    fn refresh(&mut self, h: usize, pass: SimTime) -> bool {
        let heartbeat = self.heartbeat(&self.nodes[h], pass);
        let (latency, resumed) = (self.latency, self.resumed);
        let node = &mut self.nodes[h];
        if heartbeat == node.saved {
            return false;
        }
        node.saved = heartbeat;
        node.probe = self.monitor.at_or_after((heartbeat + latency).max(resumed)).min(pass);
        true
    }

    /// What the passes until now have seen of a node is settled before its rhythm changes.
    fn settle(&mut self, now: Now, h: usize) {
        if self.frozen || !self.nodes[h].there {
            return;
        }
        if let Some(pass) = self.monitor.next(now).0.checked_sub(self.period.0)
            && pass >= self.resumed.0
        {
            self.refresh(h, SimTime(pass));
        }
        self.nodes[h].last_post = self.heartbeat(&self.nodes[h], now.at);
    }

    /// A host is heard, for the first time or again. Joining waits for the API.
    pub fn up(&mut self, now: Now, host: HostId) {
        self.settle(now, host.index());
        let frozen = self.frozen;
        let node = &mut self.nodes[host.index()];
        (node.heard, node.since) = (true, now.at);
        if frozen {
            return;
        }
        node.last_post = now.at;
        self.expect_irregular(now.at, self.latency);
        if !self.nodes[host.index()].there {
            self.join(now.at, host.index());
        }
    }

    fn join(&mut self, now: SimTime, h: usize) {
        let probe = self.monitor.at_or_after(now);
        let node = &mut self.nodes[h];
        (node.there, node.status) = (true, Status::Ready);
        (node.last_post, node.saved, node.probe) = (now, now, probe);
    }

    /// Nothing is heard of a host any more.
    pub fn silent(&mut self, now: Now, host: HostId) {
        self.settle(now, host.index());
        self.nodes[host.index()].heard = false;
    }

    /// A host was taken out.
    pub fn left(&mut self, host: HostId) {
        let node = &mut self.nodes[host.index()];
        (node.there, node.heard, node.status) = (false, false, Status::Ready);
        self.cancel(host);
    }

    fn cancel(&mut self, host: HostId) {
        self.evictions.retain(|(_, queued)| *queued != host);
        self.terminations.retain(|(_, queued)| *queued != host);
        self.terminator_looks &= !self.terminations.is_empty();
    }

    /// Posts take so long from now on.
    pub fn set_latency(&mut self, now: Now, latency: SimDuration) {
        (0..self.nodes.len()).for_each(|h| self.settle(now, h));
        self.expect_irregular(now.at, self.latency.max(latency));
        self.latency = latency;
    }

    /// From `at` on posts may not come in their rhythm, until those that take so long have come.
    fn expect_irregular(&mut self, at: SimTime, latency: SimDuration) {
        self.irregular = self.irregular.max(at + latency + self.post_period + self.period);
    }

    /// The API takes no more writes.
    pub fn freeze(&mut self, now: Now) {
        (0..self.nodes.len()).for_each(|h| self.settle(now, h));
        self.frozen = true;
    }

    /// The API takes writes again. Hosts that joined meanwhile.
    pub fn thaw(&mut self, now: Now) -> Vec<HostId> {
        (self.frozen, self.resumed) = (false, now.at);
        let mut joined = Vec::new();
        for h in 0..self.nodes.len() {
            self.nodes[h].since = now.at;
            if self.nodes[h].heard && !self.nodes[h].there {
                self.join(now.at, h);
                joined.push(HostId(h as u32));
            }
        }
        joined
    }

    /// Whether a pass could find anything: somebody is not Ready, silent, or has not posted since he could.
    fn astir(&self, now: Now) -> bool {
        let calm = |n: &Node| !n.there || n.heard && n.status == Status::Ready && n.saved >= n.since;
        let flapping = self.grace < self.post_period;
        flapping || self.segmented || now.at <= self.irregular || !self.nodes.iter().all(calm)
    }

    /// Whether it is time for a pass.
    pub fn is_pass(&self, now: Now) -> bool {
        self.monitor.next(now) == now.at
    }

    /// When the next pass is.
    pub fn next_pass(&self, now: Now) -> SimTime {
        self.monitor.next(now)
    }

    /// One pass, if it is time for one.
    pub fn pass(&mut self, now: Now, every_tick: bool) -> Vec<Decision> {
        let mut decisions = Vec::new();
        if !self.is_pass(now) {
            return decisions;
        }
        self.monitor.ran(now.at);
        if !every_tick && !self.astir(now) {
            return decisions;
        }
        for h in 0..self.nodes.len() {
            if !self.nodes[h].there {
                continue;
            }
            let host = HostId(h as u32);
            let posted = self.refresh(h, now.at);
            let node = &mut self.nodes[h];
            if posted && node.status != Status::Ready {
                node.status = Status::Ready;
                self.cancel(host);
                decisions.push(Decision::Ready(host));
                continue;
            }
            if node.status == Status::Ready && now.at >= node.probe + self.grace {
                node.status = Status::Unknown;
                decisions.push(Decision::Unknown(host));
            }
            if node.status == Status::Unknown && now.at >= node.probe + self.eviction_timeout && !self.segmented {
                node.status = Status::Evicted;
                self.evictions.insert((now.at, host));
            }
        }
        if self.version == Version::V1_3_0 {
            self.look_for_segmentation(now.at);
        }
        decisions
    }

    fn look_for_segmentation(&mut self, now: SimTime) {
        let mut there = self.nodes.iter().filter(|node| node.there).peekable();
        if there.peek().is_none() {
            return;
        }
        let any_ready = there.any(|node| node.status == Status::Ready);
        if !any_ready {
            self.evictions.clear();
            self.terminations.clear();
            for node in self.nodes.iter_mut().filter(|node| node.status == Status::Evicted) {
                node.status = Status::Unknown;
            }
        } else if self.segmented {
            self.nodes.iter_mut().for_each(|node| node.probe = now);
        }
        self.segmented = !any_ready;
    }

    /// The node whose pods are deleted now, if there is one and a token: `podEvictor`.
    pub fn evict(&mut self, now: SimTime) -> Option<HostId> {
        let &(at, host) = self.evictions.first()?;
        if !self.eviction_tokens.take(now) {
            return None;
        }
        self.evictions.remove(&(at, host));
        Some(host)
    }

    /// Pods of `host` were told to end; the last grace is over then.
    pub fn terminate(&mut self, host: HostId, until: SimTime) {
        self.terminations.insert((until, host));
    }

    /// The node whose pods are deleted by force now: `terminationEvictor`. Its looks, every 100 ms, take a token each
    /// even where it is too early, so that it acts only as a token comes.
    pub fn force(&mut self, now: SimTime) -> Option<HostId> {
        let Some(&(due, host)) = self.terminations.first() else {
            self.terminator_looks = false;
            return None;
        };
        if std::mem::replace(&mut self.terminator_looks, true) {
            self.termination_tokens.keep_newest(now);
        }
        while self.termination_tokens.take(now) {
            if due <= now {
                self.terminations.remove(&(due, host));
                return Some(host);
            }
        }
        None
    }

    /// When there is something to do, passes included.
    pub fn next(&self, now: Now, every_tick: bool) -> Option<SimTime> {
        let pass = (every_tick || self.astir(now)).then(|| self.monitor.next(now));
        let token = |queue: &BTreeSet<(SimTime, HostId)>, bucket: &Bucket| {
            queue.first().map(|&(at, _)| bucket.comes(now.at, at))
        };
        let tokens =
            [token(&self.evictions, &self.eviction_tokens), token(&self.terminations, &self.termination_tokens)];
        pass.into_iter().chain(tokens.into_iter().flatten()).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_at_whole_intervals_up_to_a_full_bucket() {
        let mut bucket = Bucket::new(SimDuration::from_secs(10), 2);
        let at = |s: u64| SimTime(s * 1_000_000);
        assert_eq!([3, 3, 3, 9, 10, 11].map(|s| bucket.take(at(s))), [true, true, false, false, true, false]);
        assert_eq!([99, 99, 99].map(|s| bucket.take(at(s))), [true, true, false]);
        assert_eq!(bucket.comes(at(99), at(99)), at(100));
        assert_eq!(bucket.comes(at(100), at(125)), at(130));
        assert_eq!(bucket.comes(at(100), at(90)), at(110));
        let mut bucket = Bucket::new(SimDuration::from_secs(10), 9);
        bucket.keep_newest(at(45));
        assert!(!bucket.take(at(45)));
        bucket.keep_newest(at(70));
        assert_eq!([70, 70].map(|s| bucket.take(at(s))), [true, false]);
        bucket.keep_newest(at(70));
        assert!(!bucket.take(at(70)), "it has been taken");
    }
}
