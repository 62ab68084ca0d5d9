// SPDX-License-Identifier: AGPL-3.0-or-later

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
  const able = () => app.session.value?.phase === 'open' && app.session.value.protected;
  let locking = false;
  const unveil = () => {
    if (!locking) delete root.dataset.veiled;
  };
  const lock = () => {
    if (locking) return;
    locking = true;
    root.dataset.veiled = '';
    void app
      .lock()
      .catch(() => undefined)
      .finally(() => {
        locking = false;
        if (document.hasFocus()) unveil(); // it failed
      });
  };
  const late = () => {
    const after = Number(app.settings.look.value.lockAfter);
    return able() && after > 0 && Date.now() - last > after * minute;
  };
  const look = () => late() && lock();
  const alive = () => {
    if (late()) return lock(); // a device that slept has missed the time
    last = Date.now();
    if (last - told < tellEvery) return;
    told = last;
    tabs.tell('alive', null);
  };
  for (const kind of ['pointerdown', 'keydown', 'wheel', 'touchstart'])
    addEventListener(kind, alive, { passive: true, capture: true });
  tabs.on('alive', () => (last = Date.now()));
  setInterval(look, minute / 6);
  // Whoever chooses a file leaves the window for one that this page opened.
  addEventListener('click', (e) => (choosing = e.target instanceof HTMLInputElement && e.target.type === 'file'), true);
  const left = () => {
    if (!choosing && able() && app.settings.look.value.lockOnBlur === 'on') lock();
  };
  addEventListener('blur', left);
  document.addEventListener('visibilitychange', () => (document.hidden ? left() : look()));
  addEventListener('focus', () => {
    choosing = false;
    unveil();
  });
  followSystem((s) => (app.settings.system.value = s));
}
