//! Reports in a real browser, without network: they open without a complaint, the player plays, and what they say is what
//! `summary.json` says.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::chrome::Chrome;
use crate::program::{Folder, expect};

/// Folders with a report and its summary.
fn shipped() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("reports");
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("report.html").is_file() && path.join("summary.json").is_file())
        .collect();
    found.sort();
    assert!(found.len() >= 8);
    found
}

fn summary(folder: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(folder.join("summary.json")).unwrap()).unwrap()
}

/// Asserts that nothing went wrong on the page.
fn quiet(chrome: &mut Chrome, what: &str) {
    let problems = chrome.problems();
    assert!(problems.is_empty(), "{what}: {problems:#?}");
}

#[test]
fn shipped_reports_open_alone_and_say_what_their_summary_says() {
    let Some(mut chrome) = Chrome::start("reports") else { return };
    chrome.window(1280, 900, false);
    for folder in shipped() {
        let what = folder.display().to_string();
        let page = folder.join("report.html");
        assert!(std::fs::metadata(&page).unwrap().len() < 1_000_000, "{what} is a megabyte or more");
        chrome.open(&page);
        assert_eq!(chrome.text("document.getElementById('player').dataset.ready"), "yes", "{what}");
        let summary = summary(&folder);
        let runs = summary["runs"].as_array().unwrap();
        table_is_summary(&mut chrome, runs, &what);
        sums_are_those_of_the_summary(&mut chrome, runs, &what);
        quiet(&mut chrome, &what);
    }
}

/// The table of all metrics, cell by cell.
fn table_is_summary(chrome: &mut Chrome, runs: &[Value], what: &str) {
    let rows = chrome.js(
        "[...document.querySelectorAll('#comparison details tbody tr')].map((r) => [...r.children].map((c) => c.textContent))",
    );
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), runs[0]["metrics"].as_object().unwrap().len(), "{what}");
    for row in rows {
        let name = row[0].as_str().unwrap();
        for (i, run) in runs.iter().enumerate() {
            let (cell, value) = (row[i + 1].as_str().unwrap(), &run["metrics"][name]);
            let said = cell.trim_start_matches(['≥', '>', ' ']).parse::<f64>().ok();
            let same = match (said, value.as_f64()) {
                // The page has the shortest decimal that reads back; the reader of JSON may be off in the last bit.
                (Some(a), Some(b)) => (a - b).abs() <= 4.0 * f64::EPSILON * b.abs(),
                (a, b) => a == b,
            };
            assert!(same, "{what}: {name} of {}: {cell} and {value}", run["name"]);
        }
    }
}

/// What the player has summed up at the end of each run.
fn sums_are_those_of_the_summary(chrome: &mut Chrome, runs: &[Value], what: &str) {
    for (i, run) in runs.iter().enumerate() {
        chrome.js(&format!(
            "(() => {{ const s = document.querySelector('.which select'); s.value = {i}; s.dispatchEvent(new Event('change')); }})()"
        ));
        chrome.js("document.querySelector('#player .bridge').focus()");
        chrome.key("End");
        let sums = chrome.js(
            "[...document.querySelectorAll('.harbour')[0].querySelectorAll('[data-tally]')].map((d) => [d.dataset.tally, Number(d.dataset.value)])",
        );
        let mut compared = 0;
        for sum in sums.as_array().unwrap() {
            let (name, said) = (sum[0].as_str().unwrap(), sum[1].as_f64().unwrap());
            let Some(value) = run["metrics"][name].as_f64() else { continue };
            assert!((said - value).abs() < 1e-6, "{what}: {name} of {}: {said} and {value}", run["name"]);
            compared += 1;
        }
        assert_eq!(compared, 7, "{what}: sums with a metric of their name");
    }
}

