// SPDX-License-Identifier: AGPL-3.0-or-later

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bareGif, isPhoto } from '../src/view/media';

test('a picture is known by its type, and by its name where it has none', () => {
  const is = (name: string, type: string) => isPhoto(new File([], name, { type }));
  assert.ok(
    is('a', 'image/jpeg') && is('IMG_1.JPG', '') && is('IMG_1.jpg', 'application/octet-stream') && is('x.heic', ''),
  );
  assert.ok(!is('a.jpg', 'application/pdf') && !is('notes.txt', '') && !is('jpg', ''));
});

const text = (s: string) => [...s].map((c) => c.charCodeAt(0));
const head = [...text('GIF89a'), 3, 0, 2, 1, 0x80, 0, 0, 1, 2, 3, 4, 5, 6];
const loop = [0x21, 0xff, 11, ...text('NETSCAPE2.0'), 3, 1, 0, 0, 0];
const frame = [
  0x21, 0xf9, 4, 0, 10, 0, 0, 0, 0x2c, 0, 0, 0, 0, 3, 0, 2, 0, 0x81, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 2, 2, 0x4c, 1,
  0,
];
const comment = [0x21, 0xfe, 6, ...text('secret'), 0];
const xmp = [0x21, 0xff, 11, ...text('XMP DataXMP'), 6, ...text('secret'), 0];
const gif = (...parts: number[][]) => bareGif(new Uint8Array(parts.flat()));

test('a picture that moves loses what was noted in it, and goes on moving', async () => {
  const bare = gif(head, comment, loop, xmp, frame, comment, frame, [0x3b], text('secret'));
  assert.equal(bare?.name, 'photo-3x258.gif');
  assert.deepEqual([...new Uint8Array(await bare.blob.arrayBuffer())], [head, loop, frame, frame, [0x3b]].flat());
});

test('one that does not move, or is damaged, is drawn', () => {
  assert.equal(gif(head, frame, [0x3b]), null);
  assert.equal(gif(head, frame, frame), null, 'no end');
  assert.equal(gif(head, frame, frame.slice(0, -1)), null, 'cut');
  assert.equal(gif(head, frame, [0x99], frame, [0x3b]), null, 'what no part begins with');
  assert.equal(gif(head.slice(0, 5)), null);
  assert.equal(gif([]), null);
});
