import { Button, Group, Modal, Stack, Text, TextInput } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { createColumnHelper } from '@tanstack/react-table';
import { type FormEvent, useMemo, useState } from 'react';
import { Link } from 'wouter';
import { ask, refresh, type Schemas } from '../api/client';
import { useNames, useTeams } from '../api/names';
import { useOrg, useSeat } from '../app/session';
import { limitText, parseLimit, usd } from '../money';
import { count } from '../numbers';
import { changesOf } from '../parts/changes';
import { FormFault, isLimit, LimitField } from '../parts/fields';
import { Id, When } from '../parts/figures';
import { Answer, Card, Empty, Page } from '../parts/Page';
import { Figures } from '../parts/Table';

type Team = Schemas['Team'];
const column = createColumnHelper<Team>();
const limit = (of: number | null | undefined) => (of === null || of === undefined ? 'unlimited' : usd(of));

export default function Teams() {
  const { may } = useSeat();
  const teams = useTeams();
  const names = useNames();
  const [editing, setEditing] = useState<Team | 'new' | null>(null);
  const columns = useMemo(() => [
    column.accessor('name', { header: 'Name', cell: (c) => <div><Text size="sm" fw={600}>{c.getValue()}</Text><Id of={c.row.original.team_id} /></div> }),
    column.accessor((t) => names.keys.filter((k) => k.team_id === t.team_id).length, { id: 'keys', header: 'Keys', meta: { num: true }, cell: (c) => count(c.getValue()) }),
    column.accessor((t) => t.daily_budget ?? Infinity, { id: 'daily', header: 'A day', meta: { num: true }, cell: (c) => limit(c.row.original.daily_budget) }),
    column.accessor((t) => t.monthly_budget ?? Infinity, { id: 'monthly', header: 'A month', meta: { num: true }, cell: (c) => limit(c.row.original.monthly_budget) }),
    column.accessor('created_at', { header: 'Made', cell: (c) => <When at={c.getValue()} /> }),
    column.display({ id: 'more', header: () => <span className="visually-hidden">Actions</span>, cell: (c) => (
      <Group gap="xs" wrap="nowrap" justify="flex-end">
        <Link className="link" href={`/usage?team_id=${c.row.original.team_id}`}>Requests</Link>
        {may('change') && <Button size="compact-xs" variant="subtle" onClick={() => setEditing(c.row.original)} aria-label={`Edit ${c.row.original.name}`}>Edit</Button>}
      </Group>
    ) }),
  ], [names, may]);
  return (
    <Page about="Parts of the org with limits of their own, over all their keys." actions={may('change') && <Button size="xs" leftSection={<IconPlus size={16} />} onClick={() => setEditing('new')}>New team</Button>}>
      <Card flush><Answer of={teams}>{(page) => <Figures name="Teams" rows={page.data} more={page.more} columns={columns as never} id={(t) => t.team_id} empty={<Empty title="No teams yet">A team bounds what its keys spend together.</Empty>} />}</Answer></Card>
      {editing && <TeamForm of={editing === 'new' ? null : editing} close={() => setEditing(null)} />}
    </Page>
  );
}

function TeamForm({ of, close }: { of: Team | null; close: () => void }) {
  const { header } = useOrg();
  const [name, setName] = useState(of?.name ?? '');
  const [daily, setDaily] = useState(limitText(of?.daily_budget));
  const [monthly, setMonthly] = useState(limitText(of?.monthly_budget));
  const done = async () => { await refresh('/teams', '/budgets'); close(); };
  const create = ask.useMutation('post', '/api/v1/admin/teams', { onSuccess: done });
  const patch = ask.useMutation('patch', '/api/v1/admin/teams/{team}', { onSuccess: done });
  const amount = (text: string) => { const value = parseLimit(text); return typeof value === 'number' ? value : null; };
  const body = { name: name.trim(), daily_budget: amount(daily), monthly_budget: amount(monthly) };
  const [before] = useState(body);
  function save(event: FormEvent) {
    event.preventDefault();
    if (of) patch.mutate({ params: { header, path: { team: of.team_id } }, body: changesOf(before, body) });
    else create.mutate({ params: { header }, body });
  }
  return (
    <Modal opened onClose={close} title={of ? `Edit ${of.name}` : 'New team'}>
      <form onSubmit={save}>
        <Stack>
          <TextInput label="Name" required maxLength={200} data-autofocus value={name} onChange={(e) => setName(e.currentTarget.value)} />
          <LimitField label="Dollars a day" value={daily} set={setDaily} placeholder="unlimited" />
          <LimitField label="Dollars a month" value={monthly} set={setMonthly} placeholder="unlimited" />
          <FormFault of={create.error ?? patch.error} />
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={close}>Cancel</Button>
            <Button type="submit" loading={create.isPending || patch.isPending} disabled={!name.trim() || !isLimit(daily) || !isLimit(monthly)}>{of ? 'Save' : 'Make the team'}</Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
