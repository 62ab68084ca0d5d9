// SPDX-License-Identifier: AGPL-3.0-or-later

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { acquire, HeldElsewhere, type Locks } from '../src/core/tab-lock';
import { settled } from './fake';

/** Locks as browsers have them, for one name. */
class OneLock implements Locks {
  private rob: (() => void) | null = null;

  async request(
    _: string,
    options: { ifAvailable?: boolean; steal?: boolean },
    fn: (lock: unknown) => Promise<void>,
  ): Promise<void> {
    if (this.rob && !options.steal) return fn(null);
    this.rob?.();
    let free = () => undefined as void;
    const robbed = new Promise<void>((_done, reject) => {
      free = this.rob = () => reject(new DOMException('stolen', 'AbortError'));
    });
    try {
      await Promise.race([fn({}), robbed]);
    } finally {
      if (this.rob === free) this.rob = null;
    }
  }
}

test('one tab holds the lock, and another can acquire it', async () => {
  const locks = new OneLock();
  const lost: string[] = [];
  const ask = (tab: string, from: 'nobody' | 'anybody') => acquire(locks, from, () => lost.push(tab));
  await ask('first', 'nobody');
  await assert.rejects(ask('second', 'nobody'), HeldElsewhere);
  const second = await ask('second', 'anybody');
  await settled();
  assert.deepEqual(lost, ['first']);
  second.leave();
  await settled();
  await ask('third', 'nobody');
  assert.deepEqual(lost, ['first'], 'who leaves has not lost it');
});

test('a browser that refuses locks says why', async () => {
  const locks: Locks = { request: () => Promise.reject(new Error('insecure')) };
  await assert.rejects(
    acquire(locks, 'nobody', () => assert.fail()),
    /insecure/,
  );
});
