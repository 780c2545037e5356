import { Button, Menu, TextInput, Text } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { IconDots, IconPlus, IconSearch } from '@tabler/icons-react';
import { createColumnHelper } from '@tanstack/react-table';
import { useMemo, useState } from 'react';
import { useLocation } from 'wouter';
import { ask, explain, refresh, type Schemas } from '../api/client';
import { useKeys, useNames } from '../api/names';
import { useOrg, useSeat } from '../app/session';
import { usd } from '../money';
import { Id, State, When } from '../parts/figures';
import { Answer, Card, Empty, Page } from '../parts/Page';
import { useAddress } from '../parts/query';
import { SecretOnce } from '../parts/Secret';
import { Figures } from '../parts/Table';
import { KeyForm } from './keys/KeyForm';
import { Rotate } from './keys/Rotate';

type Key = Schemas['ApiKey'];
const column = createColumnHelper<Key>();
const perDay = (limit: number | null | undefined) => (limit === null || limit === undefined ? 'unlimited' : usd(limit));

export default function Keys() {
  const { header } = useOrg();
  const { may } = useSeat();
  const address = useAddress();
  const [, go] = useLocation();
  const keys = useKeys();
  const names = useNames();
  const [editing, setEditing] = useState<Key | 'new' | null>(null);
  const [rotating, setRotating] = useState<Key | null>(null);
  const [secret, setSecret] = useState<string | null>(null);
  const search = (address.get('key') ?? '').toLowerCase();
  const toggle = { onSuccess: () => refresh('/keys', '/budgets'), onError: (error: unknown) => notifications.show({ color: 'red', message: explain(error).message }) };
  const disable = ask.useMutation('post', '/api/v1/admin/keys/{key}/disable', toggle);
  const enable = ask.useMutation('post', '/api/v1/admin/keys/{key}/enable', toggle);
  const columns = useMemo(() => [
    column.accessor('name', { header: 'Name', cell: (c) => <div><Text size="sm" fw={600}>{c.getValue()}</Text><Id of={c.row.original.key_id} /></div> }),
    column.accessor('status', { header: 'State', cell: (c) => <State of={c.getValue()} /> }),
    column.accessor((k) => (k.team_id ? names.team(k.team_id) : ''), { id: 'team', header: 'Team', cell: (c) => c.getValue() || '—' }),
    column.accessor('last4', { header: 'Secret', enableSorting: false, cell: (c) => <span className="mono">…{c.getValue()}</span> }),
    column.accessor((k) => k.daily_budget ?? Infinity, { id: 'daily', header: 'A day', meta: { num: true }, cell: (c) => perDay(c.row.original.daily_budget) }),
    column.accessor((k) => k.monthly_budget ?? Infinity, { id: 'monthly', header: 'A month', meta: { num: true }, cell: (c) => perDay(c.row.original.monthly_budget) }),
    column.accessor((k) => [k.model_allowlist ? `${k.model_allowlist.length} models` : '', k.ip_allowlist ? `${k.ip_allowlist.length} addresses` : '', k.rate_limit_rpm != null ? `${k.rate_limit_rpm} a minute` : ''].filter(Boolean).join(', '), { id: 'limits', header: 'Only', enableSorting: false, cell: (c) => c.getValue() || '—' }),
    column.accessor('created_at', { header: 'Made', cell: (c) => <When at={c.getValue()} /> }),
    column.display({ id: 'more', header: () => <span className="visually-hidden">Actions</span>, cell: (c) => {
      const key = c.row.original;
      return (
        <Menu shadow="md" position="bottom-end">
          <Menu.Target><Button size="compact-xs" variant="subtle" color="gray" aria-label={`Actions for ${key.name}`}><IconDots size={16} /></Button></Menu.Target>
          <Menu.Dropdown>
            <Menu.Item onClick={() => go(`/usage?key_id=${key.key_id}&sort=cost_desc`)}>Its requests</Menu.Item>
            {may('change') && <>
              <Menu.Item onClick={() => setEditing(key)}>Edit</Menu.Item>
              <Menu.Item onClick={() => setRotating(key)}>Rotate the secret</Menu.Item>
              {key.status === 'disabled'
                ? <Menu.Item onClick={() => enable.mutate({ params: { header, path: { key: key.key_id } } })}>Enable</Menu.Item>
                : <Menu.Item color="red" onClick={() => disable.mutate({ params: { header, path: { key: key.key_id } } })}>Disable at once</Menu.Item>}
            </>}
          </Menu.Dropdown>
        </Menu>
      );
    } }),
  ], [names, may, header, enable, disable, go]);

  return (
    <Page about="What callers identify themselves with. A key that is disabled is refused everywhere within a second."
      actions={may('change') && <Button size="xs" leftSection={<IconPlus size={16} />} onClick={() => setEditing('new')}>New key</Button>}>
      <Card flush>
        <div style={{ padding: 12 }}><TextInput size="xs" maw={280} aria-label="Find a key" placeholder="Name or id" leftSection={<IconSearch size={15} />} value={address.get('key') ?? ''} onChange={(e) => address.set({ key: e.currentTarget.value })} /></div>
        <Answer of={keys}>
          {(page) => <Figures name="Keys" rows={page.data.filter((k) => !search || k.name.toLowerCase().includes(search) || k.key_id.includes(search))} more={page.more} columns={columns as never} id={(k) => k.key_id}
            empty={<Empty title={search ? 'No such key' : 'No keys yet'}>{!search && may('change') && 'Make one; its secret is shown once.'}</Empty>} />}
        </Answer>
      </Card>
      {editing && <KeyForm of={editing === 'new' ? null : editing} close={() => setEditing(null)} made={setSecret} />}
      {rotating && <Rotate of={rotating} close={() => setRotating(null)} made={setSecret} />}
      <SecretOnce secret={secret} title="The key's secret" close={() => setSecret(null)} />
    </Page>
  );
}
