// SPDX-License-Identifier: AGPL-3.0-or-later

// The small parts that every screen is made of.

import { Component, Fragment, createContext, h, type ComponentChildren, type VNode } from 'preact';
import { useContext, useEffect, useId, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { App } from '../model/app';
import { t } from '../model/i18n';
import { wording } from '../model/problem';
import { harmless, hue, initials, parted } from '../model/text';
import * as icons from './icons';

export type IconName = keyof typeof icons;

const Context = createContext<App | null>(null);
export const AppProvider = Context.Provider;

export function useApp(): App {
  const app = useContext(Context);
  if (!app) throw new Error('no application around this view');
  return app;
}

export function Icon({
  name,
  size = '',
  mirrors = false,
}: {
  name: IconName;
  size?: '' | 'small' | 'tiny' | 'large';
  mirrors?: boolean;
}): VNode {
  return (
    <svg
      class={`icon ${size} ${mirrors ? 'mirrors' : ''}`}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      {icons[name].map(([tag, attributes]) => h(tag, attributes))}
    </svg>
  );
}

export function IconButton(p: {
  icon: IconName;
  label: string;
  onClick: (e: MouseEvent) => void;
  mirrors?: boolean;
  class?: string;
  disabled?: boolean;
  pressed?: boolean;
  menu?: boolean;
  autofocus?: boolean;
}): VNode {
  return (
    <button
      type="button"
      class={`icon-button ${p.class ?? ''}`}
      aria-label={p.label}
      title={p.label}
      onClick={p.onClick}
      disabled={p.disabled}
      aria-pressed={p.pressed}
      aria-haspopup={p.menu ? 'menu' : undefined}
      autoFocus={p.autofocus}
    >
      <Icon name={p.icon} mirrors={p.mirrors ?? false} />
    </button>
  );
}

/** A picture for somebody: initials on a colour of their own, or a sign for a group or for one's own notes. */
export function Avatar({
  name,
  address,
  group = false,
  own = false,
  size = '',
}: {
  name: string;
  address: string;
  group?: boolean;
  own?: boolean;
  size?: '' | 's28' | 's36' | 's96';
}): VNode {
  const unnamed = group && !/[\p{L}\p{N}]/u.test(name);
  const sign = (own && 'notes') || (unnamed && 'users');
  return (
    <span class={`avatar ${size}`} style={{ '--hue': String(hue(address)) }} aria-hidden="true">
      {sign ? <Icon name={sign} /> : initials(name || address)}
    </span>
  );
}

export function Name({ of, class: kind }: { of: string; class?: string }): VNode {
  return <bdi class={kind}>{harmless(of)}</bdi>;
}

/** The name of a file. If there is little room its middle goes, the ending stays. */
export function FileName({ of }: { of: string }): VNode {
  const [begin, end] = parted(of);
  return (
    <span class="file-name ltr">
      <span class="clip">{begin}</span>
      <span class="clip">{end}</span>
    </span>
  );
}

export function Seal(): VNode {
  return (
    <span class="seal" role="img" aria-label={t('verified')} title={t('verified')}>
      <Icon name="seal" size="small" />
    </span>
  );
}

export function Bar(p: {
  title: string;
  back?: () => void;
  children?: ComponentChildren;
  large?: boolean;
  keepBack?: boolean;
  beside?: boolean;
}): VNode {
  const app = useApp();
  return (
    <header class="bar">
      {p.back && <IconButton icon="back" label={t('back')} onClick={p.back} mirrors class={p.keepBack ? '' : 'back'} />}
      <h1 class={p.large ? '' : 'title'} tabIndex={-1} key={app.router.route.value.at}>
        {p.title}
      </h1>
      {p.children}
      {p.beside && <IconButton icon="close" label={t('close')} onClick={p.back!} class="shuts" />}
    </header>
  );
}

/**
 * A screen of its own. What comes first in it has the focus: the attribute
 * autofocus works once in the life of a page.
 */
export function FullScreen({ step, children }: { step?: unknown; children: ComponentChildren }): VNode {
  const ref = useRef<HTMLElement>(null);
  useEffect(
    () => (ref.current!.querySelector<HTMLElement>('[autofocus]') ?? ref.current!.querySelector('h1'))?.focus(),
    [step],
  );
  return (
    <main class="screen" ref={ref}>
      {children}
    </main>
  );
}

export function Problem({ text }: { text: string }): VNode | null {
  return text ? (
    <p class="error" role="alert">
      <Icon name="failed" size="small" />
      <span>{text}</span>
    </p>
  ) : null;
}

export function Empty(p: { icon: IconName; title: string; text?: string; children?: ComponentChildren }): VNode {
  return (
    <div class="empty">
      <Icon name={p.icon} size="large" />
      <h2>{p.title}</h2>
      {p.text && <p>{p.text}</p>}
      {p.children && <div class="actions">{p.children}</div>}
    </div>
  );
}

/** Some settings that belong together. */
export function Group({
  title,
  text,
  children,
}: {
  title?: string;
  text?: string;
  children: ComponentChildren;
}): VNode {
  return (
    <section class="settings-group">
      {title && <h2>{title}</h2>}
      <div class="card-of">{children}</div>
      {text && <p class="hint">{text}</p>}
    </section>
  );
}

export function Skeletons({ n = 8 }: { n?: number }): VNode {
  return (
    <div class="skeletons" role="status" aria-label={t('loading')}>
      {Array.from({ length: n }, (_, i) => (
        <i key={i} />
      ))}
    </div>
  );
}

/** Runs work for a form: busy while it lasts, with what went wrong. */
export function useWork(): {
  busy: boolean;
  problem: string;
  run: (work: () => Promise<unknown>) => Promise<boolean>;
  fail: (text: string) => void;
} {
  const [busy, setBusy] = useState(false);
  const [problem, fail] = useState('');
  const run = async (work: () => Promise<unknown>) => {
    setBusy(true);
    fail('');
    try {
      await work();
      return true;
    } catch (e) {
      fail(wording(e));
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { busy, problem, run, fail };
}

/** A dialog in the browser's top layer, which keeps the focus and gives it back. */
export function Dialog(p: {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
  class?: string;
  bare?: boolean;
}): VNode {
  const ref = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const before = document.activeElement;
    ref.current?.showModal();
    return () =>
      queueMicrotask(() => {
        // once the dialog is away, beside which nothing can have the focus
        if (before instanceof HTMLElement && document.activeElement === document.body) before.focus();
      });
  }, []);
  return (
    <dialog
      ref={ref}
      class={`sheet ${p.class ?? ''}`}
      aria-label={p.title}
      onCancel={(e) => {
        e.preventDefault();
        p.onClose();
      }}
      onClose={p.onClose}
      onKeyDown={(e) => e.stopPropagation()}
      onClick={(e) => e.target === ref.current && p.onClose()}
    >
      {!p.bare && (
        <header class="bar">
          <h1 class="title">{p.title}</h1>
          <IconButton icon="close" label={t('close')} onClick={p.onClose} />
        </header>
      )}
      {p.children}
      <Toasts />
    </dialog>
  );
}

/** Notes at the edge. What is not in a dialog is out of reach while that is open, so it has its own. */
export function Toasts(): VNode {
  const { toasts } = useApp();
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.list.value.map((x) => (
        <div class="toast" key={x.key}>
          <span>{x.text}</span>
          {x.action && (
            <button
              type="button"
              onClick={() => {
                toasts.dismiss(x.key);
                x.action!.run();
              }}
            >
              {x.action.label}
            </button>
          )}
          <button type="button" class="icon-button" aria-label={t('close')} onClick={() => toasts.dismiss(x.key)}>
            <Icon name="close" size="small" />
          </button>
        </div>
      ))}
    </div>
  );
}

