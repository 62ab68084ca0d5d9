// SPDX-License-Identifier: AGPL-3.0-or-later

import { signal } from '@preact/signals';
import { h, type VNode } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { t } from '../model/i18n';
import { Icon, rove, type IconName } from './parts';

export interface Item {
  icon: IconName;
  label: string;
  run: () => unknown;
  danger?: boolean;
  /** What else is said of it. */
  text?: string;
  /** Choices that take the menu's place, instead of run. */
  more?: Item[];
}

/** How far, in pixels, a menu stays from the edges of the window. */
const edge = 8;

interface Open {
  x: number;
  y: number;
  items: Item[];
  quick?: { emoji: string[]; chosen: string[]; run: (emoji: string) => void };
  before: Element | null;
}

export const open = signal<Open | null>(null);

/** Opens a menu at an element or where the pointer is. */
export function openMenu(at: Element | MouseEvent, items: Item[], quick?: Open['quick']): void {
  const before = document.activeElement;
  if (at instanceof Element) {
    const box = at.getBoundingClientRect();
    open.value = {
      x: document.dir === 'rtl' ? box.left : box.right,
      y: box.bottom,
      items,
      before,
      ...(quick && { quick }),
    };
  } else {
    at.preventDefault();
    open.value = { x: at.clientX, y: at.clientY, items, before, ...(quick && { quick }) };
  }
}

export function closeMenu(): void {
  const before = open.value?.before;
  open.value = null;
  if (before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
}

/** The one menu that may be open, above everything. */
export function MenuLayer(): VNode | null {
  const ref = useRef<HTMLDivElement>(null);
  const menu = open.value;
  useLayoutEffect(() => {
    const box = ref.current;
    if (!box || !menu) return;
    const put = () => {
      const { offsetWidth: width, offsetHeight: height } = box;
      const { clientWidth, clientHeight } = document.documentElement;
      const left = menu.x + width + edge > clientWidth ? menu.x - width : menu.x;
      const fits = menu.y + height + edge <= clientHeight;
      const top = fits ? menu.y : Math.max(edge, Math.min(menu.y, clientHeight - edge) - height);
      box.style.left = `${Math.max(edge, Math.min(left, clientWidth - width - edge))}px`;
      box.style.top = `${Math.max(edge, top)}px`;
    };
    put();
    box.querySelector<HTMLElement>('.menu-item')?.focus();
    addEventListener('resize', put);
    return () => removeEventListener('resize', put);
  }, [menu]);
  if (!menu) return null;
  const act = (run: () => unknown) => {
    closeMenu();
    run();
  };
  return (
    <div
      class="menu-veil"
      onPointerDown={(e) => e.target === e.currentTarget && closeMenu()}
      onContextMenu={(e) => e.preventDefault()}
      onKeyDown={(e) => {
        e.stopPropagation();
        if (e.key === 'Escape' || e.key === 'Tab') {
          e.preventDefault();
          closeMenu();
        }
        rove(e, '[role=menuitem]');
        beside(e);
      }}
    >
      <div class="menu" ref={ref} role="menu" aria-label={t('actions')}>
        {menu.quick && (
          <div class="quick" role="group" aria-label={t('react')}>
            {menu.quick.emoji.map((emoji) => (
              <button
                key={emoji}
                type="button"
                role="menuitem"
                tabIndex={-1}
                aria-current={menu.quick!.chosen.includes(emoji)}
                aria-label={emoji}
                onClick={() => act(() => menu.quick!.run(emoji))}
              >
                {emoji}
              </button>
            ))}
          </div>
        )}
        {menu.items.map((item) => (
          <button
            key={item.label}
            type="button"
            role="menuitem"
            tabIndex={-1}
            class={`menu-item ${item.danger ? 'danger' : ''}`}
            onPointerMove={(e) => e.currentTarget.focus()}
            onClick={() => (item.more ? (open.value = { ...menu, items: item.more }) : act(item.run))}
            aria-haspopup={item.more && 'menu'}
          >
            <Icon name={item.icon} />
            <span>
              {item.label}
              {item.text && <small>{item.text}</small>}
            </span>
          </button>
        ))}
      </div>
    </div>
  );
}

/** Moves the focus along the reactions by arrow keys. */
function beside(e: KeyboardEvent): void {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key] ?? 0;
  const at = document.activeElement;
  if (!step || !at?.closest('.quick')) return;
  const forward = step > 0 === (document.dir !== 'rtl');
  const next = forward ? at.nextElementSibling : at.previousElementSibling;
  if (next instanceof HTMLElement) next.focus();
  e.preventDefault();
}

/** The finger that rests, if one does. What it rests on may be drawn anew meanwhile. */
let resting = 0;
let restsAt = { x: 0, y: 0 };

/** Calls fn when a finger rests on an element. */
export function longPress(fn: (e: PointerEvent) => void): {
  onPointerDown: (e: PointerEvent) => void;
  onPointerUp: () => void;
  onPointerCancel: () => void;
  onPointerMove: (e: PointerEvent) => void;
} {
  const stop = () => clearTimeout(resting);
  return {
    onPointerDown: (e) => {
      stop();
      if (e.pointerType === 'mouse') return;
      restsAt = { x: e.clientX, y: e.clientY };
      resting = window.setTimeout(() => fn(e), 450);
    },
    onPointerMove: (e) => {
      if (Math.hypot(e.clientX - restsAt.x, e.clientY - restsAt.y) > 10) stop();
    },
    onPointerUp: stop,
    onPointerCancel: stop,
  };
}
