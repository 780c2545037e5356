import { Alert, Box, Button, Center, Group, Loader, Skeleton, Stack, Text, Title } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import { type ReactNode, useEffect, useRef } from 'react';
import { useLocation } from 'wouter';
import { explain } from '../api/client';
import { trail } from '../app/menu';
import { stamp } from '../time';

/** A page's frame: where it is in the menu, its title, what can be done on it. */
export function Page({ title, about, actions, children }: { title?: string; about?: ReactNode; actions?: ReactNode; children: ReactNode }) {
  const [path] = useLocation();
  const parts = trail(path);
  const name = title ?? parts.at(-1) ?? '';
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${name} · CurateMe Gateway`;
    // A screen reader begins where the page begins, as after a real page load.
    if (document.activeElement && document.activeElement !== document.body) heading.current?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }, [name]);
  return (
    <Stack gap="md" maw={1480} mx="auto">
      <Group justify="space-between" align="flex-end" gap="sm">
        <Box>
          {parts.length > 1 && <Text size="xs" c="dimmed" component="p" m={0} aria-label="Where this is">{parts.slice(0, -1).join(' › ')}</Text>}
          <Title order={1} tabIndex={-1} ref={heading}>{name}</Title>
          {about && <Text size="sm" c="dimmed" maw={760} mt={2}>{about}</Text>}
        </Box>
        {actions && <Group gap="xs">{actions}</Group>}
      </Group>
      {children}
    </Stack>
  );
}

export function Card({ title, aside, children, flush }: { title?: ReactNode; aside?: ReactNode; children: ReactNode; flush?: boolean }) {
  return (
    <section className="card">
      {(title || aside) && (
        <Group justify="space-between" px="md" pt="sm" pb={flush ? 'xs' : 0} gap="xs" wrap="wrap">
          {title && <Title order={2}>{title}</Title>}
          {aside}
        </Group>
      )}
      <Box p={flush ? 0 : 'md'} pt={title && !flush ? 'xs' : flush ? 0 : 'md'}>{children}</Box>
    </section>
  );
}

export const Loading = () => <Center py={80}><Loader aria-label="Loading" /></Center>;

export const Waiting = ({ rows = 5 }: { rows?: number }) => <Stack gap="xs" p="md" aria-busy="true" aria-label="Loading">{Array.from({ length: rows }, (_, i) => <Skeleton key={i} height={18} />)}</Stack>;

export function Fault({ error, again }: { error: unknown; again?: () => void }) {
  const { message, remedy } = explain(error);
  return (
    <Alert color="red" icon={<IconAlertTriangle size={18} />} title={message} role="alert" m="md">
      {remedy && <Text size="sm">{remedy}</Text>}
      {again && <Button size="compact-sm" variant="default" mt={6} onClick={again}>Try again</Button>}
    </Alert>
  );
}

/** What is shown below was so at a time; asking again failed since. */
function Stale({ error, at, again }: { error: unknown; at: number | undefined; again: () => void }) {
  return (
    <Alert color="yellow" icon={<IconAlertTriangle size={18} />} title={at ? `As of ${stamp(new Date(at))} UTC` : 'Not up to date'} role="status" m="md">
      <Text size="sm">{explain(error).message}</Text>
      <Button size="compact-sm" variant="default" mt={6} onClick={again}>Try again</Button>
    </Alert>
  );
}

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <Stack align="center" gap={4} py={44} px="md" ta="center">
      <Text fw={600}>{title}</Text>
      {children && <Text size="sm" c="dimmed" maw={520} component="div">{children}</Text>}
    </Stack>
  );
}

/** The ends of a question in one place: the answer, a former one that could not be renewed, a fault, not yet. */
export function Answer<T>({ of, rows, children }: { of: { data: T | undefined; error: unknown; isPending: boolean; dataUpdatedAt?: number; refetch: () => unknown }; rows?: number; children: (data: T) => ReactNode }) {
  if (of.data !== undefined) return <>{of.error ? <Stale error={of.error} at={of.dataUpdatedAt} again={() => void of.refetch()} /> : null}{children(of.data)}</>;
  return of.error ? <Fault error={of.error} again={() => void of.refetch()} /> : <Waiting rows={rows} />;
}
