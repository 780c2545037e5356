/** Most pages that are read for one view. */
export const mostPages = 20;

/** Rows of a page: the most that the gateway gives. */
export const pageRows = '1000';

interface Page<T> { data: T[]; next_cursor?: string | null }

/** A list's pages one after the other, as one list; `more` where there are more than are read. */
export async function everyPage<T>(ask: (cursor: string | undefined) => Promise<{ data?: Page<T>; error?: unknown }>): Promise<{ data: T[]; more: boolean }> {
  const data: T[] = [];
  let cursor: string | undefined;
  for (let pages = 0; pages < mostPages; pages++) {
    const { data: page, error } = await ask(cursor);
    if (!page) throw error;
    data.push(...page.data);
    cursor = page.next_cursor ?? undefined;
    if (cursor === undefined) return { data, more: false };
  }
  return { data, more: true };
}
