// SPDX-License-Identifier: AGPL-3.0-or-later

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { en } from '../src/locale/en';
import { CoreError } from '../src/core/core';
import type { ErrorCode } from '../src/core/api.gen';
import { App, type Sheet } from '../src/model/app';
import { wording } from '../src/model/problem';
import { conversation, FakeCore, leaving, message, opened, page, session, settled, World } from './fake';

test('an open profile shows its conversations, a locked one nothing', async () => {
  const { app } = await opened([conversation('a')]);
  assert.deepEqual([app.list.state.value, app.list.main.value.length], ['ready', 1]);
  const core = new FakeCore().when('hello', () => session('locked'));
  const locked = new App(core, new World());
  await locked.start();
  assert.deepEqual(
    [locked.session.value?.phase, locked.list.state.value, core.made('settings').length],
    ['locked', 'loading', 0],
  );
});

test('a list that cannot be had before the profile is open is asked for again', async () => {
  let asked = 0;
  const core = new FakeCore()
    .when('hello', () => session('open'))
    .when('conversations', ({ recent }) => {
      if (recent && !asked++) throw new CoreError('phase', 'not yet');
      return { conversations: [conversation('a')], next: '' };
    });
  const app = new App(core, new World());
  await app.start();
  assert.deepEqual([app.list.state.value, app.list.main.value.length], ['ready', 1]);
});

test('a core that ends is told in words', async () => {
  const { app } = await opened([]);
  app.fail(new CoreError('failed', ''));
  assert.equal(app.broken.value?.text, en['error.failed']);
  assert.equal(app.erasable.value, false);
});

test('a core that does not answer is told in words', async () => {
  const app = new App(new FakeCore().fail('hello', 'full'), new World());
  await app.start();
  assert.equal(app.broken.value?.text, en['error.full']);
  assert.equal(app.erasable.value, true, 'the core is there');
});

test('settings that cannot be read do not keep anybody out', async () => {
  const core = new FakeCore()
    .when('hello', () => session('open'))
    .when('conversations', () => ({ conversations: [], next: '' }))
    .fail('settings', 'failed', 'broken');
  const app = new App(core, new World());
  await app.start();
  assert.deepEqual([app.broken.value, app.list.state.value], [null, 'ready']);
  assert.deepEqual(
    app.toasts.list.value.map((x) => x.text),
    ['Broken.'],
  );
});

test('what comes while somebody is elsewhere is where they begin again', async () => {
  const core = new FakeCore().when('page', () => page(1, 1));
  const { app, world } = await opened([conversation('c')], core);
  await app.timeline('c').open();
  const hear = (order: number) => core.emit('message', { message: message(order), new: true });
  app.router.go({ at: 'conversation', id: 'c', panel: false });
  hear(2);
  assert.equal(app.timeline('c').firstUnread.value, '');
  app.router.go({ at: 'home' });
  hear(3);
  hear(4);
  assert.equal(app.timeline('c').firstUnread.value, 'm3');
  app.timeline('c').firstUnread.value = '';
  app.router.go({ at: 'conversation', id: 'c', panel: false });
  world.away = true;
  hear(5);
  assert.equal(app.timeline('c').firstUnread.value, 'm5', 'or does not look at the page');
});

test('a list that cannot be read says so, and can be tried again', async () => {
  const core = new FakeCore();
  const { app } = await opened([], core);
  core.fail('conversations', 'failed');
  await app.load();
  assert.equal(app.list.state.value, 'failed');
  core.when('conversations', () => ({ conversations: [conversation('a')], next: '' }));
  await app.load();
  assert.equal(app.list.state.value, 'ready');
});

test('a list begins with what is on top, and gets the rest in parts', async () => {
  const core = new FakeCore()
    .when('hello', () => session('open'))
    .when('settings', () => ({
      readReports: true,
      deliveryReports: true,
      typing: true,
      timer: 0,
      interface: {},
      waking: false,
    }));
  const held = core.hold('conversations');
  const app = new App(core, new World());
  const shown = () => [app.list.state.value, app.list.sorted.value.map((c) => c.id).join('')];
  const starting = app.start();
  await settled();
  held[0]!.resolve({ conversations: [conversation('b', { activity: 2 })], next: '' });
  await settled();
  assert.deepEqual(shown(), ['loading', 'b']);
  held[1]!.resolve({ conversations: [conversation('a', { activity: 1 })], next: 'here' });
  await settled();
  core.emit('conversationGone', { conversation: 'b' });
  core.emit('conversation', { conversation: conversation('d', { activity: 4 }) });
  held[2]!.resolve({
    conversations: [conversation('c', { activity: 3 }), conversation('b', { activity: 2 })],
    next: '',
  });
  await starting;
  assert.deepEqual(shown(), ['ready', 'dca']);
  assert.deepEqual(core.made('conversations'), [
    { recent: true, after: '' },
    { recent: false, after: '' },
    { recent: false, after: 'here' },
  ]);
});

