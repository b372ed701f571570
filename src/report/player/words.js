// Figures as a reader likes them.

const SECOND = 1e6;

function clockTime(us) {
  const s = Math.floor(us / SECOND);
  const pad = (n) => String(n).padStart(2, "0");
  const day = Math.floor(s / 86400);
  return (day ? `${day} d ` : "") + `${pad(Math.floor(s / 3600) % 24)}:${pad(Math.floor(s / 60) % 60)}:${pad(s % 60)}`;
}

// With what is left below a second, where an event is shown.
function exactTime(us) {
  const ms = Math.floor((us % SECOND) / 1000);
  return clockTime(us) + (ms ? `.${String(ms).padStart(3, "0")}` : "");
}

function spanOf(us) {
  const s = us / SECOND;
  const both = (n, unit, rest, smaller) => `${n} ${unit}` + (rest ? ` ${rest} ${smaller}` : "");
  if (s < 1) return `${Number((s * 1000).toPrecision(3))} ms`;
  if (s < 120) return `${Number(s.toPrecision(3))} s`;
  if (s < 7200) return both(Math.floor(s / 60), "min", Math.floor(s % 60), "s");
  if (s < 172800) return both(Math.floor(s / 3600), "h", Math.floor((s % 3600) / 60), "min");
  return `${Number((s / 86400).toPrecision(3))} d`;
}

// In one unit, for where there is little room.
function shortSpan(us) {
  const s = us / SECOND;
  const [size, unit] = s < 120 ? [1, "s"] : s < 7200 ? [60, "min"] : s < 172800 ? [3600, "h"] : [86400, "d"];
  return `${Number((s / size).toPrecision(2))} ${unit}`;
}

function bytesText(n) {
  for (const [unit, size] of [["TiB", 2 ** 40], ["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]]) {
    if (n >= size) return `${Number((n / size).toPrecision(3))} ${unit}`;
  }
  return `${n} B`;
}

const coresText = (milli) => (milli >= 1000 ? `${Number((milli / 1000).toPrecision(3))} CPU` : `${milli}m CPU`);
const share = (permille) => `${Math.round(permille / 10)}\u00a0%`;
const count = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, ",");
const plural = (n, one, many) => `${count(n)} ${n === 1 ? one : many}`;
