// SPDX-License-Identifier: AGPL-3.0-or-later

import type { App } from '../model/app';
import { followSystem } from './surroundings';

const minute = 60_000;

/** Locks after a while, or at once when the window is left; follows the system's look. */
export function guard(app: App): void {
  let last = Date.now();
  const alive = () => (last = Date.now());
  for (const kind of ['pointerdown', 'keydown', 'wheel', 'touchstart']) addEventListener(kind, alive, { passive: true, capture: true });
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
  const left = () => {
    if (able() && app.settings.look.value.lockOnBlur === 'on') {
      document.documentElement.dataset.veiled = '';
      lock();
    }
  };
  addEventListener('blur', left);
  document.addEventListener('visibilitychange', () => document.hidden && left());
  addEventListener('focus', () => delete document.documentElement.dataset.veiled);
  followSystem((s) => (app.settings.system.value = s));
}
