// SPDX-License-Identifier: AGPL-3.0-or-later

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { en } from '../src/locale/en';
import { messageItems } from '../src/view/actions';
import { conversation, message, opened } from './fake';

test('an own message is removed from this device where nothing can be said any more', async () => {
  const { app, core } = await opened([conversation('c')]);
  core.when('forget', () => ({})).when('delete', () => ({}));
  const remove = async (status: string, more = {}) => {
    const item = messageItems(app, conversation('c', { group: true, status }), message(1, { own: true, ...more })).at(
      -1,
    )!;
    item.run();
    const sheet = app.sheet.value;
    assert.ok(sheet?.kind === 'confirm');
    await sheet.run('');
    return [item.label, sheet.action, core.calls.at(-1)!.name];
  };
  assert.deepEqual(await remove('active'), [en.delete, en.delete, 'delete']);
  assert.deepEqual(await remove('left'), [en.forget, en.forget, 'forget']);
  assert.deepEqual(await remove('active', { deleted: true }), [en.forget, en.forget, 'forget']);
});
