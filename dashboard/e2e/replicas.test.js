// Two gateways on one Redis and one MongoDB: what happens at one appears on the other's page.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launch, open, rows } from './browser.js';
import { startGateway, until } from './gateway.js';

// The server of MONGODB_URL, else the one that a rig beside the repository starts.
function mongo() {
  if (process.env.MONGODB_URL) return process.env.MONGODB_URL;
  const start = fileURLToPath(new URL('../../../shared/mongo-rig/start.sh', import.meta.url));
  return existsSync(start) ? spawnSync(start, { encoding: 'utf8' }).stdout.match(/^MONGODB_URL=(.+)$/m)?.[1]?.trim() : undefined;
}

const freePort = () => new Promise((resolve) => { const server = createServer().listen(0, '127.0.0.1', () => { const { port } = server.address(); server.close(() => resolve(port)); }); });
const hasRedis = spawnSync('redis-server', ['--version']).status === 0;
const url = hasRedis ? mongo() : undefined;

test('live updates across two replicas', { skip: url ? false : hasRedis ? 'no MongoDB: set MONGODB_URL' : 'redis-server is not installed' }, async () => {
  const port = await freePort();
  const directory = mkdtempSync(join(tmpdir(), 'cm-redis-'));
  const redis = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'yes', '--dir', directory], { stdio: 'ignore' });
  const database = `dash_${process.pid}_${Date.now().toString(36)}`;
  const [address, options] = url.split('?');
  const env = { REDIS_URL: `redis://127.0.0.1:${port}`, MONGODB_URL: `${address.replace(/\/$/, '')}/${database}?${options ?? 'directConnection=true'}` };
  const gateways = [];
  let browser;
  try {
    // The first start makes the indexes, which a MongoDB that is busy with other tests may not do in time.
    const start = (tries) => startGateway(env).catch((fault) => { if (tries === 1) throw fault; return start(tries - 1); });
    gateways.push(await start(5));
    gateways.push(await start(5));
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
    redis.kill('SIGTERM');
    rmSync(directory, { recursive: true, force: true });
  }
});
