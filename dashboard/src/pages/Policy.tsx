import { Button, Group, Select, SimpleGrid, Stack, Text, Textarea, TextInput } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { type FormEvent, useEffect, useMemo, useState } from 'react';
import { ask, refresh, type Schemas } from '../api/client';
import { useOrg, useSeat } from '../app/session';
import { usd } from '../money';
import { count } from '../numbers';
import { FormFault } from '../parts/fields';
import { Answer, Card, Page } from '../parts/Page';
import { type Faults, formOf, patchOf, type PolicyForm } from './policy/form';
import { Preview } from './policy/Preview';

type View = Schemas['PolicyView'];

export default function Policy() {
  const org = useOrg();
  const policy = ask.useQuery('get', '/api/v1/admin/gateway/policy/{org}', { params: { path: { org: org.org_id } } });
  return (
    <Page about="What holds for every key of this org. An empty field is the default of its tier; a change holds for the next request on every replica.">
      <Answer of={policy} rows={12}>{(view) => <Form key={view.version} view={view} />}</Answer>
    </Page>
  );
}

function Form({ view }: { view: View }) {
  const org = useOrg();
  const { may } = useSeat();
  const before = useMemo(() => formOf(view.overrides), [view.overrides]);
  const [form, setForm] = useState(before);
  useEffect(() => setForm(before), [before]);
  const { patch, faults } = useMemo(() => patchOf(before, form), [before, form]);
  const dirty = Object.keys(patch).length > 0;
  const wrong = Object.keys(faults).length > 0;
  const save = ask.useMutation('patch', '/api/v1/admin/gateway/policy/{org}', {
    onSuccess: async () => { await refresh('/policy', '/budgets', '/overview'); notifications.show({ message: 'The policy is changed. It holds for the next request.' }); },
  });
  const submit = (event: FormEvent) => { event.preventDefault(); save.mutate({ params: { path: { org: org.org_id } }, body: patch }); };
  const readOnly = !may('change');
  const field = { form, faults, set: (name: keyof PolicyForm, value: string) => setForm((f) => ({ ...f, [name]: value })), readOnly };
  const or = (value: number | null | undefined, show: (n: number) => string) => (value === null || value === undefined ? 'unlimited' : show(value));
  return (
    <form onSubmit={submit}>
      <Stack>
        <Card title="Money">
          <SimpleGrid cols={{ base: 1, xs: 2, lg: 4 }}>
            <Field {...field} name="daily_budget" label="Dollars a day" now={or(view.daily_budget, usd)} />
            <Field {...field} name="monthly_budget" label="Dollars a month" now={or(view.monthly_budget, usd)} />
            <Field {...field} name="max_cost_per_request" label="Dollars a request, at worst" now={or(view.max_cost_per_request, usd)} />
            <Field {...field} name="hitl_threshold" label="A person decides from (dollars)" now={view.hitl_threshold == null ? 'never' : usd(view.hitl_threshold)} />
          </SimpleGrid>
        </Card>
        <Card title="Models">
          <SimpleGrid cols={{ base: 1, md: 3 }}>
            <Area {...field} name="model_allowlist" label="Only these models" about="One a line; a trailing * stands for any ending; (none) allows none" placeholder="all" />
            <Area {...field} name="model_aliases" label="Other names" about="name = model, one a line" placeholder="fast = gpt-4o-mini" />
            <Area {...field} name="fallbacks" label="When a model fails" about="model = next, next; tried before anything is billed" placeholder="gpt-4o = gpt-4o-mini" />
          </SimpleGrid>
        </Card>
        <Card title="Rate and queue">
          <SimpleGrid cols={{ base: 1, xs: 2, lg: 4 }}>
            <Field {...field} name="rate_limit_rpm" label="Requests a minute" now={or(view.rate_limit_rpm, count)} />
            <Field {...field} name="max_concurrency" label="Requests at once" now={or(view.max_concurrency, count)} />
            <Field {...field} name="queue_max_depth" label="May wait for a turn" now={count(view.queue.max_depth)} />
            <Field {...field} name="queue_max_wait_ms" label="Longest wait, milliseconds" now={count(view.queue.max_wait_ms)} />
          </SimpleGrid>
        </Card>
        <Card title="Size of requests and answers">
          <SimpleGrid cols={{ base: 1, xs: 2, lg: 3 }}>
            <Field {...field} name="max_request_bytes" label="Largest request, bytes" now={count(view.max_request_bytes)} />
            <Field {...field} name="max_reasoning_tokens" label="Most reasoning, tokens" now={or(view.max_reasoning_tokens, count)} />
            <Field {...field} name="default_max_output_tokens" label="Cap where the caller sets none, tokens" now={count(view.default_max_output_tokens)} />
            <Field {...field} name="min_output_tokens" label="Least worth forwarding, tokens" now={count(view.min_output_tokens)} />
            <Choice {...field} name="clamp_output" label="Lower the cap to what the budget affords" now={view.clamp_output ? 'yes' : 'no'} of={[['true', 'Yes'], ['false', 'No, deny instead']]} />
          </SimpleGrid>
        </Card>
        <Card title="When a key seems to run away">
          <SimpleGrid cols={{ base: 1, xs: 2, lg: 4 }}>
            <Choice {...field} name="retry_storm" label="The same request again and again" now={view.protection.retry_storm.action ?? ''} of={actions} />
            <Choice {...field} name="runaway_agent" label="Too many requests" now={view.protection.runaway_agent.action ?? ''} of={actions} />
            <Choice {...field} name="hourly_spike" label="An hour far above the others" now={view.protection.hourly_spike.action ?? ''} of={actions} />
            <Choice {...field} name="new_expensive_model" label="A new, dear model" now={view.protection.new_expensive_model.action ?? ''} of={actions} />
          </SimpleGrid>
        </Card>
        <Card title="When something is missing">
          <SimpleGrid cols={{ base: 1, xs: 2, lg: 3 }}>
            <Choice {...field} name="on_budget_store_loss" label="The budget store is away" now={view.on_budget_store_loss ?? ''} of={[['bounded', 'Each replica spends from its part'], ['deny', 'Deny'], ['allow', 'Allow, uncapped, recorded']]} />
            <Choice {...field} name="on_missing_usage" label="A provider does not say what it billed" now={view.on_missing_usage ?? ''} of={words['on_missing_usage']!} />
            <Choice {...field} name="on_unpriced_model" label="A model has no price" now={view.on_unpriced_model ?? ''} of={words['on_unpriced_model']!} />
          </SimpleGrid>
        </Card>
        {dirty && !wrong && <Preview patch={patch} />}
        <FormFault of={save.error} />
        {!readOnly && (
          <Group justify="flex-end" gap="xs" className="savebar">
            {dirty && <Text size="sm" c="dimmed" mr="auto">{Object.keys(patch).length === 1 ? 'One field is' : `${Object.keys(patch).length} fields are`} changed.</Text>}
            <Button variant="default" disabled={JSON.stringify(before) === JSON.stringify(form)} onClick={() => setForm(before)}>Undo</Button>
            <Button type="submit" loading={save.isPending} disabled={!dirty || wrong}>Save the policy</Button>
          </Group>
        )}
      </Stack>
    </form>
  );
}

