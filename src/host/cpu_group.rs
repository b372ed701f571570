//! One group of cgroups that share CPU, kept in the order in which they are full: weighted max-min after a few changes
//! is one pass, without sorting or allocating anew.
//!
//! Gives what [`super::cpu::share`] gives, to the nano-core, with the remainder to the lowest ranks.

use std::cmp::Ordering;

/// Who shares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Whom {
    /// A job, by a number of the caller's.
    Job(u32),
    /// A daemon of the host, by its place in the table.
    Daemon(u32),
    /// Another group, by its place in the tree.
    Group(u32),
}

/// A member of a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Member {
    /// Most it can use, nano-cores.
    pub cap: u64,
    /// Its weight among its siblings, at least 1.
    pub weight: u64,
    /// Order among equals, and who gets what a division leaves over: the lowest first. Unique in its group.
    pub rank: u64,
    /// Who it is.
    pub whom: Whom,
    /// What it got in the last [`Group::fill`], nano-cores.
    pub received: u64,
}

impl Member {
    /// A member that has got nothing yet.
    pub fn new(whom: Whom, rank: u64, weight: u64, cap: u64) -> Self {
        Member { cap, weight, rank, whom, received: 0 }
    }

    /// Who is full sooner: cap / weight, without a division, then rank.
    fn order(&self, other: &Member) -> Ordering {
        let left = u128::from(self.cap) * u128::from(other.weight);
        let right = u128::from(other.cap) * u128::from(self.weight);
        left.cmp(&right).then(self.rank.cmp(&other.rank))
    }
}

/// Above this many changed members they are all sorted anew.
const MOST_MOVED: usize = 4;

/// Members that share what their group gets.
#[derive(Clone, Debug, Default)]
pub struct Group {
    members: Vec<Member>,
    /// Σ caps.
    wanted: u64,
    /// Σ weights.
    weight: u64,
    /// Members whose place may be wrong.
    moved: usize,
    /// What the members that are not full share, and their weight, as of the last fill.
    rest: u64,
    open_weight: u64,
}

impl Group {
    /// Nobody is in it any more.
    pub fn clear(&mut self) {
        self.members.clear();
        *self = Group { members: std::mem::take(&mut self.members), ..Group::default() };
    }

    /// One more.
    pub fn add(&mut self, member: Member) {
        self.wanted += member.cap;
        self.weight += member.weight;
        self.moved += 1;
        self.members.push(member);
    }

    /// `whom` can use `cap` from now on.
    pub fn set_cap(&mut self, whom: Whom, cap: u64) {
        let member = self.members.iter_mut().find(|m| m.whom == whom).expect("a member");
        if member.cap != cap {
            self.wanted = self.wanted - member.cap + cap;
            member.cap = cap;
            self.moved += 1;
        }
    }

    /// Everybody in it, as of the last [`Group::fill`] in the order in which they are full.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Σ caps, nano-cores.
    pub fn wanted(&self) -> u64 {
        self.wanted
    }

    fn put_in_order(&mut self) {
        match std::mem::take(&mut self.moved) {
            0 => {}
            // A few strangers in a sorted list: each walks to its place.
            1..=MOST_MOVED => {
                for i in 1..self.members.len() {
                    let member = self.members[i];
                    let mut at = i;
                    while at > 0 && member.order(&self.members[at - 1]) == Ordering::Less {
                        self.members[at] = self.members[at - 1];
                        at -= 1;
                    }
                    self.members[at] = member;
                }
            }
            _ => self.members.sort_unstable_by(Member::order),
        }
    }

