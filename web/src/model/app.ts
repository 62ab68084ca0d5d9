// SPDX-License-Identifier: AGPL-3.0-or-later

import { batch, computed, effect, signal, untracked } from '@preact/signals';
import type {
  Attachment,
  AttachmentRef,
  Conversation,
  Conversations,
  HistoryMoved,
  Members,
  Message,
  MessageChanged,
  Session,
} from '../core/api.gen';
import { CoreError, type Core, type Failure } from '../core/core';
import { Composer } from './composer';
import { language, t } from './i18n';
import { List, type Schedule } from './list';
import { linked, named, unlinked } from './mention';
import { told, wording } from './problem';
import { Router, type History } from './route';
import { Search } from './search';
import { Settings, type Shelf, type System, type Tabs } from './settings';
import { reference, subjectOf, type Passed, type Sheet, type Subject } from './sheet';
import { harmless, plain } from './text';
import { localPrefix, Timeline } from './timeline';
import { Toasts } from './toasts';
import { fileKey, Transfers } from './transfers';
import { Troubles } from './trouble';
import { Typing } from './typing';
import { Waking, type Push } from './wake';

/** What the model needs of its surroundings. */
export interface Surroundings {
  now: () => number;
  later: (fn: () => void, ms: number) => void;
  soon: Schedule;
  history: History;
  hash: string;
  shelf: Shelf;
  system: System;
  release: (url: string) => void;
  push: Push | null;
  tabs: Tabs;
  /** Asks the browser to keep what is stored, even if space is short. */
  keep: () => void;
  /** Whether nobody can see the page. */
  hidden: () => boolean;
  /** Loads the page anew. */
  reload: () => void;
}

/** How many messages are taken in before the page gets to answer. */
const atOnce = 10;
/** How long, in milliseconds, whatever ends a visit waits for drafts to be kept. */
const saveWaits = 500;

/**
 * The whole application, without a view. It opens a profile once: when that is
 * closed, the page is loaded anew, and what was read goes with its memory.
 */
export class App {
  readonly session = signal<Session | null>(null);
  /** Why nothing goes on. */
  readonly broken = signal<Failure | null>(null);
  /** Whether the core is there all the same, and could erase everything. */
  readonly erasable = signal(false);
  /** The core runs in another tab. */
  readonly elsewhere = signal(false);
  /** The profile was closed, and the page is about to go. */
  readonly ended = signal(false);
  readonly sheet = signal<Sheet | null>(null);
  readonly offline = signal<Record<string, boolean>>({});
  /** The own server is out of reach. Another one's conversations wait, and everything else goes on. */
  readonly trouble: Troubles;
  readonly cut = computed(() => !!this.offline.value[this.session.value?.address.split('@')[1] ?? '']);
  /** How far the history is on its way between this device and another one, null if none is. */
  readonly history = signal<HistoryMoved | null>(null);
  readonly announcement = signal('');
  readonly problems = signal<Record<string, string>>({});
  readonly update = signal<(() => void) | null>(null);
  /** Asks for a conversation as long as it is set. */
  readonly passing = signal<Passed | null>(null);
  readonly list: List;
  readonly router: Router;
  readonly settings: Settings;
  readonly search: Search;
  readonly toasts: Toasts;
  readonly waking: Waking;
  readonly typing: Typing;
  readonly transfers = new Transfers();
  private asked = false;
  /** Counts the people whom somebody wanted to write to. */
  private sought = 0;
  private readonly arrived: MessageChanged[] = [];
  /** Conversations that are being marked as read, and whether there was more meanwhile. */
  private readonly marking = new Map<string, boolean>();
  private readonly timelines = new Map<string, Timeline>();
  private readonly composers = new Map<string, Composer>();

  constructor(
    readonly core: Core,
    readonly around: Surroundings,
  ) {
    this.list = new List(around.soon, around.now);
    this.router = new Router(around.history, around.hash);
    this.settings = new Settings(core, around.shelf, around.system, around.tabs);
    this.search = new Search(core);
    this.toasts = new Toasts(around.later);
    this.trouble = new Troubles(core, this.toasts);
    this.waking = new Waking(core, this.settings, around.push, () => t('notify.new'));
    this.typing = new Typing(around.later);
    this.listen();
  }

  async start(): Promise<void> {
    const hello = this.core.call('hello', {});
    const recent = this.recent(); // at once: most profiles are open, and this is what people wait for
    recent.catch(() => undefined);
    try {
      await this.enter(await hello, recent);
    } catch (e) {
      this.erasable.value = !this.broken.value;
      this.fail(e);
    }
  }

