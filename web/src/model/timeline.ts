// SPDX-License-Identifier: AGPL-3.0-or-later

import { batch, signal } from '@preact/signals';
import type { File as SentFile, Message, Page, Where } from '../core/api.gen';
import type { Core } from '../core/core';
import { dayOf } from './i18n';
import { linked } from './mention';

/** How many messages a page has, and how many stay loaded. */
export const pageSize = 30;
export const windowSize = 120;
/** How much a window may grow by what arrives, in messages and in letters of them. */
export const largest = { messages: 2 * windowSize, letters: 200_000 };
const together = 5 * 60_000;

/** A message on its way that the core has not named yet. */
export const localPrefix = 'local-';

/** What is sent beside a text. */
export interface Outgoing {
  text: string;
  replyTo: string;
  mentions: string[];
  files: Blob[];
  names: SentFile[];
}

type Change = { message: Message; fresh: boolean } | { gone: string };

/**
 * A window on one conversation's messages. It grows at the end that is near
 * and lets go of the other one. Changes may come in any order and more than
 * once.
 */
export class Timeline {
  readonly messages = signal<Message[]>([]);
  readonly state = signal<'loading' | 'ready' | 'failed'>('loading');
  readonly moreBefore = signal(false);
  readonly moreAfter = signal(false);
  /** The first message that was unread when the conversation was opened. */
  readonly firstUnread = signal('');
  /** A message to bring into view, and how often that was asked for. */
  readonly target = signal<{ id: string; n: number }>({ id: '', n: 0 });
  /** Whether the end is in view. */
  atEnd = true;
  private busy = false;
  private locals = 0;
  /** Counts windows: an answer that was asked for another one is void. */
  private turn = 0;
  private opening: Promise<void> | null = null;
  /** What changes while a page is on its way, for each such page: it may be older than that. */
  private readonly logs = new Set<Change[]>();

  constructor(
    private readonly core: Core,
    readonly id: string,
    private readonly now: () => number,
  ) {}

  /**
   * Loads the newest messages, or those around the first that is unread if
   * there are more. A window that is on its way already is as good.
   */
  open(): Promise<void> {
    return this.opening ?? this.window('', true);
  }

  /** Loads the messages around one, or the newest. */
  private window(around: string, toUnread = false): Promise<void> {
    const opening = this.load(around, toUnread, ++this.turn).finally(() => {
      if (this.opening === opening) this.opening = null;
    });
    return (this.opening = opening);
  }

  /** Loads the page before or after what is there. */
  async more(where: 'before' | 'after'): Promise<void> {
    const edge =
      where === 'before' ? this.messages.value[0] : this.messages.value.findLast((m) => !m.id.startsWith(localPrefix));
    if (this.busy || !edge || !(where === 'before' ? this.moreBefore : this.moreAfter).value) return;
    this.busy = true;
    const turn = this.turn;
    try {
      const page = await this.page(where, edge.id);
      if (turn === this.turn) batch(() => this.join(where, page));
    } catch {
      // The edge stays where it is; scrolling there again asks again.
    } finally {
      this.busy = false;
    }
  }

  /** Takes in what came before or between what is there. */
  async reread(): Promise<void> {
    if (this.state.value !== 'ready') return;
    if (this.atEnd) await this.window('');
    else this.moreBefore.value = true;
  }

  /** Goes to the end. */
  async toEnd(): Promise<void> {
    if (this.moreAfter.value) await this.window('');
    const last = this.messages.value.at(-1);
    if (last) this.show(last.id);
  }

  /** Brings a message into view, loading what is around it if need be. False if it is gone. */
  async jump(id: string): Promise<boolean> {
    const there = () => this.messages.value.some((m) => m.id === id);
    if (!there()) await this.window(id);
    if (there()) this.show(id);
    return there();
  }

  /** The own text that was written last, if it is known which that is. */
  get lastWritten(): Message | undefined {
    const last = this.moreAfter.value
      ? undefined
      : this.messages.value.findLast((m) => m.own && m.text && !m.deleted && !m.notice);
    return last?.id.startsWith(localPrefix) ? undefined : last;
  }

  /** Takes a new or changed message. */
  apply(m: Message, fresh: boolean): void {
    for (const log of this.logs) log.push({ message: m, fresh });
    if (m.deleted) this.messages.value = unquoted(this.messages.value, m.id);
    if (this.messages.value.some((o) => o.id === m.id)) {
      this.messages.value = this.messages.value.map((o) => (o.id === m.id ? m : o));
    } else if (fresh && !this.moreAfter.value && this.state.value === 'ready') this.add(m);
  }

