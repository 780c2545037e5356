import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const exe = process.env.GATEWAY ?? fileURLToPath(new URL('../../artifacts/bin/CurateMe.Gateway/release/CurateMe.Gateway', import.meta.url));

/** Starts a gateway in front of the built-in simulator; gives its address, a key and the operator's token. */
export async function startGateway() {
  const data = mkdtempSync(join(tmpdir(), 'cm-clients-'));
  const token = 'clients-test-operator-token';
  const child = spawn(exe, ['--demo', '--urls', 'http://127.0.0.1:0'], { env: { ...process.env, CM_DATA_DIR: data, ADMIN_TOKEN: token }, stdio: ['ignore', 'pipe', 'inherit'] });
  let banner = '';
  const ready = new Promise((resolve, reject) => {
    const limit = setTimeout(() => reject(new Error(`no banner within a minute:\n${banner}`)), 60_000);
    child.on('exit', (code) => reject(new Error(`the gateway ended with ${code}:\n${banner}`)));
    child.stdout.on('data', (text) => {
      banner += text;
      const key = banner.match(/cm_sk_[A-Za-z0-9_-]+/);
      const url = banner.match(/http:\/\/127\.0\.0\.1:\d+/);
      if (key && url) {
        clearTimeout(limit);
        resolve({ key: key[0], url: url[0] });
      }
    });
  });
  const { key, url } = await ready;
  return {
    key,
    url,
    /** The newest usage records, once there are so many. */
    async records(count) {
      const admin = { Authorization: `Bearer ${token}` };
      const orgs = await (await fetch(`${url}/api/v1/admin/orgs`, { headers: admin })).json();
      for (let i = 0; ; i++) {
        const answer = await fetch(`${url}/api/v1/admin/gateway/usage?limit=${Math.max(100, count)}&sort=time_desc`, { headers: { ...admin, 'X-Org-ID': orgs.data[0].org_id } });
        const { data } = await answer.json();
        if (data.length >= count) return data;
        if (i === 300) throw new Error(`${data.length} records, not ${count}`);
        await new Promise((r) => setTimeout(r, 100));
      }
    },
    async stop() {
      child.removeAllListeners('exit');
      const gone = new Promise((resolve) => child.on('exit', resolve));
      child.kill('SIGTERM');
      await gone;
      rmSync(data, { recursive: true, force: true });
    },
  };
}
