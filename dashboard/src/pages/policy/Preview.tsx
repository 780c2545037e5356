import { Alert, Button, Group, List, Text } from '@mantine/core';
import { IconEye } from '@tabler/icons-react';
import { useEffect } from 'react';
import { ask, type Schemas } from '../../api/client';
import { useOrg } from '../../app/session';
import { usd } from '../../money';
import { count } from '../../numbers';
import { FormFault } from '../../parts/fields';
import { stamp } from '../../time';

/** What a change would have done to last week's traffic, before it is made. */
export function Preview({ patch }: { patch: Schemas['PolicyDocument'] }) {
  const org = useOrg();
  const ask7 = ask.useMutation('post', '/api/v1/admin/gateway/policy/{org}/preview');
  const text = JSON.stringify(patch);
  const { reset } = ask7;
  useEffect(() => reset(), [text, reset]);
  const seen = ask7.data;
  return (
    <section aria-label="Preview of the change">
      {!seen && (
        <Group gap="sm">
          <Button variant="light" leftSection={<IconEye size={16} />} loading={ask7.isPending} onClick={() => ask7.mutate({ params: { path: { org: org.org_id } }, body: patch })}>Try it on last week's requests</Button>
          <Text size="sm" c="dimmed">Nothing is changed by that.</Text>
        </Group>
      )}
      <FormFault of={ask7.error} />
      {seen && (
        <Alert role="status" color={seen.would_deny > 0 ? 'yellow' : 'pine'} title={`Would have denied ${count(seen.would_deny)} of ${count(seen.requests)} requests`}>
          <Text size="sm">Of those admitted from {stamp(seen.from)} to {stamp(seen.to)} UTC{seen.truncated ? ' (there were more than are looked at)' : ''}.</Text>
          <List size="sm" mt={4}>
            {Object.entries(seen.by_code).map(([code, n]) => <List.Item key={code}>{count(n)} by <span className="mono">{code}</span></List.Item>)}
            {seen.would_deny > 0 && <List.Item>They had cost {usd(seen.denied_cost)}.</List.Item>}
            {seen.would_deny_at_most > seen.would_deny && <List.Item>At most {count(seen.would_deny_at_most)}, if no caller had been given a smaller cap.</List.Item>}
            {seen.would_ask_for_approval > 0 && <List.Item>{count(seen.would_ask_for_approval)} would have waited for a person.</List.Item>}
          </List>
        </Alert>
      )}
    </section>
  );
}
