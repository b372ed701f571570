//! The best host for a kind of request, found by whatever looks at the fewest hosts.
//!
//! Three ways, all exact: the kept judgements of kinds that come again and again ([`Column`]), levels for any other request
//! ([`Levels`]), and a scan where there is neither, or where a search ends early. Which it is depends on how many hosts
//! there are, how many shapes they have, and how much has changed since the kind was last asked for.

use crate::index::column::{Column, Window};
use crate::index::host::{Booked, Host, Room, Want};
use crate::index::levels::Levels;
use crate::index::rule::Rule;
use crate::index::tie::{Tie, pre_order};

/// Up to so many hosts are scanned, where no judgements are kept.
const FEW: usize = 32;
/// Bytes that all columns may take.
const COLUMN_BYTES: usize = 64 << 20;
/// After so many searches of a kind in short succession its judgements are kept.
const HOT: u8 = 3;
/// To judge one host again costs as much as to look at so many entries of the levels.
const DEAR: u64 = 3;
/// Of so many hosts there may be one shape.
const HOSTS_PER_SHAPE: usize = 64;

/// How a search goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Search {
    /// The slot to begin with.
    pub start: usize,
    /// It ends before the host that would be one more than so many that fit.
    pub wanted: usize,
}

/// What was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Found {
    /// The host that is taken; `None`: none fits.
    pub slot: Option<u32>,
    /// How many hosts the search went over, as a scan would.
    pub passed: usize,
}

/// How many hosts were looked at, and by which way: figures that depend on the input alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Looks {
    /// Searches.
    pub searches: u64,
    /// Searches by kept judgements.
    pub by_column: u64,
    /// Searches by levels.
    pub by_levels: u64,
    /// Hosts judged.
    pub hosts: u64,
}

/// A kind of request.
struct Kind<R: Rule> {
    want: Want,
    /// Which sorts of hosts the job may go to, by number.
    mask: u32,
    kept: Option<Box<Kept<R>>>,
    /// How much of the log the column has seen; without one, where the log stood at the last search.
    seen: u64,
    /// Searches in short succession so far.
    hot: u8,
}

/// Rooms that requests are worked out for at the same time.
const ROOMS: usize = 8;

/// CPU and memory that a host has.
type Sizes = (i64, i64);

/// What is worked out of a request for hosts with the same room, once a room has been seen twice.
struct Asked<R: Rule> {
    /// The room of the host judged last, and what is worked out for it.
    last: (Sizes, R::Asked),
    rooms: [(Sizes, Option<R::Asked>); ROOMS],
}

impl<R: Rule> Asked<R> {
    fn new() -> Self {
        Asked { last: ((-1, -1), R::Asked::default()), rooms: [const { ((-1, -1), None) }; ROOMS] }
    }

    #[inline]
    fn judge(&mut self, rule: &R, want: &Want, host: &Host<R::Note>) -> u16 {
        if self.last.0 != (host.room.cpu, host.room.memory) && !self.turn(rule, want, host) {
            return rule.judge(&host.room, &host.booked, want);
        }
        rule.judge_noted(&host.room, &host.booked, want, &host.note, &self.last.1)
    }

    /// Turns to hosts with another room; false: nothing is worked out for it yet.
    fn turn(&mut self, rule: &R, want: &Want, host: &Host<R::Note>) -> bool {
        let room = (host.room.cpu, host.room.memory);
        let mixed =
            (room.0 as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (room.1 as u64).wrapping_mul(0xd1b5_4a32_d192_ed03);
        let (known, asked) = &mut self.rooms[(mixed >> 61) as usize % ROOMS];
        if *known != room {
            (*known, *asked) = (room, None);
            return false;
        }
        self.last = (room, *asked.get_or_insert_with(|| rule.ask(&host.room, want)));
        true
    }
}

/// What is kept for a kind.
struct Kept<R: Rule> {
    column: Column,
    asked: Asked<R>,
}

/// A kind that was registered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct KindId(u32);

/// Finds hosts by a rule. Hosts are slots, in the order in which searches go over them.
pub struct Finder<R: Rule> {
    rule: R,
    hosts: Vec<Host<R::Note>>,
    /// The place of each slot by name.
    names: Vec<u32>,
    /// Whether the slots are in order of names.
    by_name: bool,
    kinds: Vec<Kind<R>>,
    /// By mask and sort, whether jobs may go there.
    masks: Vec<Vec<bool>>,
    /// Slots that changed, in order, from number `logged` on.
    log: Vec<u32>,
    logged: u64,
    /// Bytes of all columns.
    bytes: usize,
    /// Where the log stood when columns were last thrown away.
    swept: u64,
    /// Hosts of each sort.
    of_sort: Vec<u32>,
    levels: Option<Levels>,
    levels_seen: u64,
    /// Hosts looked at by a search of levels, a running mean.
    level_looks: u64,
    looks: Looks,
    tied: Vec<u32>,
}

impl<R: Rule> Finder<R> {
    /// Without hosts.
    pub fn new(rule: R) -> Self {
        Finder {
            rule,
            hosts: Vec::new(),
            names: Vec::new(),
            by_name: true,
            kinds: Vec::new(),
            masks: Vec::new(),
            log: Vec::new(),
            logged: 0,
            bytes: 0,
            swept: 0,
            of_sort: Vec::new(),
            levels: None,
            levels_seen: u64::MAX,
            level_looks: 0,
            looks: Looks::default(),
            tied: Vec::new(),
        }
    }

