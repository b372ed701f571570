// The book beside the harbours: the life of a job, the history of a host, a decision and what was known.

const ROWS_MAX = 120;
const DECISION_ROWS = 14;

// Rows of a list with what was left out said below.
function listed(rows, make) {
  const list = html("ol", { class: "events" }, rows.slice(0, ROWS_MAX).map(make));
  const left = rows.length - ROWS_MAX;
  return [list, left > 0 && html("p", { class: "small", text: `The first ${ROWS_MAX}; ${count(left)} more are in changes.csv.` })];
}

function table(heads, rows, caption) {
  return html("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption }, [html("table", {}, [
    html("thead", {}, [html("tr", {}, heads.map((text) => html("th", { scope: "col", text })))]),
    html("tbody", {}, rows),
  ])]);
}

// Apps of a single job have no name of their own.
const ofApp = (player, job) => (player.record.apps[job.app] ? `, app ${player.record.apps[job.app]}` : "");

function aboutJob(player, { job }) {
  const it = player.record.jobs[job];
  const sides = player.sides.map(({ run }, side) => html("div", {}, [
    html("h4", { text: run.name }),
    ...listed(run.eventsOfJob[job], (e) => eventRow(player, side, e, "job")),
    ...run.explained.filter((x) => x.job === job).slice(0, ROWS_MAX).map((x) => html("details", {}, [
      html("summary", { text: `The decision at ${exactTime(x.at)}, explained` }), html("pre", { text: x.text })])),
    run.eventsOfJob[job].length === 0 && html("p", { text: "It never entered the system." }),
  ]));
  return {
    title: `Job ${it.name}`,
    body: [html("p", { text: `Asks for ${coresText(it.cpu)} and ${bytesText(it.memory)}${ofApp(player, it)}.` }),
      html("div", { class: "two" }, sides)],
  };
}

// Load over time as two lines with the Plimsoll line across.
function loadPicture(run, host, end) {
  const [width, height] = [600, 110];
  const track = run.load[host];
  const most = Math.max(1250, ...track.cpu, ...track.memory);
  const x = (t) => ((t / end) * width).toFixed(1);
  const y = (load) => (height - 2 - ((height - 6) * load) / most).toFixed(1);
  const path = (values) => {
    let d = `M0,${y(0)}`;
    track.at.forEach((t, i) => (d += `H${x(t)}V${y(values[i])}`));
    return `${d}H${width}`;
  };
  const bands = run.over[host].map((row) => svg("rect", { class: "over-band", x: x(row.from), y: 0, height, width: Math.max(1, x(row.to) - x(row.from)) }));
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", class: "history", role: "img" }, [
    svg("title", { text: "Demand over time: CPU full, memory dashed; the thick line is all that the host has" }), ...bands,
    svg("path", { class: "limit", d: `M0,${y(1000)}H${width}` }),
    svg("path", { class: "cpu", d: path(track.cpu) }), svg("path", { class: "memory", d: path(track.memory) }),
  ]);
}

function aboutHost(player, { host, side }) {
  const { hosts, jobs, end, warmUp } = player.record;
  const it = hosts[host];
  const { run } = player.sides[side];
  const sides = player.sides.map(({ run }, which) => {
    const stays = staysAt(run, host, player.clock.t);
    const over = (what) => run.over[host].filter((row) => row.what === what)
      .reduce((sum, row) => sum + Math.max(0, row.to - Math.max(row.from, warmUp)), 0);
    const events = run.eventsOfHost[host].filter((e) => e.kind !== "heartbeats");
    const parts = ["cpu", "memory"].filter((what) => over(what)).map((what) => `${spanOf(over(what))} in ${resource(what)}`);
    return html("div", {}, [
      html("h4", { text: run.name }),
      html("p", { class: "small", text: `Over the line: ${parts.join(", ") || "never"}. CPU demand full, memory dashed.` }),
      loadPicture(run, host, end),
      html("p", { class: "small", text: stays.length ? `Now on board, ${plural(stays.length, "job", "jobs")}:` : "Nothing is on board now." }),
      html("p", {}, stays.slice(0, 60).map((s) => button(jobs[s.job].name, () => player.look({ job: s.job, side: which }), { class: `chip app${Math.min(jobs[s.job].app, APP_COLOURS)}` }))),
      stays.length > 60 && html("p", { class: "small", text: `and ${stays.length - 60} more` }),
      html("details", {}, [html("summary", { text: plural(events.length, "event", "events") }), ...listed(events, (e) => eventRow(player, which, e, "host"))]),
    ]);
  });
  return {
    title: `Host ${it.name}`,
    body: [html("p", { text: `${coresText(it.cpu)}, ${bytesText(it.memory)} for jobs.` }), html("div", { class: "two" }, sides)],
    follows: true,
    run,
  };
}

