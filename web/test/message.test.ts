// SPDX-License-Identifier: AGPL-3.0-or-later

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sign } from '../src/view/message';

test('a reaction is one whole character, or nothing if nobody sees it', () => {
  for (const emoji of [
    '👍🏽',
    '👩🏽‍❤️‍💋‍👨🏽',
    '👨‍👩‍👧‍👦',
    '🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}',
    '🇩🇪',
    '1️⃣',
    '❤',
    'ا',
  ])
    assert.equal(sign(emoji), emoji);
  assert.equal(sign('👍 and words'), '👍');
  for (const emoji of ['', ' ', '\u200b', '\u200d', '\ufe0f', '\u202e', '\u3164'])
    assert.equal(sign(emoji), '', JSON.stringify(emoji));
});
