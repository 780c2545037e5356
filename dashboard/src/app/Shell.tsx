import { ActionIcon, AppShell, Burger, Group, Menu, NavLink, ScrollArea, Select, Text, Tooltip, UnstyledButton, useComputedColorScheme, useMantineColorScheme } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { notifications } from '@mantine/notifications';
import { IconLogout, IconMoon, IconSun, IconUserCircle } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { Link, useLocation } from 'wouter';
import { api, explain, forget } from '../api/client';
import { useLive } from '../api/live';
import { stamp } from '../time';
import { type Item, menu } from './menu';
import { roleNames, useSeat } from './session';

export function Shell({ children }: { children: ReactNode }) {
  const [open, { toggle, close }] = useDisclosure(false);
  const seat = useSeat();
  return (
    <AppShell header={{ height: 54 }} navbar={{ width: 232, breakpoint: 'sm', collapsed: { mobile: !open } }} padding={{ base: 'sm', sm: 'lg' }}>
      <a className="skip" href="#page">Skip to the page</a>
      <AppShell.Header bg="var(--cm-card)">
        <Group h="100%" px="md" gap="sm" wrap="nowrap" justify="space-between">
          <Group gap="sm" wrap="nowrap">
            <Burger opened={open} onClick={toggle} hiddenFrom="sm" size="sm" aria-label="Menu" aria-expanded={open} />
            <Link href="/" className="plain" aria-label="CurateMe Gateway, overview"><Brand /></Link>
          </Group>
          <Group gap="xs" wrap="nowrap">
            <LiveMark />
            {seat.session.org_id === null
              ? seat.orgs.length > 0 && (
                <Select aria-label="Org" size="xs" w={{ base: 130, xs: 190 }} searchable limit={200} value={seat.org?.org_id ?? null} onChange={(id) => id && seat.choose(id)}
                  data={seat.orgs.map((o) => ({ value: o.org_id, label: o.name }))} nothingFoundMessage="No such org" />
              )
              : <Text size="sm" fw={600} className="ellipsis" maw={160}>{seat.org?.name ?? seat.session.org_id}</Text>}
            <SchemeButton />
            <UserMenu />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="xs" bg="var(--cm-card)" aria-label="Pages">
        <ScrollArea type="auto">
          {menu.map((group) => (
            <div key={group.title ?? ''} role="group" aria-label={group.title ?? undefined}>
              {group.title && <div className="nav-group" aria-hidden>{group.title}</div>}
              {group.items.map((item) => 'items' in item
                ? (
                  <NavLink key={item.title} className="nav-item" label={item.title} leftSection={<item.icon size={17} stroke={1.7} />} defaultOpened childrenOffset={22} component="button">
                    {item.items.map((i) => <Entry key={i.path} item={i} onGo={close} />)}
                  </NavLink>
                )
                : (!item.right || seat.may(item.right)) && <Entry key={item.path} item={item} onGo={close} />)}
            </div>
          ))}
        </ScrollArea>
      </AppShell.Navbar>
      <AppShell.Main id="page" tabIndex={-1}>{children}</AppShell.Main>
    </AppShell>
  );
}

function Entry({ item, onGo }: { item: Item; onGo: () => void }) {
  const [path] = useLocation();
  const active = path === item.path;
  return (
    <NavLink className="nav-item" renderRoot={(props) => <Link {...props} href={item.path} />} label={item.title} leftSection={<item.icon size={17} stroke={1.7} />} active={active}
      aria-current={active ? 'page' : undefined} onClick={onGo} />
  );
}

function Brand() {
  return (
    <Group gap={8} wrap="nowrap">
      <img src="/dashboard/icon.svg" alt="" width={26} height={26} />
      <Text fw={650} visibleFrom="xs" c="var(--mantine-color-text)">CurateMe Gateway</Text>
    </Group>
  );
}

const liveTexts = { open: 'Live: new requests appear as they happen', waiting: 'Reconnecting', off: 'Not live: figures are asked for every 15 seconds' };

function LiveMark() {
  const { state } = useLive();
  return (
    <Tooltip label={liveTexts[state]}>
      <Group gap={6} wrap="nowrap" role="status" aria-label={liveTexts[state]}>
        <span className="live-dot" data-state={state} />
        <Text size="xs" c="dimmed" visibleFrom="sm" aria-hidden>{state === 'open' ? 'Live' : state === 'waiting' ? 'Reconnecting' : 'Off'}</Text>
      </Group>
    </Tooltip>
  );
}

function SchemeButton() {
  const { setColorScheme } = useMantineColorScheme();
  const now = useComputedColorScheme('light');
  const label = now === 'dark' ? 'Use the light theme' : 'Use the dark theme';
  return (
    <Tooltip label={label}>
      <ActionIcon variant="subtle" color="gray" aria-label={label} onClick={() => setColorScheme(now === 'dark' ? 'light' : 'dark')}>
        {now === 'dark' ? <IconSun size={18} stroke={1.7} /> : <IconMoon size={18} stroke={1.7} />}
      </ActionIcon>
    </Tooltip>
  );
}

function UserMenu() {
  const { session } = useSeat();
  async function leave() {
    try {
      const { error, response } = await api.DELETE('/dashboard/session');
      if (!response.ok) throw error;
      forget(null);
    } catch (error) {
      // The session goes on, so this page must not say that it has ended.
      notifications.show({ color: 'red', title: 'You are still signed in', message: explain(error).message });
    }
  }
  return (
    <Menu position="bottom-end" shadow="md" width={220}>
      <Menu.Target>
        <UnstyledButton aria-label="Your session" p={4}><IconUserCircle size={22} stroke={1.6} /></UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          <Text size="sm" fw={600} c="var(--mantine-color-text)">{session.actor}</Text>
          {roleNames[session.role]}
          {session.expires_at && <Text size="xs">until {stamp(session.expires_at)} UTC</Text>}
        </Menu.Label>
        <Menu.Divider />
        <Menu.Item leftSection={<IconLogout size={16} />} onClick={leave}>Sign out</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
