// SPDX-License-Identifier: AGPL-3.0-or-later

// In browsers without shared workers, only one tab works at a time: the one that
// holds the tab lock.

const name = 'securecrypt seat'; // tabs of older builds use this name

/** Another tab holds the tab lock. */
export class HeldElsewhere extends Error {}

/** What of the browser's locks is needed (W3C, Web Locks). */
export interface Locks {
  request(
    name: string,
    options: { ifAvailable?: boolean; steal?: boolean },
    fn: (lock: unknown) => Promise<void>,
  ): Promise<void>;
}

/**
 * Acquires the tab lock: if it is free, or from the tab that holds it. Rejects
 * with HeldElsewhere if it is not free. Calls lost when another tab acquires it.
 */
export function acquire(locks: Locks, from: 'nobody' | 'anybody', lost: () => void): Promise<{ leave: () => void }> {
  return new Promise((resolve, reject) => {
    let acquired = false;
    const held = locks.request(name, from === 'anybody' ? { steal: true } : { ifAvailable: true }, (lock) => {
      if (!lock) return Promise.reject(new HeldElsewhere());
      acquired = true;
      return new Promise<void>((leave) => resolve({ leave }));
    });
    held.catch((e: unknown) => (acquired ? lost() : reject(e)));
  });
}

interface Marked {
  takes?: boolean;
}

/** Reloads the page, which then acquires the lock from the tab that holds it. */
export function reacquire(): void {
  history.replaceState({ ...(history.state as object | null), takes: true }, '');
  location.reload();
}

/** Reports, once, whether the page was reloaded to acquire the lock. */
export function reacquires(): boolean {
  const { takes: wanted, ...rest } = (history.state ?? {}) as Marked;
  if (wanted) history.replaceState(rest, '');
  return wanted === true;
}
