// SPDX-License-Identifier: AGPL-3.0-or-later

import type { Push, Subscription } from '../model/wake';

/** The cache with what a notification says. */
const shelf = 'wake';

/** The push service of this browser; null if there is none. */
export function push(): Push | null {
  if (!('serviceWorker' in navigator && 'PushManager' in globalThis && 'Notification' in globalThis)) return null;
  return {
    allowed: async (ask) => (ask ? await Notification.requestPermission() : Notification.permission) === 'granted',
    current: async () => described(await (await manager())?.getSubscription()),
    async subscribe(key) {
      const made = await (await manager())?.subscribe({ userVisibleOnly: true, applicationServerKey: key });
      return described(made) ?? Promise.reject(new Error('no service worker'));
    },
    async stop() {
      await caches.delete(shelf);
      await (await (await manager())?.getSubscription())?.unsubscribe();
    },
    keep: async (text) => (await caches.open(shelf)).put('/wake', new Response(text)),
  };
}

/** There is none until the service worker is installed, which may fail. */
async function manager(): Promise<PushManager | undefined> {
  const registration = await navigator.serviceWorker.getRegistration();
  return registration && (await navigator.serviceWorker.ready).pushManager;
}

function described(s: PushSubscription | null | undefined): Subscription | null {
  if (!s) return null;
  const key = s.options?.applicationServerKey;
  return { endpoint: s.endpoint, key: key ? base64url(new Uint8Array(key)) : '' };
}

function base64url(b: Uint8Array): string {
  return btoa(String.fromCharCode(...b))
    .replace(/\+/g, '-')
    .replace(/\//g, '_')
    .replace(/=+$/, '');
}
