// The whole run in one strip: how many hosts are over the line, and below it when something went wrong.

const COLUMNS = 200;
const STRIP_HEIGHT = 24;

function makeStrip(player) {
  const { end, hosts } = player.record;
  const playhead = svg("path", { class: "playhead" });
  const picture = svg("svg", { viewBox: `0 0 ${COLUMNS} ${STRIP_HEIGHT + 8}`, preserveAspectRatio: "none", class: "strip", role: "img" });
  const label = html("span", { class: "strip-name" });
  const element = html("div", { class: "strip-row" }, [label, picture]);
  const at = (t) => Math.min(COLUMNS - 1, Math.floor((t / end) * COLUMNS));
  picture.addEventListener("click", (e) => {
    const box = picture.getBoundingClientRect();
    player.clock.seek(((e.clientX - box.left) / box.width) * end);
  });

  // Hosts over the line in each column.
  function overIn(run) {
    const over = new Array(COLUMNS).fill(0);
    for (const rows of run.over) {
      const touched = new Set();
      for (const row of rows) for (let i = at(row.from); i <= at(Math.max(row.from, row.to - 1)); i++) touched.add(i);
      for (const i of touched) over[i]++;
    }
    return over;
  }

  // `most` is what a bar of full height stands for, the same for both runs.
  function draw(run, most) {
    const over = overIn(run);
    const wrong = new Array(COLUMNS).fill(0);
    for (const e of run.troubles) if (e.kind !== "goes-over") wrong[at(e.at)] += e.kind === "repeats" ? e.times : 1;
    const parts = [svg("path", { class: "rail", d: `M0,${STRIP_HEIGHT} H${COLUMNS}` })];
    let bars = `M0,${STRIP_HEIGHT}`;
    over.forEach((n, i) => (bars += `H${i}V${(STRIP_HEIGHT - ((STRIP_HEIGHT - 2) * n) / most).toFixed(2)}`));
    parts.push(svg("path", { class: "over-bar", d: `${bars}H${COLUMNS}V${STRIP_HEIGHT}Z` }));
    wrong.forEach((n, i) => {
      if (n) parts.push(svg("rect", { x: i - 0.2, y: STRIP_HEIGHT + 2, width: 1.4, height: 6, class: "wrong", "fill-opacity": Math.min(1, 0.45 + Math.log10(n) / 3) }));
    });
    picture.replaceChildren(svg("title", { text: `${run.name}: hosts over the line (bars, ${Math.max(...over)} of ${hosts.length} at most) and ${plural(run.troubles.length, "trouble", "troubles")} (ticks)` }), ...parts, playhead);
    label.textContent = `${run.name}: ${Math.max(...over) ? `at most ${count(Math.max(...over))} of ${plural(hosts.length, "host", "hosts")} over the line` : "no host over the line"}`;
    label.title = label.textContent;
  }

  return {
    element,
    draw,
    most: (run) => Math.max(...overIn(run)),
    update: (t) => playhead.setAttribute("d", `M${((t / end) * COLUMNS).toFixed(2)},0 V${STRIP_HEIGHT + 8}`),
  };
}
