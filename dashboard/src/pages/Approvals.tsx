import { Button, Group, SegmentedControl, SimpleGrid, Stack, Text, TextInput } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useState } from 'react';
import { ask, explain, refresh, type Schemas } from '../api/client';
import { useNames } from '../api/names';
import { useOrg, useSeat } from '../app/session';
import { usd } from '../money';
import { Confirm } from '../parts/Confirm';
import { Id, Money, State } from '../parts/figures';
import { useNow } from '../parts/now';
import { Answer, Card, Empty, Page } from '../parts/Page';
import { useAddress } from '../parts/query';
import { relative, stamp } from '../time';

type Approval = Schemas['Approval'];

export default function Approvals() {
  const { header } = useOrg();
  const address = useAddress();
  const status = address.get('status') ?? 'pending';
  const list = ask.useQuery('get', '/gateway/admin/approvals', { params: { header, query: { status: status === 'all' ? undefined : status, limit: '200' } } }, { refetchInterval: 5_000 });
  return (
    <Page about="Requests that may cost more than the policy's threshold wait here for a person. What they ask is never shown: the gateway does not keep it.">
      <div className="scroll"><SegmentedControl size="xs" aria-label="State" value={status} onChange={(value) => address.set({ status: value })}
        data={['pending', 'approved', 'rejected', 'used', 'expired', 'all'].map((s) => ({ value: s, label: s === 'pending' ? 'Waiting' : s[0]!.toUpperCase() + s.slice(1) }))} /></div>
      <Answer of={list}>
        {(page) => page.data.length === 0
          ? <Card><Empty title={status === 'pending' ? 'Nothing waits' : 'None'}>{status === 'pending' && 'A threshold is set under Policy.'}</Empty></Card>
          : <SimpleGrid cols={{ base: 1, md: 2, xl: 3 }} spacing="sm">{page.data.map((a) => <Ticket key={a.approval_id} of={a} />)}</SimpleGrid>}
      </Answer>
    </Page>
  );
}

function Ticket({ of }: { of: Approval }) {
  const { header } = useOrg();
  const { may } = useSeat();
  const names = useNames();
  const now = useNow(1000);
  const [rejecting, setRejecting] = useState(false);
  const [reason, setReason] = useState('');
  const done = (text: string) => ({
    onSuccess: async () => { await refresh('/approvals', '/overview'); setRejecting(false); notifications.show({ message: text }); },
    onError: (error: unknown) => { notifications.show({ color: 'red', message: explain(error).message }); void refresh('/approvals'); },
  });
  const approve = ask.useMutation('post', '/gateway/admin/approvals/{approval}/approve', done('Approved: the caller may send it once.'));
  const reject = ask.useMutation('post', '/gateway/admin/approvals/{approval}/reject', done('Rejected.'));
  const path = { params: { header, path: { approval: of.approval_id } } };
  return (
    <section className="card" aria-label={`Approval ${of.approval_id}`} style={{ padding: 16 }}>
      <Stack gap="sm">
        <Group justify="space-between" align="flex-start" wrap="nowrap">
          <div><Text fw={650}>{of.model}</Text><Text size="sm" c="dimmed">by {names.key(of.key_id)}</Text></div>
          <Stack gap={2} align="flex-end"><Text fz={20} fw={650} lh={1.2} className="tabular"><Money of={of.estimated_cost} /></Text><State of={of.status} /></Stack>
        </Group>
        <Text size="sm">May cost up to {usd(of.estimated_cost)}; from {usd(of.threshold)} on a person decides.</Text>
        <Text size="xs" c="dimmed">
          Asked {relative(of.created_at, now)}
          {of.status === 'pending' ? `, ends ${relative(of.expires_at, now)}` : of.decided_by ? `; decided by ${of.decided_by} at ${stamp(of.decided_at)} UTC` : ''}
          {of.reject_reason && `: ${of.reject_reason}`}
        </Text>
        <Id of={of.approval_id} />
        {of.status === 'pending' && may('approve') && (
          <Group gap="xs" grow>
            <Button variant="default" onClick={() => setRejecting(true)}>Reject</Button>
            <Button loading={approve.isPending} onClick={() => approve.mutate(path)}>Approve</Button>
          </Group>
        )}
      </Stack>
      <Confirm opened={rejecting} title="Reject the request" action="Reject" danger busy={reject.isPending} fault={reject.error} close={() => setRejecting(false)} run={() => reject.mutate({ ...path, body: { reason: reason.trim() || null } })}>
        <TextInput label="Reason, for the caller" maxLength={500} data-autofocus value={reason} onChange={(e) => setReason(e.currentTarget.value)} />
      </Confirm>
    </section>
  );
}