  /**
   * Adds what arrives to a window at the end. Half of a window that is too large goes in one piece: whenever
   * its beginning changes, the browser computes the place of everything below.
   */
  private add(m: Message): void {
    const all = this.place(this.withoutSketch(m), m);
    const letters = all.reduce((sum, { text }) => sum + text.length, 0);
    const full = all.length > largest.messages || letters > largest.letters;
    if (full) (this.atEnd ? this.moreBefore : this.moreAfter).value = true;
    if (!full) this.messages.value = all;
    else if (this.atEnd) this.messages.value = all.slice(all.length >> 1);
  }

  remove(id: string): void {
    for (const log of this.logs) log.push({ gone: id });
    this.messages.value = unquoted(this.messages.value, id);
    const at = this.messages.value.findIndex((m) => m.id === id);
    if (at < 0) return;
    if (this.firstUnread.value === id) this.firstUnread.value = this.messages.value[at + 1]?.id ?? '';
    this.messages.value = this.messages.value.toSpliced(at, 1);
  }

  /** Somebody is called by another name: as an author, in notices and where they are answered. */
  rename(address: string, name: string): void {
    const theirs = new Set(this.messages.value.filter((m) => m.from === address).map((m) => m.id));
    this.messages.value = this.messages.value.map((m) => {
      const author = m.from === address;
      const whom = m.notice?.whom === address;
      const quoted = !!m.quote && theirs.has(m.replyTo);
      if (!author && !whom && !quoted) return m;
      return {
        ...m,
        ...(author && { author: name }),
        ...(whom && { notice: { ...m.notice!, name } }),
        ...(quoted && { quote: { ...m.quote!, author: name } }),
      };
    });
  }

  /** Shows a message at once and asks the core to send it. */
  async send(out: Outgoing, self: { address: string; name: string }): Promise<void> {
    const local = this.sketch(out, self);
    const sent = this.core.call(
      'send',
      {
        conversation: this.id,
        text: out.text,
        replyTo: out.replyTo,
        expire: 0,
        mentions: out.mentions,
        files: out.names,
      },
      out.files,
    );
    sent.catch(() => undefined); // it is awaited below, after the way to the end
    if (this.moreAfter.value) await this.window('');
    this.messages.value = [...this.messages.value, local];
    this.firstUnread.value = '';
    this.show(local.id);
    try {
      this.settle(local.id, (await sent).message);
    } catch (e) {
      this.messages.value = this.messages.value.filter((m) => m.id !== local.id);
      throw e;
    }
  }

  private async load(around: string, toUnread: boolean, turn: number): Promise<void> {
    const shown = this.state.value === 'ready';
    this.state.value = 'loading';
    try {
      const beginning = toUnread ? 'unread' : 'newest';
      let page = await this.page(around ? 'around' : beginning, around);
      const { firstUnread } = page;
      if (toUnread && firstUnread && !page.messages.some((m) => m.id === firstUnread))
        page = await this.page('around', firstUnread);
      if (turn === this.turn) batch(() => this.replace(page));
    } catch {
      if (turn !== this.turn) return;
      // A place that is gone takes nothing away that could be shown.
      if (shown) this.state.value = 'ready';
      else if (around) await this.load('', false, turn);
      else this.state.value = 'failed';
    }
  }

  private replace(page: Page): void {
    const pending = this.messages.value.filter((m) => m.id.startsWith(localPrefix));
    this.messages.value = page.moreAfter ? page.messages : [...page.messages, ...pending];
    this.moreBefore.value = page.moreBefore;
    this.moreAfter.value = page.moreAfter;
    this.firstUnread.value ||= page.firstUnread;
    this.state.value = 'ready';
  }

  /** The core's message takes the place of the sketch, unless an event brought it before. */
  private settle(local: string, message: Message): void {
    const rest = this.messages.value.filter((m) => m.id !== local);
    const known = this.moreAfter.value || rest.some((m) => m.id === message.id);
    this.messages.value = known ? rest : this.place(rest, message);
  }

  /** What is shown, without the sketch of a message that an event names before the core's answer does. */
  private withoutSketch(m: Message): Message[] {
    const all = this.messages.value;
    const at = m.own
      ? all.findIndex(
          (o) =>
            o.id.startsWith(localPrefix) &&
            o.text === m.text &&
            o.replyTo === m.replyTo &&
            o.attachments.length === m.attachments.length,
        )
      : -1;
    return at < 0 ? all : all.toSpliced(at, 1);
  }

  /** Puts a message where its order says; one that lies before the window stays out. */
  private place(all: Message[], m: Message): Message[] {
    const at = all.findLastIndex((o) => o.order <= m.order) + 1;
    return at === 0 && this.moreBefore.value ? all : all.toSpliced(at, 0, m);
  }

