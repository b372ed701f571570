// The record of the runs, unpacked. Columns are numbers in base 64 (five bits a digit, the sixth says that more follow),
// times are differences to the row before, names stand once. docs/outputs.md describes it.

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const DIGIT = new Map([...DIGITS].map((c, i) => [c, i]));

// Reads one number after the other. A number may be beyond 32 bits, so no shifts.
function column(text) {
  let at = 0;
  const next = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 32) {
      const digit = DIGIT.get(text[at++]);
      if (digit === undefined) throw new Error("a column of the record ends too early");
      value += (digit % 32) * scale;
      if (digit < 32) return value;
    }
  };
  const signed = () => {
    const n = next();
    return n % 2 ? -(n + 1) / 2 : n / 2;
  };
  return { next, signed, more: () => at < text.length };
}

function numbers(text) {
  const from = column(text);
  const all = [];
  while (from.more()) all.push(from.next());
  return all;
}

// The last place in `times` that is not after `t`; -1 if all are.
function lastUpTo(times, t) {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] <= t) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

const END_OF_TIME = Infinity;
const FORCED = new Set(["oom-limit", "oom-host", "evicted-node-pressure", "evicted-taint", "evicted-api", "evicted-preemption",
  "host-down", "host-left", "start-failed", "daemon-died", "exited"]);

function readEvents(data, run) {
  const columns = Object.fromEntries(Object.entries(run.events).filter(([, text]) => typeof text === "string")
    .map(([name, text]) => [name, column(text)]));
  const kinds = data.event_kinds.map((row) => row.split(":"));
  const attempts = new Map();
  const events = [];
  let at = 0;
  let job = 0;
  for (let i = 0; i < run.events.count; i++) {
    const [kind, fields] = kinds[columns.kind.next()];
    at += columns.at.next();
    const event = { i, at, kind, job: -1, host: -1, detail: "", attempt: 0, times: 0 };
    for (const field of fields) {
      if (field === "j") event.job = job += columns.job.signed();
      else if (field === "h") event.host = columns.host.next();
      else if (field === "d") event.detail = data.words[columns.detail.next()];
      else if (field === "t") event.times = columns.times.next();
      else if (field === "n") {
        event.attempt = (attempts.get(event.job) || 0) + columns.attempt.signed();
        attempts.set(event.job, event.attempt);
      }
    }
    events.push(event);
  }
  return events;
}

// What lay on each host from when to when: bookings until they start, attempts until they end.
function stays(data, events, hosts, jobs) {
  const onHost = Array.from({ length: hosts }, () => []);
  const ofJob = Array.from({ length: jobs }, () => []);
  const booked = new Map();
  const live = new Map();
  const attemptKey = (e) => e.job * 65536 * 1024 + e.attempt;
  const begin = (e, runs) => {
    const stay = { job: e.job, host: e.host, from: e.at, first: e.i, to: END_OF_TIME, last: END_OF_TIME, runs, why: "", attempt: e.attempt };
    onHost[e.host].push(stay);
    ofJob[e.job].push(stay);
    return stay;
  };
  const close = (stay, e) => Object.assign(stay, { to: e.at, last: e.i });
  const unbook = (e) => {
    if (booked.has(e.job)) close(booked.get(e.job), e);
    booked.delete(e.job);
  };
  for (const e of events) {
    if (e.kind === "placed") {
      unbook(e);
      booked.set(e.job, begin(e, false));
    } else if (e.kind === "started") {
      unbook(e);
      live.set(attemptKey(e), begin(e, true));
    } else if (e.kind === "ended") {
      const stay = live.get(attemptKey(e));
      if (stay) {
        close(stay, e).why = e.detail;
        live.delete(attemptKey(e));
      }
    } else if (e.kind === "removed" || e.kind === "gave-up" || e.kind === "finished") unbook(e);
  }
  return { onHost, ofJob };
}

// Steps of load; `stretches` of them make up the run, or their times stand as they are.
function readLoad(load, hosts, end) {
  const [counts, at, cpu, memory] = [load.count, load.at, load.cpu, load.memory].map(column);
  const time = (t) => (load.stretches ? Math.floor((end * t) / load.stretches) : t);
  return Array.from({ length: hosts }, () => {
    const track = { at: [], cpu: [], memory: [] };
    let [t, c, m] = [0, 0, 0];
    for (let n = counts.next(); n > 0; n--) {
      track.at.push(time((t += at.next())));
      track.cpu.push((c += cpu.signed()));
      track.memory.push((m += memory.signed()));
    }
    return track;
  });
}

function readOver(over, hosts) {
  const [counts, what, from, length] = [over.count, over.what, over.from, over.length].map(column);
  return Array.from({ length: hosts }, () => {
    const rows = [];
    let t = 0;
    for (let n = counts.next(); n > 0; n--) {
      t += from.next();
      rows.push({ what: what.next() ? "memory" : "cpu", from: t, to: t + length.next() });
    }
    return rows;
  });
}

