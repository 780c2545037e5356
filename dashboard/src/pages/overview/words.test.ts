import { expect, test } from 'vitest';
import { ahead, driftLevel, driftText, ending } from './words';

const facts = { spent: 10, held: 0, budget: 25, forecast: 20, endsAt: null, at: new Date('2026-03-17T12:00:00Z'), period: 'day' as const };

test('a budget that ends says when', () => {
  expect(ending({ ...facts, endsAt: '2026-03-17T15:00:00Z' })).toEqual({ text: 'Ends in 3 h at this rate, 15:00 UTC', pressing: true });
  expect(ending({ ...facts, spent: 24, held: 1 })).toEqual({ text: 'Used up until the day ends', pressing: true });
  expect(ending(facts).text).toBe('Lasts: $20.00 by its end at this rate');
  expect(ending({ ...facts, budget: null }).pressing).toBe(false);
  expect(ending({ ...facts, forecast: null }).text).toBe('');
});

test.each([[0, 'low'], [1.9, 'low'], [2, 'medium'], [-7.7, 'medium'], [10, 'medium'], [10.1, 'high'], [-100, 'high']])('drift of %s %% is %s', (pct, level) => expect(driftLevel(pct)).toBe(level));

const view = { org_id: 'a', today: { source: 'counters', from: '2026-03-17T00:00:00Z' } } as Parameters<typeof ahead>[0];
const spend = { org_id: 'a', date: '2026-03-17', daily_spend: 7 } as NonNullable<Parameters<typeof ahead>[2]['spend']>;

test('the live figure is shown only where it is ahead of the answer', () => {
  const live = { spend, spendAt: 2000, state: 'open' } as const;
  expect(ahead(view, 1000, live)).toBe(spend);
  expect(ahead(view, 1000, { ...live, spend: null })).toBeNull();
  expect(ahead(view, 1000, { ...live, state: 'waiting' })).toBeNull();
  expect(ahead(view, 1000, { ...live, state: 'off' })).toBeNull();
  expect(ahead({ ...view, org_id: 'b' }, 1000, live)).toBeNull();
  expect(ahead(view, 1000, { ...live, spend: { ...spend, date: '2026-03-16' } })).toBeNull();
  expect(ahead({ ...view, today: { ...view.today, source: 'ledger' } }, 1000, live)).toBeNull();
});

test('an answer that came after the stream’s last word is not covered by it, so a stream that stalls without an end holds no figure back', () => {
  expect(ahead(view, 3000, { spend, spendAt: 2000, state: 'open' })).toBeNull();
});

test('a reset is named beside the figures that it parts', () => {
  const drift = { pct: 0, counters: 0.5, ledger: 0.5, reset: 0, reset_nano_usd: 0, difference_nano_usd: 0 };
  expect(driftText(drift)).toBe('0 %: counters $0.50, ledger $0.50');
  expect(driftText({ ...drift, reset: 0.2, reset_nano_usd: 200_000_000 })).toBe('0 %: counters $0.30 and $0.20 taken off by a reset, ledger $0.50');
});
