import { Select, Text } from '@mantine/core';
import { createColumnHelper } from '@tanstack/react-table';
import { useMemo } from 'react';
import { ask, type Schemas } from '../api/client';
import { useOrg } from '../app/session';
import { count } from '../numbers';
import { When } from '../parts/figures';
import { useNow } from '../parts/now';
import { Answer, Card, Empty, Page } from '../parts/Page';
import { useAddress } from '../parts/query';
import { Figures } from '../parts/Table';

type Group = Schemas['ErrorGroup'];
const column = createColumnHelper<Group>();
const columns = [
  column.accessor('source', { header: 'Source' }),
  column.accessor('code', { header: 'Code', cell: (c) => <span className="mono">{c.getValue()}</span> }),
  column.accessor('count', { header: 'Count', meta: { num: true }, sortDescFirst: true, cell: (c) => count(c.getValue()) }),
  column.accessor('last_at', { header: 'Last', sortDescFirst: true, cell: (c) => <When at={c.getValue()} /> }),
  column.accessor('first_at', { header: 'First', cell: (c) => <When at={c.getValue()} /> }),
  column.accessor('last_message', { header: 'Last message', enableSorting: false, meta: { wrap: true }, cell: (c) => <Text size="sm" style={{ overflowWrap: 'anywhere' }}>{c.getValue()}</Text> }),
];
const spans: Record<string, number> = { '15m': 15, '1h': 60, '24h': 1440 };

export default function Errors() {
  const { header } = useOrg();
  const address = useAddress();
  const now = useNow(60_000);
  const [source, since] = [address.get('source'), address.get('since') ?? 'start'];
  const from = spans[since] ? new Date(Math.floor(now.getTime() / 60_000) * 60_000 - spans[since] * 60_000).toISOString() : undefined;
  const list = ask.useQuery('get', '/gateway/admin/errors', { params: { header, query: { source, since: from } } }, { refetchInterval: 15_000 });
  const sources = useMemo(() => [...new Set([...(list.data?.data.map((e) => e.source) ?? []), ...(source ? [source] : [])])], [list.data, source]);
  return (
    <Page about="What went wrong on this replica since it started, by source and code; the same as scripts/errors prints.">
      <Card flush>
        <div style={{ display: 'flex', gap: 8, padding: 12 }}>
          <Select size="xs" label="Source" w={150} value={source ?? ''} data={[{ value: '', label: 'All' }, ...sources.map((s) => ({ value: s, label: s }))]} onChange={(v) => address.set({ source: v })} />
          <Select size="xs" label="Since" w={150} value={since} data={[{ value: 'start', label: 'The start' }, { value: '15m', label: '15 minutes ago' }, { value: '1h', label: 'An hour ago' }, { value: '24h', label: 'A day ago' }]} onChange={(v) => address.set({ since: v })} />
        </div>
        <Answer of={list}>{(page) => <Figures name="Errors" rows={page.data} columns={columns as never} id={(e) => `${e.source} ${e.code}`} empty={<Empty title="No errors">Refusals by budget are no errors; they are on the overview.</Empty>} />}</Answer>
      </Card>
    </Page>
  );
}
