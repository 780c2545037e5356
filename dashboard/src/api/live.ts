import { useEffect, useRef, useState, useSyncExternalStore } from 'react';

export type LiveState = 'open' | 'waiting' | 'off';
const off = { state: 'off' as LiveState };
export const useLive = (): { state: LiveState } => useSyncExternalStore(() => () => {}, () => off);

/** The ids of a list that were not in it the last time it was shown with the same filter. */
export function useArrivals(ids: readonly string[] | undefined, filter: string): ReadonlySet<string> {
  const seen = useRef<{ filter: string; ids: ReadonlySet<string> }>(null);
  const [arrived, setArrived] = useState<ReadonlySet<string>>(new Set());
  const key = ids?.join(' ');
  useEffect(() => {
    if (ids === undefined) return;
    const before = seen.current;
    setArrived(before?.filter === filter ? new Set(ids.filter((id) => !before.ids.has(id))) : new Set());
    seen.current = { filter, ids: new Set(ids) };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- `key` stands for the ids
  }, [key, filter]);
  return arrived;
}
