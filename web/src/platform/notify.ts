// SPDX-License-Identifier: AGPL-3.0-or-later

import { effect } from '@preact/signals';
import type { Message } from '../core/api.gen';
import type { App } from '../model/app';
import { t } from '../model/i18n';
import { plain } from '../model/text';

/** Tells of new messages while the page is not looked at, and counts them outside of it. */
export function notify(app: App): void {
  app.core.on('message', ({ message, new: fresh }) => {
    if (fresh && wanted(app, message)) show(app, message);
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

function show(app: App, m: Message): void {
  const full = app.settings.look.value.notify === 'full';
  const title = full ? (app.list.get(m.conversation)?.name ?? m.author) : t('app');
  const note = new Notification(title, { body: full ? plain(m.text) || t('attachment') : t('notify.new'), tag: m.conversation, icon: '/icon-192.png' });
  note.onclick = () => {
    focus();
    app.router.go({ at: 'conversation', id: m.conversation, panel: false });
    note.close();
  };
}
