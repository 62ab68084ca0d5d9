// SPDX-License-Identifier: AGPL-3.0-or-later

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Message, PageQuery } from '../src/core/api.gen';
import { largest, localPrefix, pageSize, rows, Timeline, windowSize, type Row } from '../src/model/timeline';
import { FakeCore, leaving, message, noon, page, settled } from './fake';

const me = { address: 'me@example.org', name: 'Me' };
const nothing = { replyTo: '', mentions: [], files: [], names: [] };
const orders = (timeline: Timeline) => timeline.messages.value.map((m) => m.order);
const ids = (timeline: Timeline) => timeline.messages.value.map((m) => m.id);
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

/** A conversation of n messages, of which the core hands out pages. */
function history(n: number, firstUnread = ''): { core: FakeCore; timeline: Timeline } {
  const core = new FakeCore().when('page', ({ where, message: id, limit }: PageQuery) => {
    const at = Number(id.slice(1));
    const [from, to] = {
      newest: [n - limit + 1, n],
      unread: [n - limit + 1, n],
      before: [at - limit, at - 1],
      after: [at + 1, at + limit],
      around: [at - limit / 2, at + limit / 2],
    }[where] as [number, number];
    const first = Math.max(1, from);
    const last = Math.min(n, to);
    return page(first, last, { moreBefore: first > 1, moreAfter: last < n, firstUnread });
  });
  return { core, timeline: new Timeline(core, 'c', () => noon) };
}

test('a conversation opens at its end and grows to its beginning, page by page', async () => {
  const { timeline, core } = history(120);
  await timeline.open();
  assert.deepEqual(orders(timeline), range(121 - pageSize, 120));
  assert.deepEqual(core.made('page'), [{ conversation: 'c', where: 'unread', message: '', limit: pageSize }]);
  for (let i = 0; i < 3; i++) await timeline.more('before');
  assert.deepEqual(orders(timeline), range(1, 120));
  assert.equal(timeline.moreBefore.value, false);
  await timeline.more('before');
  assert.equal(core.made('page').length, 4, 'nothing more is asked for at the beginning');
});

test('a window lets go of its far end and gets it back', async () => {
  const { timeline } = history(1000);
  await timeline.open();
  for (let i = 0; i < 10; i++) await timeline.more('before');
  assert.equal(timeline.messages.value.length, windowSize);
  const end = 1000 - 11 * pageSize + windowSize;
  assert.deepEqual(orders(timeline), range(end - windowSize + 1, end));
  assert.equal(timeline.moreAfter.value, true);
  for (let i = 0; i < 10; i++) await timeline.more('after');
  assert.deepEqual(orders(timeline), range(1001 - windowSize, 1000));
  assert.equal(timeline.moreAfter.value, false);
});

test('a window that moves away from the beginning finds back to it', async () => {
  const { timeline } = history(1000);
  await timeline.jump('m10');
  assert.equal(timeline.moreBefore.value, false);
  for (let i = 0; i < 6; i++) await timeline.more('after');
  assert.deepEqual([orders(timeline)[0], timeline.moreBefore.value], [86, true]);
  for (let i = 0; i < 6; i++) await timeline.more('before');
  assert.deepEqual([orders(timeline)[0], timeline.moreBefore.value], [1, false]);
});

test('a window that stays at the end does not grow for ever', async () => {
  const { timeline } = history(30);
  await timeline.open();
  let halved = 0;
  for (let n = 31; n <= 3000; n++) {
    const before = timeline.messages.value.length;
    timeline.apply(message(n), true);
    const { length } = timeline.messages.value;
    if (length <= before) halved++;
    assert.deepEqual(orders(timeline), range(n + 1 - length, n));
    assert.ok(length >= pageSize && length <= largest.messages);
  }
  assert.equal(
    halved,
    1 + Math.floor((3000 - largest.messages - 1) / windowSize),
    'its beginning stays where it is for as long as it may',
  );
  assert.equal(timeline.moreBefore.value, true);
});

test('a window has fewer messages if they are long', async () => {
  const { timeline } = history(30);
  await timeline.open();
  for (let n = 31; n <= 1000; n++) {
    timeline.apply(message(n, { text: 'x'.repeat(4000) }), true);
    const letters = timeline.messages.value.reduce((sum, m) => sum + m.text.length, 0);
    assert.ok(letters <= largest.letters, `${letters} letters`);
  }
  assert.ok(timeline.messages.value.length > 20);
  assert.equal(timeline.messages.value.at(-1)?.order, 1000);
});

