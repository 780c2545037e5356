import { Badge, Button, Group, Modal, Stack, Text, TextInput } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { type FormEvent, useState } from 'react';
import { Link } from 'wouter';
import { ask, refresh, type Schemas } from '../api/client';
import { useOrg, useSeat } from '../app/session';
import { limitText, parseLimit, usd } from '../money';
import { count } from '../numbers';
import { Confirm } from '../parts/Confirm';
import { FormFault, isLimit, LimitField } from '../parts/fields';
import { LimitBar, Money, State, When } from '../parts/figures';
import { Answer, Card, Empty, Page } from '../parts/Page';
import { SecretOnce } from '../parts/Secret';
import { Figures } from '../parts/Table';
import { createColumnHelper } from '@tanstack/react-table';

type Costs = Schemas['RunnerCosts'];
type Session = Schemas['SessionCosts'];
const column = createColumnHelper<Session>();
const amount = (text: string) => { const value = parseLimit(text); return typeof value === 'number' ? value : null; };

export default function Runners() {
  const { header } = useOrg();
  const { may } = useSeat();
  const costs = ask.useQuery('get', '/gateway/admin/runners/costs', { params: { header } }, { refetchInterval: 15_000 });
  const runners = ask.useQuery('get', '/gateway/admin/runners', { params: { header, query: { limit: '1000' } } });
  const [making, setMaking] = useState(false);
  const [token, setToken] = useState<string | null>(null);
  const idle = runners.data?.data.filter((r) => !costs.data?.data.some((c) => c.runner_id === r.runner_id)) ?? [];
  const name = (id: string | null | undefined) => runners.data?.data.find((r) => r.runner_id === id)?.name ?? id ?? 'No runner';
  return (
    <Page about="Agents and their sessions this month. A session that reaches its limit is refused; the runner's other sessions go on."
      actions={may('change') && <Button size="xs" leftSection={<IconPlus size={16} />} onClick={() => setMaking(true)}>New runner</Button>}>
      <Answer of={costs}>
        {(page) => (
          <>
            {page.data.length === 0 && idle.length === 0 && <Card><Empty title="No runners yet">A runner is an agent with a token of its own, or any caller that sends X-CM-Runner-ID.</Empty></Card>}
            {page.data.map((c) => <Fleet key={c.runner_id ?? ''} of={c} name={name(c.runner_id)} />)}
            {idle.map((r) => <Fleet key={r.runner_id} name={r.name} of={{ runner_id: r.runner_id, session_budget_limit: r.session_budget_limit, cost: 0, cost_nano_usd: 0, requests: 0, active_sessions: 0, total_sessions: 0, sessions: [] }} />)}
          </>
        )}
      </Answer>
      {making && <RunnerForm close={() => setMaking(false)} made={setToken} />}
      <SecretOnce secret={token} title="The runner's token" close={() => setToken(null)} />
    </Page>
  );
}

