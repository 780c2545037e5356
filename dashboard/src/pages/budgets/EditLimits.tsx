import { Button, Group, Stack } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useState } from 'react';
import { ask, refresh, type Schemas } from '../../api/client';
import { limitText, parseLimit } from '../../money';
import { FormFault, isLimit, LimitField } from '../../parts/fields';

/** Both limits of a node, where they stand. Only what was changed is sent. */
export function EditLimits({ node, orgId, close }: { node: Schemas['BudgetTreeNode']; orgId: string; close: () => void }) {
  // As it stood when this was opened: the tree is asked for again meanwhile, and what somebody else set must not be set back.
  const [was] = useState({ daily: limitText(node.daily.limit) || 'unlimited', monthly: limitText(node.monthly.limit) || 'unlimited' });
  const [daily, setDaily] = useState(was.daily);
  const [monthly, setMonthly] = useState(was.monthly);
  const put = ask.useMutation('put', '/gateway/admin/budgets/{org}/nodes/{node}', {
    onSuccess: async () => {
      await refresh('/budgets', '/overview', '/keys', '/teams', '/policy');
      notifications.show({ message: `Limits of ${node.name} are changed. They hold for the next request.` });
      close();
    },
  });
  const changed = daily !== was.daily || monthly !== was.monthly;
  function save() {
    const body: Schemas['NodeLimits'] = {};
    if (daily !== was.daily) body.daily_budget = parseLimit(daily) ?? null;
    if (monthly !== was.monthly) body.monthly_budget = parseLimit(monthly) ?? null;
    put.mutate({ params: { path: { org: orgId, node: node.node } }, body });
  }
  return (
    <form onSubmit={(e) => { e.preventDefault(); save(); }}>
      <Stack gap="xs">
        <Group align="flex-start" gap="sm">
          <LimitField label="Dollars a day" value={daily} set={setDaily} unlimited />
          <LimitField label="Dollars a month" value={monthly} set={setMonthly} unlimited />
          <Group gap="xs" pt={25}>
            <Button type="submit" size="sm" loading={put.isPending} disabled={!changed || !isLimit(daily, true) || !isLimit(monthly, true)}>Save</Button>
            <Button size="sm" variant="default" onClick={close}>Cancel</Button>
          </Group>
        </Group>
        <span style={{ fontSize: 12, color: 'var(--mantine-color-dimmed)' }}>{node.kind === 'org' ? 'Empty brings back the default of the tier. ' : ''}0 denies everything that costs.</span>
        <FormFault of={put.error} />
      </Stack>
    </form>
  );
}
