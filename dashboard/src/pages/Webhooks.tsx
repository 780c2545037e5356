import { Alert, Badge, Button, Checkbox, Drawer, Group, Menu, Modal, NumberInput, Select, SimpleGrid, Stack, Text, TextInput } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { IconDots, IconPlus } from '@tabler/icons-react';
import { createColumnHelper } from '@tanstack/react-table';
import { type FormEvent, useState } from 'react';
import { ask, explain, refresh, type Schemas } from '../api/client';
import { useOrg, useSeat } from '../app/session';
import { changesOf } from '../parts/changes';
import { Confirm } from '../parts/Confirm';
import { FormFault } from '../parts/fields';
import { Id, State } from '../parts/figures';
import { Answer, Card, Empty, Page } from '../parts/Page';
import { SecretOnce } from '../parts/Secret';
import { Figures } from '../parts/Table';
import { percent } from '../numbers';
import { Deliveries } from './webhooks/Deliveries';
import { kinds, kindNames } from './webhooks/kinds';
import { ownerOf } from './webhooks/owner';

type Hook = Schemas['Webhook'];
const column = createColumnHelper<Hook>();

export default function Webhooks() {
  const { header } = useOrg();
  const { may } = useSeat();
  const own = ask.useQuery('get', '/api/v1/admin/webhooks', { params: { header, query: { limit: '50' } } });
  const platform = ask.useQuery('get', '/api/v1/admin/webhooks', { params: { query: { platform: 'true', limit: '50' } } }, { enabled: may('platform') });
  const lists = may('platform') ? [own, platform] : [own];
  const all = {
    data: lists.every((l) => l.data !== undefined) ? lists.flatMap((l) => l.data!.data) : undefined,
    error: lists.find((l) => l.error)?.error ?? null,
    isPending: lists.some((l) => l.isPending),
    refetch: () => lists.forEach((l) => void l.refetch()),
  };
  const [editing, setEditing] = useState<Hook | 'new' | null>(null);
  const [secret, setSecret] = useState<string | null>(null);
  const [removing, setRemoving] = useState<Hook | null>(null);
  const [rotating, setRotating] = useState<Hook | null>(null);
  const [watched, setWatched] = useState<Hook | null>(null);
  const told = { onError: (error: unknown) => notifications.show({ color: 'red', message: explain(error).message }) };
  const test = ask.useMutation('post', '/api/v1/admin/webhooks/{webhook}/test', {
    ...told,
    onSuccess: async (delivery) => {
      await refresh('/webhooks');
      const last = delivery.attempts.at(-1);
      notifications.show(delivery.state === 'delivered'
        ? { message: `The test was taken with status ${last?.status} in ${last?.latency_ms} ms.` }
        : { color: 'red', message: `The test was not taken: ${last?.error ?? (last?.status ? `status ${last.status}` : 'no answer yet')}.` });
    },
  });
  const patch = ask.useMutation('patch', '/api/v1/admin/webhooks/{webhook}', { ...told, onSuccess: () => refresh('/webhooks') });
  const remove = ask.useMutation('delete', '/api/v1/admin/webhooks/{webhook}', { onSuccess: async () => { await refresh('/webhooks'); setRemoving(null); } });
  const rotate = ask.useMutation('post', '/api/v1/admin/webhooks/{webhook}/rotate', { onSuccess: async (hook) => { await refresh('/webhooks'); setRotating(null); if (hook.secret) setSecret(hook.secret); } });
  const of = (hook: Hook) => ({ params: { header: ownerOf(hook), path: { webhook: hook.webhook_id } } });
  const columns = [
    column.accessor('url', { header: 'Address', meta: { wrap: true }, cell: (c) => <div><Text size="sm" fw={550} style={{ overflowWrap: 'anywhere' }}>{c.getValue()}</Text><Group gap={6}><Id of={c.row.original.webhook_id} />{c.row.original.org_id == null && <Badge size="sm" variant="light">Platform: every org’s events</Badge>}</Group></div> }),
    column.accessor((h) => (h.enabled ? 'active' : 'disabled'), { id: 'state', header: 'State', cell: (c) => <div><State of={c.getValue()} />{c.row.original.disabled_reason && <Text size="xs" c="dimmed">{c.row.original.disabled_reason}</Text>}</div> }),
    column.accessor('events', { header: 'Told of', enableSorting: false, meta: { wrap: true }, cell: (c) => <Group gap={4}>{c.getValue().map((e) => <Badge key={e} variant="default" size="sm">{kindNames[e] ?? e}</Badge>)}</Group> }),
    column.accessor('budget_warning_threshold', { header: 'Warn at', meta: { num: true }, cell: (c) => (c.getValue() == null ? '—' : percent(Number(c.getValue()) * 100)) }),
    column.accessor('format', { header: 'Format', cell: (c) => (c.getValue() === 'slack' ? 'Slack' : 'CloudEvents') }),
    column.display({ id: 'more', header: () => <span className="visually-hidden">Actions</span>, cell: (c) => {
      const hook = c.row.original;
      return (
        <Group gap={4} wrap="nowrap" justify="flex-end">
          <Button size="compact-xs" variant="subtle" onClick={() => setWatched(hook)} aria-label={`Deliveries to ${hook.url}`}>Deliveries</Button>
          {may('change') && (
            <Menu shadow="md" position="bottom-end">
              <Menu.Target><Button size="compact-xs" variant="subtle" color="gray" aria-label={`Actions for ${hook.url}`}><IconDots size={16} /></Button></Menu.Target>
              <Menu.Dropdown>
                <Menu.Item onClick={() => test.mutate(of(hook))}>Send a test</Menu.Item>
                <Menu.Item onClick={() => setEditing(hook)}>Edit</Menu.Item>
                <Menu.Item onClick={() => patch.mutate({ ...of(hook), body: { enabled: !hook.enabled } })}>{hook.enabled ? 'Disable' : 'Enable'}</Menu.Item>
                <Menu.Item onClick={() => setRotating(hook)}>Rotate the secret</Menu.Item>
                <Menu.Item color="red" onClick={() => setRemoving(hook)}>Remove</Menu.Item>
              </Menu.Dropdown>
            </Menu>
          )}
        </Group>
      );
    } }),
  ];
  return (
    <Page about="Addresses that are told of events: signed, retried for a day, never sent into private networks." actions={may('change') && <Button size="xs" leftSection={<IconPlus size={16} />} onClick={() => setEditing('new')}>New webhook</Button>}>
      <Card flush><Answer of={all}>{(hooks) => <Figures name="Webhooks" rows={hooks} columns={columns as never} id={(h) => h.webhook_id} empty={<Empty title="No webhooks yet">With one, somebody is told before a budget ends.</Empty>} />}</Answer></Card>
      {editing && <HookForm of={editing === 'new' ? null : editing} close={() => setEditing(null)} made={setSecret} />}
      <SecretOnce secret={secret} title="The webhook's signing secret" close={() => setSecret(null)}><Text size="sm">Messages carry webhook-id, webhook-timestamp and webhook-signature, as Standard Webhooks describes.</Text></SecretOnce>
      <Confirm opened={removing !== null} title="Remove the webhook" action="Remove" danger busy={remove.isPending} fault={remove.error} close={() => setRemoving(null)} run={() => removing && remove.mutate(of(removing))}>
        <Text size="sm" style={{ overflowWrap: 'anywhere' }}>{removing?.url} is told of nothing any more.</Text>
      </Confirm>
      <Confirm opened={rotating !== null} title="Rotate the signing secret" action="Rotate" busy={rotate.isPending} fault={rotate.error} close={() => setRotating(null)} run={() => rotating && rotate.mutate({ ...of(rotating), body: {} })}>
        <Text size="sm">For a day, messages carry signatures by both secrets, so that the receiver can change over.</Text>
      </Confirm>
      <Drawer opened={watched !== null} onClose={() => setWatched(null)} position="right" size="xl" title={<Text fw={650} span>Deliveries</Text>}>{watched && <Deliveries hook={watched} />}</Drawer>
    </Page>
  );
}

