// SPDX-License-Identifier: AGPL-3.0-or-later

import { signal } from '@preact/signals';

export interface Toast {
  key: number;
  text: string;
  action?: { label: string; run: () => void };
}

/** How long a note stays, in milliseconds: at least, and for each letter. */
const lasting = 1500;
const perLetter = 60;

/** Short notes at the edge of the screen that go by themselves. */
export class Toasts {
  readonly list = signal<Toast[]>([]);
  private keys = 0;

  constructor(private readonly later: (fn: () => void, ms: number) => void) {}

  add(text: string, action?: Toast['action']): void {
    const key = ++this.keys;
    this.list.value = [
      ...this.list.value.filter((x) => x.text !== text).slice(-2),
      { key, text, ...(action && { action }) },
    ];
    if (!action) this.later(() => this.dismiss(key), lasting + perLetter * text.length);
  }

  dismiss(key: number): void {
    this.list.value = this.list.value.filter((x) => x.key !== key);
  }
}
