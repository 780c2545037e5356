/** Runs at once, and then at most once in so many milliseconds; a call in between is run at the end of them. */
export function inStep(every: number, run: () => void, clock: { now: () => number; later: (run: () => void, ms: number) => void } = { now: () => performance.now(), later: (then, ms) => void setTimeout(then, ms) }): () => void {
  let last = -Infinity;
  let waiting = false;
  return () => {
    if (waiting) return;
    const left = last + every - clock.now();
    if (left <= 0) { last = clock.now(); run(); return; }
    waiting = true;
    clock.later(() => { waiting = false; last = clock.now(); run(); }, left);
  };
}
