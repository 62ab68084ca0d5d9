// SPDX-License-Identifier: AGPL-3.0-or-later

import type { App } from '../model/app';
import { t } from '../model/i18n';

/** What another program handed to the application. */
export interface Shared {
  text: string;
  files: File[];
}

/** At the address that sharing leads to, asks where what was shared shall go. */
export async function takeShared(app: App): Promise<void> {
  if (location.pathname !== '/share') return;
  history.replaceState(null, '', '/');
  const shared = await ask();
  if (shared) app.passing.value = { ...shared, asFiles: false };
  else app.toasts.add(t('pass.lost'));
}

/** Only the service worker has what was shared, and only for a moment. */
function ask(): Promise<Shared | null> {
  return new Promise((resolve) => {
    const worker = navigator.serviceWorker?.controller;
    if (!worker) return resolve(null);
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = (e: MessageEvent<Shared | null>) => resolve(e.data);
    worker.postMessage('shared', [port2]);
  });
}