function readTally(tally) {
  const names = Object.keys(tally).filter((name) => name !== "at");
  const times = column(tally.at);
  const columns = names.map((name) => column(tally[name]));
  const rows = { at: [], values: [], names };
  const now = names.map(() => 0);
  for (let t = 0; times.more(); ) {
    rows.at.push((t += times.next()));
    columns.forEach((c, i) => (now[i] += c.signed()));
    rows.values.push(now.slice());
  }
  return rows;
}

// Times at which a host changes its state: up, down, lost, thrash.
function hostStates(events, hosts) {
  const states = Array.from({ length: hosts }, () => ({ at: [], value: [] }));
  const now = states.map(() => ({ up: false, lost: false, thrash: false, cause: "" }));
  for (const e of events) {
    if (e.host < 0) continue;
    const state = now[e.host];
    if (e.kind === "host-up") Object.assign(state, { up: true, cause: "" });
    else if (e.kind === "host-down") Object.assign(state, { up: false, thrash: false, cause: e.detail });
    else if (e.kind === "host-left") Object.assign(state, { up: false, thrash: false, cause: "left" });
    else if (e.kind === "host-lost") state.lost = e.detail === "on";
    else if (e.kind === "thrash") state.thrash = e.detail === "on";
    else continue;
    states[e.host].at.push(e.at);
    states[e.host].value.push({ ...state });
  }
  return states;
}

// Whether something went wrong: what `next trouble` looks for.
const isTrouble = (e) => (e.kind === "ended" && FORCED.has(e.detail)) || e.kind === "repeats" || e.kind === "host-down"
  || (e.kind === "host-lost" && e.detail === "on") || (e.kind === "thrash" && e.detail === "on")
  || e.kind === "daemon-down" || e.kind === "process-killed" || e.kind === "incident"
  || (e.kind === "given-up" && e.detail === "evicted") || e.kind === "goes-over";

function readRun(data, run, hosts, jobs) {
  const recorded = readEvents(data, run);
  const over = readOver(run.over, hosts);
  // A host that goes over its line is an event, too.
  const crossings = over.flatMap((rows, host) => rows.flatMap((row) => [
    { at: row.from, kind: "goes-over", job: -1, host, detail: row.what, times: row.to - row.from },
    ...(row.to < data.end ? [{ at: row.to, kind: "back-under", job: -1, host, detail: row.what, times: 0 }] : []),
  ]));
  const events = recorded.concat(crossings).sort((a, b) => a.at - b.at);
  const ofJob = Array.from({ length: jobs }, () => []);
  const ofHost = Array.from({ length: hosts }, () => []);
  for (const e of events) {
    if (e.job >= 0) ofJob[e.job].push(e);
    if (e.host >= 0) ofHost[e.host].push(e);
  }
  return {
    name: run.name,
    rule: run.rule,
    eventsOfJob: ofJob,
    eventsOfHost: ofHost,
    events,
    times: events.map((e) => e.at),
    troubles: events.filter(isTrouble),
    ...stays(data, recorded, hosts, jobs),
    load: readLoad(run.load, hosts, data.end),
    over,
    tally: readTally(run.tally),
    states: hostStates(recorded, hosts),
    explained: run.explained,
  };
}

function readRecord(data) {
  const hosts = data.hosts.names.length;
  const [cpu, memory] = [numbers(data.hosts.cpu), numbers(data.hosts.memory)];
  const [app, size] = [numbers(data.jobs.app), numbers(data.jobs.size)];
  const runs = new Map();
  return {
    end: data.end,
    warmUp: data.warm_up,
    every: data.every,
    apps: data.apps,
    hosts: data.hosts.names.map((name, i) => ({ i, name, cpu: cpu[i], memory: memory[i] })),
    jobs: data.jobs.names.map((name, i) => ({
      i, name, app: app[i], cpu: data.sizes[size[i]][0], memory: data.sizes[size[i]][1],
    })),
    names: data.runs.map((run) => run.name),
    // Unpacked when it is first looked at.
    run(i) {
      if (!runs.has(i)) runs.set(i, readRun(data, data.runs[i], hosts, data.jobs.names.length));
      return runs.get(i);
    },
  };
}

// What is true of a host at `t`.
function hostAt(run, host, t) {
  const load = run.load[host];
  const i = lastUpTo(load.at, t);
  const states = run.states[host];
  const s = lastUpTo(states.at, t);
  const before = { up: states.at.length === 0, lost: false, thrash: false, cause: "not there yet" };
  const state = s < 0 ? before : states.value[s];
  return {
    cpu: i < 0 ? 0 : load.cpu[i],
    memory: i < 0 ? 0 : load.memory[i],
    over: run.over[host].filter((row) => row.from <= t && t < row.to).map((row) => row.what),
    ...state,
  };
}

// What lay there when the event of that number came, whatever else came at its instant.
const staysBefore = (run, host, i) => run.onHost[host].filter((stay) => stay.first < i && i <= stay.last);

const staysAt = (run, host, t) => run.onHost[host].filter((stay) => stay.from <= t && t < stay.to);

function tallyAt(run, t) {
  const i = lastUpTo(run.tally.at, t);
  return Object.fromEntries(run.tally.names.map((name, n) => [name, i < 0 ? 0 : run.tally.values[i][n]]));
}
