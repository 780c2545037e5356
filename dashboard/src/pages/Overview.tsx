import { Anchor, Badge, Group, SimpleGrid, Skeleton, Stack, Text, Tooltip } from '@mantine/core';
import { createColumnHelper } from '@tanstack/react-table';
import { lazy, Suspense, useMemo } from 'react';
import { Link, useLocation } from 'wouter';
import { ask, type Schemas } from '../api/client';
import { useArrivals, useLive } from '../api/live';
import { useNames } from '../api/names';
import { useOrg } from '../app/session';
import { usd } from '../money';
import { count, milliseconds, percent, taken } from '../numbers';
import { LimitBar, Money, State, Tile, When } from '../parts/figures';
import { useNow } from '../parts/now';
import { Answer, Card, Empty, Page } from '../parts/Page';
import { Figures } from '../parts/Table';
import { bucketSpan, buckets, iso, relative, type Span, spanOf, stamp } from '../time';
import { requestsBehind, type Row, stack } from './breakdown/stack';
import { ahead, driftLevel, driftText, ending } from './overview/words';
import { FirstRun } from './start/FirstRun';

const Chart = lazy(() => import('./breakdown/Chart'));
type View = Schemas['Overview'];

export default function Overview() {
  const { header } = useOrg();
  const overview = ask.useQuery('get', '/gateway/admin/overview', { params: { header } }, { refetchInterval: 15_000 });
  const latest = ask.useQuery('get', '/api/v1/admin/gateway/usage', { params: { header, query: { limit: '8', sort: 'time_desc' } } }, { refetchInterval: 15_000 });
  const isNew = latest.data?.data.length === 0 && overview.data?.month.spent === 0 && overview.data.denials.length === 0;
  return (
    <Page title={isNew ? 'Welcome' : undefined}>
      {isNew ? <FirstRun /> : (
        <Answer of={overview} rows={8}>
          {(view) => (
            <>
              <Spend view={view} at={overview.dataUpdatedAt} />
              <Counts view={view} />
              <div className="two">
                <LastDay />
                <Stack gap="md"><Denials of={view.denials} /><Health view={view} /></Stack>
              </div>
              <Latest of={latest} />
            </>
          )}
        </Answer>
      )}
    </Page>
  );
}

/** Spend against budget; the live stream is ahead of the answer that is asked for. */
function Spend({ view, at }: { view: View; at: number }) {
  const fresh = ahead(view, at, useLive());
  const reset = view.today.source === 'counters' ? (view.drift?.reset ?? 0) : 0;
  return (
    <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm">
      <Period name="Today" of={view.today} spent={fresh?.daily_spend ?? view.today.spent} held={fresh?.daily_held ?? view.today.held ?? 0} at={view.at} reset={reset} />
      <Period name="This month" of={view.month} spent={fresh?.monthly_spend ?? view.month.spent} held={fresh?.monthly_held ?? view.month.held ?? 0} at={view.at} />
    </SimpleGrid>
  );
}

