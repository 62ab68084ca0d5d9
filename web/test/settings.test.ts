// SPDX-License-Identifier: AGPL-3.0-or-later

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Settings as Stored } from '../src/core/api.gen';
import { defaults, Settings } from '../src/model/settings';
import { FakeCore, World } from './fake';

const stored = (more: Partial<Stored> = {}): Stored => ({ readReports: true, deliveryReports: true, typing: true, timer: 0, interface: {}, waking: false, ...more });

function settings(world = new World()): { s: Settings; core: FakeCore; world: World } {
  const core = new FakeCore().when('settings', () => stored()).when('setSettings', () => ({}));
  return { s: new Settings(core, world.shelf, world.system), core, world };
}

test('a choice that is made while settings are on their way holds', async () => {
  const core = new FakeCore().when('setSettings', () => ({}));
  const held = core.hold('settings');
  const settings = new Settings(core, { getItem: () => null, setItem: () => undefined }, { dark: false, contrast: false, still: false, languages: ['en'] });
  const loading = settings.load();
  const setting = settings.set('lockAfter', '0');
  held[0]!.resolve({ readReports: false, deliveryReports: true, typing: true, timer: 0, interface: { lockAfter: '1' }, waking: false });
  await Promise.all([loading, setting]);
  assert.equal(settings.look.value.lockAfter, '0');
  assert.deepEqual(core.made('setSettings').map((s) => (s as { readReports: boolean }).readReports), [false]);
});

test('the look follows the system until somebody chooses', async () => {
  const { s } = settings();
  s.system.value = { dark: true, contrast: true, still: true, languages: ['fr-CA', 'en'] };
  assert.deepEqual(s.shown.value, { theme: 'dark', contrast: 'more', motion: 'less', size: '100', language: 'fr' });
  await s.set('theme', 'light');
  await s.set('language', 'ar');
  assert.equal(s.shown.value.theme, 'light');
  assert.equal(s.shown.value.language, 'ar');
});

test('a choice is stored with the others, and at hand before the profile is open', async () => {
  const { s, core, world } = settings();
  await s.set('theme', 'dark');
  await s.set('size', '150');
  assert.deepEqual((core.made('setSettings').at(-1) as Stored).interface, { theme: 'dark', size: '150' });
  assert.equal(settings(world).s.look.value.theme, 'dark');
  await s.set('notify', 'full');
  assert.ok(!world.shelved.get('look')!.includes('notify'), 'what is shown of messages stays in the profile');
});

test('what fails is taken back', async () => {
  const { s, core } = settings();
  core.fail('setSettings', 'full');
  await assert.rejects(s.set('theme', 'dark'), { code: 'full' });
  assert.equal(s.look.value.theme, 'auto');
  await assert.rejects(s.store(stored({ typing: false })), { code: 'full' });
  assert.equal(s.stored.value.typing, true);
});

test('what fails takes nothing back that was chosen since', async () => {
  const { s, core } = settings();
  const held = core.hold('setSettings');
  const first = s.store(stored({ typing: false }));
  const second = s.store(stored({ typing: false, readReports: false }));
  held[0]!.reject(new Error('broken'));
  await assert.rejects(first);
  held[1]!.resolve({});
  await second;
  assert.equal(s.stored.value.readReports, false);
});

test('the profile decides, as far as this version knows what it says', async () => {
  const { s, core } = settings();
  core.when('settings', () => stored({ timer: 5, interface: { theme: 'dark', size: '9000', language: 'tlh', later: 'on', toString: 'x', constructor: 'y' } }));
  await s.load();
  assert.equal(s.stored.value.timer, 5);
  assert.deepEqual(s.look.value, { ...defaults, theme: 'dark' });
  await s.set('motion', 'less');
  assert.equal((core.made('setSettings').at(-1) as Stored).interface.later, 'on', 'what a later version stored stays');
});

test('a shelf that holds nonsense, or refuses, changes nothing', async () => {
  for (const nonsense of ['', '{', 'null', '[]', '7', '{"theme":"neon","size":7}']) {
    const world = new World();
    world.shelved.set('look', nonsense);
    assert.deepEqual(settings(world).s.look.value, defaults, nonsense);
  }
  const world = new World();
  world.shelf.setItem = () => {
    throw new Error('no room');
  };
  const { s } = settings(world);
  await s.set('theme', 'dark');
  assert.equal(s.look.value.theme, 'dark');
});
