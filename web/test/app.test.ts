// SPDX-License-Identifier: AGPL-3.0-or-later

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { en } from '../src/locale/en';
import { CoreError } from '../src/core/core';
import { App } from '../src/model/app';
import { conversation, FakeCore, opened, session, settled, stored, World } from './fake';

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
  const core = new FakeCore().when('hello', () => session('open')).when('settings', () => stored());
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

test('what is shared before the passphrase waits for it', async () => {
  const core = new FakeCore().when('hello', () => session('locked'));
  const app = new App(core, new World());
  app.passing.value = { text: 'shared', files: [], asFiles: false };
  await app.start();
  assert.equal(app.passing.value?.text, 'shared');
});
