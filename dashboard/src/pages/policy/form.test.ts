import { expect, test } from 'vitest';
import { formOf, patchOf } from './form';

const before = formOf({ daily_budget: 25, monthly_budget: 'unlimited', model_aliases: { fast: 'gpt-4o-mini', old: 'gpt-4o' }, fallbacks: { 'gpt-4o': ['a', 'b'] }, queue: { max_depth: 3 }, clamp_output: false });

test('an untouched form changes nothing', () => expect(patchOf(before, { ...before })).toEqual({ patch: {}, faults: {} }));

test('only what was touched is sent, and what was emptied is null', () => {
  expect(patchOf(before, { ...before, daily_budget: '', hitl_threshold: '5', rate_limit_rpm: 'unlimited', queue_max_wait_ms: '2000', clamp_output: '' }).patch)
    .toEqual({ daily_budget: null, hitl_threshold: 5, rate_limit_rpm: 'unlimited', queue: { max_wait_ms: 2000 }, clamp_output: null });
});

test('what is done about a runaway key is changed without its figures', () => {
  const set = formOf({ protection: { retry_storm: { action: 'throttle', requests: 10 } } });
  expect(patchOf(set, { ...set, retry_storm: 'disable_key', hourly_spike: 'off' }).patch).toEqual({ protection: { retry_storm: { action: 'disable_key' }, hourly_spike: { action: 'off' } } });
  expect(patchOf(set, { ...set, retry_storm: '' }).patch).toEqual({ protection: { retry_storm: { action: null } } });
});

test('a name that is gone from a map is sent as null, because a merge patch keeps what it does not name', () => {
  expect(patchOf(before, { ...before, model_aliases: 'fast = gpt-5-mini' }).patch).toEqual({ model_aliases: { old: null, fast: 'gpt-5-mini' } });
  expect(patchOf(before, { ...before, model_aliases: '' }).patch).toEqual({ model_aliases: null });
  expect(patchOf(before, { ...before, fallbacks: 'gpt-4o = a' }).patch).toEqual({ fallbacks: { 'gpt-4o': ['a'] } });
});

test('an empty allowlist and none at all are different things', () => {
  const none = formOf({ model_allowlist: [] });
  expect(patchOf(none, { ...none, model_allowlist: '' }).patch).toEqual({ model_allowlist: null });
  expect(patchOf(before, { ...before, model_allowlist: '(none)' }).patch).toEqual({ model_allowlist: [] });
  expect(patchOf(before, { ...before, model_allowlist: 'gpt-4o\nclaude-*' }).patch).toEqual({ model_allowlist: ['gpt-4o', 'claude-*'] });
});

test('what cannot be read is named, and not sent', () => {
  const { patch, faults } = patchOf(before, { ...before, daily_budget: 'lots', max_concurrency: '1.5', model_aliases: 'fast' });
  expect(patch).toEqual({});
  expect(Object.keys(faults).sort()).toEqual(['daily_budget', 'max_concurrency', 'model_aliases']);
});