  /** The core is gone, or cannot begin, and nothing goes on without it. */
  fail(why: unknown): void {
    const code = why instanceof CoreError ? why.code : 'failed';
    this.broken.value ??= { code, text: wording(why) };
  }

  private recent(): Promise<Conversations> {
    return this.core.call('conversations', { recent: true, after: '' });
  }

  /** Takes a session, and loads what an open one shows. */
  async enter(session: Session, recent?: Promise<Conversations>): Promise<void> {
    const before = this.session.value;
    if (before && session.phase !== 'open' && !session.unlinked) return this.end(session.phase);
    const found = session.phase === 'open' && !session.registered; // under duress, in a place of another profile
    if (found && before) this.router.go({ at: 'home' }, true);
    this.session.value = session;
    if (session.phase === 'none') void this.around.push?.stop().catch(() => undefined);
    if (session.phase !== 'open' || before?.phase === 'open') return;
    const first = recent ?? this.recent(); // what people wait for comes before what else is asked
    await Promise.all([this.load(first), first.catch(() => null).then(() => this.attempt(() => this.settings.load()))]);
    const { value: route } = this.router.route;
    const gone = route.at === 'conversation' && this.list.state.value === 'ready' && !this.list.get(route.id);
    if (gone) this.router.go({ at: 'home' }, true);
    void this.waking.check().catch(() => undefined);
  }

  /** Reads the list: first what it begins with, then all of it, in parts. */
  async load(recent?: Promise<Conversations>): Promise<void> {
    try {
      const { conversations } = (await recent?.catch(() => null)) ?? (await this.recent());
      this.list.begin(conversations);
      const all: Conversation[] = [];
      let after = '';
      do {
        const some = await this.core.call('conversations', { recent: false, after });
        all.push(...some.conversations);
        after = some.next;
      } while (after);
      this.list.fill(all);
    } catch {
      this.list.state.value = 'failed';
    }
  }

  timeline(id: string): Timeline {
    const x = this.timelines.get(id) ?? new Timeline(this.core, id, this.around.now);
    this.timelines.delete(id);
    this.timelines.set(id, x); // the last of the map is the one used last
    this.trim();
    return x;
  }

  composer(id: string): Composer {
    let x = this.composers.get(id);
    if (!x) this.composers.set(id, (x = new Composer(this.core, id, this.around.release)));
    return x;
  }

  members(id: string): Promise<Members> {
    return this.core.call('members', { conversation: id });
  }

  /** Sends what the composer holds, or changes what it edits. */
  submit(id: string): Promise<void> {
    return this.composer(id).editing.value ? this.sendEdit(id) : this.send(id);
  }

  /** Sends what the composer holds, though an edit may be under way. */
  async send(id: string): Promise<void> {
    const composer = this.composer(id);
    if (composer.silent) return;
    composer.problem.value = '';
    const { address = '', name = '' } = this.session.value ?? {};
    const out = composer.take();
    const files = {
      files: out.cards.map((c) => c.blob),
      names: out.cards.map((c) => ({ name: c.name, type: c.type })),
    };
    try {
      await this.know(composer, out.text);
      await this.timeline(id).send(
        { text: out.text, replyTo: out.reply?.id ?? '', mentions: named(out.text, composer.others), ...files },
        { address, name },
      );
      void composer.sent(out).catch(() => undefined);
      if (!this.asked) this.around.keep(); // some browsers put a question, which makes sense to who has written
      this.asked = true;
    } catch (e) {
      composer.problem.value = wording(e);
      composer.giveBack(out);
    }
  }

  private async sendEdit(id: string): Promise<void> {
    const composer = this.composer(id);
    if (composer.empty) return;
    composer.problem.value = '';
    const { message, text } = composer.takeEdit()!;
    if (text === unlinked(message).trim()) return;
    try {
      await this.know(composer, text);
      const linking = linked(linked(text, message.mentions), composer.others);
      await this.core.call('edit', { conversation: id, message: message.id, text: linking });
    } catch (e) {
      composer.problem.value = wording(e);
      if (composer.editing.value) return; // another edit has begun; the message stands as it was
      composer.edit(message);
      composer.text.value = text;
    }
  }

  /** Learns whom a text may mention. */
  private async know(composer: Composer, text: string): Promise<void> {
    if (text.includes('@') && !composer.members.value) await this.meet(composer.id);
  }

