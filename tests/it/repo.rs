//! The repository keeps its own rules: which module may know which, what stands in which folder, what simulation code
//! must not touch, and that the pages say what the tables in the code say.
//!
//! Sources are read as text. Pages with generated tables are rewritten with `UPDATE_GOLDEN=1`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use plimsoll::cli::list::{listings, markdown};
use plimsoll::experiment::Experiment;
use plimsoll::orchestrator::ORCHESTRATORS;
use plimsoll::placement::PLACEMENTS;
use plimsoll::report::{CHARTS, EXPORTS, OUTPUTS};
use plimsoll::trace::FORMATS;
use plimsoll::units::SimTime;
use plimsoll::workload::generator::GENERATORS;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Files with that ending under `folder`, as paths from the root with `/`, in order of names.
fn files(folder: &str, ending: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(here) = folders.pop() {
        for entry in fs::read_dir(&here).unwrap_or_else(|error| panic!("{}: {error}", here.display())) {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let inside = path.strip_prefix(root()).unwrap();
                let name = inside.iter().map(|part| part.to_str().unwrap()).collect::<Vec<_>>().join("/");
                if name.ends_with(ending) {
                    found.push(name);
                }
            }
        }
    }
    found.sort();
    found
}

/// `line` without its comment. A `//` in a string ends it too soon, which hides nothing that matters here but a `use`
/// after a URL in one line.
fn code(line: &str) -> &str {
    line.split_once("//").map_or(line, |(before, _)| before)
}

/// The module directly under `src` that a source file belongs to.
fn module(path: &str) -> &str {
    let inside = path.strip_prefix("src/").unwrap();
    inside.split('/').next().unwrap().trim_end_matches(".rs")
}

/// Fails with all that was found, one a line.
fn none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n  {}\n", found.join("\n  "));
}

/// A module knows those of earlier steps; those of one step do not know each other.
///
/// `error` stands first because the parsers of `units` say what was wrong with a text. `scenario` and `experiment` are
/// two steps, though `experiment` does not use `scenario` today: experiments over variants of a scenario will.
const STEPS: &[&[&str]] = &[
    &["error"],
    &["units", "ids", "rng"],
    &["parameter"],
    &["index"],
    &["chef", "fleet", "kube"],
    &["cluster", "workload"],
    &["host", "placement"],
    &["discovery"],
    &["orchestrator"],
    &["sim"],
    &["metrics"],
    &["trace"],
    &["scenario"],
    &["experiment"],
    &["report"],
    &["story", "paper"],
    &["cli"],
];

fn step(module: &str) -> Option<usize> {
    STEPS.iter().position(|modules| modules.contains(&module))
}

/// The modules that a source text names as `crate::x` or in `crate::{x::…, y}`, with their lines.
fn crate_uses(text: &str) -> Vec<(usize, String)> {
    let mut uses = Vec::new();
    let plain: String = text.lines().map(|line| format!("{}\n", code(line))).collect();
    for (at, _) in plain.match_indices("crate::") {
        let line = plain[..at].matches('\n').count() + 1;
        let rest = &plain[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            // Names at the first level of the braces.
            let (mut depth, mut begins) = (0, true);
            for (i, c) in group.char_indices() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => begins = true,
                    c if c.is_whitespace() => {}
                    _ if begins && depth == 0 => {
                        uses.push((line, name_at(&group[i..])));
                        begins = false;
                    }
                    _ => {}
                }
            }
        } else {
            uses.push((line, name_at(rest)));
        }
    }
    uses
}

