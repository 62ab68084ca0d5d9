// SPDX-License-Identifier: AGPL-3.0-or-later

// What the sections of the settings are made of.

import { h, type ComponentChildren, type VNode } from 'preact';
import type { Look } from '../model/settings';
import { Choice, useApp } from './parts';

/** Settings that belong together, under a title. */
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

/** One of the look's choices. */
export function LookChoice<K extends keyof Look>({
  of,
  label,
  hint,
  options,
}: {
  of: K;
  label: string;
  hint?: string;
  options: [Look[K], string][];
}): VNode {
  const app = useApp();
  return (
    <Choice
      label={label}
      {...(hint && { hint })}
      value={app.settings.look.value[of]}
      options={options}
      onChange={(v) => void app.attempt(() => app.settings.set(of, v))}
    />
  );
}