test('a page whose profile was closed is loaded anew, once, after drafts were kept', async () => {
  const { app, core, world } = await opened([conversation('c')]);
  core
    .when('saveDraft', () => ({}))
    .when('lock', () => {
      assert.equal(world.loaded, 0);
      core.emit('session', { session: session('locked') });
      return session('locked');
    });
  app.router.go({ at: 'conversation', id: 'c', panel: false });
  app.composer('c').text.value = 'half a secret';
  await app.lock();
  assert.deepEqual(
    core.made('saveDraft'),
    [{ conversation: 'c', text: 'half a secret', replyTo: '' }],
    'what was written is kept, sealed',
  );
  assert.deepEqual([app.ended.value, world.loaded, world.places.at(-1)], [true, 1, '/c/c']);
});

test('so is one that is still beginning, or that another tab erases', async () => {
  const core = new FakeCore();
  const held = core.hold('hello');
  core.hold('conversations');
  const world = new World();
  const app = new App(core, world);
  void app.start();
  await settled();
  core.emit('session', { session: session('locked') });
  held[0]!.resolve(session('locked'));
  await settled();
  assert.equal(world.loaded, 1);

  const erased = await opened([conversation('c')]);
  erased.app.router.go({ at: 'conversation', id: 'c', panel: false });
  erased.core.emit('session', { session: session('none') });
  assert.deepEqual([erased.world.loaded, erased.world.places.at(-1)], [1, '/']);
});

test('a profile that was founded just now begins at its list', async () => {
  const begin = async (registered: boolean) => {
    const core = new FakeCore()
      .when('hello', () => session('locked'))
      .when('conversations', () => ({ conversations: [], next: '' }))
      .fail('settings', 'failed');
    const app = new App(core, new World());
    app.router.go({ at: 'settings', section: 'security' });
    await app.start();
    await app.enter(session('open', { registered }));
    return app.router.route.value.at;
  };
  assert.deepEqual([await begin(true), await begin(false)], ['settings', 'home']);
});

test('who makes way for another tab keeps drafts', async () => {
  const { app, core, world } = await opened([conversation('c', { name: 'secret' })]);
  core.when('saveDraft', () => ({}));
  app.composer('c').text.value = 'half a secret';
  await app.yield();
  assert.deepEqual(core.made('saveDraft'), [{ conversation: 'c', text: 'half a secret', replyTo: '' }]);
  assert.equal(world.loaded, 1);
});

test('a lock does not wait for what hangs', async () => {
  const { app, core, world } = await opened([conversation('c')]);
  core.hold('saveDraft');
  core.when('lock', () => session('locked'));
  app.composer('c').text.value = 'half';
  const locking = app.lock();
  await settled();
  assert.equal(core.made('lock').length, 0);
  world.pass(1000);
  await locking;
  assert.equal(core.made('lock').length, 1);
});

test('what was sent leaves the field empty, what failed comes back', async () => {
  const { app, core, world } = await opened([conversation('c')]);
  core.when('page', () => page(1, 1)).when('send', ({ text }) => ({ message: message(2, { own: true, text }) }));
  await app.timeline('c').open();
  const composer = app.composer('c');
  composer.text.value = ' hello ';
  composer.attach(new Blob(['x'], { type: 'text/plain' }), 'x.txt', 'blob:x');
  await app.send('c');
  assert.deepEqual(core.made('send'), [
    {
      conversation: 'c',
      text: 'hello',
      replyTo: '',
      expire: 0,
      mentions: [],
      files: [{ name: 'x.txt', type: 'text/plain' }],
    },
  ]);
  assert.equal(core.calls.at(-1)!.files.length, 1);
  assert.deepEqual([composer.text.value, composer.cards.value.length, world.released], ['', 0, ['blob:x']]);
  core.fail('send', 'full');
  composer.text.value = 'again';
  composer.attach(new Blob(['y']), 'y.png', 'blob:y');
  const sending = app.send('c');
  composer.text.value = 'next';
  await sending;
  assert.equal(composer.text.value, 'again\n\nnext');
  assert.equal(composer.problem.value, en['error.full']);
  assert.deepEqual([composer.cards.value[0]!.preview, world.released], ['blob:y', ['blob:x']]);
});

