export interface Row { group: Record<string, string | null>; cost: number; cost_nano_usd: number; requests: number; prompt_tokens: number; completion_tokens: number }
export interface Sum { value: string | null; cost: number; requests: number; tokens: number }
export interface Stack { bars: Record<string, number | string>[]; series: { id: string; value: string | null; isRest: boolean }[] }

/** Sums of each value over all buckets, dearest first. Added as integers of nano-dollars, because many small fractions added as dollars drift. */
export function sums(rows: readonly Row[], dimension: string): Sum[] {
  const found = new Map<string | null, { nano: number; requests: number; tokens: number }>();
  for (const row of rows) {
    const value = row.group[dimension] ?? null;
    const sum = found.get(value) ?? { nano: 0, requests: 0, tokens: 0 };
    sum.nano += row.cost_nano_usd;
    sum.requests += row.requests;
    sum.tokens += row.prompt_tokens + row.completion_tokens;
    found.set(value, sum);
  }
  return [...found].map(([value, s]) => ({ value, cost: s.nano / 1e9, requests: s.requests, tokens: s.tokens })).sort((a, b) => b.cost - a.cost || String(a.value).localeCompare(String(b.value)));
}

/** Rows as stacked bars: one for each bucket, also the empty ones; the dearest values apart, the rest in one. */
export function stack(rows: readonly Row[], dimension: string, bucket: 'hour' | 'day', names: readonly string[], most: number): Stack {
  const order = sums(rows, dimension);
  const apart = order.slice(0, order.length > most ? most - 1 : most).map((s) => s.value);
  const place = new Map(apart.map((value, i) => [value, `s${i}`]));
  const bars = new Map<string, Record<string, number | string>>(names.map((name) => [name, { bucket: name }]));
  for (const row of rows) {
    const at = row.group[bucket];
    if (at === null || at === undefined) continue;
    const bar = bars.get(at) ?? { bucket: at };
    bars.set(at, bar);
    const id = place.get(row.group[dimension] ?? null) ?? 'rest';
    bar[id] = (((bar[id] as number | undefined) ?? 0) * 1e9 + row.cost_nano_usd) / 1e9;
  }
  const series = apart.map((value, i) => ({ id: `s${i}`, value, isRest: false }));
  if (order.length > apart.length) series.push({ id: 'rest', value: null, isRest: true });
  return { bars: [...bars.values()].sort((a, b) => String(a.bucket).localeCompare(String(b.bucket))), series };
}

/** The usage log's address for what a bar stands for. */
export function requestsBehind(dimension: string, value: string | null | undefined, span: { from: Date; to: Date }): string {
  const params = new URLSearchParams({ from: span.from.toISOString(), to: span.to.toISOString(), sort: 'cost_desc' });
  const filter: Record<string, string> = { model: 'model', provider: 'provider', team: 'team_id', key: 'key_id', runner: 'runner_id', session: 'session_id' };
  const name = filter[dimension];
  if (name && value) params.set(name, value);
  if (dimension.startsWith('tag:') && value) params.set('tag', `${dimension.slice(4)}=${value}`);
  return `/usage?${params}`;
}
