import { expect, test } from 'vitest';
import { RecordCounter } from './csv';

const count = (text: string, size: number): number => {
  const bytes = new TextEncoder().encode(text);
  const counter = new RecordCounter();
  for (let at = 0; at < bytes.length; at += size) counter.add(bytes.subarray(at, at + size));
  return counter.records;
};

test.each([
  ['', 0], ['a,b\r\n', 0], ['a,b\r\n1,2\r\n', 1], ['a,b\n1,2', 1], ['a,b\n1,"two\nlines"\n3,4\n', 2], ['a,b\n1,"say ""hi""\n!"\n', 1],
])('%j holds %i records, in whatever pieces it comes', (text, records) => {
  for (const size of [1, 2, 3, 7, 1000]) expect(count(text, size)).toBe(records);
});