export function Toggle(p: {
  label: string;
  hint?: string;
  on: boolean;
  onChange: (on: boolean) => void;
  disabled?: boolean;
}): VNode {
  return (
    <label class="setting">
      <span>
        {p.label}
        {p.hint && <small>{p.hint}</small>}
      </span>
      <input
        type="checkbox"
        role="switch"
        class="switch"
        checked={p.on}
        disabled={p.disabled}
        onChange={(e) => p.onChange(e.currentTarget.checked)}
      />
    </label>
  );
}

export function Choice<T extends string>(p: {
  label: string;
  hint?: string;
  icon?: IconName;
  value: T;
  options: [T, string][];
  onChange: (value: T) => void;
}): VNode {
  return (
    <label class="setting">
      {p.icon && <Icon name={p.icon} />}
      <span>
        {p.label}
        {p.hint && <small>{p.hint}</small>}
      </span>
      <select
        class="input"
        value={p.value}
        onChange={(e) => {
          const wanted = e.currentTarget.value as T;
          e.currentTarget.value = p.value; // until it is so
          p.onChange(wanted);
        }}
      >
        {p.options.map(([value, label]) => (
          <option key={value} value={value} selected={value === p.value}>
            {label}
          </option>
        ))}
      </select>
    </label>
  );
}

