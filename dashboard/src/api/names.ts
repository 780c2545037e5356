import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { useOrg } from '../app/session';
import { api, type Schemas } from './client';
import { everyPage, pageRows } from './lists';

// Keyed as the other questions are, so that a change asks for them anew.
export function useKeys() {
  const { org_id, header } = useOrg();
  return useQuery({
    queryKey: ['get', '/api/v1/admin/keys', org_id],
    queryFn: ({ signal }) => everyPage((cursor) => api.GET('/api/v1/admin/keys', { params: { header, query: { limit: pageRows, cursor } }, signal })),
  });
}

export function useTeams() {
  const { org_id, header } = useOrg();
  return useQuery({
    queryKey: ['get', '/api/v1/admin/teams', org_id],
    queryFn: ({ signal }) => everyPage((cursor) => api.GET('/api/v1/admin/teams', { params: { header, query: { limit: pageRows, cursor } }, signal })),
  });
}

/** The orgs that who is signed in may see. */
export function useOrgs() {
  return useQuery({
    queryKey: ['get', '/api/v1/admin/orgs', 'all'],
    queryFn: ({ signal }) => everyPage((cursor) => api.GET('/api/v1/admin/orgs', { params: { query: { limit: pageRows, cursor } }, signal })),
  });
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
