import type { Schemas } from '../../api/client';

/** Names a webhook's org in a request about it; a platform webhook is found only where none is named. */
export const ownerOf = (hook: Schemas['Webhook']): { 'X-Org-ID'?: string } => (hook.org_id == null ? {} : { 'X-Org-ID': hook.org_id });