fn name_at(text: &str) -> String {
    text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

#[test]
fn dependencies_point_one_way() {
    let mut wrong = Vec::new();
    for file in files("src", ".rs") {
        let here = module(&file);
        if ["lib", "main"].contains(&here) {
            continue;
        }
        let Some(mine) = step(here) else {
            wrong.push(format!("{file}:1: module `{here}` has no place in STEPS of tests/it/repo.rs"));
            continue;
        };
        for (line, used) in crate_uses(&read(&file)) {
            match step(&used) {
                _ if used == here => {}
                Some(theirs) if theirs < mine => {}
                Some(theirs) if theirs == mine => {
                    wrong.push(format!(
                        "{file}:{line}: `{here}` and `{used}` are neighbours and do not know each other"
                    ));
                }
                Some(_) => wrong.push(format!("{file}:{line}: `{here}` must not know `{used}`, which comes after it")),
                None => wrong.push(format!("{file}:{line}: `crate::{used}` has no place in STEPS of tests/it/repo.rs")),
            }
        }
    }
    none("dependencies against the order", &wrong);
}

#[test]
fn uses_are_found_in_all_their_spellings() {
    let found = crate_uses(
        "use crate::units;\n// crate::no\nuse crate::{ids::{A, B}, rng,\n  sim::x};\nlet y = crate::host::z();",
    );
    let found: Vec<String> = found.into_iter().map(|(line, name)| format!("{line} {name}")).collect();
    assert_eq!(found, ["1 units", "3 ids", "3 rng", "3 sim", "5 host"]);
}

/// A table, its folder, the file that each row should have, and the files of the folder that are no rows.
fn rows_and_files(table: &str, folder: &str, rows: impl IntoIterator<Item = String>, helpers: &[(&str, &str)]) {
    let rows: BTreeSet<String> = rows.into_iter().collect();
    let there: BTreeSet<String> = fs::read_dir(root().join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    let helpers: BTreeSet<String> = helpers.iter().map(|(file, _why)| (*file).to_owned()).collect();
    let missing =
        rows.difference(&there).map(|row| format!("{folder}/{row}.rs is missing: a row of {table} has its name"));
    let rest: BTreeSet<String> = there.difference(&rows).cloned().collect();
    let strange = rest.difference(&helpers).map(|file| format!("{folder}/{file}.rs has no row in {table}"));
    let gone = helpers.difference(&rest).map(|file| format!("{folder}/{file}.rs is named as a helper and is none"));
    none("rows and files differ", &missing.chain(strange).chain(gone).collect::<Vec<_>>());
}

fn snake(name: &str) -> String {
    name.replace('-', "_")
}

#[test]
fn every_row_has_a_file_and_every_file_a_row() {
    let helpers = [
        ("fragmentation", "how much GPU typical jobs could not use"),
        ("gpu_tests", "placements that look at GPUs, by hand"),
        ("scored", "scores of hosts, kept until their books change"),
    ];
    rows_and_files("PLACEMENTS", "src/placement", PLACEMENTS.iter().map(|row| snake(row.name)), &helpers);
    let helpers = [
        ("books", "what any control plane believes"),
        ("incident", "what goes wrong within any control plane"),
        ("held", "news that wait for the store"),
        ("options", "what all orchestrators have in common"),
        ("periodic", "ticks of any control plane"),
    ];
    rows_and_files("ORCHESTRATORS", "src/orchestrator", ORCHESTRATORS.iter().map(|row| snake(row.name)), &helpers);
    let helpers = [
        ("decimal", "numbers as files write them"),
        ("import", "what every format reads into"),
        ("input", "bytes to rows, for all formats"),
        ("keys", "names of a source by number"),
        ("machines", "machines that come, go and come back"),
        ("manifest", "Kubernetes objects as hosts and jobs, for dumps and scenarios"),
        ("option", "options of all formats"),
        ("outage", "hosts that are down, and the table of it"),
        ("overlay", "usage laid over jobs"),
        ("parquet", "Parquet as tables"),
        ("parts", "tables in many files"),
        ("report", "what is said of an import"),
        ("samples", "usage as sources sample it"),
        ("sniff", "formats by their look"),
        ("window", "hosts and outages from a time on"),
    ];
    rows_and_files("FORMATS", "src/trace", FORMATS.iter().map(|row| snake(row.name)), &helpers);
    rows_and_files("CHARTS", "src/report/chart", CHARTS.iter().map(|row| snake(row.name)), &[]);
    let plain = OUTPUTS.iter().filter(|row| CHARTS.iter().all(|chart| chart.file != row.file));
    let stems = plain.map(|row| snake(row.file.rsplit_once('.').unwrap().0));
    rows_and_files("OUTPUTS", "src/report/output", stems, &[]);
    rows_and_files("EXPORTS", "src/report/export", EXPORTS.iter().map(|row| snake(row.name)), &[]);
    let helpers = [("like", "jobs like those of a workload, which a scenario does not name")];
    rows_and_files("GENERATORS", "src/workload/generator", GENERATORS.iter().map(|row| snake(row.name)), &helpers);
    let helpers = [
        ("demand", "what is held by what was asked for"),
        ("load_log", "load step by step, for the record"),
        ("recorder", "the record that reports draw from"),
        ("samples", "exact percentiles"),
        ("value", "what a metric's value may be"),
    ];
    rows_and_files("FAMILIES", "src/metrics", modules_of_rows("src/metrics.rs", "FAMILIES"), &helpers);
    let helpers = [("skipping", "plugins that keep their places and skip: many rows, one file")];
    rows_and_files("PLUGINS", "src/kube/plugin", modules_of_rows("src/kube/framework.rs", "PLUGINS"), &helpers);
}

/// The modules whose `INFO` stands in a table. Families of metrics have no other name, and plugins have Kubernetes' own.
fn modules_of_rows(file: &str, table: &str) -> Vec<String> {
    let text = read(file);
    let begin = format!("pub const {table}:");
    let (_, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("{file} has no table {table}"));
    let (table, _) = rest.split_once("];").unwrap();
    table
        .match_indices("::INFO")
        .map(|(at, _)| {
            let before = &table[..at];
            before[before.rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap() + 1..].to_owned()
        })
        .collect()
}

#[test]
fn every_command_is_a_file() {
    let helpers = [
        ("budgets", "flags that many commands share"),
        ("manifests", "manifests from files, for schedule and check"),
        ("progress", "the bar on stderr"),
        ("stdout", "the one way to standard output"),
    ];
    let text = read("src/cli.rs");
    let (_, rest) = text.split_once("enum Command {").expect("src/cli.rs has the commands");
    let (body, _) = rest.split_once("\n}").unwrap();
    let names = body.lines().map(str::trim).filter(|line| !line.starts_with("//") && !line.is_empty());
    let names = names.map(|line| name_at(line).to_lowercase());
    rows_and_files("Command", "src/cli", names, &helpers);
}

/// Pages that carry tables of the code, each between `<!-- table NAME -->` and `<!-- end -->`.
const PAGES: &[&str] =
    &["README.md", "docs/kubernetes.md", "docs/outputs.md", "docs/papers.md", "docs/parameters.md", "docs/traces.md"];

#[test]
fn pages_carry_the_tables_of_the_code() {
    let update = std::env::var("UPDATE_GOLDEN").is_ok_and(|value| value == "1");
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for page in PAGES {
        let old = read(page);
        let mut new = String::new();
        let mut rest = old.as_str();
        while let Some((before, after)) = rest.split_once("<!-- table ") {
            let (name, after) = after.split_once(" -->").unwrap_or_else(|| panic!("{page}: a marker has no end"));
            let (_, after) =
                after.split_once("<!-- end -->").unwrap_or_else(|| panic!("{page}: table {name} has no <!-- end -->"));
            let all = listings();
            let listing = all.iter().find(|listing| listing.table == name);
            let listing = listing.unwrap_or_else(|| panic!("{page}: the code has no table \"{name}\""));
            new.push_str(&format!("{before}<!-- table {name} -->\n\n{}\n<!-- end -->", markdown(listing)));
            seen.insert(listing.table.to_owned());
            rest = after;
        }
        new.push_str(rest);
        if new == old {
            continue;
        }
        if update {
            fs::write(root().join(page), new).unwrap();
        } else {
            let line = 1 + new.lines().zip(old.lines()).take_while(|(a, b)| a == b).count();
            wrong.push(format!("{page}:{line}: differs from the code; UPDATE_GOLDEN=1 cargo test repo rewrites it"));
        }
    }
    none("tables in pages", &wrong);
    let missing = listings().into_iter().filter(|listing| !seen.contains(listing.table));
    none("tables of the code that stand in no page", &missing.map(|l| l.table.to_owned()).collect::<Vec<_>>());
}

/// What a simulation must not touch: it takes values and gives values, the same every time.
const FORBIDDEN: &[&str] = &[
    "std::time",
    "Instant",
    "SystemTime",
    "std::thread",
    "thread::",
    "rayon",
    "std::env",
    "env::var",
    "std::fs",
    "HashMap",
    "HashSet",
    "println!",
    "eprintln!",
    "print!(",
    "dbg!",
    "std::net",
    "std::process",
];

/// Modules of which that holds, tests in them included.
const PURE: &[&str] = &[
    "units",
    "ids",
    "rng",
    "parameter",
    "index",
    "error",
    "cluster",
    "workload",
    "chef",
    "fleet",
    "kube",
    "host",
    "placement",
    "discovery",
    "orchestrator",
    "sim",
    "metrics",
];

#[test]
fn simulation_code_knows_no_clock_thread_disk_environment_or_hash_order() {
    let mut wrong = Vec::new();
    for file in files("src", ".rs").into_iter().filter(|file| PURE.contains(&module(file))) {
        for (i, line) in read(&file).lines().enumerate() {
            for word in FORBIDDEN {
                if contains_word(code(line), word) {
                    wrong.push(format!("{file}:{}: {word}", i + 1));
                }
            }
        }
    }
    none("simulation code that is not pure", &wrong);
}

/// Whether `text` has `word` where no name goes on before it.
fn contains_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let goes_on = word.ends_with(of_name) && text[at + word.len()..].starts_with(of_name);
        !(text[..at].ends_with(of_name) || goes_on)
    })
}

