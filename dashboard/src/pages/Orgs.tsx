import { Button, Group, Modal, Select, SimpleGrid, Stack, Switch, Text, TextInput } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { createColumnHelper } from '@tanstack/react-table';
import { type FormEvent, useState } from 'react';
import { ask, refresh, type Schemas } from '../api/client';
import { useOrgs } from '../api/names';
import { useSeat } from '../app/session';
import { usd } from '../money';
import { changesOf } from '../parts/changes';
import { FormFault } from '../parts/fields';
import { Id, State, When } from '../parts/figures';
import { Answer, Card, Empty, Page } from '../parts/Page';
import { Figures } from '../parts/Table';

type Org = Schemas['Org'];
const column = createColumnHelper<Org>();
const tiers = ['free', 'starter', 'growth', 'enterprise'] as const;
const capital = (word: string) => word[0]!.toUpperCase() + word.slice(1);

export default function Orgs() {
  const seat = useSeat();
  const list = useOrgs();
  const tierList = ask.useQuery('get', '/api/v1/admin/tiers', {});
  const [editing, setEditing] = useState<Org | 'new' | null>(null);
  const columns = [
    column.accessor('name', { header: 'Name', cell: (c) => <div><Text size="sm" fw={600}>{c.getValue()}</Text><Id of={c.row.original.org_id} /></div> }),
    column.accessor('tier', { header: 'Tier', cell: (c) => capital(c.getValue()) }),
    column.accessor((o) => (o.suspended ? 'suspended' : 'active'), { id: 'state', header: 'State', cell: (c) => <State of={c.getValue()} /> }),
    column.accessor('created_at', { header: 'Made', cell: (c) => <When at={c.getValue()} /> }),
    column.display({ id: 'more', header: () => <span className="visually-hidden">Actions</span>, cell: (c) => (
      <Group gap="xs" justify="flex-end" wrap="nowrap">
        {c.row.original.org_id !== seat.org?.org_id && <Button size="compact-xs" variant="subtle" onClick={() => seat.choose(c.row.original.org_id)} aria-label={`Look at ${c.row.original.name}`}>Look at it</Button>}
        <Button size="compact-xs" variant="subtle" onClick={() => setEditing(c.row.original)} aria-label={`Edit ${c.row.original.name}`}>Edit</Button>
      </Group>
    ) }),
  ];
  return (
    <Page about="Tenants. None sees, spends or changes what belongs to another." actions={<Button size="xs" leftSection={<IconPlus size={16} />} onClick={() => setEditing('new')}>New org</Button>}>
      <Card flush><Answer of={list}>{(page) => <Figures name="Orgs" rows={page.data} more={page.more} columns={columns as never} id={(o) => o.org_id} empty={<Empty title="No orgs yet" />} />}</Answer></Card>
      <Card title="Tiers" aside={<Text size="sm" c="dimmed">What holds where an org's policy says nothing</Text>}>
        <Answer of={tierList} rows={2}>
          {(page) => (
            <SimpleGrid cols={{ base: 1, xs: 2, md: 4 }}>
              {page.data.map((t) => (
                <div key={t.tier}><Text fw={650}>{capital(t.tier)}</Text>
                  <dl className="facts"><dt>A request</dt><dd className="tabular">{usd(t.max_cost_per_request)}</dd><dt>A day</dt><dd className="tabular">{usd(t.daily_budget)}</dd><dt>A month</dt><dd className="tabular">{usd(t.monthly_budget)}</dd></dl></div>
              ))}
            </SimpleGrid>
          )}
        </Answer>
      </Card>
      {editing && <OrgForm of={editing === 'new' ? null : editing} close={() => setEditing(null)} />}
    </Page>
  );
}

function OrgForm({ of, close }: { of: Org | null; close: () => void }) {
  const [name, setName] = useState(of?.name ?? '');
  const [id, setId] = useState('');
  const [tier, setTier] = useState<Org['tier']>(of?.tier ?? 'free');
  const [suspended, setSuspended] = useState(of?.suspended ?? false);
  const done = async () => { await refresh('/orgs', '/policy', '/budgets', '/overview'); close(); };
  const create = ask.useMutation('post', '/api/v1/admin/orgs', { onSuccess: done });
  const patch = ask.useMutation('patch', '/api/v1/admin/orgs/{org}', { onSuccess: done });
  const body = { name: name.trim(), tier, suspended };
  const [before] = useState(body);
  function save(event: FormEvent) {
    event.preventDefault();
    if (of) patch.mutate({ params: { path: { org: of.org_id } }, body: changesOf(before, body) });
    else create.mutate({ body: { name: name.trim(), tier, org_id: id.trim() || null } });
  }
  return (
    <Modal opened onClose={close} title={of ? `Edit ${of.name}` : 'New org'}>
      <form onSubmit={save}>
        <Stack>
          <TextInput label="Name" required maxLength={200} data-autofocus value={name} onChange={(e) => setName(e.currentTarget.value)} />
          {!of && <TextInput label="Id" description="Letters, digits, _ - . ; made up when empty; it cannot be changed" maxLength={64} value={id} onChange={(e) => setId(e.currentTarget.value)} />}
          <Select label="Tier" value={tier} onChange={(v) => v && setTier(v as Org['tier'])} data={tiers.map((t) => ({ value: t, label: capital(t) }))} />
          {of && <Switch label="Suspended: no key of the org is accepted" checked={suspended} onChange={(e) => setSuspended(e.currentTarget.checked)} />}
          <FormFault of={create.error ?? patch.error} />
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={close}>Cancel</Button>
            <Button type="submit" loading={create.isPending || patch.isPending} disabled={!name.trim()}>{of ? 'Save' : 'Make the org'}</Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
