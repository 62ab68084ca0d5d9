// SPDX-License-Identifier: AGPL-3.0-or-later

// A core that answers as a test tells it to, and whose events a test makes.

import assert from 'node:assert/strict';
import type {
  Calls,
  Conversation,
  ErrorCode,
  Events,
  Member,
  Message,
  Notice,
  Page,
  Session,
  Settings,
} from '../src/core/api.gen';
import { type Core, CoreError } from '../src/core/core';
import { App, type Surroundings } from '../src/model/app';
import type { News, Tabs } from '../src/model/settings';
import type { Push } from '../src/model/wake';

type Handler = (params: never, files: Blob[]) => unknown;

export class FakeCore implements Core {
  /** Every call that was made, with its parameters. */
  readonly calls: { name: string; params: unknown; files: Blob[] }[] = [];
  private readonly handlers = new Map<string, Handler>();
  private readonly listeners = new Map<string, Set<(event: never) => void>>();

  /** Says how a call is answered. */
  when<K extends keyof Calls>(
    name: K,
    answer: (params: Calls[K][0], files: Blob[]) => Calls[K][1] | Promise<Calls[K][1]>,
  ): this {
    this.handlers.set(name, answer);
    return this;
  }

  /** Lets a call fail. */
  fail(name: keyof Calls, code: ErrorCode, text = ''): this {
    this.handlers.set(name, () => Promise.reject(new CoreError(code, text)));
    return this;
  }

  /** Lets a call wait; the returned functions end it. */
  hold<K extends keyof Calls>(name: K): Held<Calls[K][1]>[] {
    const held: Held<Calls[K][1]>[] = [];
    this.handlers.set(
      name,
      (params) => new Promise((resolve, reject) => held.push({ params, resolve: resolve, reject })),
    );
    return held;
  }

  async call<K extends keyof Calls>(name: K, params: Calls[K][0], files: Blob[] = []): Promise<Calls[K][1]> {
    this.calls.push({ name, params, files });
    const handler = this.handlers.get(name);
    if (!handler) throw new Error(`the test does not expect the call ${name}`);
    return (await handler(params as never, files)) as Calls[K][1];
  }

  attachment(): Promise<Blob> {
    return Promise.reject(new Error('the test does not expect attachments'));
  }

  on<K extends keyof Events>(name: K, fn: (event: Events[K]) => void): () => void {
    const all = this.listeners.get(name) ?? new Set();
    this.listeners.set(name, all.add(fn));
    return () => all.delete(fn);
  }

  outlives = false;
  leave(): void {}

  emit<K extends keyof Events>(name: K, event: Events[K]): void {
    this.listeners.get(name)?.forEach((fn) => fn(event as never));
  }

  made(name: keyof Calls): unknown[] {
    return this.calls.filter((c) => c.name === name).map((c) => c.params);
  }
}

export interface Held<A> {
  params: unknown;
  resolve(answer: A): void;
  reject(reason: Error): void;
}

/** Lets everything that is ready to run do so. */
export function settled(): Promise<void> {
  return new Promise((done) => setImmediate(done));
}

export function message(order: number, more: Partial<Message> = {}): Message {
  return {
    id: `m${order}`,
    conversation: 'c',
    order,
    from: 'ana@example.org',
    author: 'Ana',
    own: false,
    text: `text ${order}`,
    sentAt: noon + order * 1000,
    replyTo: '',
    quote: null,
    attachments: [],
    reactions: [],
    mentions: [],
    mentionsMe: false,
    edited: false,
    deleted: false,
    expiresAt: 0,
    state: 'read',
    reason: null,
    delivered: 0,
    read: 0,
    notice: null,
    ...more,
  };
}

/** Somebody left. */
export const leaving: Notice = { kind: 'left', whom: '', name: '', self: false, title: '', timer: 0, role: 'member' };

/** A noon where the test runs, far from any change of the clocks. */
export const noon = new Date(2026, 0, 14, 12).getTime();

export function page(from: number, to: number, more: Partial<Page> = {}): Page {
  const messages = Array.from({ length: to - from + 1 }, (_, i) => message(from + i));
  return { messages, moreBefore: false, moreAfter: false, firstUnread: '', ...more };
}

