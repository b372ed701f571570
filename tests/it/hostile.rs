//! Names that mean harm, through every output: terminal, tables, pictures, and the report in a real browser.

use std::path::Path;

use serde_json::{Value, json};

use crate::chrome::Chrome;
use crate::program::{Folder, expect};

/// What a name may try, the name, and how a page shows it.
const NAMES: [(&str, &str, &str); 9] = [
    ("ends the script", "</script><img src=x onerror=window.harmed=1>", "</script><img src=x onerror=window.harmed=1>"),
    ("opens a comment", "<!--<script>window.harmed=1</script>", "<!--<script>window.harmed=1</script>"),
    ("ends an attribute", "\" onmouseover=\"window.harmed=1", "\" onmouseover=\"window.harmed=1"),
    ("is a formula", "=cmd|' /C calc'!A0", "=cmd|' /C calc'!A0"),
    ("is a formula by its sign", "@SUM(1+1)", "@SUM(1+1)"),
    ("clears the screen", "\u{1b}[2J\u{1b}]0;gone\u{7}", "\\u{1b}[2J\\u{1b}]0;gone\\u{7}"),
    ("turns text around", "\u{202e}gnp.exe", "\\u{202e}gnp.exe"),
    ("breaks lines", "a\r\nb\u{2028}c", "a\\u{d}\\u{a}b\u{2028}c"),
    ("is a template", "{{ 7 * 7 }}{% raw %}${1+1}", "{{ 7 * 7 }}{% raw %}${1+1}"),
];

/// A small world in which everything is called something of [`NAMES`]: hosts, apps, the scenario; runs may have plain names
/// only. Jobs are killed.
fn scenario() -> Value {
    let hosts: Vec<Value> = NAMES.iter().map(|(_, name, _)| json!({"name": name, "cpu": 2, "memory": "2Gi"})).collect();
    let app = |(what, name, _): &(&str, &str, &str)| {
        let memory = if what.contains("formula") { "900Mi" } else { "100Mi" };
        json!({"name": name, "kind": "service", "replicas": 2, "every": "7s", "process_type": name,
               "requests": {"cpu": "500m", "memory": "256Mi"}, "limits": {"memory": "512Mi"},
               "usage": {"steps": [{"for": "30s", "cpu": "300m", "memory": "64Mi"}, {"cpu": "1500m", "memory": memory}]}})
    };
    json!({
        "apiVersion": "plimsoll/v1", "kind": "Scenario", "name": NAMES[0].1, "question": NAMES.map(|(_, name, _)| name).join(" "),
        "seed": 1, "horizon": "5m", "cluster": {"hosts": hosts},
        "workload": {"apps": NAMES.iter().map(app).collect::<Vec<_>>()},
        "orchestrators": ["chef", {"name": "fleet", "orchestrator": "fleet", "enforcement": "limits"}, "kubernetes", "first-fit"],
    })
}

/// Fails if `text` could move a cursor or turn a line around.
fn harmless(text: &str, what: &str) {
    let bad = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if let Some(at) = text.find(bad) {
        panic!("{what}: {:?}", text[at..].chars().take(40).collect::<String>());
    }
}

