// SPDX-License-Identifier: AGPL-3.0-or-later

import { effect } from '@preact/signals';
import type { Message } from '../core/api.gen';
import type { App } from '../model/app';
import { t } from '../model/i18n';
import { format, parse, type Route } from '../model/route';
import { plain } from '../model/text';

/** What says that something arrived while there was no page. */
const woken = 'wake';

/** Tells of new messages while the page is not looked at, and counts them outside of it. */
export function notify(app: App): void {
  const seen = async () => {
    if (!document.hidden) for (const n of (await (await registered())?.getNotifications({ tag: woken })) ?? []) n.close();
  };
  document.addEventListener('visibilitychange', () => void seen());
  void seen();
  navigator.serviceWorker?.addEventListener('message', ({ data }: MessageEvent<{ go?: string }>) => data?.go && app.router.go(parse(data.go)));
  app.core.on('message', ({ message, new: fresh }) => {
    if (fresh && wanted(app, message)) void show(app, message);
  });
  effect(() => {
    const n = app.list.unread.value;
    document.title = n ? `(${n}) ${t('app')}` : t('app');
    const badge = navigator as Navigator & { setAppBadge?: (n: number) => Promise<void>; clearAppBadge?: () => Promise<void> };
    (n ? badge.setAppBadge?.(n) : badge.clearAppBadge?.())?.catch(() => undefined);
  });
}

function wanted(app: App, m: Message): boolean {
  if (m.own || m.notice || !document.hidden || app.settings.look.value.notify === 'off') return false;
  const c = app.list.get(m.conversation);
  return c?.status === 'active' && !c.archived && (c.mutedUntil <= app.around.now() || m.mentionsMe) && 'Notification' in globalThis && Notification.permission === 'granted';
}

function registered(): Promise<ServiceWorkerRegistration | undefined> | undefined {
  return navigator.serviceWorker?.getRegistration();
}

/** Phones show what a service worker asks for, and throw at a page that asks itself. */
async function show(app: App, m: Message): Promise<void> {
  const full = app.settings.look.value.notify === 'full';
  const title = full ? (app.list.get(m.conversation)?.name ?? m.author) : t('app');
  const at: Route = { at: 'conversation', id: m.conversation, panel: false };
  const options = { body: full ? plain(m.text) || t('attachment') : t('notify.new'), tag: m.conversation, icon: '/icon-192.png', data: { path: format(at) } };
  const worker = await registered();
  if (worker?.active) return worker.showNotification(title, options);
  const note = new Notification(title, options);
  note.onclick = () => {
    focus();
    app.router.go(at);
    note.close();
  };
}
