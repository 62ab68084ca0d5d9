// SPDX-License-Identifier: AGPL-3.0-or-later

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Conversation } from '../src/core/api.gen';
import { List } from '../src/model/list';
import { conversation, noon } from './fake';

const ids = (all: Conversation[]) => all.map((c) => c.id).join(' ');

function filled(...all: Conversation[]): List {
  const list = new List(
    (fn) => fn(),
    () => noon,
  );
  list.fill(all);
  return list;
}

test('pinned ones come first, then the latest', () => {
  const list = filled(
    conversation('old', { activity: 1 }),
    conversation('new', { activity: 3 }),
    conversation('pinned', { activity: 0, pinned: true }),
    conversation('even', { activity: 3 }),
  );
  assert.equal(ids(list.main.value), 'pinned even new old');
  list.put(conversation('old', { activity: 9 }));
  assert.equal(ids(list.main.value), 'pinned old even new');
});

test('archived ones and requests have their own places', () => {
  const list = filled(
    conversation('a'),
    conversation('b', { archived: true }),
    conversation('c', { status: 'request' }),
    conversation('d', { status: 'request', archived: true }),
  );
  assert.deepEqual([ids(list.main.value), ids(list.archived.value), ids(list.requests.value)], ['a', 'b', 'c d']);
});

test('unread conversations count, unless they are muted or archived', () => {
  const list = filled(
    conversation('plain', { unread: 7 }),
    conversation('read'),
    conversation('muted', { unread: 1, mutedUntil: noon + 1 }),
    conversation('no longer muted', { unread: 1, mutedUntil: noon - 1 }),
    conversation('named', { unread: 1, mutedUntil: noon + 1, mentioned: true }),
    conversation('archived', { unread: 1, archived: true, mentioned: true }),
  );
  assert.equal(list.unread.value, 3);
});

test('a filter looks at names and addresses, whatever the case and the accents', () => {
  const list = filled(
    conversation('a', { name: 'Zoë Müller' }),
    conversation('b', { name: 'Ben', peer: 'zorro@example.org' }),
    conversation('c', { name: 'Carl', archived: true }),
  );
  for (const [query, want] of [
    ['zoe', 'a'],
    [' MULLER ', 'a'],
    ['zo', 'a b'],
    ['carl', ''],
    ['', 'a b'],
  ] as const) {
    list.query.value = query;
    assert.equal(ids(list.main.value), want, query);
  }
  list.query.value = 'CARL';
  assert.equal(ids(list.archived.value), 'c');
});

test('what changes while the list is on its way is not lost', () => {
  const list = new List(
    (fn) => fn(),
    () => noon,
  );
  list.put(conversation('a', { name: 'newer' }));
  list.put(conversation('b'));
  list.remove('c');
  list.fill([conversation('a', { name: 'older' }), conversation('c')]);
  assert.equal(ids(list.main.value), 'a b');
  assert.equal(list.get('a')?.name, 'newer');
  list.fill([]);
  assert.equal(ids(list.main.value), '', 'it is taken up once');
});

test('neighbours stop at the ends', () => {
  const list = filled(
    conversation('a', { activity: 3 }),
    conversation('b', { activity: 2 }),
    conversation('c', { activity: 1 }),
  );
  assert.deepEqual(
    [
      list.neighbour('b', 1)?.id,
      list.neighbour('b', -1)?.id,
      list.neighbour('c', 1)?.id,
      list.neighbour('gone', 1)?.id,
    ],
    ['c', 'a', 'c', 'a'],
  );
});

test('a person is found in a conversation of two, never in a group', () => {
  const list = filled(
    conversation('g', { group: true, peer: 'ana@example.org' }),
    conversation('p', { peer: 'ana@example.org' }),
  );
  assert.equal(list.withPeer('ana@example.org')?.id, 'p');
});

test('ten thousand conversations take many changes with one sort', () => {
  const planned: (() => void)[] = [];
  const list = new List(
    (fn) => planned.push(fn),
    () => noon,
  );
  const many = Array.from({ length: 10_000 }, (_, i) => conversation(`c${i}`, { activity: i }));
  list.fill(many);
  assert.equal(list.main.value[0]!.id, 'c9999');
  let sorts = 0;
  list.sorted.subscribe(() => sorts++);
  for (let i = 0; i < 5000; i++) list.put({ ...many[i]!, activity: 10_000 + i });
  assert.equal(planned.length, 1);
  assert.equal(sorts, 1, 'nothing is sorted before it is time');
  planned[0]!();
  assert.equal(sorts, 2);
  assert.equal(list.main.value[0]!.id, 'c4999');
  assert.equal(list.main.value.length, 10_000);
});

test('somebody to whom nothing was said is not in the list', () => {
  const list = new List(
    (fn) => fn(),
    () => noon,
  );
  list.fill([
    conversation('silent', { empty: true, unanswered: true }),
    conversation('draft', { empty: true, unanswered: true, draft: 'x' }),
    conversation('said', { unanswered: true }),
  ]);
  assert.deepEqual(list.main.value.map((c) => c.id).sort(), ['draft', 'said']);
  assert.equal(list.withPeer('silent@example.org')?.id, 'silent');
});
