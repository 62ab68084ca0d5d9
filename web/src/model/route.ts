// SPDX-License-Identifier: AGPL-3.0-or-later

import { signal } from '@preact/signals';

// Where somebody is stays in the page: neither a server nor the browser's
// history learns who is talked to. All places have the same address; which one
// it is lies in the state of the history's entry, and addresses of people only
// in memory. Links lead to places by their fragment, which no request holds.

/** Where somebody is. */
export type Route =
  | { at: 'home' | 'requests' | 'archive' | 'new-group' }
  | { at: 'new'; address: string }
  | { at: 'conversation'; id: string; panel: boolean }
  | { at: 'person'; address: string }
  | { at: 'settings'; section: string };

/** What of the browser's history is needed. */
export interface History {
  pushState(state: unknown, title: string, url: string): void;
  replaceState(state: unknown, title: string, url: string): void;
  back(): void;
  readonly state: unknown;
}

export function parse(path: string): Route {
  const [head = '', ...rest] = path
    .replace(/^\/+|\/+$/g, '')
    .split('/')
    .map(decode);
  const tail = rest[0] ?? '';
  switch (head) {
    case 'c':
      return tail ? { at: 'conversation', id: tail, panel: rest[1] === 'info' } : { at: 'home' };
    case 'add':
      return { at: 'new', address: tail };
    case 'new':
      return tail === 'group' ? { at: 'new-group' } : { at: 'new', address: '' };
    case 'settings':
      return { at: 'settings', section: tail };
    case 'requests':
    case 'archive':
      return { at: head };
  }
  return { at: 'home' };
}

/** A place as what is kept of it, without addresses of people. */
export function format(route: Route): string {
  switch (route.at) {
    case 'home':
    case 'person':
      return '/';
    case 'requests':
    case 'archive':
    case 'new':
      return `/${route.at}`;
    case 'new-group':
      return '/new/group';
    case 'conversation':
      return `/c/${encodeURIComponent(route.id)}${route.panel ? '/info' : ''}`;
    case 'settings':
      return route.section ? `/settings/${encodeURIComponent(route.section)}` : '/settings';
  }
}

/** A link to a place. */
export function link(route: Route): string {
  return `/#${format(route)}`;
}

/** A link with which others begin to write to somebody. */
export function invitation(address: string): string {
  const host = address.slice(address.indexOf('@') + 1);
  return `${/^(localhost|127\.0\.0\.1)(:|$)/.test(host) ? 'http' : 'https'}://${host}/#/add/${address}`;
}

/** How deep a place lies: 0 lists, 1 a conversation or a page, 2 its details. */
export function level(route: Route): 0 | 1 | 2 {
  if (route.at === 'conversation') return route.panel ? 2 : 1;
  if (route.at === 'person') return 1;
  if (route.at === 'settings') return route.section ? 1 : 0;
  return 0;
}

/** The place one level up, for a back button without a history. */
export function above(route: Route): Route {
  if (route.at === 'conversation' && route.panel) return { ...route, panel: false };
  if (route.at === 'settings' && route.section) return { at: 'settings', section: '' };
  if (route.at === 'new-group') return { at: 'new', address: '' };
  return { at: 'home' };
}

interface Entry {
  depth?: number;
  path?: string;
}

/** The current place, in step with the browser's history. */
export class Router {
  readonly route = signal<Route>({ at: 'home' });
  /** The places of this page's entries in the history, by depth. */
  private readonly trail: Route[] = [];

  constructor(
    private readonly history: History,
    hash: string,
  ) {
    this.follow(hash);
  }

  go(route: Route, replace = false): void {
    if (JSON.stringify(route) !== JSON.stringify(this.route.value))
      this.enter(route, this.depth() + (replace ? 0 : 1), replace);
  }

  /** Goes up: through the history if we came from there. */
  back(): void {
    if (this.depth() > 0) this.history.back();
    else this.go(above(this.route.value), true);
  }

  /** Follows the browser's own back and forward, or a link. */
  follow(hash: string): void {
    if (hash) return this.enter(parse(hash.slice(1)), this.depth(), true);
    const { path = '/' } = this.entry();
    const known = this.trail[this.depth()];
    this.route.value = known && format(known) === path ? known : parse(path);
  }

  private enter(route: Route, depth: number, replace: boolean): void {
    const state: Entry = { depth, path: format(route) };
    if (replace) this.history.replaceState(state, '', '/');
    else this.history.pushState(state, '', '/');
    this.trail[depth] = route;
    this.route.value = route;
  }

  private depth(): number {
    return this.entry().depth ?? 0;
  }

  private entry(): Entry {
    return (this.history.state as Entry | null) ?? {};
  }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return '';
  }
}
