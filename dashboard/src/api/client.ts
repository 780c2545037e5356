import { QueryClient } from '@tanstack/react-query';
import createFetchClient, { type Middleware } from 'openapi-fetch';
import createClient from 'openapi-react-query';
import type { components, paths } from './schema';

export type Schemas = components['schemas'];

/** The answer was no refusal of the API: the gateway was not reached, or something between answered. */
export class NoAnswer extends Error {}

const guard: Middleware = {
  onRequest({ request }) {
    // Another site's form cannot send this header; the gateway asks for it with every change.
    request.headers.set('X-CM-Dashboard', '1');
    return request;
  },
  async onResponse({ request, response }) {
    if (response.status === 401 && !request.url.endsWith('/dashboard/session')) {
      noteEnd();
      queries.setQueryData(sessionKey, null);
    }
    if (!response.ok && !response.headers.get('content-type')?.includes('json')) {
      throw new NoAnswer(`The gateway answered ${response.status}.`);
    }
    return response;
  },
  onError({ error }) {
    return error instanceof DOMException && error.name === 'AbortError' ? error : new NoAnswer('The gateway does not answer.');
  },
};

export const api = createFetchClient<paths, 'application/json'>({ baseUrl: window.location.origin, credentials: 'same-origin' });
api.use(guard);

/** Questions and changes as hooks; the address and its parameters are the key under which an answer is kept. */
export const ask = createClient(api);

export const sessionKey = ['session'] as const;
const endedKey = ['session-ended'] as const;

/** Remembers that a session ended without anybody signing out, until the next one begins. */
export function noteEnd(): void {
  if (queries.getQueryData(sessionKey)) queries.setQueryData(endedKey, true);
}

export const hasEnded = (): boolean => queries.getQueryData(endedKey) === true;

export const queries = new QueryClient({
  defaultOptions: {
    queries: { staleTime: 15_000, retry: (times, error) => times < 2 && error instanceof NoAnswer, refetchOnWindowFocus: true },
    mutations: { retry: false },
  },
});

/** What went wrong, in a sentence for people; what to do about it beside it. */
export function explain(error: unknown): { message: string; remedy?: string; param?: string } {
  if (typeof error === 'object' && error !== null && 'error' in error) {
    const body = (error as Schemas['ErrorAnswer']).error;
    return { message: body.message, remedy: body.remediation ?? undefined, param: body.param ?? undefined };
  }
  return { message: error instanceof Error ? error.message : 'Something unexpected went wrong.' };
}

/** A refusal because of the role, or because there is no such thing. */
export const isRefused = (error: unknown, code: string): boolean => typeof error === 'object' && error !== null && 'error' in error && (error as Schemas['ErrorAnswer']).error.code === code;

/** Asks everything anew that is about money or requests. */
export function refresh(...parts: string[]): Promise<void> {
  return queries.invalidateQueries({ predicate: (q) => typeof q.queryKey[1] === 'string' && parts.some((p) => (q.queryKey[1] as string).includes(p)) });
}

/** Forgets all answers but who is signed in: what one person saw is not there for the next. */
export function forget(session: unknown): void {
  queries.setQueryData(sessionKey, session);
  queries.removeQueries({ predicate: (q) => q.queryKey[0] !== sessionKey[0] });
}
