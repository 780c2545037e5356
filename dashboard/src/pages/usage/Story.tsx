import { Drawer, Group, Stack, Text, Timeline, Title } from '@mantine/core';
import { IconArrowRight, IconCalculator, IconCheck, IconLock } from '@tabler/icons-react';
import { Link } from 'wouter';
import { ask, type Schemas } from '../../api/client';
import { useNames } from '../../api/names';
import { useOrg } from '../../app/session';
import { exactUsd, fromNano, usd } from '../../money';
import { count, milliseconds } from '../../numbers';
import { Id, LimitBar, Money, State } from '../../parts/figures';
import { Answer } from '../../parts/Page';
import { stamp } from '../../time';

const sources: Record<string, string> = {
  provider: 'the provider said what it billed',
  estimated: 'the provider did not say; the gateway counted what passed',
  presumed: 'nobody could say; the whole hold was charged',
};

const ends: Record<string, string> = { settled: 'Settled', voided: 'Given back', expired: 'Expired' };

const Clock = ({ at }: { at: string | null | undefined }) => (at ? <Text span size="xs" c="dimmed" fw={400} className="tabular">{new Date(at).toISOString().slice(11, 23)}</Text> : null);

/** One request from quote to settlement. What was asked and answered is not kept, so it is not here. */
export function Story({ requestId, close }: { requestId: string | undefined; close: () => void }) {
  return (
    <Drawer opened={requestId !== undefined} onClose={close} position="right" size="lg" title={<Text fw={650} component="span">One request's story</Text>}>
      {requestId && <Told requestId={requestId} />}
    </Drawer>
  );
}

function Told({ requestId }: { requestId: string }) {
  const { header } = useOrg();
  const story = ask.useQuery('get', '/api/v1/admin/gateway/usage/{request}', { params: { header, path: { request: requestId } } });
  return <Answer of={story}>{(entry) => <Chapters entry={entry} />}</Answer>;
}

function Chapters({ entry }: { entry: Schemas['UsageEntry'] }) {
  const names = useNames();
  const held = fromNano(entry.hold_nano_usd);
  const story = entry.story ?? null;
  const named = (node: string) => (node.startsWith('key:') ? `key ${names.key(node.slice(4))}` : node.startsWith('team:') ? `team ${names.team(node.slice(5))}` : node === 'org' ? 'the org' : node.replace(':', ' '));
  return (
    <Stack gap="lg">
      <Group justify="space-between" align="flex-start">
        <div>
          <Text fw={650} size="lg">{entry.model} <Text span c="dimmed" size="sm">{entry.provider}</Text></Text>
          <Id of={entry.request_id} />
        </div>
        <Stack gap={2} align="flex-end">
          <Text fz={24} fw={650} className="tabular" lh={1.2}><Money of={entry.cost_usd} /></Text>
          <Group gap={4}><State of={entry.status} />{entry.overage && <State of="overage" />}</Group>
        </Stack>
      </Group>
      <Timeline active={4} bulletSize={24} lineWidth={2}>
        <Timeline.Item bullet={<IconCalculator size={14} />} title="Quoted">
          <Text size="sm">At worst {usd(held)}, by prices <span className="mono">{entry.price_version}</span>{story && !story.prices_in_force && ' (not those in force now)'}, service tier {entry.service_tier}.</Text>
          {entry.requested_model !== entry.model && <Text size="sm">Asked for {entry.requested_model}.</Text>}
        </Timeline.Item>
        <Timeline.Item bullet={<IconLock size={14} />} title={<>Held <Clock at={story?.hold.at} /></>}>
          <Text size="sm">{usd(held)} set aside {story ? <>at {story.hold.nodes.map(named).join(', ')}, in {story.hold.day} and {story.hold.month}</> : `at the key ${names.key(entry.key_id)}`}.</Text>
        </Timeline.Item>
        <Timeline.Item bullet={<IconArrowRight size={14} />} title={<>Forwarded <Clock at={story?.first_byte_at} /></>}>
          <Text size="sm">{entry.endpoint}{entry.stream ? ', streamed' : ''}: status {entry.status_code || 'unknown'} in {milliseconds(entry.latency_ms)}{entry.stream && entry.ttft_ms ? `, first piece after ${milliseconds(entry.ttft_ms)}` : ''}.</Text>
        </Timeline.Item>
        <Timeline.Item bullet={<IconCheck size={14} />} title={<>{ends[story?.end.how ?? 'settled'] ?? story?.end.how} <Clock at={story?.end.at} /></>}>
          <Text size="sm" mb={6}>
            {usd(story?.end.charged ?? entry.cost_usd)} charged, {usd(story?.end.released ?? Math.max(0, held - entry.cost_usd))} given back{story && story.end.overage > 0 ? `, ${usd(story.end.overage)} more than was held` : ''}; {sources[entry.usage_source] ?? entry.usage_source}.
          </Text>
          <LimitBar spent={entry.cost_usd} held={0} limit={held} label="Of the hold" />
        </Timeline.Item>
      </Timeline>
      <div>
        <Title order={2} mb={6}>What was billed</Title>
        {story && story.lines.length > 0 ? (
          <div className="scroll" tabIndex={0} role="region" aria-label="What was billed">
            <table className="diff"><thead><tr><th scope="col">Unit</th><th scope="col" className="num">Count</th><th scope="col" className="num">Per million</th><th scope="col" className="num">Cost</th></tr></thead>
              <tbody>
                {story.lines.map((l) => <tr key={l.unit}><td>{l.unit.replaceAll('_', ' ')}</td><td className="num">{count(l.count)}</td><td className="num">{usd(l.pico_usd / 1e6)}</td><td className="num">{exactUsd(Number(l.cost_pico_usd) / 1e12)}</td></tr>)}
                <tr><td>Together, rounded up once</td><td /><td /><td className="num"><b>{exactUsd(story.lines_total)}</b></td></tr>
              </tbody></table>
            {!story.lines_match && <Text size="xs" c="dimmed" mt={4}>Not what was charged, {exactUsd(entry.cost_usd)}: prices have changed since, the whole hold was charged, or a picture's size set its price.</Text>}
          </div>
        ) : <Text size="sm" c="dimmed">{Object.entries(entry.units).map(([unit, n]) => `${count(n)} ${unit.replaceAll('_', ' ')}`).join(', ') || 'Nothing.'}</Text>}
      </div>
      <div>
        <Title order={2} mb={6}>Facts</Title>
        <dl className="facts">
          <dt>Ended</dt><dd>{stamp(entry.ts)} UTC, in the budgets of {entry.period_day} and {entry.period_month}</dd>
          <dt>Key</dt><dd><Link className="link" href={`/keys?key=${entry.key_id}`}>{names.key(entry.key_id)}</Link></dd>
          {entry.team_id && <><dt>Team</dt><dd>{names.team(entry.team_id)}</dd></>}
          {entry.runner_id && <><dt>Runner</dt><dd>{entry.runner_id}</dd></>}
          {entry.session_id && <><dt>Session</dt><dd><Link className="link" href={`/usage?session_id=${encodeURIComponent(entry.session_id)}${entry.runner_id ? `&runner_id=${encodeURIComponent(entry.runner_id)}` : ''}`}>{entry.session_id}</Link></dd></>}
          {entry.client_ip && <><dt>From</dt><dd>{entry.client_ip}</dd></>}
          <dt>Prompt hash</dt><dd><span className="mono">{entry.prompt_hash}</span> (equal requests of an org have equal hashes)</dd>
          {Object.entries(entry.tags).map(([name, value]) => <div key={name} style={{ display: 'contents' }}><dt>{name}</dt><dd>{value}</dd></div>)}
        </dl>
      </div>
    </Stack>
  );
}
