// SPDX-License-Identifier: AGPL-3.0-or-later

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RecoveryBegun, RecoveryCheck, RecoveryEnd } from '../src/core/api.gen';
import { verdict } from '../src/model/problem';
import { Replacement } from '../src/model/recovery';
import { FakeCore, noon, settled } from './fake';

const check = (part: Partial<RecoveryCheck> = {}): RecoveryCheck => ({
  state: 'current',
  replacedAt: 0,
  reached: true,
  ...part,
});
const begun: RecoveryBegun = { check: check(), id: 7, next: 'NEXT' };

function replacement(outcome: RecoveryEnd['outcome'] = 'done', answer: RecoveryBegun = begun) {
  const core = new FakeCore()
    .when('recoveryBegin', () => answer)
    .when('recoveryReplace', () => ({ outcome }))
    .when('recoveryCancel', () => ({}));
  const told: string[] = [];
  return { core, told, r: new Replacement(core, (text) => told.push(text)) };
}

test('each answer about a key has words that say what to do', () => {
  const said = (part: Partial<RecoveryCheck>) => verdict(check(part)).text;
  assert.deepEqual(verdict(check()), { text: 'This is your recovery key. Keep the note where it is.', good: true });
  assert.match(said({ reached: false }), /^As far as this device knows.*check again when you are online/);
  assert.match(said({ state: 'replaced', replacedAt: noon }), /replaced on \w+ \d+, \d{4}\. .*destroy this one/);
  assert.match(said({ state: 'replaced', replacedAt: noon, reached: false }), /keep this note until/);
  assert.match(said({ state: 'unknown' }), /never a key of your account. Look for another note/);
  assert.match(said({ state: 'unknown', reached: false }), /server was not reached: look for another note/);
  assert.match(said({ state: 'malformed' }), /Compare each character/);
  for (const state of ['replaced', 'unknown', 'malformed'] as const) assert.ok(!verdict(check({ state })).good, state);
});

test('a key is replaced when the new one was typed in', async () => {
  const { core, told, r } = replacement();
  await r.begin('PRESENT');
  assert.deepEqual([r.step.value, r.next], ['next', 'NEXT']);
  r.turn('again');
  await r.prove('NEXT');
  assert.deepEqual(core.made('recoveryReplace'), [{ id: 7, key: 'NEXT' }]);
  assert.deepEqual([r.step.value, r.next, r.problem.value], ['done', '', '']);
  r.leave();
  assert.deepEqual([core.made('recoveryCancel'), told], [[], []]);
});

test('another key than the present one begins nothing', async () => {
  const { core, told, r } = replacement('done', { check: check({ state: 'unknown' }), id: 0, next: '' });
  await r.begin('OTHER');
  assert.equal(r.step.value, 'now');
  assert.match(r.problem.value, /never a key of your account/);
  core.fail('recoveryBegin', 'offline');
  await r.begin('PRESENT');
  assert.match(r.problem.value, /server cannot be reached/);
  r.leave();
  assert.deepEqual([core.made('recoveryCancel'), told], [[], []]);
});

test('a slip in the new key is said, and the key can be seen again', async () => {
  const { r } = replacement('differs');
  await r.begin('PRESENT');
  r.turn('again');
  await r.prove('NXET');
  assert.deepEqual([r.step.value, r.next], ['again', 'NEXT']);
  assert.match(r.problem.value, /not the new key/);
  r.turn('next');
  assert.equal(r.problem.value, '');
});

test('who leaves in between has changed nothing, and hears it', async () => {
  const { core, told, r } = replacement();
  await r.begin('PRESENT');
  r.leave();
  r.leave();
  assert.deepEqual(core.made('recoveryCancel'), [{ id: 7 }]);
  assert.deepEqual([told, r.next], [['Nothing was changed. Your present recovery key still counts.'], '']);
});

test('who leaves while the core works hears how it ended', async () => {
  for (const [outcome, want] of [
    ['done', /is replaced/],
    ['waits', /waits for your server/],
    ['differs', /Nothing was changed/],
  ] as const) {
    const { core, told, r } = replacement();
    await r.begin('PRESENT');
    const held = core.hold('recoveryReplace');
    const proof = r.prove('NEXT');
    await settled();
    r.leave();
    assert.deepEqual(told, []);
    held[0]!.resolve({ outcome });
    await proof;
    assert.equal(told.length, 1);
    assert.match(told[0]!, want);
    assert.equal(core.made('recoveryCancel').length, outcome === 'differs' ? 1 : 0);
  }
  const { core, told, r } = replacement();
  const held = core.hold('recoveryBegin');
  const beginning = r.begin('PRESENT');
  r.leave();
  held[0]!.resolve(begun);
  await beginning;
  assert.deepEqual([core.made('recoveryCancel'), r.next], [[{ id: 7 }], '']);
  assert.match(told.join(), /Nothing was changed/);
});

test('a replacement that another tab took over begins again', async () => {
  const { core, r } = replacement('gone');
  await r.begin('PRESENT');
  r.turn('again');
  await r.prove('NEXT');
  assert.equal(r.step.value, 'now');
  assert.match(r.problem.value, /begin again/);
  r.leave();
  assert.deepEqual(core.made('recoveryCancel'), []);
});
