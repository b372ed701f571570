// One run at the time of the clock: its sums, its hosts, its quay, what just happened.

// More hosts than this are a heat map, which opens into so many vessels.
const VESSELS_MAX = 40;
const ZOOM = 12;
const QUAY_MAX = 18;
const NEWS_MAX = 6;

// Sums so far, under the names they have in summary.json, but for the first three, which are of now.
const TALLIES = [
  ["running", "running"], ["waiting", "waiting"], ["over", "over now"],
  ["cpu_overloaded_host_seconds", "CPU over"], ["memory_overloaded_host_seconds", "mem over"],
  ["oom_kills", "OOM kills"], ["evictions", "evicted"], ["hosts_down", "hosts fell"], ["start_failed", "no start"], ["jobs_finished", "finished"],
];
const QUIET = ["running", "jobs_finished"];

// The time that hosts were over their line in `what`, from the end of the warm-up to `t`, in microseconds.
function overUntil(run, what, from, t) {
  let sum = 0;
  for (const rows of run.over) {
    for (const row of rows) if (row.what === what) sum += Math.max(0, Math.min(t, row.to) - Math.max(from, row.from));
  }
  return sum;
}

function makeHarbour(player, side) {
  const { record } = player;
  const many = record.hosts.length > VESSELS_MAX;
  const choice = html("select", { "aria-label": side ? "Run on the right" : "Run on the left",
    onchange: () => player.choose(side, Number(choice.value)) },
    record.names.map((name, i) => html("option", { value: i, text: name })));
  const cells = Object.fromEntries(TALLIES.map(([key]) => [key, html("dd", { "data-tally": key })]));
  const tally = html("dl", { class: "tally" }, TALLIES.map(([key, label]) => html("div", {}, [html("dt", { text: label }), cells[key]])));
  const grid = html("div", { class: "vessels" });
  const heat = many ? makeHeat(player, side) : null;
  const quay = html("div", { class: "quay" });
  const news = html("ol", { class: "events" });
  const element = html("section", { class: "harbour", "aria-label": side ? "Right" : "Left" }, [
    html("div", { class: "which" }, [choice]), tally, heat && heat.element, grid, quay, html("h4", { text: "Just now" }), news,
  ]);
  let vessels = [];
  let quayKey = "";
  let newsKey = "";

  function show(hosts) {
    vessels = hosts.map((host) => makeVessel(player, side, host));
    grid.replaceChildren(...vessels.map((v) => v.element));
    // One of them is a stop of the tab key; arrows go on from there.
    vessels.forEach((v, i) => {
      v.name.tabIndex = i ? -1 : 0;
      v.name.addEventListener("keydown", (e) => {
        const across = Math.max(1, Math.round(grid.clientWidth / vessels[0].element.clientWidth));
        const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across }[e.key];
        const to = step && vessels[i + step];
        if (!step) return;
        e.preventDefault();
        e.stopPropagation();
        if (!to) return;
        v.name.tabIndex = -1;
        to.name.tabIndex = 0;
        to.name.focus();
      });
    });
  }

  function updateQuay(run, t, waits) {
    const found = [];
    let left = waits;
    for (let job = 0; left > 0 && job < record.jobs.length && found.length < QUAY_MAX; job++) {
      if (waitsAt(run, job, t)) {
        found.push(job);
        left--;
      }
    }
    const key = `${found.join()}/${waits}`;
    if (key === quayKey) return;
    quayKey = key;
    const chips = found.map((job) => button(record.jobs[job].name, () => player.look({ job, side }), { class: `chip app${Math.min(record.jobs[job].app, APP_COLOURS)}` }));
    const more = waits - found.length;
    quay.replaceChildren(html("span", { class: "small", text: waits ? "On the quay: " : "Nobody waits on the quay." }), ...chips,
      ...(more > 0 ? [html("span", { class: "small", text: ` and ${count(more)} more` })] : []));
  }

  function updateNews(run, t) {
    const last = lastUpTo(run.times, t);
    if (`${last}` === newsKey) return;
    newsKey = `${last}`;
    const rows = [];
    for (let i = last; i >= 0 && rows.length < NEWS_MAX; i--) {
      if (run.events[i].kind !== "heartbeats") rows.push(eventRow(player, side, run.events[i]));
    }
    news.replaceChildren(...rows);
  }

  if (!many) show(record.hosts.map((host) => host.i));
  return {
    element,
    show,
    forget() {
      quayKey = newsKey = "";
    },
    update(run, chosen, t) {
      choice.value = chosen;
      const sums = tallyAt(run, t);
      sums.over = run.over.reduce((n, rows) => n + (rows.some((row) => row.from <= t && t < row.to) ? 1 : 0), 0);
      for (const what of ["cpu", "memory"]) sums[`${what}_overloaded_host_seconds`] = overUntil(run, what, record.warmUp, t) / SECOND;
      for (const [key] of TALLIES) {
        const sum = sums[key] || 0;
        cells[key].textContent = key.endsWith("_seconds") ? (sum ? shortSpan(sum * SECOND) : "0") : count(sum);
        if (key.endsWith("_seconds")) cells[key].title = `${spanOf(sum * SECOND)}, summed over hosts`;
        cells[key].dataset.value = sum;
        cells[key].parentNode.classList.toggle("some", sum > 0 && !QUIET.includes(key));
      }
      if (heat) heat.update(run, t);
      for (const vessel of vessels) vessel.update(run, t);
      updateQuay(run, t, sums.waiting || 0);
      updateNews(run, t);
    },
  };
}

// Whether the job has arrived, is not over, and runs nowhere.
function waitsAt(run, job, t) {
  let here = false;
  const runs = new Set();
  for (const e of run.eventsOfJob[job]) {
    if (e.at > t) break;
    if (e.kind === "arrived") here = true;
    else if (e.kind === "started") runs.add(e.attempt);
    else if (e.kind === "ended") {
      runs.delete(e.attempt);
      if (e.detail === "finished" || e.detail === "removed") here = false;
    } else if (e.kind === "finished" || e.kind === "removed" || e.kind === "gave-up") here = false;
  }
  return here && runs.size === 0;
}

// A row of a list of events: its time goes there, its job and its host open, its decision is explained.
function eventRow(player, side, e, about) {
  const { jobs, hosts } = player.record;
  const parts = [button(exactTime(e.at), () => player.clock.seek(e.at), { class: "when", title: "Go to this moment" })];
  if (markOf(e)) parts.push(html("span", { class: "mark", text: markOf(e) }));
  if (e.job >= 0 && about !== "job") parts.push(button(jobs[e.job].name, () => player.look({ job: e.job, side }), { class: "link" }));
  const host = e.host >= 0 && about !== "host" ? hosts[e.host].name : "";
  parts.push(html("span", { text: newsText(e, host) }));
  if (e.kind === "placed") parts.push(button("Why there?", () => player.look({ decision: e, side }), { class: "link why" }));
  return html("li", isTrouble(e) ? { class: "trouble" } : {}, parts);
}