/** A moment that moves on by itself, for texts like "yesterday". */
export function useNow(every = 30_000): number {
  const app = useApp();
  const [now, set] = useState(app.around.now());
  useEffect(() => {
    const timer = setInterval(() => set(app.around.now()), every);
    return () => clearInterval(timer);
  }, [every]);
  return now;
}

interface KeptProps {
  on: unknown[];
  draw: () => VNode;
}

/**
 * Draws something, and draws it anew only if what it depends on has changed.
 * Nodes that were drawn must not be kept instead: each leads to the node around
 * it at that time, and so to all that was there.
 */
export class Kept extends Component<KeptProps> {
  override shouldComponentUpdate(next: KeptProps): boolean {
    return next.on.some((x, i) => x !== this.props.on[i]);
  }
  override render({ draw }: KeptProps): VNode {
    return draw();
  }
}

/** Moves the focus among the children that match, by arrow keys. */
export function rove(e: KeyboardEvent & { currentTarget: HTMLElement }, selector: string): void {
  const step = { ArrowDown: 1, ArrowUp: -1 }[e.key] ?? 0;
  const edge = e.key === 'Home' || e.key === 'End';
  if (!step && !edge) return;
  if (document.activeElement!.matches(`textarea, select, [type=range]${edge ? ', input:not([type=checkbox])' : ''}`))
    return; // they use these keys themselves
  const all = [...e.currentTarget.querySelectorAll<HTMLElement>(selector)];
  const at = all.indexOf((document.activeElement as HTMLElement).closest<HTMLElement>(selector) as HTMLElement);
  const beside = at < 0 ? 0 : at + step;
  const end = e.key === 'Home' ? 0 : all.length - 1;
  const next = all[edge ? end : beside];
  if (!next) return;
  e.preventDefault();
  next.focus();
  next.scrollIntoView({ block: 'nearest' });
}

export function Button(p: {
  children: ComponentChildren;
  onClick?: (e: MouseEvent) => void;
  primary?: boolean;
  danger?: boolean;
  filled?: boolean;
  plain?: boolean;
  wide?: boolean;
  submit?: boolean;
  disabled?: boolean;
  autofocus?: boolean;
  /** What it does, if its text says too little to who cannot see where it stands. */
  label?: string;
}): VNode {
  const kind = [
    p.primary && 'primary',
    p.danger && 'danger',
    p.filled && 'filled',
    p.plain && 'plain',
    p.wide && 'wide',
  ]
    .filter(Boolean)
    .join(' ');
  return (
    <button
      type={p.submit ? 'submit' : 'button'}
      class={`button ${kind}`}
      onClick={p.onClick}
      disabled={p.disabled}
      autoFocus={p.autofocus}
      aria-label={p.label}
    >
      {p.children}
    </button>
  );
}

/** A field for a passphrase. Of a new one the core says if it is easy to guess. */
export function Secret(p: {
  label: string;
  hint?: string;
  value: string;
  onChange: (v: string) => void;
  current?: boolean;
  repeated?: boolean;
}): VNode {
  const app = useApp();
  const [weak, setWeak] = useState(false);
  const input = (value: string) => {
    p.onChange(value);
    if (!p.current && !p.repeated)
      void app.core.call('weakness', { passphrase: value.normalize() }).then((w) => setWeak(w.weak));
  };
  const id = useId();
  const [shown, show] = useState(false);
  const type = (shown ? 'text' : 'password') as 'text';
  return (
    <div class="field">
      <label for={id}>{p.label}</label>
      <span class="secret">
        <input
          id={id}
          class="input"
          type={type}
          autocomplete={p.current ? 'current-password' : 'new-password'}
          autocapitalize="none"
          spellcheck={false}
          value={p.value}
          onInput={(e) => input(e.currentTarget.value)}
        />
        <IconButton icon="eye" label={t('passphrase.show')} pressed={shown} onClick={() => show(!shown)} />
      </span>
      <small role="status">{weak && p.value ? t('passphrase.weak') : p.hint}</small>
    </div>
  );
}

/** A new passphrase, typed twice once there is one: it cannot be looked up again. */
export function NewSecret(p: {
  label: string;
  hint?: string;
  value: string;
  again: string;
  onChange: (v: string) => void;
  onAgain: (v: string) => void;
}): VNode {
  return (
    <>
      <Secret label={p.label} {...(p.hint && { hint: p.hint })} value={p.value} onChange={p.onChange} />
      {p.value && <Secret label={t('passphrase.again')} value={p.again} onChange={p.onAgain} repeated />}
    </>
  );
}
