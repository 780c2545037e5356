import { expect, test } from 'vitest';
import { driftLevel, ending } from './words';

const facts = { spent: 10, held: 0, budget: 25, forecast: 20, endsAt: null, at: new Date('2026-03-17T12:00:00Z'), period: 'day' as const };

test('a budget that ends says when', () => {
  expect(ending({ ...facts, endsAt: '2026-03-17T15:00:00Z' })).toEqual({ text: 'Ends in 3 h at this rate, 15:00 UTC', pressing: true });
  expect(ending({ ...facts, spent: 24, held: 1 })).toEqual({ text: 'Used up until the day ends', pressing: true });
  expect(ending(facts).text).toBe('Lasts: $20.00 by its end at this rate');
  expect(ending({ ...facts, budget: null }).pressing).toBe(false);
  expect(ending({ ...facts, forecast: null }).text).toBe('');
});

test.each([[0, 'low'], [1.9, 'low'], [2, 'medium'], [-7.7, 'medium'], [10, 'medium'], [10.1, 'high'], [-100, 'high']])('drift of %s %% is %s', (pct, level) => expect(driftLevel(pct)).toBe(level));
