// SPDX-License-Identifier: AGPL-3.0-or-later

import { effect } from '@preact/signals';
import type { App } from '../model/app';
import { followSystem } from './surroundings';

const minute = 60_000;

/** How often, in milliseconds, other tabs are told that somebody is there. */
const tellEvery = 1000;

/** Locks after a while, or at once when the window is left; follows the system's look. */
export function guard(app: App): void {
  const { tabs } = app.around;
  const root = document.documentElement;
  let last = Date.now();
  let told = 0;
  let choosing = false;
  const alive = () => {
    last = Date.now();
    if (last - told < tellEvery) return;
    told = last;
    tabs.tell('alive', null);
  };
  for (const kind of ['pointerdown', 'keydown', 'wheel', 'touchstart']) addEventListener(kind, alive, { passive: true, capture: true });
  tabs.on('alive', () => (last = Date.now()));
  const able = () => app.session.value?.phase === 'open' && app.session.value.protected;
  let locking = false;
  const lock = () => {
    if (locking) return; // a second one might come after the next unlocking
    locking = true;
    void app.lock().catch(() => undefined).finally(() => (locking = false));
  };
  setInterval(() => {
    const after = Number(app.settings.look.value.lockAfter);
    if (able() && after && Date.now() - last > after * minute) lock();
  }, minute / 6);
  // Whoever chooses a file leaves the window for one that this page opened.
  addEventListener('click', (e) => (choosing = e.target instanceof HTMLInputElement && e.target.type === 'file'), true);
  const left = () => {
    if (choosing || !able() || app.settings.look.value.lockOnBlur !== 'on') return;
    root.dataset.veiled = '';
    lock();
  };
  const unveil = () => delete root.dataset.veiled;
  addEventListener('blur', left);
  document.addEventListener('visibilitychange', () => document.hidden && left());
  addEventListener('focus', () => {
    choosing = false;
    unveil();
  });
  effect(() => void (app.session.value?.phase === 'open' || unveil()));
  // What is not noted yet is shown nowhere else.
  addEventListener('beforeunload', (e) => app.recovery.value && e.preventDefault());
  followSystem((s) => (app.settings.system.value = s));
}