const actions: [string, string][] = [['off', 'Nothing'], ['alert', 'Tell'], ['throttle', 'Tell and throttle the key'], ['disable_key', 'Tell and disable the key']];

const words: Record<string, [string, string][]> = {
  on_missing_usage: [['estimate', 'Count what passed'], ['hold', 'Charge the whole hold']],
  on_unpriced_model: [['deny', 'Deny'], ['allow', 'Allow']],
};

interface Bound { form: PolicyForm; faults: Faults; set: (name: keyof PolicyForm, value: string) => void; readOnly: boolean; name: keyof PolicyForm; label: string }

const Field = ({ form, faults, set, readOnly, name, label, now }: Bound & { now: string }) => (
  <TextInput label={label} description={form[name] === '' ? `Now ${now}, by the tier` : `Now ${now}`} placeholder={now} value={form[name]} readOnly={readOnly} error={faults[name]} autoComplete="off" onChange={(e) => set(name, e.currentTarget.value)} />
);

const Area = ({ form, faults, set, readOnly, name, label, about, placeholder }: Bound & { about: string; placeholder: string }) => (
  <Textarea label={label} description={about} placeholder={placeholder} value={form[name]} readOnly={readOnly} error={faults[name]} autosize minRows={3} maxRows={10} onChange={(e) => set(name, e.currentTarget.value)} />
);

const Choice = ({ form, set, readOnly, name, label, now, of }: Bound & { now: string; of: [string, string][] }) => (
  <Select label={label} description={`Now: ${of.find(([value]) => value === now)?.[1] ?? now}`} value={form[name]} disabled={readOnly} data={[{ value: '', label: 'The default' }, ...of.map(([value, text]) => ({ value, label: text }))]} onChange={(value) => set(name, value ?? '')} />
);