function aboutDecision(player, { decision, side }) {
  const { hosts, jobs, every } = player.record;
  const { run } = player.sides[side];
  const job = jobs[decision.job];
  const rows = hosts.map((host) => {
    const there = staysBefore(run, host.i, decision.i);
    const sum = (what) => there.reduce((n, s) => n + jobs[s.job][what], 0);
    const [cpu, memory] = [sum("cpu"), sum("memory")];
    return {
      host, jobs: there.length, same: there.filter((s) => jobs[s.job].app === job.app).length,
      cpu: (1000 * cpu) / Math.max(1, host.cpu), memory: (1000 * memory) / Math.max(1, host.memory),
      fits: cpu + job.cpu <= host.cpu && memory + job.memory <= host.memory, up: hostAt(run, host.i, decision.at).up,
    };
  }).filter((row) => row.up);
  const taken = rows.find((row) => row.host.i === decision.host);
  rows.sort((a, b) => a.jobs - b.jobs || a.host.i - b.host.i);
  const shown = rows.slice(0, DECISION_ROWS);
  if (taken && !shown.includes(taken)) shown.splice(DECISION_ROWS - 1, 1, taken);
  const cells = (row) => [count(row.jobs), count(row.same), share(row.cpu), share(row.memory), row.fits ? "yes" : "no"];
  const lines = shown.map((row) => html("tr", row === taken ? { class: "lead" } : {}, [
    html("th", { scope: "row", text: row.host.name + (row === taken ? " \u2190 taken" : "") }), ...cells(row).map((text) => html("td", { text })),
  ]));
  const told = run.explained.filter((x) => x.job === decision.job && x.host === decision.host && x.at <= decision.at).slice(-1);
  const rest = rows.length - shown.length;
  return {
    title: `Why ${job.name} went to ${hosts[decision.host].name}`,
    body: [
      html("p", { text: `${run.name} at ${exactTime(decision.at)}. Its rule: ${run.rule}.` }),
      html("p", { text: `${job.name} asks for ${coresText(job.cpu)} and ${bytesText(job.memory)}${ofApp(player, job)}. What lay on the hosts that were up, by what was asked for`
        + `${every > 1 ? ` (of the jobs shown: every ${every}th)` : ""}; a control plane may have known less.` }),
      table(["Host", "Jobs", "Of its app", "CPU asked for", "Memory asked for", "It fits"], lines, "Hosts at the decision"),
      rest > 0 && html("p", { class: "small", text: `${count(rest)} more hosts; those with the fewest jobs are shown.` }),
      ...told.map((x) => html("pre", { text: x.text })),
      html("p", {}, [button(`The life of ${job.name}`, () => player.look({ job: job.i, side }), { class: "link" })]),
    ],
  };
}

function makeLog(player) {
  let from = null;
  const back = button("Back", () => (from && from.isConnected && from !== document.body ? from.focus() : player.home()), { hidden: true, class: "back" });
  const title = html("h3", { tabindex: -1, text: "Log book" });
  const body = html("div");
  const element = html("section", { class: "log", "aria-label": "Log book" }, [back, title, body]);
  const empty = () => body.replaceChildren(html("p", { class: "small", text: "Choose a vessel, a piece of cargo, or a decision (\u201cWhy there?\u201d)." }));
  let following = null;
  function show(what) {
    const page = what.decision ? aboutDecision(player, what) : what.job !== undefined ? aboutJob(player, what) : aboutHost(player, what);
    title.textContent = page.title;
    body.replaceChildren(...page.body.filter(Boolean));
    following = page.follows ? what : null;
  }
  empty();
  return {
    element,
    show(what) {
      if (!element.contains(document.activeElement)) from = document.activeElement;
      back.hidden = false;
      show(what);
      const box = title.getBoundingClientRect();
      if (box.top > window.innerHeight - 120 || box.top < 0) title.scrollIntoView({ block: "center" });
      title.focus({ preventScroll: true });
    },
    // What is on board changes with time; what is open stays open.
    refresh() {
      if (!following || player.clock.playing) return;
      const open = [...body.querySelectorAll("details")].map((d) => d.open);
      show(following);
      body.querySelectorAll("details").forEach((d, i) => (d.open = open[i]));
    },
  };
}
