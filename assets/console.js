// Enhancement only: every page works without this file. No libraries, no inline handlers, nothing leaves the origin.

const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

/** `/` and Ctrl+K put the cursor into the page's search, as people expect from their other tools. */
addEventListener('keydown', (event) => {
  const slash = event.key === '/' && !event.ctrlKey && !event.metaKey && !event.altKey
    && !event.target.closest('input, textarea, select, [contenteditable]');
  const palette = event.key.toLowerCase() === 'k' && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;
  const box = $('.top input[type="search"]');
  if (!box || !(slash || palette) || $('dialog[open]')) return;
  event.preventDefault();
  box.focus();
  box.select();
});

/**
 * The search at the top answers as one types: arrows choose, Enter goes there, Escape closes. What it lists is what the page of
 * the search lists, and Enter without a choice leads to that page.
 */
function palette() {
  const box = $('.top input[type="search"]');
  if (!box) return;
  const list = document.createElement('ul');
  list.id = 'found';
  list.className = 'found';
  list.setAttribute('role', 'listbox');
  list.setAttribute('aria-label', 'Found');
  list.hidden = true;
  box.form.append(list);
  for (const [name, value] of Object.entries({ role: 'combobox', 'aria-autocomplete': 'list', 'aria-controls': list.id, 'aria-expanded': 'false' })) {
    box.setAttribute(name, value);
  }
  let at = -1;
  let turn = 0;
  let timer;
  const options = () => $$('[role="option"]', list);
  const choose = (n) => {
    const all = options();
    at = all.length ? (n + all.length) % all.length : -1;
    all.forEach((option, index) => option.setAttribute('aria-selected', String(index === at)));
    if (at < 0) box.removeAttribute('aria-activedescendant'); else {
      box.setAttribute('aria-activedescendant', all[at].id);
      all[at].scrollIntoView({ block: 'nearest' });
    }
  };
  const close = () => {
    turn += 1;
    clearTimeout(timer);
    list.hidden = true;
    list.replaceChildren();
    box.setAttribute('aria-expanded', 'false');
    choose(-1);
  };
  const show = (rows) => {
    list.replaceChildren(...rows.map(({ href, label, kind }, n) => {
      const option = document.createElement('li');
      option.id = `found-${n}`;
      option.setAttribute('role', 'option');
      option.dataset.href = href;
      const [name, small] = [document.createElement('bdi'), document.createElement('small')];
      name.textContent = label;
      small.textContent = kind;
      option.append(name, ' ', small);
      return option;
    }));
    at = -1;
    box.removeAttribute('aria-activedescendant');
    list.hidden = rows.length === 0;
    box.setAttribute('aria-expanded', String(rows.length > 0));
    say(rows.length ? `${rows.length} found; arrow keys choose` : 'Nothing found');
  };
  const ask = async () => {
    const mine = ++turn;
    const url = new URL(box.form.action, location.href);
    url.searchParams.set('q', box.value.trim());
    try {
      const answer = await fetch(url);
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
      if (mine !== turn || !answer.ok) return;
      show($$('[data-found]', page).flatMap((part) => $$('li', part).slice(0, 5).map((row) => {
        const link = $('a', row);
        return { href: link.getAttribute('href'), label: link.textContent, kind: part.dataset.found };
      })));
    } catch { /* Enter still leads to the page of the search */ }
  };
  box.addEventListener('input', () => {
    clearTimeout(timer);
    if (!box.value.trim()) { close(); return; }
    timer = setTimeout(ask, 120);
  });
  box.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && !list.hidden) { event.preventDefault(); close(); return; }
    if (event.isComposing || list.hidden) return;
    if (event.key === 'ArrowDown') { event.preventDefault(); choose(at + 1); }
    if (event.key === 'ArrowUp') { event.preventDefault(); choose(at < 0 ? -1 : at - 1); }
    if (event.key === 'Enter' && at >= 0) { event.preventDefault(); location.assign(options()[at].dataset.href); }
  });
  // A press must not take the cursor out of the box before it counts.
  list.addEventListener('mousedown', (event) => event.preventDefault());
  list.addEventListener('click', (event) => {
    const option = event.target.closest('[role="option"]');
    if (option) location.assign(option.dataset.href);
  });
  box.addEventListener('blur', close);
  addEventListener('pageshow', close);
}

