// Every page, in both themes, at a desk's and a phone's width.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { findings, launch, open, overflow, widest } from './browser.js';
import { seed, startGateway, until } from './gateway.js';

const pictures = process.env.CM_SCREENSHOTS ?? fileURLToPath(new URL('../../artifacts/screenshots/', import.meta.url));
const pages = {
  '/': 'Overview', '/costs/breakdown?range=24h': 'Cost Breakdown', '/costs/budgets': 'Budgets', '/costs/prices': 'Prices', '/usage': 'Usage Log', '/approvals': 'Approvals', '/alerts': 'Alerts', '/errors': 'Errors',
  '/keys': 'Keys', '/teams': 'Teams', '/runners': 'Runners', '/policy': 'Policy', '/webhooks': 'Webhooks', '/audit': 'Audit Log', '/dead-letters': 'Dead Letters', '/orgs': 'Orgs and Tiers', '/start': 'Connect',
};
// The documentation's pictures; CM_SCREENSHOTS=../docs/images writes them there.
const pictured = { light: { '/': 'overview', '/costs/breakdown?range=24h': 'cost-breakdown', '/usage': 'usage-log' }, dark: { '/': 'overview-dark', '/costs/budgets': 'budgets-dark' } };

let gateway;
let browser;
before(async () => {
  mkdirSync(pictures, { recursive: true });
  gateway = await startGateway();
  browser = await launch();
  const { keys } = await seed(gateway);
  await gateway.admin('PATCH', '/api/v1/admin/gateway/policy/org_default', { hitl_threshold: 0.002 });
  await gateway.chat(keys['research-agent'].key, { model: 'gpt-4o', max: 2000 });
  await until('an alert', async () => (await gateway.admin('GET', '/gateway/admin/alerts', undefined, 'org_default')).data.length > 0);
});
after(async () => { await browser?.close(); await gateway?.stop(); });

for (const theme of ['light', 'dark']) {
  describe(`${theme} theme`, () => {
    let window;
    before(async () => { window = await open(browser, gateway, { theme }); });
    after(async () => { await window.context.close(); });
    for (const [path, title] of Object.entries(pages)) {
      test(`${title} is whole, accessible and keeps to itself`, async () => {
        const { page } = window;
        await page.setViewportSize({ width: 1360, height: 860 });
        await window.go(path, title);
        if (['/', '/costs/breakdown?range=24h'].includes(path)) await page.locator('.recharts-bar path').first().waitFor();
        assert.equal(await page.getByRole('alert').count(), 0, 'a fault is shown');
        assert.equal(await page.title(), `${title} · CurateMe Gateway`);
        assert.deepEqual(await findings(page), []);
        if (pictured[theme][path]) await page.screenshot({ path: `${pictures}/${pictured[theme][path]}.png` });
        await page.setViewportSize({ width: 390, height: 844 });
        await until('as wide as a phone', async () => await overflow(page) <= 0, 10).catch(async () => assert.fail(`${await overflow(page)} px wider than a phone: ${await widest(page)}`));
        assert.deepEqual(await findings(page), []);
        if (path === '/' && theme === 'dark') await page.screenshot({ path: `${pictures}/overview-phone.png` });
        window.clean();
      });
    }
  });
}

test('the first load is smaller than 350 kB, and charts come when they are needed', async () => {
  const window = await open(browser, gateway, { signedIn: false });
  try {
    const session = await window.context.newCDPSession(window.page);
    await session.send('Network.enable');
    await session.send('Network.setCacheDisabled', { cacheDisabled: true });
    const sizes = new Map();
    session.on('Network.responseReceived', (e) => sizes.set(e.requestId, { url: e.response.url, bytes: 0 }));
    session.on('Network.loadingFinished', (e) => { const of = sizes.get(e.requestId); if (of) of.bytes = e.encodedDataLength; });
    await window.page.reload();
    await window.page.locator('input[name=token]').waitFor();
    const loaded = [...sizes.values()].filter((s) => s.url.includes('/dashboard/'));
    const total = loaded.reduce((sum, s) => sum + s.bytes, 0);
    console.log(`first load: ${(total / 1024).toFixed(0)} kB in ${loaded.length} answers`);
    assert.ok(total > 50_000 && total < 350 * 1024, `${total} bytes: ${loaded.map((s) => `${s.url.split('/').at(-1)} ${s.bytes}`).join(', ')}`);
    assert.ok(!loaded.some((s) => /Chart/.test(s.url)), 'a chart is loaded at sign-in');
    window.clean();
  } finally { await window.context.close(); }
});

test('the menu names the pages as the runbooks do, and works by keyboard', async () => {
  const window = await open(browser, gateway);
  const { page } = window;
  await window.go('/', 'Overview');
  const menu = page.getByRole('navigation', { name: 'Pages' });
  await menu.getByRole('link', { name: 'Cost Breakdown' }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'Cost Breakdown' }).waitFor();
  assert.equal(await page.getByLabel('Where this is').innerText(), 'Gateway › Cost Tracking');
  assert.equal(await menu.getByRole('link', { name: 'Cost Breakdown' }).getAttribute('aria-current'), 'page');
  await page.reload();
  await page.getByRole('heading', { level: 1, name: 'Cost Breakdown' }).waitFor();
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Skip to the page');
  await menu.getByRole('link', { name: 'Usage Log' }).click();
  const region = page.getByRole('region', { name: 'Requests', exact: true });
  await region.locator('tbody tr').first().focus();
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').getByText('Settled').first().waitFor();
  assert.deepEqual(await findings(page), []);
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
  await window.close();
});

test('the theme is chosen by hand and stays chosen', async () => {
  const window = await open(browser, gateway, { theme: 'light' });
  const { page } = window;
  await page.getByRole('button', { name: 'Use the dark theme' }).click();
  assert.equal(await page.locator('html').getAttribute('data-mantine-color-scheme'), 'dark');
  await page.reload();
  await page.getByRole('button', { name: 'Use the light theme' }).waitFor();
  assert.equal(await page.locator('html').getAttribute('data-mantine-color-scheme'), 'dark');
  await window.close();
});
