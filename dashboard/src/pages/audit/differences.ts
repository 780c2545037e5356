export interface Difference { path: string; before: unknown; after: unknown }

/** The fields that differ between two documents, by their path; lists are compared as wholes. */
export function differences(before: unknown, after: unknown, path = ''): Difference[] {
  if (isObject(before) || isObject(after)) {
    const [was, is] = [isObject(before) ? before : {}, isObject(after) ? after : {}];
    return [...new Set([...Object.keys(was), ...Object.keys(is)])].sort().flatMap((name) => differences(was[name], is[name], path ? `${path}.${name}` : name));
  }
  const [was, is] = [before ?? undefined, after ?? undefined];
  return JSON.stringify(was) === JSON.stringify(is) ? [] : [{ path: path || '(all)', before: was, after: is }];
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
