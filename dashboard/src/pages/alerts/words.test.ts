import { expect, test } from 'vitest';
import type { Schemas } from '../../api/client';
import { next, told } from './words';

const name = (id: string) => ({ key_a: 'checkout' })[id] ?? id;
const of = (type: Schemas['AlertType'], data: Record<string, unknown>) => told({ type, data: data as never }, name);

test('a budget is told in one sentence, and what is held only when something is', () => {
  const data = { node: 'key:key_a', node_kind: 'key', node_id: 'key_a', period: 'day', period_start: '2026-03-17', spent: 0.9, spent_nano_usd: 900_000_000, held: 0.05, held_nano_usd: 50_000_000, limit: 1, limit_nano_usd: 1_000_000_000, pct: 90 };
  expect(of('budget_warning', data)).toBe('$0.90 spent and $0.05 held of $1.00 for the day from 2026-03-17, 90 %');
  expect(of('budget_exceeded', { ...data, held: 0 })).toBe('$0.90 spent of $1.00 for the day from 2026-03-17, 90 %');
});

test('an approval says what it may cost, from where a person decides, and until when', () => {
  expect(of('approval_requested', { approval_id: 'apr_1', key_id: 'key_a', model: 'gpt-4o', expires_at: '2026-03-18T06:00:00.1Z', estimated_cost: 0.02, estimated_cost_nano_usd: 20_000_000, threshold: 0.002, threshold_nano_usd: 2_000_000 }))
    .toBe('gpt-4o may cost up to $0.02; from $0.002 on a person decides, until 2026-03-18 06:00:00 UTC');
});

test.each([
  [{ kind: 'new_expensive_model', model: 'gpt-5.1', provider: 'openai', pico_usd_per_output_token: 10_000_000, dearest_before: 'gpt-4o-mini', dearest_before_pico_usd_per_output_token: 600_000, action: 'alert' }, 'New dear model: gpt-5.1 costs $10.00 a million output tokens; the dearest before, gpt-4o-mini, $0.60'],
  [{ kind: 'hourly_spike', hour: '2026-03-17T14:00:00Z', factor: 5, hours_before: 7, spent: 12.5, mean_before: 0.25, action: 'throttle' }, 'Spike: $12.50 in the hour from 2026-03-17 14:00:00 UTC, more than 5 times the usual $0.25; the key is slowed down'],
  [{ kind: 'runaway_agent', requests: 300, window_seconds: 60, model: 'gpt-4o', action: 'disable_key' }, 'Runaway agent: 300 requests within 60 s; the key was disabled'],
  [{ kind: 'retry_storm', requests: 20, window_seconds: 60, model: 'gpt-4o', prompt_hash: '00', action: 'alert' }, 'Retry storm: the same prompt in 20 requests within 60 s, to gpt-4o'],
])('an unusual cost is told in a sentence: %o', (data, sentence) => expect(of('cost_anomaly', data)).toBe(sentence));

test.each([
  [{ kind: 'new_address', address: '10.0.0.7', addresses_before: 1 }, 'Used from 10.0.0.7, where it never was before'],
  [{ kind: 'ip_not_allowed', address: '10.0.0.7' }, 'Refused from 10.0.0.7, which the key’s list of addresses does not have'],
  [{ kind: 'unknown_keys', address: null, attempts: 200, window_seconds: 60 }, '200 unknown keys or tokens within 60 s, from many addresses'],
])('unusual access is told in a sentence: %o', (data, sentence) => expect(of('access_anomaly', data)).toBe(sentence));

test('other alerts have their figures with units and names, and each once', () => {
  expect(of('cost_drift', { date: '2026-03-17', drift_pct: 7.5, since: '2026-03-17T01:00:00Z', counted: 2, counted_nano_usd: 2_000_000_000 })).toBe('date 2026-03-17 · drift 7.5 % · since 2026-03-17 01:00:00 UTC · counted $2.00');
  expect(of('key_disabled', { key_id: 'key_a', by: 'admin_token', team_id: null })).toBe('key checkout · by admin_token');
});

test.each([
  ['budget_exceeded', 'key:key_a', '/costs/budgets'], ['cost_anomaly', 'key:key_a', '/usage?key_id=key_a'], ['access_anomaly', 'address:10.0.0.7', undefined], ['dlq_backlog', 'gateway', '/dead-letters'],
] as const)('%s of %s leads to %s', (type, subject, href) => expect(next({ type, subject })?.href).toBe(href));
