import type { Schemas } from '../../api/client';
import type { LiveState } from '../../api/live';
import { fromNano, toNano, usd } from '../../money';
import { percent } from '../../numbers';
import { relative, stamp } from '../../time';

interface Facts { spent: number; held: number; budget: number | null; forecast: number | null; endsAt: string | null; at: Date; period: 'day' | 'month' }

/** What the present rate means for a budget, in a sentence. */
export function ending({ spent, held, budget, forecast, endsAt, at, period }: Facts): { text: string; pressing: boolean } {
  if (budget !== null && spent + held >= budget) return { text: `Used up until the ${period === 'day' ? 'day' : 'month'} ends`, pressing: true };
  if (budget !== null && endsAt) return { text: `Ends ${relative(endsAt, at)} at this rate, ${stamp(endsAt).slice(period === 'day' ? 11 : 0, 16)} UTC`, pressing: true };
  if (forecast === null) return { text: '', pressing: false };
  return { text: budget === null ? `At this rate ${usd(forecast)} by its end` : `Lasts: ${usd(forecast)} by its end at this rate`, pressing: false };
}

type View = Pick<Schemas['Overview'], 'org_id' | 'today'>;

interface Told { spend: Schemas['LiveSpend'] | null; spendAt: number; state: LiveState }

/**
 * The live stream's figures where they are ahead of the answer that was asked for: come later (milliseconds of this browser's clock), of the same org and day,
 * while the stream runs and the counters, of which it tells, answer.
 */
export function ahead(view: View, viewAt: number, { spend, spendAt, state }: Told): Schemas['LiveSpend'] | null {
  return spend !== null && spendAt >= viewAt && state === 'open' && view.today.source === 'counters' && spend.org_id === view.org_id && spend.date === view.today.from.slice(0, 10) ? spend : null;
}

/** Today's spend by the live counters and by the ledger, and what a reset took off the former. */
export function driftText(drift: Schemas['DriftOverview']): string {
  const reset = drift.reset > 0 ? ` and ${usd(drift.reset)} taken off by a reset` : '';
  return `${percent(drift.pct)}: counters ${usd(fromNano(toNano(drift.counters) - drift.reset_nano_usd))}${reset}, ledger ${usd(drift.ledger)}`;
}

/** As the runbook grades it: below 2 % is what is on its way, above 10 % is a failure. */
export function driftLevel(pct: number): 'low' | 'medium' | 'high' {
  const size = Math.abs(pct);
  return size < 2 ? 'low' : size <= 10 ? 'medium' : 'high';
}
