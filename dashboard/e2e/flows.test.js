// What people do on the pages, and what each role may.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, afterEach, before, test } from 'node:test';
import { closeAll, findings, launch, open, rows, settled, signIn } from './browser.js';
import { operatorToken, seed, startGateway, until } from './gateway.js';
import { startRelay } from './relay.js';

let gateway;
let browser;
let seeded;
before(async () => {
  gateway = await startGateway();
  browser = await launch();
});
afterEach(closeAll);
after(async () => { await browser?.close(); await gateway?.stop(); });

const numbers = (text) => Number(text.replace(/[^0-9.]/g, ''));

test('an empty gateway greets with a key and a command, and becomes the overview with the first request', async () => {
  const window = await open(browser, gateway);
  const { page } = window;
  await page.getByRole('heading', { level: 1, name: 'Welcome' }).waitFor();
  assert.deepEqual(await findings(page), []);
  await page.getByRole('button', { name: 'Make a key' }).click();
  const key = (await page.getByLabel('The new key').innerText()).trim();
  assert.match(key, /^cm_sk_/);
  for (const name of ['curl', 'OpenAI, Python', 'OpenAI, JavaScript', 'Anthropic, Python', 'Gemini, Python']) {
    await page.getByRole('tab', { name, exact: true }).click();
    const code = await page.getByLabel(`${name} snippet`).innerText();
    assert.ok(code.includes(key) && code.includes(gateway.url), name);
  }
  await page.evaluate(() => { window.notReloaded = true; });
  assert.equal((await gateway.chat(key)).status, 200);
  await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
  assert.ok(await page.evaluate(() => window.notReloaded));
  await window.close();
});