    /// The hosts from now on, in the order of searches: what each has, what is booked on it, its sort, and its place by name.
    pub fn show(&mut self, hosts: &[(Room, Booked, u16)], names: Vec<u32>) {
        self.forget_hosts();
        for (_, _, sort) in hosts {
            count(&mut self.of_sort, *sort, 1);
        }
        let host = |&(room, booked, sort)| Host { note: self.rule.note(&room, &booked), room, booked, sort };
        self.hosts = hosts.iter().map(host).collect();
        self.by_name = names.is_sorted();
        self.names = names;
        self.level_looks = hosts.len() as u64 / 16;
        self.make_levels();
    }

    /// All hosts are gone. Kinds and masks stay.
    pub fn forget_hosts(&mut self) {
        let end = self.end();
        for kind in &mut self.kinds {
            (kind.kept, kind.hot, kind.seen) = (None, 0, end);
        }
        self.log.clear();
        self.logged = end;
        (self.bytes, self.levels) = (0, None);
        self.hosts.clear();
        self.names.clear();
        self.of_sort.clear();
    }

    fn make_levels(&mut self) {
        let most_shapes = (self.hosts.len() / HOSTS_PER_SHAPE).max(1);
        let rule = self.rule.level();
        self.levels = rule.and_then(|rule| Levels::new(rule, &self.hosts, most_shapes));
        self.levels_seen = u64::MAX;
    }

    /// Number of hosts.
    pub fn len(&self) -> usize {
        self.hosts.len()
    }

    /// Whether there is no host.
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }

    /// What was looked at so far.
    pub fn looks(&self) -> Looks {
        self.looks
    }

    /// What is booked on a host.
    pub fn booked(&self, slot: u32) -> &Booked {
        &self.hosts[slot as usize].booked
    }

    /// A kind of request, kept out by the mask of that number.
    pub fn register(&mut self, want: Want, mask: u32) -> KindId {
        let at = self.end();
        self.kinds.push(Kind { want, mask, kept: None, seen: at, hot: 0 });
        KindId(self.kinds.len() as u32 - 1)
    }

    /// Makes another request of a kind that was registered. For requests that come once: a kind can be used again for the next.
    pub fn reuse(&mut self, kind: KindId, want: Want) {
        let k = &mut self.kinds[kind.0 as usize];
        if k.kept.take().is_some() {
            self.bytes -= Column::bytes(self.hosts.len());
        }
        (k.want, k.hot) = (want, 0);
    }

    /// Reads what a booking on a host changes, so that it need not be waited for. The number only depends on what was read.
    #[inline]
    pub fn look_ahead(&self, slot: u32) -> u64 {
        let host = &self.hosts[slot as usize];
        let place = self.levels.as_ref().map_or(0, |levels| levels.look_ahead(slot));
        host.room.cpu as u64 ^ host.booked.memory as u64 ^ place
    }

    /// One more job of this request on a host (`sign` 1), or one less (-1).
    pub fn book(&mut self, slot: u32, want: &Want, sign: i64) {
        let host = &mut self.hosts[slot as usize];
        host.booked.shift(want, sign);
        host.note = self.rule.note(&host.room, &host.booked);
        self.changed(slot);
    }

