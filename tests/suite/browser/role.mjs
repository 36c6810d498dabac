// Defines a role with the keyboard alone, then makes it inherit from another one: Tab finds every control, Space ticks,
// arrows choose, Enter sends; what the base holds is ticked and locked as soon as the base is chosen.
// Task: { url, user, password, name }
import { createRequire } from 'node:module';
import path from 'node:path';

const task = JSON.parse(process.argv[2]);
const require = createRequire(path.join(process.env.SUITE_NODE, 'package.json'));
const { chromium } = require('playwright-core');
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage'] });
const answer = { invisible: [] };
const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
await page.goto(task.url + '/login');
await page.fill('[name=username]', task.user);
await page.fill('[name=password]', task.password);
await Promise.all([page.waitForURL(u => !u.pathname.startsWith('/login')), page.press('[name=password]', 'Enter')]);

async function tabTo(wanted) {
  for (let i = 0; i < 140; i++) {
    await page.keyboard.press('Tab');
    const at = await page.evaluate(() => {
      const e = document.activeElement;
      const style = getComputedStyle(e);
      return { name: e.name, value: e.value, text: e.textContent.trim(), tag: e.tagName,
        shown: (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== 'none' };
    });
    if (!at.shown) answer.invisible.push(at);
    if (wanted(at)) return;
  }
  throw new Error('not reached by Tab: ' + wanted);
}
const state = (value) => page.evaluate((v) => {
  const box = document.querySelector(`input[type=checkbox][value="${v}"]`);
  return { checked: box.checked, disabled: box.disabled, from: box.closest('label').querySelector('.from').textContent };
}, value);

await page.goto(task.url + '/console/roles/new');
await tabTo(e => e.name === 'name');
await page.keyboard.type(task.name);
await tabTo(e => e.name === 'inherits');
answer.asMember = await state('run:create');
await page.keyboard.press('ArrowDown');
answer.asViewer = await state('run:create');
await tabTo(e => e.value === 'run:create');
await page.keyboard.press('Space');
answer.own = await state('run:create');
await tabTo(e => e.tag === 'BUTTON' && e.text === 'Define the role');
await Promise.all([page.waitForURL(u => u.pathname === '/console/roles'), page.keyboard.press('Enter')]);
answer.listed = await page.locator('tbody', { hasText: task.name }).count();
// Opened again, it is as it was left; the other base takes the permission over, and back it is the role's own still.
await page.click(`text="${task.name}"`);
answer.stored = await state('run:create');
await page.check('input[name=inherits][value=member]');
answer.takenOver = await state('run:create');
await page.check('input[name=inherits][value=viewer]');
answer.back = await state('run:create');
await browser.close();
console.log(JSON.stringify(answer));
