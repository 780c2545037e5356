import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';
import { operatorToken } from './gateway.js';

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export const launch = () => chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run', '--disable-dev-shm-usage'],
});

/** A browser's window on one gateway. What must never happen is collected from the first moment and asserted by `clean`; `provoked` is what a test causes on purpose. */
export async function open(browser, gateway, { theme = 'light', width = 1360, height = 860, token = operatorToken, signedIn = true, provoked } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme, acceptDownloads: true, reducedMotion: 'reduce' });
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();
  const faults = [];
  await page.addInitScript(() => document.addEventListener('securitypolicyviolation', (e) => console.error(`CSP: ${e.violatedDirective} ${e.blockedURI} ${e.sourceFile}:${e.lineNumber}`)));
  page.on('console', (m) => { if (m.type() === 'error' && !provoked?.test(m.text()) && !/status of (401|403|404|400|409)/.test(m.text()) && !/ERR_(INCOMPLETE_CHUNKED|CONNECTION_REFUSED|CONNECTION_RESET|NETWORK_IO|EMPTY_RESPONSE)/.test(m.text())) faults.push(m.text()); });
  page.on('pageerror', (e) => faults.push(`error on the page: ${e.message}`));
  page.on('request', (r) => { const to = new URL(r.url()); if (!['data:', 'blob:'].includes(to.protocol) && to.origin !== gateway.url) faults.push(`asked ${r.url()}`); });
  const window = {
    page,
    context,
    /** Loads a page of the dashboard and waits until its content is there. */
    async go(path, heading) {
      await page.goto(`${gateway.url}/dashboard${path}`);
      await settled(page, heading);
    },
    clean: () => assert.deepEqual(faults, []),
    async close() { open.windows.delete(window); await context.close(); assert.deepEqual(faults, []); },
  };
  open.windows.add(window);
  await page.goto(`${gateway.url}/dashboard/`);
  if (signedIn) await signIn(page, token);
  return window;
}

open.windows = new Set();

/** Closes what a failed test left open; a picture of it lies in CM_FAILURES, when that is set. */
export async function closeAll() {
  for (const { page, context } of open.windows) {
    if (process.env.CM_FAILURES) await page.screenshot({ path: `${process.env.CM_FAILURES}/failure-${Date.now()}.png` });
    await context.close();
  }
  open.windows.clear();
}

export async function signIn(page, token) {
  await page.locator('input[name=token]').fill(token);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('navigation', { name: 'Pages' }).waitFor({ state: 'attached' });
}

export async function settled(page, heading) {
  await (heading ? page.getByRole('heading', { level: 1, name: heading, exact: true }) : page.locator('main h1')).waitFor();
  await page.waitForFunction(() => !document.querySelector('main [aria-busy=true], main [aria-label=Loading], main .mantine-Skeleton-root'));
}

/** Findings of axe-core that are serious or worse, in words. */
export async function findings(page) {
  await page.evaluate(axeSource);
  const found = await page.evaluate(async () => (await window.axe.run(document, { resultTypes: ['violations'] })).violations
    .filter((v) => v.impact === 'serious' || v.impact === 'critical')
    .map((v) => `${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => `${n.html.slice(0, 160)} ${n.any.map((a) => a.message).join(' ').slice(0, 160)}`).join(' | ')}`));
  return found;
}

/** How far the page is wider than the window, in pixels. */
export const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

/** What sticks out of the window at its right, outside of regions that scroll by themselves. */
export const widest = (page) => page.evaluate(() => [...document.querySelectorAll('main *')].filter((e) => e.getBoundingClientRect().right > window.innerWidth + 1 && !e.closest('.scroll, .line-code')).slice(0, 4).map((e) => `${e.tagName}.${e.className} ${e.textContent.slice(0, 40)}`).join(' | '));

/** A table's rows as texts of their cells. */
export const rows = (page, name) => page.getByRole('region', { name, exact: true }).locator('tbody tr').evaluateAll((all) => all.map((r) => [...r.cells].map((c) => c.innerText.trim())));