test('the browser is asked to keep what is stored once somebody has written', async () => {
  const { app, core, world } = await opened([conversation('c')]);
  core.when('page', () => page(1, 1)).fail('send', 'full');
  const say = async () => {
    app.composer('c').text.value = 'hello';
    await app.send('c');
  };
  await say();
  assert.equal(world.asked, 0);
  core.when('send', ({ text }) => ({ message: message(2, { own: true, text }) }));
  await say();
  await say();
  assert.equal(world.asked, 1);
});

test('nothing is not sent', async () => {
  const { app, core } = await opened([conversation('c')]);
  app.composer('c').text.value = ' \n ';
  await app.send('c');
  assert.equal(core.made('send').length, 0);
});

test('an edit is sent as one, and comes back if it fails', async () => {
  const { app, core } = await opened([conversation('c')]);
  core.when('edit', () => ({}));
  const composer = app.composer('c');
  composer.text.value = 'half a thought';
  composer.edit(message(1, { own: true }));
  composer.text.value = 'better';
  await app.submit('c');
  assert.deepEqual(core.made('edit'), [{ conversation: 'c', message: 'm1', text: 'better' }]);
  assert.deepEqual([composer.text.value, composer.editing.value], ['half a thought', null]);
  core.fail('edit', 'not-allowed');
  composer.edit(message(1, { own: true }));
  composer.text.value = 'best';
  await app.submit('c');
  assert.deepEqual(
    [composer.text.value, composer.editing.value?.id, composer.problem.value],
    ['best', 'm1', en['error.not-allowed']],
  );
  composer.cancel();
  assert.equal(composer.text.value, 'half a thought');
});

test('an edit that changes nothing is not sent', async () => {
  const { app, core } = await opened([conversation('c')]);
  app.composer('c').edit(message(1, { own: true, text: 'mine ' }));
  await app.submit('c');
  assert.deepEqual([app.composer('c').editing.value, core.made('edit')], [null, []]);
});

test('what was recorded is sent while an edit is under way', async () => {
  const { app, core } = await opened([conversation('c')]);
  core
    .when('page', () => page(1, 1))
    .when('send', () => ({ message: message(2, { own: true }) }))
    .when('saveDraft', () => ({}));
  await app.timeline('c').open();
  const composer = app.composer('c');
  composer.edit(message(1, { own: true, text: 'mine' }));
  await app.send('c');
  composer.attach(new Blob(['x'], { type: 'audio/webm' }), 'voice.webm', '');
  await app.send('c');
  assert.deepEqual(core.made('send'), [
    {
      conversation: 'c',
      text: '',
      replyTo: '',
      expire: 0,
      mentions: [],
      files: [{ name: 'voice.webm', type: 'audio/webm' }],
    },
  ]);
  assert.deepEqual([composer.text.value, composer.editing.value?.id], ['mine', 'm1']);
});

test('a draft that is kept in another tab is shown in this one', async () => {
  const { app, core } = await opened([conversation('c')]);
  app.composer('c').text.value = '';
  core.emit('conversation', { conversation: conversation('c', { draft: 'theirs' }) });
  assert.equal(app.composer('c').text.value, 'theirs');
});

test('somebody writes until it is long ago, or the message is there', async () => {
  const { app, core, world } = await opened([conversation('c')]);
  const types = (from: string, author: string, on = true) =>
    core.emit('typing', { conversation: 'c', from, author, on });
  types('ana@example.org', 'Ana');
  types('ben@example.org', '');
  world.pass(5000);
  types('ana@example.org', 'Ana');
  world.pass(1500);
  assert.deepEqual(app.typing.value.c, { 'ana@example.org': 'Ana' }, 'what was heard again counts again');
  core.emit('message', { message: message(1), new: true });
  assert.deepEqual(app.typing.value.c, {});
  types('__proto__', 'Eve');
  types('__proto__', 'Eve', false);
  assert.deepEqual(app.typing.value.c, {});
});

test('a new message is read out where it is looked at, made harmless', async () => {
  const { app, core } = await opened([conversation('c')]);
  const bold = message(1, { author: 'A\u202ena', text: '**hello** \u202ethere' });
  core.emit('message', { message: bold, new: true });
  assert.equal(app.announcement.value, '');
  app.router.go({ at: 'conversation', id: 'c', panel: false });
  for (const quiet of [message(2, { own: true }), message(3, { notice: leaving })])
    core.emit('message', { message: quiet, new: true });
  core.emit('message', { message: message(4), new: false });
  assert.equal(app.announcement.value, '');
  core.emit('message', { message: bold, new: true });
  assert.equal(app.announcement.value, 'Ana: hello there');
  core.emit('message', { message: bold, new: true });
  assert.equal(app.announcement.value, 'Ana: hello there\u00a0', 'the same once more is other than before');
  core.emit('message', { message: message(5, { text: '' }), new: true });
  assert.equal(app.announcement.value, `Ana: ${en.attachment}`);
});

