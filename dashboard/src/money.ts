/** Dollars as people read them: two decimals where money is large, as many as are needed where a request costs a fraction of a cent. */
export function usd(dollars: number | null | undefined): string {
  if (dollars === null || dollars === undefined) return '—';
  const size = Math.abs(dollars);
  if (size === 0) return '$0';
  if (size >= 0.995) return sign(dollars) + '$' + grouped(size, 2);
  // Three figures that count, and never more than the ledger's nine decimals.
  const decimals = Math.min(9, Math.max(2, 2 - Math.floor(Math.log10(size))));
  return sign(dollars) + '$' + trimmed(size.toFixed(decimals));
}

/** Every decimal the ledger has. */
export function exactUsd(dollars: number): string {
  return sign(dollars) + '$' + trimmed(Math.abs(dollars).toFixed(9));
}

/** For axes and tiles: $1.2k, $3.4M. */
export function shortUsd(dollars: number): string {
  const size = Math.abs(dollars);
  for (const [step, unit] of [[1e9, 'B'], [1e6, 'M'], [1e3, 'k']] as const) {
    if (size >= step) return sign(dollars) + '$' + trimmed((size / step).toFixed(size >= 100 * step ? 0 : 1)) + unit;
  }
  return usd(dollars);
}

/** Integer nano-dollars as dollars, for showing. */
export const fromNano = (nano: number): number => nano / 1e9;

/** Dollars of the API as the integer they stand for. */
export const toNano = (dollars: number): number => Math.round(dollars * 1e9);

/** What a form's field says: a number of dollars, `unlimited`, or null for the default. Undefined when it is no money. */
export function parseLimit(text: string): number | 'unlimited' | null | undefined {
  const plain = text.trim().replace(/^\$/, '').replaceAll(',', '');
  if (plain === '') return null;
  if (/^unlimited$/i.test(plain)) return 'unlimited';
  if (!/^\d{1,10}(\.\d{1,9})?$/.test(plain)) return undefined;
  const value = Number(plain);
  return value <= 1_000_000_000 ? value : undefined;
}

export const limitText = (limit: number | string | null | undefined): string => (limit === null || limit === undefined ? '' : String(limit));

const sign = (n: number): string => (n < 0 ? '−' : '');
const grouped = (n: number, decimals: number): string => n.toLocaleString('en-US', { minimumFractionDigits: decimals, maximumFractionDigits: decimals });

// $0.10 keeps its cents; $0.000130 does not keep its last zero.
function trimmed(text: string): string {
  const [whole, decimals = ''] = text.split('.');
  let kept = decimals.replace(/0+$/, '');
  if (kept.length === 1) kept += '0';
  return kept === '' ? whole! : `${whole}.${kept}`;
}
