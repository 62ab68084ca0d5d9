// SPDX-License-Identifier: AGPL-3.0-or-later

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LinkingChanged } from '../src/core/api.gen';
import { devices } from '../src/locale/devices/en';
import { learn } from '../src/model/i18n';
import { grouped, Linking } from '../src/model/linking';
import { conversation, FakeCore, opened, page, session, settled } from './fake';

learn(devices);

function heard(id: string, state: LinkingChanged['state'], more: Partial<LinkingChanged> = {}): LinkingChanged {
  return {
    id,
    state,
    code: '',
    uri: '',
    until: 0,
    address: '',
    digits: '',
    left: 0,
    device: '',
    complete: false,
    error: null,
    ...more,
  };
}

/** A linking that has begun, and its name. */
async function begun(): Promise<{ core: FakeCore; linking: Linking; id: string }> {
  const core = new FakeCore().when('approve', () => ({})).when('linkingCancel', () => ({}));
  core.when('linkingDigits', () => ({}));
  const linking = new Linking(core);
  let id = '';
  await linking.begin((x) => core.call('approve', { id: (id = x), code: '' }));
  return { core, linking, id };
}

test('a linking hears of itself alone', async () => {
  const { core, linking, id } = await begun();
  assert.ok(linking.busy.value);
  core.emit('linking', heard('another', 'code', { code: 'x' }));
  assert.equal(linking.now.value, null);
  core.emit('linking', heard(id, 'code', { code: 'here.example/AAAA' }));
  assert.equal(linking.now.value!.code, 'here.example/AAAA');
  assert.ok(!linking.busy.value);
});

test('wrong digits are counted, and the third ends it', async () => {
  const { core, linking, id } = await begun();
  core.emit('linking', heard(id, 'asks', { left: 3 }));
  assert.equal(linking.problem.value, '');
  await linking.confirm('123 456');
  assert.ok(linking.busy.value);
  assert.deepEqual(core.made('linkingDigits'), [{ id, digits: '123 456' }]);
  core.emit('linking', heard(id, 'asks', { left: 2 }));
  assert.match(linking.problem.value, /2 more attempts/);
  assert.ok(!linking.busy.value);
  core.emit('linking', heard(id, 'failed', { error: { code: 'link-digits', text: 'English' } }));
  assert.equal(linking.problem.value, devices['error.link-digits']);
  assert.equal(linking.failure.value, 'link-digits');
  linking.leave();
  assert.deepEqual(core.made('linkingCancel'), []); // it has ended
});

test('who leaves a linking ends it', async () => {
  const { core, linking, id } = await begun();
  linking.leave();
  assert.deepEqual(core.made('linkingCancel'), [{ id }]);
  core.emit('linking', heard(id, 'failed', { error: { code: 'canceled', text: '' } }));
  assert.equal(linking.problem.value, '');
});

test('a linking that cannot begin says why', async () => {
  const core = new FakeCore().fail('approve', 'offline');
  const linking = new Linking(core);
  await linking.begin((id) => core.call('approve', { id, code: '' }));
  assert.match(linking.problem.value, /cannot be reached/);
  assert.ok(!linking.busy.value);
});

test('digits stand in two groups', () => {
  const typed: [string, string][] = [
    ['', ''],
    ['12', '12'],
    ['123', '123'],
    ['1234', '123 4'],
    ['123456', '123 456'],
    ['123 456', '123 456'],
    ['12-34-567', '123 456'],
  ];
  for (const [text, shown] of typed) assert.equal(grouped(text), shown);
});

test('what another device brings is read again', async () => {
  const { app, core } = await opened([conversation('c'), conversation('d')]);
  core.when('page', () => page(5, 6));
  await Promise.all([app.timeline('c').open(), app.timeline('d').open()]);
  app.router.go({ at: 'conversation', id: 'c', panel: false });
  const before = core.made('page').length;
  core.when('page', () => page(1, 6));
  core.emit('history', { device: 'x', given: false, done: 1, total: 3 });
  await settled();
  assert.equal(app.history.value?.done, 1);
  assert.equal(app.timeline('c').messages.value.length, 6);
  assert.equal(core.made('page').length, before + 1);
  assert.equal(app.timeline('d').state.value, 'loading'); // it is read when it is opened
  const lists = core.made('conversations').length;
  core.emit('history', { device: 'x', given: false, done: 3, total: 3 });
  await settled();
  assert.equal(app.history.value, null);
  assert.ok(core.made('conversations').length > lists);
});

test('what this device gives changes nothing here', async () => {
  const { app, core } = await opened([conversation('c')]);
  core.when('page', () => page(5, 6));
  await app.timeline('c').open();
  const before = core.calls.length;
  core.emit('history', { device: 'x', given: true, done: 1, total: 3 });
  await settled();
  assert.ok(app.history.value?.given);
  assert.equal(core.calls.length, before);
});

test('notes have a name of the page', async () => {
  const { app, core } = await opened([conversation('n', { own: true, name: 'me@example.org' })]);
  assert.equal(app.list.get('n')?.name, 'Note to self');
  core.emit('conversation', { conversation: conversation('n', { own: true, name: 'me@example.org', unread: 1 }) });
  assert.deepEqual([app.list.get('n')?.name, app.list.get('n')?.unread], ['Note to self', 1]);
});

test('a device that was not linked begins at the welcome, and says so', async () => {
  const { app, core, world } = await opened();
  app.session.value = session('linking');
  core.when('linkResume', () => session('none', { unlinked: true }));
  await app.enter(await core.call('linkResume', {}));
  assert.equal(app.session.value.phase, 'none');
  assert.ok(app.session.value.unlinked);
  assert.equal(world.loaded, 0);
});
