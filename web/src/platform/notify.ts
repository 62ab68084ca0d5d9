// SPDX-License-Identifier: AGPL-3.0-or-later

import { effect } from '@preact/signals';
import type { Message } from '../core/api.gen';
import type { App } from '../model/app';
import { t } from '../model/i18n';
import { format, parse, type Route } from '../model/route';
import { harmless, plain } from '../model/text';

/** What says that something arrived while there was no page. */
const woken = 'wake';
/** The lock that tabs share while somebody looks at them. */
const looking = 'looking';
/** Of conversations that notifications may tell of, which are looked for when they are read, the message that was told last. */
const told = new Map<string, string>();
/** What a notification carries: where it leads, and the message that it tells of. */
interface Told {
  path: string;
  message: string;
}

/** Notifications that no service worker keeps. */
const own = new Set<Notification>();

/** Tells of new messages while the page is not looked at, and counts them outside of it. */
export function notify(app: App): void {
  let release = () => {};
  const seen = () => {
    release();
    if (document.hidden) return;
    void navigator.locks.request(
      looking,
      { mode: 'shared' },
      () => !document.hidden && new Promise<void>((done) => (release = done)),
    );
    void close((n) => !!told.set(n.tag, (n.data as Told | null)?.message ?? '') && n.tag === woken);
  };
  document.addEventListener('visibilitychange', seen);
  seen();
  effect(() => {
    if (app.ended.value || (app.session.value && app.session.value.phase !== 'open')) void close(() => true);
  });
  const read = (id: string) => told.delete(id) && void close((n) => n.tag === id);
  const lost = (id: string, message: string) => told.get(id) === message && read(id);
  app.core.on('conversation', ({ conversation: c }) => c.unread || read(c.id));
  app.core.on('conversationGone', ({ conversation }) => read(conversation));
  app.core.on('messageGone', ({ conversation, message }) => lost(conversation, message));
  navigator.serviceWorker?.addEventListener(
    'message',
    ({ data }: MessageEvent<{ go?: string }>) => data?.go && app.router.go(parse(data.go)),
  );
  app.core.on('message', ({ message, new: fresh }) => {
    if (message.deleted) lost(message.conversation, message.id);
    if (!fresh || !wanted(app, message)) return;
    told.set(message.conversation, message.id);
    void show(app, message).catch(() => undefined);
  });
  effect(() => {
    const n = app.list.unread.value;
    document.title = n ? `(${n}) ${t('app')}` : t('app');
    const badge = navigator as Navigator & {
      setAppBadge?: (n: number) => Promise<void>;
      clearAppBadge?: () => Promise<void>;
    };
    (n ? badge.setAppBadge?.(n) : badge.clearAppBadge?.())?.catch(() => undefined);
  });
}

function wanted(app: App, m: Message): boolean {
  if (m.own || m.notice || !document.hidden || app.settings.look.value.notify === 'off') return false;
  const c = app.list.get(m.conversation);
  return (
    c?.status === 'active' &&
    !c.archived &&
    (c.mutedUntil <= app.around.now() || m.mentionsMe) &&
    'Notification' in globalThis &&
    Notification.permission === 'granted'
  );
}

function registered(): Promise<ServiceWorkerRegistration | undefined> | undefined {
  return navigator.serviceWorker?.getRegistration();
}

/** Closes some of the notifications of all tabs. */
async function close(which: (n: Notification) => boolean): Promise<void> {
  for (const n of [...own, ...((await (await registered())?.getNotifications()) ?? [])].filter(which)) {
    n.close();
    own.delete(n);
  }
}

/** Phones show what a service worker asks for, and throw at a page that asks itself. */
async function show(app: App, m: Message): Promise<void> {
  if ((await navigator.locks.query()).held?.some((l) => l.name === looking)) return; // in another tab
  const full = app.settings.look.value.notify === 'full';
  const title = full ? harmless(app.list.get(m.conversation)?.name ?? m.author) : t('app');
  const at: Route = { at: 'conversation', id: m.conversation, panel: false };
  const options = {
    body: full ? plain(m.text) || t('attachment') : t('notify.new'),
    tag: m.conversation,
    icon: '/icon-192.png',
    data: { path: format(at), message: m.id } satisfies Told,
  };
  const worker = await registered();
  if (app.ended.value || told.get(m.conversation) !== m.id) return;
  if (worker?.active) return worker.showNotification(title, options);
  const note = new Notification(title, options);
  own.add(note);
  note.onclick = () => {
    focus();
    app.router.go(at);
    note.close();
  };
}
