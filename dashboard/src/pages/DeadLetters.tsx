import { Alert, Button, Group, Text } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { IconRefresh } from '@tabler/icons-react';
import { createColumnHelper } from '@tanstack/react-table';
import { useState } from 'react';
import { ask, refresh, type Schemas } from '../api/client';
import { count } from '../numbers';
import { Confirm } from '../parts/Confirm';
import { Id, Money, State, When } from '../parts/figures';
import { Answer, Card, Empty, Page } from '../parts/Page';
import { Figures } from '../parts/Table';

const column = createColumnHelper<Schemas['DeadLetter']>();
const columns = [
  column.accessor('ts', { header: 'Time (UTC)', cell: (c) => <When at={c.getValue()} /> }),
  column.accessor('request_id', { header: 'Request', enableSorting: false, cell: (c) => <Id of={c.getValue()} /> }),
  column.accessor('org_id', { header: 'Org' }),
  column.accessor('key_id', { header: 'Key' }),
  column.accessor('model', { header: 'Model' }),
  column.accessor('cost_usd', { header: 'Cost', meta: { num: true }, cell: (c) => <Money of={c.getValue()} /> }),
  column.accessor('status', { header: 'Status', cell: (c) => <State of={c.getValue()} /> }),
];

export default function DeadLetters() {
  const [trail, setTrail] = useState<string[]>([]);
  const [asking, setAsking] = useState(false);
  const list = ask.useQuery('get', '/gateway/admin/dlq', { params: { query: { cursor: trail.at(-1), limit: '50' } } }, { refetchInterval: 10_000 });
  const replay = ask.useMutation('post', '/gateway/admin/costs/replay-dlq', {
    onSuccess: async (done) => {
      await refresh('/dlq', '/overview', '/usage', '/costs');
      setAsking(false);
      notifications.show({ title: `${count(done.replayed)} ${done.replayed === 1 ? 'record' : 'records'} replayed`, message: done.remaining === 0 ? 'Nothing is set aside any more.' : `${count(done.remaining)} ${done.remaining === 1 ? 'is' : 'are'} still set aside.` });
    },
  });
  return (
    <Page about="Usage records that the ledger refused several times. They are charged and safe; they wait to be in the ledger. Replay is automatic once the ledger answers, or by hand here."
      actions={<Button size="xs" leftSection={<IconRefresh size={16} />} onClick={() => setAsking(true)} disabled={!list.data?.data.length}>Replay</Button>}>
      {(list.data?.data.length ?? 0) > 0 && <Alert color="yellow">Look at the ledger's health before you replay: a record that is refused again stays set aside.</Alert>}
      <Card flush>
        <Answer of={list}>
          {(page) => (
            <>
              <Figures name="Dead letters" rows={page.data} columns={columns as never} id={(d) => d.request_id} empty={<Empty title="Nothing is set aside">That is how it should be.</Empty>} />
              {(trail.length > 0 || page.next_cursor) && (
                <Group justify="flex-end" p="sm" gap="xs">
                  <Button size="xs" variant="default" disabled={trail.length === 0} onClick={() => setTrail(trail.slice(0, -1))}>Previous</Button>
                  <Button size="xs" variant="default" disabled={!page.next_cursor} onClick={() => setTrail([...trail, page.next_cursor!])}>Next</Button>
                </Group>
              )}
            </>
          )}
        </Answer>
      </Card>
      <Confirm opened={asking} title="Replay the dead letters" action="Replay" busy={replay.isPending} fault={replay.error} close={() => setAsking(false)} run={() => replay.mutate({})}>
        <Text size="sm">Every record set aside is given to the ledger again. A record that is there already is not counted twice.</Text>
      </Confirm>
    </Page>
  );
}
