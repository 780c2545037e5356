import { useQuery } from '@tanstack/react-query';
import { createContext, useContext } from 'react';
import { api, noteEnd, type Schemas, sessionKey } from '../api/client';

export type Role = 'platform_admin' | 'org_admin' | 'approver' | 'viewer';
export type Right = 'read' | 'approve' | 'change' | 'platform';
export interface Session { role: Role; org_id: string | null; actor: string; expires_at?: string | null }

const rank: Record<Right, number> = { read: 0, approve: 1, change: 2, platform: 3 };
const upTo: Record<Role, number> = { viewer: 0, approver: 1, org_admin: 2, platform_admin: 3 };

export const may = (role: Role, right: Right): boolean => upTo[role] >= rank[right];
export const roleNames: Record<Role, string> = { platform_admin: 'Platform admin', org_admin: 'Org admin', approver: 'Approver', viewer: 'Viewer' };

/** Who is signed in; null when nobody is. */
export function useSession() {
  return useQuery({
    queryKey: sessionKey,
    queryFn: async (): Promise<Session | null> => {
      const { data, error, response } = await api.GET('/dashboard/session');
      if (data) return data as Session;
      if (response.status === 401) {
        noteEnd();
        return null;
      }
      throw error;
    },
    staleTime: 5 * 60_000,
  });
}

export type Org = Schemas['Org'];
export interface Seat { session: Session; org: Org | null; orgs: Org[]; choose: (orgId: string) => void; may: (right: Right) => boolean }

export const SeatContext = createContext<Seat | null>(null);

export function useSeat(): Seat {
  const seat = useContext(SeatContext);
  if (!seat) throw new Error('Nobody is signed in here.');
  return seat;
}

/** The org this page is about; pages that use it are shown only when there is one. */
export function useOrg(): Org & { header: { 'X-Org-ID': string } } {
  const { org } = useSeat();
  if (!org) throw new Error('There is no org here.');
  return { ...org, header: { 'X-Org-ID': org.org_id } };
}
