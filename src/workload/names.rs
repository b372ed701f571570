//! Names in a row: their bytes one after the other, and where each ends.

use std::collections::BTreeMap;

use crate::error::{Error, Result};

/// Names by number, in no order of their own.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    text: String,
    /// Where in `text` each name ends.
    ends: Vec<u32>,
}

impl Names {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Name number `i`.
    pub fn get(&self, i: usize) -> &str {
        let start = if i == 0 { 0 } else { self.ends[i - 1] as usize };
        &self.text[start..self.ends[i] as usize]
    }

    pub fn push(&mut self, name: &str) -> Result<()> {
        let end = u32::try_from(self.text.len() + name.len());
        self.ends.push(end.map_err(|_| Error::input("names of jobs or apps take more than 4 GiB"))?);
        self.text.push_str(name);
        Ok(())
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|i| self.get(i))
    }

    /// Numbers in order of names.
    pub fn sorted(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.len() as u32).collect();
        order.sort_unstable_by(|&a, &b| self.get(a as usize).cmp(self.get(b as usize)));
        order
    }

    /// The names that `order` lists, in its order.
    pub fn listed(&self, order: &[u32]) -> Names {
        let mut listed = Names { text: String::with_capacity(self.text.len()), ends: Vec::with_capacity(order.len()) };
        for &i in order {
            listed.text.push_str(self.get(i as usize));
            listed.ends.push(listed.text.len() as u32);
        }
        listed
    }

    /// The first name in byte order that stands here twice.
    pub fn repeated(&self) -> Option<&str> {
        if self.iter().is_sorted_by(|a, b| a < b) {
            return None;
        }
        // Sorting eight bytes each tells that there is none; only where two are alike are the names themselves sorted.
        let mut mixed: Vec<u64> = self.iter().map(|name| mixed(name.as_bytes())).collect();
        mixed.sort_unstable();
        if mixed.windows(2).all(|pair| pair[0] != pair[1]) {
            return None;
        }
        drop(mixed);
        let order = self.sorted();
        let two = order.windows(2).find(|pair| self.get(pair[0] as usize) == self.get(pair[1] as usize))?;
        Some(self.get(two[0] as usize))
    }

    /// Gives back room that was kept for more.
    pub fn shrink(&mut self) {
        self.text.shrink_to_fit();
        self.ends.shrink_to_fit();
    }
}

/// A number in which every bit hangs on all of `bytes`: for tables that look things up by what they are.
pub(crate) fn mixed(bytes: &[u8]) -> u64 {
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut all = bytes.len() as u64;
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first_chunk::<8>() {
        all = (all ^ u64::from_le_bytes(*first)).wrapping_mul(SPREAD);
        all ^= all >> 29;
        rest = after;
    }
    let last = match rest {
        // Four bytes at either end, which may be some of the same; the length is in the number already.
        [a, b, c, d, ..] => {
            let end = rest.last_chunk::<4>().expect("four bytes");
            u64::from(u32::from_le_bytes([*a, *b, *c, *d])) << 32 | u64::from(u32::from_le_bytes(*end))
        }
        _ => rest.iter().fold(0u64, |last, &byte| last << 8 | u64::from(byte)),
    };
    all = (all ^ last).wrapping_mul(SPREAD);
    all = (all ^ all >> 29).wrapping_mul(SPREAD);
    all ^ all >> 32
}

/// How many places are looked at for a name before the map of the others.
const PLACES: usize = 16;

/// Numbers names as they are met, each once.
#[derive(Debug, Default)]
pub(super) struct NameTable {
    names: Names,
    /// A name's number plus 1; 0: free. As many as a power of two, at least twice the names.
    places: Vec<u32>,
    /// Names that found no place: as good as none, but for names that were made for it.
    others: BTreeMap<String, u32>,
    last: u32,
}

impl NameTable {
    /// The number of `name`.
    pub fn number(&mut self, name: &str) -> Result<u32> {
        // Jobs of one app often follow each other.
        if (self.last as usize) < self.names.len() && self.names.get(self.last as usize) == name {
            return Ok(self.last);
        }
        if 2 * (self.names.len() + 1) > self.places.len() {
            self.make_room();
        }
        self.last = match self.find(name) {
            (Some(number), _) => number,
            (None, free) => {
                let number = self.names.len() as u32;
                self.names.push(name)?;
                match free {
                    Some(at) => self.places[at] = number + 1,
                    None => drop(self.others.insert(name.to_owned(), number)),
                }
                number
            }
        };
        Ok(self.last)
    }

    /// The number of `name` if it was met, else a place for it.
    fn find(&self, name: &str) -> (Option<u32>, Option<usize>) {
        let mask = self.places.len() - 1;
        let first = mixed(name.as_bytes()) as usize & mask;
        for at in (first..first + PLACES).map(|at| at & mask) {
            match self.places[at] {
                0 => return (None, Some(at)),
                number if self.names.get(number as usize - 1) == name => return (Some(number - 1), None),
                _ => {}
            }
        }
        (self.others.get(name).copied(), None)
    }

    fn make_room(&mut self) {
        self.places = vec![0; (2 * self.places.len()).max(64)];
        self.others.clear();
        for i in 0..self.names.len() {
            let name = self.names.get(i);
            match self.find(name).1 {
                Some(at) => self.places[at] = i as u32 + 1,
                None => drop(self.others.insert(name.to_owned(), i as u32)),
            }
        }
    }

    /// The names in byte order, and the place of each number among them.
    pub fn into_ranked(self) -> (Vec<String>, Vec<u32>) {
        let order = self.names.sorted();
        let mut rank = vec![0; order.len()];
        for (place, &number) in order.iter().enumerate() {
            rank[number as usize] = place as u32;
        }
        (order.iter().map(|&number| self.names.get(number as usize).to_owned()).collect(), rank)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_name_is_found_wherever_it_stands() {
        for n in [2, 3, 50] {
            for seed in 0..50 {
                let mut dice = crate::rng::Seed(seed).stream(crate::rng::Purpose::Shape, n);
                let words: Vec<String> = (0..n).map(|_| format!("n{}", dice.below(n * n / 2))).collect();
                let mut names = Names::default();
                words.iter().for_each(|word| names.push(word).unwrap());
                let want = words.iter().filter(|word| words.iter().filter(|w| w == word).count() > 1).min();
                assert_eq!(names.repeated(), want.map(String::as_str), "{words:?}");
            }
        }
    }

    #[test]
    fn names_are_numbered_as_met_and_ranked_by_bytes() {
        let mut table = NameTable::default();
        let mut met: Vec<String> = Vec::new();
        let mut dice = crate::rng::Seed(3).stream(crate::rng::Purpose::Shape, 0);
        for _ in 0..30_000 {
            let name = format!("app-{}", dice.below(5_000));
            let want = met.iter().position(|known| *known == name).unwrap_or_else(|| {
                met.push(name.clone());
                met.len() - 1
            });
            assert_eq!(table.number(&name).unwrap() as usize, want);
        }
        assert_eq!(table.names.len(), met.len());
        let (ranked, rank) = table.into_ranked();
        assert!(ranked.is_sorted());
        for (number, name) in met.iter().enumerate() {
            assert_eq!(ranked[rank[number] as usize], *name);
        }
    }
}
