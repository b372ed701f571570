//! Constraints of tasks, each different set of them kept once.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::parts::rows;
use super::super::{Import, TableShape};
use super::numbers::Numbers;
use super::{CONSTRAINTS, moment, optional_table, plain};
use crate::error::{Error, Result};
use crate::kube::object::selector::{Operator, Requirement};
use crate::workload::Job;

const SHAPE: TableShape =
    TableShape::of(&["time", "job ID", "task index", "comparison operator", "attribute name", "attribute value"]);

/// Most constraints of one task: the trace has a dozen at most.
const TERMS_OF_TASK: usize = 100;
/// Most different constraints, and most different sets of them.
const SETS_MAX: usize = 1 << 22;

/// What tasks ask of their machine.
#[derive(Debug, Default)]
pub(super) struct Rules {
    terms: Vec<Requirement>,
    term_numbers: BTreeMap<Requirement, u32>,
    sets: Vec<Vec<u32>>,
    set_numbers: BTreeMap<Vec<u32>, u32>,
    /// By task: the latest moment of its constraints, and those of that moment.
    tasks: Vec<(u64, u32)>,
}

impl Rules {
    /// Names of the attributes that constraints look at, perhaps several times.
    pub fn attributes(&self) -> impl Iterator<Item = &str> {
        let mut names: Vec<&str> = self.terms.iter().map(|term| term.key.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names.into_iter()
    }

    /// Gives `job` what `task` asks for.
    pub fn apply(&self, task: u32, job: &mut Job) {
        let Some(&(_, set)) = self.tasks.get(task as usize) else { return };
        for &term in &self.sets[set as usize] {
            let term = &self.terms[term as usize];
            match &term.operator {
                // A selector has each key once; two different values of one key, which nothing fulfils, go as affinity.
                Operator::In(values) if job.spec.node_selector.iter().all(|(key, _)| *key != term.key) => {
                    job.spec.node_selector.push((term.key.clone(), values[0].clone()));
                }
                _ => job.spec.constraints.push(term.clone()),
            }
        }
    }

    fn term(&mut self, term: Requirement) -> Option<u32> {
        if let Some(number) = self.term_numbers.get(&term) {
            return Some(*number);
        }
        let number = self.terms.len();
        if number == SETS_MAX {
            return None;
        }
        self.terms.push(term.clone());
        self.term_numbers.insert(term, number as u32);
        Some(number as u32)
    }

    fn set(&mut self, terms: Vec<u32>) -> Option<u32> {
        if let Some(number) = self.set_numbers.get(&terms) {
            return Some(*number);
        }
        let number = self.sets.len();
        if number == SETS_MAX {
            return None;
        }
        self.sets.push(terms.clone());
        self.set_numbers.insert(terms, number as u32);
        Some(number as u32)
    }

    /// Adds a constraint of that moment; those of an earlier one are no longer asked for. Returns whether earlier ones
    /// went; an error says what is too much.
    fn add(&mut self, task: u32, at_us: u64, term: Requirement) -> std::result::Result<bool, String> {
        let too_many = || format!("more than {SETS_MAX} different constraints or sets of them");
        let term = self.term(term).ok_or_else(too_many)?;
        let (since, before) = match self.tasks.get(task as usize) {
            Some(&(since, set)) => (since, self.sets[set as usize].as_slice()),
            None => (at_us, &[][..]),
        };
        if since > at_us {
            return Ok(true);
        }
        let replaced = since < at_us && !before.is_empty();
        let mut terms = if since < at_us { Vec::new() } else { before.to_vec() };
        if let Err(at) = terms.binary_search_by(|&known| self.terms[known as usize].cmp(&self.terms[term as usize])) {
            terms.insert(at, term);
        }
        if terms.len() > TERMS_OF_TASK {
            return Err(format!("more than {TERMS_OF_TASK} constraints of one task"));
        }
        let set = self.set(terms).ok_or_else(too_many)?;
        if self.tasks.len() <= task as usize {
            self.tasks.resize(task as usize + 1, (0, 0));
        }
        self.tasks[task as usize] = (at_us, set);
        Ok(replaced)
    }
}

/// Reads the constraints, which give their tasks the first numbers.
pub(super) fn read(folder: &Path, numbers: &mut Numbers, import: &mut Import) -> Result<Rules> {
    let files = optional_table(folder, CONSTRAINTS, "no task asks for anything of its machine", import)?;
    let mut rules = Rules::default();
    // Number 0 is the set of those that ask for nothing.
    rules.set(Vec::new());
    let mut replaced = 0;
    let count = rows::<6>(&files, &SHAPE, import, &mut |import, row, columns| {
        // After the end of the trace nothing is asked.
        let Some(at) = moment(row, columns[0])? else {
            import.report.ignore("constraints after the end of the trace", 1);
            return Ok(());
        };
        let job = row.whole(columns[1], "job numbers", u64::MAX)?;
        let index = row.whole(columns[2], "task indices", u64::from(u32::MAX - 1))? as u32;
        let operator = row.whole(columns[3], "operators", 3)?;
        let name = row.text(columns[4])?;
        if name.trim().is_empty() {
            return Err(row.refuse(columns[4], "blank; a constraint needs an attribute"));
        }
        let value = row.text(columns[5])?.trim();
        let bound = || -> Result<i64> {
            let known = row.signed(columns[5], "an attribute's value")?;
            known.ok_or_else(|| row.refuse(columns[5], "blank; < and > need a number"))
        };
        // An absent attribute is as an empty one: equal to blank is absent, unequal to blank is there.
        let operator = match (operator, value.is_empty()) {
            (0, true) => Operator::DoesNotExist,
            (0, false) => Operator::In(vec![plain(value)]),
            (1, true) => Operator::Exists,
            (1, false) => Operator::NotIn(vec![plain(value)]),
            (2, _) => Operator::Lt(bound()?),
            _ => Operator::Gt(bound()?),
        };
        let task = numbers.task(job, index);
        import.job_fits(numbers.tasks() - 1).map_err(|error| row.place(error))?;
        let term = Requirement { key: plain(name), operator };
        let gone = rules.add(task, at, term).map_err(|what| row.place(Error::input(what)))?;
        replaced += u64::from(gone);
        Ok(())
    })?;
    if count > 0 {
        import.report.count("rows of task_constraints", count);
        import.report.choices.push(
            "constraints: == as node selector, others as node affinity; == blank is an absent attribute, != blank a \
             present one; fleet understands == alone"
                .into(),
        );
    }
    if replaced > 0 {
        import.report.ignore("constraints that later ones of the same task replace", replaced);
    }
    Ok(rules)
}
