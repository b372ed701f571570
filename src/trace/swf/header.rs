//! The comments in front of a log: what they say of the machine, and what a reader should know.

use super::{Import, Place};
use crate::cluster::HostSpec;
use crate::error::{Error, Result};
use crate::units::{Bytes, MilliCpu};

/// Keys that the report repeats.
const SAID: [&str; 6] = ["Computer", "Installation", "MaxNodes", "MaxProcs", "UnixStartTime", "Preemption"];
/// Most notes kept, and most bytes of each.
const NOTES_MAX: usize = 20;
const NOTE_MAX: usize = 400;

/// What the comments said.
#[derive(Default)]
pub(super) struct Header {
    /// Values of [`SAID`], the first of each.
    said: [Option<String>; SAID.len()],
    notes: Vec<String>,
    /// Whether the next line without a key goes on with a note.
    in_note: bool,
}

impl Header {
    /// Takes a comment, without its semicolon.
    pub fn comment(&mut self, text: &str) {
        let text = text.trim_end();
        let begins_with_space = text.starts_with("  ") || text.starts_with('\t');
        let text = text.trim();
        match text.split_once(':') {
            Some((key, value)) if !begins_with_space || SAID.contains(&key) => {
                let value = value.trim();
                self.in_note = key == "Note";
                if self.in_note && self.notes.len() < NOTES_MAX {
                    self.notes.push(shortened(value));
                }
                if let Some(at) = SAID.iter().position(|known| *known == key)
                    && self.said[at].is_none()
                {
                    self.said[at] = Some(shortened(value));
                }
            }
            _ if text.is_empty() => self.in_note = false,
            _ if self.in_note => {
                if let Some(note) = self.notes.last_mut() {
                    *note = shortened(&format!("{note} {text}"));
                }
            }
            _ => {}
        }
    }

    /// The whole number that the value of `key` begins with.
    fn number(&self, key: &str) -> Option<u64> {
        let at = SAID.iter().position(|known| *known == key)?;
        let text = self.said[at].as_deref()?;
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        text[..digits].parse().ok().filter(|n| *n > 0)
    }

    /// Cores of the node that has most; `None` where the header does not say.
    pub fn widest_node(&self) -> Option<u64> {
        Some(self.number("MaxProcs")?.div_ceil(self.number("MaxNodes")?))
    }

    /// Adds the nodes of the header: all have the same cores, or one more where that does not come out even.
    ///
    /// Errors: `MaxNodes` or `MaxProcs` is missing, or there are more nodes than processors.
    pub fn hosts(&self, path: &str, import: &mut Import) -> Result<()> {
        let place = Place { file: path.into(), line: 0 };
        let (Some(nodes), Some(procs)) = (self.number("MaxNodes"), self.number("MaxProcs")) else {
            let what = "the header does not tell MaxNodes and MaxProcs, so there are no hosts in it; give --hosts";
            return Err(place.of(Error::input(what)));
        };
        if procs < nodes {
            let what = format!("the header's MaxProcs {procs} is less than its MaxNodes {nodes}; give --hosts");
            return Err(place.of(Error::input(what)));
        }
        // One more than the budget stops the loop before the number in the file does.
        let each = import.memory_option("node_memory");
        let width = nodes.to_string().len();
        for node in 0..nodes {
            let cores = procs / nodes + u64::from(node < procs % nodes);
            let cpu = i64::try_from(cores).ok().and_then(|n| n.checked_mul(1_000)).map(MilliCpu);
            let memory = i64::try_from(cores).ok().and_then(|n| n.checked_mul(each.0)).filter(|n| *n <= 1 << 53);
            let (Some(cpu), Some(memory)) = (cpu.filter(|cpu| *cpu <= MilliCpu::MOST), memory) else {
                return Err(place.of(Error::input(format!("a node of {cores} cores is beyond any; give --hosts"))));
            };
            import.host_from(
                &place,
                "MaxNodes",
                HostSpec::new(format!("node-{:0width$}", node + 1), cpu, Bytes(memory)),
            )?;
        }
        import.report.units.push(format!("a node has {} cores or one more, with {each} of memory each", procs / nodes));
        Ok(())
    }

    /// Says what the header said.
    pub fn say(&self, import: &mut Import) {
        let report = &mut import.report;
        for (key, value) in SAID.iter().zip(&self.said) {
            if let Some(value) = value {
                report.choices.push(match (*key, self.number(key)) {
                    ("UnixStartTime", Some(s)) => format!("header: time 0 is {s} s of Unix time"),
                    _ => format!("header: {key} {value}"),
                });
            }
        }
        report.warnings.extend(self.notes.iter().map(|note| format!("note of the log: {note}")));
    }
}

fn shortened(text: &str) -> String {
    if text.len() <= NOTE_MAX {
        return text.into();
    }
    let end = (0..=NOTE_MAX).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    format!("{}…", text[..end].trim_end_matches('…'))
}
