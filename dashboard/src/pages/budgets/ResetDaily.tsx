import { Checkbox, List, Text } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useEffect, useState } from 'react';
import { ask, refresh, type Schemas } from '../../api/client';
import { useOrg } from '../../app/session';
import { usd } from '../../money';
import { Confirm } from '../../parts/Confirm';

/** Sets today's live counters to zero, and says in figures what that means. */
export function ResetDaily({ opened, close, org }: { opened: boolean; close: () => void; org: Schemas['BudgetTreeNode'] }) {
  const { org_id, name } = useOrg();
  const [sure, setSure] = useState(false);
  useEffect(() => setSure(false), [opened]);
  const reset = ask.useMutation('post', '/gateway/admin/costs/reset-daily', {
    onSuccess: async (done) => {
      await refresh('/budgets', '/overview', '/costs', '/audit');
      notifications.show({ title: 'The day begins anew', message: `${usd(done.before)} were taken off the live counters of ${name}.` });
      close();
    },
  });
  const { spent, limit } = org.daily;
  const left = org.monthly.limit === null ? null : Math.max(0, org.monthly.limit - org.monthly.spent - org.monthly.held);
  const until = limit === null ? null : left === null ? spent + limit : Math.min(spent + limit, spent + left);
  return (
    <Confirm opened={opened} title={`Reset today's counters of ${name}`} action="Reset today" danger disabled={!sure} busy={reset.isPending} fault={reset.error} close={close}
      run={() => reset.mutate({ body: { org_id } })} size="lg">
      <Text size="sm">For emergencies. Raising the daily limit is the better way, because it leaves the counters true.</Text>
      <List size="sm" spacing={6}>
        <List.Item>The live counters of today of this org, its teams and keys go from {usd(spent)} to $0.</List.Item>
        {limit !== null && until !== null && (
          <List.Item fw={600}>
            The org can then spend {usd(until - spent)} more today: {usd(until)} in all, although its limit is {usd(limit)} a day{left !== null && left < limit ? `. Its month ends it earlier, at ${usd(org.monthly.limit!)}` : ''}.
          </List.Item>
        )}
        <List.Item>The ledger, the bills and the month's counters stay as they are; what is held for requests in flight stays held.</List.Item>
        <List.Item>A later reconciliation keeps the reset and says so. It is written into the audit log with your name.</List.Item>
      </List>
      <Checkbox label="I understand that more than today's limit can be spent" checked={sure} onChange={(e) => setSure(e.currentTarget.checked)} />
    </Confirm>
  );
}
