// The one clock of everything that is shown.

// Whole runs in so many seconds.
const PACES = [240, 120, 60, 30, 15];

function makeClock(end) {
  const listeners = [];
  const still = window.matchMedia("(prefers-reduced-motion: reduce)");
  const clock = { t: 0, end, playing: false, pace: 60 };
  let last = 0;
  const tell = () => listeners.forEach((listener) => listener(clock));

  function frame(now) {
    if (!clock.playing) return;
    // Who wants less motion sees two pictures a second.
    if (!still.matches || now - last >= 500) {
      clock.t = Math.min(end, clock.t + ((now - last) / 1000) * (end / clock.pace));
      last = now;
      if (clock.t >= end) clock.playing = false;
      tell();
    }
    if (clock.playing) requestAnimationFrame(frame);
  }

  clock.listen = (listener) => listeners.push(listener);
  clock.tell = tell;
  clock.seek = (t) => {
    clock.t = Math.max(0, Math.min(end, t));
    tell();
  };
  clock.pause = () => {
    clock.playing = false;
    tell();
  };
  clock.toggle = () => {
    clock.playing = !clock.playing;
    if (clock.playing) {
      if (clock.t >= end) clock.t = 0;
      last = performance.now();
      requestAnimationFrame(frame);
    }
    tell();
  };
  return clock;
}
