// SPDX-License-Identifier: AGPL-3.0-or-later

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { opened } from './fake';

test('a remedy that fails says why', async () => {
  const { app, core } = await opened();
  core.emit('trouble', { kind: 'copied', ahead: 0, at: 0 });
  core.fail('takeOver', 'failed', 'the server refused');
  await app.trouble.remedy(app.trouble.kind.value)!();
  assert.deepEqual(
    app.toasts.list.value.map((x) => x.text),
    ['The server refused.'],
  );
  assert.equal(app.trouble.remedy('clock'), undefined);
});
