//! The fuzzing corpus as plain tests: every input as it is, and thousands of seeded mutations of it.
//!
//! A mutation changes, cuts or doubles bytes. What comes of it is a result or an error that says where; memory is counted
//! for the thread that reads.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use plimsoll::rng::{Purpose, Seed, Stream};

#[path = "../../fuzz/src/targets.rs"]
mod targets;

use targets::TARGETS;

/// The system's allocator, which counts what each thread holds.
struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

fn count(more: isize) {
    // A thread that ends allocates after its locals are gone.
    let _ = HELD.try_with(|held| {
        held.set(held.get() + more);
        let _ = MOST.try_with(|most| most.set(most.get().max(held.get())));
    });
}

// SAFETY: every call goes to the system's allocator with what it was given; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(at, layout) }
    }
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as isize - layout.size() as isize);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Most memory that an input may make its reader hold: buffers, a window of zstd, and the budgets of the targets.
const MEMORY_MAX: isize = 256 << 20;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus")
}

/// The inputs of a target, by name.
fn inputs(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = corpus().join(target);
    let read = std::fs::read_dir(&folder).unwrap_or_else(|why| panic!("{}: {why}", folder.display()));
    let mut all: Vec<(String, Vec<u8>)> = read
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), std::fs::read(entry.path()).unwrap()))
        .collect();
    all.sort();
    assert!(!all.is_empty(), "{} is empty", folder.display());
    all
}

/// `bytes` with one to three bytes or stretches changed, cut, doubled or taken from elsewhere.
fn mutated(bytes: &[u8], dice: &mut Stream) -> Vec<u8> {
    const ODD: [&[u8]; 16] = [
        b"",
        b"-1",
        b"0",
        b"9223372036854775807",
        b"18446744073709551616",
        b"1e308",
        b"NaN",
        b"\"",
        b"\n",
        b",",
        b"\xff",
        b"\0",
        "é".as_bytes(),
        b"\r\n",
        b"1.5",
        b":",
    ];
    let mut out = bytes.to_vec();
    for _ in 0..=dice.below(3) {
        let at = dice.below(out.len() as u64 + 1) as usize;
        let end = (at + 1 + dice.below(12) as usize).min(out.len());
        // Fields and lines are what readers see, so stretches end at them half of the time.
        let field = |from: usize| {
            let stop = |b: &u8| matches!(b, b',' | b'\n' | b' ' | b';' | b':' | b'"');
            out[from.min(out.len())..].iter().position(stop).map_or(out.len(), |n| from + n)
        };
        let end = if dice.below(2) == 0 { end.max(at) } else { field(at).max(at) };
        match dice.below(6) {
            0 if at < out.len() => out[at] = dice.below(256) as u8,
            1 => drop(out.drain(at..end)),
            2 => out.truncate(at),
            3 => {
                let copy = out[at..end].to_vec();
                let to = dice.below(out.len() as u64 + 1) as usize;
                out.splice(to..to, copy);
            }
            4 => {
                let copy = out[at..].to_vec();
                out.extend(copy);
            }
            _ => drop(out.splice(at..end, ODD[dice.below(ODD.len() as u64) as usize].iter().copied())),
        }
        out.truncate(1 << 16);
    }
    out
}

/// Runs one input; a finding names itself so that it can be put into the corpus.
fn one(target: &targets::Target, name: &str, bytes: &[u8]) {
    let before = HELD.with(Cell::get);
    MOST.with(|most| most.set(before));
    let done = catch_unwind(AssertUnwindSafe(|| (target.run)(bytes)));
    let most = MOST.with(Cell::get) - before;
    let kept = || {
        let path = std::env::temp_dir().join(format!("plimsoll-finding-{}", target.name));
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    if let Err(why) = done {
        let text = why.downcast_ref::<String>().cloned().or(why.downcast_ref::<&str>().map(|s| (*s).to_string()));
        panic!("{} {name}: {}; the input is in {}", target.name, text.unwrap_or_default(), kept());
    }
    assert!(most < MEMORY_MAX, "{} {name}: {most} bytes held; the input is in {}", target.name, kept());
}

#[test]
fn every_target_has_a_corpus_that_runs() {
    for target in TARGETS {
        for (name, bytes) in inputs(target.name) {
            one(target, &name, &bytes);
        }
    }
    let mut folders: Vec<String> = std::fs::read_dir(corpus())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    folders.sort();
    let mut names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    names.sort_unstable();
    assert_eq!(folders, names, "a folder of the corpus for every target, and no other");
    for format in plimsoll::trace::FORMATS {
        assert!(names.contains(&format.name), "no fuzz target for {}", format.name);
    }
    let manifest = std::fs::read_to_string(corpus().join("../Cargo.toml")).unwrap();
    for name in names {
        let file = name.replace('-', "_");
        assert!(corpus().join(format!("../fuzz_targets/{file}.rs")).exists(), "no fuzz_targets/{file}.rs");
        assert!(manifest.contains(&format!("\"fuzz_targets/{file}.rs\"")), "fuzz/Cargo.toml does not name {file}");
    }
}

/// Mutations of each input; `PLIMSOLL_SEEDS=A..B` runs others.
#[test]
fn mutated_inputs_end_in_a_result_or_an_error_that_says_where() {
    let seeds = std::env::var("PLIMSOLL_SEEDS").ok();
    let (from, to) = match seeds.as_deref().and_then(|text| text.split_once("..")) {
        Some((a, b)) => (a.parse::<u64>().unwrap(), b.parse::<u64>().unwrap()),
        None => (0, 400),
    };
    for target in TARGETS {
        let all = inputs(target.name);
        for seed in from..to {
            let mut dice = Seed(seed).stream(Purpose::Shape, 7);
            let (name, bytes) = &all[dice.below(all.len() as u64) as usize];
            let changed = mutated(bytes, &mut dice);
            one(target, &format!("{name}, seed {seed}"), &changed);
        }
    }
}
