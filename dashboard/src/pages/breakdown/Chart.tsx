import '@mantine/charts/styles.css';
import { BarChart } from '@mantine/charts';
import { Paper, Text } from '@mantine/core';
import { rest, series as colours } from '../../app/theme';
import { shortUsd, usd } from '../../money';
import { bucketLabel, bucketSpan, stamp } from '../../time';
import type { Stack } from './stack';

interface Props { stack: Stack; bucket: 'hour' | 'day'; label: (value: string | null) => string; open: (bucket: string, seriesId: string | null) => void }

/** Stacked bars of cost over time. Their figures are in the table beside it, for who cannot see or point. */
export default function Chart({ stack, bucket, label, open }: Props) {
  const series = stack.series.map((s, i) => ({ name: s.id, label: s.isRest ? 'All others' : label(s.value), color: s.isRest ? rest : colours[i % colours.length]! }));
  return (
    <BarChart h={300} data={stack.bars} dataKey="bucket" type="stacked" series={series} withLegend={series.length > 1} legendProps={{ verticalAlign: 'bottom' }} tickLine="none" gridAxis="x"
      valueFormatter={shortUsd} yAxisProps={{ width: 62 }} xAxisProps={{ tickFormatter: (name: string) => bucketLabel(name, bucket), minTickGap: 24 }} maxBarWidth={46}
      barProps={(s) => ({ cursor: 'pointer', isAnimationActive: false, onClick: (bar: { payload?: { bucket?: string } }) => bar.payload?.bucket && open(bar.payload.bucket, s.name) })}
      tooltipProps={{
        content: ({ payload, label: name }) => {
          const parts = (payload ?? []).filter((p) => Number(p.value) > 0).reverse();
          return (
            <Paper shadow="md" withBorder p="sm" radius="md">
              <Text size="xs" c="dimmed" mb={4}>{name === undefined ? '' : stamp(bucketSpan(String(name), bucket).from).slice(0, bucket === 'day' ? 10 : 16)} UTC</Text>
              {parts.map((p) => (
                <Text key={String(p.dataKey)} size="sm" className="tabular" component="div" style={{ display: 'flex', justifyContent: 'space-between', gap: 18 }}>
                  <span><span style={{ display: 'inline-block', width: 9, height: 9, borderRadius: 3, background: p.color, marginRight: 6 }} />{series.find((s) => s.name === p.dataKey)?.label}</span><span>{usd(Number(p.value))}</span>
                </Text>
              ))}
              <Text size="sm" fw={600} className="tabular" component="div" mt={4} style={{ display: 'flex', justifyContent: 'space-between' }}><span>Together</span><span>{usd(parts.reduce((sum, p) => sum + Number(p.value), 0))}</span></Text>
            </Paper>
          );
        },
      }} />
  );
}
