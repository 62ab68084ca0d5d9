// SPDX-License-Identifier: AGPL-3.0-or-later

import { signal } from '@preact/signals';
import type { Conversation, Member, Message } from '../core/api.gen';
import type { Core } from '../core/core';
import { fold } from './text';

/** A file that waits to be sent with the next message. */
export interface Card {
  key: number;
  blob: Blob;
  name: string;
  type: string;
  /** Address of a picture of it, to be released with the card. */
  preview: string;
}

/** The most files that one message carries. */
export const mostFiles = 10;

/** What is being written in one conversation. */
export class Composer {
  readonly text = signal('');
  readonly reply = signal<Message | null>(null);
  readonly editing = signal<Message | null>(null);
  readonly cards = signal<Card[]>([]);
  readonly problem = signal('');
  private readonly mentioned = new Map<string, string>();
  private saved = '';
  private keys = 0;

  constructor(
    private readonly core: Core,
    readonly id: string,
    private readonly release: (url: string) => void,
  ) {}

  /** Takes up a draft, unless something is being written. */
  restore(c: Conversation): void {
    if (this.text.value || this.editing.value) return;
    this.text.value = this.saved = c.draft;
  }

  /** Keeps what is written, if it has changed. */
  async save(): Promise<void> {
    if (this.editing.value) return;
    const replyTo = this.reply.value?.id ?? '';
    const now = this.text.value + '\0' + replyTo;
    if (now === this.saved || (!this.text.value && this.saved === '')) return;
    this.saved = now;
    await this.core.call('saveDraft', { conversation: this.id, text: this.text.value, replyTo });
  }

  answer(m: Message): void {
    this.editing.value = null;
    this.reply.value = m;
  }

  edit(m: Message): void {
    this.reply.value = null;
    this.editing.value = m;
    this.text.value = m.text;
  }

  /** Takes back the answer or the edit; false if there was neither. */
  cancel(): boolean {
    if (this.editing.value) {
      this.editing.value = null;
      this.text.value = '';
      return true;
    }
    const had = this.reply.value !== null;
    this.reply.value = null;
    return had;
  }

  attach(blob: Blob, name: string, preview: string): boolean {
    if (this.cards.value.length >= mostFiles) return false;
    this.cards.value = [...this.cards.value, { key: ++this.keys, blob, name, type: blob.type || 'application/octet-stream', preview }];
    return true;
  }

  detach(key: number): void {
    for (const c of this.cards.value) if (c.key === key && c.preview) this.release(c.preview);
    this.cards.value = this.cards.value.filter((c) => c.key !== key);
  }

  mention(m: Member): void {
    this.mentioned.set(`@${m.name}`, m.address);
  }

  /** The addresses whose mentions are still in the text. */
  mentions(): string[] {
    return [...this.mentioned].filter(([name]) => this.text.value.includes(name)).map(([, address]) => address);
  }

  /** Empties the field and returns what was in it. */
  take(): { text: string; replyTo: string; mentions: string[]; files: Blob[]; names: { name: string; type: string }[] } {
    const cards = this.cards.value;
    const taken = {
      text: this.text.value.trim(),
      replyTo: this.reply.value?.id ?? '',
      mentions: this.mentions(),
      files: cards.map((c) => c.blob),
      names: cards.map((c) => ({ name: c.name, type: c.type })),
    };
    for (const c of cards) if (c.preview) this.release(c.preview);
    this.text.value = '';
    this.reply.value = null;
    this.cards.value = [];
    this.mentioned.clear();
    return taken;
  }

  get empty(): boolean {
    return this.text.value.trim() === '' && this.cards.value.length === 0;
  }
}

/** The word behind an @ that ends at the cursor, or null. */
export function mentionAt(text: string, cursor: number): string | null {
  const found = /(?:^|[\s(])@([^\s@]{0,40})$/.exec(text.slice(0, cursor));
  return found ? found[1]! : null;
}

/** Members whose name or address fits what was typed behind an @. */
export function candidates(members: Member[], typed: string, most = 6): Member[] {
  const wanted = fold(typed);
  return members.filter((m) => !m.self && (fold(m.name).split(/\s+/).some((w) => w.startsWith(wanted)) || m.address.startsWith(wanted))).slice(0, most);
}
