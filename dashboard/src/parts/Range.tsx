import { Group, Select, TextInput } from '@mantine/core';
import { useMemo } from 'react';
import { dayOf, isPreset, type Preset, presets, type Span, spanOf } from '../time';
import { useNow } from './now';
import { useAddress } from './query';

/** The time that a page is about, kept in its address. */
export function useRange(standard: Preset): { preset: Preset; span: Span; fixed: boolean } {
  const { get } = useAddress();
  const now = useNow(60_000);
  const named = get('range');
  const [from, to] = [get('from'), get('to')];
  return useMemo(() => {
    // An exact span comes from a click on a bar.
    if (from?.includes('T') && to?.includes('T')) {
      const span = { from: new Date(from), to: new Date(to) };
      if (span.from < span.to) return { preset: 'custom', span, fixed: true };
    }
    const preset = isPreset(named) ? named : standard;
    return { preset, span: spanOf(preset, now, from, to), fixed: false };
  }, [named, from, to, now, standard]);
}

export function RangePicker({ standard }: { standard: Preset }) {
  const { set } = useAddress();
  const { preset, span } = useRange(standard);
  const lastDay = dayOf(new Date(span.to.getTime() - 1));
  return (
    <Group gap="xs" align="flex-end">
      <Select label="Time (UTC)" size="xs" w={150} value={preset} data={Object.entries(presets).map(([value, label]) => ({ value, label }))}
        onChange={(value) => set(value === 'custom' ? { range: value, from: dayOf(span.from), to: lastDay, cursor: null } : { range: value, from: null, to: null, cursor: null })} />
      {preset === 'custom' && <>
        <TextInput label="From" type="date" size="xs" value={dayOf(span.from)} max={lastDay} onChange={(e) => e.currentTarget.value && set({ range: 'custom', from: e.currentTarget.value, to: lastDay, cursor: null })} />
        <TextInput label="To, with" type="date" size="xs" value={lastDay} min={dayOf(span.from)} onChange={(e) => e.currentTarget.value && set({ range: 'custom', from: dayOf(span.from), to: e.currentTarget.value, cursor: null })} />
      </>}
    </Group>
  );
}
