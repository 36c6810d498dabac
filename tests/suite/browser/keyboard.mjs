// With the keyboard alone: in and out, the search that answers as one types, the main thing of a page, a dialog, the menus of a
// narrow screen. Focus is always visible. Then what time it is to somebody far from UTC, with scripts and without.
// Task: { url, user, password, find }
import { createRequire } from 'node:module';
import path from 'node:path';

const task = JSON.parse(process.argv[2]);
const require = createRequire(path.join(process.env.SUITE_NODE, 'package.json'));
const { chromium } = require('playwright-core');
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage'] });
const answer = { steps: [], invisible: [] };
const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
const page = await context.newPage();

const focused = () => page.evaluate(() => {
  const e = document.activeElement;
  if (!e || e === document.body) return null;
  const style = getComputedStyle(e);
  const box = e.getBoundingClientRect();
  const shown = (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== 'none';
  return { tag: e.tagName.toLowerCase(), id: e.id, name: e.getAttribute('name'), text: (e.textContent || '').trim().slice(0, 40),
    href: e.getAttribute('href'), action: e.form ? e.form.getAttribute('action') : null, shown, width: box.width,
    inDialog: !!e.closest('dialog[open]'), inMenu: !!e.closest(':popover-open'), inMain: !!e.closest('main') };
});
const at = () => new URL(page.url()).pathname;
async function tabTo(what, wanted, most = 80) {
  for (let i = 0; i < most; i++) {
    await page.keyboard.press('Tab');
    const here = await focused();
    if (here && !here.shown) answer.invisible.push(here);
    if (here && wanted(here)) { answer.steps.push(what); return i + 1; }
  }
  answer.missing = what;
  return 0;
}
const press = async (key, path) => { await Promise.all([page.waitForURL(u => u.pathname === path), page.keyboard.press(key)]); };

await page.goto(task.url + '/login');
const already = await focused();
if (!(already && already.name === 'username')) await tabTo('username', e => e.name === 'username'); else answer.steps.push('username');
await page.keyboard.type(task.user);
await tabTo('password', e => e.name === 'password');
await page.keyboard.type(task.password);
await Promise.all([page.waitForURL(u => !u.pathname.startsWith('/login')), page.keyboard.press('Enter')]);
answer.home = at();

// The first stop of a page skips its navigation: the next one after it is in the content.
await page.goto(task.url + '/console/users');
await page.keyboard.press('Tab');
const first = await focused();
answer.skip = first && first.href ? first.href : null;
await page.keyboard.press('Enter');
// The main thing of the page is near.
answer.primary = await tabTo('create a person', e => e.href === '/console/users/new', 4);

// `/` leads to the search. It answers; arrows choose, Enter goes there, Escape closes.
await page.goto(task.url + '/console/account');
await page.keyboard.press('/');
answer.search = await focused();
const box = page.locator('.top input[type=search]');
await page.keyboard.type(task.find);
await page.waitForSelector('#found [role=option]');
answer.found = await page.locator('#found [role=option]').allTextContents();
await page.keyboard.press('Escape');
answer.closed = await page.locator('#found').isHidden();
await box.fill('');
await page.keyboard.press('Control+k');
await page.keyboard.type('create a te');
await page.locator('#found [role=option]').first().filter({ hasText: 'Create a team' }).waitFor();
// Down to the first, up to the last, down to the first again.
for (const key of ['ArrowDown', 'ArrowUp', 'ArrowDown']) await page.keyboard.press(key);
answer.chosen = await page.locator('#found [aria-selected=true]').count();
answer.active = await page.evaluate(() => document.getElementById(document.activeElement.getAttribute('aria-activedescendant'))?.textContent);
await press('Enter', '/console/teams/new');
// Without a choice Enter leads to the page of the search.
await page.keyboard.press('Control+k');
await page.keyboard.type(task.find);
await press('Enter', '/console/search');

// A dialog holds the focus, Escape closes it, and the focus is back where it was.
await page.goto(task.url + '/authorize');
await tabTo('revoke', e => e.text === 'Revoke');
await page.keyboard.press('Enter');
await page.waitForSelector('dialog[open]');
answer.trapped = (await focused()).inDialog;
for (let i = 0; i < 8; i++) {
  await page.keyboard.press('Tab');
  const here = await focused();
  if (here && !here.inDialog) answer.escaped = here;
}
await page.keyboard.press('Escape');
await page.waitForSelector('dialog', { state: 'detached' });
answer.returned = (await focused())?.text;
answer.stayed = at();

// On a narrow screen the menus open and close without a pointer too.
await page.setViewportSize({ width: 390, height: 800 });
answer.menus = [];
for (const [where, name, target] of [['/', 'Menu', '/console/teams']]) {
  await page.goto(task.url + where);
  await tabTo(name, e => e.tag === 'button' && e.text.startsWith(name));
  await page.keyboard.press('Enter');
  await tabTo('in the menu', e => e.inMenu, 3);
  await page.keyboard.press('Escape');
  answer.menus.push([(await focused())?.text, await page.locator(':popover-open').count()]);
  await page.keyboard.press('Enter');
  await tabTo(target, e => e.href === target && e.inMenu, 20);
  await press('Enter', target);
}
await page.setViewportSize({ width: 1280, height: 900 });

// Out again: some control on the page's way signs out, perhaps behind the account page.
await page.goto(task.url + '/console/account');
if (await tabTo('sign out', e => (e.action || '').includes('logout') || (e.href || '').includes('logout'))) {
  await Promise.all([page.waitForURL(u => u.pathname.startsWith('/login')), page.keyboard.press('Enter')]);
  answer.end = at();
}

// Who is far from UTC reads times of their own; without scripts it says that they are UTC.
await page.goto(task.url + '/login');
await page.fill('[name=username]', task.user);
await page.fill('[name=password]', task.password);
await Promise.all([page.waitForURL(u => !u.pathname.startsWith('/login')), page.press('[name=password]', 'Enter')]);
const signedIn = await context.storageState();
answer.zones = [];
for (const javaScriptEnabled of [true, false]) {
  const far = await browser.newContext({ storageState: signedIn, timezoneId: 'Pacific/Kiritimati', javaScriptEnabled });
  const audit = await far.newPage();
  await audit.goto(task.url + '/console/audit');
  answer.zones.push(await audit.evaluate(() => {
    const time = document.querySelector('.event time');
    return { at: time.dateTime, shown: time.textContent, title: time.title, says: document.querySelector('main [data-zone]').textContent,
      day: document.querySelector('h2.day').textContent };
  }));
  await far.close();
}
await browser.close();
console.log(JSON.stringify(answer));
