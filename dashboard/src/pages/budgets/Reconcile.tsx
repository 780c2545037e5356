import { Alert, Button, Group, Modal, Stack, Switch, Text } from '@mantine/core';
import { createColumnHelper } from '@tanstack/react-table';
import { useEffect, useState } from 'react';
import { ask, refresh, type Schemas } from '../../api/client';
import { useNames } from '../../api/names';
import { useOrg } from '../../app/session';
import { usd } from '../../money';
import { FormFault } from '../../parts/fields';
import { Money, State } from '../../parts/figures';
import { Empty } from '../../parts/Page';
import { Figures } from '../../parts/Table';

type Counter = Schemas['ReconciledCounter'];
const column = createColumnHelper<Counter>();

/** Makes the live counters equal to the ledger, and shows each before and after. */
export function Reconcile({ opened, close }: { opened: boolean; close: () => void }) {
  const { org_id, name } = useOrg();
  const names = useNames();
  const [all, setAll] = useState(false);
  const run = ask.useMutation('post', '/gateway/admin/budgets/{org}/reconcile', { onSuccess: () => refresh('/budgets', '/overview', '/costs', '/audit') });
  useEffect(() => { if (opened) run.reset(); /* a new look */ }, [opened]); // eslint-disable-line react-hooks/exhaustive-deps
  const result = run.data;
  const label = (node: string) => (node === 'org' ? `Org ${name}` : node.startsWith('team:') ? `Team ${names.team(node.slice(5))}` : node.startsWith('key:') ? `Key ${names.key(node.slice(4))}` : node.replace(':', ' '));
  const columns = [
    column.accessor((c) => label(c.node), { id: 'node', header: 'Counter' }),
    column.accessor('period', { header: 'Period' }),
    column.accessor('before', { header: 'Before', meta: { num: true }, cell: (c) => <Money of={c.getValue()} /> }),
    column.accessor('after', { header: 'After', meta: { num: true }, cell: (c) => <Money of={c.getValue()} /> }),
    column.accessor('changed', { header: '', enableSorting: false, cell: (c) => (c.getValue() ? <State of="changed" /> : null) }),
  ];
  const rows = result?.counters.filter((c) => all || c.changed) ?? [];
  return (
    <Modal opened={opened} onClose={close} title={`Reconcile ${name}`} size="xl">
      {!result ? (
        <Stack>
          <Text size="sm">Adds up today's and this month's spend from the ledger, what is still on its way to it, and what is held, and sets every counter of the org to that. Requests go on meanwhile; limits hold throughout.</Text>
          <FormFault of={run.error} />
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={close}>Cancel</Button>
            <Button loading={run.isPending} onClick={() => run.mutate({ params: { path: { org: org_id } } })}>Reconcile</Button>
          </Group>
        </Stack>
      ) : (
        <Stack>
          <Alert color={result.changed === 0 ? 'pine' : 'yellow'} role="status" title={result.changed === 0 ? `All ${result.counters.length} counters were right` : `${result.changed} of ${result.counters.length} counters were wrong and are right now`}>
            {result.reset_in_force && `A reset of today is in force: counters stand below the ledger by ${usd(result.counters.find((c) => c.node === 'org' && c.period === 'day')?.reset ?? 0)}, as somebody wanted.`}
          </Alert>
          <Switch size="sm" label="Show those that were right, too" checked={all} onChange={(e) => setAll(e.currentTarget.checked)} />
          <Figures name="Counters before and after" rows={rows} columns={columns as never} id={(c) => `${c.node} ${c.period}`} empty={<Empty title="Nothing was changed" />} />
          <Group justify="flex-end"><Button onClick={close}>Close</Button></Group>
        </Stack>
      )}
    </Modal>
  );
}
