import { expect, test } from 'vitest';
import { requestsBehind, type Row, stack, sums } from './stack';

const row = (day: string, model: string | null, nano: number, requests = 1): Row => ({ group: { day, model }, cost: nano / 1e9, cost_nano_usd: nano, requests, prompt_tokens: 10, completion_tokens: 5 });

test('sums are exact to the nano-dollar and come dearest first', () => {
  const many = Array.from({ length: 1000 }, () => row('2026-03-01', 'a', 100_000_001));
  const [a, b] = sums([row('2026-03-01', 'b', 7), ...many], 'model');
  expect(a).toEqual({ value: 'a', cost: 100.000001, requests: 1000, tokens: 15_000 });
  expect(b?.cost).toBe(7e-9);
});

test('bars hold every bucket, the dearest apart and the rest in one, and lose nothing', () => {
  const rows = ['a', 'b', 'c', 'd', 'e'].flatMap((model, i) => [row('2026-03-01', model, (i + 1) * 1_000_000), row('2026-03-03', model, 500_000)]);
  const { bars, series } = stack(rows, 'model', 'day', ['2026-03-01', '2026-03-02', '2026-03-03'], 3);
  expect(bars.map((b) => b.bucket)).toEqual(['2026-03-01', '2026-03-02', '2026-03-03']);
  expect(series.map((s) => (s.isRest ? 'rest' : s.value))).toEqual(['e', 'd', 'rest']);
  const all = bars.reduce((sum, bar) => sum + series.reduce((of, s) => of + Number(bar[s.id] ?? 0), 0), 0);
  expect(all).toBeCloseTo(rows.reduce((sum, r) => sum + r.cost_nano_usd, 0) / 1e9, 12);
  expect(bars[1]).toEqual({ bucket: '2026-03-02' });
});

test('as many values as fit need no rest; records without a value are a series of their own', () => {
  const { series } = stack([row('2026-03-01', null, 5), row('2026-03-01', 'a', 3)], 'model', 'day', [], 2);
  expect(series).toEqual([{ id: 's0', value: null, isRest: false }, { id: 's1', value: 'a', isRest: false }]);
});

test('a bar leads to its requests by time and by value', () => {
  const span = { from: new Date('2026-03-01T00:00:00Z'), to: new Date('2026-03-02T00:00:00Z') };
  const query = new URLSearchParams(requestsBehind('key', 'key_1', span).split('?')[1]);
  expect(Object.fromEntries(query)).toEqual({ from: '2026-03-01T00:00:00.000Z', to: '2026-03-02T00:00:00.000Z', sort: 'cost_desc', key_id: 'key_1' });
  expect(new URLSearchParams(requestsBehind('tag:feature', 'search', span).split('?')[1]).get('tag')).toBe('feature=search');
});
