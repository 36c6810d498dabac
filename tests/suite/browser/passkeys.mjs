// Adds a passkey to an account with Chromium's virtual authenticator, signs in by it alone, then after the password, then
// from a page of another origin that serves the same server. Reports what axe-core, the console and the layout say.
// Task: { url, user, password }
import { createRequire } from 'node:module';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const task = JSON.parse(process.argv[2]);
const require = createRequire(path.join(process.env.SUITE_NODE, 'package.json'));
const { chromium } = require('playwright-core');
const axe = require('axe-core');
const shots = process.env.SUITE_SHOTS;
const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage'];
const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'profile-'));
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', headless: true, args,
  env: { ...process.env, HOME: profile } });
const answer = { said: [], violations: [], wide: [] };

const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
const page = await context.newPage();
page.on('console', message => { if (message.type() === 'error') answer.said.push(message.text()); });
page.on('pageerror', error => answer.said.push('uncaught: ' + error.message));
const devtools = await context.newCDPSession(page);
await devtools.send('WebAuthn.enable');
await devtools.send('WebAuthn.addVirtualAuthenticator', { options: { protocol: 'ctap2', transport: 'internal',
  hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true } });

/** Looks at the present page wide and narrow. */
async function look(name) {
  for (const width of [1280, 390]) {
    await page.setViewportSize({ width, height: 900 });
    await page.evaluate(axe.source);
    const found = await page.evaluate(() => window.axe.run());
    answer.violations.push(...found.violations.map(v => `${name} ${width} ${v.id}: ${v.nodes.map(n => n.target.join(' ')).join(', ')}`));
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (wide > 0) answer.wide.push(`${name} ${width}: ${wide}`);
    if (shots) {
      fs.mkdirSync(shots, { recursive: true });
      await page.screenshot({ path: path.join(shots, `passkeys-${name}-${width}.png`), fullPage: true });
    }
  }
  await page.setViewportSize({ width: 1280, height: 900 });
}

const at = () => new URL(page.url()).pathname;
const send = async (selector) => { await Promise.all([page.waitForNavigation({ waitUntil: 'load' }), page.locator(selector).first().click()]); };

async function password(next = '') {
  await page.goto(task.url + '/login' + next);
  await page.fill('[name=username]', task.user);
  await page.fill('[name=password]', task.password);
  await send('form[action="/login"] button');
}

async function out() {
  await page.goto(task.url + '/console/account');
  await send('form[action="/logout"] button >> visible=true');
}

await password();
await page.goto(task.url + '/console/account/factors');
await look('empty');
await page.fill('#name', 'Laptop');
await page.fill('#proof-add', task.password);
await send('form[data-passkey] button');
answer.codes = await page.locator('.recovery code').count();
await look('recovery');
await page.goto(task.url + '/console/account/factors');
answer.added = (await page.locator('summary').allTextContents()).some(text => text.includes('Laptop'));
await page.fill('#proof-app', task.password);
await send('form[action="/console/account/factors/app"] button');
await look('app');
await page.goto(task.url + '/console/account/factors');
await page.locator('details.act summary').first().click();
await look('one');
await out();

await page.goto(task.url + '/login?next=%2Fconsole%2Faudit');
await look('login');
await send('form[data-passkey] button');
answer.alone = at();
await out();

await password();
answer.step = at();
await look('second');
await send('form[data-passkey] button');
answer.second = at();
await out();

// The same server under another name: whatever the browser itself does about it, nobody is signed in. What it says of that
// in its console is its own affair.
const said = answer.said.length;
const elsewhere = new URL(task.url);
elsewhere.hostname = 'evil.localhost';
await page.goto(elsewhere.origin + '/login');
await page.locator('form[data-passkey] button').click();
await Promise.race([page.waitForSelector('[data-passkey-problem]:not([hidden])'), page.waitForSelector('.error-summary'), page.waitForURL(u => u.pathname === '/')]);
answer.foreign = at();
answer.refusal = await page.locator('[data-passkey-problem], .error-summary p').first().textContent();
answer.said.length = said;
await browser.close();
console.log(JSON.stringify(answer));
