// Two gateways on one Redis and one MongoDB: what happens at one appears on the other's page.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { launch, open, rows } from './browser.js';
import { until } from './gateway.js';
import { missing, newDatabase, startRedis, startReplica } from './stores.js';

test('live updates across two replicas', { skip: missing }, async () => {
  const redis = await startRedis();
  const env = { REDIS_URL: redis.url, MONGODB_URL: newDatabase() };
  const gateways = [];
  let browser;
  try {
    gateways.push(await startReplica(env));
    gateways.push(await startReplica(env));
    const [here, there] = gateways;
    const key = (await here.admin('POST', '/api/v1/admin/keys', { org_id: 'org_default', name: 'both' })).key;
    assert.equal((await there.chat(key)).status, 200);
    browser = await launch();
    const overview = await open(browser, here);
    const log = await open(browser, here);
    await overview.go('/', 'Overview');
    await log.go('/usage', 'Usage Log');
    for (const { page } of [overview, log]) await page.getByRole('status', { name: /^Live/ }).waitFor();
    const spent = () => overview.page.getByTestId('spent-day').innerText();
    const before = await spent();
    const count = (await rows(log.page, 'Requests')).length;
    for (const { page } of [overview, log]) await page.evaluate(() => { window.notReloaded = true; });
    assert.equal((await there.chat(key, { model: 'gpt-4o', max: 900, text: 'and now? '.repeat(300) })).status, 200);
    await until('spend of the other replica', async () => await spent() !== before);
    await until('the other replica’s request', async () => (await rows(log.page, 'Requests')).length === count + 1);
    for (const { page } of [overview, log]) assert.ok(await page.evaluate(() => window.notReloaded));
    await overview.close();
    await log.close();
  } finally {
    await browser?.close();
    for (const gateway of gateways) await gateway.stop();
    redis.stop();
  }
});
