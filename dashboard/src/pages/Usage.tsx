import { Button, Checkbox, Group, Menu, Select, Text, TextInput } from '@mantine/core';
import { useDebouncedCallback, useDisclosure, useMediaQuery } from '@mantine/hooks';
import { IconColumns3, IconFilter, IconFilterOff } from '@tabler/icons-react';
import { keepPreviousData } from '@tanstack/react-query';
import { createColumnHelper, type SortingState } from '@tanstack/react-table';
import { useEffect, useMemo, useState } from 'react';
import { ask, type Schemas } from '../api/client';
import { useArrivals } from '../api/live';
import { useNames } from '../api/names';
import { useOrg } from '../app/session';
import { count, milliseconds } from '../numbers';
import { Money, State, When } from '../parts/figures';
import { Answer, Card, Empty, Page } from '../parts/Page';
import { useAddress } from '../parts/query';
import { RangePicker, useRange } from '../parts/Range';
import { Figures } from '../parts/Table';
import { iso } from '../time';
import { ExportCsv } from './usage/ExportCsv';
import { Story } from './usage/Story';

type Entry = Schemas['UsageEntry'];
type Sort = 'time_desc' | 'time_asc' | 'cost_desc' | 'cost_asc';
const filters = ['model', 'provider', 'key_id', 'team_id', 'runner_id', 'session_id', 'status', 'usage_source', 'tag'] as const;
const pageSize = 50;
const column = createColumnHelper<Entry>();

