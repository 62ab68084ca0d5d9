// SPDX-License-Identifier: AGPL-3.0-or-later

import { computed, signal } from '@preact/signals';
import type { Conversation } from '../core/api.gen';
import { t } from './i18n';
import { fold } from './text';

/** Runs something soon, once for many changes. */
export type Schedule = (fn: () => void) => void;

/**
 * All conversations, and the parts of them that lists show: pinned first, then
 * the latest; archived ones and requests apart.
 */
export class List {
  readonly state = signal<'loading' | 'ready' | 'failed'>('loading');
  readonly query = signal('');
  private readonly all = new Map<string, Conversation>();
  private readonly version = signal(0);
  private scheduled = false;
  /** What changes while the list is on its way, which may be older than that. */
  private readonly since = new Map<string, Conversation | null>();

  constructor(
    private readonly schedule: Schedule,
    private readonly now: () => number,
  ) {}

  readonly sorted = computed(() => {
    void this.version.value;
    return [...this.all.values()].sort(byPlace);
  });
  readonly main = computed(() => this.filtered((c) => c.status !== 'request' && !c.archived && !silent(c)));
  readonly archived = computed(() => this.filtered((c) => c.status !== 'request' && c.archived));
  readonly requests = computed(() => this.sorted.value.filter((c) => c.status === 'request'));
  readonly unread = computed(() => this.sorted.value.reduce((n, c) => n + (counts(c, this.now()) ? 1 : 0), 0));

  get(id: string): Conversation | undefined {
    void this.version.value;
    return this.all.get(id);
  }

  /** The conversation with a person; one that is over only if there is no other. */
  withPeer(address: string): Conversation | undefined {
    const all = this.sorted.value.filter((c) => !c.group && c.peer === address);
    return all.find((c) => c.status === 'active') ?? all[0];
  }

  /** Shows what the list begins with until all of it is there. */
  begin(conversations: Conversation[]): void {
    if (this.state.value === 'ready') return;
    for (const c of conversations) if (!this.since.has(c.id)) this.all.set(c.id, titled(c));
    this.version.value++;
  }

  fill(conversations: Conversation[]): void {
    this.all.clear();
    for (const c of conversations) this.all.set(c.id, titled(c));
    for (const [id, c] of this.since) {
      if (c) this.all.set(id, titled(c));
      else this.all.delete(id);
    }
    this.since.clear();
    this.state.value = 'ready';
    this.version.value++;
  }

  put(c: Conversation): void {
    if (this.state.value !== 'ready') this.since.set(c.id, c);
    this.all.set(c.id, titled(c));
    this.changed();
  }

  remove(id: string): void {
    if (this.state.value !== 'ready') this.since.set(id, null);
    if (this.all.delete(id)) this.changed();
  }

  /** Somebody is called by another name. */
  rename(address: string, name: string): void {
    for (const c of this.all.values())
      if (c.last?.from === address) this.put({ ...c, last: { ...c.last, author: name } });
  }

  /** The page's language is another, in which it names the notes. */
  retitle(): void {
    for (const c of this.all.values()) if (c.own) this.put(c);
  }

  /** The neighbour of a conversation in the list, step rows away. */
  neighbour(id: string, step: number): Conversation | undefined {
    const rows = this.main.value;
    const at = rows.findIndex((c) => c.id === id);
    return at < 0 ? rows[0] : rows[Math.min(rows.length - 1, Math.max(0, at + step))];
  }

  private filtered(keep: (c: Conversation) => boolean): Conversation[] {
    const wanted = fold(this.query.value.trim());
    return this.sorted.value.filter(
      (c) => keep(c) && (!wanted || fold(c.name).includes(wanted) || c.peer.includes(wanted)),
    );
  }

  private changed(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    this.schedule(() => {
      this.scheduled = false;
      this.version.value++;
    });
  }
}

/** The notes to oneself have a name of the page's. */
function titled(c: Conversation): Conversation {
  return c.own ? { ...c, name: t('notes') } : c;
}

/** Whether a conversation counts as unread outside of itself. */
export function counts(c: Conversation, now: number): boolean {
  return c.unread > 0 && !c.archived && (c.mutedUntil <= now || c.mentioned);
}

/** Somebody was looked up, and nothing was said to them: they are a contact, and nothing to go back to. Notes are alike. */
function silent(c: Conversation): boolean {
  return c.empty && (c.unanswered || c.own) && !c.draft && !c.pinned;
}

function byPlace(a: Conversation, b: Conversation): number {
  if (a.pinned !== b.pinned) return a.pinned ? -1 : 1;
  return b.activity - a.activity || (a.id < b.id ? -1 : 1);
}
