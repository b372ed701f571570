//! How long does the workload of `scenarios/peers/` take, and how much memory, beside what other simulators took for it?
//!
//! `cargo bench --bench peers`, or `-- s m` for some of the sizes (s: 100 hosts and 10,000 jobs, m and l ten and a hundred
//! times that), and `-- l fleet` for some of the runs. Each run is a process of its own, this one started again with the
//! arguments of `plimsoll run`: the whole command, from the scenario to the table, on one thread. What it took is the
//! processor time that the kernel charged it with (in hundredths of a second, so that size s is the mean of ten turns), and
//! the most memory that it held. Not criterion, which knows neither.
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "a bench reads the environment and the kernel")]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// Set where this is the process to be measured.
const INSIDE: &str = "PLIMSOLL_BENCH_PEERS";
/// What comes before the two figures on stderr.
const FIGURES: &str = "peers-figures";
/// Ticks in a second of the kernel's account of processor time: a constant of Linux towards programs (`USER_HZ`).
const TICKS: f64 = 100.0;

/// A size: its letter, jobs, and how often it runs.
const SIZES: [(&str, f64, u32); 3] = [("s", 1e4, 10), ("m", 1e5, 2), ("l", 1e6, 1)];

/// What others took: CPU seconds and MiB for s, m and l.
const PEERS: [(&str, [&str; 3], [&str; 3]); 4] = [
    ("kubernetriks f1b274f, LeastAllocated", ["0.67", "32.1 to 42.2", "not done after 216"], ["51", "478", "4,750"]),
    ("dslab-iaas a6c155e, worst fit", ["0.52", "56.1", "not tried"], ["14", "39", "-"]),
    ("dslab-iaas a6c155e, best fit", ["0.39", "not tried", "not tried"], ["14", "-", "-"]),
    ("pfnet k8s-cluster-simulator 55e4108", ["27.4", "46 for 18,113 jobs", "not tried"], ["145", "283", "-"]),
];
const CAVEAT: &str = "Others: user and system time as measured on another machine (2 cores of an AMD EPYC, busy), \
    jobs of the same sizes and distributions from another generator; read orders of magnitude, not factors.";

/// Runs the command line, then says what it took.
fn inside() -> ExitCode {
    let code = plimsoll::cli::main();
    let read = |file| std::fs::read_to_string(format!("/proc/self/{file}")).unwrap_or_default();
    // Behind the name, which ends with the last parenthesis, user and system time are the 12th and the 13th field.
    let stat = read("stat");
    let fields = stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace();
    let ticks: f64 = fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    let status = read("status");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0");
    let peak: f64 = peak.trim().trim_end_matches(" kB").parse().unwrap_or(0.0);
    eprintln!("{FIGURES} {} {}", ticks / TICKS, peak / 1024.0);
    code
}

/// What `arguments` take: CPU seconds and MiB at the peak.
fn measured(arguments: &[&str]) -> (f64, f64) {
    let program = std::env::current_exe().expect("the path of this program");
    let output = Command::new(program)
        .args(arguments)
        .env(INSIDE, "1")
        .stdin(Stdio::null())
        .output()
        .expect("this program starts again");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {told}");
    let line = told.lines().find_map(|line| line.strip_prefix(FIGURES)).expect("figures");
    let mut figures = line.split_ascii_whitespace().map(|figure| figure.parse().expect("a number"));
    (figures.next().expect("seconds"), figures.next().expect("a peak"))
}

/// The scenario of a size with only the run that stands on `line` of its list.
fn alone(text: &str, line: &str) -> String {
    let (head, _) = text.split_once("orchestrators:\n").expect("a list of orchestrators at the end");
    format!("{head}orchestrators:\n{line}\n")
}

/// The name of the run that stands on `line`.
fn name(line: &str) -> &str {
    let rest = line.trim_start_matches("- ");
    rest.strip_prefix("{name: ").map_or(rest, |rest| rest.split([',', '}']).next().unwrap_or(rest))
}

fn row(what: &str, jobs: f64, (seconds, peak): (f64, f64)) {
    println!("{what:<40} {seconds:>9.3} {peak:>9.0} {:>12.0}", jobs / seconds.max(0.001));
}

fn size((letter, jobs, turns): (&str, f64, u32), wanted: &[String], scratch: &Path) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/peers");
    let text = std::fs::read_to_string(folder.join(format!("peers-{letter}.yaml"))).expect("a scenario");
    let lines = text.lines().skip_while(|line| *line != "orchestrators:").skip(1);
    println!("\n{:<40} {:>9} {:>9} {:>12}", format!("size {letter}"), "CPU s", "MiB", "jobs a CPU s");
    let file = scratch.join(format!("peers-{letter}.yaml"));
    let file = file.to_str().expect("a path");
    let over_turns = |arguments: &[&str]| {
        let all: Vec<(f64, f64)> = (0..turns).map(|_| measured(arguments)).collect();
        let seconds = all.iter().map(|(seconds, _)| seconds).sum::<f64>() / f64::from(turns);
        (seconds, all.iter().map(|(_, peak)| *peak).fold(0.0, f64::max))
    };
    std::fs::write(file, &text).expect("room");
    std::fs::copy(folder.join("all-nodes.yaml"), scratch.join("all-nodes.yaml")).expect("room");
    if wanted.is_empty() {
        row("reading the scenario (plimsoll check)", jobs, over_turns(&["check", file]));
    }
    for line in lines.filter(|line| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name(line))) {
        std::fs::write(file, alone(&text, line)).expect("room");
        row(name(line), jobs, over_turns(&["run", file, "-j", "1"]));
    }
    let i = SIZES.iter().position(|(other, ..)| *other == letter).expect("a size");
    for (peer, seconds, peak) in PEERS {
        println!("{peer:<40} {:>9} {:>9}", seconds[i], peak[i]);
    }
}

fn main() -> ExitCode {
    if std::env::var_os(INSIDE).is_some() {
        return inside();
    }
    // Cargo adds --bench.
    let given: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let (sizes, runs): (Vec<String>, Vec<String>) =
        given.into_iter().partition(|word| SIZES.iter().any(|(letter, ..)| letter == word));
    let scratch: PathBuf = std::env::temp_dir().join(format!("plimsoll-peers-{}", std::process::id()));
    std::fs::create_dir_all(&scratch).expect("a folder");
    for one in SIZES.into_iter().filter(|(letter, ..)| sizes.is_empty() || sizes.iter().any(|size| size == letter)) {
        size(one, &runs, &scratch);
    }
    println!("\n{CAVEAT}");
    std::fs::remove_dir_all(scratch).expect("the folder");
    ExitCode::SUCCESS
}