function HookForm({ of, close, made }: { of: Hook | null; close: () => void; made: (secret: string) => void }) {
  const { header, name } = useOrg();
  const { may } = useSeat();
  const [owner, setOwner] = useState('org');
  const [url, setUrl] = useState(of?.url ?? '');
  const [events, setEvents] = useState<string[]>(of?.events ?? ['budget_warning', 'budget_exceeded']);
  const [threshold, setThreshold] = useState<number | string>(of?.budget_warning_threshold != null ? Number(of.budget_warning_threshold) * 100 : '');
  const [format, setFormat] = useState<string>(of?.format ?? 'cloudevents');
  const done = async () => { await refresh('/webhooks'); close(); };
  const create = ask.useMutation('post', '/api/v1/admin/webhooks', { onSuccess: async (hook) => { await done(); if (hook.secret) made(hook.secret); } });
  const patch = ask.useMutation('patch', '/api/v1/admin/webhooks/{webhook}', { onSuccess: done });
  const body = { url: url.trim(), events: events as Hook['events'], budget_warning_threshold: threshold === '' ? null : Math.round(Number(threshold) * 100) / 10_000, format: format as Hook['format'] };
  const [before] = useState(body);
  function save(event: FormEvent) {
    event.preventDefault();
    if (of) patch.mutate({ params: { header: ownerOf(of), path: { webhook: of.webhook_id } }, body: changesOf(before, body) });
    // A webhook that names no org is the platform's.
    else create.mutate({ params: { header: owner === 'platform' ? {} : header }, body });
  }
  return (
    <Modal opened onClose={close} title={of ? 'Edit the webhook' : 'New webhook'} size="lg">
      <form onSubmit={save}>
        <Stack>
          {!of && may('platform') && <Select label="Whose" value={owner} onChange={(v) => v && setOwner(v)} data={[{ value: 'org', label: `${name}: its own events` }, { value: 'platform', label: 'The platform: every org’s events' }]} />}
          <TextInput label="Address" required type="url" placeholder="https://hooks.example.com/curateme" maxLength={2000} data-autofocus value={url} onChange={(e) => setUrl(e.currentTarget.value)} />
          <Checkbox.Group label="Told of" value={events} onChange={setEvents}>
            <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="xs" mt={6}>{kinds.map((k) => <Checkbox key={k} value={k} label={kindNames[k]} />)}</SimpleGrid>
          </Checkbox.Group>
          <SimpleGrid cols={{ base: 1, xs: 2 }}>
            <NumberInput label="Warn also at" description="Percent of a limit, beside 50, 75 and 90" suffix=" %" min={0.01} max={100} decimalScale={2} value={threshold} onChange={setThreshold} hideControls />
            <Select label="Format" description="Of the messages" value={format} onChange={(v) => v && setFormat(v)} data={[{ value: 'cloudevents', label: 'CloudEvents 1.0' }, { value: 'slack', label: 'Slack' }]} />
          </SimpleGrid>
          {events.length === 0 && <Alert color="yellow">Choose at least one event.</Alert>}
          <FormFault of={create.error ?? patch.error} />
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={close}>Cancel</Button>
            <Button type="submit" loading={create.isPending || patch.isPending} disabled={!url.trim() || events.length === 0}>{of ? 'Save' : 'Make the webhook'}</Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
