// SPDX-License-Identifier: AGPL-3.0-or-later

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { App } from '../src/model/app';
import { Settings } from '../src/model/settings';
import { Waking, type Push, type Subscription } from '../src/model/wake';
import { FakeCore, session, stored, World } from './fake';

/** A browser whose push service is of the test. */
class FakePush implements Push {
  granted = true;
  reachable = true;
  asked = 0;
  made = 0;
  subscription: Subscription | null = null;
  kept = '';

  async allowed(ask: boolean): Promise<boolean> {
    if (ask) this.asked++;
    return this.granted;
  }
  async current(): Promise<Subscription | null> {
    return this.subscription;
  }
  async subscribe(key: string): Promise<Subscription> {
    if (!this.reachable) throw new Error('AbortError');
    return (this.subscription = { key, endpoint: `https://push.example/${++this.made}` });
  }
  async stop(): Promise<void> {
    this.subscription = null;
  }
  async keep(text: string): Promise<void> {
    this.kept = text;
  }
}

function waking(
  on = false,
  push: FakePush | null = new FakePush(),
): { w: Waking; core: FakeCore; push: FakePush; s: Settings } {
  const core = new FakeCore()
    .when('wakeKey', () => ({ key: 'KEY', endpoint: '' }))
    .when('setWake', ({ endpoint }) => stored({ waking: endpoint !== '' }));
  const world = new World();
  const s = new Settings(core, world.shelf, world.system, world.tabs);
  s.stored.value = { ...s.stored.value, waking: on };
  return { w: new Waking(core, s, push, () => 'New message'), core, push: push ?? new FakePush(), s };
}

test('who switches it on is subscribed with the key of their server', async () => {
  const { w, core, push } = waking();
  const work = w.set(true);
  assert.ok(w.busy.value);
  await work;
  assert.ok(!w.busy.value && w.on);
  assert.equal(w.problem.value, '');
  assert.deepEqual(push.subscription, { key: 'KEY', endpoint: 'https://push.example/1' });
  assert.deepEqual(core.made('setWake'), [{ key: '', endpoint: 'https://push.example/1' }]);
  assert.deepEqual([push.asked, push.kept], [1, 'New message']);
  await w.set(false);
  assert.ok(!w.on && !push.subscription);
  assert.deepEqual(core.made('setWake').at(-1), { key: '', endpoint: '' });
});

test('what stands in the way is said, and nothing is left of it', async () => {
  for (const [want, hinder] of [
    ['notify.denied', (x) => (x.push.granted = false)],
    ['wake.server', (x) => x.core.when('wakeKey', () => ({ key: '', endpoint: '' }))],
    ['wake.unreachable', (x) => (x.push.reachable = false)],
    ['wake.refused', (x) => x.core.when('setWake', () => stored())],
  ] as [string, (x: ReturnType<typeof waking>) => unknown][]) {
    const x = waking();
    hinder(x);
    await x.w.set(true);
    assert.equal(x.w.problem.value, want);
    assert.ok(!x.w.on && !x.push.subscription && !x.w.busy.value, want);
  }
  const none = waking(false, null);
  await none.w.set(true);
  assert.equal(none.w.problem.value, 'wake.unsupported');
  const away = waking();
  away.core.fail('wakeKey', 'offline');
  await assert.rejects(away.w.set(true), { code: 'offline' });
  assert.ok(!away.w.busy.value && !away.w.on);
});

test('at the start the subscription is brought in step', async () => {
  const kept = waking(true);
  kept.push.subscription = { key: 'KEY', endpoint: 'https://push.example/old' };
  await kept.w.check();
  assert.deepEqual(kept.core.made('setWake'), [{ key: '', endpoint: 'https://push.example/old' }]);
  assert.equal(kept.push.asked, 0);

  const other = waking(true); // the server has another key than it had
  other.push.subscription = { key: 'OLD', endpoint: 'https://push.example/old' };
  await other.w.check();
  assert.deepEqual(other.core.made('setWake'), [{ key: '', endpoint: 'https://push.example/1' }]);

  const denied = waking(true);
  denied.push.granted = false;
  await denied.w.check();
  assert.deepEqual(denied.core.made('setWake'), [{ key: '', endpoint: '' }]);
  assert.equal(denied.w.problem.value, 'notify.denied');
  assert.ok(!denied.w.on);

  const off = waking(); // another profile had it
  off.push.subscription = { key: 'KEY', endpoint: 'https://push.example/old' };
  await off.w.check();
  assert.equal(off.push.subscription, null);
  assert.deepEqual(off.core.calls, []);

  const away = waking(true);
  away.push.subscription = { key: 'KEY', endpoint: 'https://push.example/old' };
  away.core.fail('wakeKey', 'offline');
  await assert.rejects(away.w.check(), { code: 'offline' });
  assert.ok(away.w.on && away.push.subscription);
});

test('an erased profile is woken no more', async () => {
  const world = new World();
  const push = new FakePush();
  world.push = push;
  push.subscription = { key: 'KEY', endpoint: 'https://push.example/1' };
  const app = new App(
    new FakeCore().when('hello', () => session('none')),
    world,
  );
  await app.start();
  assert.equal(push.subscription, null);
  assert.equal(app.session.value?.phase, 'none');
});
