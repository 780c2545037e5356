import { Button, Group, Select, Text, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { keepPreviousData } from '@tanstack/react-query';
import { createColumnHelper } from '@tanstack/react-table';
import { useState } from 'react';
import { ask, type Schemas } from '../api/client';
import { usd } from '../money';
import { shortCount } from '../numbers';
import { Answer, Card, Empty, Page } from '../parts/Page';
import { useAddress } from '../parts/query';
import { Figures } from '../parts/Table';

type Price = Schemas['PriceView'];
const column = createColumnHelper<Price>();
const standard = (p: Price, unit: string) => p.prices.find((u) => u.unit === unit && u.tier === 'standard' && !u.long_context)?.usd_per_million;
const money = (n: number | undefined) => (n === undefined ? '—' : usd(n));
const main = ['input_tokens', 'output_tokens', 'cache_read_tokens'];
const others = (p: Price) => p.prices.filter((u) => !(main.includes(u.unit) && u.tier === 'standard' && !u.long_context));
const columns = [
  column.accessor('model', { header: 'Model', cell: (c) => <div><Text size="sm" fw={600}>{c.getValue() === '*' ? 'Every other model' : c.getValue()}</Text>{c.row.original.aliases.length > 0 && <Text size="xs" c="dimmed" maw={280} className="ellipsis" title={c.row.original.aliases.join(', ')}>{c.row.original.aliases.join(', ')}</Text>}</div> }),
  column.accessor('provider', { header: 'Provider' }),
  column.accessor('mode', { header: 'Kind' }),
  column.accessor((p) => standard(p, 'input_tokens') ?? -1, { id: 'in', header: 'In', meta: { num: true }, sortDescFirst: true, cell: (c) => money(standard(c.row.original, 'input_tokens')) }),
  column.accessor((p) => standard(p, 'output_tokens') ?? -1, { id: 'out', header: 'Out', meta: { num: true }, sortDescFirst: true, cell: (c) => money(standard(c.row.original, 'output_tokens')) }),
  column.accessor((p) => standard(p, 'cache_read_tokens') ?? -1, { id: 'cached', header: 'Cached in', meta: { num: true }, sortDescFirst: true, cell: (c) => money(standard(c.row.original, 'cache_read_tokens')) }),
  column.display({ id: 'more', header: 'Other units', cell: (c) => {
    const more = others(c.row.original);
    return more.length === 0 ? '—' : <details><summary>{more.length} more</summary>{more.map((u) => <Text key={`${u.unit} ${u.tier} ${u.long_context}`} size="xs">{u.unit.replaceAll('_', ' ')}{u.tier !== 'standard' && `, ${u.tier}`}{u.long_context && ', long context'}: {usd(u.usd_per_million)}</Text>)}</details>;
  } }),
  column.accessor((p) => p.max_output_tokens ?? 0, { id: 'max', header: 'Most out', meta: { num: true }, cell: (c) => (c.row.original.max_output_tokens == null ? '—' : shortCount(c.row.original.max_output_tokens)) }),
  column.accessor('as_of', { header: 'As of', cell: (c) => <span title={c.row.original.source}>{c.getValue()}{c.row.original.retires && <Text size="xs" c="dimmed">retires {c.row.original.retires}</Text>}</span> }),
];

export default function Prices() {
  const address = useAddress();
  const [provider, q] = [address.get('provider'), address.get('q')];
  const [trail, setTrail] = useState<string[]>([]);
  const [text, setText] = useState(q ?? '');
  const later = useDebouncedCallback((next: string) => { setTrail([]); address.set({ q: next.trim() }); }, 300);
  const list = ask.useQuery('get', '/api/v1/admin/prices', { params: { query: { provider, q, cursor: trail.at(-1), limit: '100' } } }, { placeholderData: keepPreviousData });
  return (
    <Page about={<>Dollars for a million units, as quoted and charged now{list.data && <>: version <span className="mono">{list.data.version}</span></>}. A record keeps the version that it was charged by.</>}>
      <Card flush>
        <Group gap="xs" align="flex-end" p="md" pb="sm">
          <TextInput size="xs" label="Model" placeholder="Part of a name" value={text} onChange={(e) => { setText(e.currentTarget.value); later(e.currentTarget.value); }} />
          <Select size="xs" label="Provider" w={170} searchable value={provider ?? ''} onChange={(v) => { setTrail([]); address.set({ provider: v }); }} data={[{ value: '', label: 'All' }, ...(list.data?.providers ?? (provider ? [provider] : [])).map((p) => ({ value: p, label: p }))]} />
        </Group>
        <Answer of={list} rows={10}>
          {(page) => (
            <>
              <Figures name="Prices" rows={page.data} columns={columns as never} id={(p) => `${p.provider}/${p.model}`} empty={<Empty title="No such model">A model without a price is denied, unless the policy allows it.</Empty>} />
              {(trail.length > 0 || page.next_cursor) && (
                <Group justify="flex-end" p="sm" gap="xs">
                  <Button size="xs" variant="default" disabled={trail.length === 0} onClick={() => setTrail(trail.slice(0, -1))}>Previous</Button>
                  <Button size="xs" variant="default" disabled={!page.next_cursor} onClick={() => setTrail([...trail, page.next_cursor!])}>Next</Button>
                </Group>
              )}
            </>
          )}
        </Answer>
      </Card>
    </Page>
  );
}