  /** Learns who can be mentioned: those of a group. */
  async meet(id: string): Promise<void> {
    if (this.list.get(id)?.group) this.composer(id).members.value = (await this.members(id)).members;
  }

  /** Says that everything shown has been read. */
  async markRead(id: string): Promise<void> {
    if (this.marking.has(id)) {
      this.marking.set(id, true); // when the one under way is done
      return;
    }
    const last = this.timeline(id).messages.value.findLast((m) => !m.notice && !m.id.startsWith(localPrefix)); // notices have no name in the core
    if (!last || !this.list.get(id)?.unread) return;
    this.marking.set(id, false);
    await this.core.call('markRead', { conversation: id, message: last.id }).catch(() => undefined);
    const again = this.marking.get(id);
    this.marking.delete(id);
    if (again) await this.markRead(id);
  }

  /** Does something that may fail, and says so if it does. */
  async attempt(work: () => Promise<unknown>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (e) {
      this.toasts.add(wording(e));
      return false;
    }
  }

  /**
   * Opens the conversation with a person, beginning it if there is none that
   * goes on. A look-up may take long: a reader who went elsewhere meanwhile stays there.
   */
  async write(address: string): Promise<void> {
    const turn = ++this.sought;
    const from = this.router.route.value;
    const stays = () => turn === this.sought && this.router.route.value === from;
    const go = (id: string, replace = false) => this.router.go({ at: 'conversation', id, panel: false }, replace);
    const known = this.list.withPeer(address);
    if (known && ['active', 'request'].includes(known.status)) return go(known.id, from.at === 'new');
    try {
      const { conversation } = await this.core.call('direct', { address });
      if (stays()) go(conversation, from.at === 'new');
      else this.toasts.add(t('found', { name: address }), { label: t('write'), run: () => go(conversation) });
    } catch (e) {
      if (stays()) throw e;
      this.toasts.add(`${address}: ${wording(e)}`);
    }
  }

  /** Follows the browser's back and forward, or a link. Back leads to no list of requests in which none is left. */
  follow(hash: string): void {
    this.router.follow(hash);
    const done =
      !hash &&
      this.router.route.value.at === 'requests' &&
      this.list.state.value === 'ready' &&
      !this.list.requests.value.length;
    if (done) this.router.back();
  }

  /** A message with all of its text. */
  async whole(m: Message): Promise<Message> {
    return m.length ? this.core.call('message', reference(m)) : m;
  }

  /** Takes a message along, for another conversation. */
  async forward(m: Message): Promise<void> {
    const files = await Promise.all(m.attachments.map((a) => this.fetch(m, a)));
    this.passing.value = { text: unlinked(await this.whole(m)), files, asFiles: true, of: reference(m) };
  }

  /** Downloads an attachment; however that ends, nothing of it moves any more. */
  attachment(ref: AttachmentRef, signal?: AbortSignal): Promise<Blob> {
    return this.core.attachment(ref, signal).finally(() => this.transfers.end(fileKey(ref.message, ref.index)));
  }

  private async fetch(m: Message, a: Attachment): Promise<File> {
    const blob = await this.attachment({ conversation: m.conversation, message: m.id, index: a.index });
    return new File([blob], a.name, { type: a.type });
  }

  async lock(): Promise<void> {
    this.sheet.value = null;
    await this.saveDrafts();
    await this.core.call('lock', {});
  }

  /** Makes way for another tab. */
  async yield(): Promise<void> {
    await this.saveDrafts();
    this.end('locked');
  }

  /** Shows nothing any more, and goes. */
  private end(phase: Session['phase']): void {
    if (this.ended.value) return;
    this.ended.value = true;
    if (phase === 'none') this.router.go({ at: 'home' }, true);
    this.around.reload();
  }

  /** Whether something would go with the page, so that somebody should wait for a moment. */
  get unsaved(): boolean {
    if (this.core.outlives || this.ended.value) return false;
    return [...this.composers.values()].some((c) => c.sending || c.changed);
  }

  /** Keeps what is being written, as far as that goes quickly. */
  async saveDrafts(): Promise<void> {
    const saved = Promise.allSettled([...this.composers.values()].map((c) => c.save()));
    await Promise.race([saved, new Promise<void>((done) => this.around.later(done, saveWaits))]);
  }

