/** What a form changes, as the merge patch to send. What was not touched is absent, so that what somebody else changed meanwhile stays. */
export function changesOf<T extends object>(before: T, after: T): Partial<T> {
  const former = before as Record<string, unknown>;
  return Object.fromEntries(Object.entries(after).filter(([name, value]) => text(value) !== text(former[name]))) as Partial<T>;
}

const text = (value: unknown): string => JSON.stringify(value ?? null);

/** How a list that allows nothing is written; an empty field is no list. */
export const none = '(none)';

export const listText = (list: readonly string[] | null | undefined): string => (list?.length === 0 ? none : (list?.join('\n') ?? ''));

/** Lines of a text area as a list; null when it is empty. */
export function listOf(text: string): string[] | null {
  if (text.trim() === none) return [];
  const found = text.split(/[\n,]/).map((l) => l.trim()).filter(Boolean);
  return found.length ? found : null;
}
