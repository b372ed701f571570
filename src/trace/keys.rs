//! Names of a source numbered as they are met.

#![allow(clippy::disallowed_types, reason = "looked up only: nothing goes over the map in its own order")]

use std::collections::HashMap;
use std::hash::Hash;

/// Numbers for keys: the first met is 0, the next 1. Hundreds of millions of rows look theirs up, so this is a hash table
/// with the standard library's keyed hash, which an input cannot aim at; its order is never seen.
#[derive(Debug)]
pub(super) struct Keys<K> {
    numbers: HashMap<K, u32>,
}

impl<K> Default for Keys<K> {
    fn default() -> Self {
        Keys { numbers: HashMap::new() }
    }
}

impl<K: Hash + Eq> Keys<K> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// The number of `key`, if it was met.
    pub fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<u32>
    where
        K: std::borrow::Borrow<Q>,
    {
        self.numbers.get(key).copied()
    }

    /// The number of `key`; the next one if it was not met before.
    pub fn number(&mut self, key: K) -> u32 {
        let next = self.numbers.len() as u32;
        *self.numbers.entry(key).or_insert(next)
    }
}
