import { expect, test } from 'vitest';
import { changesOf, listOf, listText } from './changes';

test('only what was touched is sent; what was emptied is null', () => {
  const before = { name: 'a', daily_budget: 5, monthly_budget: null, models: ['x'] as string[] | null };
  expect(changesOf(before, { ...before, name: 'b' })).toEqual({ name: 'b' });
  expect(changesOf(before, { ...before, daily_budget: null as never, models: null })).toEqual({ daily_budget: null, models: null });
  expect(changesOf(before, { ...before, models: ['x'] })).toEqual({});
});

test.each([[null, ''], [[], '(none)'], [['a', 'b'], 'a\nb']])('the list %j is written %j and read again', (list, text) => {
  expect(listText(list)).toBe(text);
  expect(listOf(text)).toEqual(list);
});
