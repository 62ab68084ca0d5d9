// SPDX-License-Identifier: AGPL-3.0-or-later

import { useMemo, useRef, useState } from 'preact/hooks';

/** How far a finger drags before something moves, and before letting go counts, in pixels. */
const begins = 12;
const counts = 56;
/** Whoever begins this near to the edge means the system's own gesture. */
const edge = 24;

/** Where something is pulled to: the end of its line or the start. */
export type Way = 'end' | 'start';

/** What letting go does, each way; it may take a moment. */
export type Swipes = Partial<Record<Way, () => unknown>>;

type Handler = (e: PointerEvent & { currentTarget: HTMLElement }) => void;

interface Handlers {
  onPointerDown: Handler;
  onPointerMove: Handler;
  onPointerUp: Handler;
  onPointerCancel: Handler;
  onClickCapture: (e: MouseEvent) => void;
}

/** Lets an element follow a finger along its line, and acts if it is let go far enough. */
export function useSwipe(swipes: Swipes): { pulled: Way | false; handlers: Handlers } {
  const [pulled, setPulled] = useState<Way | false>(false);
  const latest = useRef(swipes);
  latest.current = swipes;
  const handlers = useMemo(() => swipe(setPulled, latest), []);
  return { pulled, handlers };
}

function swipe(onPull: (way: Way | false) => void, swipes: { current: Swipes }): Handlers {
  let from: { x: number; y: number } | null = null;
  let way: Way | false = false;
  let far = 0;
  const end = async (el: HTMLElement) => {
    from = null;
    if (!way) return;
    way = false;
    el.style.transform = el.style.transition = '';
    delete el.dataset.enough;
    await Promise.allSettled(el.getAnimations().map((a) => a.finished));
    if (!way) onPull(false); // what was below it stays until it is back
  };
  return {
    onPointerDown: (e) => {
      far = 0;
      const taken = (e.target as Element).closest('pre, table, input');
      if (e.pointerType === 'mouse' || taken || e.clientX < edge || e.clientX > innerWidth - edge) return;
      from = { x: e.clientX, y: e.clientY };
    },
    onPointerMove: (e) => {
      if (!from) return;
      const forward = document.dir === 'rtl' ? -1 : 1;
      const along = (e.clientX - from.x) * forward;
      if (!way) {
        const towards = along > 0 ? 'end' : 'start';
        if (Math.abs(along) < Math.max(begins, Math.abs(e.clientY - from.y)) || !swipes.current[towards]) return;
        onPull((way = towards));
      }
      const sign = way === 'end' ? 1 : -1;
      far = Math.max(1, Math.min(along * sign - begins, counts * 1.25));
      const el = e.currentTarget;
      el.style.transition = 'none'; // the finger leads
      el.style.transform = `translateX(${far * sign * forward}px)`;
      el.toggleAttribute('data-enough', far >= counts);
    },
    onPointerUp: (e) => {
      const el = e.currentTarget;
      from = null;
      const done = way && far >= counts ? swipes.current[way]!() : null;
      void Promise.resolve(done).then(() => end(el));
    },
    onPointerCancel: (e) => void end(e.currentTarget),
    // A finger that pulled did not tap; a key has no finger.
    onClickCapture: (e) => {
      if (!far || !e.detail) return;
      e.preventDefault();
      e.stopImmediatePropagation();
    },
  };
}
