import { Button, Center, Loader, Stack, Text } from '@mantine/core';
import { lazy, type ReactNode, Suspense, useMemo, useState } from 'react';
import { Redirect, Route, Router, Switch } from 'wouter';
import { explain } from '../api/client';
import { useLiveOf } from '../api/live';
import { useOrgs } from '../api/names';
import { Boundary } from '../parts/Boundary';
import { Fault, Loading } from '../parts/Page';
import { type Org, type Seat, SeatContext, type Session, may, useSession } from './session';
import { Shell } from './Shell';
import { SignIn } from './SignIn';

const pages = {
  '/': lazy(() => import('../pages/Overview')),
  '/costs/breakdown': lazy(() => import('../pages/Breakdown')),
  '/costs/budgets': lazy(() => import('../pages/Budgets')),
  '/costs/prices': lazy(() => import('../pages/Prices')),
  '/usage': lazy(() => import('../pages/Usage')),
  '/approvals': lazy(() => import('../pages/Approvals')),
  '/alerts': lazy(() => import('../pages/Alerts')),
  '/errors': lazy(() => import('../pages/Errors')),
  '/keys': lazy(() => import('../pages/Keys')),
  '/teams': lazy(() => import('../pages/Teams')),
  '/runners': lazy(() => import('../pages/Runners')),
  '/policy': lazy(() => import('../pages/Policy')),
  '/webhooks': lazy(() => import('../pages/Webhooks')),
  '/audit': lazy(() => import('../pages/Audit')),
  '/dead-letters': lazy(() => import('../pages/DeadLetters')),
  '/orgs': lazy(() => import('../pages/Orgs')),
  '/start': lazy(() => import('../pages/Start')),
};

export function App() {
  const session = useSession();
  if (session.isPending) return <Center h="100dvh"><Loader aria-label="Loading" /></Center>;
  if (session.isError) {
    return (
      <Center h="100dvh"><Stack align="center"><Text>{explain(session.error).message}</Text><Button onClick={() => session.refetch()}>Try again</Button></Stack></Center>
    );
  }
  return session.data ? <Seated session={session.data} /> : <SignIn />;
}

const remembered = 'cm-org';

// Which one is shown first must not change when another is made.
const oldest = (orgs: Org[]): Org | null => orgs.reduce<Org | null>((first, o) => (first === null || o.created_at < first.created_at ? o : first), null);

function Seated({ session }: { session: Session }) {
  const [chosen, setChosen] = useState(() => new URLSearchParams(window.location.search).get('org') ?? localStorage.getItem(remembered));
  const list = useOrgs();
  const orgs = useMemo<Org[]>(() => list.data?.data ?? [], [list.data]);
  const seat = useMemo<Seat>(() => ({
    session,
    orgs,
    org: orgs.find((o) => o.org_id === (session.org_id ?? chosen)) ?? oldest(orgs),
    choose: (orgId) => { localStorage.setItem(remembered, orgId); setChosen(orgId); },
    may: (right) => may(session.role, right),
  }), [session, orgs, chosen]);
  useLiveOf(seat.org?.org_id);
  if (list.isPending) return <Center h="100dvh"><Loader aria-label="Loading" /></Center>;
  // That nobody knows the orgs does not mean that there are none.
  if (!list.data) return <Center h="100dvh"><Fault error={list.error} again={() => void list.refetch()} /></Center>;
  return (
    <SeatContext.Provider value={seat}>
      <Router base="/dashboard">
        <Shell>
          <Suspense fallback={<Loading />}>
            <Switch>
              {Object.entries(pages).map(([path, Page]) => <Route key={path} path={path}>{() => <Boundary><ForOrg seat={seat}><Page /></ForOrg></Boundary>}</Route>)}
              <Route><Redirect to="/" /></Route>
            </Switch>
          </Suspense>
        </Shell>
      </Router>
    </SeatContext.Provider>
  );
}

// Another org is another page: nothing of the first may stay on the screen.
function ForOrg({ seat, children }: { seat: Seat; children: ReactNode }) {
  return seat.org ? <div key={seat.org.org_id}>{children}</div> : <Text p="lg">There is no org yet.</Text>;
}
