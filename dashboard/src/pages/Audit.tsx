import { Alert, Button, Drawer, Group, Stack, Text, TextInput, Title } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { IconShieldCheck } from '@tabler/icons-react';
import { keepPreviousData } from '@tanstack/react-query';
import { createColumnHelper } from '@tanstack/react-table';
import { useEffect, useState } from 'react';
import { ask, explain, refresh, type Schemas } from '../api/client';
import { useOrg, useSeat } from '../app/session';
import { count } from '../numbers';
import { Confirm } from '../parts/Confirm';
import { When } from '../parts/figures';
import { Answer, Card, Empty, Page } from '../parts/Page';
import { useAddress } from '../parts/query';
import { RangePicker, useRange } from '../parts/Range';
import { Figures } from '../parts/Table';
import { iso, stamp } from '../time';
import { differences } from './audit/differences';

type Entry = Schemas['AuditRecord'];
const column = createColumnHelper<Entry>();
const columns = [
  column.accessor('at', { header: 'When (UTC)', enableSorting: false, cell: (c) => <When at={c.getValue()} /> }),
  column.accessor('actor', { header: 'Who', enableSorting: false }),
  column.accessor('action', { header: 'What', enableSorting: false, cell: (c) => <span className="mono">{c.getValue()}</span> }),
  column.accessor('target_id', { header: 'On', enableSorting: false, cell: (c) => <><Text size="xs" c="dimmed" span>{c.row.original.target_type}</Text> {c.getValue()}</> }),
  column.accessor('from_ip', { header: 'From', enableSorting: false, cell: (c) => c.getValue() ?? '—' }),
  column.accessor('audit_id', { header: 'No.', enableSorting: false, meta: { num: true }, cell: (c) => count(c.getValue()) }),
];

export default function Audit() {
  const { header } = useOrg();
  const { may } = useSeat();
  const address = useAddress();
  const range = useRange('30d');
  const [trail, setTrail] = useState<string[]>([]);
  const [open, setOpen] = useState<Entry | null>(null);
  const action = address.get('action');
  const target = address.get('target');
  useEffect(() => setTrail([]), [action, target, range.preset]);
  const list = ask.useQuery('get', '/gateway/admin/audit', { params: { header, query: { from: iso(range.span.from), to: iso(range.span.to), action: action || undefined, target_id: target || undefined, cursor: trail.at(-1), limit: '50' } } }, { placeholderData: keepPreviousData });
  return (
    <Page about="Every change to the configuration and to the counters: an unbroken chain of hashes, so that nothing can be taken out or altered unseen." actions={may('platform') && <Verify />}>
      <Card flush>
        <Group gap="xs" align="flex-end" p="md" pb="sm">
          <RangePicker standard="30d" />
          <TextInput size="xs" label="Action" placeholder="policy.patch" defaultValue={action ?? ''} onBlur={(e) => address.set({ action: e.currentTarget.value.trim() })} onKeyDown={(e) => e.key === 'Enter' && address.set({ action: e.currentTarget.value.trim() })} />
          <TextInput size="xs" label="On (id)" defaultValue={target ?? ''} onBlur={(e) => address.set({ target: e.currentTarget.value.trim() })} onKeyDown={(e) => e.key === 'Enter' && address.set({ target: e.currentTarget.value.trim() })} />
        </Group>
        <Answer of={list} rows={10}>
          {(page) => (
            <>
              <Figures name="Audit entries" rows={page.data} columns={columns as never} id={(e) => String(e.audit_id)} open={setOpen} openLabel={(e) => `Entry ${e.audit_id}, ${e.action}`} empty={<Empty title="No entries in this time" />} />
              <Group justify="flex-end" p="sm" gap="xs">
                <Button size="xs" variant="default" disabled={trail.length === 0} onClick={() => setTrail(trail.slice(0, -1))}>Newer</Button>
                <Button size="xs" variant="default" disabled={!page.next_cursor} onClick={() => setTrail([...trail, page.next_cursor!])}>Older</Button>
              </Group>
            </>
          )}
        </Answer>
      </Card>
      <Drawer opened={open !== null} onClose={() => setOpen(null)} position="right" size="lg" title={<Text fw={650} span>Entry {open?.audit_id}</Text>}>{open && <Told of={open} done={() => setOpen(null)} />}</Drawer>
    </Page>
  );
}

function Verify() {
  const check = ask.useQuery('get', '/gateway/admin/audit/verify', {}, { enabled: false });
  const [seen, setSeen] = useState(false);
  const result = check.data;
  return (
    <>
      <Button size="xs" leftSection={<IconShieldCheck size={16} />} loading={check.isFetching} onClick={() => { setSeen(true); void check.refetch(); }}>Verify the chain</Button>
      {seen && !check.isFetching && (
        <Alert role="status" color={result?.ok ? 'pine' : 'red'} withCloseButton closeButtonLabel="Close" onClose={() => setSeen(false)} title={result ? (result.ok ? `All ${count(result.entries)} entries fit` : 'The chain is broken') : 'Not verified'}>
          {result ? result.first_fault : explain(check.error).message}
        </Alert>
      )}
    </>
  );
}

const text = (value: unknown): string => (value === undefined ? '—' : typeof value === 'string' ? value : JSON.stringify(value));

function Told({ of, done }: { of: Entry; done: () => void }) {
  const { header } = useOrg();
  const { may } = useSeat();
  const [asking, setAsking] = useState(false);
  const revert = ask.useMutation('post', '/gateway/admin/audit/{entry}/revert', {
    onSuccess: async () => { await refresh('/'); notifications.show({ message: 'What stood before is back. The audit log says so.' }); done(); },
  });
  const changes = differences(of.before, of.after);
  const canRevert = may('change') && of.before != null && ['policy', 'team', 'key', 'runner', 'org'].includes(of.target_type);
  return (
    <Stack>
      <dl className="facts">
        <dt>When</dt><dd>{stamp(of.at)} UTC</dd>
        <dt>Who</dt><dd>{of.actor}{of.from_ip && ` from ${of.from_ip}`}</dd>
        <dt>What</dt><dd className="mono">{of.action}</dd>
        <dt>On</dt><dd>{of.target_type} {of.target_id}</dd>
        <dt>Hash</dt><dd className="mono">{of.hash}</dd>
        <dt>Follows</dt><dd className="mono">{of.previous_hash}</dd>
      </dl>
      <div>
        <Title order={2} mb={6}>What changed</Title>
        {changes.length === 0 ? <Text size="sm" c="dimmed">Nothing that can be shown.</Text> : (
          <div className="scroll" tabIndex={0} role="region" aria-label="What changed"><table className="diff"><thead><tr><th scope="col">Field</th><th scope="col">Before</th><th scope="col">After</th></tr></thead>
            <tbody>{changes.map((c) => <tr key={c.path}><td className="mono">{c.path}</td><td>{text(c.before)}</td><td>{text(c.after)}</td></tr>)}</tbody></table></div>
        )}
      </div>
      {canRevert && <Group><Button variant="default" onClick={() => setAsking(true)}>Go back to what stood before</Button></Group>}
      <Confirm opened={asking} title="Go back to what stood before" action="Go back" busy={revert.isPending} fault={revert.error} close={() => setAsking(false)} run={() => revert.mutate({ params: { header, path: { entry: of.audit_id as never } } })}>
        <Text size="sm">The {of.target_type} {of.target_id} gets back what it had before entry {of.audit_id}, also where later entries changed it again. That is an entry of its own.</Text>
      </Confirm>
    </Stack>
  );
}