test('nothing shows a message that is gone', async () => {
  const { app, core } = await opened([conversation('c'), conversation('d')]);
  const own = message(1, { own: true });
  const composer = app.composer('c');
  const confirming: Sheet = {
    kind: 'confirm',
    title: '',
    text: own.text,
    action: '',
    danger: true,
    of: { conversation: 'c', message: 'm1' },
    run: () => undefined,
  };
  const show = async (sheet: Sheet) => {
    core.when('search', () => ({ messages: [own, message(2)] }));
    await app.search.ask('text');
    composer.answer(own);
    app.sheet.value = sheet;
    await app.forward(own);
  };
  const shown = () => [
    composer.reply.value?.id,
    composer.editing.value?.id,
    app.sheet.value?.kind,
    app.passing.value?.text,
    app.search.found.value?.map((m) => m.id).join(),
  ];
  const nothing = [undefined, undefined, undefined, undefined, 'm2'];

  await show({ kind: 'viewer', message: own, index: 0 });
  core.emit('messageGone', { conversation: 'c', message: 'm2' });
  assert.deepEqual(shown(), ['m1', undefined, 'viewer', 'text 1', 'm1'], 'what stays is shown');
  core.emit('messageGone', { conversation: 'd', message: 'm1' });
  await app.search.ask('text');
  core.emit('messageGone', { conversation: 'c', message: 'm1' });
  assert.deepEqual(shown(), nothing);

  await show(confirming);
  core.emit('message', { message: message(1, { own: true, text: '', deleted: true }), new: false });
  assert.deepEqual(shown(), nothing);

  composer.text.value = 'half a thought';
  composer.edit(own);
  core.emit('message', { message: message(1, { own: true, text: '', deleted: true }), new: false });
  assert.deepEqual([composer.text.value, ...shown()], ['half a thought', ...nothing]);

  await show({ ...confirming, of: { conversation: 'c' } });
  core.emit('conversationGone', { conversation: 'c' });
  assert.deepEqual([app.sheet.value, app.passing.value, app.search.found.value], [null, null, []]);
});

test('an answer to a search holds nothing that went before it', async () => {
  const { app, core } = await opened([conversation('c')]);
  const held = core.hold('search');
  void app.search.ask('te');
  const asking = app.search.ask('text');
  core.emit('messageGone', { conversation: 'c', message: 'm1' });
  held[0]!.resolve({ messages: [message(3)] });
  held[1]!.resolve({ messages: [message(1), message(2)] });
  await asking;
  assert.deepEqual(
    app.search.found.value?.map((m) => m.id),
    ['m2'],
  );
  app.search.clear();
  assert.equal(app.search.found.value, null);
});

test('a conversation that goes takes its place with it', async () => {
  const { app, core } = await opened([conversation('c'), conversation('d')]);
  app.router.go({ at: 'conversation', id: 'c', panel: true });
  core.emit('conversationGone', { conversation: 'd' });
  assert.equal(app.router.route.value.at, 'conversation');
  core.emit('conversationGone', { conversation: 'c' });
  assert.deepEqual([app.router.route.value, app.list.sorted.value], [{ at: 'home' }, []]);
});

test('what is read is told though a notice is the last line', async () => {
  const { app, core } = await opened([conversation('c', { unread: 1 })]);
  core
    .when('page', () => page(1, 2, { messages: [message(1), message(2, { id: 'notice-2', notice: leaving })] }))
    .when('markRead', () => ({}));
  await app.timeline('c').open();
  await app.markRead('c');
  assert.deepEqual(core.made('markRead'), [{ conversation: 'c', message: 'm1' }]);
});

test('what is read is told once, up to the last message that the core knows', async () => {
  const { app, core } = await opened([conversation('c', { unread: 2 })]);
  core.when('page', () => page(1, 3)).when('markRead', () => ({}));
  await app.timeline('c').open();
  core.hold('send');
  app.composer('c').text.value = 'hello';
  void app.send('c');
  await settled();
  await app.markRead('c');
  core.emit('conversation', { conversation: conversation('c', { unread: 0 }) });
  await app.markRead('c');
  assert.deepEqual(core.made('markRead'), [{ conversation: 'c', message: 'm3' }]);
});