#[test]
fn only_the_command_line_prints() {
    let mut wrong = Vec::new();
    for file in files("src", ".rs").into_iter().filter(|file| module(file) != "cli") {
        for (i, line) in read(&file).lines().enumerate() {
            for word in ["println!", "eprintln!", "print!(", "eprint!(", "dbg!", "io::stdout", "io::stderr"] {
                if contains_word(code(line), word) {
                    wrong.push(format!("{file}:{}: {word}", i + 1));
                }
            }
        }
    }
    none("code outside src/cli that prints", &wrong);
}

/// Longer files are split where their ideas are.
const LINES_MAX: usize = 800;

#[test]
fn nothing_is_too_long_unfinished_or_ignored() {
    let mut wrong = Vec::new();
    for file in files("src", ".rs") {
        let lines = read(&file).lines().count();
        if lines > LINES_MAX {
            wrong.push(format!("{file}:{lines}: more than {LINES_MAX} lines"));
        }
    }
    // Put together so that this file does not name them.
    let words = [["to", "do!"].concat(), ["unimple", "mented!"].concat(), ["#[ig", "nore"].concat()];
    let benches = if root().join("benches").is_dir() { files("benches", ".rs") } else { Vec::new() };
    for file in files("src", ".rs").into_iter().chain(files("tests", ".rs")).chain(benches) {
        for (i, line) in read(&file).lines().enumerate() {
            for word in words.iter().filter(|word| contains_word(code(line), word)) {
                wrong.push(format!("{file}:{}: {word}", i + 1));
            }
        }
    }
    none("left open", &wrong);
}