    /// A host changed: what it has, and its sort. The sort must be known to all kinds.
    pub fn describe(&mut self, slot: u32, room: Room, sort: u16) {
        let host = &mut self.hosts[slot as usize];
        if (host.room, host.sort) == (room, sort) {
            return;
        }
        count(&mut self.of_sort, host.sort, -1);
        count(&mut self.of_sort, sort, 1);
        (host.room, host.sort) = (room, sort);
        host.note = self.rule.note(&room, &host.booked);
        self.changed(slot);
        // Its shape was settled when the levels were made.
        let most_shapes = (self.hosts.len() / HOSTS_PER_SHAPE).max(1);
        if self.levels.as_mut().is_some_and(|levels| !levels.reshape(slot, &room, sort, most_shapes)) {
            self.levels = None;
        }
    }

    /// Where jobs of a mask may go, by sort; for all sorts that hosts have.
    pub fn admit(&mut self, mask: u32, admitted: Vec<bool>) {
        let mask = mask as usize;
        if self.masks.len() <= mask {
            self.masks.resize(mask + 1, Vec::new());
        }
        self.masks[mask] = admitted;
    }

    fn end(&self) -> u64 {
        self.logged + self.log.len() as u64
    }

    fn changed(&mut self, slot: u32) {
        self.log.push(slot);
        // Whoever has not looked for so long starts anew.
        if self.log.len() > 4 * self.hosts.len() + 4096 {
            self.logged += self.log.len() as u64;
            self.log.clear();
        }
    }

    /// The slots that changed since the log stood at `seen`; `None`: any may have.
    fn since(&self, seen: u64) -> Option<&[u32]> {
        let from = seen.checked_sub(self.logged)?;
        self.log.get(usize::try_from(from).ok()?..)
    }

    /// Finds the best host for a request of this kind.
    pub fn find(&mut self, kind: KindId, search: Search, tie: &mut Tie<'_>) -> Found {
        self.looks.searches += 1;
        let hosts = self.hosts.len();
        let end = self.end();
        let k = &mut self.kinds[kind.0 as usize];
        let missed = end.saturating_sub(k.seen);
        // What the search would cost otherwise.
        let leveled = self.levels.is_some() && k.want.counts_as_asked() && search.wanted >= hosts;
        let other = if leveled { self.level_looks / DEAR } else { hosts.min(search.wanted) as u64 };
        let soon = missed < other.max(8);
        k.hot = if soon { (k.hot + 1).min(2 * HOT) } else { k.hot.saturating_sub(1) };
        if k.hot < HOT && k.kept.take().is_some() {
            self.bytes -= Column::bytes(hosts);
        }
        let (kept, hot) = (k.kept.is_some(), k.hot >= HOT);
        if kept || hot && self.has_bytes() {
            self.refresh(kind);
            self.looks.by_column += 1;
            return self.by_column(kind, search, tie);
        }
        self.kinds[kind.0 as usize].seen = end;
        let whole = search.wanted >= hosts;
        if whole && hosts > FEW && self.level_search(kind, tie) {
            self.looks.by_levels += 1;
            return self.settle(kind, Window::whole(hosts, search.start), tie);
        }
        self.scan(kind, search, tie)
    }

    /// The judgements of all hosts for a kind, which are kept from now on: for whoever adds scores of its own.
    pub fn judged(&mut self, kind: KindId) -> &[u16] {
        self.looks.searches += 1;
        self.looks.by_column += 1;
        if self.kinds[kind.0 as usize].kept.is_none() {
            self.has_bytes();
        }
        self.refresh(kind);
        let hosts = self.hosts.len();
        self.kinds[kind.0 as usize].kept.as_ref().map_or(&[], |kept| kept.column.judged(hosts))
    }

    /// The kept judgements of a kind as they were last worked out.
    pub fn kept(&self, kind: KindId) -> &[u16] {
        self.kinds[kind.0 as usize].kept.as_ref().map_or(&[], |kept| kept.column.judged(self.hosts.len()))
    }

    /// Whether a kind may go to a host at all.
    pub fn admits(&self, kind: KindId, slot: usize) -> bool {
        self.masks[self.kinds[kind.0 as usize].mask as usize][usize::from(self.hosts[slot].sort)]
    }

    /// The place of a slot by name.
    pub fn name(&self, slot: u32) -> u32 {
        self.names[slot as usize]
    }

    /// Whether there is room for another column, once those that nobody asks for any more are gone.
    fn has_bytes(&mut self) -> bool {
        let (hosts, end) = (self.hosts.len(), self.end());
        let one = Column::bytes(hosts);
        if self.bytes + one > COLUMN_BYTES && end >= self.swept + hosts as u64 {
            self.swept = end;
            for k in &mut self.kinds {
                if end - k.seen > hosts as u64 && k.kept.take().is_some() {
                    self.bytes -= one;
                }
            }
        }
        self.bytes + one <= COLUMN_BYTES
    }