export function conversation(id: string, more: Partial<Conversation> = {}): Conversation {
  return {
    id,
    group: false,
    name: id,
    peer: `${id}@example.org`,
    status: 'active',
    reason: null,
    inviter: '',
    confirmed: true,
    unread: 0,
    mentioned: false,
    activity: 0,
    waiting: 0,
    timer: 0,
    pinned: false,
    archived: false,
    mutedUntil: 0,
    draft: '',
    draftReply: '',
    members: 2,
    verified: false,
    unanswered: false,
    own: false,
    empty: false,
    last: null,
    ...more,
  };
}

export function member(name: string, more: Partial<Member> = {}): Member {
  return {
    address: `${name.toLowerCase()}@example.org`,
    name,
    role: 'member',
    self: false,
    verified: false,
    confirmed: true,
    ...more,
  };
}

export function session(phase: Session['phase'], more: Partial<Session> = {}): Session {
  return {
    version: 1,
    phase,
    protected: true,
    duress: false,
    address: 'me@example.org',
    name: 'Me',
    registered: true,
    host: 'example.org',
    recovery: '',
    unlinked: false,
    ...more,
  };
}

/** The settings of a new profile. */
export function stored(more: Partial<Settings> = {}): Settings {
  return { readReports: true, deliveryReports: true, typing: true, timer: 0, interface: {}, waking: false, ...more };
}

/** The surroundings of an application, with a clock and a history of the test's own. */
export class World implements Surroundings {
  time = noon;
  hash = '';
  released: string[] = [];
  shelved = new Map<string, string>();
  system = { dark: false, contrast: false, still: false, languages: ['en'] };
  private timers: { at: number; fn: () => void }[] = [];
  private entries: { state: unknown; url: string }[] = [{ state: null, url: '/' }];
  readonly history = this.makeHistory();
  readonly shelf = {
    getItem: (key: string) => this.shelved.get(key) ?? null,
    setItem: (key: string, value: string) => void this.shelved.set(key, value),
  };

  now = () => this.time;
  later = (fn: () => void, ms: number) => void this.timers.push({ at: this.time + ms, fn });
  soon = (fn: () => void) => fn();
  asked = 0;
  keep = () => void this.asked++;
  loaded = 0;
  reload = () => void this.loaded++;
  away = false;
  hidden = () => this.away;
  release = (url: string) => void this.released.push(url);
  push: Push | null = null;
  /** What was told to other tabs, and who hears what these say. */
  told: unknown[] = [];
  readonly hearers: Partial<{ [K in keyof News]: (news: News[K]) => void }> = {};
  readonly tabs: Tabs = {
    tell: (kind, news) => void this.told.push([kind, news]),
    on: (kind, fn) => void Object.assign(this.hearers, { [kind]: fn }),
  };

  /** The places in the history, the present one last, behind addresses that tell nothing of them. */
  get places(): string[] {
    assert.ok(this.entries.every((e) => e.url === '/'));
    return this.entries.map((e) => (e.state as { path?: string } | null)?.path ?? '/');
  }

  /** Lets time pass, and what was planned for it happen. */
  pass(ms: number): void {
    const end = this.time + ms;
    for (;;) {
      const next = this.timers.filter((t) => t.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.timers = this.timers.filter((t) => t !== next);
      this.time = next.at;
      next.fn();
    }
    this.time = end;
  }

  private makeHistory() {
    const { entries } = this;
    return {
      pushState: (state: unknown, _: string, url: string) => void entries.push({ state, url }),
      replaceState: (state: unknown, _: string, url: string) => void entries.splice(-1, 1, { state, url }),
      back: () => void entries.pop(),
      get state() {
        return entries.at(-1)?.state ?? null;
      },
    };
  }
}

/** An application whose profile is open and holds some conversations. */
export async function opened(
  conversations: Conversation[] = [],
  core = new FakeCore(),
): Promise<{ app: App; core: FakeCore; world: World }> {
  const world = new World();
  core
    .when('hello', () => session('open'))
    .when('conversations', () => ({ conversations, next: '' }))
    .when('settings', () => stored());
  const app = new App(core, world);
  await app.start();
  return { app, core, world };
}
