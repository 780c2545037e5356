import type { Schemas } from '../../api/client';
import { usd } from '../../money';
import { percent } from '../../numbers';
import { stamp } from '../../time';

type Data = Record<string, unknown>;

/** What the line above says already, or nobody reads. */
const left = new Set(['node', 'node_kind', 'node_id', 'approval_id', 'session_key']);
const periods: Record<string, string> = { day: 'the day', month: 'the month', session: 'the session' };

const money = (data: Data, name: string): string | undefined => (typeof data[name] === 'number' ? usd(data[name]) : undefined);

function budget(data: Data): string | undefined {
  const [spent, held, limit] = [money(data, 'spent'), money(data, 'held'), money(data, 'limit')];
  if (!spent || !limit) return undefined;
  const period = `${periods[String(data.period)] ?? String(data.period)}${data.period_start ? ` from ${String(data.period_start)}` : ''}`;
  return `${spent} spent${held && data.held !== 0 ? ` and ${held} held` : ''} of ${limit} for ${period}${typeof data.pct === 'number' ? `, ${percent(data.pct)}` : ''}`;
}

function approval(data: Data): string | undefined {
  const [cost, threshold] = [money(data, 'estimated_cost'), money(data, 'threshold')];
  return cost && threshold ? `${String(data.model)} may cost up to ${cost}; from ${threshold} on a person decides, until ${stamp(String(data.expires_at))} UTC` : undefined;
}

const done: Record<string, string> = { alert: '', throttle: '; the key is slowed down', disable_key: '; the key was disabled' };

/** Pico-dollars a token are dollars a million tokens, times a million. */
const perMillion = (pico: unknown): string => usd(Number(pico) / 1e6);

function anomaly(data: Data): string | undefined {
  const within = `${String(data.requests)} requests within ${String(data.window_seconds)} s`;
  const what = ((): string | undefined => {
    switch (data.kind) {
      case 'retry_storm': return `Retry storm: the same prompt in ${within}, to ${String(data.model)}`;
      case 'runaway_agent': return `Runaway agent: ${within}`;
      case 'hourly_spike': return `Spike: ${money(data, 'spent')} in the hour from ${stamp(String(data.hour))} UTC, more than ${String(data.factor)} times the usual ${money(data, 'mean_before')}`;
      case 'new_expensive_model': return `New dear model: ${String(data.model)} costs ${perMillion(data.pico_usd_per_output_token)} a million output tokens; the dearest before, ${String(data.dearest_before)}, ${perMillion(data.dearest_before_pico_usd_per_output_token)}`;
      default: return undefined;
    }
  })();
  return what && what + (done[String(data.action)] ?? `; ${String(data.action)}`);
}

function access(data: Data): string | undefined {
  switch (data.kind) {
    case 'new_address': return `Used from ${String(data.address)}, where it never was before`;
    case 'ip_not_allowed': return `Refused from ${String(data.address)}, which the key’s list of addresses does not have`;
    case 'unknown_keys': return `${String(data.attempts)} unknown keys or tokens within ${String(data.window_seconds)} s, from ${data.address == null ? 'many addresses' : String(data.address)}`;
    default: return undefined;
  }
}

function sentenceOf(type: Schemas['AlertType'], data: Data): string | undefined {
  switch (type) {
    case 'approval_requested': return approval(data);
    case 'budget_warning': case 'budget_exceeded': case 'budget_hierarchy_alert': return budget(data);
    case 'cost_anomaly': return anomaly(data);
    case 'access_anomaly': return access(data);
    default: return undefined;
  }
}

function fact(name: string, value: unknown, data: Data): string {
  const words = name.replace(/_pct$/, '').replaceAll('_', ' ');
  if (typeof value === 'number' && `${name}_nano_usd` in data) return `${words} ${usd(value)}`;
  if (typeof value === 'number' && /(^|_)pct$/.test(name)) return `${words} ${percent(value)}`;
  if (typeof value === 'string' && /^\d{4}-\d\d-\d\dT/.test(value)) return `${words} ${stamp(value)} UTC`;
  return `${words} ${String(value)}`;
}

/** An alert's figures in words. A kind that this program does not know has them one after the other. */
export function told(of: Pick<Schemas['Alert'], 'type' | 'data'>, keyName: (id: string) => string): string {
  const data = (of.data ?? {}) as unknown as Data;
  const sentence = sentenceOf(of.type, data);
  if (sentence) return sentence;
  return Object.entries(data)
    .filter(([name, value]) => value !== null && typeof value !== 'object' && !name.endsWith('_nano_usd') && !left.has(name))
    .map(([name, value]) => (name === 'key_id' ? `key ${keyName(String(value))}` : fact(name, value, data)))
    .join(' · ');
}

/** Where to look next. */
export function next(of: Pick<Schemas['Alert'], 'type' | 'subject'>): { href: string; text: string } | undefined {
  const key = of.subject.startsWith('key:') ? of.subject.slice(4) : undefined;
  switch (of.type) {
    case 'approval_requested': return { href: '/approvals', text: 'Approvals' };
    case 'budget_warning': case 'budget_exceeded': case 'budget_hierarchy_alert': case 'cost_drift': return { href: '/costs/budgets', text: 'Budgets' };
    case 'dlq_backlog': return { href: '/dead-letters', text: 'Dead Letters' };
    case 'key_disabled': return { href: key ? `/keys?key=${key}` : '/keys', text: 'Keys' };
    case 'cost_anomaly': case 'access_anomaly': return key ? { href: `/usage?key_id=${key}`, text: 'Requests' } : undefined;
    default: return undefined;
  }
}
