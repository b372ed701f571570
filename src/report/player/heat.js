// All hosts at once, a cell each, when there are too many for vessels. A cell of a big cluster is the worst of some hosts.

// Cells at most, and the steps of load at which the colour changes.
const CELLS_MAX = 24000;
const STEPS = [1, 250, 500, 750, 1000];

function cellShade(state) {
  if (!state.up) return "away";
  if (state.over.length) return Math.max(state.cpu, state.memory) > 1500 ? "over2" : "over1";
  return `load${STEPS.filter((step) => Math.max(state.cpu, state.memory) >= step).length}`;
}

// What the colours mean.
const HEAT_KEY = [["load0", "idle"], ["load1", "some load"], ["load2", "from 25 %"], ["load3", "from 50 %"], ["load4", "from 75 %"],
  ["over1", "over the line (a dot)"], ["over2", "beyond 150 %"], ["away", "down (a stroke)"]];

// From the best to the worst.
const RANK = ["load0", "load1", "load2", "load3", "load4", "load5", "away", "over1", "over2"];

function makeHeat(player, side) {
  const hosts = player.record.hosts;
  const each = Math.ceil(hosts.length / CELLS_MAX);
  const cells = Math.ceil(hosts.length / each);
  const canvas = html("canvas", { tabindex: 0, role: "application", class: "heat",
    "aria-label": "All hosts, a cell each. Arrow keys move from host to host, Enter looks at a host and those around it." });
  const said = html("p", { class: "small", role: "status" });
  const key = html("p", { class: "legend small" }, HEAT_KEY.map(([shade, text]) =>
    html("span", {}, [html("i", { class: `swatch ${shade}` }), html("span", { text })])));
  const element = html("div", {}, [canvas, key, said]);
  let [columns, cell, at, run, t] = [1, 1, -1, null, 0];

  function measure() {
    const width = canvas.clientWidth || 480;
    // As large as fits about 260 points of height.
    cell = Math.max(3, Math.min(22, Math.floor(Math.sqrt((width * 260) / cells))));
    columns = Math.max(1, Math.floor(width / cell));
    const ratio = window.devicePixelRatio || 1;
    const height = Math.ceil(cells / columns) * cell;
    canvas.style.height = `${height}px`;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.getContext("2d").setTransform(ratio, 0, 0, ratio, 0, 0);
  }

  function worst(i) {
    let found = null;
    for (let host = i * each; host < Math.min(hosts.length, (i + 1) * each); host++) {
      const shade = cellShade(hostAt(run, host, t));
      if (!found || RANK.indexOf(shade) > RANK.indexOf(found)) found = shade;
    }
    return found;
  }

  function draw() {
    if (!run) return;
    measure();
    const pen = canvas.getContext("2d");
    const style = getComputedStyle(canvas);
    const ink = Object.fromEntries(RANK.map((shade) => [shade, style.getPropertyValue(`--${shade}`)]));
    const text = style.getPropertyValue("--text");
    pen.clearRect(0, 0, canvas.width, canvas.height);
    const gap = cell > 5 ? 1 : 0;
    for (let i = 0; i < cells; i++) {
      const [x, y] = [(i % columns) * cell, Math.floor(i / columns) * cell];
      const shade = worst(i);
      pen.fillStyle = ink[shade];
      pen.fillRect(x, y, cell - gap, cell - gap);
      pen.strokeStyle = text;
      pen.lineWidth = 1;
      // Not by colour alone: over the line has a dot, down a stroke.
      if (shade.startsWith("over") && cell > 5) {
        pen.fillStyle = text;
        pen.fillRect(x + cell / 2 - 1.5, y + cell / 2 - 1.5, 2, 2);
      } else if (shade === "away" && cell > 5) {
        pen.beginPath();
        pen.moveTo(x + 1, y + cell - 2);
        pen.lineTo(x + cell - 2, y + 1);
        pen.stroke();
      }
    }
    for (const e of player.recent(run, t).filter((e) => e.host >= 0 && isTrouble(e) && e.kind !== "goes-over")) {
      const i = Math.floor(e.host / each);
      pen.strokeStyle = text;
      pen.lineWidth = 2;
      pen.strokeRect((i % columns) * cell, Math.floor(i / columns) * cell, cell - 1, cell - 1);
    }
    if (at >= 0) {
      pen.strokeStyle = text;
      pen.lineWidth = 2;
      pen.strokeRect((at % columns) * cell, Math.floor(at / columns) * cell, cell, cell);
    }
  }

  function say() {
    if (at < 0 || !run) return;
    const host = at * each;
    const state = hostAt(run, host, t);
    const more = each > 1 ? ` and ${each - 1} more` : "";
    said.textContent = `${hosts[host].name}${more}: ${state.up ? `CPU ${share(state.cpu)}, memory ${share(state.memory)}` : "down"}`
      + (state.over.length ? `, over the line in ${state.over.map(resource).join(" and ")}` : "");
  }

  function point(e) {
    const box = canvas.getBoundingClientRect();
    const i = Math.floor((e.clientY - box.top) / cell) * columns + Math.floor((e.clientX - box.left) / cell);
    at = i >= 0 && i < cells && e.clientX - box.left < columns * cell ? i : -1;
    draw();
    say();
  }

  canvas.addEventListener("pointermove", point);
  canvas.addEventListener("click", (e) => {
    point(e);
    if (at >= 0) player.zoom(at * each, side);
  });
  canvas.addEventListener("keydown", (e) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[e.key];
    if (step) {
      at = Math.max(0, Math.min(cells - 1, at + step));
      draw();
      say();
    } else if (e.key === "Enter" && at >= 0) player.zoom(at * each, side);
    else return;
    e.preventDefault();
    e.stopPropagation();
  });
  window.addEventListener("resize", draw);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  if (each > 1) said.textContent = `A cell is the worst of ${each} hosts that follow each other by name.`;
  return {
    element,
    update(newRun, newT) {
      [run, t] = [newRun, newT];
      draw();
      say();
    },
  };
}
