import type { Schemas } from '../../api/client';

type Kind = Schemas['AlertType'];

export const kindNames: Record<Kind, string> = {
  budget_warning: 'Budget warning',
  budget_exceeded: 'Budget used up',
  budget_hierarchy_alert: 'Team, key or session warning',
  approval_requested: 'Approval asked for',
  cost_drift: 'Counters and ledger differ',
  dlq_backlog: 'Dead letters pile up',
  cost_anomaly: 'Unusual cost',
  key_disabled: 'Key disabled',
  access_anomaly: 'Unusual access',
};

export const kinds = Object.keys(kindNames) as Kind[];

/** How pressing an alert is, for its colour; the words say it too. */
export const pressing: Record<Kind, 'red' | 'orange' | 'yellow' | 'gray'> = {
  budget_warning: 'yellow', budget_exceeded: 'red', budget_hierarchy_alert: 'yellow', approval_requested: 'gray', cost_drift: 'orange', dlq_backlog: 'orange', cost_anomaly: 'orange', key_disabled: 'gray', access_anomaly: 'red',
};
