// SPDX-License-Identifier: AGPL-3.0-or-later

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { en } from '../src/locale/en';
import { CoreError } from '../src/core/core';
import type { Sheet } from '../src/model/sheet';
import { conversation, FakeCore, leaving, message, opened, page, settled } from './fake';

test('the first message that arrives unseen is marked as the first unread one', async () => {
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

test('somebody counts as typing until nothing was heard for a while or the message arrives', async () => {
  const { app, core, world } = await opened([conversation('c')]);
  const types = (from: string, author: string, on = true) =>
    core.emit('typing', { conversation: 'c', from, author, on });
  types('ana@example.org', 'Ana');
  types('ben@example.org', '');
  world.pass(5000);
  types('ana@example.org', 'Ana');
  world.pass(1500);
  assert.deepEqual(app.typing.people.value.c, { 'ana@example.org': 'Ana' }, 'what was heard again counts again');
  core.emit('message', { message: message(1), new: true });
  assert.deepEqual(app.typing.people.value.c, {});
  types('__proto__', 'Eve');
  types('__proto__', 'Eve', false);
  assert.deepEqual(app.typing.people.value.c, {});
});

test('a new message of the open conversation is announced, without invisible characters', async () => {
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

test('a deleted message disappears from everything that shows it', async () => {
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

test('search results leave out messages deleted while the search ran', async () => {
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

test('the page leaves a conversation that is deleted', async () => {
  const { app, core } = await opened([conversation('c'), conversation('d')]);
  app.router.go({ at: 'conversation', id: 'c', panel: true });
  core.emit('conversationGone', { conversation: 'd' });
  assert.equal(app.router.route.value.at, 'conversation');
  core.emit('conversationGone', { conversation: 'c' });
  assert.deepEqual([app.router.route.value, app.list.sorted.value], [{ at: 'home' }, []]);
});

test('messages before a notice are marked as read', async () => {
  const { app, core } = await opened([conversation('c', { unread: 1 })]);
  core
    .when('page', () => page(1, 2, { messages: [message(1), message(2, { id: 'notice-2', notice: leaving })] }))
    .when('markRead', () => ({}));
  await app.timeline('c').open();
  await app.markRead('c');
  assert.deepEqual(core.made('markRead'), [{ conversation: 'c', message: 'm1' }]);
});

test('messages are marked as read once, up to the last one that the core knows', async () => {
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

test('connection, progress and failure events set the matching state', async () => {
  const { app, core } = await opened([conversation('c')]);
  core.emit('connection', { host: 'a', online: false, reason: '' });
  core.emit('connection', { host: 'b', online: true, reason: '' });
  assert.deepEqual([app.offline.value, app.cut.value], [{ a: true, b: false }, false]);
  core.emit('connection', { host: 'example.org', online: false, reason: '' });
  assert.equal(app.cut.value, true);
  const moved = (done: number, total: number) =>
    core.emit('progress', { conversation: 'c', message: 'm', index: 1, done, total });
  moved(1, 4);
  assert.deepEqual(app.transfers.progress.value, { 'm/1': 0.25 });
  moved(4, 4);
  assert.deepEqual(app.transfers.progress.value, {});
  moved(0, 0);
  assert.deepEqual(app.transfers.progress.value, { 'm/1': 0 });
  core.emit('progress', { conversation: 'c', message: 'mm', index: 0, done: 1, total: 2 });
  core.emit('messageGone', { conversation: 'c', message: 'm' });
  assert.deepEqual(app.transfers.progress.value, { 'mm/0': 0.5 });
  core.emit('message', { message: message(1, { id: 'mm', own: true, state: 'failed' }), new: false });
  assert.deepEqual(app.transfers.progress.value, {}, 'what failed does not go on');
  core.attachment = async () => {
    moved(1, 4);
    throw new CoreError('canceled', '');
  };
  await assert.rejects(app.attachment({ conversation: 'c', message: 'm', index: 1 }));
  assert.deepEqual(app.transfers.progress.value, {}, 'nor does what was canceled');
  core.emit('failure', { conversation: 'c', error: { code: 'offline', text: '' } });
  assert.deepEqual(app.problems.value, { c: en['error.offline'] });
});