    /// Brings the kept judgements of a kind up to date; makes them if there are none.
    fn refresh(&mut self, kind: KindId) {
        let kept = self.kinds[kind.0 as usize].kept.take();
        let fresh = kept.is_none();
        let mut kept = kept.unwrap_or_else(|| {
            self.bytes += Column::bytes(self.hosts.len());
            Box::new(Kept { column: Column::new(self.hosts.len()), asked: Asked::new() })
        });
        let Kind { want, seen, mask, .. } = self.kinds[kind.0 as usize];
        let (rule, hosts, admitted) = (&self.rule, &self.hosts, &self.masks[mask as usize]);
        let Kept { column, asked } = &mut *kept;
        let mut judge = |slot: usize| match admitted[usize::from(hosts[slot].sort)] {
            true => asked.judge(rule, &want, &hosts[slot]),
            false => 0,
        };
        let looked = match self.since(seen) {
            Some(changed) if !fresh => {
                for &slot in changed {
                    column.set(slot as usize, judge(slot as usize));
                }
                changed.len()
            }
            _ => {
                column.fill(judge);
                hosts.len()
            }
        };
        self.looks.hosts += looked as u64;
        let end = self.end();
        let k = &mut self.kinds[kind.0 as usize];
        (k.kept, k.seen) = (Some(kept), end);
    }

    fn by_column(&mut self, kind: KindId, search: Search, tie: &mut Tie<'_>) -> Found {
        let Kept { column, .. } = &**self.kinds[kind.0 as usize].kept.as_ref().expect("it was refreshed");
        let hosts = self.hosts.len();
        let whole = search.wanted >= hosts;
        let window =
            if whole { Window::whole(hosts, search.start) } else { column.window(search.start, search.wanted) };
        let best = if whole { column.best() } else { column.best_within(&window) };
        let passed = window.count();
        if best == 0 {
            return Found { slot: None, passed };
        }
        if whole && self.by_name && matches!(tie, Tie::First) {
            return Found { slot: column.first(best).map(|slot| slot as u32), passed };
        }
        let mut tied = std::mem::take(&mut self.tied);
        tied.clear();
        column.each(&window, best, |slot| tied.push(slot as u32));
        let slot = match tie {
            _ if tied.len() == 1 => tied[0],
            Tie::First => self.of_names(&mut tied, &mut |_| 0),
            Tie::ByName(pick) => self.of_names(&mut tied, *pick),
            Tie::Heap => {
                let [first, _] = window.ranges;
                let before = |slot: usize| match slot >= first.0 {
                    true => column.count(first.0, slot),
                    false => column.count(first.0, first.1) + column.count(0, slot),
                };
                least_by(&tied, |slot| before(slot as usize))
            }
        };
        self.tied = tied;
        Found { slot: Some(slot), passed }
    }

    /// The one of `tied` that `pick` takes by name.
    fn of_names(&self, tied: &mut [u32], pick: &mut dyn FnMut(usize) -> usize) -> u32 {
        let nth = pick(tied.len());
        let names = &self.names;
        if nth == 0 {
            return *tied.iter().min_by_key(|slot| names[**slot as usize]).expect("there are some");
        }
        *tied.select_nth_unstable_by_key(nth, |slot| names[*slot as usize]).1
    }

    /// Fills `tied` by levels, if that is exact here and pays.
    fn level_search(&mut self, kind: KindId, tie: &Tie<'_>) -> bool {
        let Some(mut levels) = self.levels.take() else { return false };
        if let Some(changed) = self.since(self.levels_seen) {
            for &slot in changed {
                let host = &self.hosts[slot as usize];
                levels.set(slot, host, &self.rule.standing(&host.note));
            }
        } else {
            for (slot, host) in self.hosts.iter().enumerate() {
                levels.set(slot as u32, host, &self.rule.standing(&host.note));
            }
        }
        self.levels_seen = self.end();
        let k = &self.kinds[kind.0 as usize];
        let exact = levels.knows(&k.want) && levels.loose() <= self.hosts.len() / 4;
        if exact {
            let mut tied = std::mem::take(&mut self.tied);
            let first_only = self.by_name && matches!(tie, Tie::First);
            let before = self.looks.hosts;
            let admitted = &self.masks[k.mask as usize];
            levels.search(&self.rule, &self.hosts, &k.want, admitted, first_only, &mut tied, &mut self.looks.hosts);
            self.level_looks = (self.level_looks * 7 + self.looks.hosts - before) / 8;
            self.tied = tied;
        }
        self.levels = Some(levels);
        exact
    }

