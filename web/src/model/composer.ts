// SPDX-License-Identifier: AGPL-3.0-or-later

import { signal } from '@preact/signals';
import type { Conversation, Member, Message } from '../core/api.gen';
import type { Core } from '../core/core';
import { unlinked } from './mention';

/** A file that waits to be sent with the next message. */
export interface Card {
  key: number;
  blob: Blob;
  name: string;
  type: string;
  /** Address of a picture of it, to be released with the card. */
  preview: string;
}

/** What was in the field when it was sent. */
export interface Taken extends Letter {
  cards: Card[];
}

/** A message that is being written, but for its files. */
interface Letter {
  text: string;
  reply: Message | null;
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
  /** Who can be mentioned, once that is known. */
  readonly members = signal<Member[] | null>(null);
  private saved = draftKey('', '');
  /** The draft that the core told of last. */
  private told = this.saved;
  /** What was being written before an edit began. */
  private aside: Letter = { text: '', reply: null };
  private keys = 0;
  /** What was sent and is not stored yet: until then it is a draft, if it would go with the page. */
  private readonly onWay: Taken[] = [];

  constructor(
    private readonly core: Core,
    readonly id: string,
    private readonly release: (url: string) => void,
  ) {}

  /** Takes up a draft, unless something is being written. */
  async restore(c: Conversation): Promise<void> {
    if (this.text.value || this.editing.value || this.reply.value || !c.draft) return;
    await this.takeUp(c);
  }

  /**
   * Takes over the draft of another tab, unless something was written here since.
   * Until the core tells of what was kept here, what it tells may be older.
   */
  async follow(c: Conversation): Promise<void> {
    const current = this.told === this.saved;
    this.told = draftKey(c.draft, c.draftReply);
    if (current && this.told !== this.saved && !this.changed) await this.takeUp(c);
  }

  private async takeUp(c: Conversation): Promise<void> {
    this.saved = this.told = draftKey(c.draft, c.draftReply);
    this.letter = { text: c.draft, reply: null };
    if (!c.draftReply) return;
    const answered = await this.core
      .call('message', { conversation: this.id, message: c.draftReply })
      .catch(() => null);
    if (answered && this.letter.text === c.draft && !this.letter.reply)
      this.letter = { text: c.draft, reply: answered };
  }

  /** What the next message says, whether or not an edit hides it. */
  private get letter(): Letter {
    return this.editing.value ? this.aside : { text: this.text.value, reply: this.reply.value };
  }

  private set letter(letter: Letter) {
    if (this.editing.value) this.aside = letter;
    else [this.text.value, this.reply.value] = [letter.text, letter.reply];
  }

  /** What would be a draft if the page went. */
  private get draft(): [text: string, replyTo: string] {
    const onWay = this.core.outlives ? [] : this.onWay;
    const text = joined(...onWay.map((x) => x.text), this.letter.text);
    return [text, (text && (onWay[0] ?? this.letter).reply?.id) || ''];
  }

  /** Whether something was sent and is not stored yet. */
  get sending(): boolean {
    return this.onWay.length > 0;
  }

  /** Whether there is something to be kept. */
  get changed(): boolean {
    return draftKey(...this.draft) !== this.saved;
  }

  /** Keeps what is written, if it has changed. */
  async save(): Promise<void> {
    const [text, replyTo] = this.draft;
    const before = this.saved;
    const now = draftKey(text, replyTo);
    if (now === before) return;
    this.saved = now;
    try {
      await this.core.call('saveDraft', { conversation: this.id, text, replyTo });
    } catch (e) {
      if (this.saved === now) this.saved = before;
      throw e;
    }
  }

  answer(m: Message): void {
    this.endEdit();
    this.reply.value = m;
  }

  edit(m: Message): void {
    this.aside = this.letter;
    this.reply.value = null;
    this.editing.value = m;
    this.text.value = unlinked(m);
  }

  /** Takes back the answer or the edit; false if there was neither. */
  cancel(): boolean {
    if (this.endEdit()) return true;
    const had = this.reply.value !== null;
    this.reply.value = null;
    return had;
  }

  /** Lets go of a message that is gone. */
  lose(id: string): void {
    if (this.editing.value?.id === id) this.endEdit();
    if (this.letter.reply?.id === id) this.letter = { ...this.letter, reply: null };
  }

  private endEdit(): boolean {
    if (!this.editing.value) return false;
    this.editing.value = null;
    this.letter = this.aside;
    return true;
  }

  attach(blob: Blob, name: string, preview: string): boolean {
    if (this.cards.value.length >= mostFiles) return false;
    this.cards.value = [
      ...this.cards.value,
      { key: ++this.keys, blob, name, type: blob.type || 'application/octet-stream', preview },
    ];
    return true;
  }

  detach(key: number): void {
    this.drop(this.cards.value.filter((c) => c.key === key));
    this.cards.value = this.cards.value.filter((c) => c.key !== key);
  }

  /** Adds a text below what is being written, which takes the place of an edit. */
  append(text: string): void {
    this.endEdit();
    this.text.value = joined(this.text.value, text);
  }

  /** The addresses that a text may mention. */
  get others(): string[] {
    return (this.members.value ?? []).filter((m) => !m.self).map((m) => m.address);
  }

  /** Ends an edit and returns it; what was written before comes back, and cards stay. */
  takeEdit(): { message: Message; text: string } | null {
    const message = this.editing.value;
    const text = this.text.value.trim();
    return this.endEdit() ? { message: message!, text } : null;
  }

  /** Takes what is to be sent; an edit goes on. */
  take(): Taken {
    const taken = { text: this.letter.text.trim(), reply: this.letter.reply, cards: this.cards.value };
    this.letter = { text: '', reply: null };
    this.cards.value = [];
    this.onWay.push(taken);
    return taken;
  }

  /** What was taken is stored. */
  sent(taken: Taken): Promise<void> {
    this.onWay.splice(this.onWay.indexOf(taken), 1);
    this.drop(taken.cards);
    return this.save();
  }

  /** Puts back what could not be sent, before what has been written since. */
  giveBack(taken: Taken): void {
    this.onWay.splice(this.onWay.indexOf(taken), 1);
    const { text, reply } = this.letter;
    this.letter = { text: joined(taken.text, text), reply: reply ?? taken.reply };
    this.cards.value = [...taken.cards, ...this.cards.value];
  }

  /** Lets go of the pictures of cards. */
  drop(cards: Card[]): void {
    for (const c of cards) if (c.preview) this.release(c.preview);
  }

  get empty(): boolean {
    return this.editing.value ? !this.text.value.trim() : this.silent;
  }

  /** Whether there is nothing to be sent. */
  get silent(): boolean {
    return !this.letter.text.trim() && !this.cards.value.length;
  }
}

function joined(...texts: string[]): string {
  return texts.filter((s) => s.trim()).join('\n\n');
}

function draftKey(text: string, replyTo: string): string {
  return `${text}\0${replyTo}`;
}
