// The gateway's own description of its API must be one that the dashboard's code fits.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startGateway } from './gateway.js';

const dashboard = fileURLToPath(new URL('..', import.meta.url));
let gateway;
before(async () => { gateway = await startGateway(); });
after(() => gateway?.stop());

/** Checks the dashboard's code, in a copy, against a document. */
function check(document) {
  const copy = mkdtempSync(join(tmpdir(), 'cm-contract-'));
  try {
    for (const name of ['src', 'tsconfig.json', 'package.json']) cpSync(join(dashboard, name), join(copy, name), { recursive: true });
    symlinkSync(join(dashboard, 'node_modules'), join(copy, 'node_modules'));
    writeFileSync(join(copy, 'openapi.json'), document);
    return spawnSync('npm', ['run', '--silent', 'check'], { cwd: copy, encoding: 'utf8' });
  } finally { rmSync(copy, { recursive: true, force: true }); }
}

test('the dashboard compiles against the gateway’s own OpenAPI document, and not when they part', async () => {
  const document = await (await fetch(`${gateway.url}/openapi/v1.json`)).text();
  const done = check(document);
  assert.equal(done.status, 0, `The API has changed under the dashboard. Mend the dashboard, and run npm run contract there.\n${done.stdout}${done.stderr}`);
  const parted = check(document.replaceAll('"burn_rate_per_hour"', '"burn_rate"'));
  assert.notEqual(parted.status, 0);
  assert.match(parted.stdout, /Overview\.tsx.*burn_rate_per_hour/);
});

test('the committed document names every path and schema that the gateway has', async () => {
  const [live, kept] = [await (await fetch(`${gateway.url}/openapi/v1.json`)).json(), JSON.parse(readFileSync(join(dashboard, 'openapi.json'), 'utf8'))];
  const names = (d) => [...Object.keys(d.paths), ...Object.keys(d.components.schemas)].sort();
  assert.deepEqual(names(kept), names(live), 'run npm run contract in dashboard/');
});