/** Moments are in UTC as they come; here they are put into the reader's zone, days of a timeline too. */
const inZone = (options) => new Intl.DateTimeFormat('en-GB', options);
const day = inZone({ day: 'numeric', month: 'long', year: 'numeric' });
const clock = inZone({ hour: '2-digit', minute: '2-digit' });
const moment = inZone({ weekday: 'long', day: 'numeric', month: 'long', year: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit', timeZoneName: 'short' });

function localTimes(root) {
  for (const time of $$('time[datetime]', root)) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    time.title = moment.format(at);
    if (time.dataset.show === 'day') time.textContent = day.format(at);
    if (time.dataset.show === 'moment') time.textContent = moment.format(at);
    if (time.dataset.show === 'clock') time.textContent = clock.format(at);
  }
  for (const said of $$('[data-zone]')) {
    said.textContent = `Times are those of ${Intl.DateTimeFormat().resolvedOptions().timeZone.replaceAll('_', ' ')}.`;
  }
  const timeline = $('[data-days]', root);
  if (!timeline) return;
  const headings = inZone({ weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' });
  const [today, yesterday] = [0, 1].map((back) => { const then = new Date(); then.setDate(then.getDate() - back); return day.format(then); });
  const fresh = [];
  let last;
  for (const event of $$('.event', timeline)) {
    const at = new Date($('time', event).dateTime);
    const here = day.format(at);
    if (here !== last) {
      const heading = document.createElement('h2');
      heading.className = 'day';
      heading.textContent = here === today ? 'Today' : here === yesterday ? 'Yesterday' : headings.format(at).replace(',', '');
      const events = document.createElement('div');
      events.className = 'timeline';
      fresh.push(heading, events);
      last = here;
    }
    fresh.at(-1).append(event);
  }
  timeline.replaceChildren(...fresh);
}

/** Copy buttons are hidden in the page and shown only where copying can work. */
function say(text) {
  let live = $('#live');
  if (!live) {
    live = document.createElement('p');
    live.id = 'live';
    live.className = 'visually-hidden';
    live.setAttribute('role', 'status');
    document.body.append(live);
  }
  live.textContent = text;
}

function copyButtons(root) {
  for (const button of $$('[data-copy]', root)) {
    if (!navigator.clipboard) continue;
    button.hidden = false;
    const word = $('span', button);
    const before = word.textContent;
    button.addEventListener('click', async () => {
      try {
        await navigator.clipboard.writeText(button.dataset.copy);
        word.textContent = 'Copied';
        say('Copied');
      } catch {
        word.textContent = 'Select and copy';
      }
      setTimeout(() => { word.textContent = before; }, 2000);
    });
  }
}

/** Builds a dialog: a heading, some nodes, some buttons. Escape and the backdrop close it; focus returns by itself. */
function dialog(title, nodes, buttons) {
  const box = document.createElement('dialog');
  const body = document.createElement('div');
  body.className = 'body';
  const heading = document.createElement('h2');
  heading.textContent = title;
  heading.id = 'dialog-title';
  box.setAttribute('aria-labelledby', 'dialog-title');
  body.append(heading, ...nodes);
  const foot = document.createElement('div');
  foot.className = 'foot';
  foot.append(...buttons);
  box.append(body, foot);
  box.addEventListener('close', () => box.remove());
  box.addEventListener('click', (event) => { if (event.target === box) box.close(); });
  document.body.append(box);
  box.showModal();
  return box;
}

function button(text, className, onClick) {
  const made = document.createElement('button');
  made.type = 'button';
  made.className = `button ${className}`;
  made.textContent = text;
  made.addEventListener('click', onClick);
  return made;
}

/** `data-confirm` on a form asks first. Without JavaScript the page's own text and the undo stand in. */
addEventListener('submit', (event) => {
  const form = event.target;
  if (!form.dataset.confirm || form.dataset.confirmed) return;
  event.preventDefault();
  const submitter = event.submitter;
  const text = document.createElement('p');
  text.textContent = form.dataset.confirm;
  const box = dialog(form.dataset.confirmTitle || 'Are you sure', [text], [
    button('Cancel', '', () => box.close()),
    button(submitter?.textContent.trim() || 'Continue', 'danger primary', () => {
      form.dataset.confirmed = 'yes';
      form.requestSubmit(submitter);
    }),
  ]);
});

/** A form is sent once, however often its button is pressed; coming back to the page frees it again. */
addEventListener('submit', (event) => {
  if (event.defaultPrevented || event.target.method !== 'post') return;
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = 'yes';
});
addEventListener('pageshow', () => { for (const form of $$('form[data-sent]')) delete form.dataset.sent; });

/** A row's "Save" appears once its choice differs from what is stored. */
function quietSaves(root) {
  for (const form of $$('form[data-quiet-save]', root)) {
    const select = $('select', form);
    const save = $('button', form);
    const stored = select.dataset.stored ?? select.value;
    const show = () => { save.hidden = select.value === stored; };
    select.addEventListener('change', show);
    show();
  }
}

/** "Why?" opens the reason chain in place; the link itself still leads to the page. */
addEventListener('click', async (event) => {
  const link = event.target.closest('a.why');
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  try {
    const answer = await fetch(link.href, { headers: { accept: 'text/html' } });
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    const reasons = page.querySelector('#reasons');
    if (!answer.ok || !reasons) throw new Error('no reasons on that page');
    const open = document.createElement('a');
    open.className = 'button';
    open.href = link.href;
    open.textContent = 'Open as a page';
    const box = dialog(reasons.dataset.title || 'Why', [document.importNode(reasons, true)], [open, button('Close', 'primary', () => box.close())]);
  } catch {
    location.assign(link.href);
  }
});

/** Lists filter as one types: the same page is asked for again and its list put in place; the address follows. */
function liveFilter() {
  const form = $('form[data-filter]');
  if (!form) return;
  const box = $('input[type="search"]', form);
  let timer;
  let turn = 0;
  box.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const mine = ++turn;
      const url = new URL(form.action, location.href);
      for (const [name, value] of new FormData(form)) if (value) url.searchParams.set(name, value);
      try {
        const answer = await fetch(url);
        const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
        const fresh = page.querySelector('#list');
        if (mine !== turn || !answer.ok || !fresh) return;
        $('#list').replaceWith(fresh);
        enhance(fresh);
        history.replaceState(null, '', url);
        say($('.total')?.textContent ?? '');
      } catch { /* the form's own button still works */ }
    }, 180);
  });
}

