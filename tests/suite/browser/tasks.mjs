// A newcomer's list of tasks, done by the words on the pages alone: no address is typed but the links somebody was given. In two
// parts, since a mail is read between them. What stands on the page after each task is handed back.
// Task: { url, start, width, scripts, password, mail: { server, user, password, from, ca }, invited, link, restricted }
import { createRequire } from 'node:module';
import path from 'node:path';

const task = JSON.parse(process.argv[2]);
const require = createRequire(path.join(process.env.SUITE_NODE, 'package.json'));
const { chromium } = require('playwright-core');
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage'] });
const answer = {};

/** Somebody with a browser of their own, who finds things by what is written on them. */
async function somebody() {
  const context = await browser.newContext({ viewport: { width: task.width, height: 900 }, javaScriptEnabled: task.scripts });
  const page = await context.newPage();
  page.setDefaultTimeout(20000);
  const narrow = task.width < 760;
  const visible = (locator) => locator.locator('visible=true').first();
  const me = {
    page,
    open: (address) => page.goto(address, { waitUntil: 'load' }),
    fill: (label, text) => visible(page.getByLabel(label)).fill(text),
    tick: (label) => visible(page.getByLabel(label)).check(),
    choose: (label, option) => visible(page.getByLabel(label)).selectOption({ label: option }),
    async follow(name) { await Promise.all([page.waitForNavigation({ waitUntil: 'load' }), visible(page.getByRole('link', { name })).click()]); },
    async send(name) { await Promise.all([page.waitForNavigation({ waitUntil: 'load' }), visible(page.getByRole('button', { name })).click()]); },
    /** An entry of the side bar, which a narrow screen keeps behind a button. */
    async go(name) {
      if (narrow) await visible(page.getByRole('button', { name: 'Menu' })).click();
      await me.follow(name);
    },
    says: () => page.locator('main').innerText(),
  };
  return me;
}
const exactly = (text) => new RegExp(`^${text}$`);

const root = await somebody();
if (!task.link) {
  await root.open(task.start);
  await root.fill(/^E-mail/, 'root@corp.example');
  await root.fill(/^Username/, 'root');
  await root.fill(/^Password/, task.password);
  await root.fill(/^Organization/, 'Corp');
  await root.send(/^Create the administrator/);
  answer.ready = await root.says();
  await root.follow('Connect the mail server');
  await root.fill(/^Mail server/, task.mail.server);
  await root.fill(/^User/, task.mail.user);
  await root.fill(/^Password/, task.mail.password);
  await root.fill(/^(From|Sender)/, task.mail.from);
  await root.fill(/^Certificate authority/, task.mail.ca);
  await root.send(exactly('Test'));
  answer.tested = await root.says();
  // A test keeps nothing: the page asks for the password once more.
  await root.fill(/^Password/, task.mail.password);
  await root.send('Update settings');
  answer.connected = await root.says();
  await root.go(exactly('People'));
  await root.follow('Invitations');
  await root.fill('E-mail or username', task.invited);
  await root.tick(/^Send an e-mail/);
  await root.send(exactly('Invite'));
  answer.invited = await root.says();
} else {
  const ben = await somebody();
  await ben.open(task.link);
  answer.offer = await ben.says();
  await ben.fill(/^Username/, 'ben');
  await ben.fill(/^Password/, task.password);
  await ben.send(/^Accept/);
  answer.home = await ben.says();

  await root.open(task.url);
  await root.fill(/^Username/, 'root');
  await root.fill(/^Password/, task.password);
  await root.send(exactly('Sign in'));
  await root.go(exactly('Teams'));
  await root.follow('Create a team');
  await root.fill(/^Name/, 'fusion');
  await root.send('Create the team');
  await root.follow(/^Members/);
  await root.fill(/^Username or e-mail/, 'ben');
  await root.send('Add to the team');
  answer.team = await root.says();

  await root.go(exactly('Projects'));
  await root.follow('Create a project');
  await root.choose(/^Team/, 'fusion');
  await root.fill(/^Name/, 'tokamak');
  await root.tick(/^Restricted/);
  await root.send('Create the project');
  await root.follow(/^Access/);
  answer.before = await root.says();
  await root.fill(/^Username or e-mail/, 'ben');
  await root.send(exactly('Invite'));
  answer.after = await root.says();

  // Another one comes, is in the team, and still does not see it.
  await root.go(exactly('People'));
  await root.follow('Create a person');
  await root.fill(/^E-mail/, 'cleo@corp.example');
  await root.fill(/^First password/, task.password);
  await root.send('Create the person');
  await root.go(exactly('Teams'));
  await root.follow('fusion');
  await root.follow(/^Members/);
  await root.fill(/^Username or e-mail/, 'cleo');
  await root.send('Add to the team');
  const cleo = await somebody();
  await cleo.open(task.url);
  await cleo.fill(/^Username/, 'cleo');
  await cleo.fill(/^Password/, task.password);
  await cleo.send(exactly('Sign in'));
  await cleo.go(exactly('Projects'));
  answer.cleo = await cleo.says();
  await root.go(exactly('Projects'));
  await root.follow('tokamak');
  await root.follow(/^Access/);
  await root.fill('Who cannot see it', 'cleo');
  await root.send('Explain');
  answer.why = await root.says();
  await ben.go(exactly('Projects'));
  await ben.follow('tokamak');
  answer.ben = await ben.says();
}
await browser.close();
console.log(JSON.stringify(answer));
