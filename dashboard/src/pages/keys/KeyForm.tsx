import { Button, Group, Modal, NumberInput, Select, SimpleGrid, Stack, Textarea, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { ask, refresh, type Schemas } from '../../api/client';
import { useNames } from '../../api/names';
import { useOrg } from '../../app/session';
import { limitText, parseLimit } from '../../money';
import { changesOf, listOf, listText } from '../../parts/changes';
import { FormFault, isLimit, LimitField } from '../../parts/fields';

const amount = (text: string): number | null => { const value = parseLimit(text); return typeof value === 'number' ? value : null; };

/** Makes a key, or changes one. */
export function KeyForm({ of, close, made }: { of: Schemas['ApiKey'] | null; close: () => void; made: (secret: string) => void }) {
  const { header } = useOrg();
  const names = useNames();
  const [name, setName] = useState(of?.name ?? '');
  const [team, setTeam] = useState(of?.team_id ?? '');
  const [daily, setDaily] = useState(limitText(of?.daily_budget));
  const [monthly, setMonthly] = useState(limitText(of?.monthly_budget));
  const [models, setModels] = useState(listText(of?.model_allowlist));
  const [addresses, setAddresses] = useState(listText(of?.ip_allowlist));
  const [rpm, setRpm] = useState<number | string>(of?.rate_limit_rpm ?? '');
  const [concurrency, setConcurrency] = useState<number | string>(of?.max_concurrency ?? '');
  const [ends, setEnds] = useState(of?.expires_at?.slice(0, 10) ?? '');
  const done = async () => { await refresh('/keys', '/budgets'); close(); };
  const create = ask.useMutation('post', '/api/v1/admin/keys', { onSuccess: async (key) => { await done(); if (key.key) made(key.key); } });
  const patch = ask.useMutation('patch', '/api/v1/admin/keys/{key}', { onSuccess: done });

  const body: Schemas['KeyPatch'] = {
    name: name.trim() || null, team_id: team || null, daily_budget: amount(daily), monthly_budget: amount(monthly), model_allowlist: listOf(models), ip_allowlist: listOf(addresses),
    rate_limit_rpm: rpm === '' ? null : Number(rpm), max_concurrency: concurrency === '' ? null : Number(concurrency), expires_at: ends ? `${ends}T00:00:00Z` : null,
  };
  const [before] = useState(body);

  function save(event: FormEvent) {
    event.preventDefault();
    if (!of) { create.mutate({ params: { header }, body }); return; }
    const changes = changesOf(before, body);
    // A name cannot be taken away.
    if (changes.name === null) delete changes.name;
    patch.mutate({ params: { header, path: { key: of.key_id } }, body: changes });
  }

  return (
    <Modal opened onClose={close} title={of ? `Edit ${of.name}` : 'New key'} size="lg">
      <form onSubmit={save}>
        <Stack>
          <SimpleGrid cols={{ base: 1, xs: 2 }}>
            <TextInput label="Name" value={name} maxLength={200} data-autofocus onChange={(e) => setName(e.currentTarget.value)} placeholder="checkout-agent" />
            <Select label="Team" value={team} onChange={(v) => setTeam(v ?? '')} data={[{ value: '', label: 'None, directly under the org' }, ...names.teams.map((t) => ({ value: t.team_id, label: t.name }))]} />
            <LimitField label="Dollars a day" value={daily} set={setDaily} placeholder="unlimited" />
            <LimitField label="Dollars a month" value={monthly} set={setMonthly} placeholder="unlimited" />
            <NumberInput label="Requests a minute" value={rpm} onChange={setRpm} min={0} max={10_000_000} allowDecimal={false} placeholder="unlimited" hideControls />
            <NumberInput label="Requests at once" value={concurrency} onChange={setConcurrency} min={0} max={1_000_000} allowDecimal={false} placeholder="unlimited" hideControls />
            <Textarea label="Only these models" description="One a line; a trailing * stands for any ending; (none) allows none" autosize minRows={2} maxRows={8} value={models} onChange={(e) => setModels(e.currentTarget.value)} placeholder="all that the org may use" />
            <Textarea label="Only from these addresses" description="One address or CIDR range a line; (none) allows none" autosize minRows={2} maxRows={8} value={addresses} onChange={(e) => setAddresses(e.currentTarget.value)} placeholder="any" />
            <TextInput label="Ends on" description="At the beginning of that UTC day" type="date" value={ends} onChange={(e) => setEnds(e.currentTarget.value)} />
          </SimpleGrid>
          <FormFault of={create.error ?? patch.error} />
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={close}>Cancel</Button>
            <Button type="submit" loading={create.isPending || patch.isPending} disabled={!isLimit(daily) || !isLimit(monthly)}>{of ? 'Save' : 'Make the key'}</Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