/** The bulk bar counts what is ticked. */
function bulk(root) {
  const bar = $('[data-bulk]', root);
  if (!bar) return;
  const count = $('[data-bulk-count]', bar);
  const boxes = $$('input[name="pick"]', root);
  const show = () => {
    const ticked = boxes.filter((box) => box.checked).length;
    count.textContent = ticked ? `${ticked} selected` : 'Select people to change several at once';
    for (const made of $$('button', bar)) made.disabled = !ticked;
  };
  for (const box of boxes) box.addEventListener('change', show);
  show();
}

/** In the form of a role, choosing another base ticks and locks what that base holds. */
function roleForm() {
  const form = $('form[data-role-form]');
  if (!form) return;
  const boxes = $$('input[data-bases]', form);
  const own = new Map(boxes.map((box) => [box, 'own' in box.dataset]));
  const show = () => {
    const base = $('input[name="inherits"]:checked', form)?.value;
    for (const box of boxes) {
      const inherited = box.dataset.bases.split(' ').includes(base);
      box.disabled = inherited;
      box.checked = inherited || own.get(box);
      // What is inherited is not sent by its box; what the role adds besides is sent by a hidden field.
      const kept = box.closest('label').nextElementSibling;
      if (kept?.type === 'hidden') kept.disabled = !(inherited && own.get(box));
      $('.from', box.closest('label')).textContent = inherited ? 'inherited' : own.get(box) ? 'own' : '';
    }
  };
  for (const box of boxes) box.addEventListener('change', () => { own.set(box, box.checked); show(); });
  for (const radio of $$('input[name="inherits"]', form)) radio.addEventListener('change', show);
}

