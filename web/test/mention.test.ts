// SPDX-License-Identifier: AGPL-3.0-or-later

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { candidates, handle, linked, mentionAt, named, unlinked } from '../src/model/mention';
import { conversation, FakeCore, member, message, opened, page, settled } from './fake';

const all = ['ann@a', 'anna@a', 'max@a', 'max@b.org:8443', 'jo.ann-@a'];

test('mentions are words that name an address', () => {
  for (const [text, want] of [
    ['@ann and @anna', ['ann@a', 'anna@a']],
    ['@anna', ['anna@a']],
    ['(@ann), @anna: @ann.', ['ann@a', 'anna@a']],
    ['@jo.ann- is @ann-', ['jo.ann-@a', 'ann@a']],
    ['@annas, @annä, @ann.x, @Ann, ann and me@ann', []],
    ['[@ann](mimi://a/u/ann)', []],
    ['@ann@a and @ann@b', ['ann@a']],
    ['@max', []],
    ['@max@b.org:8443: hello', ['max@b.org:8443']],
  ] as const) {
    assert.deepEqual(named(text, all), want, text);
  }
});

test('who has the name of somebody else is mentioned by all of the address', () => {
  assert.deepEqual([handle('ann@a', all), handle('max@a', all)], ['ann', 'max@a']);
});

test('a mention becomes a link, and what was typed again', () => {
  for (const text of ['@ann, come', 'see @max@a and @max@b.org:8443.', 'me@ann @nobody']) {
    const sent = linked(text, all);
    assert.equal(linked(sent, all), sent);
    assert.equal(unlinked({ text: sent, mentions: named(text, all) }), text);
  }
  assert.equal(linked('@ann!', all), '[@ann](mimi://a/u/ann)!');
  const other = '[@Ann B.](mimi://a/u/ann)';
  assert.equal(unlinked({ text: other, mentions: ['ann@a'] }), other, 'what it says was chosen by somebody');
});

const link = '[@bea](mimi://example.org/u/bea)';

/** A group with somebody who has a private name. */
async function group() {
  const core = new FakeCore()
    .when('page', () => page(1, 1))
    .when('members', () => ({
      members: [member('Me', { self: true }), member('Secret Nick', { address: 'bea@example.org' })],
      role: 'member',
    }))
    .when('send', ({ text, mentions }) => ({ message: message(2, { own: true, text, mentions }) }))
    .when('edit', () => ({}));
  const { app } = await opened([conversation('c', { group: true, draft: '@bea look' })], core);
  await app.timeline('c').open();
  return { app, core, composer: app.composer('c') };
}

test('a draft mentions whom it names, after it was loaded anew', async () => {
  const { app, core, composer } = await group();
  await composer.restore(app.list.get('c')!);
  await app.send('c');
  assert.deepEqual(
    core.made('send').map((s) => (s as { mentions: string[] }).mentions),
    [['bea@example.org']],
  );
});

test('an edit shows what was typed, and mentions whom it names then', async () => {
  const { app, core, composer } = await group();
  composer.edit(message(2, { own: true, text: `${link} and @me`, mentions: ['bea@example.org'] }));
  assert.equal(composer.text.value, '@bea and @me');
  composer.text.value = 'so @bea, and @bea';
  await app.submit('c');
  composer.edit(message(3, { own: true, text: 'nobody' }));
  composer.text.value = '@bea';
  await app.submit('c');
  assert.deepEqual(
    core.made('edit').map((e) => (e as { text: string }).text),
    [`so ${link}, and ${link}`, link],
  );
});

test('what is shown until a mention is stored looks as it will', async () => {
  const { app, core, composer } = await group();
  await app.meet('c');
  core.hold('send');
  composer.text.value = 'hello @bea';
  void app.send('c');
  await settled();
  assert.equal(app.timeline('c').messages.value.at(-1)!.text, `hello ${link}`);
  core.emit('message', { message: message(2, { own: true, text: `hello ${link}` }), new: true });
  assert.deepEqual(
    app.timeline('c').messages.value.map((m) => m.id),
    ['m1', 'm2'],
  );
});

test('a name is looked for behind an @ only', () => {
  for (const [text, want] of [
    ['@', ''],
    ['hi @an', 'an'],
    ['(@an', 'an'],
    ['mail me@an', null],
    ['@an ', null],
    ['@@a', null],
    [`@${'x'.repeat(41)}`, null],
  ] as const) {
    assert.equal(mentionAt(text, text.length), want, text);
  }
  assert.equal(mentionAt('@anna rest', 3), 'an');
});

test('candidates fit by any of their names or by address, and are not oneself', () => {
  const members = [
    member('Zoë Adler'),
    member('Ben', { address: 'adam@x' }),
    member('Adam', { self: true }),
    member('Carl'),
  ];
  assert.deepEqual(
    candidates(members, 'AD').map((m) => m.name),
    ['Zoë Adler', 'Ben'],
  );
  assert.deepEqual(
    candidates(members, 'zoe').map((m) => m.name),
    ['Zoë Adler'],
  );
  assert.equal(
    candidates(
      Array.from({ length: 300 }, () => member('Ann')),
      '',
    ).length,
    6,
  );
});