#[test]
fn the_player_is_played_by_mouse_and_by_keys() {
    let Some(mut chrome) = Chrome::start("player") else { return };
    let time = "document.querySelector('#player .time').textContent";
    let title = "document.querySelector('#player .log h3').textContent";
    for folder in shipped() {
        let what = folder.display().to_string();
        chrome.window(1280, 900, false);
        chrome.open(&folder.join("report.html"));
        let begin = chrome.text(time);
        chrome.click("#player .play");
        chrome.js("new Promise((done) => setTimeout(done, 400))");
        chrome.click("#player .play");
        let later = chrome.text(time);
        assert_ne!(begin, later, "{what}: time passes");
        chrome.js("new Promise((done) => setTimeout(done, 100))");
        assert_eq!(chrome.text(time), later, "{what}: and stands still");
        // The slider, by key: the middle of a run is no moment of its own, so it is only another one.
        chrome.click("#player input[type=range]");
        let middle = chrome.text(time);
        assert_ne!(middle, later, "{what}: the slider moves");
        chrome.key("ArrowRight");
        assert_ne!(chrome.text(time), middle, "{what}: and by key");
        chrome.key("Home");
        assert_eq!(chrome.text(time), begin, "{what}: Home");
        chrome.click("#player .vessel .name");
        assert!(chrome.text(title).starts_with("Host "), "{what}");
        chrome.click("#player .log .back");
        for _ in 0..300 {
            if chrome.has("#player .cargo") {
                break;
            }
            chrome.key("e");
        }
        chrome.click("#player .cargo");
        assert!(chrome.text(title).starts_with("Job "), "{what}");
        assert!(chrome.text("document.querySelector('#player .log').textContent").contains("is placed on"), "{what}");
        chrome.click("#player .log .why");
        assert!(chrome.text(title).starts_with("Why "), "{what}");
        assert!(chrome.text("document.querySelector('#player .log').textContent").contains("taken"), "{what}");
        for (width, dark) in [(1280, false), (1280, true), (400, false), (400, true)] {
            chrome.window(width, 900, dark);
            let wide = chrome.js("document.documentElement.scrollWidth");
            assert!(wide.as_u64().unwrap() <= width.into(), "{what}: {wide} of {width} pixels");
            assert!(chrome.picture().len() > 10_000, "{what}: a picture");
        }
        quiet(&mut chrome, &what);
    }
}

#[test]
fn the_essay_opens_alone() {
    let Some(mut chrome) = Chrome::start("essay") else { return };
    chrome.open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("reports/migration/essay.html"));
    assert!(chrome.text("getComputedStyle(document.querySelector('.claim')).borderLeftStyle").contains("solid"));
    quiet(&mut chrome, "the essay");
}

#[test]
fn ten_thousand_jobs_on_a_thousand_hosts_fit_a_page() {
    let Some(mut chrome) = Chrome::start("large") else { return };
    let folder = Folder::new("large-report");
    let scenario = "{apiVersion: plimsoll/v1, kind: Scenario, name: large, seed: 1, horizon: 6h,
        cluster: {hosts: [{name: node, count: 1000, cpu: 4, memory: 16Gi}]},
        workload: {usage: model:mix, apps: [
          {name: batch, replicas: 7000, every: 2s, duration: 40m, requests: {cpu: 1500m, memory: 3Gi}},
          {name: service, kind: service, replicas: 3000, every: 1s, requests: {cpu: 700m, memory: 2Gi}}]},
        orchestrators: [fleet, first-fit]}";
    let file = folder.put("large.yaml", scenario.as_bytes());
    expect(0, &["run", &file, "-o", &folder.of("out")]);
    let page = folder.path().join("out/report.html");
    let bytes = std::fs::metadata(&page).unwrap().len();
    assert!(bytes < 5_000_000, "{bytes} bytes");
    chrome.window(1280, 900, false);
    chrome.open(&page);
    assert_eq!(chrome.text("document.getElementById('player').dataset.ready"), "yes");
    let runs = summary(&folder.path().join("out"));
    sums_are_those_of_the_summary(&mut chrome, runs["runs"].as_array().unwrap(), "large");
    assert!(!chrome.has("#player .vessel"), "a map at first");
    chrome.click("#player canvas");
    let vessels = chrome.js("document.querySelectorAll('#player .vessel').length");
    assert_eq!(vessels, 24, "twelve vessels a side");
    assert!(chrome.text("document.querySelector('#player .log h3').textContent").starts_with("Host node-"));
    quiet(&mut chrome, "large");
}
