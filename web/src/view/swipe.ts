// SPDX-License-Identifier: AGPL-3.0-or-later

import { useMemo, useRef, useState } from 'preact/hooks';

/** How far a finger drags before something moves, and before letting go counts, in pixels. */
const begins = 12;
const counts = 56;
/** Whoever begins this near to the edge means the system's own gesture. */
const edge = 24;

type Handler = (e: PointerEvent & { currentTarget: HTMLElement }) => void;

interface Handlers {
  onPointerDown: Handler;
  onPointerMove: Handler;
  onPointerUp: Handler;
  onPointerCancel: Handler;
}

/**
 * Lets an element follow a finger towards the end of the line, and calls done
 * if it is let go far enough.
 */
export function useSwipe(done: () => void): { pulled: boolean; handlers: Handlers } {
  const [pulled, setPulled] = useState(false);
  const latest = useRef(done);
  latest.current = done;
  const handlers = useMemo(() => swipe(setPulled, () => latest.current()), []);
  return { pulled, handlers };
}

function swipe(onPull: (on: boolean) => void, onDone: () => void): Handlers {
  let from: { x: number; y: number } | null = null;
  let far = 0;
  const end = (el: HTMLElement) => {
    if (far) onPull(false);
    from = null;
    far = 0;
    el.style.transform = el.style.transition = '';
  };
  return {
    onPointerDown: (e) => {
      const taken = (e.target as Element).closest('pre, table, input');
      if (e.pointerType === 'mouse' || taken || e.clientX < edge || e.clientX > innerWidth - edge) return;
      from = { x: e.clientX, y: e.clientY };
    },
    onPointerMove: (e) => {
      if (!from) return;
      const sign = document.dir === 'rtl' ? -1 : 1;
      const along = (e.clientX - from.x) * sign;
      if (!far && (along < begins || Math.abs(e.clientY - from.y) > along)) return;
      if (!far) onPull(true);
      far = Math.max(1, Math.min(along - begins, counts * 1.25));
      e.currentTarget.style.transition = 'none'; // the finger leads
      e.currentTarget.style.transform = `translateX(${far * sign}px)`;
    },
    onPointerUp: (e) => {
      const enough = far >= counts;
      end(e.currentTarget);
      if (enough) onDone();
    },
    onPointerCancel: (e) => end(e.currentTarget),
  };
}
