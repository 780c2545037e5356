import { useCallback, useMemo } from 'react';
import { useSearchParams } from 'wouter';

/** The page's filters, kept in its address, so that going back and sending the address to somebody work. */
export function useAddress() {
  const [params, setParams] = useSearchParams();
  const get = useCallback((name: string) => params.get(name) ?? undefined, [params]);
  const set = useCallback((changes: Record<string, string | null | undefined>) => setParams((old) => {
    const next = new URLSearchParams(old);
    for (const [name, value] of Object.entries(changes)) {
      if (value === null || value === undefined || value === '') next.delete(name);
      else next.set(name, value);
    }
    return next;
  }), [setParams]);
  return useMemo(() => ({ get, set, params }), [get, set, params]);
}
