//! A headless Chromium, driven over its debugging pipe: pages are opened, clicked and looked at as a reader would.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::program::Folder;

/// The names under which systems have it.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// A browser with one page.
pub struct Chrome {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    calls: u64,
    session: Option<String>,
    events: Vec<Value>,
    _profile: Folder,
}

impl Chrome {
    /// A browser without network; `None`, announced, where there is none. `PLIMSOLL_REQUIRE` may name `chromium`.
    pub fn start(test: &str) -> Option<Chrome> {
        let there = |name: &&str| {
            let mut command = Command::new(name);
            command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command.status().is_ok_and(|status| status.success())
        };
        let Some(name) = NAMES.iter().find(|name| there(name)) else {
            let required =
                std::env::var("PLIMSOLL_REQUIRE").is_ok_and(|what| what.split(',').any(|w| w.trim() == "chromium"));
            assert!(!required, "PLIMSOLL_REQUIRE names chromium, and it is absent");
            // Not by eprintln!, which the test harness would swallow.
            let mut stderr = std::io::stderr();
            writeln!(stderr, "skipped: chromium is absent").unwrap();
            return None;
        };
        let profile = Folder::new(&format!("chrome-{test}"));
        // The browser talks over descriptors 3 and 4; a shell makes them of its own. It ends by itself if it hangs.
        let script = format!(
            "exec timeout -k 5 300 {name} --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage \
             --hide-scrollbars --no-first-run --disable-background-networking --disable-component-update \
             --remote-debugging-pipe --user-data-dir=\"$0\" about:blank 3<&0 4>&1 >/dev/null 2>&1"
        );
        let mut child = Command::new("sh")
            .args(["-c", &script, profile.path().to_str().unwrap()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let (to, from) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut chrome = Chrome { child, to, from, calls: 0, session: None, events: Vec::new(), _profile: profile };
        let targets = chrome.call("Target.getTargets", json!({}));
        let page = targets["targetInfos"].as_array().unwrap().iter().find(|t| t["type"] == "page").expect("a page");
        let attach = json!({"targetId": page["targetId"], "flatten": true});
        chrome.session = chrome.call("Target.attachToTarget", attach)["sessionId"].as_str().map(String::from);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            chrome.call(&format!("{domain}.enable"), json!({}));
        }
        let offline = json!({"offline": true, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1});
        chrome.call("Network.emulateNetworkConditions", offline);
        Some(chrome)
    }

    /// Calls a method of the debugging protocol.
    pub fn call(&mut self, method: &str, params: Value) -> Value {
        self.calls += 1;
        let mut message = json!({"id": self.calls, "method": method, "params": params});
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        let mut bytes = serde_json::to_vec(&message).unwrap();
        bytes.push(0);
        self.to.write_all(&bytes).expect("the browser reads");
        loop {
            let mut answer = self.next();
            if answer["id"] == self.calls {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].take();
            }
            self.events.push(answer);
        }
    }

    fn next(&mut self) -> Value {
        let mut bytes = Vec::new();
        self.from.read_until(0, &mut bytes).expect("the browser answers");
        assert_eq!(bytes.pop(), Some(0), "the browser ended");
        serde_json::from_slice(&bytes).expect("the browser speaks JSON")
    }

    /// Opens a file and waits until it is loaded.
    pub fn open(&mut self, file: &Path) {
        self.events.clear();
        self.call("Page.navigate", json!({"url": format!("file://{}", file.display())}));
        while !self.events.iter().any(|event| event["method"] == "Page.loadEventFired") {
            let event = self.next();
            self.events.push(event);
        }
    }

    /// The value of a script's expression; a promise is waited for.
    pub fn js(&mut self, expression: &str) -> Value {
        let params = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let mut answer = self.call("Runtime.evaluate", params);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].take()
    }

    /// The same as text.
    pub fn text(&mut self, expression: &str) -> String {
        let value = self.js(expression);
        value.as_str().unwrap_or_else(|| panic!("{expression}: {value}")).to_owned()
    }

    /// Whether an element is there.
    pub fn has(&mut self, selector: &str) -> bool {
        self.js(&format!("!!document.querySelector({})", json!(selector))) == true
    }

    /// Clicks the middle of the first element that `selector` finds.
    pub fn click(&mut self, selector: &str) {
        let place = self.js(&format!(
            "(() => {{ const e = document.querySelector({}); e.scrollIntoView({{ block: 'center' }});
               const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; }})()",
            json!(selector)
        ));
        for kind in ["mousePressed", "mouseReleased"] {
            let params = json!({"type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1});
            self.call("Input.dispatchMouseEvent", params);
        }
    }

    /// Presses a key.
    pub fn key(&mut self, key: &str) {
        let code = if key.len() == 1 && key != " " { format!("Key{}", key.to_uppercase()) } else { key.to_owned() };
        for kind in ["keyDown", "keyUp"] {
            self.call("Input.dispatchKeyEvent", json!({"type": kind, "key": key, "code": code}));
        }
    }

    /// Sets the size of the window and whether it is dark.
    pub fn window(&mut self, width: u32, height: u32, dark: bool) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.call("Emulation.setDeviceMetricsOverride", size);
        let scheme = if dark { "dark" } else { "light" };
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.call("Emulation.setEmulatedMedia", json!({"features": features}));
    }

    /// A picture of the window; PNG in base 64.
    pub fn picture(&mut self) -> String {
        let answer = self.call("Page.captureScreenshot", json!({"format": "png"}));
        answer["data"].as_str().unwrap().to_owned()
    }

    /// What went wrong since the page was opened: errors, warnings, dialogs, and whatever was fetched but the page itself.
    pub fn problems(&mut self) -> Vec<String> {
        // Whatever came before this answer has been read then.
        self.js("new Promise((done) => setTimeout(done, 50))");
        let mut pages = 0;
        let is_wrong = |event: &&Value| match event["method"].as_str().unwrap_or_default() {
            "Runtime.exceptionThrown" | "Log.entryAdded" | "Page.javascriptDialogOpening" => true,
            "Runtime.consoleAPICalled" => true,
            "Network.requestWillBeSent" => {
                pages += 1;
                pages > 1
            }
            _ => false,
        };
        self.events.iter().filter(is_wrong).map(Value::to_string).collect()
    }
}

impl Drop for Chrome {
    fn drop(&mut self) {
        // Whoever does not listen to this is ended.
        let _ = self.to.write_all(b"{\"id\":1,\"method\":\"Browser.close\"}\0");
        let _ = self.to.flush();
        for _ in 0..50 {
            if let Ok(Some(_)) = self.child.try_wait() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
