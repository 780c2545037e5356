import { expect, test } from 'vitest';
import { differences } from './differences';

test('fields that differ are told by their path; null and absent are the same', () => {
  expect(differences({ a: 1, b: null, q: { depth: 1, wait: 2 } }, { a: 2, q: { depth: 1, wait: 3 }, list: ['x'] })).toEqual([
    { path: 'a', before: 1, after: 2 }, { path: 'list', before: undefined, after: ['x'] }, { path: 'q.wait', before: 2, after: 3 },
  ]);
  expect(differences(null, { a: 1 })).toEqual([{ path: 'a', before: undefined, after: 1 }]);
  expect(differences({ a: [1] }, { a: [1] })).toEqual([]);
});
