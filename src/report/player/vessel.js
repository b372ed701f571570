// A host as a vessel: its holds loaded with what jobs asked for, the water as high as what they demand now. The line through
// the circle is the Plimsoll line: all that the host has.

const LINE = 46;
const KEEL = 98;
const DECK = 14;
const SCALE = KEEL - LINE;
const HOLDS = [{ what: "cpu", x: 26 }, { what: "memory", x: 72 }];
const HOLD_WIDTH = 34;
const HULL = "M3,11 H21 V15 H110 L131,5 Q125,40 117,78 Q112,106 98,106 H30 Q19,106 16,92 L10,46 Q4,38 3,11 Z";
const BRIDGE = "M5,11 V2 H18 V11 M8,5 h2 v2 h-2 z M13,5 h2 v2 h-2 z";
// Apps beyond these share one colour.
const APP_COLOURS = 7;

const level = (permille) => Math.max(DECK - 6, KEEL - (SCALE * permille) / 1000);

function makeVessel(player, side, host) {
  const { hosts, jobs } = player.record;
  const it = hosts[host];
  const water = svg("rect", { x: 0, width: 132, class: "water" });
  const front = svg("rect", { x: 0, width: 132, class: "front" });
  const excess = svg("rect", { x: 0, width: 132, class: "excess" });
  const hull = svg("path", { d: HULL, class: "hull" });
  const cargo = svg("g");
  const demand = HOLDS.map(({ x }) => svg("path", { class: "demand", d: `M${x - 4},0 h${HOLD_WIDTH + 8}` }));
  const holds = HOLDS.map(({ x }) => svg("path", { class: "hold", d: `M${x},${DECK} V${KEEL} h${HOLD_WIDTH} V${DECK}` }));
  const line = svg("g", { class: "line" }, [
    svg("path", { d: `M6,${LINE} H124` }), svg("circle", { cx: 66, cy: LINE, r: 5 }), svg("path", { d: `M58,${LINE} h16` }),
  ]);
  const ship = svg("g", {}, [svg("path", { d: BRIDGE, class: "hull" }), hull, ...holds, cargo, line, ...demand]);
  const overboard = svg("text", { x: 66, y: 17, class: "overboard" });
  const picture = svg("svg", { viewBox: "0 0 132 112", "aria-hidden": "true" }, [water, ship, excess, front, overboard]);
  const name = button(it.name, () => player.look({ host, side }), { class: "name" });
  const loads = HOLDS.map(() => html("span"));
  const news = html("span", { class: "news" });
  const element = html("div", { class: "vessel" }, [picture, name, html("div", { class: "loads" }, loads), news]);
  picture.addEventListener("click", (e) => {
    const job = e.target.getAttribute("data-job");
    player.look(job === null ? { host, side } : { job: Number(job), side });
  });

  let drawn = "";
  function load(stays) {
    const key = stays.map((s) => s.job + (s.runs ? "r" : "b")).join() + "/" + player.chosenJob();
    if (key === drawn) return;
    drawn = key;
    cargo.replaceChildren();
    for (const { what, x } of HOLDS) {
      let y = KEEL;
      for (const stay of stays) {
        const job = jobs[stay.job];
        const height = Math.max(0.5, (SCALE * job[what]) / Math.max(1, it[what]));
        y -= height;
        if (y < DECK - 8) break;
        const chosen = stay.job === player.chosenJob();
        cargo.append(svg("rect", {
          x: x + 1, y: y.toFixed(2), width: HOLD_WIDTH - 2, height: height.toFixed(2), "data-job": stay.job,
          class: `cargo app${Math.min(job.app, APP_COLOURS)}${stay.runs ? "" : " booked"}${height < 3 ? " thin" : ""}${chosen ? " chosen" : ""}`,
        }, [svg("title", { text: `${job.name}: ${coresText(job.cpu)}, ${bytesText(job.memory)}${stay.runs ? "" : " (placed, not started)"}` })]));
      }
    }
  }

  return {
    element,
    host,
    name,
    update(run, t) {
      const state = hostAt(run, host, t);
      const over = state.over.length > 0;
      const top = state.up ? level(Math.max(state.cpu, state.memory)) : 26;
      for (const sea of [water, front]) {
        sea.setAttribute("y", top);
        sea.setAttribute("height", 112 - top);
      }
      excess.setAttribute("y", top);
      excess.setAttribute("height", over && state.up ? Math.max(3, LINE - top) : 0);
      load(state.up ? staysAt(run, host, t) : []);
      [state.cpu, state.memory].forEach((load, i) => demand[i].setAttribute("transform", `translate(0 ${level(load)})`));
      element.classList.toggle("over", over && state.up);
      element.classList.toggle("down", !state.up);
      element.classList.toggle("silent", state.up && state.lost);
      ship.setAttribute("transform", state.up ? "" : "translate(4 26) rotate(-8 66 60)");
      loads[0].textContent = state.up ? `CPU ${share(state.cpu)}` : `down${state.cause ? `: ${state.cause}` : ""}`;
      loads[1].textContent = state.up ? `mem ${share(state.memory)}` : "";
      const notes = [];
      if (state.up && over) notes.push(`${MARKS.over} over in ${state.over.map(resource).join(" and ")}`);
      if (state.up && state.thrash) notes.push("thrashes");
      if (state.lost) notes.push("lost to the control plane");
      const recent = player.recent(run, t).filter((e) => e.host === host);
      const bad = recent.filter((e) => isTrouble(e) && e.kind !== "goes-over");
      const shown = bad.length ? bad : recent.filter((e) => e.kind === "placed" || e.kind === "started" || e.kind === "host-up");
      if (shown.length) {
        const e = shown[shown.length - 1];
        const who = e.job >= 0 ? `${jobs[e.job].name} ` : "";
        const what = e.kind === "ended" && SHORT[e.detail] ? SHORT[e.detail] : newsText(e, "");
        notes.push(`${markOf(e)} ${who}${what}`.trim() + (shown.length > 1 ? ` (+${shown.length - 1})` : ""));
      }
      overboard.textContent = [...new Set(bad.map(markOf))].join("");
      news.textContent = notes.join("; ");
      news.title = news.textContent;
      element.classList.toggle("struck", bad.length > 0);
    },
  };
}
