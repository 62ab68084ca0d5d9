// SPDX-License-Identifier: AGPL-3.0-or-later

import type { System } from '../model/settings';
import type { Surroundings } from '../model/app';
import { push } from './push';

const queries = { dark: '(prefers-color-scheme: dark)', contrast: '(prefers-contrast: more)', still: '(prefers-reduced-motion: reduce)' };

/** What the browser gives the model. */
export function surroundings(): Surroundings {
  return {
    now: () => Date.now(),
    later: (fn, ms) => void setTimeout(fn, ms),
    soon: (fn) => (document.hidden ? void setTimeout(fn, 100) : void requestAnimationFrame(fn)),
    history,
    path: location.pathname,
    shelf: shelf(),
    system: system(),
    release: (url) => URL.revokeObjectURL(url),
    push: push(),
    keep: () => void keep().catch(() => undefined),
  };
}

async function keep(): Promise<void> {
  if (!(await navigator.storage.persisted())) await navigator.storage.persist();
}

function system(): System {
  return { dark: matchMedia(queries.dark).matches, contrast: matchMedia(queries.contrast).matches, still: matchMedia(queries.still).matches, languages: navigator.languages };
}

/** Calls fn whenever the system's wishes change. */
export function followSystem(fn: (s: System) => void): void {
  for (const q of Object.values(queries)) matchMedia(q).addEventListener('change', () => fn(system()));
}

/** Storage may be refused; then nothing is kept. */
function shelf(): Surroundings['shelf'] {
  try {
    return localStorage;
  } catch {
    return { getItem: () => null, setItem: () => undefined };
  }
}