test('the conversations used last stay loaded', async () => {
  const { app } = await opened();
  const first = app.timeline('0');
  for (let i = 1; i < 30; i++) {
    app.timeline(`${i}`);
    assert.equal(app.timeline('0'), first);
  }
  const last = app.timeline('29');
  for (let i = 30; i < 40; i++) app.timeline(`${i}`);
  assert.notEqual(app.timeline('29'), last);
});

test('writing to somebody opens the conversation there is, or begins one', async () => {
  const { app, core } = await opened([conversation('c', { peer: 'ana@example.org' })]);
  core.when('direct', () => ({ conversation: 'fresh' }));
  await app.write('ana@example.org');
  assert.deepEqual(
    [app.router.route.value, core.made('direct').length],
    [{ at: 'conversation', id: 'c', panel: false }, 0],
  );
  await app.write('ben@example.org');
  assert.deepEqual(app.router.route.value, { at: 'conversation', id: 'fresh', panel: false });
});

test('connections, progress and failures are where they belong', async () => {
  const { app, core } = await opened([conversation('c')]);
  core.emit('connection', { host: 'a', online: false, reason: '' });
  core.emit('connection', { host: 'b', online: true, reason: '' });
  assert.deepEqual([app.offline.value, app.cut.value], [{ a: true, b: false }, false]);
  core.emit('connection', { host: 'example.org', online: false, reason: '' });
  assert.equal(app.cut.value, true);
  const moved = (done: number, total: number) =>
    core.emit('progress', { conversation: 'c', message: 'm', index: 1, done, total });
  moved(1, 4);
  assert.deepEqual(app.progress.value, { 'm/1': 0.25 });
  moved(4, 4);
  assert.deepEqual(app.progress.value, {});
  moved(0, 0);
  assert.deepEqual(app.progress.value, { 'm/1': 0 });
  core.emit('progress', { conversation: 'c', message: 'mm', index: 0, done: 1, total: 2 });
  core.emit('messageGone', { conversation: 'c', message: 'm' });
  assert.deepEqual(app.progress.value, { 'mm/0': 0.5 });
  core.emit('message', { message: message(1, { id: 'mm', own: true, state: 'failed' }), new: false });
  assert.deepEqual(app.progress.value, {}, 'what failed does not go on');
  core.attachment = async () => {
    moved(1, 4);
    throw new CoreError('canceled', '');
  };
  await assert.rejects(app.attachment({ conversation: 'c', message: 'm', index: 1 }));
  assert.deepEqual(app.progress.value, {}, 'nor does what was canceled');
  core.emit('failure', { conversation: 'c', error: { code: 'offline', text: '' } });
  assert.deepEqual(app.problems.value, { c: en['error.offline'] });
});

test('every code has words', () => {
  const codes: ErrorCode[] = [
    'offline',
    'passphrase',
    'taken',
    'invite',
    'no-person',
    'not-allowed',
    'gone',
    'closed',
    'full',
    'impostor',
    'canceled',
    'self',
    'no-accounts',
    'in-use',
    'lost',
  ];
  for (const code of codes)
    assert.equal(wording(new CoreError(code, 'English')), en[`error.${code}` as keyof typeof en]);
  for (const code of ['failed', 'input', 'phase'] as const)
    assert.deepEqual(
      [wording(new CoreError(code, 'said')), wording(new CoreError(code, ''))],
      ['Said.', en['error.failed']],
    );
  assert.equal(wording(new TypeError('inner detail')), en['error.failed']);
});

test('a message is taken along with its files', async () => {
  const { app, core } = await opened([conversation('c'), conversation('d')]);
  const m = message(1, { text: 'look', attachments: [{ index: 0, name: 'a.pdf', type: 'application/pdf', size: 3 }] });
  core.attachment = async () => new Blob(['abc']);
  await app.forward(m);
  const { text, files, asFiles } = app.passing.value!;
  assert.deepEqual(
    [text, files[0]!.name, files[0]!.type, files[0]!.size, asFiles],
    ['look', 'a.pdf', 'application/pdf', 3, true],
  );
});

test('what is shared before the passphrase waits for it', async () => {
  const core = new FakeCore().when('hello', () => session('locked'));
  const app = new App(core, new World());
  app.passing.value = { text: 'shared', files: [], asFiles: false };
  await app.start();
  assert.equal(app.passing.value?.text, 'shared');
});
