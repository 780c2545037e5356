import { Select, Text } from '@mantine/core';
import { useState } from 'react';
import { ask, refresh, type Schemas } from '../../api/client';
import { useOrg } from '../../app/session';
import { Confirm } from '../../parts/Confirm';

/** Replaces a key's secret; the former one may work for a while. */
export function Rotate({ of, close, made }: { of: Schemas['ApiKey']; close: () => void; made: (secret: string) => void }) {
  const { header } = useOrg();
  const [grace, setGrace] = useState('86400');
  const rotate = ask.useMutation('post', '/api/v1/admin/keys/{key}/rotate', { onSuccess: async (key) => { await refresh('/keys'); close(); if (key.key) made(key.key); } });
  return (
    <Confirm opened title={`Rotate the secret of ${of.name}`} action="Rotate" busy={rotate.isPending} fault={rotate.error} close={close}
      run={() => rotate.mutate({ params: { header, path: { key: of.key_id } }, body: { grace_seconds: Number(grace) } })}>
      <Text size="sm">The key keeps its id, its limits and what it has spent. Only its secret changes.</Text>
      <Select label="The former secret works for" value={grace} onChange={(v) => setGrace(v ?? '0')}
        data={[{ value: '0', label: 'no longer' }, { value: '3600', label: 'an hour' }, { value: '86400', label: 'a day' }, { value: '604800', label: 'a week' }, { value: '2592000', label: '30 days' }]} />
    </Confirm>
  );
}
