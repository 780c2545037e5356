import { Alert, Button, Center, Paper, PasswordInput, Stack, Text, Title } from '@mantine/core';
import { type FormEvent, useEffect, useState } from 'react';
import { api, explain, forget, hasEnded } from '../api/client';

export function SignIn() {
  const [token, setToken] = useState('');
  const [fault, setFault] = useState<string>();
  const [busy, setBusy] = useState(false);
  const [ended] = useState(hasEnded);
  useEffect(() => { document.title = 'Sign in · CurateMe Gateway'; }, []);

  async function submit(event: FormEvent) {
    event.preventDefault();
    setBusy(true);
    setFault(undefined);
    try {
      const { data, error } = await api.POST('/dashboard/session', { body: { token: token.trim() } });
      if (!data) { setFault(explain(error).message); return; }
      forget(data);
    } catch (error) {
      setFault(explain(error).message);
    } finally {
      setBusy(false);
    }
  }

  return (
    <Center mih="100dvh" p="md" component="main">
      <Paper className="card" p="xl" w="100%" maw={400}>
        <form onSubmit={submit}>
          <Stack>
            <div>
              <Title order={1}>CurateMe Gateway</Title>
              <Text c="dimmed" size="sm" mt={4}>Sign in with an admin token, or with a token of your identity provider.</Text>
            </div>
            {ended && !fault && <Alert color="yellow" role="status" title="The session has ended">Its token expired or was revoked. Sign in again to go on.</Alert>}
            {fault && <Alert color="red" role="alert" title="That did not work">{fault}</Alert>}
            <PasswordInput label="Token" name="token" autoComplete="current-password" autoFocus required value={token} onChange={(e) => setToken(e.currentTarget.value)}
              visibilityToggleButtonProps={{ 'aria-label': 'Show the token' }} />
            <Button type="submit" loading={busy} disabled={token.trim() === ''}>Sign in</Button>
            <Text c="dimmed" size="xs">The gateway prints the first admin token when it starts, unless ADMIN_TOKEN is set.</Text>
          </Stack>
        </form>
      </Paper>
    </Center>
  );
}
