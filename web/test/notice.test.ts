// SPDX-License-Identifier: AGPL-3.0-or-later

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Message, Notice } from '../src/core/api.gen';
import { speak, type Language } from '../src/model/i18n';
import { happened } from '../src/model/notice';
import { message } from './fake';

const notice = (more: Partial<Notice>): Notice => ({
  kind: 'other',
  whom: '',
  name: '',
  self: false,
  title: '',
  timer: 0,
  role: 'member',
  ...more,
});
const by = (what: Partial<Notice>, more: Partial<Message> = {}) =>
  happened(message(1, { text: '', notice: notice(what), ...more }));
const bo = { whom: 'bo@example.org', name: 'Bo' };
const me = { whom: 'me@example.org', name: 'My Name', self: true };
const mine = { own: true, author: 'My Name' };
const day = 86_400_000;

test('what happened is said with names', () => {
  assert.equal(by({ kind: 'added', ...bo }), 'Ana added Bo');
  assert.equal(by({ kind: 'added', ...bo }, mine), 'You added Bo');
  assert.equal(by({ kind: 'added', ...me }), 'Ana added you');
  assert.equal(by({ kind: 'removed', ...bo }), 'Ana removed Bo');
  assert.equal(by({ kind: 'left' }), 'Ana left');
  assert.equal(by({ kind: 'left' }, mine), 'You left');
  assert.equal(by({ kind: 'renamed', title: 'The desk' }), 'Ana named the group “The desk”');
  assert.equal(by({ kind: 'timer', timer: day }), 'Ana set messages to disappear after 1 day');
  assert.equal(by({ kind: 'timer', timer: 8 * 3_600_000 }, mine), 'You set messages to disappear after 8 hours');
  assert.equal(by({ kind: 'timer' }), 'Ana set messages to stay');
  assert.equal(by({ kind: 'role', role: 'admin', ...bo }), 'Ana made Bo an admin');
  assert.equal(by({ kind: 'role', role: 'owner', ...me }), 'Ana made you an owner');
  assert.equal(by({ kind: 'role', ...bo }, mine), 'You made Bo an ordinary member');
  assert.equal(by({ kind: 'not-added', ...bo }, mine), 'Bo could not be added. Try again later.');
  assert.match(by({ kind: 'missing' }, mine), /did not reach this device/);
  assert.equal(by({ kind: 'device-added' }), 'Ana added a device');
  assert.equal(by({ kind: 'device-removed' }), 'One of Ana’s devices was removed');
  assert.equal(
    by({ kind: 'profile', title: 'Alice' }),
    'Ana now goes by “Alice”. You still see the name that you verified.',
  );
});

test('those who were added together are named together, the first of many', () => {
  const added = (name: string) => message(1, { notice: notice({ kind: 'added', whom: name, name }) });
  assert.equal(happened(added('Bo'), [added('Cy')]), 'Ana added Bo and Cy');
  assert.equal(happened(added('Bo'), [added('Cy'), added('Di')]), 'Ana added Bo, Cy, and Di');
  assert.equal(happened(added('Bo'), ['Cy', 'Di', 'Ed', 'Fay'].map(added)), 'Ana added Bo, Cy, and 3 others');
});

test('what an early version stored is shown as it is, and harmless', () => {
  assert.equal(by({}, { text: 'ana@example.org added \u202ebo@example.org' }), 'ana@example.org added bo@example.org');
});

test('a title cannot turn the sentence around', () => {
  assert.equal(by({ kind: 'renamed', title: '\u202etitle' }), 'Ana named the group “title”');
});

for (const [language, added, timer, left] of [
  ['de', 'Ana hat Bo hinzugefügt', /1 Woche/, 'Du hast die Gruppe verlassen'],
  ['fr', 'Ana a ajouté Bo', /1\ssemaine/, 'Vous avez quitté le groupe'],
  ['es', 'Ana añadió a Bo', /1 semana/, 'Saliste del grupo'],
  ['ar', 'أضاف \u2068Ana\u2069 \u2068Bo\u2069', /أسبوع/, 'غادرت المجموعة'],
] as [Language, string, RegExp, string][]) {
  test(`notices are in ${language}`, async () => {
    await speak(language);
    assert.equal(by({ kind: 'added', ...bo }), added);
    assert.match(by({ kind: 'timer', timer: 7 * day }), timer);
    assert.equal(by({ kind: 'left' }, mine), left);
    for (const kind of ['added', 'removed', 'role'] as const) assert.ok(!by({ kind, ...me }).includes('My Name'), kind);
    await speak('en');
  });
}
