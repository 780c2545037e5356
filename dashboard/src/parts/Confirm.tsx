import { Alert, Button, Group, Modal, Stack } from '@mantine/core';
import type { ReactNode } from 'react';
import { explain } from '../api/client';

interface Props { opened: boolean; title: string; children: ReactNode; action: string; danger?: boolean; disabled?: boolean; busy: boolean; fault: unknown; run: () => void; close: () => void; size?: string }

/** Asks before something is done, says what it does, and stays open when it fails. */
export function Confirm({ opened, title, children, action, danger, disabled, busy, fault, run, close, size }: Props) {
  const why = fault ? explain(fault) : undefined;
  return (
    <Modal opened={opened} onClose={close} title={title} size={size}>
      <form onSubmit={(e) => { e.preventDefault(); run(); }}>
        <Stack>
          {children}
          {why && <Alert color="red" role="alert" title={why.message}>{why.remedy}</Alert>}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={close}>Cancel</Button>
            <Button type="submit" color={danger ? 'red' : undefined} loading={busy} disabled={disabled}>{action}</Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
