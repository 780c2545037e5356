import { expect, test } from 'vitest';
import { exactUsd, limitText, parseLimit, shortUsd, usd } from './money';

test.each([
  [0, '$0'], [1234.5, '$1,234.50'], [25, '$25.00'], [0.5, '$0.50'], [0.1, '$0.10'], [0.0043, '$0.0043'], [0.00013049, '$0.00013'], [0.000000001, '$0.000000001'], [-3.2, '−$3.20'], [0.994, '$0.994'], [0.996, '$1.00'],
  [250000, '$250,000.00'], [undefined, '—'], [null, '—'],
])('usd of %s is %s', (dollars, text) => expect(usd(dollars)).toBe(text));

test('usd shows three figures that count, however small', () => {
  for (let power = 0; power > -7; power--) expect(usd(2.34 * 10 ** power).replace(/[$0.]/g, '')).toBe('234');
});

test('exactUsd has every decimal of the ledger and no other', () => {
  expect(exactUsd(0.123456789)).toBe('$0.123456789');
  expect(exactUsd(0.1 + 0.2)).toBe('$0.30');
  expect(exactUsd(12)).toBe('$12');
});

test.each([[999, '$999.00'], [1234, '$1.20k'], [2500000, '$2.50M'], [123456, '$123k']])('shortUsd of %s is %s', (dollars, text) => expect(shortUsd(dollars)).toBe(text));

test.each([['', null], ['  ', null], ['unlimited', 'unlimited'], ['Unlimited', 'unlimited'], ['$1,250.50', 1250.5], ['0', 0], ['0.000000001', 0.000000001], ['0.0000000001', undefined], ['-1', undefined], ['1e3', undefined], ['abc', undefined], ['1000000001', undefined]])(
  'a limit of "%s" reads as %s', (text, limit) => expect(parseLimit(text)).toBe(limit));

test('what a limit is shown as reads back to the same', () => {
  for (const limit of [0, 1, 0.5, 0.000001, 1e9, null]) expect(parseLimit(limitText(limit))).toBe(limit);
});
