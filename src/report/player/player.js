// The player: two runs on one clock. Its data stand in the page; nothing is fetched, nothing from input becomes markup.

function start(root, data) {
  const record = readRecord(data);
  if (!record.names.length) return;
  const clock = makeClock(record.end);
  const shown = data.shown.slice();
  const glow = record.end / 150;
  let chosen = -1;
  const player = {
    record,
    clock,
    sides: [],
    chosenJob: () => chosen,
    // What happened a moment ago.
    recent(run, t) {
      const events = [];
      for (let i = lastUpTo(run.times, t); i >= 0 && (run.times[i] === t || run.times[i] > t - glow); i--) events.unshift(run.events[i]);
      return events;
    },
    look(what) {
      chosen = what.job !== undefined ? what.job : what.decision ? what.decision.job : -1;
      clock.playing = false;
      log.show(what);
      clock.tell();
    },
    home() {
      harbours[0].element.scrollIntoView({ block: "nearest" });
      play.focus({ preventScroll: true });
    },
    choose(side, run) {
      shown[side] = run;
      settle();
      clock.tell();
    },
    zoom(host, side) {
      const first = Math.min(host - (host % ZOOM), Math.max(0, record.hosts.length - ZOOM));
      open(record.hosts.slice(first, first + ZOOM).map((h) => h.i), `${record.hosts[first].name} and those after it`);
      if (side !== undefined) player.look({ host, side });
    },
  };

  const slider = html("input", { type: "range", min: 0, max: 10000, step: 1, "aria-label": "Time", oninput: () => clock.seek((slider.value / 10000) * record.end) });
  const play = button("Play", clock.toggle, { class: "play", "aria-keyshortcuts": "Space" });
  const time = html("output", { class: "time" });
  const pace = html("select", { "aria-label": "Speed", onchange: () => (clock.pace = Number(pace.value)) },
    PACES.map((s) => html("option", { value: s, text: `${spanOf(record.end / s)} a second`, selected: s === clock.pace })));
  const said = html("p", { class: "unseen", role: "status" });
  const controls = html("div", { class: "controls" }, [
    play,
    button("\u25c2 event", () => step(-1), { title: "Event before (Shift+E)" }),
    button("event \u25b8", () => step(1), { title: "Next event (E)", class: "next" }),
    button("next trouble", trouble, { title: "Next kill, eviction, loss, or host over the line (T)" }),
    time, pace,
  ]);
  const zoomed = html("p", { class: "zoomed", hidden: true });
  const harbours = [0, 1].slice(0, record.names.length).map((side) => makeHarbour(player, side));
  const strips = harbours.map(() => makeStrip(player));
  const log = makeLog(player);

  function open(hosts, what) {
    for (const harbour of harbours) harbour.show(hosts);
    zoomed.replaceChildren();
    put(zoomed, {}, [html("span", { text: hosts.length ? `Shown as vessels: ${what}. ` : "A cell is a host. Choose one to see it and its neighbours as vessels. " }),
      hosts.length ? button("only the map", () => { open([], ""); clock.tell(); }) : null,
      button("the worst now, left", () => { open(worst(0), `the ${ZOOM} with the most load now, left`); clock.tell(); })]);
    zoomed.querySelectorAll("button").forEach((b) => b.classList.add("link"));
  }

  function worst(side) {
    const { run } = player.sides[side];
    const rank = (host) => {
      const state = hostAt(run, host, clock.t);
      return Math.max(state.cpu, state.memory) + (state.up ? 0 : 1e9);
    };
    return record.hosts.map((h) => [rank(h.i), h.i]).sort((a, b) => b[0] - a[0] || a[1] - b[1]).slice(0, ZOOM).map(([, i]) => i);
  }

  function settle() {
    player.sides = harbours.map((_, side) => ({ run: record.run(shown[side]) }));
    const most = Math.max(1, ...player.sides.map(({ run }, side) => strips[side].most(run)));
    player.sides.forEach(({ run }, side) => {
      strips[side].draw(run, most);
      harbours[side].forget();
    });
  }

  // The first moment after now, or the last before it, at which something happens in either run.
  function moment(side, direction, t) {
    const times = player.sides[side].run.times;
    let i = direction > 0 ? lastUpTo(times, t) + 1 : lastUpTo(times, t - 1);
    const events = player.sides[side].run.events;
    while (events[i] && events[i].kind === "heartbeats") i += direction;
    return i >= 0 && i < times.length ? times[i] : null;
  }
  function step(direction) {
    const found = player.sides.map((_, side) => moment(side, direction, Math.floor(clock.t))).filter((t) => t !== null);
    if (found.length) go(direction > 0 ? Math.min(...found) : Math.max(...found));
  }
  function trouble() {
    const found = player.sides.map(({ run }) => run.troubles.find((e) => e.at > clock.t)).filter(Boolean).map((e) => e.at);
    if (found.length) go(Math.min(...found));
    else said.textContent = "No further trouble.";
  }
  function go(t) {
    clock.playing = false;
    clock.seek(t);
    const { jobs, hosts } = record;
    const tell = (e) => `${e.job >= 0 ? `${jobs[e.job].name} ` : ""}${newsText(e, e.host >= 0 ? hosts[e.host].name : "")}`;
    said.textContent = `${exactTime(t)}. ` + player.sides.map(({ run }) => {
      const events = run.events.slice(lastUpTo(run.times, t - 1) + 1, lastUpTo(run.times, t) + 1).filter((e) => e.kind !== "heartbeats");
      return events.length ? `${run.name}: ${events.slice(0, 3).map(tell).join(", ")}${events.length > 3 ? ` and ${events.length - 3} more` : ""}.` : "";
    }).join(" ");
  }

  clock.listen(() => {
    slider.value = Math.round((clock.t / record.end) * 10000);
    slider.setAttribute("aria-valuetext", clockTime(clock.t));
    time.textContent = `${clock.playing ? clockTime(clock.t) : exactTime(clock.t)} of ${clockTime(record.end)}`;
    play.textContent = clock.playing ? "Pause" : "Play";
    harbours.forEach((harbour, side) => harbour.update(player.sides[side].run, shown[side], clock.t));
    strips.forEach((strip) => strip.update(clock.t));
    log.refresh();
  });

  root.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.target.closest("select, summary, a")) return;
    const arrows = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
    // A button that has the focus is pressed by space.
    if (e.key === " " && e.target.closest("button")) return;
    if (e.key === " ") clock.toggle();
    else if (e.key === "e" || e.key === "E") step(e.shiftKey ? -1 : 1);
    else if (e.key === "t") trouble();
    else if (e.key === "Home") clock.seek(0);
    else if (e.key === "End") clock.seek(record.end);
    else if (arrows) clock.seek(clock.t + (arrows * record.end) / 200);
    else return;
    e.preventDefault();
  });

  // The apps with most jobs have colours; those of one job have no name.
  const named = record.apps.slice(0, APP_COLOURS).map((name, i) => [name || `app ${i + 1}`, i]);
  if (record.apps.length > APP_COLOURS) named.push([plural(record.apps.length - APP_COLOURS, "other app", "other apps"), APP_COLOURS]);
  const legend = html("p", { class: "legend small" }, named.map(([name, i]) =>
    html("span", {}, [html("i", { class: `swatch app${i}` }), html("span", { text: name })])));
  root.replaceChildren(
    html("div", { class: "bridge", tabindex: -1 }, [controls, slider, html("div", { class: "strips" }, strips.map((strip) => strip.element))]),
    html("p", { class: "small keys", text: "Space plays, arrows move, E next event (Shift+E back), T next trouble. Bars in the strip: hosts over the line; ticks: kills, evictions, losses." }),
    legend, zoomed,
    html("div", { class: "harbours" }, harbours.map((harbour) => harbour.element)), log.element, said,
  );
  root.hidden = false;
  zoomed.hidden = record.hosts.length <= VESSELS_MAX;
  settle();
  if (!zoomed.hidden) open([], "");
  clock.tell();
  root.dataset.ready = "yes";
}

start(document.getElementById("player"), JSON.parse(document.getElementById("player-data").textContent));
