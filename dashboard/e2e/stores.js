// The shared stores of tests that need them: a Redis of their own, and a database of their own in the MongoDB that is there.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startGateway } from './gateway.js';
import { startRelay } from './relay.js';

// The server of MONGODB_URL, else the one that a rig beside the repository starts.
function mongo() {
  if (process.env.MONGODB_URL) return process.env.MONGODB_URL;
  const start = fileURLToPath(new URL('../../../shared/mongo-rig/start.sh', import.meta.url));
  return existsSync(start) ? spawnSync(start, { encoding: 'utf8' }).stdout.match(/^MONGODB_URL=(.+)$/m)?.[1]?.trim() : undefined;
}

const hasRedis = spawnSync('redis-server', ['--version']).status === 0;
const url = hasRedis ? mongo() : undefined;

/** Why tests of shared stores cannot run here; false when they can. */
export const missing = url ? false : hasRedis ? 'no MongoDB: set MONGODB_URL' : 'redis-server is not installed';

// Below the ports that the system hands out by itself: one of those can become an outgoing connection's own before the server has it.
const freePort = () => new Promise((resolve) => {
  const server = createServer();
  const attempt = () => server.listen(10_000 + Math.floor(Math.random() * 22_000), '127.0.0.1');
  server.on('error', attempt).on('listening', () => { const { port } = server.address(); server.close(() => resolve(port)); });
  attempt();
});

/** A Redis with an empty directory of its own. */
export async function startRedis() {
  const port = await freePort();
  const directory = mkdtempSync(join(tmpdir(), 'cm-redis-'));
  const server = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'yes', '--dir', directory], { stdio: 'ignore' });
  return {
    url: `redis://127.0.0.1:${port}`,
    run: (...words) => spawnSync('redis-cli', ['-p', String(port), ...words], { encoding: 'utf8' }).stdout.trim(),
    stop() {
      server.kill('SIGTERM');
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** The address of a database that nobody else uses, through a relay where one is given. */
export function newDatabase(relay) {
  const [address, options] = url.split('?');
  const at = relay ? `mongodb://127.0.0.1:${relay.port}` : address.replace(/\/$/, '');
  return `${at}/dash_${process.pid}_${Date.now().toString(36)}?${options ?? 'directConnection=true'}`;
}

/** Stands between a gateway and MongoDB. */
export const startStoreRelay = () => { const { hostname, port } = new URL(url.replace(/^mongodb:/, 'http:')); return startRelay(Number(port || 27017), hostname); };

/** A gateway on shared stores. The first start makes the indexes, which a MongoDB that is busy with other tests may not do in time. */
export const startReplica = (env, tries = 5) => startGateway(env).catch((fault) => { if (tries === 1) throw fault; return startReplica(env, tries - 1); });
