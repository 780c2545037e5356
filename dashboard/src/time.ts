// Days and months are UTC, as budgets are.
const Minute = 60_000;
const Hour = 60 * Minute;
const Day = 24 * Hour;

export interface Span { from: Date; to: Date }

export const presets = {
  today: 'Today',
  '24h': 'Last 24 hours',
  '7d': 'Last 7 days',
  '30d': 'Last 30 days',
  month: 'This month',
  last_month: 'Last month',
  custom: 'Custom days',
} as const;
export type Preset = keyof typeof presets;

export const isPreset = (text: string | null | undefined): text is Preset => text !== null && text !== undefined && Object.hasOwn(presets, text);

const dayStart = (at: Date): Date => new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate()));
const monthStart = (at: Date, plus = 0): Date => new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + plus, 1));

/** The span a preset means now. Its end is a whole minute, so that one question is asked once a minute at most. */
export function spanOf(preset: Preset, now: Date, fromDay?: string | null, toDay?: string | null): Span {
  const end = new Date(Math.ceil((now.getTime() + 1) / Minute) * Minute);
  const today = dayStart(now);
  switch (preset) {
    case 'today': return { from: today, to: end };
    case '24h': return { from: new Date(end.getTime() - Day), to: end };
    case '7d': return { from: new Date(today.getTime() - 6 * Day), to: end };
    case '30d': return { from: new Date(today.getTime() - 29 * Day), to: end };
    case 'month': return { from: monthStart(now), to: end };
    case 'last_month': return { from: monthStart(now, -1), to: monthStart(now) };
    case 'custom': {
      const from = parseDay(fromDay) ?? new Date(today.getTime() - 6 * Day);
      const last = parseDay(toDay) ?? today;
      return { from, to: new Date(Math.max(last.getTime(), from.getTime()) + Day) };
    }
  }
}

/** The span of the same length right before; for a month the month before, and for this month that to the same day and minute. */
export function previous(span: Span, preset?: Preset): Span {
  const month = { from: monthStart(span.from, -1), to: monthStart(span.from) };
  if (span.from.getTime() === month.to.getTime() && span.to.getTime() === monthStart(span.from, 1).getTime()) return month;
  const length = span.to.getTime() - span.from.getTime();
  if (preset === 'month') return { from: month.from, to: new Date(Math.min(month.from.getTime() + length, month.to.getTime())) };
  return { from: new Date(span.from.getTime() - length), to: span.from };
}

export const lengthDays = (span: Span): number => (span.to.getTime() - span.from.getTime()) / Day;

/** Hours for two days or less, days beyond. */
export const bucketOf = (span: Span): 'hour' | 'day' => (lengthDays(span) <= 2.01 ? 'hour' : 'day');

/** Every bucket of a span, as the API names them, also those without a record. */
export function buckets(span: Span, by: 'hour' | 'day'): string[] {
  const step = by === 'hour' ? Hour : Day;
  const names: string[] = [];
  for (let at = Math.floor(span.from.getTime() / step) * step; at < span.to.getTime() && names.length < 1000; at += step) names.push(bucketName(new Date(at), by));
  return names;
}

export const bucketName = (at: Date, by: 'hour' | 'day'): string => (by === 'hour' ? at.toISOString().slice(0, 13) + ':00:00Z' : at.toISOString().slice(0, 10));

/** The time a bucket covers. */
export function bucketSpan(name: string, by: 'hour' | 'day'): Span {
  const from = new Date(by === 'day' ? name + 'T00:00:00Z' : name);
  return { from, to: new Date(from.getTime() + (by === 'hour' ? Hour : Day)) };
}

export function bucketLabel(name: string, by: 'hour' | 'day'): string {
  const { from } = bucketSpan(name, by);
  return by === 'hour' ? `${two(from.getUTCHours())}:00` : `${from.getUTCDate()} ${months[from.getUTCMonth()]}`;
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const two = (n: number): string => String(n).padStart(2, '0');

/** 2026-03-17 14:32:01, in UTC as the ledger has it. */
export const stamp = (at: string | Date | null | undefined): string => (at ? new Date(at).toISOString().slice(0, 19).replace('T', ' ') : '—');
export const shortStamp = (at: string | Date): string => {
  const d = new Date(at);
  return `${d.getUTCDate()} ${months[d.getUTCMonth()]} ${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}`;
};

export const iso = (at: Date): string => at.toISOString();
export const dayOf = (at: Date): string => at.toISOString().slice(0, 10);

export function parseDay(text: string | null | undefined): Date | undefined {
  if (!text || !/^\d{4}-\d{2}-\d{2}$/.test(text)) return undefined;
  const day = new Date(text + 'T00:00:00Z');
  return Number.isNaN(day.getTime()) || dayOf(day) !== text ? undefined : day;
}

/** "3 min ago", "in 2 h". */
export function relative(at: string | Date, now: Date): string {
  const ms = new Date(at).getTime() - now.getTime();
  const size = Math.abs(ms);
  const text = size < Minute ? `${Math.round(size / 1000)} s` : size < Hour ? `${Math.round(size / Minute)} min` : size < 2 * Day ? `${Math.round(size / Hour)} h` : `${Math.round(size / Day)} days`;
  return size < 2000 ? 'now' : ms < 0 ? `${text} ago` : `in ${text}`;
}
