import { expect, test } from 'vitest';
import { bucketLabel, bucketName, bucketOf, buckets, bucketSpan, dayOf, iso, parseDay, previous, relative, spanOf, stamp } from './time';

const now = new Date('2026-03-17T14:32:01.500Z');
const text = (span: { from: Date; to: Date }) => [iso(span.from).slice(0, 16), iso(span.to).slice(0, 16)];

test('spans are UTC and end at a whole minute that is not over', () => {
  expect(text(spanOf('today', now))).toEqual(['2026-03-17T00:00', '2026-03-17T14:33']);
  expect(text(spanOf('24h', now))).toEqual(['2026-03-16T14:33', '2026-03-17T14:33']);
  expect(text(spanOf('7d', now))).toEqual(['2026-03-11T00:00', '2026-03-17T14:33']);
  expect(text(spanOf('month', now))).toEqual(['2026-03-01T00:00', '2026-03-17T14:33']);
  expect(text(spanOf('last_month', new Date('2026-01-05T00:00:00Z')))).toEqual(['2025-12-01T00:00', '2026-01-01T00:00']);
});

test('days that somebody chose count with their last day, and never end before they begin', () => {
  expect(text(spanOf('custom', now, '2026-02-27', '2026-03-02'))).toEqual(['2026-02-27T00:00', '2026-03-03T00:00']);
  expect(text(spanOf('custom', now, '2026-03-05', '2026-03-02'))).toEqual(['2026-03-05T00:00', '2026-03-06T00:00']);
});

test('the period before is as long, and ends where this one begins; before a month is a month', () => {
  expect(text(previous(spanOf('last_month', now)))).toEqual(['2026-01-01T00:00', '2026-02-01T00:00']);
  const week = spanOf('7d', now);
  const before = previous(week);
  expect(before.to).toEqual(week.from);
  expect(before.to.getTime() - before.from.getTime()).toBe(week.to.getTime() - week.from.getTime());
});

test('this month is compared with the month before to the same day, which may be shorter', () => {
  expect(text(previous(spanOf('month', now), 'month'))).toEqual(['2026-02-01T00:00', '2026-02-17T14:33']);
  expect(text(previous(spanOf('month', new Date('2026-03-31T10:00:00Z')), 'month'))).toEqual(['2026-02-01T00:00', '2026-03-01T00:00']);
  expect(text(previous(spanOf('7d', new Date('2026-03-07T09:59:30Z')), '7d'))).toEqual(['2026-02-22T14:00', '2026-03-01T00:00']);
});

test('buckets have no gaps, and each is named as the API names it', () => {
  expect(buckets(spanOf('7d', now), 'day')).toEqual(['2026-03-11', '2026-03-12', '2026-03-13', '2026-03-14', '2026-03-15', '2026-03-16', '2026-03-17']);
  const hours = buckets(spanOf('24h', now), 'hour');
  expect(hours).toHaveLength(25);
  expect(hours[0]).toBe('2026-03-16T14:00:00Z');
  for (const [kind, name] of [['hour', '2026-03-16T14:00:00Z'], ['day', '2026-03-16']] as const) expect(bucketName(bucketSpan(name, kind).from, kind)).toBe(name);
  expect(bucketOf(spanOf('24h', now))).toBe('hour');
  expect(bucketOf(spanOf('7d', now))).toBe('day');
});

test('labels and stamps do not depend on where the browser is', () => {
  expect(bucketLabel('2026-03-16T14:00:00Z', 'hour')).toBe('14:00');
  expect(bucketLabel('2026-03-16', 'day')).toBe('16 Mar');
  expect(stamp('2026-03-17T14:32:01+02:00')).toBe('2026-03-17 12:32:01');
  expect(dayOf(now)).toBe('2026-03-17');
});

test.each([['2026-02-30', undefined], ['26-1-1', undefined], ['', undefined], ['2026-02-28', '2026-02-28']])('the day "%s" reads as %s', (given, day) => expect(parseDay(given) && dayOf(parseDay(given)!)).toBe(day));

test('times near now are told in words', () => {
  expect(relative('2026-03-17T14:29:01.500Z', now)).toBe('3 min ago');
  expect(relative('2026-03-17T16:32:01.500Z', now)).toBe('in 2 h');
  expect(relative(now, now)).toBe('now');
});