#[test]
fn hostile_names_do_no_harm_in_any_output() {
    let folder = Folder::new("hostile");
    let file = folder.put("hostile.yaml", scenario().to_string().as_bytes());
    let out = folder.of("out");
    let (said, warned) = expect(0, &["run", &file, "-o", &out]);
    harmless(&said, "terminal");
    harmless(&warned, "warnings");
    for format in ["json", "csv"] {
        harmless(&expect(0, &["run", &file, "--format", format]).0, format);
    }
    let job = format!("{}-0", NAMES[5].1);
    let missing = crate::program::run(&["run", &file, "--explain", &job]);
    for bytes in [&missing.stdout, &missing.stderr] {
        harmless(&String::from_utf8_lossy(bytes), "explanations and errors");
    }
    let mut kinds = [0; 5];
    for entry in std::fs::read_dir(&out).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        // A scenario that is run again must say the same, so its marks stay; ESC and the like are escaped there, too.
        let marks_stay = name == "scenario.yaml";
        harmless(&if marks_stay { text.replace('\u{202e}', "") } else { text.clone() }, &name);
        match path.extension().and_then(|e| e.to_str()) {
            Some("csv") => {
                kinds[0] += 1;
                no_formula(&text, &name);
            }
            Some("svg") => {
                kinds[1] += 1;
                assert!(!text.contains("<img") && !text.contains("<script"), "{name}");
            }
            Some("html") => kinds[2] += 1,
            Some("json") => {
                kinds[3] += 1;
                serde_json::from_str::<Value>(&text).unwrap();
            }
            _ => kinds[4] += 1,
        }
    }
    assert!(kinds[0] >= 6 && kinds[1] >= 5 && kinds[2] == 1 && kinds[3] == 1, "{kinds:?}");
    in_a_browser(Path::new(&out));
}

fn no_formula(text: &str, name: &str) {
    for row in csv::Reader::from_reader(text.as_bytes()).records() {
        for cell in &row.unwrap() {
            let formula = cell.starts_with(['=', '+', '@', '\t', '\r'])
                || (cell.starts_with('-') && cell.parse::<f64>().is_err());
            assert!(!formula, "{name}: {cell}");
        }
    }
}

/// The report, clicked through, and every picture, read as the XML that it is.
fn in_a_browser(out: &Path) {
    let Some(mut chrome) = Chrome::start("hostile") else { return };
    chrome.window(1280, 900, false);
    chrome.open(&out.join("report.html"));
    let unharmed = |chrome: &mut Chrome, what: &str| {
        let state = chrome.js("[window.harmed === undefined, document.images.length, document.scripts.length,
              document.querySelectorAll('[onerror], [onmouseover]').length]");
        assert_eq!(state, json!([true, 0, 2, 0]), "{what}");
        assert_eq!(chrome.problems(), Vec::<String>::new(), "{what}");
    };
    unharmed(&mut chrome, "as it opens");
    let page = chrome.text("document.body.textContent");
    for (what, _, shown) in NAMES {
        assert!(page.contains(shown), "{what}: {shown} is not on the page");
    }
    // In the player every host, and a job of every app, is opened.
    chrome.js("document.querySelector('#player .bridge').focus()");
    chrome.key("End");
    let hosts = chrome.js("document.querySelectorAll('.harbour')[0].querySelectorAll('.vessel .name').length");
    assert_eq!(hosts, NAMES.len());
    let (mut seen, mut jobs) = (String::new(), 0);
    for i in 0..NAMES.len() {
        chrome.js(&format!("document.querySelectorAll('.vessel .name')[{i}].click()"));
        seen += &chrome.text("document.querySelector('.log').textContent");
        for _ in 0..2 {
            if chrome.has(".log .chip") {
                chrome.js("document.querySelector('.log .chip').click()");
                seen += &chrome.text("document.querySelector('.log').textContent");
                jobs += 1;
            }
            if chrome.has(".log .why") {
                chrome.js("document.querySelector('.log .why').click()");
                seen += &chrome.text("document.querySelector('.log').textContent");
            }
        }
    }
    assert!(jobs > 3, "jobs were opened: {jobs}");
    for (what, _, shown) in NAMES {
        assert!(seen.contains(&format!("Host {shown}")), "{what}: the host's history");
    }
    unharmed(&mut chrome, "after every click");
    for entry in std::fs::read_dir(out).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "svg") {
            let text = json!(std::fs::read_to_string(&path).unwrap());
            let state = chrome.js(&format!(
                "(() => {{ const d = new DOMParser().parseFromString({text}, 'image/svg+xml');
                   return d.querySelectorAll('parsererror, img, script, foreignObject').length; }})()"
            ));
            assert_eq!(state, 0, "{}", path.display());
        }
    }
}
