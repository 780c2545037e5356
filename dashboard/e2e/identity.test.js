// Signing in with a token of an identity provider, which this file plays.
import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { createServer } from 'node:http';
import { after, afterEach, before, test } from 'node:test';
import { closeAll, findings, launch, open, rows, signIn } from './browser.js';
import { startGateway, until } from './gateway.js';

const audience = 'curateme-gateway';
const keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
const strangers = generateKeyPairSync('rsa', { modulusLength: 2048 });
let provider;
let issuer;
let gateway;
let browser;

before(async () => {
  provider = createServer((request, response) => {
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify(request.url === '/keys'
      ? { keys: [{ ...keys.publicKey.export({ format: 'jwk' }), kid: 'one', use: 'sig', alg: 'RS256' }] }
      : { issuer, jwks_uri: `${issuer}/keys` }));
  });
  await new Promise((ready) => provider.listen(0, '127.0.0.1', ready));
  issuer = `http://127.0.0.1:${provider.address().port}`;
  gateway = await startGateway({
    Jwt__Issuer: issuer, Jwt__Audience: audience, Jwt__AllowHttp: 'true', Jwt__NameClaim: 'email',
    Jwt__Roles__finance: 'viewer', Jwt__Roles__leads: 'org_admin', Jwt__Roles__platform: 'platform_admin',
  });
  await gateway.admin('POST', '/api/v1/admin/orgs', { org_id: 'org_acme', name: 'Acme', tier: 'growth' });
  for (const [org, name] of [['org_acme', 'acme-own-key'], ['org_default', 'others-key']]) await gateway.admin('POST', '/api/v1/admin/keys', { org_id: org, name });
  browser = await launch();
});
afterEach(closeAll);
after(async () => { await browser?.close(); await gateway?.stop(); provider?.close(); });

const part = (of) => Buffer.from(JSON.stringify(of)).toString('base64url');

/** A token for `role` in `org`, as the provider would give it; the rest changes its claims. */
function token(role, org, { seconds = 600, by = keys, ...claims } = {}) {
  const now = Math.floor(Date.now() / 1000);
  const signed = `${part({ alg: 'RS256', typ: 'JWT', kid: 'one' })}.${part({ iss: issuer, aud: audience, sub: '42', email: 'ada@acme.example', iat: now, exp: now + seconds, roles: ['everyone', role], ...(org ? { org_id: org } : {}), ...claims })}`;
  return `${signed}.${sign('sha256', Buffer.from(signed), by.privateKey).toString('base64url')}`;
}

test('the provider’s claims say who is signed in, in which org, and what is offered', async () => {
  const window = await open(browser, gateway, { token: token('finance', 'org_acme') });
  const { page } = window;
  await window.go('/keys?org=org_default', 'Keys');
  assert.deepEqual((await rows(page, 'Keys')).map((r) => r[0].split('\n')[0]), ['acme-own-key']);
  assert.equal(await page.getByRole('button', { name: 'New key' }).count(), 0);
  await page.getByRole('button', { name: 'Your session' }).click();
  const menu = page.getByRole('menu');
  await menu.getByText('jwt:ada@acme.example').waitFor();
  await menu.getByText('Viewer').waitFor();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await page.getByRole('button', { name: 'Sign in' }).waitFor();

  await signIn(page, token('leads', 'org_acme'));
  await window.go('/keys', 'Keys');
  await page.getByRole('button', { name: 'New key' }).click();
  await page.getByLabel('Name', { exact: true }).fill('made-by-ada');
  await page.getByRole('button', { name: 'Make the key' }).click();
  await page.getByRole('button', { name: 'I have it' }).click();
  const made = (await gateway.admin('GET', '/gateway/admin/audit?action=key.create', undefined, 'org_acme')).data[0];
  assert.equal(made.actor, 'jwt:ada@acme.example');
  await window.close();
});

test('a platform administrator of the provider sees every org', async () => {
  const window = await open(browser, gateway, { token: token('platform', null) });
  await window.go('/orgs', 'Orgs and Tiers');
  const names = (await rows(window.page, 'Orgs')).map((r) => r.join(' '));
  for (const org of ['org_acme', 'org_default']) assert.ok(names.some((n) => n.includes(org)), names.join(' | '));
  await window.close();
});

test('a token that the provider did not make, or for somebody else, or without a role, opens nothing', async () => {
  const window = await open(browser, gateway, { signedIn: false });
  const { page } = window;
  const wrong = {
    'another’s signature': token('leads', 'org_acme', { by: strangers }), 'another audience': token('leads', 'org_acme', { aud: 'somebody-else' }), 'over': token('leads', 'org_acme', { seconds: -120 }),
    'no role': token('interns', 'org_acme'), 'no org': token('leads', null),
  };
  for (const [why, value] of Object.entries(wrong)) {
    await page.locator('input[name=token]').fill(value);
    const answered = page.waitForResponse((r) => r.url().endsWith('/dashboard/session') && r.request().method() === 'POST');
    await page.getByRole('button', { name: 'Sign in' }).click();
    assert.equal((await answered).status(), 401, why);
    await page.getByRole('alert').getByText('not valid').waitFor();
    assert.equal(await page.getByRole('navigation', { name: 'Pages' }).count(), 0, why);
  }
  assert.deepEqual(await findings(page), []);
  await window.close();
});

test('the session ends with its token, and the page asks to sign in by itself', async () => {
  const window = await open(browser, gateway, { token: token('finance', 'org_acme', { seconds: 15 }) });
  const { page } = window;
  await window.go('/keys', 'Keys');
  await until('the token is over', async () => await page.evaluate(async () => (await fetch('/api/v1/admin/keys')).status) === 401);
  await page.getByRole('button', { name: 'Sign in' }).waitFor({ timeout: 30_000 });
  await window.close();
});
