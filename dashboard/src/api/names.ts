import { useMemo } from 'react';
import { useOrg } from '../app/session';
import { ask, type Schemas } from './client';

/** Most keys and teams whose names are known to a page; beyond them ids are shown. */
const most = '1000';

export function useKeys() {
  const { header } = useOrg();
  return ask.useQuery('get', '/api/v1/admin/keys', { params: { header, query: { limit: most } } });
}

export function useTeams() {
  const { header } = useOrg();
  return ask.useQuery('get', '/api/v1/admin/teams', { params: { header, query: { limit: most } } });
}

/** Names of keys and teams by id; an id without a name stays an id. */
export function useNames() {
  const [keys, teams] = [useKeys(), useTeams()];
  return useMemo(() => {
    const byKey = new Map(keys.data?.data.map((k: Schemas['ApiKey']) => [k.key_id, k.name]));
    const byTeam = new Map(teams.data?.data.map((t: Schemas['Team']) => [t.team_id, t.name]));
    return { key: (id: string) => byKey.get(id) ?? id, team: (id: string) => byTeam.get(id) ?? id, keys: keys.data?.data ?? [], teams: teams.data?.data ?? [] };
  }, [keys.data, teams.data]);
}
