import { Alert, Button, Group, Loader, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { ask, refresh } from '../../api/client';
import { useOrg, useSeat } from '../../app/session';
import { FormFault } from '../../parts/fields';
import { Card } from '../../parts/Page';
import { Snippets } from './Snippets';

/** A key and what to paste. */
export function Connect() {
  const { header } = useOrg();
  const { may } = useSeat();
  const [key, setKey] = useState<string | null>(null);
  const create = ask.useMutation('post', '/api/v1/admin/keys', { onSuccess: async (made) => { setKey(made.key ?? null); await refresh('/keys', '/budgets'); } });
  return (
    <>
      <Card title="1. A key">
        {key ? (
          <Stack gap="xs">
            <Alert color="yellow">Shown this once: the gateway keeps only its hash. It already stands in the snippets below.</Alert>
            <pre className="line-code" aria-label="The new key">{key}</pre>
          </Stack>
        ) : (
          <Stack gap="xs">
            <Text size="sm">The gateway printed a first key when it started; use that one, or make another.</Text>
            {may('change') && <Group><Button size="sm" loading={create.isPending} onClick={() => create.mutate({ params: { header }, body: { name: 'first-key' } })}>Make a key</Button></Group>}
            <FormFault of={create.error} />
          </Stack>
        )}
      </Card>
      <Card title="2. A request">
        <Text size="sm" mb="sm">Applications keep their SDK and change the base address.</Text>
        <Snippets apiKey={key} />
      </Card>
    </>
  );
}

/** What an org without a request sees in the overview's place. */
export function FirstRun() {
  return (
    <Stack>
      <Text>Nothing has passed through this org yet. Two steps, and this page becomes its overview.</Text>
      <Connect />
      <Card><Group gap="sm" role="status"><Loader size="sm" /><Text size="sm">Waiting for the first request…</Text></Group></Card>
    </Stack>
  );
}
