import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const exe = process.env.GATEWAY ?? fileURLToPath(new URL('../../artifacts/bin/CurateMe.Gateway/release/CurateMe.Gateway', import.meta.url));
export const operatorToken = 'dashboard-test-operator-token';

/** Starts a gateway in front of the built-in simulator, with an empty directory of its own. */
export async function startGateway(env = {}) {
  const data = mkdtempSync(join(tmpdir(), 'cm-dashboard-'));
  // Stores that the environment names are for the tests that ask for them.
  const { REDIS_URL, MONGODB_URL, ...own } = process.env;
  const child = spawn(exe, ['--demo', '--urls', 'http://127.0.0.1:0'], { env: { ...own, CM_DATA_DIR: data, ADMIN_TOKEN: operatorToken, ...env }, stdio: ['ignore', 'pipe', 'inherit'] });
  let banner = '';
  const url = await new Promise((resolve, reject) => {
    const limit = setTimeout(() => reject(new Error(`no banner within two minutes:\n${banner}`)), 120_000);
    child.on('exit', (code) => reject(new Error(`the gateway ended with ${code}:\n${banner}`)));
    child.stdout.on('data', (text) => {
      banner += text;
      const address = banner.match(/listening\s+(http:\/\/127\.0\.0\.1:\d+)/);
      if (address && banner.includes('Try it')) { clearTimeout(limit); resolve(address[1]); }
    });
  });
  const gateway = {
    url,
    key: banner.match(/cm_sk_[A-Za-z0-9_-]+/)?.[0],
    /** Asks the admin API as the operator. */
    async admin(method, path, body, org) {
      const answer = await fetch(url + path, {
        method,
        headers: { Authorization: `Bearer ${operatorToken}`, ...(org ? { 'X-Org-ID': org } : {}), ...(body ? { 'Content-Type': 'application/json' } : {}) },
        body: body ? JSON.stringify(body) : undefined,
      });
      const text = await answer.text();
      if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
      return text.startsWith('{') ? JSON.parse(text) : text;
    },
    /** Sends one chat request; gives its status. */
    async chat(key, { model = 'gpt-4o-mini', text = 'ping', max = 50, headers = {} } = {}) {
      const answer = await fetch(`${url}/v1/openai/chat/completions`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json', ...headers },
        body: JSON.stringify({ model, messages: [{ role: 'user', content: text }], max_tokens: max }),
      });
      const body = await answer.json();
      return { status: answer.status, id: answer.headers.get('x-cm-request-id'), body };
    },
    async stop() {
      child.removeAllListeners('exit');
      const gone = new Promise((resolve) => child.on('exit', resolve));
      child.kill('SIGTERM');
      await gone;
      rmSync(data, { recursive: true, force: true });
    },
  };
  return gateway;
}

/** Asks again until it is so. */
export async function until(what, check, seconds = 60) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await check();
    if (found) return found;
    if (Date.now() > end) throw new Error(`${what}: not within ${seconds} s`);
    await new Promise((r) => setTimeout(r, 100));
  }
}

/** Traffic that every page has something of: teams, keys, runners, tags, denials, an approval, a webhook, an error. */
export async function seed(gateway, org = 'org_default') {
  const keys = {};
  for (const [team, daily] of [['research', 0.08], ['support', 0.09]]) {
    await gateway.admin('POST', '/api/v1/admin/teams', { org_id: org, team_id: team, name: team === 'research' ? 'Research' : 'Support', daily_budget: daily });
    for (const use of ['agent', 'batch']) {
      const made = await gateway.admin('POST', '/api/v1/admin/keys', { org_id: org, team_id: team, name: `${team}-${use}`, daily_budget: daily * 0.75 });
      keys[`${team}-${use}`] = made;
    }
  }
  await gateway.admin('PATCH', `/api/v1/admin/gateway/policy/${org}`, { daily_budget: 0.2, monthly_budget: 2 });
  const models = ['gpt-4o-mini', 'gpt-4o', 'gpt-4.1', 'gpt-4.1-mini'];
  const all = Object.values(keys);
  for (let i = 0; i < 60; i++) {
    const headers = { 'X-CM-Tags': `feature=${['search', 'chat', 'triage'][i % 3]}`, ...(i % 4 === 0 ? { 'X-CM-Runner-ID': 'crawler', 'X-CM-Session-ID': `night-${i % 3}` } : {}) };
    const { status, body } = await gateway.chat(all[i % all.length].key, { model: models[i % models.length], text: 'how much is left? '.repeat(10 + (i * 37) % 200), max: 100 + (i * 53) % 900, headers });
    if (status !== 200) throw new Error(`seed: ${status} ${JSON.stringify(body)}`);
  }
  const poor = await gateway.admin('POST', '/api/v1/admin/keys', { org_id: org, name: 'empty-purse', daily_budget: 0 });
  for (let i = 0; i < 3; i++) await gateway.chat(poor.key);
  await gateway.chat(all[0].key, { model: 'no-such-model' });
  await gateway.admin('POST', '/api/v1/admin/webhooks', { org_id: org, url: 'https://hooks.example.com/curateme', events: ['budget_warning', 'budget_exceeded'], budget_warning_threshold: 0.8 });
  await gateway.admin('PATCH', '/gateway/admin/runners/crawler/config', { session_budget_limit: 1 }, org);
  return { keys, requests: 60 };
}
