// SPDX-License-Identifier: AGPL-3.0-or-later

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Settings as Stored } from '../src/core/api.gen';
import { defaults, Settings } from '../src/model/settings';
import { FakeCore, settled, stored, World } from './fake';

function settings(world = new World()): { s: Settings; core: FakeCore; world: World } {
  const core = new FakeCore().when('settings', () => stored()).when('setSettings', () => ({}));
  return { s: new Settings(core, world.shelf, world.system, world.tabs), core, world };
}

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
  await assert.rejects(s.store({ typing: false }), { code: 'full' });
  assert.equal(s.stored.value.typing, true);
});

test('what fails takes nothing back that was chosen since', async () => {
  const { s, core } = settings();
  const held = core.hold('setSettings');
  const first = s.store({ typing: false });
  const second = s.store({ readReports: false });
  await settled();
  assert.deepEqual([s.stored.value.typing, s.stored.value.readReports], [false, false], 'both are shown at once');
  held[0]!.reject(new Error('broken'));
  await assert.rejects(first);
  await settled();
  assert.deepEqual(held[1]!.params, stored({ readReports: false }));
  held[1]!.resolve({});
  await second;
  assert.deepEqual(s.stored.value, stored({ readReports: false }));
});

test('what another tab changed is shown, and stays when this one changes something else', async () => {
  const { s, core, world } = settings();
  await s.load();
  world.hearers.settings!(stored({ readReports: false, interface: { theme: 'dark' } }));
  assert.deepEqual([s.stored.value.readReports, s.look.value.theme], [false, 'dark']);
  await s.set('size', '150');
  const all = stored({ readReports: false, interface: { theme: 'dark', size: '150' } });
  assert.deepEqual([core.made('setSettings'), world.told], [[all], [['settings', all]]]);
  const held = core.hold('setSettings');
  const changing = s.store({ typing: false });
  await settled();
  world.hearers.settings!(stored({ readReports: true, interface: { theme: 'light' } }));
  assert.deepEqual(
    [s.stored.value.typing, s.look.value.theme],
    [false, 'light'],
    'what is on its way is shown with it',
  );
  held[0]!.resolve({});
  await changing;
});

test('the profile decides, as far as this version knows what it says', async () => {
  const { s, core } = settings();
  core.when('settings', () =>
    stored({
      timer: 5,
      interface: { theme: 'dark', size: '9000', language: 'tlh', later: 'on', toString: 'x', constructor: 'y' },
    }),
  );
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