  private sketch(out: Outgoing, self: { address: string; name: string }): Message {
    const quoted = this.messages.value.find((m) => m.id === out.replyTo);
    return {
      id: `${localPrefix}${++this.locals}`,
      conversation: this.id,
      order: Number.MAX_SAFE_INTEGER,
      from: self.address,
      author: self.name,
      own: true,
      text: linked(out.text, out.mentions),
      sentAt: this.now(),
      replyTo: out.replyTo,
      quote: quoted
        ? { author: quoted.author, text: quoted.text, attachments: quoted.attachments, deleted: quoted.deleted }
        : null,
      attachments: out.names.map((f, index) => ({
        index,
        name: f.name,
        type: f.type,
        size: out.files[index]?.size ?? 0,
      })),
      reactions: [],
      mentions: out.mentions,
      mentionsMe: false,
      edited: false,
      deleted: false,
      expiresAt: 0,
      state: 'waiting',
      reason: null,
      delivered: 0,
      read: 0,
      notice: null,
    };
  }

  private join(where: 'before' | 'after', page: Page): void {
    const have = new Set(this.messages.value.map((m) => m.id));
    const fresh = page.messages.filter((m) => !have.has(m.id));
    if (where === 'before') {
      const all = [...fresh, ...this.messages.value];
      this.moreBefore.value = page.moreBefore;
      if (all.length > windowSize) this.moreAfter.value = true;
      this.messages.value = all.slice(0, windowSize);
    } else {
      const all = [...this.messages.value, ...fresh].sort((a, b) => a.order - b.order);
      this.moreAfter.value = page.moreAfter;
      if (all.length > windowSize) this.moreBefore.value = true;
      this.messages.value = all.slice(-windowSize);
    }
  }

  private show(id: string): void {
    this.target.value = { id, n: this.target.value.n + 1 };
  }

  private async page(where: Where, message: string): Promise<Page> {
    const log: Change[] = [];
    this.logs.add(log);
    try {
      const page = await this.core.call('page', { conversation: this.id, where, message, limit: pageSize });
      return { ...page, messages: log.reduce((messages, c) => changed(messages, c, !page.moreAfter), page.messages) };
    } finally {
      this.logs.delete(log);
    }
  }
}

/** What is gone stays in no answer to it. */
function unquoted(messages: Message[], id: string): Message[] {
  return messages.map((m) =>
    m.quote && m.replyTo === id ? { ...m, quote: { ...m.quote, text: '', attachments: [], deleted: true } } : m,
  );
}

function changed(messages: Message[], c: Change, toEnd: boolean): Message[] {
  if ('gone' in c) return unquoted(messages, c.gone).filter((m) => m.id !== c.gone);
  if (c.message.deleted) messages = unquoted(messages, c.message.id);
  if (messages.some((m) => m.id === c.message.id)) return messages.map((m) => (m.id === c.message.id ? c.message : m));
  return c.fresh && toEnd ? [...messages, c.message].sort((a, b) => a.order - b.order) : messages;
}

/** A line of a timeline as it is drawn. */
export type Row =
  | { kind: 'day'; key: string; at: number }
  | { kind: 'new'; key: string }
  | { kind: 'notice'; key: string; message: Message; more: Message[] }
  | { kind: 'message'; key: string; message: Message; first: boolean; last: boolean };

/** Groups messages by day, author and time. */
export function rows(messages: Message[], firstUnread: string): Row[] {
  const out: Row[] = [];
  let before: Message | undefined;
  for (const [i, m] of messages.entries()) {
    const newDay = !before || dayOf(before.sentAt) !== dayOf(m.sentAt);
    if (newDay) out.push({ kind: 'day', key: `day-${dayOf(m.sentAt)}-${m.id}`, at: m.sentAt });
    const mark = m.id === firstUnread;
    if (mark) out.push({ kind: 'new', key: 'new' });
    const above = out.at(-1);
    if (m.notice && above?.kind === 'notice' && alike(above.message, m)) above.more.push(m);
    else if (m.notice) out.push({ kind: 'notice', key: m.id, message: m, more: [] });
    else {
      const next = messages[i + 1];
      const first = newDay || mark || !joined(before, m);
      const last = !next || next.id === firstUnread || dayOf(next.sentAt) !== dayOf(m.sentAt) || !joined(m, next);
      out.push({ kind: 'message', key: m.id, message: m, first, last });
    }
    before = m;
  }
  return out;
}

/** Whether one line can tell of both: somebody added several others. */
function alike(a: Message, b: Message): boolean {
  return (
    a.notice?.kind === 'added' && b.notice?.kind === 'added' && a.from === b.from && !a.notice.self && !b.notice.self
  );
}

function joined(a: Message | undefined, b: Message): boolean {
  return !!a && !a.notice && !b.notice && a.from === b.from && Math.abs(b.sentAt - a.sentAt) < together;
}
