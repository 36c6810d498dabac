// Signs in through the company's provider with a real browser, and out again. Task: { url, login }
import { createRequire } from 'node:module';
import path from 'node:path';

const task = JSON.parse(process.argv[2]);
const require = createRequire(path.join(process.env.SUITE_NODE, 'package.json'));
const { chromium } = require('playwright-core');
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage'] });
const context = await browser.newContext();
const page = await context.newPage();
const answer = { problems: [] };
// The provider's own page asks for fonts from elsewhere; only what this server's pages complain of counts.
page.on('console', m => { if (m.type() === 'error' && page.url().startsWith(task.url) && (m.location().url || task.url).startsWith(task.url)) answer.problems.push(m.text()); });
await page.goto(task.url + '/login?next=%2Fconsole%2Faccount');
answer.atProvider = page.url();
await page.fill('[name=login]', task.login);
await page.fill('[name=password]', 'any');
await page.click('button[type=submit]');
await page.waitForSelector('button[type=submit]');
await Promise.all([page.waitForURL(u => u.href.startsWith(task.url), { waitUntil: "commit" }), page.click('button[type=submit]')]);
await page.waitForURL(u => u.pathname === '/console/account', { waitUntil: 'domcontentloaded' });
answer.signedIn = await page.textContent('main');
answer.cookies = (await context.cookies(task.url)).map(c => ({ name: c.name, sameSite: c.sameSite, httpOnly: c.httpOnly }));
await page.click('main form[action="/logout"] button');
await page.waitForURL(u => u.pathname.startsWith('/session/end'), { waitUntil: 'domcontentloaded' });
answer.atSignOut = page.url();
await page.click('button[name=logout]');
await page.waitForURL(u => u.href.startsWith(task.url), { waitUntil: 'domcontentloaded' });
answer.after = page.url();
answer.left = (await context.cookies(task.url)).map(c => c.name);
await browser.close();
console.log(JSON.stringify(answer));
