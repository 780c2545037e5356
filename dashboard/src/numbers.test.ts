import { expect, test } from 'vitest';
import { bytes, change, milliseconds, percent, shortCount, taken } from './numbers';

test.each([[0, '< 1 ms'], [0.34, '340 µs'], [3.26, '3.3 ms'], [126, '126 ms'], [1500, '1.5 s'], [125_000, '2 min 5 s'], [null, '—']])('%s ms is %s', (ms, text) => expect(milliseconds(ms)).toBe(text));
test.each([[12, '12'], [1200, '1.2k'], [1000, '1k'], [502_000, '502k'], [3_450_000, '3.5M']])('%s is %s', (n, text) => expect(shortCount(n)).toBe(text));
test('a change against nothing is no number', () => {
  expect(change(5, 0)).toBeNull();
  expect(change(15, 10)).toBe(50);
  expect(change(0, 10)).toBe(-100);
});
test('percent and bytes', () => {
  expect(percent(7.7)).toBe('7.7 %');
  expect(percent(50)).toBe('50 %');
  expect(bytes(1536)).toBe('2 kB');
  expect(bytes(5 * 1024 * 1024)).toBe('5.0 MB');
});

test('what is held counts as taken; a limit of zero is used up, no limit is no share', () => {
  expect(taken({ spent: 0.2, held: 0.05, limit: 1 })).toBe(25);
  expect(taken({ spent: 0, held: 0, limit: 0 })).toBe(100);
  expect(taken({ spent: 5, held: 0, limit: null })).toBeNull();
});