function enhance(root) {
  localTimes(root);
  copyButtons(root);
  quietSaves(root);
  bulk(root);
}

const bytes = (text) => Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');

/** What a passkey answered, in the standard's JSON; browsers that cannot write it themselves get it written here. */
function answer(credential) {
  const { response } = credential;
  const json = { id: credential.id, rawId: text(credential.rawId), type: credential.type, clientExtensionResults: {}, response: {} };
  for (const name of ['clientDataJSON', 'attestationObject', 'authenticatorData', 'signature', 'userHandle']) {
    if (response[name]) json.response[name] = text(response[name]);
  }
  if (response.attestationObject) delete json.response.authenticatorData;
  if (response.getTransports) json.response.transports = response.getTransports();
  return JSON.stringify(json);
}

/** Forms with a passkey ask for a challenge, let the browser answer it, and carry the answer. Without scripts they are hidden. */
function passkeys() {
  if (!window.PublicKeyCredential) return;
  for (const form of $$('form[data-passkey]')) {
    form.hidden = false;
    const trouble = $('[data-passkey-problem]', form);
    const complain = (sentence) => { trouble.textContent = sentence; trouble.hidden = !sentence; };
    form.addEventListener('submit', async (event) => {
      const field = form.elements.credential;
      if (field.value) return;
      event.preventDefault();
      complain('');
      try {
        const begun = await fetch(form.dataset.passkey, { method: 'POST', body: new URLSearchParams(new FormData(form)) });
        const asked = await begun.json();
        if (!begun.ok) { complain(asked.problem); return; }
        asked.challenge = bytes(asked.challenge);
        for (const list of [asked.allowCredentials, asked.excludeCredentials]) for (const known of list ?? []) known.id = bytes(known.id);
        if (asked.user) asked.user.id = bytes(asked.user.id);
        const credential = await (asked.user ? navigator.credentials.create({ publicKey: asked }) : navigator.credentials.get({ publicKey: asked }));
        field.value = answer(credential);
      } catch (error) {
        complain(error.name === 'InvalidStateError' ? 'This device has a passkey of yours already.'
          : 'The browser gave no passkey. Try again, or take another way.');
        return;
      }
      form.requestSubmit();
    });
  }
  // Coming back to the page begins anew: an answer counts once.
  addEventListener('pageshow', () => { for (const form of $$('form[data-passkey]')) form.elements.credential.value = ''; });
}

/** What a live run shows is asked for again every few seconds, while somebody looks. */
function live() {
  if (!$('[data-live]')) return;
  setTimeout(async () => {
    const asked = location.href;
    if (document.visibilityState === 'visible') {
      try {
        const answer = await fetch(asked);
        const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
        const fresh = page.querySelector('#list');
        const old = $('#list');
        if (answer.ok && fresh && asked === location.href && !old.contains(document.activeElement)) {
          old.replaceWith(fresh);
          enhance(fresh);
        }
      } catch { /* the next time */ }
    }
    live();
  }, 5000);
}

enhance(document);
palette();
live();
const log = $('.log');
if (log && !new URL(location).searchParams.has('from')) log.scrollTop = log.scrollHeight;
roleForm();
liveFilter();
passkeys();
$('[aria-invalid="true"]')?.focus();
