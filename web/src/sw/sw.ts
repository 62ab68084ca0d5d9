// SPDX-License-Identifier: AGPL-3.0-or-later

// The service worker keeps the application's own files, so that it starts
// without a network, and takes what other programs share. It never touches what
// goes to a server's interface: no message, no attachment, and nothing of
// another origin.

import type { Shared } from '../platform/share';

// It also tells that something arrived while no page is open. A push says no
// more than that.

/** What this file needs of a service worker's global scope. */
interface Scope {
  addEventListener(
    type: 'install',
    fn: (e: { waitUntil(p: Promise<unknown>): void; addRoutes?: (routes: Route[]) => Promise<void> }) => void,
  ): void;
  addEventListener(type: 'activate', fn: (e: { waitUntil(p: Promise<unknown>): void }) => void): void;
  addEventListener(type: 'push', fn: (e: { waitUntil(p: Promise<unknown>): void }) => void): void;
  addEventListener(
    type: 'notificationclick',
    fn: (e: { notification: Notification; waitUntil(p: Promise<unknown>): void }) => void,
  ): void;
  addEventListener(type: 'fetch', fn: (e: Fetch) => void): void;
  addEventListener(type: 'message', fn: (e: { data: unknown; ports: readonly MessagePort[] }) => void): void;
  skipWaiting(): Promise<void>;
  clients: {
    claim(): Promise<void>;
    matchAll(o: { type: 'window'; includeUncontrolled: true }): Promise<Window[]>;
    openWindow(url: string): Promise<unknown>;
  };
  registration: ServiceWorkerRegistration;
  navigator: { setAppBadge?: () => Promise<void> };
  location: Location;
}

interface Fetch {
  request: Request;
  respondWith(r: Promise<Response>): void;
  waitUntil(p: Promise<unknown>): void;
}

/** What a browser may answer without starting this worker (W3C, Service Workers, static routes). */
interface Route {
  condition: { urlPattern: { pathname: string; search: ''; baseURL: string }; requestMethod: 'GET' };
  source: { cacheName: string };
}

interface Window {
  visibilityState: string;
  focus(): Promise<unknown>;
  postMessage(data: unknown): void;
}

const scope = globalThis as unknown as Scope;
const cacheName = `app-${__BUILD__}`;
/** Paths of the application's files, and how the SHA-256 of each begins, in base64. */
const sums: Record<string, string> = __FILES__;
const places = /^\/(share)?$/;

/** What was shared, in memory alone, until the page takes it. */
let shared: Shared | null = null;

/** Refilling the cache, while it lasts. */
let filling: Promise<void> | null = null;

scope.addEventListener('install', (e) => {
  e.waitUntil(store());
  const route = async () => e.addRoutes?.(['/', '/assets/*'].map(fromCache));
  route().catch(() => undefined); // the fetch event does it too
});
scope.addEventListener('activate', (e) => e.waitUntil(takeOver()));
scope.addEventListener('message', (e) => {
  if (e.data === 'update') void scope.skipWaiting();
  if (e.data === 'shared') {
    e.ports[0]?.postMessage(shared);
    shared = null;
  }
});
scope.addEventListener('fetch', (e) => {
  const url = new URL(e.request.url);
  if (url.origin !== scope.location.origin) return;
  if (e.request.method === 'POST' && url.pathname === '/share') e.respondWith(take(e.request));
  if (e.request.method !== 'GET') return;
  const path = e.request.mode === 'navigate' && places.test(url.pathname) ? '/' : url.pathname;
  if (Object.hasOwn(sums, path)) e.respondWith(kept(path, e));
});

scope.addEventListener('push', (e) => e.waitUntil(woken()));
scope.addEventListener('notificationclick', (e) => {
  e.notification.close();
  e.waitUntil(show((e.notification.data as { path?: string } | null)?.path));
});

function fromCache(pathname: string): Route {
  return {
    condition: { urlPattern: { pathname, search: '', baseURL: scope.location.href }, requestMethod: 'GET' },
    source: { cacheName },
  };
}

function pages(): Promise<Window[]> {
  return scope.clients.matchAll({ type: 'window', includeUncontrolled: true });
}

async function woken(): Promise<void> {
  if ((await pages()).some((p) => p.visibilityState === 'visible')) return;
  const text = await (await caches.match('/wake'))?.text();
  await scope.registration.showNotification('SecureCrypt', {
    body: text ?? 'New message',
    tag: 'wake',
    icon: '/icon-192.png',
  });
  await scope.navigator.setAppBadge?.().catch(() => undefined);
}

async function show(path?: string): Promise<void> {
  const page = (await pages())[0];
  if (!page) return void (await scope.clients.openWindow(path ? `/#${path}` : '/'));
  if (path) page.postMessage({ go: path });
  await page.focus();
}

async function store(): Promise<void> {
  const cache = await caches.open(cacheName);
  await Promise.all(Object.keys(sums).map((path) => keep(cache, path)));
}

/**
 * Keeps a file that is this build's, whoever has it: a cache, the server, or
 * the server without what the browser remembers of it. The page comes from the
 * server alone, which may have changed its name.
 */
async function keep(cache: Cache, path: string): Promise<void> {
  const old = async () => (path === '/' ? undefined : caches.match(path));
  const ask = (memory: RequestCache) => () => fetch(path, { cache: memory });
  for (const get of [old, ask('no-cache'), ask('reload')]) {
    const answer = await get();
    if (answer && (await right(path, answer.clone()))) return cache.put(path, answer);
  }
  throw new Error(`${path} is not what this version was built with`);
}

/** Whether an answer is what this build has at a path. */
async function right(path: string, answer: Response): Promise<boolean> {
  if (answer.status !== 200 || answer.redirected) return false;
  const content = path === '/' ? await nameless(answer) : await answer.arrayBuffer();
  const sum = await crypto.subtle.digest('SHA-256', content);
  return btoa(String.fromCharCode(...new Uint8Array(sum))).startsWith(sums[path]!);
}

/** The page as it was built: whoever serves it has written a server's name into it. */
async function nameless(page: Response): Promise<ArrayBuffer | Uint8Array<ArrayBuffer>> {
  const text = await page.text();
  return new TextEncoder().encode(text.replace(/(name="securecrypt-server" content=")[^"]*/, '$1'));
}

async function takeOver(): Promise<void> {
  const names = await caches.keys();
  await Promise.all(names.filter((n) => n.startsWith('app-') && n !== cacheName).map((n) => caches.delete(n)));
  await scope.clients.claim();
}

async function kept(path: string, e: Fetch): Promise<Response> {
  const cache = await caches.open(cacheName);
  const have = await cache.match(path);
  if (!have) e.waitUntil(refill());
  return have ?? fetch(e.request);
}

/** Stores the files anew: a browser that needs room may have emptied the cache. */
function refill(): Promise<void> {
  return (filling ??= store()
    .catch(() => undefined)
    .finally(() => (filling = null)));
}

async function take(request: Request): Promise<Response> {
  const form = await request.formData();
  const words = ['title', 'text', 'url']
    .map((name) => form.get(name))
    .filter((x): x is string => typeof x === 'string' && x !== '');
  shared = { text: [...new Set(words)].join('\n'), files: form.getAll('files').filter((x) => x instanceof File) };
  return Response.redirect('/share', 303);
}