function Fleet({ of, name }: { of: Costs; name: string }) {
  const { header } = useOrg();
  const { may } = useSeat();
  const [editing, setEditing] = useState(false);
  const [stopping, setStopping] = useState<Session | null>(null);
  const stop = ask.useMutation('post', '/gateway/admin/runners/{runner}/sessions/{session}/stop', { onSuccess: async () => { await refresh('/runners'); setStopping(null); } });
  const id = of.runner_id;
  const limit = of.session_budget_limit ?? null;
  const columns = [
    column.accessor('session_id', { header: 'Session', cell: (c) => <Link className="link" href={`/usage?session_id=${encodeURIComponent(c.getValue())}${id ? `&runner_id=${encodeURIComponent(id)}` : ''}`}>{c.getValue()}</Link> }),
    column.accessor((s) => (s.stopped ? 'stopped' : s.active ? 'active' : 'quiet'), { id: 'state', header: 'State', cell: (c) => <State of={c.getValue()} /> }),
    column.accessor('cost', { header: 'Spent', meta: { num: true }, sortDescFirst: true, cell: (c) => <Money of={c.getValue()} /> }),
    column.display({ id: 'bar', header: 'Of its limit', cell: (c) => limit === null ? <Text size="sm" c="dimmed" span>no limit</Text> : <div style={{ minWidth: 110 }}><LimitBar spent={c.row.original.cost} held={0} limit={limit} label={`Session ${c.row.original.session_id}`} /></div> }),
    column.accessor('requests', { header: 'Requests', meta: { num: true }, cell: (c) => count(c.getValue()) }),
    column.accessor('last_request_at', { header: 'Last request', cell: (c) => <When at={c.getValue()} /> }),
    column.display({ id: 'stop', header: () => <span className="visually-hidden">Actions</span>, cell: (c) => may('change') && id && !c.row.original.stopped && <Button size="compact-xs" variant="subtle" color="red" onClick={() => setStopping(c.row.original)} aria-label={`Stop ${c.row.original.session_id}`}>Stop</Button> }),
  ];
  return (
    <Card flush title={<Group gap="xs" component="span">{name}{of.active_sessions > 0 && <Badge variant="light" size="sm">{of.active_sessions} active</Badge>}</Group>}
      aside={<Group gap="md">
        <Text size="sm" c="dimmed">{usd(of.cost)} · {count(of.requests)} requests · {of.total_sessions} sessions · {limit === null ? 'no limit a session' : `${usd(limit)} a session`}</Text>
        {may('change') && id && <Button size="compact-xs" variant="default" onClick={() => setEditing(true)} aria-label={`Session limit of ${name}`}>Session limit</Button>}
      </Group>}>
      <Figures name={`Sessions of ${name}`} rows={of.sessions} columns={columns as never} id={(s) => s.session_id} empty={<Empty title="No sessions this month" />} />
      {editing && id && <SessionLimit id={id} name={name} limit={limit} close={() => setEditing(false)} />}
      <Confirm opened={stopping !== null} title={`Stop session ${stopping?.session_id ?? ''}`} action="Stop the session" danger busy={stop.isPending} fault={stop.error} close={() => setStopping(null)}
        run={() => stopping && id && stop.mutate({ params: { header, path: { runner: id, session: stopping.session_id } } })}>
        <Text size="sm">Its next requests are refused. Those in flight end as they would. It cannot be started again; the runner begins a new session.</Text>
      </Confirm>
    </Card>
  );
}

function SessionLimit({ id, name, limit, close }: { id: string; name: string; limit: number | null; close: () => void }) {
  const { header } = useOrg();
  const [text, setText] = useState(limitText(limit));
  const patch = ask.useMutation('patch', '/gateway/admin/runners/{runner}/config', { onSuccess: async () => { await refresh('/runners'); close(); } });
  return (
    <Confirm opened title={`Session limit of ${name}`} action="Save" busy={patch.isPending} fault={patch.error} close={close} disabled={!isLimit(text)}
      run={() => patch.mutate({ params: { header, path: { runner: id } }, body: { session_budget_limit: amount(text) } })}>
      <LimitField label="Dollars over a session's life" value={text} set={setText} placeholder="unlimited" description="Also for the sessions that run now" />
    </Confirm>
  );
}

function RunnerForm({ close, made }: { close: () => void; made: (token: string) => void }) {
  const { header } = useOrg();
  const [name, setName] = useState('');
  const [session, setSession] = useState('');
  const [daily, setDaily] = useState('');
  const create = ask.useMutation('post', '/gateway/admin/runners', { onSuccess: async (runner) => { await refresh('/runners', '/keys', '/budgets'); close(); if (runner.token) made(runner.token); } });
  const save = (event: FormEvent) => { event.preventDefault(); create.mutate({ params: { header }, body: { name: name.trim(), session_budget_limit: amount(session), daily_budget: amount(daily) } }); };
  return (
    <Modal opened onClose={close} title="New runner">
      <form onSubmit={save}>
        <Stack>
          <TextInput label="Name" required maxLength={200} data-autofocus value={name} onChange={(e) => setName(e.currentTarget.value)} />
          <LimitField label="Dollars over a session's life" value={session} set={setSession} placeholder="unlimited" />
          <LimitField label="Dollars a day, all sessions together" value={daily} set={setDaily} placeholder="unlimited" />
          <FormFault of={create.error} />
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={close}>Cancel</Button>
            <Button type="submit" loading={create.isPending} disabled={!name.trim() || !isLimit(session) || !isLimit(daily)}>Make the runner</Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
