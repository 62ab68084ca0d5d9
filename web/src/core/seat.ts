// SPDX-License-Identifier: AGPL-3.0-or-later

// Where a browser has no shared workers, one tab at a time works: the one that
// has the seat.

const name = 'securecrypt seat';

/** Another tab has the seat. */
export class Elsewhere extends Error {}

/** What of the browser's locks is needed (W3C, Web Locks). */
export interface Locks {
  request(name: string, options: { ifAvailable?: boolean; steal?: boolean }, fn: (lock: unknown) => Promise<void>): Promise<void>;
}

/**
 * Takes the seat: if it is free, or from the tab that has it. Rejects with
 * Elsewhere if it is not free. Calls lost when another tab takes it.
 */
export function take(locks: Locks, from: 'nobody' | 'anybody', lost: () => void): Promise<{ leave: () => void }> {
  return new Promise((resolve, reject) => {
    let seated = false;
    const held = locks.request(name, from === 'anybody' ? { steal: true } : { ifAvailable: true }, (lock) => {
      if (!lock) return Promise.reject(new Elsewhere());
      seated = true;
      return new Promise<void>((leave) => resolve({ leave }));
    });
    held.catch((e: unknown) => (seated ? lost() : reject(e)));
  });
}

interface Marked {
  takes?: boolean;
}

/** Loads the page anew, to take the seat from whoever has it. */
export function takeAnew(): void {
  history.replaceState({ ...(history.state as object | null), takes: true }, '');
  location.reload();
}

/** Whether the page was loaded to take the seat; asked once. */
export function takes(): boolean {
  const { takes: wanted, ...rest } = (history.state ?? {}) as Marked;
  if (wanted) history.replaceState(rest, '');
  return wanted === true;
}
