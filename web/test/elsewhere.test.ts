// SPDX-License-Identifier: AGPL-3.0-or-later

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CoreError } from '../src/core/core';
import { de } from '../src/locale/de';
import { en } from '../src/locale/en';
import { speak } from '../src/model/i18n';
import { wording } from '../src/model/problem';
import { conversation, FakeCore, leaving, message, opened, page } from './fake';

test('a look-up moves only those who stayed where they asked', async () => {
  const { app, core } = await opened([conversation('c')]);
  const held = core.hold('direct');
  const at = () => app.router.route.value;
  app.router.go({ at: 'new', address: '' });
  const slow = app.write('ted@example.org');
  app.router.go({ at: 'conversation', id: 'c', panel: false });
  held[0]!.resolve({ conversation: 'd' });
  await slow;
  assert.deepEqual(at(), { at: 'conversation', id: 'c', panel: false });
  assert.deepEqual(
    app.toasts.list.value.map((x) => [x.text, x.action?.label]),
    [['Found: ted@example.org', en.write]],
  );
  app.toasts.list.value[0]!.action!.run();
  assert.deepEqual(at(), { at: 'conversation', id: 'd', panel: false });
  const failing = app.write('eva@example.org');
  app.router.go({ at: 'home' });
  held[1]!.reject(new CoreError('no-person', ''));
  await failing;
  assert.equal(app.toasts.list.value.at(-1)!.text, `eva@example.org: ${en['error.no-person']}`);
  const stays = app.write('eva@example.org');
  held[2]!.resolve({ conversation: 'e' });
  await stays;
  assert.deepEqual(at(), { at: 'conversation', id: 'e', panel: false });
});

test('back leads to no list of requests that is empty', async () => {
  const { app, core, world } = await opened([conversation('r', { status: 'request' })]);
  app.router.go({ at: 'requests' });
  app.router.go({ at: 'conversation', id: 'r', panel: false });
  world.history.back();
  app.follow('');
  assert.equal(app.router.route.value.at, 'requests');
  core.emit('conversation', { conversation: conversation('r') });
  app.router.go({ at: 'conversation', id: 'r', panel: false });
  world.history.back();
  app.follow('');
  assert.deepEqual(world.places, ['/']);
});

test('a new name is everywhere at once', async () => {
  const core = new FakeCore().when('page', () => page(1, 2));
  const { app } = await opened([conversation('c', { group: true, last: message(2) })], core);
  await app.timeline('c').open();
  const added = message(3, {
    from: 'eve@example.org',
    notice: { ...leaving, kind: 'added', whom: 'ana@example.org', name: 'Ana' },
  });
  const reply = message(4, {
    from: 'eve@example.org',
    author: 'Eve',
    replyTo: 'm1',
    quote: { author: 'Ana', text: 'text 1', attachments: [], deleted: false },
  });
  for (const m of [added, reply]) core.emit('message', { message: m, new: true });
  core.emit('name', { address: 'ana@example.org', name: 'Anna' });
  const [first, , notice, answer] = app.timeline('c').messages.value;
  assert.deepEqual(
    [first!.author, notice!.notice!.name, answer!.quote!.author, answer!.author],
    ['Anna', 'Anna', 'Anna', 'Eve'],
  );
  assert.equal(app.list.get('c')!.last!.author, 'Anna');
});

test('an error without words of its own is told in English to those who read it', async () => {
  assert.equal(wording(new CoreError('failed', 'the disk is gone')), 'The disk is gone.');
  await speak('de');
  assert.equal(wording(new CoreError('failed', 'the disk is gone')), de['error.failed']);
  assert.equal(wording(new CoreError('used', 'this passphrase is in use')), de['error.used']);
  await speak('en');
});
