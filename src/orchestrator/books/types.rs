//! Process types: their numbers, and how many jobs of each are on each host.
//!
//! A job's type is its process type, or its app's name. Where the run's placement counts them, hosts are also kept in order of
//! their number of jobs of the type, unless every decision is to be a plain scan.

use std::collections::BTreeMap;

use crate::ids::{HostId, JobId};
use crate::index::bits::Bits;
use crate::index::fewest::Fewest;
use crate::orchestrator::World;

/// Bytes that the order of hosts takes over all types; a type that comes when they are used up has none, and is scanned.
const MOST_BYTES: usize = 64 << 20;
/// No type yet.
const NO_TYPE: u32 = u32::MAX;

/// All process types that have occurred.
pub(super) struct Types {
    ids: BTreeMap<String, u32>,
    /// Types of jobs that say theirs, by spec; of others, by app.
    of_spec: Vec<u32>,
    of_app: Vec<u32>,
    kinds: Vec<Kind>,
    hosts: u32,
    /// Whether hosts are kept in order.
    ordered: bool,
    bytes: usize,
}

/// Jobs of one type.
struct Kind {
    counts: Counts,
    /// All hosts, open or not, by their number of jobs of the type.
    fewest: Option<Fewest>,
}

/// Jobs of a type by host.
enum Counts {
    /// Hosts that have some.
    Some(BTreeMap<HostId, u32>),
    /// All hosts.
    All(Vec<u32>),
}

impl Counts {
    fn of(&self, host: HostId) -> u32 {
        match self {
            Counts::Some(hosts) => hosts.get(&host).copied().unwrap_or(0),
            Counts::All(hosts) => hosts[host.index()],
        }
    }

    /// Adds `by` and returns what it was and what it is.
    fn add(&mut self, host: HostId, by: i32, all: u32) -> (u32, u32) {
        match self {
            Counts::All(hosts) => {
                let old = hosts[host.index()];
                hosts[host.index()] = old.saturating_add_signed(by);
                (old, hosts[host.index()])
            }
            Counts::Some(hosts) => {
                let count = hosts.entry(host).or_insert(0);
                let old = *count;
                *count = old.saturating_add_signed(by);
                let new = *count;
                if new == 0 {
                    hosts.remove(&host);
                } else if hosts.len() > all as usize / 8 {
                    let mut column = vec![0; all as usize];
                    hosts.iter().for_each(|(host, &count)| column[host.index()] = count);
                    *self = Counts::All(column);
                }
                (old, new)
            }
        }
    }
}

impl Types {
    /// No type yet; `ordered`: hosts are kept in order.
    pub fn new(hosts: usize, ordered: bool) -> Types {
        Types {
            ids: BTreeMap::new(),
            of_spec: Vec::new(),
            of_app: Vec::new(),
            kinds: Vec::new(),
            hosts: hosts as u32,
            ordered,
            bytes: 0,
        }
    }

    /// A job's type as a number, given out in the order in which types are first asked for.
    pub fn of(&mut self, world: &World, job: JobId) -> u32 {
        let written = &world.workload.spec(job).process_type;
        let says = !written.is_empty();
        let at = if says { world.workload.spec_id(job).index() } else { world.workload.app(job).index() };
        let column = if says { &mut self.of_spec } else { &mut self.of_app };
        if column.len() <= at {
            column.resize(at + 1, NO_TYPE);
        }
        if column[at] != NO_TYPE {
            return column[at];
        }
        let name = if says { written } else { &world.workload.apps()[at].name };
        let id = match self.ids.get(name) {
            Some(&id) => id,
            None => self.adds(name),
        };
        let column = if says { &mut self.of_spec } else { &mut self.of_app };
        column[at] = id;
        id
    }

    fn adds(&mut self, name: &str) -> u32 {
        let id = self.kinds.len() as u32;
        self.ids.insert(name.to_owned(), id);
        let fewest = (self.ordered && self.bytes < MOST_BYTES).then(|| Fewest::all(self.hosts));
        self.bytes += fewest.as_ref().map_or(0, Fewest::bytes);
        self.kinds.push(Kind { counts: Counts::Some(BTreeMap::new()), fewest });
        id
    }

    /// Counts a job of the type on `host` (`by` 1), or takes it off (-1).
    pub fn count(&mut self, id: u32, host: HostId, by: i32) {
        let kind = &mut self.kinds[id as usize];
        let (old, new) = kind.counts.add(host, by, self.hosts);
        if let Some(fewest) = &mut kind.fewest {
            fewest.moves(host.0, old, new);
        }
    }

    /// Jobs of the type that are counted on `host`.
    pub fn on(&self, id: u32, host: HostId) -> u32 {
        self.kinds.get(id as usize).map_or(0, |kind| kind.counts.of(host))
    }

    /// Hosts in order of their number of jobs of the type, if they are kept so.
    pub fn order(&mut self, id: u32) -> Option<&mut Fewest> {
        self.kinds.get_mut(id as usize)?.fewest.as_mut()
    }

    /// Whether hosts are kept in order, as far as memory goes.
    pub fn is_ordered(&self) -> bool {
        self.ordered
    }

    /// Whether every type has its hosts in order.
    pub fn all_ordered(&self) -> bool {
        self.ordered && self.kinds.iter().all(|kind| kind.fewest.is_some())
    }

    /// Types whose hosts in `open` differ by more than one job, with the least and the most that one has, in order of numbers.
    pub fn uneven(&mut self, open: &Bits) -> Vec<u32> {
        let uneven = |kind: &mut Kind| {
            let fewest = kind.fewest.as_mut()?;
            let (least, most) = (fewest.first(Some(open))?, fewest.last(Some(open))?);
            Some(most.0 - least.0 > 1)
        };
        let of = self.kinds.iter_mut().enumerate();
        of.filter_map(|(id, kind)| uneven(kind)?.then_some(id as u32)).collect()
    }

    /// What orders of hosts have looked at so far.
    pub fn looked_at(&self) -> u64 {
        self.kinds.iter().filter_map(|kind| kind.fewest.as_ref()).map(Fewest::looked_at).sum()
    }
}
