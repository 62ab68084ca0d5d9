// SPDX-License-Identifier: AGPL-3.0-or-later

import { signal } from '@preact/signals';

/** How long, in milliseconds, somebody counts as typing if nothing more is heard. */
const timeout = 6000;

/** Who is typing. */
export class Typing {
  /** Of each conversation the people who are typing in it: their addresses and names. */
  readonly people = signal<Record<string, Record<string, string>>>({});
  /** The latest typing event per person. */
  private readonly latest = new Map<string, object>();

  constructor(private readonly later: (fn: () => void, ms: number) => void) {}

  /** Takes in that somebody types, or has stopped. */
  set(conversation: string, from: string, author: string, on: boolean): void {
    const now = this.people.value[conversation] ?? {};
    const { [from]: _, ...others } = now;
    if (!on && !Object.hasOwn(now, from)) return;
    this.people.value = { ...this.people.value, [conversation]: on ? { ...others, [from]: author } : others };
    const key = `${conversation}\0${from}`;
    this.latest.delete(key);
    if (!on) return;
    const event = {};
    this.latest.set(key, event);
    this.later(() => this.latest.get(key) === event && this.set(conversation, from, author, false), timeout);
  }
}