test('a wrong token opens nothing; the cookie is out of reach of scripts; signing out ends the session', async () => {
  const window = await open(browser, gateway, { signedIn: false });
  const { page, context } = window;
  await page.locator('input[name=token]').fill('cm_at_wrong');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('alert').getByText('not valid').waitFor();
  assert.deepEqual(await findings(page), []);
  await signIn(page, operatorToken);
  const cookie = (await context.cookies()).find((c) => c.name === 'cm_session');
  assert.equal(cookie.httpOnly, true);
  assert.equal(cookie.sameSite, 'Strict');
  assert.equal(await page.evaluate(() => document.cookie), '');
  const without = await page.evaluate(async () => (await fetch('/api/v1/admin/orgs', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"name":"x"}' })).status);
  assert.equal(without, 403, 'a change without the header passes');
  await page.getByRole('button', { name: 'Your session' }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await page.getByRole('button', { name: 'Sign in' }).waitFor();
  assert.equal(await page.evaluate(async () => (await fetch('/api/v1/admin/orgs')).status), 401);
  await window.close();
});

test('the usage log filters, sorts and pages, and tells a request’s whole story', async () => {
  seeded = await seed(gateway);
  const all = await until('all records', async () => { const page = await gateway.admin('GET', '/api/v1/admin/gateway/usage?limit=1000&sort=cost_desc', undefined, 'org_default'); return page.data.length >= seeded.requests + 1 && page.data; });
  const window = await open(browser, gateway);
  const { page } = window;
  await window.go('/usage', 'Usage Log');
  assert.equal((await rows(page, 'Requests')).length, 50);
  await page.getByRole('button', { name: 'Next' }).click();
  await until('the second page', async () => (await rows(page, 'Requests')).length === all.length - 50);
  await page.getByRole('button', { name: 'Cost', exact: true }).click();
  await until('sorted by cost', async () => {
    const costs = (await rows(page, 'Requests')).map((r) => numbers(r[5]));
    return costs.length === 50 && costs.every((c, i) => i === 0 || c <= costs[i - 1] + 1e-12);
  });
  await page.getByLabel('Model').fill('gpt-4o');
  const expected = all.filter((e) => e.model === 'gpt-4o');
  await until('filtered by model', async () => { const shown = await rows(page, 'Requests'); return shown.length === expected.length && shown.every((r) => r[1].startsWith('gpt-4o')); });
  assert.match(page.url(), /model=gpt-4o/);
  await page.getByRole('region', { name: 'Requests', exact: true }).locator('tbody tr').first().click();
  const story = page.getByRole('dialog');
  for (const chapter of ['Quoted', 'Held', 'Forwarded', 'Settled', 'Together, rounded up once']) await story.getByText(chapter).first().waitFor();
  assert.ok((await story.innerText()).includes(expected[0].request_id));
  assert.ok((await story.innerText()).includes(expected[0].price_version));
  assert.match(await story.innerText(), new RegExp(expected[0].cost_usd.toFixed(9).replace(/0+$/, '').replace('.', '\\.')));
  await window.close();
});

test('the exported CSV is the filter’s records, all of them, to the nano-dollar', async () => {
  const window = await open(browser, gateway);
  const { page } = window;
  await window.go('/usage?model=gpt-4.1&range=24h', 'Usage Log');
  const coming = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Export CSV' }).click();
  const file = readFileSync(await (await coming).path(), 'utf8');
  const [head, ...lines] = file.trim().split(/\r?\n/);
  const names = head.split(',');
  const records = (await gateway.admin('GET', '/api/v1/admin/gateway/usage?limit=1000&model=gpt-4.1', undefined, 'org_default')).data;
  assert.ok(records.length > 5);
  const read = lines.map((line) => Object.fromEntries(line.match(/("([^"]|"")*"|[^,]*)(,|$)/g).map((c, i) => [names[i], c.replace(/,$/, '')])));
  const costs = (of, id, cost) => of.map((r) => `${r[id]} ${r[cost]}`).sort();
  assert.deepEqual(costs(read, 'request_id', 'cost_nano_usd'), costs(records, 'request_id', 'cost_nano_usd'));
  await page.getByRole('status').filter({ hasText: `${records.length} requests` }).waitFor();
  await window.close();
});

test('a bar of the breakdown leads to the requests behind it, and the table has the same figures', async () => {
  const window = await open(browser, gateway);
  const { page } = window;
  await window.go('/costs/breakdown?range=24h', 'Cost Breakdown');
  const late = (route) => new Promise((r) => setTimeout(r, 3000)).then(() => route.continue());
  await page.route('**/api/v1/admin/keys*', late);
  await page.goto(`${gateway.url}/dashboard/costs/breakdown?range=24h&by=key`);
  await until('keys by their names, which come after the figures', async () => (await rows(page, 'Top Keys')).some((r) => r[0] === 'research-agent'), 20);
  await page.unroute('**/api/v1/admin/keys*', late);
  await window.go('/costs/breakdown?range=24h', 'Cost Breakdown');
  const top = await rows(page, 'Top Models');
  const sums = (await gateway.admin('GET', `/api/v1/admin/gateway/costs/breakdown?by=model&from=${new Date(Date.now() - 864e5).toISOString()}`, undefined, 'org_default')).data;
  assert.deepEqual(top.map((r) => [r[0], numbers(r[4])]), sums.map((s) => [s.group.model, s.requests]));
  await page.locator('.recharts-bar path').first().waitFor();
  await page.locator('.recharts-bar').first().locator('path').last().click();
  await page.getByRole('heading', { level: 1, name: 'Usage Log' }).waitFor();
  await settled(page, 'Usage Log');
  const behind = await rows(page, 'Requests');
  assert.ok(behind.length > 0);
  const model = new URL(page.url()).searchParams.get('model');
  assert.ok(model && behind.every((r) => r[1].startsWith(model)), model);
  await page.goBack();
  await page.getByText('Table', { exact: true }).click();
  await page.getByRole('region', { name: 'Cost over time' }).waitFor();
  for (const by of ['Provider', 'Team', 'Key', 'Runner', 'Session']) {
    await page.getByText(by, { exact: true }).first().click();
    await page.getByRole('region', { name: `Top ${by}s` }).waitFor();
  }
  await page.getByText('Tag', { exact: true }).click();
  await page.getByLabel('Tag’s name').or(page.getByLabel("Tag's name")).fill('feature');
  await until('three features', async () => { const found = await rows(page, 'Top Tags').catch(() => []); return ['search', 'chat', 'triage'].every((f) => found.some((r) => r[0] === f)); });
  await page.getByRole('region', { name: 'Top Tags' }).getByRole('row', { name: 'Requests of search' }).click();
  await settled(page, 'Usage Log');
  await until('the requests of one feature', async () => (await rows(page, 'Requests')).length === 20);
  await window.close();
});

test('a limit is edited in place; a reset says what it means; a reconciliation shows before and after', async () => {
  const window = await open(browser, gateway);
  const { page } = window;
  await window.go('/costs/budgets', 'Budgets');
  await page.getByRole('button', { name: 'Edit limits of Support', exact: true }).click();
  await page.getByLabel('Dollars a day').fill('3.5');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByRole('group', { name: 'team Support', exact: true }).getByText('of $3.50').waitFor();
  assert.equal((await gateway.admin('GET', '/api/v1/admin/teams/support', undefined, 'org_default')).daily_budget, 3.5);
  const before = (await gateway.admin('GET', '/gateway/admin/budgets/org_default')).org.daily;
  await page.getByRole('button', { name: 'Reset today' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('The org can then spend').waitFor();
  assert.deepEqual(await findings(page), []);
  assert.ok(await dialog.getByRole('button', { name: 'Reset today' }).isDisabled(), 'a reset without a look at what it means');
  await dialog.getByRole('checkbox').check();
  await dialog.getByRole('button', { name: 'Reset today' }).click();
  await page.getByText('The day begins anew').waitFor();
  const after = (await gateway.admin('GET', '/gateway/admin/budgets/org_default')).org;
  assert.equal(after.daily.spent_nano_usd, 0);
  assert.equal(after.monthly.spent_nano_usd, before.spent_nano_usd);
  await page.getByRole('button', { name: 'Reconcile' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Reconcile' }).click();
  await page.getByRole('dialog').getByText('A reset of today is in force').waitFor();
  await page.getByRole('switch', { name: 'Show those that were right, too' }).check();
  assert.ok((await rows(page, 'Counters before and after')).length > 5);
  await window.close();
});

test('a policy is tried on last week’s requests before it is saved', async () => {
  const window = await open(browser, gateway);
  const { page } = window;
  await window.go('/policy', 'Policy');
  await page.getByLabel('Only these models').fill('gpt-4o\ngpt-4o-mini');
  await page.getByRole('button', { name: 'Try it on last week' }).click();
  const seen = page.getByRole('status').filter({ hasText: 'Would have denied' });
  await seen.waitFor();
  const [, denied, of] = (await seen.innerText()).match(/denied (\d+) of (\d+) requests/);
  const models = (await gateway.admin('GET', '/api/v1/admin/gateway/costs/breakdown?by=model', undefined, 'org_default')).data;
  assert.equal(Number(denied), models.filter((m) => !['gpt-4o', 'gpt-4o-mini'].includes(m.group.model)).reduce((sum, m) => sum + m.requests, 0));
  assert.equal(Number(of), models.reduce((sum, m) => sum + m.requests, 0));
  assert.equal((await gateway.admin('GET', '/api/v1/admin/gateway/policy/org_default')).model_allowlist ?? null, null);
  await page.getByLabel('Only these models').fill('');
  await page.getByLabel('A person decides from').fill('0.001');
  await page.getByRole('button', { name: 'Save the policy' }).click();
  await page.getByText('The policy is changed').waitFor();
  assert.equal((await gateway.admin('GET', '/api/v1/admin/gateway/policy/org_default')).hitl_threshold, 0.001);
  await window.close();
});

test('an approver decides what waits, and may nothing else', async () => {
  const { token } = await gateway.admin('POST', '/api/v1/admin/tokens', { name: 'approver', role: 'approver', org_id: 'org_default' });
  const key = seeded.keys['research-agent'].key;
  for (let i = 0; i < 2; i++) assert.equal((await gateway.chat(key, { model: 'gpt-4o', max: 900 + i })).status, 202);
  const window = await open(browser, gateway, { token });
  const { page } = window;
  await window.go('/approvals', 'Approvals');
  await page.getByRole('button', { name: 'Approve' }).first().click();
  await page.getByText('the caller may send it once').waitFor();
  await page.getByRole('button', { name: 'Reject' }).first().click();
  await page.getByLabel('Reason, for the caller').fill('too dear');
  await page.getByRole('dialog').getByRole('button', { name: 'Reject' }).click();
  await page.getByText('Nothing waits').waitFor();
  const states = (await gateway.admin('GET', '/gateway/admin/approvals', undefined, 'org_default')).data.map((a) => a.status).sort();
  assert.deepEqual(states, ['approved', 'rejected']);
  await window.go('/keys', 'Keys');
  assert.equal(await page.getByRole('button', { name: 'New key' }).count(), 0);
  await window.close();
  await gateway.admin('PATCH', '/api/v1/admin/gateway/policy/org_default', { hitl_threshold: null });
});

test('a viewer sees and changes nothing', async () => {
  const { token } = await gateway.admin('POST', '/api/v1/admin/tokens', { name: 'viewer', role: 'viewer', org_id: 'org_default' });
  const window = await open(browser, gateway, { token });
  const { page } = window;
  for (const [path, name] of Object.entries({ '/costs/budgets': 'Budgets', '/keys': 'Keys', '/teams': 'Teams', '/runners': 'Runners', '/policy': 'Policy', '/webhooks': 'Webhooks' })) {
    await window.go(path, name);
    assert.equal(await page.getByRole('alert').count(), 0, `${name} shows a fault`);
    assert.deepEqual(await page.getByRole('main').getByRole('button', { name: /New|Edit|Save|Reset|Reconcile|Stop|Session limit/ }).allInnerTexts(), [], name);
  }
  const menu = await page.getByRole('navigation', { name: 'Pages' }).innerText();
  for (const platform of ['Errors', 'Dead Letters', 'Orgs and Tiers']) assert.ok(!menu.includes(platform), platform);
  const tried = await page.evaluate(async () => (await fetch('/api/v1/admin/gateway/policy/org_default', { method: 'PATCH', headers: { 'X-CM-Dashboard': '1', 'Content-Type': 'application/json' }, body: '{"daily_budget":1000000}' })).status);
  assert.equal(tried, 403);
  await window.close();
});

test('who belongs to one org sees nothing of another, whatever the address says', async () => {
  await gateway.admin('POST', '/api/v1/admin/orgs', { org_id: 'org_other', name: 'Other', tier: 'growth' });
  const other = await gateway.admin('POST', '/api/v1/admin/keys', { org_id: 'org_other', name: 'others-own-key' });
  assert.equal((await gateway.chat(other.key)).status, 200);
  const { token } = await gateway.admin('POST', '/api/v1/admin/tokens', { name: 'admin', role: 'org_admin', org_id: 'org_other' });
  const window = await open(browser, gateway, { token });
  const { page } = window;
  await window.go('/keys?org=org_default', 'Keys');
  assert.deepEqual((await rows(page, 'Keys')).map((r) => r[0].split('\n')[0]), ['others-own-key']);
  assert.equal(await page.getByLabel('Org', { exact: true }).count(), 0);
  await window.go('/usage?org=org_default', 'Usage Log');
  assert.equal((await rows(page, 'Requests')).length, 1);
  const strange = (await gateway.admin('GET', '/api/v1/admin/gateway/usage?limit=1', undefined, 'org_default')).data[0].request_id;
  await page.goto(`${gateway.url}/dashboard/usage?request=${strange}`);
  await page.getByRole('dialog').getByRole('alert').waitFor();
  const asked = await page.evaluate(async () => Promise.all(['/api/v1/admin/keys', '/api/v1/admin/gateway/usage', '/gateway/admin/overview', '/gateway/admin/live'].map(async (p) => (await fetch(p, { headers: { 'X-Org-ID': 'org_default' } })).status)));
  assert.deepEqual(asked, [403, 403, 403, 403]);
  await window.close();
});

test('a key is made, shown once, rotated and disabled', async () => {
  const window = await open(browser, gateway);
  const { page } = window;
  await window.go('/keys', 'Keys');
  await page.getByRole('button', { name: 'New key' }).click();
  await page.getByLabel('Name', { exact: true }).fill('checkout');
  await page.getByLabel('Dollars a day').fill('2');
  await page.getByLabel('Only these models').fill('gpt-4o-mini');
  assert.deepEqual(await findings(page), []);
  await page.getByRole('button', { name: 'Make the key' }).click();
  const first = (await page.getByLabel('The secret', { exact: true }).innerText()).trim();
  assert.equal((await gateway.chat(first)).status, 200);
  assert.equal((await gateway.chat(first, { model: 'gpt-4o' })).status, 403);
  await page.getByRole('button', { name: 'I have it' }).click();
  await page.getByRole('button', { name: 'Actions for checkout' }).click();
  await page.getByRole('menuitem', { name: 'Rotate the secret' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Rotate' }).click();
  const second = (await page.getByLabel('The secret', { exact: true }).innerText()).trim();
  assert.notEqual(second, first);
  assert.equal((await gateway.chat(second)).status, 200);
  await page.getByRole('button', { name: 'I have it' }).click();
  await page.getByRole('button', { name: 'Actions for checkout' }).click();
  await page.getByRole('menuitem', { name: 'Disable at once' }).click();
  await page.getByRole('row', { name: /checkout/ }).getByText('disabled').waitFor();
  await until('refused', async () => (await gateway.chat(second)).status === 401);
  await window.close();
});

test('teams, orgs, runners and webhooks are made and changed', async () => {
  const window = await open(browser, gateway);
  const { page } = window;
  await window.go('/teams', 'Teams');
  await until('the keys of each team are counted', async () => (await rows(page, 'Teams')).some((r) => r[0].startsWith('Research') && r[1] === '2'), 20);
  await page.getByRole('button', { name: 'New team' }).click();
  await page.getByLabel('Name').fill('Growth');
  await page.getByLabel('Dollars a month').fill('40');
  await page.getByRole('button', { name: 'Make the team' }).click();
  await page.getByRole('row', { name: /Growth/ }).getByText('$40.00').waitFor();
  await window.go('/orgs', 'Orgs and Tiers');
  await page.getByRole('button', { name: 'New org' }).click();
  await page.getByLabel('Name').fill('Acme');
  await page.getByRole('button', { name: 'Make the org' }).click();
  await page.getByRole('row', { name: /Acme/ }).waitFor();
  await window.go('/runners', 'Runners');
  await page.getByRole('button', { name: 'New runner' }).click();
  await page.getByLabel('Name').fill('nightly');
  await page.getByLabel('Dollars over a session').fill('0.5');
  await page.getByRole('button', { name: 'Make the runner' }).click();
  assert.match(await page.getByLabel('The secret', { exact: true }).innerText(), /^cm_rt_/);
  await page.getByRole('button', { name: 'I have it' }).click();
  await page.getByRole('button', { name: 'Stop night-0' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Stop the session' }).click();
  await page.getByRole('row', { name: /night-0/ }).getByText('stopped').waitFor();
  await window.go('/webhooks', 'Webhooks');
  await page.getByRole('button', { name: 'New webhook' }).click();
  await page.getByLabel('Address').fill('https://example.invalid/hook');
  await page.getByLabel('Key disabled').check();
  assert.deepEqual(await findings(page), []);
  await page.getByRole('button', { name: 'Make the webhook' }).click();
  assert.match(await page.getByLabel('The secret', { exact: true }).innerText(), /^whsec_/);
  await page.getByRole('button', { name: 'I have it' }).click();
  await page.getByRole('button', { name: 'Actions for https://example.invalid/hook' }).click();
  await page.getByRole('menuitem', { name: 'Send a test' }).click();
  await page.getByText('The test was not taken').waitFor();
  await page.getByRole('button', { name: 'Deliveries to https://example.invalid/hook' }).click();
  await page.getByRole('dialog').getByText('webhook test').waitFor();
  await window.close();
});

test('a platform webhook is shown to platform admins, marked, and to no tenant', async () => {
  await gateway.admin('POST', '/api/v1/admin/webhooks', { url: 'https://ops.example.com/all', events: ['dlq_backlog'] });
  const operator = await open(browser, gateway);
  await operator.go('/webhooks', 'Webhooks');
  const row = operator.page.getByRole('row', { name: /ops\.example\.com/ });
  await row.getByText('Platform: every org’s events').waitFor();
  await operator.page.getByRole('button', { name: 'Actions for https://ops.example.com/all' }).click();
  await operator.page.getByRole('menuitem', { name: 'Disable' }).click();
  await row.getByText('disabled').waitFor();
  assert.deepEqual(await findings(operator.page), []);
  await operator.close();
  const { token } = await gateway.admin('POST', '/api/v1/admin/tokens', { name: 'owner', role: 'org_admin', org_id: 'org_default' });
  const tenant = await open(browser, gateway, { token });
  await tenant.go('/webhooks', 'Webhooks');
  await tenant.page.getByRole('button', { name: 'New webhook' }).waitFor();
  assert.ok(!(await rows(tenant.page, 'Webhooks')).some((r) => r[0].includes('ops.example.com')));
  await tenant.close();
});

test('a page that does not come, and orgs that nobody knows, are told and come back', async () => {
  const window = await open(browser, gateway, { provoked: /dynamically imported|Failed to load|error occurred|Boundary/i });
  const { page } = window;
  await window.go('/', 'Overview');
  await page.route(/assets\/Keys-.*\.js/, (route) => route.abort());
  await page.getByRole('link', { name: 'Keys' }).click();
  await page.getByRole('alert').getByText('This page could not be loaded').waitFor();
  await page.getByRole('link', { name: 'Teams' }).click();
  await page.getByRole('heading', { level: 1, name: 'Teams' }).waitFor();
  await page.getByRole('link', { name: 'Keys' }).click();
  await page.unroute(/assets\/Keys-.*\.js/);
  await page.getByRole('button', { name: 'Load it again' }).click();
  await page.getByRole('heading', { level: 1, name: 'Keys' }).waitFor();
  const away = { error: { message: 'The configuration store does not answer.', type: 'server_error', code: 'store_unavailable', gateway_error_code: 'GW_STORE_003' } };
  await page.route(/admin\/orgs/, (route) => route.fulfill({ status: 503, json: away }));
  await page.reload();
  await page.getByRole('alert').getByText('The configuration store does not answer.').waitFor();
  assert.equal(await page.getByText('There is no org yet').count(), 0);
  await page.unroute(/admin\/orgs/);
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByRole('heading', { level: 1, name: 'Keys' }).waitFor();
  await window.close();
});

test('a session that ended says so, and signing out does not', async () => {
  const { token, token_id } = await gateway.admin('POST', '/api/v1/admin/tokens', { name: 'short', role: 'viewer', org_id: 'org_default' });
  const window = await open(browser, gateway, { token });
  const { page } = window;
  await window.go('/teams', 'Teams');
  await gateway.admin('DELETE', `/api/v1/admin/tokens/${token_id}`);
  await page.getByRole('link', { name: 'Policy' }).click();
  await page.getByText('The session has ended').waitFor();
  assert.deepEqual(await findings(page), []);
  await signIn(page, operatorToken);
  await page.getByRole('button', { name: 'Your session' }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await page.getByRole('button', { name: 'Sign in' }).waitFor();
  assert.equal(await page.getByText('The session has ended').count(), 0);
  await window.close();
});

test('alerts are told in words, and lead to where something can be done', async () => {
  const window = await open(browser, gateway);
  const { page } = window;
  await window.go('/alerts', 'Alerts');
  const used = page.getByRole('listitem').filter({ hasText: 'key empty-purse' });
  await used.getByText('$0 spent of $0 for the day').waitFor();
  await used.getByRole('link', { name: 'Budgets' }).click();
  await page.getByRole('heading', { level: 1, name: 'Budgets' }).waitFor();
  await window.close();
});

test('the audit log has every change, verifies, and takes a change back', async () => {
  const window = await open(browser, gateway);
  const { page } = window;
  await gateway.admin('PATCH', '/api/v1/admin/gateway/policy/org_default', { max_cost_per_request: 0.4 });
  await window.go('/audit?action=policy.patch', 'Audit Log');
  await page.getByRole('button', { name: 'Verify the chain' }).click();
  await page.getByRole('status').filter({ hasText: 'entries fit' }).waitFor();
  await page.getByRole('region', { name: 'Audit entries' }).locator('tbody tr').first().click();
  await page.getByRole('dialog').getByText('max_cost_per_request').first().waitFor();
  assert.deepEqual(await findings(page), []);
  await page.getByRole('button', { name: 'Go back to what stood before' }).click();
  await page.getByRole('button', { name: 'Go back', exact: true }).click();
  await page.getByText('What stood before is back').waitFor();
  assert.equal((await gateway.admin('GET', '/api/v1/admin/gateway/policy/org_default')).overrides.max_cost_per_request ?? null, null);
  await window.close();
});

test('a request appears by itself', async () => {
  const window = await open(browser, gateway);
  const { page } = window;
  await window.go('/usage?key_id=' + seeded.keys['support-agent'].key_id, 'Usage Log');
  await page.getByRole('status', { name: /^Live/ }).waitFor();
  const before = (await rows(page, 'Requests')).length;
  await page.evaluate(() => { window.notReloaded = true; });
  assert.equal((await gateway.chat(seeded.keys['support-agent'].key)).status, 200);
  await until('a new row', async () => (await rows(page, 'Requests')).length === before + 1);
  assert.ok(await page.evaluate(() => window.notReloaded));
  await window.close();
});

test('a page that lost its gateway says so, comes back by itself, and has what it missed', async () => {
  const relay = await startRelay(Number(new URL(gateway.url).port));
  try {
    const window = await open(browser, { url: `http://127.0.0.1:${relay.port}` });
    const { page } = window;
    await window.go('/usage?key_id=' + seeded.keys['support-batch'].key_id, 'Usage Log');
    await page.getByRole('status', { name: /^Live/ }).waitFor();
    const before = (await rows(page, 'Requests')).length;
    await page.evaluate(() => { window.notReloaded = true; });
    relay.away = true;
    await page.getByRole('status', { name: 'Reconnecting' }).waitFor();
    assert.equal((await gateway.chat(seeded.keys['support-batch'].key)).status, 200);
    assert.equal((await rows(page, 'Requests')).length, before);
    relay.away = false;
    await page.getByRole('status', { name: /^Live/ }).waitFor();
    await until('what was missed', async () => (await rows(page, 'Requests')).length === before + 1, 10);
    assert.ok(await page.evaluate(() => window.notReloaded));
    await window.close();
  } finally { await relay.stop(); }
});
