// Signs in and out with the keyboard alone: Tab finds every control, focus is always visible, Enter sends.
// Task: { url, user, password }
import { createRequire } from 'node:module';
import path from 'node:path';

const task = JSON.parse(process.argv[2]);
const require = createRequire(path.join(process.env.SUITE_NODE, 'package.json'));
const { chromium } = require('playwright-core');
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage'] });
const answer = { steps: [], invisible: [] };
const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });

const focused = () => page.evaluate(() => {
  const e = document.activeElement;
  if (!e || e === document.body) return null;
  const style = getComputedStyle(e);
  const box = e.getBoundingClientRect();
  const shown = (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== 'none';
  return { tag: e.tagName.toLowerCase(), name: e.getAttribute('name'), text: (e.textContent || '').trim().slice(0, 40),
    href: e.getAttribute('href'), action: e.form ? e.form.getAttribute('action') : null, shown, width: box.width };
});
async function tabTo(what, wanted) {
  for (let i = 0; i < 80; i++) {
    await page.keyboard.press('Tab');
    const at = await focused();
    if (at && !at.shown) answer.invisible.push(at);
    if (at && wanted(at)) { answer.steps.push(what); return true; }
  }
  answer.missing = what;
  return false;
}

await page.goto(task.url + '/login');
const already = await focused();
if (!(already && already.name === 'username')) await tabTo('username', e => e.name === 'username'); else answer.steps.push('username');
await page.keyboard.type(task.user);
await tabTo('password', e => e.name === 'password');
await page.keyboard.type(task.password);
await Promise.all([page.waitForURL(u => !u.pathname.startsWith('/login')), page.keyboard.press('Enter')]);
answer.home = new URL(page.url()).pathname;
// The first stop of a page skips its navigation.
await page.keyboard.press('Tab');
const first = await focused();
answer.skip = first && first.href ? first.href : null;
// `/` leads to the search where there is one.
await page.goto(task.url + '/console/users');
await page.keyboard.press('/');
answer.search = await focused();
// Out again: some control on the page's way signs out, perhaps behind the account page.
await page.goto(task.url + '/console/account');
answer.out = await tabTo('sign out', e => (e.action || '').includes('logout') || (e.href || '').includes('logout'));
if (answer.out) {
  await Promise.all([page.waitForURL(u => u.pathname.startsWith('/login')), page.keyboard.press('Enter')]);
  answer.end = new URL(page.url()).pathname;
}
await browser.close();
console.log(JSON.stringify(answer));