function Period({ name, of, spent, held, at, reset = 0 }: { name: string; of: View['today']; spent: number; held: number; at: string; reset?: number }) {
  const budget = of.budget ?? null;
  const share = taken({ spent, held, limit: budget });
  const end = ending({ spent, held, budget, forecast: of.forecast ?? null, endsAt: of.budget_ends_at ?? null, at: new Date(at), period: name === 'Today' ? 'day' : 'month' });
  return (
    <section className="card" aria-label={name} style={{ padding: '16px 18px' }}>
      <Group justify="space-between" align="baseline">
        <Text component="h2" size="sm" c="dimmed" fw={500} m={0}>{name}</Text>
        {of.source === 'ledger' && <Tooltip label="The live counters are away; this is what the ledger has."><Badge variant="light" color="yellow">by the ledger</Badge></Tooltip>}
        {reset > 0 && <Tooltip label="Somebody reset the live counters today; the ledger and the month still have it."><Badge variant="light" color="yellow">{usd(reset)} reset</Badge></Tooltip>}
      </Group>
      <Group justify="space-between" align="baseline" mt={2}>
        <Text component="p" m={0} fz={32} fw={650} lh={1.25} className="tabular" data-testid={`spent-${name === 'Today' ? 'day' : 'month'}`}><Money of={spent} /></Text>
        <Text size="sm" c="dimmed" className="tabular">{budget === null ? 'no limit' : <>of {usd(budget)}, {percent(share)}</>}</Text>
      </Group>
      <div style={{ margin: '8px 0' }}><LimitBar spent={spent} held={held} limit={budget} label={name} /></div>
      <Group justify="space-between" gap={4}>
        <Text size="sm"><span className="key-held" aria-hidden />{usd(held)} held</Text>
        <Text size="sm" c={end.pressing ? undefined : 'dimmed'} fw={end.pressing ? 600 : undefined}>{end.text}</Text>
      </Group>
    </section>
  );
}

function Counts({ view }: { view: View }) {
  const denied = view.denials.reduce((sum, d) => sum + d.requests, 0);
  return (
    <div className="fill">
      <Tile label="Burn rate" hint="What was charged in the last hour" note="an hour, by the last hour">{usd(view.burn_rate_per_hour)}</Tile>
      <Tile label="Requests today" note={view.requests_last_hour == null ? ' ' : `${count(view.requests_last_hour)} in the last hour`}>{count(view.requests_today)}</Tile>
      <Tile label="Denied today" note={denied === 0 ? 'none' : percent((denied / (denied + (view.requests_today ?? 0))) * 100) + ' of all'}>{count(denied)}</Tile>
      <Tile label="Added latency, p95" hint="What governing a request takes before it is forwarded, on the replica that answers" note="by this replica, last minutes">{milliseconds(view.added_latency_p95_ms)}</Tile>
    </div>
  );
}

function LastDay() {
  const { header } = useOrg();
  const [, go] = useLocation();
  const now = useNow(60_000);
  const span = useMemo<Span>(() => spanOf('24h', now), [now]);
  const list = ask.useQuery('get', '/api/v1/admin/gateway/costs/breakdown', { params: { header, query: { by: 'hour,model', from: iso(span.from), to: iso(span.to), limit: '1000' } } }, { placeholderData: (old) => old, staleTime: 30_000 });
  const drawn = useMemo(() => stack((list.data?.data ?? []) as Row[], 'model', 'hour', buckets(span, 'hour'), 6), [list.data, span]);
  return (
    <Card title="Last 24 hours by model" aside={<Anchor component={Link} href="/costs/breakdown?range=24h" size="sm">Cost Breakdown</Anchor>}>
      {list.isPending ? <Skeleton h={300} /> : drawn.series.length === 0 ? <Empty title="Nothing was spent in this time" /> : (
        <Suspense fallback={<Skeleton h={300} />}>
          <Chart stack={drawn} bucket="hour" label={(v) => v ?? ''} open={(bucket, id) => go(requestsBehind('model', drawn.series.find((s) => s.id === id)?.value, bucketSpan(bucket, 'hour')))} />
        </Suspense>
      )}
    </Card>
  );
}

function Denials({ of }: { of: View['denials'] }) {
  const most = Math.max(1, ...of.map((d) => d.requests));
  return (
    <Card title="Denied today, by reason">
      {of.length === 0 ? <Text size="sm" c="dimmed">No request was denied today.</Text> : (
        <Stack gap={8} component="ul" style={{ listStyle: 'none', margin: 0, padding: 0 }}>
          {of.slice(0, 8).map((d) => (
            <li key={d.code}>
              <Group justify="space-between" gap="xs" mb={2}><span className="mono">{d.code}</span><Text size="sm" className="tabular">{count(d.requests)}</Text></Group>
              <div className="bar" aria-hidden style={{ height: 5 }}><span className="spent" style={{ width: `${(d.requests / most) * 100}%` }} /></div>
            </li>
          ))}
        </Stack>
      )}
    </Card>
  );
}

