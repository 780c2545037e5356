import { Alert, Anchor, Group, SegmentedControl, SimpleGrid, Skeleton, Text, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { keepPreviousData } from '@tanstack/react-query';
import { createColumnHelper } from '@tanstack/react-table';
import { lazy, Suspense, useEffect, useMemo, useState } from 'react';
import { Link, useLocation } from 'wouter';
import { ask } from '../api/client';
import { useNames } from '../api/names';
import { useOrg } from '../app/session';
import { usd } from '../money';
import { change, count, percent, shortCount } from '../numbers';
import { Change, Money, Tile } from '../parts/figures';
import { Answer, Card, Empty, Page } from '../parts/Page';
import { useAddress } from '../parts/query';
import { RangePicker, useRange } from '../parts/Range';
import { Figures } from '../parts/Table';
import { bucketLabel, bucketOf, buckets, bucketSpan, dayOf, iso, previous, type Span } from '../time';
import { requestsBehind, type Row, stack, type Sum, sums } from './breakdown/stack';

const Chart = lazy(() => import('./breakdown/Chart'));

const dimensions = { model: 'Model', provider: 'Provider', team: 'Team', key: 'Key', runner: 'Runner', session: 'Session', tag: 'Tag' } as const;
type Dimension = keyof typeof dimensions;
const mostSeries = 9;

function useSums(by: string, span: Span, enabled = true) {
  const { header } = useOrg();
  return ask.useQuery('get', '/api/v1/admin/gateway/costs/breakdown', { params: { header, query: { by, from: iso(span.from), to: iso(span.to), limit: '1000' } } },
    { placeholderData: keepPreviousData, staleTime: 30_000, refetchInterval: 60_000, enabled });
}

export default function Breakdown() {
  const address = useAddress();
  const [, go] = useLocation();
  const names = useNames();
  const { span, preset } = useRange('7d');
  const by = (address.get('by') ?? 'model') as Dimension;
  const tag = address.get('tag') ?? '';
  const dimension = by === 'tag' ? `tag:${tag}` : by;
  const asked = by !== 'tag' || tag !== '';
  const bucket = bucketOf(span);
  const before = useMemo(() => previous(span, preset), [span, preset]);
  const series = useSums(`${bucket},${dimension}`, span, asked);
  const former = useSums(dimension, before, asked);
  const label = (value: string | null) => (value === null ? `No ${dimensions[by].toLowerCase()}` : by === 'key' ? names.key(value) : by === 'team' ? names.team(value) : value);
  const rows = (series.data?.data ?? []) as Row[];
  const drawn = useMemo(() => stack(rows, dimension, bucket, buckets(span, bucket), mostSeries), [rows, dimension, bucket, span]);
  const top = useMemo(() => sums(rows, dimension), [rows, dimension]);
  const old = useMemo(() => new Map(sums((former.data?.data ?? []) as Row[], dimension).map((s) => [s.value, s])), [former.data, dimension]);
  const [view, setView] = useState('chart');

  function open(name: string, seriesId: string | null) {
    const of = drawn.series.find((s) => s.id === seriesId);
    go(requestsBehind(dimension, of?.isRest ? null : of?.value, clip(bucketSpan(name, bucket), span)));
  }

  return (
    <Page about="Where the money went, by the ledger. A bar or a row leads to the requests behind it.">
      <Card>
        <Group gap="md" align="flex-end">
          <RangePicker standard="7d" />
          <div className="scroll" role="group" aria-label="Group by">
            <Text size="xs" fw={500} mb={4} aria-hidden>By</Text>
            <SegmentedControl size="xs" aria-label="By" value={by} onChange={(value) => address.set({ by: value })} data={Object.entries(dimensions).map(([value, text]) => ({ value, label: text }))} />
          </div>
          {by === 'tag' && <TagName value={tag} set={(value) => address.set({ tag: value })} />}
        </Group>
      </Card>
      {!asked ? <Card><Empty title="Which tag?">Callers name tags in the header X-CM-Tags, such as feature=search,env=prod. Type the name of one above.</Empty></Card> : (
        <Answer of={series} rows={12}>
          {(data) => (
            <>
              <Totals top={top} old={[...old.values()]} before={before} known={former.data !== undefined} />
              {data.truncated && <Alert color="yellow" title="More than fits">There are more values than one answer holds. The dearest are shown; a shorter time shows the others.</Alert>}
              <Card title={`Cost by ${bucket}`} aside={<SegmentedControl size="xs" aria-label="Show as" value={view} onChange={setView} data={[{ value: 'chart', label: 'Chart' }, { value: 'table', label: 'Table' }]} />}>
                {top.length === 0
                  ? <Empty title="Nothing was spent in this time" />
                  : view === 'chart'
                    ? <Suspense fallback={<Skeleton h={300} />}><Chart stack={drawn} bucket={bucket} label={label} open={open} /></Suspense>
                    : <BarTable drawn={drawn} bucket={bucket} label={label} href={(name) => requestsBehind(dimension, null, clip(bucketSpan(name, bucket), span))} />}
              </Card>
              <Card title={`Top ${dimensions[by].toLowerCase()}s`} flush>
                <TopList top={top} old={old} known={former.data !== undefined} label={label} name={dimensions[by]} open={(s) => go(requestsBehind(dimension, s.value, span))} />
              </Card>
            </>
          )}
        </Answer>
      )}
    </Page>
  );
}

const clip = (part: Span, whole: Span): Span => ({ from: part.from > whole.from ? part.from : whole.from, to: part.to < whole.to ? part.to : whole.to });
const total = (all: readonly Sum[], of: 'cost' | 'requests' | 'tokens') => all.reduce((sum, s) => sum + s[of], 0);

function Totals({ top, old, before, known }: { top: Sum[]; old: Sum[]; before: Span; known: boolean }) {
  const [cost, requests, tokens] = [total(top, 'cost'), total(top, 'requests'), total(top, 'tokens')];
  const beside = (now: number, then: number, text: string) => (!known ? ' ' : now === 0 && then === 0 ? 'as before' : <><Change percent={change(now, then)} /> from {text}</>);
  const formerCost = total(old, 'cost');
  const formerRequests = total(old, 'requests');
  return (
    <SimpleGrid cols={{ base: 2, md: 4 }} spacing="sm">
      <Tile label="Cost" note={beside(cost, formerCost, usd(formerCost))}><Money of={cost} /></Tile>
      <Tile label="Requests" note={beside(requests, formerRequests, count(formerRequests))}>{count(requests)}</Tile>
      <Tile label="Cost per request" note={beside(requests ? cost / requests : 0, formerRequests ? formerCost / formerRequests : 0, formerRequests ? usd(formerCost / formerRequests) : '$0')}><Money of={requests ? cost / requests : 0} /></Tile>
      <Tile label="Tokens" note={`compared with ${dayOf(before.from)} to ${dayOf(new Date(before.to.getTime() - 1))}`}>{shortCount(tokens)}</Tile>
    </SimpleGrid>
  );
}

const column = createColumnHelper<Sum>();

function TopList({ top, old, known, label, name, open }: { top: Sum[]; old: Map<string | null, Sum>; known: boolean; label: (v: string | null) => string; name: string; open: (s: Sum) => void }) {
  const cost = total(top, 'cost');
  const columns = [
    column.accessor((s) => label(s.value), { id: 'value', header: name, cell: (c) => <Text size="sm" fw={550} span>{c.getValue()}</Text> }),
    column.accessor((s) => (cost ? s.cost / cost : 0), { id: 'share', header: 'Share', sortDescFirst: true, cell: (c) => (
      <Group gap={8} wrap="nowrap" miw={120}><div className="bar" style={{ flex: 1 }}><span className="spent" style={{ width: `${c.getValue() * 100}%` }} /></div><Text size="xs" c="dimmed" className="tabular" w={48}>{percent(c.getValue() * 100)}</Text></Group>
    ) }),
    column.accessor('cost', { header: 'Cost', meta: { num: true }, sortDescFirst: true, cell: (c) => <Money of={c.getValue()} /> }),
    column.accessor((s) => change(s.cost, old.get(s.value)?.cost ?? 0) ?? Infinity, { id: 'change', header: 'Against before', meta: { num: true }, sortDescFirst: true, cell: (c) => (known ? <Text size="sm" c="dimmed" span><Change percent={c.getValue() === Infinity ? null : c.getValue()} /></Text> : '') }),
    column.accessor('requests', { header: 'Requests', meta: { num: true }, sortDescFirst: true, cell: (c) => count(c.getValue()) }),
    column.accessor((s) => (s.requests ? s.cost / s.requests : 0), { id: 'each', header: 'Per request', meta: { num: true }, sortDescFirst: true, cell: (c) => <Money of={c.getValue()} /> }),
    column.accessor('tokens', { header: 'Tokens', meta: { num: true }, sortDescFirst: true, cell: (c) => shortCount(c.getValue()) }),
  ];
  return <Figures name={`Top ${name}s`} rows={top} columns={columns as never} id={(s) => String(s.value)} open={open} openLabel={(s) => `Requests of ${label(s.value)}`} empty={<Empty title="Nothing was spent in this time" />} />;
}

function BarTable({ drawn, bucket, label, href }: { drawn: ReturnType<typeof stack>; bucket: 'hour' | 'day'; label: (v: string | null) => string; href: (bucket: string) => string }) {
  type Bar = (typeof drawn.bars)[number];
  const bar = createColumnHelper<Bar>();
  const columns = [
    bar.accessor((b) => String(b.bucket), { id: 'bucket', header: bucket === 'hour' ? 'Hour (UTC)' : 'Day (UTC)', cell: (c) => <Anchor component={Link} href={href(c.getValue())} size="sm">{bucketLabel(c.getValue(), bucket)}</Anchor> }),
    ...drawn.series.map((s) => bar.accessor((b) => Number(b[s.id] ?? 0), { id: s.id, header: s.isRest ? 'All others' : label(s.value), meta: { num: true }, cell: (c) => <Money of={c.getValue()} /> })),
  ];
  return <Figures name="Cost over time" rows={drawn.bars} columns={columns as never} id={(b) => String(b.bucket)} empty={null} />;
}

function TagName({ value, set }: { value: string; set: (value: string) => void }) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  const later = useDebouncedCallback((next: string) => set(next.trim()), 500);
  return <TextInput size="xs" label="Tag's name" placeholder="feature" value={text} maxLength={128} onChange={(e) => { setText(e.currentTarget.value); later(e.currentTarget.value); }} />;
}

