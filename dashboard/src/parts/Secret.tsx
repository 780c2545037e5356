import { Alert, Button, CopyButton, Group, Modal, Stack } from '@mantine/core';
import type { ReactNode } from 'react';

/** A secret that is shown this once. */
export function SecretOnce({ secret, title, close, children }: { secret: string | null; title: string; close: () => void; children?: ReactNode }) {
  return (
    <Modal opened={secret !== null} onClose={close} title={title} size="lg" closeOnClickOutside={false}>
      <Stack>
        <Alert color="yellow">Copy it now. The gateway keeps only its hash, and nobody can show it again.</Alert>
        <pre className="line-code" aria-label="The secret">{secret}</pre>
        {children}
        <Group justify="flex-end" gap="xs">
          <CopyButton value={secret ?? ''}>{({ copied, copy }) => <Button variant="default" onClick={copy}>{copied ? 'Copied' : 'Copy'}</Button>}</CopyButton>
          <Button onClick={close}>I have it</Button>
        </Group>
      </Stack>
    </Modal>
  );
}