  private listen(): void {
    const { core } = this;
    core.on(
      'session',
      ({ session }) => void (session.phase === 'open' ? this.enter(session) : this.end(session.phase)),
    ); // the core ends then
    core.on('conversation', ({ conversation }) => {
      this.list.put(conversation);
      void this.composers.get(conversation.id)?.follow(conversation);
    });
    core.on('conversationGone', ({ conversation }) => {
      this.takeIn();
      this.gone(conversation);
    });
    core.on('message', (e) => this.arrive(e));
    core.on('messageGone', ({ conversation, message }) => {
      this.takeIn();
      this.timelines.get(conversation)?.remove(message);
      this.lose(conversation, message);
      this.transfers.end(message);
    });
    core.on('connection', ({ host, online }) => (this.offline.value = { ...this.offline.value, [host]: !online }));
    core.on('name', ({ address, name }) => this.renamed(address, name));
    core.on('typing', (e) => this.typing.set(e.conversation, e.from, e.author, e.on));
    core.on('progress', (e) => this.transfers.set(fileKey(e.message, e.index), e.total ? e.done / e.total : 0));
    core.on('history', (e) => this.moved(e));
    core.on('failure', (e) => this.failed(e.conversation, told(e.error)));
    effect(() => void (language.value && untracked(() => this.list.retitle())));
    effect(() => void (this.router.route.value && untracked(() => this.takeIn()))); // a conversation opens with all that came
  }

  /** Messages that arrive at about the same time are taken in together, though not too many. */
  private arrive(e: MessageChanged): void {
    if (this.arrived.push(e) === 1) this.around.soon(() => this.takeIn(atOnce));
  }

  private takeIn(n = this.arrived.length): void {
    const some = this.arrived.splice(0, n);
    batch(() => some.forEach((e) => this.message(e.message, e.new)));
    if (this.arrived.length) this.around.soon(() => this.takeIn(atOnce));
  }

  private message(m: Message, fresh: boolean): void {
    const timeline = this.timelines.get(m.conversation);
    timeline?.apply(m, fresh);
    if (m.deleted) this.lose(m.conversation, m.id);
    if (m.own && m.state !== 'waiting') this.transfers.end(m.id);
    if (!fresh || m.own || m.notice) return;
    this.typing.set(m.conversation, m.from, m.author, false);
    const route = this.router.route.value;
    const open = route.at === 'conversation' && route.id === m.conversation;
    if (open) this.announce(`${harmless(m.author)}: ${plain(m.text, 300) || t('attachment')}`);
    if (timeline && (!open || this.around.hidden())) timeline.firstUnread.value ||= m.id; // it stays loaded, and knows no other way where to begin
  }

  /** Somebody is called by another name, wherever they are shown. */
  private renamed(address: string, name: string): void {
    this.takeIn();
    batch(() => {
      this.timelines.forEach((x) => x.rename(address, name));
      this.list.rename(address, name);
    });
  }

  /** Messages came from another device without a word each: what is shown is read again. */
  private moved(e: HistoryMoved): void {
    const done = e.done >= e.total;
    this.history.value = done ? null : e;
    if (e.given) return;
    const route = this.router.route.value;
    for (const [id, x] of this.timelines) {
      if (route.at === 'conversation' && route.id === id) void x.reread();
      else this.timelines.delete(id);
    }
    if (done) void this.load();
  }

  /** What is the same as before would not be read out. */
  private announce(text: string): void {
    this.announcement.value = text === this.announcement.value ? `${text}\u00a0` : text;
  }

  private failed(conversation: string, why: string): void {
    if (conversation) this.problems.value = { ...this.problems.value, [conversation]: why };
    else this.toasts.add(why);
  }

  /** Nothing shows a message any more, or any of a conversation. */
  private lose(conversation: string, message = ''): void {
    const about = (of?: Subject) => of?.conversation === conversation && (!message || of.message === message);
    if (about(subjectOf(this.sheet.value))) this.sheet.value = null;
    if (about(this.passing.value?.of)) this.passing.value = null;
    this.search.drop((m) => about(reference(m)));
    this.composers.get(conversation)?.lose(message);
    this.announcement.value = ''; // it may be what was said aloud
  }

  private gone(id: string): void {
    this.lose(id);
    this.list.remove(id);
    this.timelines.delete(id);
    const composer = this.composers.get(id);
    composer?.drop(composer.cards.value);
    this.composers.delete(id);
    const route = this.router.route.value;
    if (route.at === 'conversation' && route.id === id) this.router.go({ at: 'home' }, true);
  }

  /** A few conversations stay loaded; others are read again when they are opened. */
  private trim(): void {
    for (const id of this.timelines.keys()) {
      if (this.timelines.size <= 8) return;
      this.timelines.delete(id);
    }
  }
}
