import { Badge, CopyButton, Group, Text, Tooltip, UnstyledButton } from '@mantine/core';
import { IconCheck, IconCopy } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { exactUsd, usd } from '../money';
import { percent, taken as takenOf } from '../numbers';
import { shortStamp, stamp } from '../time';

/** Dollars; every decimal of the ledger is in its title. */
export const Money = ({ of }: { of: number | null | undefined }) => (
  of === null || of === undefined ? <span>—</span> : <span className="tabular" title={exactUsd(of)}>{usd(of)}</span>
);

export const When = ({ at }: { at: string | null | undefined }) => (at ? <time dateTime={at} className="tabular" title={`${stamp(at)} UTC`}>{shortStamp(at)}</time> : <span>—</span>);

export function Id({ of, short }: { of: string; short?: boolean }) {
  return (
    <CopyButton value={of}>
      {({ copied, copy }) => (
        <UnstyledButton onClick={(e) => { e.stopPropagation(); copy(); }} className="mono" title={copied ? 'Copied' : `Copy ${of}`} aria-label={`Copy ${of}`}>
          <Group gap={4} wrap="nowrap" component="span"><span className="ellipsis">{short && of.length > 16 ? of.slice(0, 8) + '…' + of.slice(-4) : of}</span>{copied ? <IconCheck size={13} /> : <IconCopy size={13} opacity={0.55} />}</Group>
        </UnstyledButton>
      )}
    </CopyButton>
  );
}

const tones: Record<string, string> = {
  settled: 'pine', active: 'pine', approved: 'pine', used: 'pine', delivered: 'pine', healthy: 'pine', ok: 'pine', resolved: 'pine',
  pending: 'yellow', client_left: 'yellow', estimated: 'yellow', degraded: 'yellow', expired: 'gray', disabled: 'gray', presumed: 'orange', warning: 'yellow',
  denied: 'red', rejected: 'red', failed: 'red', upstream_broken: 'red', abandoned: 'orange', unhealthy: 'red', revoked: 'gray', suspended: 'red', critical: 'red', refused: 'red',
};

/** A state in a word. The colour repeats what the word says. */
export const State = ({ of }: { of: string }) => <Badge variant="light" color={tones[of] ?? 'gray'} size="sm" style={{ flexShrink: 0, overflow: 'visible' }}>{of.replaceAll('_', ' ')}</Badge>;

/** One figure with its name, for the top of a page. */
export function Tile({ label, children, note, hint }: { label: string; children: ReactNode; note?: ReactNode; hint?: string }) {
  const name = <Text size="sm" c="dimmed" component="h2" fw={500} m={0}>{label}</Text>;
  return (
    <section className="card" style={{ padding: '14px 16px' }}>
      {hint ? <Tooltip label={hint}>{<div>{name}</div>}</Tooltip> : name}
      <Text component="div" fz={25} fw={650} lh={1.3} className="tabular">{children}</Text>
      {note && <Text size="xs" c="dimmed" component="div" mt={2}>{note}</Text>}
    </section>
  );
}

export const level = (share: number): 'fine' | 'warn' | 'over' => (share >= 1 ? 'over' : share >= 0.8 ? 'warn' : 'fine');

/** Spent and held beside a limit. */
export function LimitBar({ spent, held, limit, label }: { spent: number; held: number; limit: number | null | undefined; label: string }) {
  const whole = limit === null || limit === undefined ? Math.max(spent + held, 0) : limit;
  const share = (n: number) => (whole <= 0 ? (n > 0 || limit === 0 ? 1 : 0) : Math.min(1, n / whole));
  const taken = (takenOf({ spent, held, limit }) ?? 0) / 100;
  const text = limit === null || limit === undefined ? `${label}: ${usd(spent)} spent, ${usd(held)} held, unlimited` : `${label}: ${usd(spent)} spent, ${usd(held)} held of ${usd(limit)}, ${percent(taken * 100)}`;
  const unlimited = limit === null || limit === undefined;
  return (
    <div className="bar" role="img" aria-label={text} title={text} data-level={level(taken)}>
      <span className="spent" style={{ width: `${unlimited ? 0 : share(spent) * 100}%` }} />
      <span className="held" style={{ width: `${unlimited ? 0 : Math.min(share(held), 1 - share(spent)) * 100}%` }} />
    </div>
  );
}

/** More is not better here: a rise in cost is neither red nor green. */
export function Change({ percent: by }: { percent: number | null }) {
  if (by === null) return <span>new</span>;
  const flat = Math.abs(by) < 0.05;
  return <span className="tabular">{flat ? '±0 %' : `${by > 0 ? '↑' : '↓'} ${percent(Math.abs(by), Math.abs(by) < 10 ? 1 : 0)}`}</span>;
}