test('a window does not let go of what is read in it', async () => {
  const { timeline } = history(30);
  await timeline.open();
  timeline.atEnd = false;
  for (let n = 31; n <= 1000; n++) timeline.apply(message(n), true);
  assert.deepEqual(orders(timeline), range(1, largest.messages));
  assert.equal(timeline.moreAfter.value, true);
});

test('a conversation opens at what is unread, however far back', async () => {
  for (const [firstUnread, shown] of [
    ['m490', range(501 - pageSize, 500)],
    ['m100', range(100 - pageSize / 2, 100 + pageSize / 2)],
  ] as const) {
    const { timeline } = history(500, firstUnread);
    await timeline.open();
    assert.deepEqual([orders(timeline), timeline.firstUnread.value], [shown, firstUnread]);
    await timeline.toEnd();
    assert.equal(orders(timeline).at(-1), 500);
  }
});

test('one page is asked for at a time', async () => {
  const { timeline, core } = history(500);
  await timeline.open();
  await Promise.all([timeline.more('before'), timeline.more('before')]);
  assert.equal(core.made('page').length, 2);
});

test('a page for a window that was left is void', async () => {
  const { timeline, core } = history(500);
  await timeline.open();
  const held = core.hold('page');
  const more = timeline.more('before');
  const jump = timeline.jump('m100');
  held[1]!.resolve(page(75, 125, { moreBefore: true, moreAfter: true }));
  await settled();
  held[0]!.resolve(page(401, 450, { moreBefore: true }));
  await Promise.all([more, jump]);
  assert.deepEqual(orders(timeline), range(75, 125));
});

test('the window that was asked for last is shown', async () => {
  const core = new FakeCore();
  const held = core.hold('page');
  const timeline = new Timeline(core, 'c', () => noon);
  const jumps = Promise.all([timeline.jump('m10'), timeline.jump('m200')]);
  held[1]!.resolve(page(190, 210, { moreBefore: true, moreAfter: true }));
  held[0]!.resolve(page(5, 15, { moreBefore: true, moreAfter: true }));
  await jumps;
  assert.deepEqual(orders(timeline), range(190, 210));
});

test('a jump loads what is around a message, and goes on where it is shown already', async () => {
  const { timeline, core } = history(500);
  await timeline.open();
  assert.equal(await timeline.jump('m100'), true);
  assert.deepEqual(orders(timeline), range(100 - pageSize / 2, 100 + pageSize / 2));
  assert.equal(timeline.target.value.id, 'm100');
  const before = timeline.target.value.n;
  await timeline.jump('m100');
  assert.equal(timeline.target.value.n, before + 1);
  assert.equal(core.made('page').length, 2);
  await timeline.toEnd();
  assert.equal(timeline.target.value.id, 'm500');
  assert.equal(timeline.moreAfter.value, false);
});

test('a jump from elsewhere is not undone by opening the conversation', async () => {
  const { timeline } = history(500);
  await Promise.all([timeline.jump('m100'), timeline.open()]);
  assert.ok(ids(timeline).includes('m100'));
});

test('a jump to what is gone leaves what is shown', async () => {
  const { timeline, core } = history(60);
  await timeline.open();
  const shown = ids(timeline);
  core.fail('page', 'gone');
  assert.equal(await timeline.jump('m999'), false);
  assert.equal(timeline.state.value, 'ready');
  assert.deepEqual(ids(timeline), shown);
});

test('what cannot be read says so, and can be tried again', async () => {
  const { timeline } = history(3);
  const broken = new FakeCore().fail('page', 'failed');
  const other = new Timeline(broken, 'c', () => noon);
  await other.open();
  assert.equal(other.state.value, 'failed');
  broken.when('page', () => page(1, 3));
  await other.open();
  await timeline.open();
  assert.deepEqual(ids(other), ids(timeline));
});

test('events in any order leave each message once, in its place', async () => {
  const events = [4, 6, 5, 4, 7, 6];
  for (let turn = 0; turn < events.length; turn++) {
    const { timeline } = history(3);
    await timeline.open();
    for (const n of [...events.slice(turn), ...events.slice(0, turn)]) timeline.apply(message(n), true);
    assert.deepEqual(orders(timeline), range(1, 7));
  }
});

