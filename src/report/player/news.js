// What happened, in words.

const WHY = {
  "finished": "done", "removed": "removed", "stopped": "stopped by the control plane",
  "oom-limit": "killed at its own memory limit", "oom-host": "killed: the host's memory is full",
  "evicted-node-pressure": "evicted: the host is under pressure", "evicted-taint": "evicted: its host is lost",
  "evicted-api": "evicted: drained", "evicted-preemption": "evicted for a job of higher priority",
  "host-down": "lost: its host fell", "host-left": "lost: its host left", "start-failed": "could not start",
  "daemon-died": "ended with its daemon", "exited": "exited as failed", "restarted": "restarted",
};

// The same for where there is little room.
const SHORT = {
  "oom-limit": "killed at its limit", "oom-host": "killed, host full", "evicted-node-pressure": "evicted, pressure",
  "evicted-taint": "evicted, host lost", "evicted-api": "evicted, drained", "evicted-preemption": "preempted",
  "host-down": "lost with host", "host-left": "lost with host", "start-failed": "cannot start", "daemon-died": "died with daemon", "exited": "exited",
};

// A shape of its own for each, so that none is told by colour alone.
const MARKS = { kill: "\u2715", evict: "\u21e5", fall: "\u25bc", over: "\u25b2", fail: "!", plain: "" };

function markOf(e) {
  if (e.kind === "ended" || e.kind === "repeats") {
    if (e.detail.startsWith("evicted")) return MARKS.evict;
    if (e.detail === "host-down" || e.detail === "host-left") return MARKS.fall;
    if (e.detail === "start-failed" || e.detail === "exited") return MARKS.fail;
    return FORCED.has(e.detail) ? MARKS.kill : MARKS.plain;
  }
  if (e.kind === "host-down" || (e.kind === "host-lost" && e.detail === "on")) return MARKS.fall;
  if (e.kind === "goes-over") return MARKS.over;
  if (e.kind === "given-up" && e.detail) return MARKS.evict;
  return isTrouble(e) ? MARKS.fail : MARKS.plain;
}

const resource = (what) => (what === "cpu" ? "CPU" : "memory");

// How an attempt ended; `on` stands before the reason.
function endText(e, on) {
  const [what, why] = (WHY[e.detail] || e.detail).split(": ");
  return what + on + (why ? `: ${why}` : "");
}

// What happened, without saying to whom; `where` is the name of the host, if that is to be said.
function newsText(e, where) {
  const on = where ? ` on ${where}` : "";
  const to = where ? ` to ${where}` : "";
  const at = where ? `${where} ` : "";
  switch (e.kind) {
    case "arrived": return "arrives";
    case "placed": return where ? `is placed on ${where}` : "is placed here";
    case "started": return `starts${on}` + (e.attempt > 1 ? `, attempt ${count(e.attempt)}` : "");
    case "ended": return endText(e, on);
    case "repeats": return `${endText(e, on)}, ${plural(e.times, "time", "times")} more`;
    case "finished": return "is seen to be done";
    case "removed": return "is removed";
    case "gave-up": return "will not run again";
    case "preempts": return `asks for room${on}: ${plural(e.times, "victim", "victims")}, ${e.detail}`;
    case "given-up": return `is given up${on}${e.detail === "evicted" ? " and evicted" : ""}`;
    case "process-killed": return `loses a process${on}; ${plural(e.times, "process", "processes")} left`;
    case "host-up": return `${at}is there`;
    case "host-down": return `${at}falls: ${e.detail}`;
    case "host-left": return `${at}leaves`;
    case "host-lost": return `${at}is ${e.detail === "on" ? "declared lost" : "taken back"}`;
    case "thrash": return `${at}${e.detail === "on" ? "begins to thrash" : "no longer thrashes"}`;
    case "daemon-down": return `${at}loses ${e.detail} to the kernel`;
    case "daemon-up": return `${at}has ${e.detail} again`;
    case "heartbeats": return `${at}${e.detail === "on" ? "is heard" : "is silent"}`;
    case "goes-over": return `${at}goes over the line in ${resource(e.detail)}, for ${spanOf(e.times)}`;
    case "back-under": return `${at}is back under the line in ${resource(e.detail)}`;
    case "daemon-starved": return `${at}${e.detail === "on" ? "starves a daemon" : "starves no daemon more"}`;
    case "device": return `gets GPU ${e.times}${on}`;
    case "memory-pressure": case "disk-pressure": case "pid-pressure":
      return `${at}${e.detail === "on" ? "is under" : "is out of"} ${e.kind.replace("-", " ")}`;
    case "failure-missed": return `${at}is spared a failure: it was not there`;
    case "window-begins": return "The warm-up is over: sums begin here";
    case "maintenance": return `${at}planned work: ${e.detail}`;
    case "incident": return `${e.detail}${to}`;
    default: return `${at}${e.kind}${e.detail ? `: ${e.detail}` : ""}`;
  }
}
