import { useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { queries, refresh, type Schemas } from './client';
import { inStep } from './step';

export type LiveState = 'open' | 'waiting' | 'off';
type Entry = Schemas['UsageEntry'];
type Spend = Schemas['LiveSpend'];

/** Live figures of one org: the browser holds the stream and comes back to it by itself, from where it was. */
class Live {
  state: LiveState = 'off';
  spend: Spend | null = null;
  spendAt = 0;
  last: Entry | null = null;
  requests = 0;
  #source: EventSource | null = null;
  #lost = false;
  #listeners = new Set<() => void>();
  #snapshot = this.#shot();

  watch(orgId: string): () => void {
    const source = new EventSource(`/gateway/admin/live?org_id=${encodeURIComponent(orgId)}`);
    this.#source = source;
    this.spend = null;
    this.#tell('waiting');
    source.onopen = () => {
      // Who came back before the first event has no place in the stream to go on from, and pages may show that nothing answered.
      if (this.#lost) void refresh('/');
      this.#lost = false;
      this.#tell('open');
    };
    source.onerror = () => {
      this.#lost = true;
      // Closed for good (signed out, too many watchers): ask again what is kept, and try anew later.
      this.#tell(source.readyState === EventSource.CLOSED ? 'off' : 'waiting');
      if (source.readyState === EventSource.CLOSED) void queries.invalidateQueries({ queryKey: ['session'] });
    };
    source.addEventListener('request', (event) => {
      this.last = JSON.parse(event.data as string) as Entry;
      this.requests++;
      this.#tell();
      arrivals();
    });
    source.addEventListener('spend', (event) => {
      this.spend = JSON.parse(event.data as string) as Spend;
      this.spendAt = Date.now();
      this.#tell();
    });
    source.addEventListener('resync', () => void refresh('/'));
    return () => { source.close(); if (this.#source === source) { this.#source = null; this.#tell('off'); } };
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  read = () => this.#snapshot;

  #shot() { return { state: this.state, spend: this.spend, spendAt: this.spendAt, last: this.last, requests: this.requests }; }

  #tell(state = this.state) {
    this.state = state;
    this.#snapshot = this.#shot();
    for (const listener of this.#listeners) listener();
  }
}

const live = new Live();

// A burst of requests asks for the lists once a second, not once each.
const arrivals = inStep(1000, () => void refresh('/gateway/usage', '/overview'));

export const useLive = () => useSyncExternalStore(live.subscribe, live.read);

/** Watches an org while mounted. Where the stream was closed for good it is opened again after half a minute. */
export function useLiveOf(orgId: string | undefined): void {
  const { state } = useLive();
  const [round, setRound] = useState(0);
  useEffect(() => (orgId ? live.watch(orgId) : undefined), [orgId, round]);
  useEffect(() => {
    if (state !== 'off' || !orgId) return;
    const timer = setTimeout(() => setRound((n) => n + 1), 30_000);
    return () => clearTimeout(timer);
  }, [state, orgId]);
}

/** The ids of a list that were not in it the last time it was shown with the same filter. */
export function useArrivals(ids: readonly string[] | undefined, filter: string): ReadonlySet<string> {
  const seen = useRef<{ filter: string; ids: ReadonlySet<string> }>(null);
  const [arrived, setArrived] = useState<ReadonlySet<string>>(new Set());
  const key = ids?.join(' ');
  useEffect(() => {
    if (key === undefined) return;
    const now = new Set(key.split(' '));
    const before = seen.current;
    setArrived(before?.filter === filter ? now.difference(before.ids) : new Set());
    seen.current = { filter, ids: now };
  }, [key, filter]);
  return arrived;
}
