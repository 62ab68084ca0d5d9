// SPDX-License-Identifier: AGPL-3.0-or-later

import { useEffect } from 'preact/hooks';
import { level } from '../model/route';
import { closeMenu, open } from './menu';
import { useApp } from './parts';

/** The keys that work everywhere. */
export function useKeys(): void {
  const app = useApp();
  useEffect(() => {
    const listen = (e: KeyboardEvent) => {
      const { router, list, sheet } = app;
      const route = router.route.value;
      if ((e.ctrlKey || e.metaKey) && e.key.toLowerCase() === 'k') {
        e.preventDefault();
        sheet.value = sheet.value?.kind === 'palette' ? null : { kind: 'palette' };
      } else if (e.altKey && (e.key === 'ArrowUp' || e.key === 'ArrowDown')) {
        const next = list.neighbour(route.at === 'conversation' ? route.id : '', e.key === 'ArrowUp' ? -1 : 1);
        if (!next) return;
        e.preventDefault();
        router.go({ at: 'conversation', id: next.id, panel: false }, route.at === 'conversation');
      } else if (e.key === 'Escape') {
        escape();
      }
    };
    const escape = () => {
      const route = app.router.route.value;
      if (open.value) return closeMenu();
      if (app.sheet.value) return;
      if (route.at === 'conversation' && !route.panel && app.composer(route.id).cancel()) return;
      if (route.at !== 'home') {
        const deep = level(route) === 2;
        app.router.back();
        requestAnimationFrame(() =>
          document.querySelector<HTMLElement>(deep ? '.composer textarea' : '.side .row[tabindex="0"]')?.focus(),
        );
      }
    };
    addEventListener('keydown', listen);
    return () => removeEventListener('keydown', listen);
  }, []);
}