    /// Shares `capacity` nano-cores: everyone is filled in proportion to weight until full; of what the division leaves
    /// over one nano-core each goes to the lowest ranks that are not full. Σ received = min(capacity, Σ caps).
    pub fn fill(&mut self, capacity: u64, ranks: &mut Vec<(u64, u32)>) {
        self.put_in_order();
        let (mut rest, mut weight, mut full) = (capacity, self.weight, 0);
        for member in &mut self.members {
            if u128::from(member.cap) * u128::from(weight) > u128::from(rest) * u128::from(member.weight) {
                break;
            }
            member.received = member.cap;
            rest -= member.cap;
            weight -= member.weight;
            full += 1;
        }
        (self.rest, self.open_weight) = (rest, weight);
        let open = &mut self.members[full..];
        let mut left = rest;
        for member in open.iter_mut() {
            // Below its cap by at least one: cap * weight > rest * w implies floor(rest * w / weight) < cap.
            member.received = part(rest, member.weight, weight);
            left -= member.received;
        }
        if left > 0 && !open.is_empty() {
            ranks.clear();
            ranks.extend(open.iter().enumerate().map(|(i, m)| (m.rank, i as u32)));
            // Fewer are left over than there are open members.
            ranks.select_nth_unstable(left as usize);
            for &(_, i) in &ranks[..left as usize] {
                open[i as usize].received += 1;
            }
        }
    }

    /// Whether some member got less than its cap in the last fill.
    pub fn is_short(&self) -> bool {
        self.open_weight > 0
    }

    /// At least what `member` would have got if it could use any amount, while its group got no more than it did and
    /// whoever was full stayed full: its weight's part of what was left beside the full ones.
    pub fn without_cap(&self, member: &Member) -> u64 {
        if member.received < member.cap {
            return member.received;
        }
        let open = u128::from(self.rest) + u128::from(member.received);
        let weight = u128::from(self.open_weight) + u128::from(member.weight);
        member.received.max((open * u128::from(member.weight) / weight) as u64)
    }
}

/// `rest * weight / of`, cut; `weight` is at most `of`.
fn part(rest: u64, weight: u64, of: u64) -> u64 {
    match rest.checked_mul(weight) {
        Some(product) => product / of,
        None => (u128::from(rest) * u128::from(weight) / u128::from(of)) as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::cpu::{self, Claim};
    use crate::rng::{Purpose, Seed};

    /// After whatever changes of caps, in whatever order: what sharing from scratch gives.
    #[test]
    fn what_is_kept_in_order_is_shared_as_from_scratch() {
        let (mut received, mut order, mut ranks) = (Vec::new(), Vec::new(), Vec::new());
        for seed in 0..3000 {
            let mut s = Seed(seed).stream(Purpose::Shape, 7);
            let n = 1 + s.below(12);
            let mut claims: Vec<Claim> =
                (0..n).map(|_| Claim { cap: s.below(1000), weight: 1 + s.below(40) }).collect();
            let mut group = Group::default();
            for (i, claim) in claims.iter().enumerate() {
                group.add(Member::new(Whom::Job(i as u32), i as u64, claim.weight, claim.cap));
            }
            for _ in 0..6 {
                let capacity = s.below(5000);
                group.fill(capacity, &mut ranks);
                cpu::share(capacity, &claims, &mut received, &mut order);
                for member in group.members() {
                    assert_eq!(member.received, received[member.rank as usize], "seed {seed}");
                    bound_holds(&claims, capacity, &group, member, seed);
                }
                assert_eq!(group.wanted(), claims.iter().map(|c| c.cap).sum::<u64>());
                assert_eq!(group.is_short(), group.wanted() > capacity, "seed {seed}");
                for _ in 0..s.below(n) {
                    let i = s.below(n) as usize;
                    claims[i].cap = s.below(1000);
                    group.set_cap(Whom::Job(i as u32), claims[i].cap);
                }
            }
        }
    }

    /// `without_cap` is no more than what the member gets once its cap is gone, and exact for whoever is not full.
    fn bound_holds(claims: &[Claim], capacity: u64, group: &Group, member: &Member, seed: u64) {
        let mut claims = claims.to_vec();
        let i = member.rank as usize;
        claims[i].cap = 1 << 40;
        let (mut received, mut order) = (Vec::new(), Vec::new());
        cpu::share(capacity, &claims, &mut received, &mut order);
        let bound = group.without_cap(member);
        assert!(bound <= received[i] + 1 && bound >= member.received, "seed {seed}: {bound} of {}", received[i]);
        if member.received < member.cap {
            assert!(bound.abs_diff(received[i]) <= 1, "seed {seed}");
        }
    }
}
