// SPDX-License-Identifier: AGPL-3.0-or-later

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settled } from './fake';

/** A database with one table, whose transactions commit unless they are aborted. */
class Database {
  kept = new Map<string, unknown>();
  /** Browsers refuse to store some values, by throwing. */
  refuses: (value: unknown) => boolean = () => false;

  open() {
    const request = { result: this, onsuccess: () => undefined as void };
    setImmediate(() => request.onsuccess());
    return request;
  }
  close() {}

  transaction() {
    const next = new Map(this.kept);
    const t = {
      error: null,
      aborted: false,
      oncomplete: () => undefined as void,
      onabort: () => undefined as void,
      abort: () => void (t.aborted = true),
      objectStore: () => ({
        clear: () => next.clear(),
        put: (value: unknown, key: string) => {
          if (this.refuses(value)) throw new DOMException('', 'DataCloneError');
          next.set(key, value);
        },
        get: (key: string) => {
          const request = { result: this.kept.get(key), onsuccess: () => undefined as void };
          setImmediate(() => request.onsuccess());
          return request;
        },
      }),
    };
    setImmediate(() => {
      if (t.aborted) return t.onabort();
      this.kept = next;
      t.oncomplete();
    });
    return t;
  }
}

const db = new Database();
Object.assign(globalThis, { indexedDB: db });

test('where the browser refuses to store keys, the bytes of one are stored', async () => {
  const { keys, seal, setKeys, unseal } = await import('../src/worker/device');
  for (const refuses of [false, true]) {
    db.refuses = (value) => refuses && value instanceof CryptoKey;
    const sealed = await seal(new Uint8Array([4, 5, 6]));
    assert.equal(db.kept.has('device'), false, 'trying stores nothing');
    await setKeys(sealed);
    assert.equal(db.kept.get('device') instanceof CryptoKey, !refuses);
    assert.deepEqual(await unseal((await keys()) as Uint8Array<ArrayBuffer>), new Uint8Array([4, 5, 6]));
    await setKeys(null);
  }
});

test('a key that cannot be stored leaves those that were there', async () => {
  const { seal, setKeys } = await import('../src/worker/device');
  const before = new Uint8Array([1, 2, 3]);
  await setKeys(before);
  db.refuses = () => false;
  const sealed = await seal(new Uint8Array([4]));
  db.refuses = (value) => value instanceof CryptoKey;
  await assert.rejects(setKeys(sealed), { name: 'DataCloneError' });
  await settled(); // what is to be committed is, by now
  assert.deepEqual([...db.kept.values()], [before]);
  db.refuses = () => false;
  await setKeys(sealed);
  assert.equal(db.kept.size, 2);
});
