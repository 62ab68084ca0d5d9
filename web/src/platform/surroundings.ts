// SPDX-License-Identifier: AGPL-3.0-or-later

import type { System, Tabs } from '../model/settings';
import type { Surroundings } from '../model/app';
import { push } from './push';

const queries = {
  dark: '(prefers-color-scheme: dark)',
  contrast: '(prefers-contrast: more)',
  still: '(prefers-reduced-motion: reduce)',
};

/** What the browser gives the model. */
export function surroundings(): Surroundings {
  return {
    now: () => Date.now(),
    later: (fn, ms) => void setTimeout(fn, ms),
    soon,
    history,
    hash: location.hash,
    shelf: shelf(),
    system: system(),
    release: (url) => URL.revokeObjectURL(url),
    push: push(),
    tabs: tabs(),
    keep: () => void keep().catch(() => undefined),
    hidden: () => document.hidden,
    reload: () => location.reload(),
  };
}

function tabs(): Tabs {
  const channel = new BroadcastChannel('tabs');
  return {
    tell: (kind, news) => channel.postMessage([kind, news]),
    on: (kind, fn) =>
      channel.addEventListener('message', ({ data: [said, news] }: MessageEvent<[string, never]>) => {
        if (said === kind) fn(news);
      }),
  };
}

async function keep(): Promise<void> {
  if (!(await navigator.storage.persisted())) await navigator.storage.persist();
}

/** How long, in milliseconds, what is drawn in one go stays as it is: when a lot comes, drawing each frame would leave no time for answering. */
const pause = 60;
let drawn = -pause;

function soon(fn: () => void): void {
  const draw = () => {
    drawn = performance.now();
    fn();
  };
  const wait = drawn + pause - performance.now();
  if (document.hidden) setTimeout(fn, 100);
  else if (wait > 0) setTimeout(() => requestAnimationFrame(draw), wait);
  else requestAnimationFrame(draw);
}

function system(): System {
  return {
    dark: matchMedia(queries.dark).matches,
    contrast: matchMedia(queries.contrast).matches,
    still: matchMedia(queries.still).matches,
    languages: navigator.languages,
  };
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