export default function Usage() {
  const address = useAddress();
  const org = useOrg();
  const names = useNames();
  const range = useRange('7d');
  const [trail, setTrail] = useState<string[]>([]);
  const cursor = trail.at(-1);
  const sort = (address.get('sort') ?? 'time_desc') as Sort;
  const filter = Object.fromEntries(filters.map((f) => [f, address.get(f)])) as Record<(typeof filters)[number], string | undefined>;
  const query = { ...filter, sort, from: iso(range.span.from), to: iso(range.span.to) };
  const fingerprint = JSON.stringify({ ...query, to: range.fixed });
  useEffect(() => setTrail([]), [fingerprint]);
  const list = ask.useQuery('get', '/api/v1/admin/gateway/usage', { params: { header: org.header, query: { ...query, cursor, limit: String(pageSize) } } }, { placeholderData: keepPreviousData, refetchInterval: trail.length === 0 ? 15_000 : false });
  const arrived = useArrivals(list.data?.data.map((e) => e.request_id), fingerprint + cursor);
  const [hidden, setHidden] = useState<Record<string, boolean>>({ team_id: false, runner_id: false, hold: false, usage_source: false, endpoint: false });
  const columns = useMemo(() => [
    column.accessor('ts', { id: 'time', header: 'Time (UTC)', cell: (c) => <When at={c.getValue()} />, sortDescFirst: true }),
    column.accessor('model', { header: 'Model', enableSorting: false, cell: (c) => <><Text size="sm" fw={550} span>{c.getValue()}</Text> <Text size="xs" c="dimmed" span>{c.row.original.provider}</Text></> }),
    column.accessor('key_id', { header: 'Key', enableSorting: false, cell: (c) => names.key(c.getValue()) }),
    column.accessor('team_id', { header: 'Team', enableSorting: false, cell: (c) => (c.getValue() ? names.team(c.getValue()!) : '—') }),
    column.accessor('runner_id', { header: 'Runner, session', enableSorting: false, cell: (c) => [c.getValue(), c.row.original.session_id].filter(Boolean).join(' · ') || '—' }),
    column.accessor('endpoint', { header: 'Endpoint', enableSorting: false, cell: (c) => <span className="mono">{c.getValue()}</span> }),
    column.accessor('prompt_tokens', { header: 'Tokens in', enableSorting: false, meta: { num: true }, cell: (c) => count(c.getValue()) }),
    column.accessor('completion_tokens', { header: 'Tokens out', enableSorting: false, meta: { num: true }, cell: (c) => count(c.getValue()) }),
    column.accessor((e) => e.hold_nano_usd / 1e9, { id: 'hold', header: 'Held', enableSorting: false, meta: { num: true }, cell: (c) => <Money of={c.getValue()} /> }),
    column.accessor('cost_usd', { id: 'cost', header: 'Cost', meta: { num: true }, sortDescFirst: true, cell: (c) => <Money of={c.getValue()} /> }),
    column.accessor('latency_ms', { header: 'Time taken', enableSorting: false, meta: { num: true }, cell: (c) => milliseconds(c.getValue()) }),
    column.accessor('usage_source', { header: 'Usage told by', enableSorting: false, cell: (c) => c.getValue() }),
    column.accessor('status', { header: 'Status', enableSorting: false, cell: (c) => <Group gap={4} wrap="nowrap"><State of={c.getValue()} />{c.row.original.overage && <State of="overage" />}</Group> }),
  ], [names]);
  const [by, order] = sort.split('_') as [string, string];
  const sorting: SortingState = [{ id: by, desc: order === 'desc' }];
  const request = address.get('request');
  const narrow = useMediaQuery('(max-width: 48em)', false);
  const [unfolded, fold] = useDisclosure(false);
  const filtered = filters.some((f) => filter[f]);

  return (
    <Page about="Every request the ledger has, with what was held for it and what it cost." actions={<ExportCsv query={query} span={range.span} />}>
      <Card flush>
        <Group gap="xs" align="flex-end" p="md" pb="sm">
          <RangePicker standard="7d" />
          {narrow && <Button size="xs" variant="default" leftSection={<IconFilter size={15} />} aria-expanded={unfolded} onClick={fold.toggle}>{unfolded ? 'Fewer filters' : 'Filters'}</Button>}
          {(!narrow || unfolded) && <>
          <Choice label="Key" value={filter.key_id} of={names.keys.map((k) => ({ value: k.key_id, label: k.name }))} set={(v) => address.set({ key_id: v })} />
          {names.teams.length > 0 && <Choice label="Team" value={filter.team_id} of={names.teams.map((t) => ({ value: t.team_id, label: t.name }))} set={(v) => address.set({ team_id: v })} />}
          <Word label="Model" value={filter.model} set={(v) => address.set({ model: v })} />
          <Word label="Provider" value={filter.provider} set={(v) => address.set({ provider: v })} />
          <Word label="Tag" value={filter.tag} set={(v) => address.set({ tag: v.includes('=') ? v : null })} placeholder="feature=search" />
          <Choice label="Status" value={filter.status} of={['settled', 'client_left', 'upstream_broken', 'abandoned', 'expired', 'failed'].map((s) => ({ value: s, label: s.replaceAll('_', ' ') }))} set={(v) => address.set({ status: v })} />
          <Choice label="Usage told by" value={filter.usage_source} of={['provider', 'estimated', 'presumed'].map((s) => ({ value: s, label: s }))} set={(v) => address.set({ usage_source: v })} />
          </>}
          {(filter.runner_id || filter.session_id) && <Text size="sm">Runner {filter.runner_id ?? 'any'}{filter.session_id && `, session ${filter.session_id}`}</Text>}
          {filtered && <Button size="xs" variant="subtle" leftSection={<IconFilterOff size={15} />} onClick={() => address.set(Object.fromEntries(filters.map((f) => [f, null])))}>Clear</Button>}
          <Menu closeOnItemClick={false} shadow="md" position="bottom-end">
            <Menu.Target><Button size="xs" variant="default" ml="auto" leftSection={<IconColumns3 size={15} />}>Columns</Button></Menu.Target>
            <Menu.Dropdown>
              {columns.map((c) => {
                const id = c.id ?? String((c as { accessorKey?: string }).accessorKey);
                return <Menu.Item key={id} component="div"><Checkbox size="xs" label={String(c.header)} checked={hidden[id] !== false} onChange={(e) => setHidden({ ...hidden, [id]: e.currentTarget.checked })} /></Menu.Item>;
              })}
            </Menu.Dropdown>
          </Menu>
        </Group>
        <Answer of={list} rows={10}>
          {(page) => (
            <>
              <Figures name="Requests" rows={page.data} columns={columns as never} id={(e) => e.request_id} open={(e) => address.set({ request: e.request_id })} openLabel={(e) => `Request ${e.request_id}`}
                sorting={sorting} hidden={hidden} arrived={arrived}
                onSorting={(update) => { const [next] = typeof update === 'function' ? update(sorting) : update; if (next) address.set({ sort: `${next.id}_${next.desc ? 'desc' : 'asc'}` }); }}
                empty={<Empty title="No requests">{filtered ? 'None of this time fits the filter.' : 'Nothing was asked in this time.'}</Empty>} />
              <Group justify="space-between" p="sm" px="md">
                <Text size="xs" c="dimmed">{page.data.length > 0 && `${trail.length * pageSize + 1} to ${trail.length * pageSize + page.data.length}`}</Text>
                <Group gap="xs">
                  <Button size="xs" variant="default" disabled={trail.length === 0} onClick={() => setTrail(trail.slice(0, -1))}>Previous</Button>
                  <Button size="xs" variant="default" disabled={!page.next_cursor || list.isPlaceholderData} onClick={() => setTrail([...trail, page.next_cursor!])}>Next</Button>
                </Group>
              </Group>
            </>
          )}
        </Answer>
      </Card>
      <Story requestId={request} close={() => address.set({ request: null })} />
    </Page>
  );
}

function Choice({ label, value, of, set }: { label: string; value: string | undefined; of: { value: string; label: string }[]; set: (value: string | null) => void }) {
  const options = value && !of.some((o) => o.value === value) ? [...of, { value, label: value }] : of;
  return <Select label={label} size="xs" w={122} placeholder="Any" clearable allowDeselect searchable={options.length > 8} value={value ?? null} data={options} onChange={set} clearButtonProps={{ 'aria-label': `Any ${label.toLowerCase()}` }} />;
}

function Word({ label, value, set, placeholder = 'Any' }: { label: string; value: string | undefined; set: (value: string) => void; placeholder?: string }) {
  const [text, setText] = useState(value ?? '');
  useEffect(() => setText(value ?? ''), [value]);
  const later = useDebouncedCallback((next: string) => set(next.trim()), 400);
  return <TextInput label={label} size="xs" w={112} placeholder={placeholder} value={text} onChange={(e) => { setText(e.currentTarget.value); later(e.currentTarget.value); }} />;
}
