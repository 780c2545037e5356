// Records that the ledger refuses: set aside, seen in the browser, and replayed from there.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { closeAll, findings, launch, open, rows } from './browser.js';
import { until } from './gateway.js';
import { missing, newDatabase, startRedis, startReplica, startStoreRelay } from './stores.js';

const list = 'gateway:dlq:usage_records';

test('what the ledger refused is set aside, and is replayed from the browser once it takes it', { skip: missing }, async () => {
  const [redis, relay] = [await startRedis(), await startStoreRelay()];
  let gateway;
  let browser;
  try {
    gateway = await startReplica({ REDIS_URL: redis.url, MONGODB_URL: newDatabase(relay) });
    const key = (await gateway.admin('POST', '/api/v1/admin/keys', { org_id: 'org_default', name: 'refused' })).key;
    const recorded = async (id) => (await gateway.admin('GET', '/api/v1/admin/gateway/usage', undefined, 'org_default')).data.filter((entry) => entry.request_id === id).length;
    browser = await launch();
    const window = await open(browser, gateway, { provoked: /status of 503/ });
    const { page } = window;
    const replay = page.getByRole('main').getByRole('button', { name: 'Replay' });
    const dialog = page.getByRole('dialog');

    relay.refused = 'note=first';
    const first = await gateway.chat(key, { headers: { 'X-CM-Tags': 'note=first' } });
    assert.equal(first.status, 200);
    await until('set aside', () => redis.run('LLEN', list) === '1');
    await window.go('/dead-letters', 'Dead Letters');
    const [shown] = await rows(page, 'Dead letters');
    assert.ok(shown.some((cell) => cell.includes(first.id)), shown.join(' | '));
    assert.deepEqual(await findings(page), []);

    await replay.click();
    await dialog.getByRole('button', { name: 'Replay' }).click();
    await dialog.getByRole('alert').waitFor();
    assert.equal(await recorded(first.id), 0);
    await page.keyboard.press('Escape');
    assert.equal((await rows(page, 'Dead letters')).length, 1, 'a replay that failed took the record away');

    // The copy stands for what another gateway set aside before it died.
    redis.run('COPY', list, 'copy');
    relay.refused = null;
    await until('brought to the ledger by itself', () => redis.run('LLEN', list) === '0');
    await page.getByText('Nothing is set aside').waitFor();
    assert.equal(await recorded(first.id), 1);

    // While its own records are refused, a gateway leaves the list to people.
    relay.refused = 'note=second';
    const second = await gateway.chat(key, { headers: { 'X-CM-Tags': 'note=second' } });
    await until('the second is refused', async () => (await gateway.admin('GET', '/gateway/admin/overview', undefined, 'org_default')).stores.last_error);
    redis.run('COPY', 'copy', list);
    await window.go('/dead-letters', 'Dead Letters');
    await replay.click();
    await dialog.getByRole('button', { name: 'Replay' }).click();
    await page.getByText('1 record replayed').waitFor();
    await page.getByText('Nothing is set aside', { exact: true }).waitFor();
    assert.equal(await recorded(first.id), 1, 'a replay counted a record twice');

    relay.refused = null;
    await until('the second is in the ledger', async () => await recorded(second.id) === 1);
    await window.close();
  } finally {
    await closeAll();
    await browser?.close();
    await gateway?.stop();
    await relay.stop();
    redis.stop();
  }
});
