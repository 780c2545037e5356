import { usd } from '../../money';
import { relative, stamp } from '../../time';

interface Facts { spent: number; held: number; budget: number | null; forecast: number | null; endsAt: string | null; at: Date; period: 'day' | 'month' }

/** What the present rate means for a budget, in a sentence. */
export function ending({ spent, held, budget, forecast, endsAt, at, period }: Facts): { text: string; pressing: boolean } {
  if (budget !== null && spent + held >= budget) return { text: `Used up until the ${period === 'day' ? 'day' : 'month'} ends`, pressing: true };
  if (budget !== null && endsAt) return { text: `Ends ${relative(endsAt, at)} at this rate, ${stamp(endsAt).slice(period === 'day' ? 11 : 0, 16)} UTC`, pressing: true };
  if (forecast === null) return { text: '', pressing: false };
  return { text: budget === null ? `At this rate ${usd(forecast)} by its end` : `Lasts: ${usd(forecast)} by its end at this rate`, pressing: false };
}

/** As the runbook grades it: below 2 % is what is on its way, above 10 % is a failure. */
export function driftLevel(pct: number): 'low' | 'medium' | 'high' {
  const size = Math.abs(pct);
  return size < 2 ? 'low' : size <= 10 ? 'medium' : 'high';
}
