// Opens pages as a person would: a wide and a narrow screen, light and dark, on paper, with and without scripts, far from UTC.
// Reports what axe-core, the browser's console, the layout and the clock say; screenshots go to SUITE_SHOTS when it is set.
// A page may also be { name, at, choose: [[selector, value]], press }: what comes after that form of the page `at` is sent.
// Task: { url, user, password, pages: [path], themes: ["light","dark"], widths: [1280,390], scripts: [true] }
import { createRequire } from 'node:module';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const task = JSON.parse(process.argv[2]);
const require = createRequire(path.join(process.env.SUITE_NODE, 'package.json'));
const { chromium } = require('playwright-core');
const axe = require('axe-core');
const shots = process.env.SUITE_SHOTS;
if (shots) fs.mkdirSync(shots, { recursive: true });
const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage'];

const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'profile-'));
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', headless: true, args,
  env: { ...process.env, HOME: profile } });

// Signed in once; the cookies serve every other window.
let state;
if (task.user) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(task.url + '/login');
  await page.fill('[name=username]', task.user);
  await page.fill('[name=password]', task.password);
  await Promise.all([page.waitForURL(u => !u.pathname.startsWith('/login')), page.press('[name=password]', 'Enter')]);
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

/** What can be seen of a page once: its size, its headings, how it came to be drawn, what needs a script or a mouse. */
const seen = () => {
  const visible = e => e.checkVisibility({ visibilityProperty: true }) && e.getClientRects().length > 0;
  const short = e => `${e.tagName.toLowerCase()}.${e.className} ${e.textContent.trim().slice(0, 30)}`;
  const [arrived] = performance.getEntriesByType('navigation');
  const loaded = [arrived, ...performance.getEntriesByType('resource')];
  const works = b => (b.type !== 'button' && b.form) || b.popoverTargetElement;
  return {
    title: document.title,
    headings: [...document.querySelectorAll('h1')].map(h => h.textContent.trim()),
    bytes: loaded.reduce((sum, entry) => sum + entry.encodedBodySize, 0),
    help: document.querySelector('.top a.help-link')?.getAttribute('href') ?? null,
    framed: !!document.querySelector('.top'),
    idle: [...document.querySelectorAll('button')].filter(b => visible(b) && !works(b)).map(short),
    dead: [...document.querySelectorAll('a')].filter(a => !a.getAttribute('href') || a.getAttribute('href') === '#').map(short),
  };
};
/** How the page was drawn: how soon, and how much moved afterwards. Two frames later all of it is known. */
const drawn = () => new Promise(done => {
  const shifts = [];
  new PerformanceObserver(list => shifts.push(...list.getEntries())).observe({ type: 'layout-shift', buffered: true });
  requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => {
    const paint = performance.getEntriesByName('first-contentful-paint')[0];
    done({ paint: paint ? paint.startTime : null, shift: shifts.reduce((sum, entry) => sum + entry.value, 0),
      moved: shifts.flatMap(entry => entry.sources.map(s => s.node?.outerHTML?.slice(0, 80) ?? s.node?.textContent?.slice(0, 40) ?? '?')) });
  })));
});
const overflow = () => {
  const page = document.documentElement;
  const wide = page.scrollWidth - page.clientWidth;
  const culprits = wide <= 0 ? [] : [...document.querySelectorAll('body *')]
    .filter(e => e.getBoundingClientRect().right > page.clientWidth + 1).slice(0, 5).map(e => e.tagName.toLowerCase() + '.' + e.className);
  return { wide, culprits };
};
/** Text with marks of direction that turn the words around it: nothing stands between them. */
const mixing = () => {
  const found = [];
  const texts = document.createTreeWalker(document.querySelector('main') ?? document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const { data } = texts.currentNode;
    if (!/[\u202a-\u202e]/.test(data) || data.includes('\u2068')) continue;
    const apart = e => getComputedStyle(e).unicodeBidi !== 'normal' || getComputedStyle(e).display !== 'inline';
    let box = texts.currentNode.parentElement;
    while (!apart(box)) box = box.parentElement;
    const beside = [...box.childNodes].filter(n => n.nodeType === 3 || !apart(n)).map(n => n.textContent).join('').replace(data, '').trim();
    if (beside) found.push(box.outerHTML.slice(0, 160));
  }
  return found;
};
/** What can be pressed has no place on paper. */
const onPaper = () => [...document.querySelectorAll('nav, button, input, select, textarea, .side, .top, .skip')]
  .filter(e => e.checkVisibility({ visibilityProperty: true }) && e.getClientRects().length > 0)
  .map(e => e.outerHTML.slice(0, 80)).slice(0, 5);

async function look(scripts, width) {
  const rows = [];
  const [first, ...others] = task.themes;
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: first,
    javaScriptEnabled: scripts, storageState: state, timezoneId: 'Asia/Kolkata' });
  const page = await context.newPage();
  let said = [];
  page.on('console', message => { if (['error', 'warning'].includes(message.type())) said.push(message.text()); });
  page.on('pageerror', error => said.push('uncaught: ' + error.message));
  for (const wanted of task.pages) {
    const where = wanted.name ?? wanted;
    said = [];
    await page.emulateMedia({ media: 'screen', colorScheme: first });
    let answer = await page.goto(task.url + (wanted.press ? wanted.at : where), { waitUntil: 'load' });
    if (wanted.press) answer = await send(page, wanted);
    const common = { page: where, width, scripts, status: answer.status(), ...await page.evaluate(seen) };
    if (scripts) Object.assign(common, await page.evaluate(drawn));
    for (const theme of [first, ...others]) {
      if (theme !== first) await page.emulateMedia({ colorScheme: theme });
      const row = { ...common, theme, ...await page.evaluate(overflow), mixed: await page.evaluate(mixing) };
      if (scripts) {
        // Under a strict policy a script element is refused; evaluating in the page is not. Another theme differs in colours alone.
        if (theme === first) await page.evaluate(axe.source);
        const rules = theme === first ? {} : { runOnly: ['color-contrast'] };
        const result = await page.evaluate(options => window.axe.run(document, options), { resultTypes: ['violations'], ...rules });
        row.violations = result.violations.map(v => `${v.id} (${v.impact}): ${v.nodes.map(n => n.target.join(' ')).join(', ')}`);
      }
      if (shots) {
        const name = (where.replace(/[?=&]/g, '-').replace(/[^\w-]+/g, '_') || 'home') + `-${width}-${theme}${scripts ? '' : '-noscript'}.png`;
        await page.screenshot({ path: path.join(shots, name), fullPage: true });
      }
      rows.push(row);
    }
    if (scripts) {
      await page.emulateMedia({ media: 'print' });
      rows.at(-1).paper = await page.evaluate(onPaper);
    }
    for (const row of rows.slice(-task.themes.length)) row.said = said;
  }
  await context.close();
  return rows;
}
const report = [];
for (const scripts of task.scripts) report.push(...await Promise.all(task.widths.map(width => look(scripts, width))));
await browser.close();
console.log(JSON.stringify(report.flat()));
