// SPDX-License-Identifier: AGPL-3.0-or-later

import { signal } from '@preact/signals';

/** Where somebody is. Each place has a path of its own. */
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
  const [head = '', ...rest] = path.replace(/^\/+|\/+$/g, '').split('/').map(decode);
  const tail = rest[0] ?? '';
  switch (head) {
    case 'c':
      return tail ? { at: 'conversation', id: tail, panel: rest[1] === 'info' } : { at: 'home' };
    case 'add':
      return { at: 'new', address: tail };
    case 'new':
      return tail === 'group' ? { at: 'new-group' } : { at: 'new', address: '' };
    case 'person':
      return tail ? { at: 'person', address: tail } : { at: 'home' };
    case 'settings':
      return { at: 'settings', section: tail };
    case 'requests':
    case 'archive':
      return { at: head };
  }
  return { at: 'home' };
}

export function format(route: Route): string {
  switch (route.at) {
    case 'home':
      return '/';
    case 'requests':
    case 'archive':
      return `/${route.at}`;
    case 'new-group':
      return '/new/group';
    case 'new':
      return route.address ? `/add/${encodeURIComponent(route.address).replace('%40', '@')}` : '/new';
    case 'conversation':
      return `/c/${encodeURIComponent(route.id)}${route.panel ? '/info' : ''}`;
    case 'person':
      return `/person/${encodeURIComponent(route.address).replace('%40', '@')}`;
    case 'settings':
      return route.section ? `/settings/${encodeURIComponent(route.section)}` : '/settings';
  }
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

/** The current place, in step with the browser's history. */
export class Router {
  readonly route;

  constructor(
    private readonly history: History,
    path: string,
  ) {
    this.route = signal<Route>(parse(path));
  }

  go(route: Route, replace = false): void {
    const path = format(route);
    if (path === format(this.route.value)) return;
    const depth = this.depth();
    if (replace) this.history.replaceState({ depth }, '', path);
    else this.history.pushState({ depth: depth + 1 }, '', path);
    this.route.value = route;
  }

  /** Goes up: through the history if we came from there. */
  back(): void {
    if (this.depth() > 0) this.history.back();
    else this.go(above(this.route.value), true);
  }

  /** Follows the browser's own back and forward. */
  follow(path: string): void {
    this.route.value = parse(path);
  }

  private depth(): number {
    return (this.history.state as { depth?: number } | null)?.depth ?? 0;
  }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return '';
  }
}
