// SPDX-License-Identifier: AGPL-3.0-or-later

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { en } from '../src/locale/en';
import { conversation, message, opened, page } from './fake';

test('a sent message leaves the field empty, a failed one comes back into it', async () => {
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

test('an empty message is not sent', async () => {
  const { app, core } = await opened([conversation('c')]);
  app.composer('c').text.value = ' \n ';
  await app.send('c');
  assert.equal(core.made('send').length, 0);
});

test('an edit is sent, and comes back into the field if it fails', async () => {
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

test('a voice message can be sent while an edit is under way', async () => {
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

test('a draft stored by another tab appears in this one', async () => {
  const { app, core } = await opened([conversation('c')]);
  app.composer('c').text.value = '';
  core.emit('conversation', { conversation: conversation('c', { draft: 'theirs' }) });
  assert.equal(app.composer('c').text.value, 'theirs');
});

test('a message is forwarded with its files', async () => {
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
