//! A file of orders for [`inflation`](super::inflation): in which order jobs arrive, and in which hosts settle ties.
//!
//! Two lines of words: `arrivals` and numbers of the list of jobs in order of names, from 0, as often as they arrive;
//! `nodes_in_tie_order` and, once each, the numbers that the names of the hosts end with, the one that wins first.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Read};

use super::Budgets;
use crate::error::{Error, Result, unknown_name};

const ARRIVALS: &str = "arrivals";
/// Most characters of a word that are looked at; a number has at most 20.
const WORD_MAX: usize = 40;
const TIES: &str = "nodes_in_tie_order";

/// What such a file says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Orders {
    /// Numbers of the list of jobs, in order of arrival.
    pub arrivals: Vec<u32>,
    /// For each host, in order of names, which it is among equals, from 0.
    pub ranks: Vec<usize>,
}

/// A word and where it stands.
#[derive(Clone, Copy)]
struct Word<'a> {
    text: &'a str,
    line: u64,
    column: u64,
}

impl Word<'_> {
    fn refuse(self, what: impl Into<String>) -> Error {
        Error::input(what).at(self.line, self.column)
    }
}

impl Orders {
    /// Reads the file at `path` for a list of so many jobs and for the hosts of these names, in order.
    ///
    /// Errors name file, line and column: another word, a line twice or not at all, what is no number, a job that is not in
    /// the list, a host that is unknown, there twice or missing; more bytes or arrivals than the budgets.
    pub fn read(path: &str, jobs: usize, hosts: &[&str], budgets: &Budgets) -> Result<Orders> {
        let read = || {
            let text = text(path, budgets.yaml_bytes)?;
            Orders::parse(&text, jobs, hosts, budgets.jobs)
        };
        read().map_err(|why| why.in_file(path))
    }

    fn parse(text: &str, jobs: usize, hosts: &[&str], most_jobs: u64) -> Result<Orders> {
        let (mut arrivals, mut ties) = (None, None);
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (index, line) in text.lines().enumerate() {
            let mut words = words(line, index as u64 + 1);
            let Some(first) = words.next() else { continue };
            let slot = match first.text {
                ARRIVALS => &mut arrivals,
                TIES => &mut ties,
                other => return Err(first.refuse(unknown_name("line of orders", other, &[ARRIVALS, TIES]))),
            };
            if slot.is_some() {
                return Err(first.refuse(format!("a second line {}; one will do", first.text)));
            }
            *slot = Some(words.collect::<Vec<_>>());
        }
        let missing = |name: &str| Error::input(format!("there is no line {name}; {ARRIVALS} and {TIES} are needed"));
        let arrivals = read_arrivals(&arrivals.ok_or_else(|| missing(ARRIVALS))?, jobs, most_jobs)?;
        let ranks = read_ties(&ties.ok_or_else(|| missing(TIES))?, hosts)?;
        Ok(Orders { arrivals, ranks })
    }
}

fn text(path: &str, most_bytes: usize) -> Result<String> {
    let cannot = |why: std::io::Error| {
        Error::input(match why.kind() {
            ErrorKind::NotFound => "there is no such file; check the path".into(),
            _ => format!("cannot be read: {why}"),
        })
    };
    let mut bytes = Vec::new();
    File::open(path).map_err(cannot)?.take(most_bytes as u64 + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() > most_bytes {
        return Err(Error::budget("bytes of orders", format!("over {most_bytes}"), most_bytes, "--max-yaml-bytes"));
    }
    String::from_utf8(bytes).map_err(|why| {
        let line = why.as_bytes()[..why.utf8_error().valid_up_to()].iter().filter(|&&b| b == b'\n').count() as u64 + 1;
        Error::input("a byte is not UTF-8; lines of words and numbers are expected").at_line(line)
    })
}

fn words(text: &str, line: u64) -> impl Iterator<Item = Word<'_>> {
    let mut at = 0;
    text.split(char::is_whitespace).filter_map(move |word| {
        let begins = at;
        // Columns count characters.
        at += word.chars().count() + 1;
        // No word of the file's is as long; an error should not repeat megabytes.
        let end = word.char_indices().nth(WORD_MAX).map_or(word.len(), |(end, _)| end);
        (!word.is_empty()).then_some(Word { text: &word[..end], line, column: begins as u64 + 1 })
    })
}

fn read_arrivals(words: &[Word], jobs: usize, most: u64) -> Result<Vec<u32>> {
    if words.len() as u64 > most {
        return Err(Error::budget("jobs", words.len(), most, "--max-jobs"));
    }
    if words.is_empty() {
        return Err(Error::input(format!("the line {ARRIVALS} has no numbers; nothing would arrive")));
    }
    let read = |word: &Word| match number(word)? {
        index if index < jobs as u64 => Ok(index as u32),
        _ => {
            let last = jobs.saturating_sub(1);
            Err(word.refuse(format!("{} is no job of the list of {jobs}; 0 to {last} will do", word.text)))
        }
    };
    words.iter().map(read).collect()
}

