// SPDX-License-Identifier: AGPL-3.0-or-later

import { signal } from '@preact/signals';

/** Names a file by its message and its number there. */
export function fileKey(message: string, index: number): string {
  return `${message}/${index}`;
}

/** Uploads and downloads that are under way. */
export class Transfers {
  /** Of each file, by its key, the part that is done: from 0 to 1. */
  readonly progress = signal<Record<string, number>>({});

  set(key: string, part: number): void {
    if (part >= 1) this.end(key);
    else this.progress.value = { ...this.progress.value, [key]: part };
  }

  /** Forgets a file, or all files of a message: none of them is under way any more. */
  end(key: string): void {
    const all = Object.entries(this.progress.value);
    const others = all.filter(([k]) => k !== key && !k.startsWith(`${key}/`));
    if (others.length < all.length) this.progress.value = Object.fromEntries(others);
  }
}
