import { Alert, TextInput } from '@mantine/core';
import { explain } from '../api/client';
import { parseLimit } from '../money';

/** A field for dollars: a number, empty, or the word unlimited where that means something. */
export function LimitField({ label, value, set, description, placeholder, unlimited }: { label: string; value: string; set: (text: string) => void; description?: string; placeholder?: string; unlimited?: boolean }) {
  const parsed = parseLimit(value);
  const wrong = parsed === undefined || (parsed === 'unlimited' && !unlimited);
  return (
    <TextInput label={label} description={description} placeholder={placeholder} value={value} onChange={(e) => set(e.currentTarget.value)} leftSection="$" inputMode="decimal" autoComplete="off"
      error={wrong ? `Dollars, at most nine decimals${unlimited ? ', or the word unlimited' : ''}` : undefined} />
  );
}

export const isLimit = (text: string, unlimited = false): boolean => {
  const parsed = parseLimit(text);
  return parsed !== undefined && (unlimited || parsed !== 'unlimited');
};

export function FormFault({ of }: { of: unknown }) {
  if (!of) return null;
  const { message, remedy } = explain(of);
  return <Alert color="red" role="alert" title={message}>{remedy}</Alert>;
}
