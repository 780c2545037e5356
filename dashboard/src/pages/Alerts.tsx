import { Anchor, Badge, Button, Group, Select, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'wouter';
import { ask, type Schemas } from '../api/client';
import { useOrg, useSeat } from '../app/session';
import { useNames } from '../api/names';
import { Answer, Card, Empty, Page } from '../parts/Page';
import { When } from '../parts/figures';
import { useAddress } from '../parts/query';
import { next, told } from './alerts/words';
import { kindNames, kinds, pressing } from './webhooks/kinds';

export default function Alerts() {
  const { header } = useOrg();
  const names = useNames();
  const address = useAddress();
  const type = address.get('type');
  const [trail, setTrail] = useState<string[]>([]);
  const list = ask.useQuery('get', '/gateway/admin/alerts', { params: { header, query: { type, cursor: trail.at(-1), limit: '50' } } }, { refetchInterval: 15_000 });
  const subject = (text: string) => (text.startsWith('key:') ? `key ${names.key(text.slice(4))}` : text.startsWith('team:') ? `team ${names.team(text.slice(5))}` : text.replace(':', ' '));
  return (
    <Page about="What operators were told of, newest first. Webhooks bring the same events elsewhere.">
      <Card flush>
        <div style={{ padding: 12 }}><Select size="xs" label="Kind" w={240} value={type ?? ''} onChange={(v) => { setTrail([]); address.set({ type: v }); }} data={[{ value: '', label: 'All' }, ...kinds.map((k) => ({ value: k, label: kindNames[k] }))]} /></div>
        <Answer of={list}>
          {(page) => (
            <>
              {page.data.length === 0 && <Empty title="All quiet">Nothing to tell.</Empty>}
              <Stack gap={0} component="ul" style={{ listStyle: 'none', margin: 0, padding: 0 }}>
                {page.data.map((a) => <One key={a.event_id} of={a} subject={subject(a.subject)} keyName={names.key} />)}
              </Stack>
              {(trail.length > 0 || page.next_cursor) && (
                <Group justify="flex-end" p="sm" gap="xs">
                  <Button size="xs" variant="default" disabled={trail.length === 0} onClick={() => setTrail(trail.slice(0, -1))}>Newer</Button>
                  <Button size="xs" variant="default" disabled={!page.next_cursor} onClick={() => setTrail([...trail, page.next_cursor!])}>Older</Button>
                </Group>
              )}
            </>
          )}
        </Answer>
      </Card>
    </Page>
  );
}

function One({ of, subject, keyName }: { of: Schemas['Alert']; subject: string; keyName: (id: string) => string }) {
  const { may } = useSeat();
  const where = next(of);
  return (
    <li className="alert-row">
      <Group justify="space-between" gap="xs">
        <Group gap="xs"><Badge variant="light" color={pressing[of.type]}>{kindNames[of.type] ?? of.type}</Badge><Text size="sm" fw={600}>{subject}</Text></Group>
        <Text size="sm" c="dimmed" component="div"><When at={of.at} /></Text>
      </Group>
      <Group justify="space-between" gap="xs" mt={4} align="flex-start">
        <Text size="sm" c="dimmed" flex={1} miw={220}>{told(of, keyName)}</Text>
        {where && (where.href !== '/dead-letters' || may('platform')) && <Anchor component={Link} href={where.href} size="sm">{where.text}</Anchor>}
      </Group>
    </li>
  );
}
