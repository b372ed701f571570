//! How many rows a second does reading a trace take in, beside a bare CSV reader that does nothing with them?
//!
//! `cargo bench --bench trace_read`. Jobs in the native format and events of tasks in the layout of Google's trace of 2011,
//! both made here from a fixed seed in a folder that goes away. The bare reader is the `csv` crate's, over the same file,
//! into one record that is used again; the two take turns, and the least processor time of each counts. Not criterion:
//! its wall clock says little on a machine that others use.
//!
//! `cargo bench --bench trace_read -- FORMAT:PATH` reads that trace once instead and says what was read.
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "a bench reads the clock")]

#[path = "../examples/google_2011_folder.rs"]
mod folder;

mod common;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use plimsoll::rng::{Purpose, Seed};
use plimsoll::trace::{Budgets, TraceArg, read_trace};

use common::processor_time;

/// Rows of the native table.
const JOBS: u64 = 1_000_000;
const TURNS: usize = 5;

/// Reads all of `files` as the bare reader does; gives the rows.
fn bare(files: &[PathBuf]) -> u64 {
    let mut record = csv::ByteRecord::new();
    let mut rows = 0;
    for file in files {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_path(file).expect("a file");
        while reader.read_byte_record(&mut record).expect("a row") {
            rows += 1;
            black_box(&record);
        }
    }
    rows
}

fn native_jobs(file: &Path) {
    let mut out = BufWriter::new(std::fs::File::create(file).expect("a file"));
    let head = "job,arrival_us,duration_us,cpu_request_milli,memory_request_bytes,app,kind,priority";
    writeln!(out, "{head}").expect("room");
    for i in 0..JOBS {
        let mut dice = Seed(1).stream(Purpose::Shape, i);
        let (cpu, memory) = (100 * (1 + dice.below(40)), (1 + dice.below(64)) << 28);
        let lasts = 1_000_000 + dice.below(100_000_000_000);
        let priority = dice.below(3);
        writeln!(out, "job-{i:07},{},{lasts},{cpu},{memory},app-{:05},batch,{priority}", i * 2_500_000, i / 20)
            .expect("room");
    }
    out.flush().expect("room");
}

fn compare(name: &str, trace: &str, files: &[PathBuf]) {
    let arg = TraceArg::parse(trace).expect("a trace");
    let (mut least, mut least_bare, mut rows) = (Duration::MAX, Duration::MAX, 0);
    let (budgets, options) = (Budgets::default(), BTreeMap::new());
    for _ in 0..TURNS {
        let begin = processor_time();
        rows = bare(files);
        let middle = processor_time();
        let imported = read_trace(&arg, &options, &budgets).expect("a trace without fault");
        let end = processor_time();
        black_box(&imported);
        least_bare = least_bare.min(middle - begin);
        least = least.min(end - middle);
    }
    let a_second = |time: Duration| rows as f64 / time.as_secs_f64() / 1e6;
    println!(
        "{name}: {rows} rows; {:.2} M rows a second, bare {:.2} M; {:.2} times the bare reader's time",
        a_second(least),
        a_second(least_bare),
        least.as_secs_f64() / least_bare.as_secs_f64()
    );
}

/// Reads a trace that is there, and says what was read and what it took.
fn once(trace: &str) {
    let begin = processor_time();
    let imported = TraceArg::parse(trace).and_then(|arg| read_trace(&arg, &BTreeMap::new(), &Budgets::default()));
    match imported {
        Ok(imported) => println!("{}{:?} of processor time", imported.report, processor_time() - begin),
        Err(error) => println!("{error}"),
    }
}

fn main() {
    // Cargo adds --bench.
    let given: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if !given.is_empty() {
        given.iter().for_each(|trace| once(trace));
        return;
    }
    let scratch = std::env::temp_dir().join(format!("plimsoll-trace-read-{}", std::process::id()));
    std::fs::create_dir_all(&scratch).expect("a folder");
    let jobs = scratch.join("jobs.csv");
    native_jobs(&jobs);
    compare("native jobs", &format!("native:{}", jobs.display()), &[jobs]);
    let google = scratch.join("google");
    folder::write(&google, folder::Size { jobs: 20_000, rounds: 3, windows: 0 }).expect("a folder");
    let files: Vec<PathBuf> = (0..9).map(|part| google.join(format!("task_events/part-{part:05}.csv"))).collect();
    let files: Vec<PathBuf> = files.into_iter().filter(|file| file.exists()).collect();
    compare("Google 2011 task events", &format!("google-2011:{}", google.display()), &files);
    std::fs::remove_dir_all(scratch).expect("the folder");
}
