//! The plain scan: filter all hosts, score those that are left, pick. What every quicker way must agree with.
//!
//! Written from the text of the scoring (NodeResourcesFit and NodeResourcesBalancedAllocation of kube-scheduler v1.36.3), and apart
//! from the quicker ways: it shares their vocabulary and none of their arithmetic.

use crate::index::finder::{Found, Search};
use crate::index::host::{Booked, Room, Want};
use crate::index::rule::{Fullness, KubeRule};

/// Which of `count` hosts with the same score is taken, by their place in the search among `fit` hosts: given for each of them
/// that place and its place by name.
pub type Pick<'a> = &'a mut dyn FnMut(&[(usize, u32)]) -> usize;

/// The plain search for `want` over hosts that are `admitted`, in the order of the search.
pub fn scan(
    rule: &KubeRule,
    (rooms, booked): (&[Room], &[Booked]),
    names: &[u32],
    want: &Want,
    admitted: impl Fn(usize) -> bool,
    search: Search,
    pick: Pick<'_>,
) -> Found {
    let hosts = rooms.len();
    let mut feasible: Vec<u32> = Vec::new();
    let mut passed = 0;
    for slot in (search.start..hosts).chain(0..search.start) {
        let (room, has) = (&rooms[slot], &booked[slot]);
        let fits = admitted(slot)
            && has.jobs < room.jobs
            && !(want.cpu > 0 && want.cpu > room.cpu - has.cpu)
            && !(want.memory > 0 && want.memory > room.memory - has.memory);
        if fits {
            if feasible.len() == search.wanted {
                break;
            }
            feasible.push(slot as u32);
        }
        passed += 1;
    }
    if feasible.is_empty() {
        return Found { slot: None, passed };
    }
    let scores: Vec<i64> =
        feasible.iter().map(|&slot| score(rule, &rooms[slot as usize], &booked[slot as usize], want)).collect();
    let best = scores.iter().copied().max();
    let tied: Vec<(usize, u32)> =
        (0..feasible.len()).filter(|&i| Some(scores[i]) == best).map(|i| (i, names[feasible[i] as usize])).collect();
    let slot = feasible[tied[pick(&tied)].0];
    Found { slot: Some(slot), passed }
}

/// The score of a host that holds the job.
fn score(rule: &KubeRule, room: &Room, has: &Booked, want: &Want) -> i64 {
    let mut total = 0;
    if rule.fit_weight > 0 {
        let resources = [
            (room.cpu, has.non_zero_cpu + want.score_cpu, rule.weights[0]),
            (room.memory, has.non_zero_memory + want.score_memory, rule.weights[1]),
        ];
        let mut weighted = 0;
        let mut weights = 0;
        for (capacity, requested, weight) in resources {
            if capacity > 0 {
                let one = match &rule.fullness {
                    Fullness::Least => {
                        if requested > capacity {
                            0
                        } else {
                            100 * (capacity - requested) / capacity
                        }
                    }
                    Fullness::Most => 100 * std::cmp::min(requested, capacity) / capacity,
                    Fullness::Ratio(points) => {
                        let utilisation = if requested > capacity { 100 } else { 100 * requested / capacity };
                        shaped(points, utilisation)
                    }
                };
                if !matches!(rule.fullness, Fullness::Ratio(_)) || one > 0 {
                    weighted += one * weight;
                    weights += weight;
                }
            }
        }
        let fit = match (&rule.fullness, weights) {
            (_, 0) => 0,
            (Fullness::Ratio(_), _) => (weighted as f64 / weights as f64).round() as i64,
            _ => weighted / weights,
        };
        total += fit * rule.fit_weight;
    }
    let nothing = want.exact_cpu == 0 && want.exact_memory == 0;
    if rule.balanced_weight > 0 && !nothing {
        let fraction = |used: i64, capacity: i64| f64::min(used as f64 / capacity as f64, 1.0);
        let of = |cpu: i64, memory: i64| {
            let both = room.cpu > 0 && room.memory > 0;
            let std = if both { ((fraction(cpu, room.cpu) - fraction(memory, room.memory)) / 2.0).abs() } else { 0.0 };
            ((1.0 - std) * 100.0) as i64
        };
        let with = of(has.cpu + want.exact_cpu, has.memory + want.exact_memory);
        let without = of(has.cpu, has.memory);
        total += (50 + (50 + with - without) / 2) * rule.balanced_weight;
    }
    total
}

/// The score at a utilisation on the broken line through (utilisation, score).
fn shaped(points: &[(i64, i64)], utilisation: i64) -> i64 {
    let mut before: Option<(i64, i64)> = None;
    for &(at, score) in points {
        if utilisation <= at {
            return match before {
                None => score,
                Some((at_before, score_before)) => {
                    score_before + (score - score_before) * (utilisation - at_before) / (at - at_before)
                }
            };
        }
        before = Some((at, score));
    }
    before.map_or(0, |(_, score)| score)
}
