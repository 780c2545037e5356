/** How far a download has come. */
export interface Progress { rows: number; bytes: number; done: boolean }

/** Counts the records of a CSV that comes in pieces. A line break inside quotes ends no record. */
export class RecordCounter {
  #quoted = false;
  #breaks = 0;
  #open = false;

  add(piece: Uint8Array): void {
    for (const byte of piece) {
      if (byte === 0x22) this.#quoted = !this.#quoted;
      if (byte === 0x0a && !this.#quoted) { this.#breaks++; this.#open = false; }
      else if (byte !== 0x0d) this.#open = true;
    }
  }

  /** Records so far, the head line not among them. */
  get records(): number {
    return Math.max(0, this.#breaks + (this.#open ? 1 : 0) - 1);
  }
}

/** Fetches a CSV of any length and tells how far it is, at most ten times a second. */
export async function fetchCsv(path: string, query: Record<string, string | undefined>, orgId: string, tell: (progress: Progress) => void, signal: AbortSignal): Promise<Blob> {
  const given = Object.entries(query).filter((e): e is [string, string] => e[1] !== undefined && e[1] !== '');
  const response = await fetch(`${path}?${new URLSearchParams([...given, ['format', 'csv']])}`, { headers: { 'X-Org-ID': orgId, 'X-CM-Dashboard': '1' }, credentials: 'same-origin', signal });
  if (!response.ok || !response.body) throw await response.json().catch(() => new Error(`The gateway answered ${response.status}.`));
  const counter = new RecordCounter();
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  let told = 0;
  const reader = response.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    counter.add(value);
    pieces.push(value as Uint8Array<ArrayBuffer>);
    bytes += value.length;
    const now = performance.now();
    if (now - told > 100) { told = now; tell({ rows: counter.records, bytes, done: false }); }
  }
  tell({ rows: counter.records, bytes, done: true });
  return new Blob(pieces, { type: 'text/csv;charset=utf-8' });
}

export function save(blob: Blob, name: string): void {
  const address = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
