import { Button, Group, Modal, Progress, Stack, Text } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import { useRef, useState } from 'react';
import { explain } from '../../api/client';
import { fetchCsv, type Progress as Done, save } from '../../api/csv';
import { useOrg } from '../../app/session';
import { bytes, count } from '../../numbers';
import { dayOf, type Span, stamp } from '../../time';

/** The filter's records as a file, all of them. */
export function ExportCsv({ query, span }: { query: Record<string, string | undefined>; span: Span }) {
  const org = useOrg();
  const [progress, setProgress] = useState<Done | null>(null);
  const [fault, setFault] = useState<string>();
  const stop = useRef<AbortController>(null);

  async function run() {
    const abort = new AbortController();
    stop.current = abort;
    setFault(undefined);
    setProgress({ rows: 0, bytes: 0, done: false });
    try {
      const blob = await fetchCsv('/api/v1/admin/gateway/usage', query, org.org_id, setProgress, abort.signal);
      save(blob, `usage-${org.org_id}-${dayOf(span.from)}-${dayOf(new Date(span.to.getTime() - 1))}.csv`);
    } catch (error) {
      if (abort.signal.aborted) setProgress(null);
      else setFault(explain(error).message);
    }
  }

  return (
    <>
      <Button size="xs" leftSection={<IconDownload size={16} />} onClick={() => void run()}>Export CSV</Button>
      <Modal opened={progress !== null} onClose={() => { stop.current?.abort(); setProgress(null); }} title="Export CSV">
        <Stack>
          <Text size="sm">Requests from {stamp(span.from)} to before {stamp(span.to)} UTC, with the page's filter.</Text>
          <Progress value={100} animated={progress?.done === false && !fault} color={fault ? 'red' : undefined} aria-label="Export" />
          <Text size="sm" role="status" className="tabular">
            {fault ?? (progress?.done ? `${count(progress.rows)} requests, ${bytes(progress.bytes)}: saved.` : `${count(progress?.rows)} requests, ${bytes(progress?.bytes ?? 0)} so far`)}
          </Text>
          <Group justify="flex-end">
            <Button variant="default" onClick={() => { stop.current?.abort(); setProgress(null); }}>{progress?.done || fault ? 'Close' : 'Stop'}</Button>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}
