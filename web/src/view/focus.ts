// SPDX-License-Identifier: AGPL-3.0-or-later

import { useEffect, useRef } from 'preact/hooks';
import { level, type Route } from '../model/route';

/** The panes of each level. */
const panes = ['.side', '#main', '.details'];

/**
 * Whatever has the focus may go, and with it the place of those who use a
 * keyboard or a screen reader. Then the pane that is in front has it.
 */
export function useFocus(route: Route): void {
  const front = useRef('');
  front.current = panes[level(route)]!;
  useEffect(() => {
    let last: Element | null = document.activeElement;
    const note = (e: FocusEvent) => (last = e.target as Element);
    const look = () => {
      if (document.activeElement !== document.body || !last || last.checkVisibility()) return;
      last = null;
      const find = (what: string) => document.querySelector<HTMLElement>(`${front.current} ${what}`);
      (find('[autofocus]') ?? find('h1'))?.focus({ preventScroll: true });
    };
    const observer = new MutationObserver(() => requestAnimationFrame(look));
    observer.observe(document.body, { childList: true, subtree: true });
    addEventListener('focusin', note);
    return () => {
      observer.disconnect();
      removeEventListener('focusin', note);
    };
  }, []);
}