#[test]
fn every_scenario_opens_with_its_question() {
    let mut wrong = Vec::new();
    let scenarios = files("scenarios", ".yaml");
    assert!(!scenarios.is_empty());
    for file in scenarios {
        let text = read(&file);
        // The first paragraph of the comment at the top.
        let opening: Vec<&str> = text
            .lines()
            .map_while(|line| line.strip_prefix('#').map(str::trim))
            .take_while(|line| !line.is_empty())
            .collect();
        if !opening.join(" ").ends_with('?') {
            wrong.push(format!("{file}:1: opens with no comment that asks a question"));
        }
    }
    none("scenarios without a question", &wrong);
}

/// Links of a Markdown text to files of the repository.
fn links(text: &str) -> Vec<String> {
    let ends = text.match_indices("](").filter_map(|(at, _)| {
        let target = text[at + 2..].split(')').next()?;
        let file = target.split('#').next()?;
        (!file.is_empty() && !file.contains("://")).then(|| file.to_owned())
    });
    ends.collect()
}

#[test]
fn links_between_pages_lead_somewhere() {
    let mut pages = files("docs", ".md");
    pages.extend(["README.md", "ARCHITECTURE.md", "CHANGELOG.md"].map(str::to_owned));
    let mut wrong = Vec::new();
    for page in &pages {
        let folder = root().join(page).parent().unwrap().to_path_buf();
        for link in links(&read(page)).iter().filter(|link| !folder.join(link).exists()) {
            wrong.push(format!("{page}: {link} leads nowhere"));
        }
    }
    let summary = links(&read("docs/SUMMARY.md"));
    for page in pages.iter().filter_map(|page| page.strip_prefix("docs/")) {
        if page != "SUMMARY.md" && !summary.iter().any(|link| link == page) {
            wrong.push(format!("docs/{page} is not in docs/SUMMARY.md"));
        }
    }
    none("links", &wrong);
}