fn read_ties(words: &[Word], hosts: &[&str]) -> Result<Vec<usize>> {
    let mut of_number: BTreeMap<u64, usize> = BTreeMap::new();
    for (host, name) in hosts.iter().enumerate() {
        let head = name.trim_end_matches(|c: char| c.is_ascii_digit());
        let number = name[head.len()..].parse::<u64>().map_err(|_| {
            Error::input(format!("host \"{name}\" ends with no number, by which {TIES} could name it; leave order out"))
        })?;
        if let Some(other) = of_number.insert(number, host) {
            let what = format!("hosts \"{}\" and \"{name}\" both end with {number}; {TIES} cannot tell", hosts[other]);
            return Err(Error::input(what));
        }
    }
    let mut ranks = vec![None; hosts.len()];
    for (rank, word) in words.iter().enumerate() {
        let wanted = number(word)?;
        let Some(&host) = of_number.get(&wanted) else {
            return Err(word.refuse(format!("no host's name ends with {}", word.text)));
        };
        if ranks[host].replace(rank).is_some() {
            return Err(word.refuse(format!("host \"{}\" stands twice; once will do", hosts[host])));
        }
    }
    let missing = ranks.iter().zip(hosts).find(|(rank, _)| rank.is_none());
    if let Some((_, name)) = missing {
        let what = format!("{TIES} names {} of {} hosts; \"{name}\" is missing", words.len(), hosts.len());
        return Err(Error::input(what));
    }
    Ok(ranks.into_iter().flatten().collect())
}

fn number(word: &Word) -> Result<u64> {
    let digits = !word.text.is_empty() && word.text.bytes().all(|b| b.is_ascii_digit());
    let read = if digits { word.text.parse().ok() } else { None };
    read.ok_or_else(|| word.refuse(format!("\"{}\" is not a whole number from 0 on, or too large", word.text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_host_in_tie_order_has_rank_0() {
        let orders = Orders::parse("arrivals 2 0 2\n\nnodes_in_tie_order 0010 0003 7\n", 3, &["b3", "x-7", "x-10"], 9);
        assert_eq!(orders.unwrap(), Orders { arrivals: vec![2, 0, 2], ranks: vec![1, 2, 0] });
    }

    #[test]
    fn bad_orders_are_told_where_and_what_would_do() {
        const TWO: &[&str] = &["n-0", "n-1"];
        for (text, hosts, want) in [
            ("arivals 1\n", TWO, "line 1:1: unknown line of orders \"arivals\"; did you mean \"arrivals\"?"),
            ("arrivals 1\narrivals 0\n", TWO, "line 2:1: a second line arrivals; one will do"),
            ("nodes_in_tie_order 0 1\n", TWO, "there is no line arrivals; arrivals and nodes_in_tie_order are needed"),
            ("arrivals 0\n", TWO, "there is no line nodes_in_tie_order; arrivals and nodes_in_tie_order are needed"),
            (
                "arrivals 0  1 3\nnodes_in_tie_order 0 1\n",
                TWO,
                "line 1:15: 3 is no job of the list of 3; 0 to 2 will do",
            ),
            (
                "arrivals 0 -1\nnodes_in_tie_order 0 1\n",
                TWO,
                "line 1:12: \"-1\" is not a whole number from 0 on, or too large",
            ),
            (
                "arrivals 99999999999999999999\nnodes_in_tie_order 0 1\n",
                TWO,
                "line 1:10: \"99999999999999999999\" is not a whole number from 0 on, or too large",
            ),
            ("arrivals\nnodes_in_tie_order 0 1\n", TWO, "the line arrivals has no numbers; nothing would arrive"),
            (
                "arrivals 0 0 0 0 0\nnodes_in_tie_order 0 1\n",
                TWO,
                "5 jobs is over the budget of 4; raise it with --max-jobs",
            ),
            (
                "arrivals 0\nnodes_in_tie_order 0 x\n",
                TWO,
                "line 2:22: \"x\" is not a whole number from 0 on, or too large",
            ),
            ("arrivals 0\nnodes_in_tie_order 0 0002\n", TWO, "line 2:22: no host's name ends with 0002"),
            ("arrivals 0\nnodes_in_tie_order 1 0 1\n", TWO, "line 2:24: host \"n-1\" stands twice; once will do"),
            ("arrivals 0\nnodes_in_tie_order 1\n", TWO, "nodes_in_tie_order names 1 of 2 hosts; \"n-0\" is missing"),
            (
                "arrivals 0\nnodes_in_tie_order 1\n",
                &["n-1", "web"],
                "host \"web\" ends with no number, by which nodes_in_tie_order could name it; leave order out",
            ),
            (
                "arrivals 0\nnodes_in_tie_order 1\n",
                &["a-01", "b1"],
                "hosts \"a-01\" and \"b1\" both end with 1; nodes_in_tie_order cannot tell",
            ),
        ] {
            assert_eq!(Orders::parse(text, 3, hosts, 4).unwrap_err().to_string(), want, "{text}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_too_long_or_no_text_is_told_so() {
        let folder = std::env::temp_dir().join(format!("plimsoll-order-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("o.txt").to_string_lossy().into_owned();
        let read = |yaml_bytes| {
            let budgets = Budgets { yaml_bytes, ..Budgets::default() };
            Orders::read(&path, 1, &["n0"], &budgets).unwrap_err().to_string()
        };
        assert_eq!(read(100), format!("{path}: there is no such file; check the path"));
        std::fs::write(&path, b"arrivals 0\n\xff\n").unwrap();
        assert_eq!(read(100), format!("{path}:2: a byte is not UTF-8; lines of words and numbers are expected"));
        let told = format!("{path}: over 5 bytes of orders is over the budget of 5; raise it with --max-yaml-bytes");
        assert_eq!(read(5), told);
        let _ = std::fs::remove_dir_all(&folder);
    }
}
