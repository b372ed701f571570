//! A set of hosts that costs what it holds: one host, a short sorted list, or bits for all.

use super::bits::Bits;

/// Hosts by number, below a bound that whoever keeps the set knows.
#[derive(Clone, Debug)]
pub(super) enum Group {
    One(u32),
    /// Ascending, two at least when it is made.
    Few(Vec<u32>),
    Many(Bits),
}

/// Lists longer than this become bits; bits of a quarter of it become lists. So all groups of bits over `bound` hosts are at
/// most `bound / (most / 4)`, which keeps their memory in proportion to the hosts.
const fn most(bound: u32) -> usize {
    let part = bound as usize / 128;
    if part < 16 { 16 } else { part }
}

impl Group {
    /// `bound` is one more than the highest host there may be.
    pub fn insert(&mut self, host: u32, bound: u32, spare: &mut Vec<Bits>) {
        match self {
            Group::One(other) => *self = Group::Few(vec![host.min(*other), host.max(*other)]),
            Group::Few(list) => {
                let Err(at) = list.binary_search(&host) else { return };
                list.insert(at, host);
                if list.len() > most(bound) {
                    let mut bits = spare.pop().unwrap_or_else(|| Bits::new(bound));
                    for &host in list.iter() {
                        bits.insert(host);
                    }
                    *self = Group::Many(bits);
                }
            }
            Group::Many(bits) => _ = bits.insert(host),
        }
    }

    /// Takes out `host`, which is in it; returns whether none is left.
    pub fn remove(&mut self, host: u32, bound: u32, spare: &mut Vec<Bits>) -> bool {
        match self {
            Group::One(_) => return true,
            Group::Few(list) => {
                if let Ok(at) = list.binary_search(&host) {
                    list.remove(at);
                }
                return list.is_empty();
            }
            Group::Many(bits) => {
                bits.remove(host);
                if (bits.len() as usize) < most(bound) / 4 {
                    let list: Vec<u32> = bits.iter().collect();
                    if let Group::Many(mut bits) = std::mem::replace(self, Group::Few(Vec::new())) {
                        list.iter().for_each(|&host| _ = bits.remove(host));
                        // One or two stand by for the next group that grows.
                        if spare.len() < 2 {
                            spare.push(bits);
                        }
                    }
                    let none = list.is_empty();
                    *self = Group::Few(list);
                    return none;
                }
            }
        }
        false
    }

    /// How many of it are in `mask`.
    pub fn shared(&self, mask: Option<&Bits>, looked: &mut u64) -> u32 {
        match self {
            Group::Many(bits) => bits.shared(mask, looked),
            _ => {
                let list = self.list();
                *looked += list.len() as u64;
                list.iter().filter(|&&host| mask.is_none_or(|mask| mask.contains(host))).count() as u32
            }
        }
    }

    /// The lowest host from `from` on that is in `mask`.
    pub fn next(&self, mask: Option<&Bits>, from: u32, looked: &mut u64) -> Option<u32> {
        match self {
            Group::Many(bits) => bits.next(mask, from, looked),
            _ => {
                let list = self.list();
                let rest = &list[list.partition_point(|&host| host < from)..];
                let found = rest.iter().position(|&host| mask.is_none_or(|mask| mask.contains(host)));
                *looked += found.map_or(rest.len(), |at| at + 1) as u64;
                found.map(|at| rest[at])
            }
        }
    }

    /// The highest host below `below` that is in `mask`.
    pub fn last(&self, mask: Option<&Bits>, below: u32, looked: &mut u64) -> Option<u32> {
        match self {
            Group::Many(bits) => bits.last(mask, below, looked),
            _ => {
                let list = self.list();
                let rest = &list[..list.partition_point(|&host| host < below)];
                let found = rest.iter().rposition(|&host| mask.is_none_or(|mask| mask.contains(host)));
                *looked += (rest.len() - found.unwrap_or(0)) as u64;
                found.map(|at| rest[at])
            }
        }
    }

    /// Host number `r` of those in `mask`, in ascending order.
    pub fn nth(&self, mask: Option<&Bits>, r: u32, looked: &mut u64) -> Option<u32> {
        match self {
            Group::Many(bits) => bits.nth(mask, r, looked),
            _ => {
                *looked += u64::from(r) + 1;
                let mut hosts = self.list().iter().filter(|&&host| mask.is_none_or(|mask| mask.contains(host)));
                hosts.nth(r as usize).copied()
            }
        }
    }

    /// Bytes that it holds on to beside itself.
    pub fn bytes(&self) -> usize {
        match self {
            Group::One(_) => 0,
            Group::Few(list) => list.capacity() * 4,
            Group::Many(bits) => bits.bytes(),
        }
    }

    fn list(&self) -> &[u32] {
        match self {
            Group::One(host) => std::slice::from_ref(host),
            Group::Few(list) => list,
            Group::Many(_) => &[],
        }
    }
}
