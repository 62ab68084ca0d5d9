// SPDX-License-Identifier: AGPL-3.0-or-later

import { signal } from '@preact/signals';
import type { Message } from '../core/api.gen';
import type { Core } from '../core/core';

/** Messages that hold what was searched for. What goes leaves them. */
export class Search {
  /** Null until there is an answer. */
  readonly found = signal<Message[] | null>(null);
  private turn = 0;
  /** What went since the question, while there is one: the answer may be older. */
  private gone: ((m: Message) => boolean)[] | null = null;

  constructor(private readonly core: Core) {}

  clear(): void {
    this.turn++;
    this.gone = this.found.value = null;
  }

  async ask(text: string): Promise<void> {
    this.clear();
    const { turn } = this;
    const gone = (this.gone = [] as ((m: Message) => boolean)[]);
    const messages = await this.core.call('search', { text, conversation: '', limit: 40 }).then(
      (f) => f.messages,
      () => [],
    );
    if (turn !== this.turn) return;
    this.found.value = messages.filter((m) => !gone.some((of) => of(m)));
    this.gone = null;
  }

  drop(gone: (m: Message) => boolean): void {
    this.gone?.push(gone);
    if (this.found.value) this.found.value = this.found.value.filter((m) => !gone(m));
  }
}