test('a change takes the place of what it changes, and brings nothing new', async () => {
  const { timeline } = history(3);
  await timeline.open();
  timeline.apply(message(2, { text: 'edited' }), false);
  timeline.apply(message(9), false);
  assert.deepEqual(
    timeline.messages.value.map((m) => m.text),
    ['text 1', 'edited', 'text 3'],
  );
});

test('what happens while a page is on its way is not lost', async () => {
  const core = new FakeCore();
  const held = core.hold('page');
  const timeline = new Timeline(core, 'c', () => noon);
  const opening = timeline.open();
  timeline.apply(message(3, { text: 'edited' }), false);
  timeline.apply(message(4), true);
  timeline.apply(message(4), true);
  timeline.remove('m2');
  held[0]!.resolve(page(1, 3, { moreBefore: true }));
  await opening;
  assert.deepEqual(
    timeline.messages.value.map((m) => m.text),
    ['text 1', 'edited', 'text 4'],
  );
  const more = timeline.more('before');
  timeline.apply(message(-1, { text: 'edited as well' }), false);
  held[1]!.resolve({ messages: [message(-2), message(-1)], moreBefore: false, moreAfter: false, firstUnread: '' });
  await more;
  assert.deepEqual(
    timeline.messages.value.map((m) => m.text),
    ['text -2', 'edited as well', 'text 1', 'edited', 'text 4'],
  );
});

test('new messages beyond the window are not shown', async () => {
  const { timeline } = history(500);
  await timeline.jump('m100');
  timeline.apply(message(501), true);
  timeline.apply(message(502, { own: true }), true);
  assert.ok(!ids(timeline).includes('m501'));
  await timeline.toEnd();
  assert.equal(timeline.moreAfter.value, false);
});

test('what is sent shows at once and settles without moving', async () => {
  const { timeline, core } = history(2);
  await timeline.open();
  const held = core.hold('send');
  const sending = timeline.send({ ...nothing, text: 'hello', replyTo: 'm1' }, me);
  await settled();
  const sketch = timeline.messages.value.at(-1)!;
  assert.ok(sketch.id.startsWith(localPrefix));
  assert.deepEqual([sketch.text, sketch.state, sketch.own, sketch.quote?.text], ['hello', 'waiting', true, 'text 1']);
  assert.equal(timeline.target.value.id, sketch.id);
  held[0]!.resolve({ message: message(3, { own: true, text: 'hello', replyTo: 'm1' }) });
  await sending;
  assert.deepEqual(ids(timeline), ['m1', 'm2', 'm3']);
});

test('the event of what is sent may come before the answer, or after', async () => {
  const own = message(3, { own: true, text: 'hello' });
  for (const early of [true, false]) {
    const { timeline, core } = history(2);
    await timeline.open();
    const held = core.hold('send');
    const sending = timeline.send({ ...nothing, text: 'hello' }, me);
    await settled();
    if (early) {
      timeline.apply(own, true);
      assert.deepEqual(ids(timeline), ['m1', 'm2', 'm3'], 'the sketch does not stay beside it');
    }
    held[0]!.resolve({ message: own });
    await sending;
    if (!early) timeline.apply(own, true);
    assert.deepEqual(ids(timeline), ['m1', 'm2', 'm3']);
  }
});

test('answers out of order leave messages in order', async () => {
  const { timeline, core } = history(2);
  await timeline.open();
  const held = core.hold('send');
  const both = Promise.all([
    timeline.send({ ...nothing, text: 'first' }, me),
    timeline.send({ ...nothing, text: 'second' }, me),
  ]);
  await settled();
  timeline.apply(message(3), true);
  held[1]!.resolve({ message: message(5, { own: true, text: 'second' }) });
  await settled();
  held[0]!.resolve({ message: message(4, { own: true, text: 'first' }) });
  await both;
  assert.deepEqual(orders(timeline), [1, 2, 3, 4, 5]);
});

test('what cannot be sent goes away and says why', async () => {
  const { timeline, core } = history(2);
  await timeline.open();
  core.fail('send', 'full');
  await assert.rejects(timeline.send({ ...nothing, text: 'hello' }, me), { code: 'full' });
  assert.deepEqual(ids(timeline), ['m1', 'm2']);
});

