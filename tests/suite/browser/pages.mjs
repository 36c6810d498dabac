// Opens pages as a person would: a wide and a narrow screen, light and dark, with and without scripts. Reports what
// axe-core, the browser's console and the layout say; screenshots go to SUITE_SHOTS when it is set.
// A page may also be { name, at, choose: [[selector, value]], press }: what comes after that form of the page `at` is sent.
// Task: { url, user, password, pages: [path], themes: ["light","dark"], widths: [1280,390], scripts: true }
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
const report = [];

async function signIn(context) {
  const page = await context.newPage();
  await page.goto(task.url + '/login');
  await page.fill('[name=username]', task.user);
  await page.fill('[name=password]', task.password);
  await Promise.all([page.waitForURL(u => !u.pathname.startsWith('/login')), page.press('[name=password]', 'Enter')]);
  await page.close();
}

// Signed in once; the cookies serve every other window.
let state;
if (task.user) {
  const context = await browser.newContext();
  await signIn(context);
  state = await context.storageState();
  await context.close();
}

/** Fills and sends a form, which may stand behind a closed summary, as a person would. */
async function send(page, wanted) {
  for (const [selector, value] of wanted.choose ?? []) {
    const field = page.locator(selector).first();
    const summary = page.locator('details:not([open])', { has: page.locator(selector) }).locator('summary').first();
    if (await summary.count()) await summary.click();
    if (await field.evaluate(e => e.tagName) === 'SELECT') await field.selectOption(value); else await field.check();
  }
  const [answer] = await Promise.all([page.waitForNavigation({ waitUntil: 'load' }), page.locator(wanted.press).first().click()]);
  return answer;
}

for (const scripts of task.scripts) {
  for (const theme of task.themes) {
    for (const width of task.widths) {
      const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: theme,
        javaScriptEnabled: scripts, storageState: state });
      const page = await context.newPage();
      for (const wanted of task.pages) {
        const where = wanted.name ?? wanted;
        const said = [];
        const listen = message => { if (['error', 'warning'].includes(message.type())) said.push(message.text()); };
        const failed = error => said.push('uncaught: ' + error.message);
        page.on('console', listen); page.on('pageerror', failed);
        let bytes = 0;
        const count = async response => { try { bytes += (await response.body()).length; } catch { /* a redirect has none */ } };
        const pending = [];
        const onResponse = response => pending.push(count(response));
        page.on('response', onResponse);
        let answer = await page.goto(task.url + (wanted.press ? wanted.at : where), { waitUntil: 'load' });
        if (wanted.press) answer = await send(page, wanted);
        await Promise.all(pending);
        const row = { page: where, width, theme, scripts, status: answer.status(), bytes, said };
        row.title = await page.title();
        if (scripts) {
          // Under a strict policy a script element is refused; evaluating in the page is not.
          await page.evaluate(axe.source);
          const result = await page.evaluate(() => window.axe.run());
          row.violations = result.violations.map(v => `${v.id} (${v.impact}): ${v.nodes.map(n => n.target.join(' ')).join(', ')}`);
          row.passes = result.passes.length;
          row.headings = await page.evaluate(() => [...document.querySelectorAll('h1')].map(h => h.textContent.trim()));
        }
        row.wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth).catch(() => 0);
        if (row.wide > 0) {
          row.culprits = await page.evaluate(() => [...document.querySelectorAll('body *')]
            .filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
            .slice(0, 5).map(e => e.tagName.toLowerCase() + '.' + e.className));
        }
        if (shots) {
          fs.mkdirSync(shots, { recursive: true });
          const name = (where.replace(/[?=&]/g, '-').replace(/[^\w-]+/g, '_') || 'home') + `-${width}-${theme}${scripts ? '' : '-noscript'}.png`;
          await page.screenshot({ path: path.join(shots, name), fullPage: true });
        }
        page.off('console', listen); page.off('pageerror', failed); page.off('response', onResponse);
        report.push(row);
      }
      await context.close();
    }
  }
}
await browser.close();
console.log(JSON.stringify(report));
