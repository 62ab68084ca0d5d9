// SPDX-License-Identifier: AGPL-3.0-or-later

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { speak } from '../src/model/i18n';
import { muteEnd, muteLengths, muteUntil } from '../src/model/mute';
import { noon } from './fake';

test('a mute says when it ends', async () => {
  const says = () => muteLengths.map((length) => muteEnd(muteUntil(length, noon), noon).replace(/\s/g, ' '));
  assert.deepEqual(says(), ['Until 1:00 PM', 'Until 8:00 PM', 'Until January 21 at 12:00 PM', 'Always']);
  await speak('de');
  assert.deepEqual(says().slice(2), ['Bis 21. Januar um 12:00', 'Immer']);
  await speak('en');
});

test('a mute for ever is a time that dates can hold', () => {
  assert.ok(!Number.isNaN(new Date(muteUntil(Infinity, noon)).getTime()));
  assert.equal(muteUntil(muteLengths[0]!, noon), noon + 3_600_000);
});