function Health({ view }: { view: View }) {
  const { stores, drift } = view;
  const row = (name: string, good: boolean, text: string, hint?: string) => (
    <div style={{ display: 'contents' }} key={name}><dt>{name}</dt><dd className="tabular"><span className="live-dot" data-state={good ? 'open' : 'waiting'} aria-hidden style={{ marginRight: 8 }} /><span title={hint}>{text}</span></dd></div>
  );
  const store = (s: Schemas['StoreState']) => (s.connected ? `answers in ${milliseconds(s.latency_ms)}` : 'does not answer');
  return (
    <Card title="Health" aside={<State of={view.status} />}>
      <dl className="facts">
        {row('Counters', stores.counters.connected, store(stores.counters))}
        {row('Ledger', stores.ledger.connected, store(stores.ledger))}
        {drift ? row('Drift', driftLevel(drift.pct) === 'low', driftText(drift), 'Today’s spend by the live counters and by the ledger; a reset is no drift') : row('Drift', false, 'not known while a store is away')}
        {stores.queue_depth != null && row('To be recorded', stores.queue_depth < 100, stores.queue_depth === 0 ? 'nothing waits' : `${count(stores.queue_depth)}, the oldest ${milliseconds(stores.oldest_ms)}`)}
        {stores.dlq_depth != null && row('Dead letters', stores.dlq_depth === 0, stores.dlq_depth === 0 ? 'none' : count(stores.dlq_depth))}
        {stores.live_holds != null && row('In flight', true, `${count(stores.live_holds)} ${stores.live_holds === 1 ? 'hold' : 'holds'}`)}
      </dl>
      {stores.last_error && <Text size="xs" c="dimmed" mt="xs">Last error: {stores.last_error}</Text>}
    </Card>
  );
}

type Entry = Schemas['UsageEntry'];
const column = createColumnHelper<Entry>();

function Latest({ of }: { of: { data: { data: Entry[] } | undefined; error: unknown; isPending: boolean; refetch: () => unknown } }) {
  const names = useNames();
  const [, go] = useLocation();
  const now = useNow(5_000);
  const arrived = useArrivals(of.data?.data.map((e) => e.request_id), 'latest');
  const columns = useMemo(() => [
    column.accessor('ts', { header: 'Time (UTC)', enableSorting: false, cell: (c) => <When at={c.getValue()} /> }),
    column.accessor('model', { header: 'Model', enableSorting: false, cell: (c) => <Text size="sm" fw={550} span>{c.getValue()}</Text> }),
    column.accessor('key_id', { header: 'Key', enableSorting: false, cell: (c) => names.key(c.getValue()) }),
    column.accessor('cost_usd', { header: 'Cost', enableSorting: false, meta: { num: true }, cell: (c) => <Money of={c.getValue()} /> }),
    column.accessor('latency_ms', { header: 'Time taken', enableSorting: false, meta: { num: true }, cell: (c) => milliseconds(c.getValue()) }),
    column.accessor('status', { header: 'Status', enableSorting: false, cell: (c) => <State of={c.getValue()} /> }),
  ], [names]);
  return (
    <Card flush title="Latest requests" aside={<Anchor component={Link} href="/usage" size="sm">Usage Log</Anchor>}>
      <Answer of={of}>{(page) => (
        <>
          <Figures name="Latest requests" rows={page.data} columns={columns as never} id={(e) => e.request_id} arrived={arrived} open={(e) => go(`/usage?request=${e.request_id}`)} openLabel={(e) => `Request ${e.request_id}`} empty={<Empty title="No requests yet" />} />
          {page.data[0] && <Text size="xs" c="dimmed" px="md" py="xs">The newest {relative(page.data[0].ts, now)}, {stamp(page.data[0].ts)} UTC</Text>}
        </>
      )}</Answer>
    </Card>
  );
}
