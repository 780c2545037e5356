import { ActionIcon, Alert, Box, Button, Collapse, Group, SegmentedControl, Text } from '@mantine/core';
import { IconChevronDown, IconChevronRight, IconPencil, IconRefresh, IconRestore } from '@tabler/icons-react';
import { useState } from 'react';
import { ask, type Schemas } from '../api/client';
import { useOrg, useSeat } from '../app/session';
import { usd } from '../money';
import { percent, taken } from '../numbers';
import { LimitBar, Money } from '../parts/figures';
import { Answer, Page } from '../parts/Page';
import { EditLimits } from './budgets/EditLimits';
import { Reconcile } from './budgets/Reconcile';
import { ResetDaily } from './budgets/ResetDaily';

type Node = Schemas['BudgetTreeNode'];
type Figures = Schemas['BudgetFigures'];

export default function Budgets() {
  const org = useOrg();
  const { may } = useSeat();
  const tree = ask.useQuery('get', '/gateway/admin/budgets/{org}', { params: { path: { org: org.org_id } } }, { refetchInterval: 15_000 });
  const [dialog, setDialog] = useState<'reset' | 'reconcile' | null>(null);
  const [show, setShow] = useState('all');
  return (
    <Page about="A request is held at the key, its team and the org at once, for the day and for the month; the first limit that it does not fit denies it."
      actions={may('change') && tree.data && <>
        <Button size="xs" variant="default" leftSection={<IconRefresh size={16} />} onClick={() => setDialog('reconcile')}>Reconcile</Button>
        <Button size="xs" variant="default" leftSection={<IconRestore size={16} />} onClick={() => setDialog('reset')}>Reset today</Button>
      </>}>
      <Answer of={tree} rows={8}>
        {(data) => (
          <>
            <Group justify="space-between">
              <Group gap="lg">
                <Text size="sm"><span className="key-spent" />Spent</Text>
                <Text size="sm"><span className="key-held" />Held for requests in flight</Text>
              </Group>
              <SegmentedControl size="xs" aria-label="Show" value={show} onChange={setShow} data={[{ value: 'all', label: 'All' }, { value: 'tight', label: 'Above 50 %' }]} />
            </Group>
            {data.truncated && <Alert color="yellow">The tree is longer than an answer holds; the first by id are shown.</Alert>}
            <section className="card" aria-label="Budget tree">
              <div className="tree-row" aria-hidden>
                <Text size="xs" fw={600} c="dimmed">Org, teams, keys</Text>
                <Text size="xs" fw={600} c="dimmed" visibleFrom="md">Day, {data.date} (UTC)</Text>
                <Text size="xs" fw={600} c="dimmed" visibleFrom="md">Month, {data.month}</Text>
              </div>
              <Branch node={data.org} depth={0} orgId={org.org_id} tight={show === 'tight'} />
            </section>
            <ResetDaily opened={dialog === 'reset'} close={() => setDialog(null)} org={data.org} />
            <Reconcile opened={dialog === 'reconcile'} close={() => setDialog(null)} />
          </>
        )}
      </Answer>
    </Page>
  );
}

const isTight = (node: Node): boolean => (taken(node.daily) ?? 0) > 50 || (taken(node.monthly) ?? 0) > 50 || node.children.some(isTight);

function Branch({ node, depth, orgId, tight }: { node: Node; depth: number; orgId: string; tight: boolean }) {
  const { may } = useSeat();
  const [open, setOpen] = useState(depth < 2);
  const [editing, setEditing] = useState(false);
  const children = tight ? node.children.filter(isTight) : node.children;
  return (
    <>
      <div className="tree-row" role="group" aria-label={`${node.kind} ${node.name}`}>
        <Group gap={6} wrap="nowrap" pl={depth * 22}>
          {node.children.length > 0
            ? <ActionIcon size="sm" variant="subtle" color="gray" aria-label={`${open ? 'Hide' : 'Show'} what is in ${node.name}`} aria-expanded={open} onClick={() => setOpen(!open)}>{open ? <IconChevronDown size={16} /> : <IconChevronRight size={16} />}</ActionIcon>
            : <Box w={22} />}
          <Box miw={0}>
            <Text size="sm" fw={depth < 2 ? 650 : 500} className="ellipsis">{node.name}</Text>
            <Text size="xs" c="dimmed">{node.kind === 'org' ? 'Org' : node.kind === 'team' ? `Team, ${node.children.length} ${node.children.length === 1 ? 'key' : 'keys'}` : 'Key'}</Text>
          </Box>
        </Group>
        {editing ? <Box style={{ gridColumn: 'span 3' }}><EditLimits node={node} orgId={orgId} close={() => setEditing(false)} /></Box> : <>
          <Cell name="Day" of={node.daily} />
          <Cell name="Month" of={node.monthly} />
          <Group justify="flex-end">
            {may('change') && <Button size="compact-xs" variant="subtle" leftSection={<IconPencil size={13} />} onClick={() => setEditing(true)} aria-label={`Edit limits of ${node.name}`}>Limits</Button>}
          </Group>
        </>}
      </div>
      {children.length > 0 && <Collapse expanded={open || tight}>{children.map((c) => <Branch key={c.node} node={c} depth={depth + 1} orgId={orgId} tight={tight} />)}</Collapse>}
    </>
  );
}

function Cell({ name, of }: { name: string; of: Figures }) {
  return (
    <div>
      <Group justify="space-between" gap="xs" mb={3} wrap="nowrap">
        <Text size="sm" className="tabular"><Text span hiddenFrom="md" c="dimmed" size="xs">{name} </Text><Money of={of.spent} />{of.held > 0 && <Text span c="dimmed" size="xs"> + {usd(of.held)} held</Text>}</Text>
        <Text size="xs" c="dimmed" className="tabular">{of.limit === null ? 'unlimited' : <>of {usd(of.limit)} · {percent(taken(of))}</>}</Text>
      </Group>
      <LimitBar spent={of.spent} held={of.held} limit={of.limit} label={name} />
    </div>
  );
}
