import { Button, Code, Collapse, Group, Stack, Text } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useState } from 'react';
import { ask, explain, refresh, type Schemas } from '../../api/client';
import { useSeat } from '../../app/session';
import { milliseconds } from '../../numbers';
import { Id, State, When } from '../../parts/figures';
import { Answer, Empty } from '../../parts/Page';
import { ownerOf } from './owner';

/** What was sent to a webhook, attempt by attempt. */
export function Deliveries({ hook }: { hook: Schemas['Webhook'] }) {
  const header = ownerOf(hook);
  const list = ask.useQuery('get', '/api/v1/admin/webhooks/{webhook}/deliveries', { params: { header, path: { webhook: hook.webhook_id }, query: { limit: '50' } } }, { refetchInterval: 5_000 });
  return (
    <Stack>
      <Text size="sm" c="dimmed" style={{ overflowWrap: 'anywhere' }}>{hook.url}</Text>
      <Answer of={list}>{(page) => (page.data.length === 0 ? <Empty title="Nothing was sent yet" /> : <>{page.data.map((d) => <Delivery key={d.delivery_id} of={d} header={header} />)}</>)}</Answer>
    </Stack>
  );
}

function Delivery({ of, header }: { of: Schemas['WebhookDelivery']; header: ReturnType<typeof ownerOf> }) {
  const { may } = useSeat();
  const [open, setOpen] = useState(false);
  const replay = ask.useMutation('post', '/api/v1/admin/webhooks/{webhook}/deliveries/{delivery}/replay', {
    onSuccess: async () => { await refresh('/webhooks'); notifications.show({ message: 'It is on its way again, with the same id.' }); },
    onError: (error) => notifications.show({ color: 'red', message: explain(error).message }),
  });
  return (
    <section className="card" aria-label={`Delivery ${of.delivery_id}`} style={{ padding: 12 }}>
      <Group justify="space-between">
        <Group gap="xs"><State of={of.state} /><Text size="sm" fw={600}>{of.event_type.replaceAll('_', ' ')}</Text><When at={of.created_at} /></Group>
        <Group gap={4}>
          {of.body != null && <Button size="compact-xs" variant="subtle" onClick={() => setOpen(!open)} aria-expanded={open}>Message</Button>}
          {may('change') && of.state !== 'pending' && <Button size="compact-xs" variant="subtle" loading={replay.isPending} onClick={() => replay.mutate({ params: { header, path: { webhook: of.webhook_id, delivery: of.delivery_id } } })}>Send again</Button>}
        </Group>
      </Group>
      <Stack gap={2} mt={6}>
        {of.attempts.map((a, i) => <Text key={a.at} size="xs" c="dimmed">{i + 1}. <When at={a.at} />: {a.error ?? `status ${a.status}`}, {milliseconds(a.latency_ms)}</Text>)}
        {of.next_attempt_at && <Text size="xs" c="dimmed">Next attempt <When at={of.next_attempt_at} /></Text>}
        {of.replay_of && <Text size="xs" c="dimmed">Repeats <Id of={of.replay_of} short /></Text>}
      </Stack>
      <Collapse expanded={open}><Code block mt="xs">{JSON.stringify(of.body, null, 2)}</Code></Collapse>
    </section>
  );
}
