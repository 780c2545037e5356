import { expect, test } from 'vitest';
import { inStep } from './step';

test('a burst runs at once and once more at the end of the step; silence runs nothing', () => {
  let now = 0;
  let runs = 0;
  const waiting: { at: number; run: () => void }[] = [];
  const call = inStep(1000, () => runs++, { now: () => now, later: (run, ms) => void waiting.push({ at: now + ms, run }) });
  for (let i = 0; i < 50; i++) { now += 10; call(); }
  expect(runs).toBe(1);
  expect(waiting).toHaveLength(1);
  now = waiting[0]!.at;
  waiting[0]!.run();
  expect(runs).toBe(2);
  expect(now).toBe(1010);
  now += 5000;
  call();
  expect(runs).toBe(3);
});
