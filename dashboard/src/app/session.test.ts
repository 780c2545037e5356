import { expect, test, vi } from 'vitest';

vi.mock('../api/client', () => ({ api: {}, sessionKey: ['session'] }));
const { may } = await import('./session');

test('a role may what those below it may, and no more', () => {
  const rights = ['read', 'approve', 'change', 'platform'] as const;
  const granted = (['viewer', 'approver', 'org_admin', 'platform_admin'] as const).map((role) => rights.filter((right) => may(role, right)).length);
  expect(granted).toEqual([1, 2, 3, 4]);
});