/// What stands in a page as code, between backquotes. Blocks between fences are left out.
fn words_of_code(page: &str) -> BTreeSet<String> {
    let outside: String = page.split("```").step_by(2).collect();
    let spans = outside.split('`').skip(1).step_by(2);
    spans
        .flat_map(|span| span.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-'))
        .map(String::from)
        .collect()
}

#[test]
fn every_key_of_a_scenario_is_explained() {
    let schema: serde_json::Value = serde_json::from_str(&plimsoll::scenario::schema_json()).unwrap();
    let explained = words_of_code(&(read("docs/scenarios.md") + &read("docs/parameters.md")));
    let mut wrong = Vec::new();
    let mut keys = 0;
    let mut parts = vec![("the scenario".to_owned(), &schema)];
    while let Some((part, value)) = parts.pop() {
        for key in value["properties"].as_object().into_iter().flat_map(|properties| properties.keys()) {
            keys += 1;
            if !explained.contains(key) {
                wrong.push(format!("docs/scenarios.md: no word of `{key}` of {part}"));
            }
        }
        match value {
            serde_json::Value::Object(map) => parts.extend(map.iter().map(|(name, inside)| (name.clone(), inside))),
            serde_json::Value::Array(list) => parts.extend(list.iter().map(|inside| (part.clone(), inside))),
            _ => {}
        }
    }
    assert!(keys > 80, "the schema has only {keys} keys");
    none("keys without a word in the book", &wrong);
}

#[test]
fn every_column_of_the_native_format_is_explained() {
    use plimsoll::trace::OUTAGE_COLUMNS;
    use plimsoll::trace::native::{HOST_COLUMNS, JOB_COLUMNS, USAGE_COLUMNS};
    let explained = words_of_code(&read("docs/traces.md"));
    let columns = JOB_COLUMNS.iter().chain(&HOST_COLUMNS).chain(&OUTAGE_COLUMNS).chain(&USAGE_COLUMNS);
    let missing = columns.filter(|column| !explained.contains(**column));
    none("docs/traces.md has no word of", &missing.map(ToString::to_string).collect::<Vec<_>>());
}

#[test]
fn the_output_dictionary_names_every_file_and_column() {
    let page = read("docs/outputs.md");
    let mut wrong = Vec::new();
    for output in OUTPUTS {
        if !page.contains(&format!("`{}`", output.file)) {
            wrong.push(format!("docs/outputs.md: no word of {}", output.file));
        }
    }
    // Without a run every CSV still writes its header.
    let nothing = Experiment {
        name: String::new(),
        question: String::new(),
        scenario_yaml: String::new(),
        command: String::new(),
        digest: 0,
        job_names: Vec::new(),
        job_sizes: Vec::new(),
        host_names: Vec::new(),
        offered: Default::default(),
        end: SimTime::ZERO,
        warm_up: SimTime::ZERO,
        notes: Vec::new(),
        runs: Vec::new(),
        seeds: None,
        band: Vec::new(),
    };
    for output in OUTPUTS.iter().filter(|output| output.file.ends_with(".csv")) {
        let mut bytes = Vec::new();
        output.write(&nothing, &mut bytes).unwrap();
        let heading = format!("\n## {}\n", output.file);
        let section = page.split_once(&heading).map_or("", |(_, rest)| rest.split("\n## ").next().unwrap());
        let explained = words_of_code(section);
        for column in String::from_utf8(bytes).unwrap().lines().next().unwrap_or("").split(',') {
            if !explained.contains(column) {
                wrong.push(format!("docs/outputs.md: no word of column {column} of {}", output.file));
            }
        }
    }
    none("the column dictionary", &wrong);
}
