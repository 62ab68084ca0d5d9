// SPDX-License-Identifier: AGPL-3.0-or-later

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Composer, mostFiles } from '../src/model/composer';
import { conversation, FakeCore, message } from './fake';

function composer(): { c: Composer; core: FakeCore; released: string[] } {
  const core = new FakeCore().when('saveDraft', () => ({}));
  const released: string[] = [];
  return { c: new Composer(core, 'c', (url) => released.push(url)), core, released };
}

test('a draft is kept once for each change, and cleared', async () => {
  const { c, core } = composer();
  await c.save();
  c.text.value = 'hal';
  await c.save();
  await c.save();
  c.answer(message(1));
  await c.save();
  c.text.value = '';
  await c.save();
  assert.deepEqual(core.made('saveDraft'), [
    { conversation: 'c', text: 'hal', replyTo: '' },
    { conversation: 'c', text: 'hal', replyTo: 'm1' },
    { conversation: 'c', text: '', replyTo: '' },
  ]);
});

test('what was sent is a draft until it is stored', async () => {
  const { c, core, released } = composer();
  c.text.value = 'sent';
  c.answer(message(1));
  c.attach(new Blob(['x']), 'a.png', 'blob:a');
  const first = c.take();
  c.text.value = 'next';
  await c.save();
  await c.sent(first);
  assert.deepEqual(released, ['blob:a']);
  c.giveBack(c.take());
  await c.save();
  assert.deepEqual(core.made('saveDraft'), [
    { conversation: 'c', text: 'sent\n\nnext', replyTo: 'm1' },
    { conversation: 'c', text: 'next', replyTo: '' },
  ]);
});

test('what will be sent without the page is no draft', async () => {
  const { c, core } = composer();
  core.outlives = true;
  c.text.value = 'sent';
  c.take();
  await c.save();
  assert.deepEqual(core.made('saveDraft'), []);
});

test('a draft that could not be kept is kept the next time', async () => {
  const { c, core } = composer();
  core.fail('saveDraft', 'full');
  c.text.value = 'hal';
  await assert.rejects(c.save(), { code: 'full' });
  core.when('saveDraft', () => ({}));
  await c.save();
  assert.equal(core.made('saveDraft').length, 2);
});

test('a draft comes back with what it answers, and is not kept again', async () => {
  const { c, core } = composer();
  core.when('message', () => message(7));
  await c.restore(conversation('c', { draft: 'hal', draftReply: 'm7' }));
  assert.equal(c.text.value, 'hal');
  assert.equal(c.reply.value?.id, 'm7');
  await c.save();
  assert.deepEqual(core.made('saveDraft'), []);
});

test('a draft comes back though what it answers is gone', async () => {
  const { c, core } = composer();
  core.fail('message', 'gone');
  await c.restore(conversation('c', { draft: 'hal', draftReply: 'm7' }));
  assert.equal(c.text.value, 'hal');
  assert.equal(c.reply.value, null);
});

test('a draft takes nothing away that is being written', async () => {
  const { c } = composer();
  c.text.value = 'new';
  await c.restore(conversation('c', { draft: 'old' }));
  assert.equal(c.text.value, 'new');
});

test('an edit steps aside for nothing that was written', async () => {
  const { c, core } = composer();
  c.text.value = 'half a thought';
  c.edit(message(1, { text: 'one' }));
  assert.equal(c.text.value, 'one');
  c.edit(message(2, { text: 'two' }));
  await c.save();
  assert.deepEqual(core.made('saveDraft'), [{ conversation: 'c', text: 'half a thought', replyTo: '' }]);
  assert.equal(c.cancel(), true);
  assert.deepEqual([c.text.value, c.editing.value], ['half a thought', null]);
  c.edit(message(1, { text: 'one' }));
  c.answer(message(3));
  assert.deepEqual([c.text.value, c.editing.value, c.reply.value?.id], ['half a thought', null, 'm3']);
  assert.equal(c.cancel(), true);
  assert.equal(c.cancel(), false);
});

test('an edit leaves cards for the next message', () => {
  const { c } = composer();
  c.attach(new Blob(['x']), 'x.txt', '');
  c.edit(message(1, { text: 'one' }));
  c.text.value = ' ';
  assert.equal(c.empty, true, 'a message is not edited to nothing');
  c.text.value = ' two ';
  assert.deepEqual([c.takeEdit()?.text, c.text.value, c.cards.value.length, c.empty], ['two', '', 1, false]);
  assert.equal(c.takeEdit(), null);
});

test('cards are counted, and let go of their pictures', () => {
  const { c, released } = composer();
  for (let i = 0; i < mostFiles; i++) assert.equal(c.attach(new Blob(), `${i}`, `blob:${i}`), true);
  assert.equal(c.attach(new Blob(), 'one more', 'blob:more'), false);
  c.detach(c.cards.value[3]!.key);
  assert.deepEqual(released, ['blob:3']);
  assert.equal(c.cards.value[0]!.type, 'application/octet-stream');
});

test('what could not be sent comes back before what was written since', () => {
  const { c } = composer();
  c.text.value = 'first';
  c.answer(message(1));
  c.attach(new Blob(), 'a', 'blob:a');
  const taken = c.take();
  assert.deepEqual([c.text.value, c.reply.value, c.cards.value], ['', null, []]);
  c.text.value = 'second';
  c.giveBack(taken);
  assert.equal(c.text.value, 'first\n\nsecond');
  assert.deepEqual([c.reply.value?.id, c.cards.value.length], ['m1', 1]);
});

test('what is added goes below what is being written', () => {
  const { c } = composer();
  c.append('one');
  c.append(' ');
  c.append('two');
  assert.equal(c.text.value, 'one\n\ntwo');
});

test('an answer survives an edit that is taken back', () => {
  const { c } = composer();
  c.text.value = 'an answer';
  c.answer(message(1));
  const shown = () => [c.text.value, c.reply.value?.id];
  c.edit(message(2));
  assert.deepEqual(shown(), ['text 2', undefined]);
  c.cancel();
  assert.deepEqual(shown(), ['an answer', 'm1']);
});

test('an edit takes nothing in that was written before it, or is forwarded', () => {
  const { c } = composer();
  c.text.value = 'first';
  c.answer(message(1));
  const taken = c.take();
  c.edit(message(2, { text: 'two' }));
  c.giveBack(taken);
  assert.equal(c.text.value, 'two');
  c.append('forwarded');
  assert.deepEqual([c.text.value, c.editing.value, c.reply.value?.id], ['first\n\nforwarded', null, 'm1']);
});

test('a draft that another tab keeps is taken over where nothing was written since', async () => {
  const { c, core } = composer();
  core.when('message', () => message(7));
  const tell = (draft: string, draftReply = '') => c.follow(conversation('c', { draft, draftReply }));
  const shown = () => [c.text.value, c.reply.value?.id];
  await tell('hal', 'm7');
  assert.deepEqual(shown(), ['hal', 'm7']);
  await tell('');
  assert.deepEqual(shown(), ['', undefined]);
  assert.equal(c.changed, false, 'what was taken over is not kept again');

  c.text.value = 'mine';
  await tell('theirs');
  assert.equal(c.text.value, 'mine');
  await c.save();
  await tell('theirs');
  assert.equal(c.text.value, 'mine', 'what is told may be older than what was kept');
  await tell('mine');
  c.edit(message(2, { text: 'two' }));
  await tell('', '');
  assert.equal(c.text.value, 'two');
  c.cancel();
  assert.equal(c.text.value, '');
});
