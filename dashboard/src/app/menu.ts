import {
  IconAlertTriangle, IconBell, IconBuilding, IconChartBar, IconCoin, IconGauge, IconHistory, IconInbox, IconKey, IconList, IconMailExclamation, IconPlug, IconRobot, IconShieldCheck,
  IconStack2, IconTag, IconUsers, IconWebhook, type IconProps,
} from '@tabler/icons-react';
import type { ComponentType } from 'react';
import type { Right } from './session';

export interface Item { path: string; title: string; icon: ComponentType<IconProps>; right?: Right }
export interface Group { title: string | null; items: (Item | { title: string; icon: ComponentType<IconProps>; items: Item[] })[] }

/** The menu; its titles are what the runbooks call the pages. */
export const menu: Group[] = [
  { title: null, items: [{ path: '/', title: 'Overview', icon: IconGauge }] },
  {
    title: 'Gateway',
    items: [
      {
        title: 'Cost Tracking',
        icon: IconCoin,
        items: [
          { path: '/costs/breakdown', title: 'Cost Breakdown', icon: IconChartBar },
          { path: '/costs/budgets', title: 'Budgets', icon: IconStack2 },
          { path: '/costs/prices', title: 'Prices', icon: IconTag },
        ],
      },
      { path: '/usage', title: 'Usage Log', icon: IconList },
      { path: '/approvals', title: 'Approvals', icon: IconInbox },
      { path: '/alerts', title: 'Alerts', icon: IconBell },
      { path: '/errors', title: 'Errors', icon: IconAlertTriangle, right: 'platform' },
    ],
  },
  {
    title: 'Access',
    items: [
      { path: '/keys', title: 'Keys', icon: IconKey },
      { path: '/teams', title: 'Teams', icon: IconUsers },
      { path: '/runners', title: 'Runners', icon: IconRobot },
      { path: '/policy', title: 'Policy', icon: IconShieldCheck },
    ],
  },
  {
    title: 'Operations',
    items: [
      { path: '/webhooks', title: 'Webhooks', icon: IconWebhook },
      { path: '/audit', title: 'Audit Log', icon: IconHistory },
      { path: '/dead-letters', title: 'Dead Letters', icon: IconMailExclamation, right: 'platform' },
      { path: '/orgs', title: 'Orgs and Tiers', icon: IconBuilding, right: 'platform' },
      { path: '/start', title: 'Connect', icon: IconPlug },
    ],
  },
];

/** "Gateway > Cost Tracking > Cost Breakdown" as its parts, of a path. */
export function trail(path: string): string[] {
  for (const group of menu) {
    for (const item of group.items) {
      const lead = group.title ? [group.title] : [];
      if ('items' in item) {
        const found = item.items.find((i) => i.path === path);
        if (found) return [...lead, item.title, found.title];
      } else if (item.path === path) return [...lead, item.title];
    }
  }
  return [];
}