test('sending goes to the end, and ends what was new', async () => {
  const { timeline, core } = history(500);
  core.when('send', () => ({ message: message(501, { own: true, text: 'hello' }) }));
  await timeline.jump('m100');
  timeline.firstUnread.value = 'm120';
  await timeline.send({ ...nothing, text: 'hello' }, me);
  assert.deepEqual(orders(timeline), range(501 - pageSize, 501));
  assert.equal(timeline.firstUnread.value, '');
});

test('the line of new messages stays when its message goes', async () => {
  const core = new FakeCore().when('page', () => page(1, 3, { firstUnread: 'm2' }));
  const timeline = new Timeline(core, 'c', () => noon);
  await timeline.open();
  assert.equal(timeline.firstUnread.value, 'm2');
  timeline.remove('m2');
  assert.equal(timeline.firstUnread.value, 'm3');
});

const minute = 60_000;
const shape = (all: Row[]) =>
  all
    .map((r) => (r.kind === 'message' ? `${r.first ? '[' : ''}${r.message.id}${r.last ? ']' : ''}` : r.kind))
    .join(' ');
const at = (n: number, minutes: number, more: Partial<Message> = {}) =>
  message(n, { sentAt: noon + minutes * minute, ...more });

test('messages of one author group within five minutes', () => {
  assert.equal(shape(rows([at(1, 0), at(2, 4.9), at(3, 9), at(4, 14)], '')), 'day [m1 m2 m3] [m4]');
  assert.equal(shape(rows([at(1, 0), at(2, 1, { from: 'ben@example.org' }), at(3, 2)], '')), 'day [m1] [m2] [m3]');
  assert.equal(shape(rows([at(1, 0), at(2, 1, { notice: leaving }), at(3, 2)], '')), 'day [m1] notice [m3]');
});

test('a day and the line of new messages part groups', () => {
  const midnight = 12 * 60;
  assert.equal(shape(rows([at(1, midnight - 1), at(2, midnight + 1)], '')), 'day [m1] day [m2]');
  assert.equal(shape(rows([at(1, 0), at(2, 1), at(3, 2)], 'm2')), 'day [m1] new [m2 m3]');
});

test('every line has a key of its own', () => {
  const many = range(1, 2000).map((n) =>
    at(n, n * 7, { notice: n % 13 ? null : leaving, from: n % 3 ? 'a@x' : 'b@x' }),
  );
  const keys = rows(many, 'm1000').map((r) => r.key);
  assert.equal(new Set(keys).size, keys.length);
});

test('what is gone stays in no answer to it', async () => {
  const { timeline, core } = history(3);
  const answer = (order: number, to: string) =>
    message(order, {
      replyTo: to,
      quote: {
        author: 'Ana',
        text: 'a secret',
        attachments: [{ index: 0, name: 'a', type: 'b', size: 1 }],
        deleted: false,
      },
    });
  const held = core.hold('page');
  const opening = timeline.open();
  timeline.remove('m0');
  timeline.apply(message(1, { deleted: true, text: '' }), false);
  held[0]!.resolve(page(3, 3, { messages: [answer(3, 'm0'), answer(4, 'm1'), answer(5, 'm2')] }));
  await opening;
  const quotes = () =>
    timeline.messages.value.map((m) => `${m.quote!.text}${m.quote!.attachments.length}${m.quote!.deleted}`);
  assert.deepEqual(quotes(), ['0true', '0true', 'a secret1false']);
  timeline.apply(answer(6, 'm7'), true);
  timeline.apply(message(2, { deleted: true, text: '' }), false);
  timeline.remove('m7');
  assert.deepEqual(quotes(), ['0true', '0true', '0true', '0true']);
});

test('the text that was written last is known at the end only', async () => {
  const { timeline } = history(100);
  const last = () => timeline.lastWritten?.id;
  await timeline.jump('m20');
  timeline.apply(message(20, { own: true }), false);
  assert.equal(last(), undefined, 'there may be later ones');
  await timeline.toEnd();
  assert.equal(last(), undefined);
  timeline.apply(message(95, { own: true }), false);
  for (const other of [{ own: false }, { text: '' }, { deleted: true }, { notice: leaving }])
    timeline.apply(message(96, { own: true, ...other }), false);
  assert.equal(last(), 'm95');
});
