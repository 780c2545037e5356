// What several people do at once, what fails, and lists that are longer than a page.
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { closeAll, findings, launch, open, rows } from './browser.js';
import { startGateway, until } from './gateway.js';

const org = 'org_default';
const away = { error: { message: 'The ledger does not answer.', type: 'server_error', code: 'store_unavailable', gateway_error_code: 'GW_STORE_003' } };
const provoked = /status of 503/;
let gateway;
let browser;
before(async () => {
  gateway = await startGateway();
  browser = await launch();
});
afterEach(closeAll);
after(async () => { await browser?.close(); await gateway?.stop(); });

test('a key’s form sends what was touched: a limit that somebody else set meanwhile stays, and so does a list that allows nothing', async () => {
  const { key_id } = await gateway.admin('POST', '/api/v1/admin/keys', { org_id: org, name: 'shared', daily_budget: 50, model_allowlist: [], ip_allowlist: [] });
  const window = await open(browser, gateway);
  const { page } = window;
  await window.go('/keys?key=shared', 'Keys');
  await page.getByRole('button', { name: 'Actions for shared' }).click();
  await page.getByRole('menuitem', { name: 'Edit' }).click();
  assert.equal(await page.getByLabel('Only these models').inputValue(), '(none)');
  await gateway.admin('PATCH', `/api/v1/admin/keys/${key_id}`, { daily_budget: 1 }, org);
  await page.getByLabel('Name', { exact: true }).fill('shared-renamed');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  const key = await gateway.admin('GET', `/api/v1/admin/keys/${key_id}`, undefined, org);
  assert.deepEqual([key.name, key.daily_budget, key.model_allowlist, key.ip_allowlist], ['shared-renamed', 1, [], []]);
  await window.close();
});

test('the forms of teams, orgs and limits keep what somebody else changed meanwhile', async () => {
  await gateway.admin('POST', '/api/v1/admin/orgs', { org_id: 'org_meanwhile', name: 'Meanwhile' });
  await gateway.admin('POST', '/api/v1/admin/teams', { org_id: org, team_id: 'both', name: 'Both', daily_budget: 50, monthly_budget: 500 });
  const window = await open(browser, gateway);
  const { page } = window;
  await window.go('/orgs', 'Orgs and Tiers');
  await page.getByRole('button', { name: 'Edit Meanwhile' }).click();
  await gateway.admin('PATCH', '/api/v1/admin/orgs/org_meanwhile', { suspended: true });
  await page.getByLabel('Name').fill('Renamed');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  const renamed = await gateway.admin('GET', '/api/v1/admin/orgs/org_meanwhile');
  assert.deepEqual([renamed.name, renamed.suspended], ['Renamed', true]);

  await window.go('/teams', 'Teams');
  await page.getByRole('button', { name: 'Edit Both' }).click();
  await gateway.admin('PATCH', '/api/v1/admin/teams/both', { daily_budget: 2 }, org);
  await page.getByLabel('Dollars a month').fill('400');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  const team = () => gateway.admin('GET', '/api/v1/admin/teams/both', undefined, org);
  assert.deepEqual([(await team()).daily_budget, (await team()).monthly_budget], [2, 400]);

  await window.go('/costs/budgets', 'Budgets');
  await page.getByRole('button', { name: 'Edit limits of Both', exact: true }).click();
  await gateway.admin('PATCH', '/api/v1/admin/teams/both', { daily_budget: 1 }, org);
  // The tree is asked for again while the form is open.
  await page.waitForResponse((r) => r.url().endsWith('/gateway/admin/budgets/org_default') && r.request().method() === 'GET');
  await page.getByLabel('Dollars a month').fill('300');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByRole('group', { name: 'team Both', exact: true }).getByText('of $300.00').waitFor();
  assert.deepEqual([(await team()).daily_budget, (await team()).monthly_budget], [1, 300]);
  await window.close();
});

