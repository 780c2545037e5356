import { Button, CopyButton, Group, Tabs } from '@mantine/core';
import { snippets } from './snippets';

export function Snippets({ apiKey }: { apiKey: string | null }) {
  const all = snippets(window.location.origin, apiKey);
  return (
    <Tabs defaultValue="curl" keepMounted={false}>
      <Tabs.List style={{ flexWrap: 'wrap' }}>{all.map((s) => <Tabs.Tab key={s.id} value={s.id}>{s.title}</Tabs.Tab>)}</Tabs.List>
      {all.map((s) => (
        <Tabs.Panel key={s.id} value={s.id} pt="sm">
          <pre className="line-code" tabIndex={0} aria-label={`${s.title} snippet`}>{s.code}</pre>
          <Group justify="flex-end" mt="xs"><CopyButton value={s.code}>{({ copied, copy }) => <Button size="xs" variant="default" onClick={copy}>{copied ? 'Copied' : 'Copy'}</Button>}</CopyButton></Group>
        </Tabs.Panel>
      ))}
    </Tabs>
  );
}