    /// Takes one of the hosts that a search of all found to be the best.
    fn settle(&mut self, kind: KindId, window: Window, tie: &mut Tie<'_>) -> Found {
        let mut tied = std::mem::take(&mut self.tied);
        let slot = match tie {
            _ if tied.is_empty() => None,
            _ if tied.len() == 1 => Some(tied[0]),
            Tie::First => Some(self.of_names(&mut tied, &mut |_| 0)),
            Tie::ByName(pick) => Some(self.of_names(&mut tied, *pick)),
            Tie::Heap => {
                // In the order of the search, with how many fit before each.
                let [(start, _), _] = window.ranges;
                tied.sort_unstable_by_key(|slot| ((*slot as usize) < start, *slot));
                let k = &self.kinds[kind.0 as usize];
                let admitted = &self.masks[k.mask as usize];
                let mut fit = 0;
                let mut next = 0;
                let mut taken: Option<(usize, u32)> = None;
                for slot in window.slots() {
                    if slot as u32 == tied[next] {
                        if taken.is_none_or(|(place, _)| pre_order(fit, place).is_lt()) {
                            taken = Some((fit, slot as u32));
                        }
                        next += 1;
                        if next == tied.len() {
                            break;
                        }
                    }
                    let host = &self.hosts[slot];
                    fit += usize::from(admitted[usize::from(host.sort)] && host.booked.holds(&host.room, &k.want));
                }
                taken.map(|(_, slot)| slot)
            }
        };
        self.tied = tied;
        Found { slot, passed: window.count() }
    }

    /// Judges one host after the other until the search ends.
    fn scan(&mut self, kind: KindId, search: Search, tie: &mut Tie<'_>) -> Found {
        let mut tied = std::mem::take(&mut self.tied);
        tied.clear();
        let (mut best, mut fit, mut passed) = (0u16, 0usize, 0usize);
        // Places of the tied among those that fit.
        let mut places: Vec<usize> = Vec::new();
        let heap = matches!(tie, Tie::Heap);
        let k = &self.kinds[kind.0 as usize];
        let mut asked = Asked::new();
        let admitted = &self.masks[k.mask as usize];
        let hosts = self.hosts.len();
        'search: for range in [search.start..hosts, 0..search.start] {
            for slot in range {
                let judgement = match admitted[usize::from(self.hosts[slot].sort)] {
                    true => asked.judge(&self.rule, &k.want, &self.hosts[slot]),
                    false => 0,
                };
                if judgement > 0 {
                    if fit == search.wanted {
                        break 'search;
                    }
                    if judgement >= best {
                        if judgement > best {
                            best = judgement;
                            tied.clear();
                            places.clear();
                        }
                        tied.push(slot as u32);
                        if heap {
                            places.push(fit);
                        }
                    }
                    fit += 1;
                }
                passed += 1;
            }
        }
        self.looks.hosts += passed as u64;
        let slot = match tie {
            _ if tied.is_empty() => None,
            Tie::First => Some(self.of_names(&mut tied, &mut |_| 0)),
            Tie::ByName(pick) if tied.len() > 1 => Some(self.of_names(&mut tied, *pick)),
            Tie::Heap if tied.len() > 1 => {
                let first = (0..tied.len()).min_by(|a, b| pre_order(places[*a], places[*b]));
                first.map(|i| tied[i])
            }
            _ => Some(tied[0]),
        };
        self.tied = tied;
        Found { slot, passed }
    }

    /// How many hosts there are of each sort.
    pub fn of_sort(&self) -> &[u32] {
        &self.of_sort
    }
}

fn count(of_sort: &mut Vec<u32>, sort: u16, by: i32) {
    let sort = usize::from(sort);
    if of_sort.len() <= sort {
        of_sort.resize(sort + 1, 0);
    }
    of_sort[sort] = of_sort[sort].wrapping_add_signed(by);
}

/// The slot of `tied` whose place among those that fit comes first in pre-order.
fn least_by(tied: &[u32], mut place: impl FnMut(u32) -> usize) -> u32 {
    let mut taken: Option<(usize, u32)> = None;
    for &slot in tied {
        let at = place(slot);
        if taken.is_none_or(|(before, _)| pre_order(at, before).is_lt()) {
            taken = Some((at, slot));
        }
    }
    taken.expect("there are some").1
}
