export const count = (n: number | null | undefined): string => (n === null || n === undefined ? '—' : n.toLocaleString('en-US'));

export function shortCount(n: number): string {
  for (const [step, unit] of [[1e9, 'B'], [1e6, 'M'], [1e3, 'k']] as const) {
    if (Math.abs(n) >= step) return (n / step).toFixed(Math.abs(n) >= 100 * step ? 0 : 1).replace(/\.0$/, '') + unit;
  }
  return String(n);
}

export const percent = (n: number | null | undefined, decimals = 1): string => (n === null || n === undefined ? '—' : `${n.toFixed(decimals).replace(/\.0+$/, '')} %`);

export function milliseconds(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return '—';
  if (ms === 0) return '< 1 ms';
  if (ms < 1) return `${(ms * 1000).toFixed(0)} µs`;
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${ms.toFixed(0)} ms`;
  return ms < 60_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

export function bytes(n: number): string {
  if (n < 1024) return `${n} B`;
  return n < 1 << 20 ? `${(n / 1024).toFixed(0)} kB` : `${(n / (1 << 20)).toFixed(1)} MB`;
}

/** How much of a limit is taken, in percent; null where there is none. Nothing is left of a limit of zero. */
export const taken = (of: { spent: number; held: number; limit: number | null | undefined }): number | null =>
  of.limit === null || of.limit === undefined ? null : of.limit === 0 ? 100 : ((of.spent + of.held) / of.limit) * 100;

/** Change against a former figure in percent; null where there was none. */
export const change = (now: number, before: number): number | null => (before === 0 ? null : ((now - before) / before) * 100);
