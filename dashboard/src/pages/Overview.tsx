import { SimpleGrid } from '@mantine/core';
import { ask } from '../api/client';
import { useOrg } from '../app/session';
import { usd } from '../money';
import { LimitBar, Money, Tile } from '../parts/figures';
import { Answer, Page } from '../parts/Page';

export default function Overview() {
  const { header } = useOrg();
  const daily = ask.useQuery('get', '/api/v1/admin/gateway/costs/daily', { params: { header } }, { refetchInterval: 15_000 });
  return (
    <Page>
      <Answer of={daily}>
        {(costs) => (
          <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm">
            <Tile label="Spent today" note={<><LimitBar spent={costs.daily_spend} held={costs.daily_held ?? 0} limit={costs.daily_budget} label="Today" />{usd(costs.daily_held ?? 0)} held</>}><Money of={costs.daily_spend} /></Tile>
            <Tile label="Spent this month" note={<LimitBar spent={costs.monthly_spend} held={costs.monthly_held ?? 0} limit={costs.monthly_budget} label="This month" />}><Money of={costs.monthly_spend} /></Tile>
          </SimpleGrid>
        )}
      </Answer>
    </Page>
  );
}
