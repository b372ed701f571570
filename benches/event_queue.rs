//! What does one pop and one push of the event queue cost with so many events pending, against one binary heap?
//!
//! Hold model: the next event is taken, and another is put a drawn time after it; one in sixteen at the same instant, one in four on a
//! tick of 30 s that all share. Both queues hold the same stream, which is first compared event by event. Processor time of this
//! thread, the least of five turns each, in turn.
#![allow(clippy::disallowed_types, reason = "a bench reads the clock")]

mod common;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hint::black_box;

use common::processor_time;
use plimsoll::rng::{Purpose, Seed, Stream};
use plimsoll::sim::TimeQueue;
use plimsoll::units::{SECOND_US, SimTime};

/// As large as an event of the simulation.
type Event = [u64; 2];

trait Queue: Default {
    fn push(&mut self, at: u64, rank: u8, event: Event);
    fn pop(&mut self) -> Option<(u64, Event)>;
}

#[derive(Default)]
struct Radix(TimeQueue<Event>);

impl Queue for Radix {
    fn push(&mut self, at: u64, rank: u8, event: Event) {
        self.0.push(SimTime(at), rank, event);
    }
    fn pop(&mut self) -> Option<(u64, Event)> {
        self.0.pop().map(|(at, event)| (at.0, event))
    }
}

/// The queue as it was: one heap of whole places.
#[derive(Default)]
struct Heap {
    heap: BinaryHeap<Reverse<(u128, Event)>>,
    inserted: u64,
}

impl Queue for Heap {
    fn push(&mut self, at: u64, rank: u8, event: Event) {
        let word = u64::from(rank) << 56 | self.inserted;
        self.inserted += 1;
        self.heap.push(Reverse((u128::from(at) << 64 | u128::from(word), event)));
    }
    fn pop(&mut self) -> Option<(u64, Event)> {
        self.heap.pop().map(|Reverse((place, event))| ((place >> 64) as u64, event))
    }
}

/// A time after `now`, and a rank.
fn next(s: &mut Stream, now: u64) -> (u64, u8) {
    let r = s.below(1 << 40);
    let at = match r % 16 {
        0 => now,
        1..5 => (now / (30 * SECOND_US) + 1 + (r >> 4) % 4) * 30 * SECOND_US,
        // The product of two draws: most are near, some far.
        _ => now + (r >> 4) % 60_000 * ((r >> 22) % 60_000),
    };
    (at, (r % 10) as u8)
}

fn filled<Q: Queue>(pending: u64) -> (Q, Stream) {
    let (mut queue, mut s) = (Q::default(), Seed(1).stream(Purpose::Shape, 1));
    for i in 0..pending {
        let (at, rank) = next(&mut s, 0);
        queue.push(at, rank, [i, 0]);
    }
    (queue, s)
}

fn hold<Q: Queue>(queue: &mut Q, s: &mut Stream, turns: u64) {
    for _ in 0..turns {
        let (now, event) = queue.pop().expect("it never runs dry");
        let (at, rank) = next(s, now);
        queue.push(at, rank, black_box(event));
    }
}

/// Nanoseconds a turn.
fn turn<Q: Queue>(queue: &mut Q, s: &mut Stream, turns: u64) -> f64 {
    let before = processor_time();
    hold(queue, s, turns);
    (processor_time() - before).as_nanos() as f64 / turns as f64
}

fn main() {
    println!("one pop and one push, ns, least of five\npending  heap  radix  ratio");
    for pending in [3_000u64, 30_000, 300_000, 3_000_000] {
        let ((mut heap, mut a), (mut radix, mut b)) = (filled::<Heap>(pending), filled::<Radix>(pending));
        for i in 0..200_000 {
            let (one, other) = (heap.pop(), radix.pop());
            assert_eq!(one, other, "event {i} of {pending} pending");
            let (now, event) = one.expect("it never runs dry");
            let (at, rank) = next(&mut a, now);
            assert_eq!(next(&mut b, now), (at, rank));
            heap.push(at, rank, event);
            radix.push(at, rank, event);
        }
        let turns = 1_000_000;
        let (mut of_heap, mut of_radix) = (f64::MAX, f64::MAX);
        for _ in 0..5 {
            of_heap = of_heap.min(turn(&mut heap, &mut a, turns));
            of_radix = of_radix.min(turn(&mut radix, &mut b, turns));
        }
        println!("{pending:7} {of_heap:5.0} {of_radix:6.0} {:6.1}", of_heap / of_radix);
    }
}