test('who could not be signed out is told so', async () => {
  const window = await open(browser, gateway, { provoked });
  const { page } = window;
  await page.route(/dashboard\/session/, (route) => (route.request().method() === 'DELETE' ? route.fulfill({ status: 503, json: away }) : route.continue()));
  await page.getByRole('button', { name: 'Your session' }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await page.getByText('You are still signed in').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Sign in' }).count(), 0);
  await page.unroute(/dashboard\/session/);
  await page.getByRole('button', { name: 'Your session' }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await page.getByRole('button', { name: 'Sign in' }).waitFor();
  await window.close();
});

test('figures that could not be renewed say of when they are', async () => {
  const window = await open(browser, gateway, { provoked });
  const { page } = window;
  await window.go('/approvals', 'Approvals');
  await page.getByText('Nothing waits').waitFor();
  await page.route(/admin\/approvals/, (route) => route.fulfill({ status: 503, json: away }));
  await page.getByRole('status').getByText('The ledger does not answer.').waitFor();
  await page.getByText(/^As of \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/).waitFor();
  assert.deepEqual(await findings(page), []);
  await page.getByText('Nothing waits').waitFor();
  await page.unroute(/admin\/approvals/);
  await page.getByText(/^As of/).waitFor({ state: 'detached' });
  await window.close();
});

test('the overview names a reset of the day', async () => {
  const { key } = await gateway.admin('POST', '/api/v1/admin/keys', { org_id: org, name: 'spender' });
  assert.equal((await gateway.chat(key)).status, 200);
  await until('the ledger has it', async () => (await gateway.admin('GET', '/gateway/admin/overview', undefined, org)).drift.ledger > 0);
  await gateway.admin('POST', '/gateway/admin/costs/reset-daily', { org_id: org });
  const window = await open(browser, gateway);
  await window.go('/', 'Overview');
  await window.page.getByText(/^0 %: counters \$0 and \$[0-9.]+ taken off by a reset, ledger \$[0-9.]+$/).waitFor();
  await window.page.getByRole('region', { name: 'Today' }).getByText(/^\$[0-9.]+ reset$/).waitFor();
  assert.deepEqual(await findings(window.page), []);
  await window.close();
});

test('a platform webhook is made by a platform admin, and offered to no tenant', async () => {
  const operator = await open(browser, gateway);
  const { page } = operator;
  await operator.go('/webhooks', 'Webhooks');
  await page.getByRole('button', { name: 'New webhook' }).click();
  await page.getByRole('combobox', { name: 'Whose' }).click();
  await page.getByRole('option', { name: 'The platform: every org’s events' }).click();
  await page.getByLabel('Address').fill('https://ops.example.com/platform');
  assert.deepEqual(await findings(page), []);
  await page.getByRole('button', { name: 'Make the webhook' }).click();
  await page.getByLabel('The secret', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'I have it' }).click();
  await page.getByRole('row', { name: /ops\.example\.com/ }).getByText('Platform: every org’s events').waitFor();
  const { data } = await gateway.admin('GET', '/api/v1/admin/webhooks?platform=true');
  assert.deepEqual(data.map((h) => [h.url, h.org_id ?? null]), [['https://ops.example.com/platform', null]]);
  await operator.close();
  const { token } = await gateway.admin('POST', '/api/v1/admin/tokens', { name: 'owner', role: 'org_admin', org_id: org });
  const tenant = await open(browser, gateway, { token });
  await tenant.go('/webhooks', 'Webhooks');
  await tenant.page.getByRole('button', { name: 'New webhook' }).click();
  await tenant.page.getByLabel('Address').waitFor();
  assert.equal(await tenant.page.getByText('Whose').count(), 0);
  await tenant.close();
});

test('the keys of an org that has more than a page of them can all be found and disabled', async () => {
  await gateway.admin('POST', '/api/v1/admin/orgs', { org_id: 'org_many', name: 'Many' });
  const ids = [];
  for (let made = 0; made < 1010; made += 10) {
    ids.push(...await Promise.all(Array.from({ length: 10 }, async (_, i) => (await gateway.admin('POST', '/api/v1/admin/keys', { org_id: 'org_many', name: `key ${made + i}` })).key_id)));
  }
  const last = ids.sort().at(-1);
  const window = await open(browser, gateway);
  const { page } = window;
  await window.go('/keys?org=org_many', 'Keys');
  await page.getByText('500 of 1,010').waitFor();
  assert.equal((await rows(page, 'Keys')).length, 500);
  await page.getByRole('button', { name: 'Show more' }).click();
  await until('more rows', async () => (await rows(page, 'Keys')).length === 1000);
  await page.getByLabel('Find a key').fill(last);
  await until('the last one alone', async () => (await rows(page, 'Keys')).length === 1);
  await page.getByRole('button', { name: /^Actions for/ }).click();
  await page.getByRole('menuitem', { name: 'Disable at once' }).click();
  await until('disabled', async () => (await gateway.admin('GET', `/api/v1/admin/keys/${last}`, undefined, 'org_many')).status === 'disabled');
  await window.close();
});
