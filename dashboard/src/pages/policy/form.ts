import type { Schemas } from '../../api/client';
import { limitText, parseLimit } from '../../money';

type Document = Schemas['PolicyDocument'];

/** The policy's fields as the form has them: texts; empty is the tier's default. */
export interface PolicyForm {
  daily_budget: string;
  monthly_budget: string;
  max_cost_per_request: string;
  hitl_threshold: string;
  rate_limit_rpm: string;
  max_concurrency: string;
  queue_max_depth: string;
  queue_max_wait_ms: string;
  default_max_output_tokens: string;
  min_output_tokens: string;
  max_request_bytes: string;
  max_reasoning_tokens: string;
  retry_storm: string;
  runaway_agent: string;
  hourly_spike: string;
  new_expensive_model: string;
  model_allowlist: string;
  on_budget_store_loss: string;
  on_missing_usage: string;
  on_unpriced_model: string;
  clamp_output: string;
  model_aliases: string;
  fallbacks: string;
}

export type Faults = Partial<Record<keyof PolicyForm, string>>;

const money = ['daily_budget', 'monthly_budget', 'max_cost_per_request', 'hitl_threshold'] as const;
const counts = ['rate_limit_rpm', 'max_concurrency', 'max_reasoning_tokens'] as const;
const whole = ['default_max_output_tokens', 'min_output_tokens', 'max_request_bytes'] as const;
const rules = ['retry_storm', 'runaway_agent', 'hourly_spike', 'new_expensive_model'] as const;
const choices = ['on_budget_store_loss', 'on_missing_usage', 'on_unpriced_model'] as const;

export function formOf(document: Document): PolicyForm {
  const text = (value: unknown) => limitText(value as number | string | null | undefined);
  return {
    daily_budget: text(document.daily_budget), monthly_budget: text(document.monthly_budget), max_cost_per_request: text(document.max_cost_per_request), hitl_threshold: text(document.hitl_threshold),
    rate_limit_rpm: text(document.rate_limit_rpm), max_concurrency: text(document.max_concurrency), queue_max_depth: text(document.queue?.max_depth), queue_max_wait_ms: text(document.queue?.max_wait_ms),
    default_max_output_tokens: text(document.default_max_output_tokens), min_output_tokens: text(document.min_output_tokens),
    max_request_bytes: text(document.max_request_bytes), max_reasoning_tokens: text(document.max_reasoning_tokens),
    retry_storm: document.protection?.retry_storm?.action ?? '', runaway_agent: document.protection?.runaway_agent?.action ?? '',
    hourly_spike: document.protection?.hourly_spike?.action ?? '', new_expensive_model: document.protection?.new_expensive_model?.action ?? '',
    model_allowlist: document.model_allowlist?.length === 0 ? '(none)' : (document.model_allowlist?.join('\n') ?? ''),
    on_budget_store_loss: document.on_budget_store_loss ?? '', on_missing_usage: document.on_missing_usage ?? '', on_unpriced_model: document.on_unpriced_model ?? '',
    clamp_output: document.clamp_output === null || document.clamp_output === undefined ? '' : String(document.clamp_output),
    model_aliases: Object.entries(document.model_aliases ?? {}).map(([name, model]) => `${name} = ${model}`).join('\n'),
    fallbacks: Object.entries(document.fallbacks ?? {}).map(([model, others]) => `${model} = ${others.join(', ')}`).join('\n'),
  };
}

/** What a form changes, as the merge patch to send: a field that was emptied becomes null, one that was not touched is absent. */
export function patchOf(before: PolicyForm, after: PolicyForm): { patch: Document; faults: Faults } {
  const patch: Record<string, unknown> = {};
  const faults: Faults = {};
  const changed = (name: keyof PolicyForm) => before[name].trim() !== after[name].trim();
  for (const name of money.filter(changed)) {
    const value = parseLimit(after[name]);
    if (value === undefined) faults[name] = 'Dollars, at most nine decimals, or the word unlimited';
    else patch[name] = value;
  }
  for (const name of [...counts, ...whole].filter(changed)) {
    const value = after[name].trim();
    if (value === '') patch[name] = null;
    else if (value === 'unlimited' && (counts as readonly string[]).includes(name)) patch[name] = value;
    else if (/^\d{1,10}$/.test(value)) patch[name] = Number(value);
    else faults[name] = (counts as readonly string[]).includes(name) ? 'A whole number, or the word unlimited' : 'A whole number';
  }
  const queue: Record<string, unknown> = {};
  for (const [name, field] of [['queue_max_depth', 'max_depth'], ['queue_max_wait_ms', 'max_wait_ms']] as const) {
    if (!changed(name)) continue;
    if (after[name].trim() === '') queue[field] = null;
    else if (/^\d{1,6}$/.test(after[name].trim())) queue[field] = Number(after[name]);
    else faults[name] = 'A whole number';
  }
  if (Object.keys(queue).length > 0) patch.queue = queue;
  for (const name of choices.filter(changed)) patch[name] = after[name] || null;
  const touched = rules.filter(changed);
  if (touched.length > 0) patch.protection = Object.fromEntries(touched.map((name) => [name, { action: after[name] || null }]));
  if (changed('clamp_output')) patch.clamp_output = after.clamp_output === '' ? null : after.clamp_output === 'true';
  if (changed('model_allowlist')) patch.model_allowlist = after.model_allowlist.trim() === '' ? null : after.model_allowlist.trim() === '(none)' ? [] : list(after.model_allowlist);
  for (const name of ['model_aliases', 'fallbacks'] as const) {
    if (!changed(name)) continue;
    const read = pairs(after[name]);
    if (read === undefined) faults[name] = 'One a line: name = model';
    // A merge patch keeps what it does not name, so what is gone is named with null.
    else patch[name] = after[name].trim() === '' ? null : merged(pairs(before[name]) ?? [], read, name === 'fallbacks');
  }
  return { patch: patch as Document, faults };
}

const list = (text: string): string[] => text.split(/[\n,]/).map((l) => l.trim()).filter(Boolean);

function pairs(text: string): [string, string][] | undefined {
  const read = text.split('\n').map((l) => l.trim()).filter(Boolean).map((l) => l.match(/^([^=\s]+)\s*=\s*(\S.*)$/));
  return read.every((m) => m !== null) ? read.map((m) => [m[1]!, m[2]!.trim()]) : undefined;
}

function merged(before: [string, string][], after: [string, string][], many: boolean): Record<string, unknown> {
  const gone = before.filter(([name]) => !after.some(([other]) => other === name)).map(([name]): [string, null] => [name, null]);
  return Object.fromEntries([...gone, ...after.map(([name, value]): [string, unknown] => [name, many ? list(value) : value])]);
}
